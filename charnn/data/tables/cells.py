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
    """Each line that is not empty is a JSON object."""
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
    """The objects of one array, which is read whole; or an object a line."""
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


LARGEST = 1 << 26  # Characters of a row; a quote that is never closed would else take in the rest of the file

csv.field_size_limit(min(sys.maxsize, 2**31 - 1))


def read_cell_rows(
    name: str, lines: Lookahead, form: str, settings: ReadSettings, is_header: HeaderRule, is_ragged: bool
) -> Iterator[Item]:
    """The header, the rows and the bad rows of a CSV or TSV, as they come. Raises DataError for a header that cannot be read."""
    while isinstance(first := lines.take(), Pause):
        yield first
    lines.give_back([] if first is None else [first])
    begin = skip_begin(lines)
    dialect = find_dialect(lines, form, settings.sign or begin.delimiter)
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
            # Thrice as fast as csv.reader, and what that would do.
            cells = text.rstrip("\r\n").split(delimiter)
            if cells == [""] and problem is None:
                continue
        where = f"{name}:{line.number}"
        if header is None:
            header = _header(Header(where, tuple(cells), dialect=dialect, begin=begin.text), problem, last.text, is_header)
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


class _Quoted:
    """The lines of one row as csv.reader takes them; a pause within is passed over."""

    def __init__(self, lines: Lookahead) -> None:
        self._lines = lines
        self.taken: list[Line] = []
        self._size = 0

    def __iter__(self) -> "_Quoted":
        return self

    def __next__(self) -> str:
        if self._size > LARGEST:
            raise StopIteration
        while not isinstance(line := self._lines.take(), Line):
            if line is None:
                raise StopIteration
        self.taken.append(line)
        self._size += len(line.text)
        return line.text


def _has_quotes(line: Line, lines: Lookahead, dialect: Dialect) -> bool:
    """Are the quotes of a line those around cells? In a TSV the first cell that begins with one decides, and the lines after it."""
    if dialect.is_open and (line.text[0] == '"' or f'{dialect.delimiter}"' in line.text):
        dialect.has_quotes, dialect.is_open = is_quoted([line, *lines.ahead(SAMPLE)], dialect.delimiter), False
    return dialect.has_quotes


def _quoted(name: str, line: Line, lines: Lookahead, delimiter: str, skips_blanks: bool) -> tuple[list[str], str | None, int, Line]:
    """The cells of a row that has quotes, why it cannot be used, its length in characters and its last line.

    Of a bad one only the first line is taken, since a quote too many takes good rows in.
    """
    lines.give_back([line])
    source = _Quoted(lines)
    try:
        cells = next(csv.reader(source, delimiter=delimiter, skipinitialspace=skips_blanks, strict=True))
        problem = next((line.problem for line in source.taken if line.problem is not None), None)
    except csv.Error:
        cells, problem = [], line.problem or f"{name}:{line.number}: {_fault(source.taken, delimiter)}"
        lines.give_back(source.taken[1:])
        del source.taken[1:]
    return cells, problem, sum(len(line.text) for line in source.taken), source.taken[-1]


def _fault(lines: Sequence[Line], delimiter: str) -> str:
    """Why a row with quotes cannot be read."""
    sign, rule = re.escape(delimiter), "write a quote within a quoted cell twice"
    found = re.search(rf'(?:^|{sign}) *"(?:[^"]|"")*" *([^{sign}"\s][^\r\n]*)', "".join(line.text for line in lines)[:100_000])
    if found is None:
        return f"a quote that is opened here is not closed; close it, or {rule}"
    if len(lines) > 1:
        return f"a quote that is opened here is closed on line {lines[-1].number}, before {found[1]:.20}; close it here, or {rule}"
    return f"has {found[1]:.20} behind the closing quote of a cell; {rule}"


def _header(header: Header, problem: str | None, last: str, is_header: HeaderRule) -> Header:
    """The header with names for its columns, and the line end of its last line. Raises DataError where it cannot be read."""
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
    """Cuts off empty cells behind the last column, as spreadsheets fill up their rows; what is wrong with a row that still does not fit."""
    width = len(header.names)
    if len(cells) > width and not any(cells[width:]):
        del cells[width:]
        return None
    columns = "1 column" if width == 1 else f"{width} columns"
    return f"{where}: expected {columns} ({', '.join(f'{name:.40}' for name in header.names)}), found {len(cells)}"
