"""Rows of CSV and TSV: cells between delimiters, with or without quotes around them; and rows of JSON objects."""

import bisect
import csv
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from charnn.data.lines import Line, Pause
from charnn.data.settings import ReadSettings
from charnn.data.tables.dialects import SAMPLE, find_dialect, has_blanks, is_quoted, skip_begin, undivided
from charnn.data.tables.records import BadRow, Dialect, Header, HeaderRule, Item, Lookahead, Row
from charnn.errors import DataError

_BETWEEN = re.compile(r"[\s,]*")


def read_object_lines(name: str, lines: Iterable[Line | Pause]) -> Iterator[Item]:
    """Yield the JSON object of each line that is not empty."""
    for line in lines:
        if isinstance(line, Pause):
            yield line
        elif line.problem is not None:
            yield BadRow(line.problem)
        elif line.text.strip():
            try:
                yield _object(f"{name}:{line.number}", json.loads(line.text), line.text)
            except (ValueError, RecursionError) as error:
                yield BadRow(f"{name}:{line.number}: is not valid JSON: {error}")


def read_objects(name: str, lines: Iterable[Line | Pause]) -> Iterator[Item]:
    """Yield the objects of one array, which is read whole; or of lines with an object each."""
    source = Lookahead(line for line in lines if isinstance(line, Pause) or line.text.strip())
    first = source.ahead(1, waits=True)
    if not (first and first[0].text.lstrip().startswith("[")):
        yield from read_object_lines(name, source)
        return
    found = [line for line in source if isinstance(line, Line)]
    ends = list(itertools.accumulate(len(line.text) for line in found))
    text, decoder = "".join(line.text for line in found), json.JSONDecoder()
    place = text.index("[") + 1
    while (place := _BETWEEN.match(text, place).end()) < len(text) and text[place] != "]":  # type: ignore[union-attr]  # it always matches
        where = f"{name}:{found[bisect.bisect_right(ends, place)].number}"
        try:
            value, end = decoder.raw_decode(text, place)
        except (ValueError, RecursionError) as error:
            yield BadRow(f"{where}: is not valid JSON: {error}")
            return
        yield _object(where, value, text[place:end])
        place = end
    if place == len(text):
        yield BadRow(f"{name}:{found[-1].number}: the array of this file is not closed by ]; it may not be all there")


def _object(where: str, value: Any, text: str) -> Row | BadRow:
    if isinstance(value, dict):
        return Row(where, value, len(text))
    return BadRow(f'{where}: expected a JSON object such as {{"text": ...}}, got {text.strip():.40}')


LARGEST = 1 << 26  # Most characters of a row; after a quote that is never closed it would be the rest of the file

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_cell_rows(
    name: str, lines: Lookahead, form: str, settings: ReadSettings, is_header: HeaderRule, is_ragged: bool
) -> Iterator[Item]:
    """Yield the header, the rows and the bad rows of a CSV or TSV. Raises DataError for a header that cannot be read."""
    while isinstance(first := lines.take(), Pause):
        yield first
    lines.give_back([] if first is None else [first])
    begin, named_delimiter = skip_begin(lines)
    dialect = find_dialect(lines, form, settings.cell_delimiter or named_delimiter)
    delimiter, skips_blanks = dialect.delimiter, False
    header: Header | None = None
    for line in lines:
        if isinstance(line, Pause):
            yield line
            continue
        text, problem, size, last = line.text, line.problem, 0, line
        if '"' in text and _has_quotes(line, lines, dialect):
            skips_blanks = skips_blanks or has_blanks(text, delimiter)
            cells, problem, size, last = _quoted(name, line, lines, delimiter, skips_blanks)
        else:
            # The same as csv.reader, three times as fast.
            cells = text.rstrip("\r\n").split(delimiter)
            if cells == [""] and problem is None:
                continue
        where = f"{name}:{line.number}"
        if header is None:
            header = _header(Header(where, tuple(cells), dialect=dialect, begin=begin), problem, last.text, is_header)
            yield header
            if header.is_named:
                continue
        if len(cells) != len(header.names) and problem is None and (header.is_named or not is_ragged):
            if len(cells) == 1 and not cells[0].strip():
                continue
            problem = _misfit(where, header, cells)
        if problem is None:
            yield Row(where, cells, size or len(text), header)
        elif line.problem is None and (error := undivided(header)) is not None:
            raise error
        else:
            yield BadRow(problem)


def _texts(lines: Lookahead, taken: list[Line]) -> Iterator[str]:
    """Yield lines as csv.reader takes them, up to LARGEST characters, without pauses; add each to `taken`."""
    size = 0
    while size <= LARGEST and (line := lines.take()) is not None:
        if isinstance(line, Line):
            taken.append(line)
            size += len(line.text)
            yield line.text


def _has_quotes(line: Line, lines: Lookahead, dialect: Dialect) -> bool:
    """Are there quotes around the cells of a line? In a TSV this is decided at the first cell that begins with a quote."""
    if dialect.is_open and (line.text[0] == '"' or f'{dialect.delimiter}"' in line.text):
        dialect.has_quotes, dialect.is_open = is_quoted([line, *lines.ahead(SAMPLE)], dialect.delimiter), False
    return dialect.has_quotes


def _quoted(name: str, line: Line, lines: Lookahead, delimiter: str, skips_blanks: bool) -> tuple[list[str], str | None, int, Line]:
    """Return the cells of a row with quotes, what is wrong with it, its length in characters and its last line."""
    lines.give_back([line])
    taken: list[Line] = []
    try:
        cells = next(csv.reader(_texts(lines, taken), delimiter=delimiter, skipinitialspace=skips_blanks, strict=True))
        problem = next((line.problem for line in taken if line.problem is not None), None)
    except csv.Error:
        cells, problem = [], line.problem or f"{name}:{line.number}: {_fault(taken, delimiter)}"
        lines.give_back(taken[1:])  # A quote too many would take good rows too.
        del taken[1:]
    return cells, problem, sum(len(line.text) for line in taken), taken[-1]


def _fault(lines: Sequence[Line], delimiter: str) -> str:
    """Return what is wrong with a row whose quotes cannot be read."""
    cut, rule = re.escape(delimiter), "write a quote within a quoted cell twice"
    found = re.search(rf'(?:^|{cut}) *"(?:[^"]|"")*" *([^{cut}"\s][^\r\n]*)', "".join(line.text for line in lines)[:100_000])
    if found is None:
        return f"a quote that is opened here is not closed; close it, or {rule}"
    if len(lines) > 1:
        return f"a quote that is opened here is closed on line {lines[-1].number}, before {found[1]:.20}; close it here, or {rule}"
    return f"has {found[1]:.20} behind the closing quote of a cell; {rule}"


def _header(header: Header, problem: str | None, last: str, is_header: HeaderRule) -> Header:
    """Return the header with names for its columns, and the end of its last line. Raises DataError where it cannot be read."""
    if problem is not None:
        raise DataError(problem)
    cells = [cell.strip() for cell in header.columns]
    is_named = is_header(cells)
    names: list[str] = []
    for number, cell in enumerate(cells, 1):
        free = f"column {number}" if is_named and str(number) in cells else str(number)
        names.append(cell if is_named and cell and cell not in names else free)
    line_end = "\r\n" if last.endswith("\r\n") else "\r" if last.endswith("\r") else "\n"
    return replace(header, line_end=line_end, names=tuple(names), is_named=is_named)


def _misfit(where: str, header: Header, cells: list[str]) -> str | None:
    """Remove empty cells behind the last column, which spreadsheets add; return what is wrong if the row still does not fit."""
    width = len(header.names)
    if len(cells) > width and not any(cells[width:]):
        del cells[width:]
        return None
    columns = "1 column" if width == 1 else f"{width} columns"
    return f"{where}: expected {columns} ({', '.join(f'{name:.40}' for name in header.names)}), found {len(cells)}"
