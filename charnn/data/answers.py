"""Answers: the rows of the input with predicted columns added, written as text, JSONL, CSV or TSV."""

import csv
import io
import json
import re
from collections.abc import Callable, Collection
from typing import Any, TypeAlias

from charnn.data.rows import InputRow
from charnn.data.tables.records import Dialect, Header
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import is_unicode

DIGITS = 6  # Significant digits of a number in text, CSV and TSV; decimals in JSON

Answer: TypeAlias = dict[str, Any]  # Predicted values by column, as JSON takes them

TextFormat: TypeAlias = Callable[[str, Answer], str]  # Writes a text and its answer for people


class LineWriter:
    """Writes each row by a function of it and its answer, without a header."""

    def __init__(self, line: Callable[[InputRow, Answer], str]) -> None:
        self._line = line

    def begin(self, header: Header) -> None:
        """Accept all columns."""

    def check(self, row: InputRow) -> None:
        """Accept all rows."""

    def write(self, row: InputRow, answer: Answer) -> str:
        """Return the row with its answer."""
        return self._line(row, answer)

    def end(self, example: Callable[[], Answer]) -> str:
        """Return nothing."""
        return ""


class TableWriter:
    """Writes a header line and rows with the columns of the input and of the answer; in the dialect of an input of the same format."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._header: Header | None = None
        self._columns: tuple[str, ...] | None = None
        self._names: dict[str, str] | None = None

    def begin(self, header: Header) -> None:
        """Take the columns, the delimiter and the line end of the first input; raise DataError if a later one has other columns."""
        if self._header is None:
            self._header, self._columns = header, header.names or header.columns
        elif _columns(self._header) != _columns(header):
            before, now = ", ".join(_columns(self._header)), ", ".join(_columns(header))
            raise DataError(f"{header.where}: has the columns {now}, and the input before it {before}; predict them apart or as jsonl")

    def check(self, row: InputRow) -> None:
        """Take the columns of the first row if there is no header; raise DataError for a row with others."""
        if self._columns is None:
            self._columns = tuple(row.values)
        others = [name for name in row.values if name not in self._columns]
        if others:
            raise DataError(f"{row.where}: has {', '.join(others)}, which the rows before it do not have; say --format jsonl")

    def write(self, row: InputRow, answer: Answer) -> str:
        """Return the row, after the header if it is the first."""
        assert self._columns is not None
        header = self._first_line(answer) if self._names is None else ""
        assert self._names is not None
        assert answer.keys() <= self._names.keys()
        values = row.values
        return header + self._line([*(_cell(values.get(one)) for one in self._columns), *(_short(answer.get(one)) for one in self._names)])

    def end(self, example: Callable[[], Answer]) -> str:
        """Return the header if there was no row and the columns are known, with the columns of an example of an answer."""
        return "" if self._columns is None or self._names is not None else self._first_line(example())

    def _first_line(self, answer: Answer) -> str:
        assert self._columns is not None
        self._names = _free_names(answer, {column.strip() for column in self._columns})
        if self._header is None:
            return self._line([*self._columns, *self._names.values()])
        begin = "" if self._dialect() is None else self._header.begin
        return begin + (self._line([*self._header.columns, *self._names.values()]) if self._header.is_named else "")

    def _line(self, cells: list[str]) -> str:
        dialect = self._dialect() or Dialect(self._form, *((",", True) if self._form == "csv" else ("\t", False)))
        line = csv_line(cells, dialect.delimiter) if dialect.has_quotes else tsv_line(cells)
        return line + ("\n" if self._header is None else self._header.line_end)

    def _dialect(self) -> Dialect | None:
        """Return the dialect of the input, if it is a table of the same format."""
        dialect = None if self._header is None else self._header.dialect
        return dialect if dialect is not None and dialect.form == self._form else None


RowWriter: TypeAlias = LineWriter | TableWriter  # Turns rows and answers into the text of a file


def json_line(values: dict[str, Any]) -> str:
    """Return values as a line of JSON with its end; lone surrogates, which cannot be written, are escaped."""
    line = json.dumps(values, ensure_ascii=False)
    return (line if is_unicode(line) else json.dumps(values)) + "\n"


def csv_line(cells: list[str], delimiter: str = ",") -> str:
    """Return cells as a line of CSV without its end, quoted where necessary."""
    line = io.StringIO()
    # With this line end, cells that contain either half of it are quoted in every version of Python.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def tsv_line(cells: list[str]) -> str:
    """Return cells as a line of TSV without its end; a tab or newline within a cell becomes a space."""
    return "\t".join(re.sub(r"\r\n|[\t\r\n]", " ", cell) for cell in cells)


def tab_format(text: str, answer: Answer) -> str:
    """Return the answer's plain values and the text, between tabs and on one line."""
    plain = [_short(value) for value in answer.values() if not isinstance(value, list | dict)]
    return tsv_line(plain) + "\t" + re.sub(r"\r\n|[\r\n]", " ", text)


def _text_writer(form: TextFormat | None) -> LineWriter:
    """Return a writer of texts in the format of a task, by default tab_format."""
    return LineWriter(lambda row, answer: (form or tab_format)(row.text, answer) + "\n")


def _jsonl_writer(_: TextFormat | None) -> LineWriter:
    """Return a writer of one JSON object a line: the row's values, then the answer's, rounded."""
    taken: set[str] = set()  # a name that a row had once is never a name of an answer again

    def line(row: InputRow, answer: Answer) -> str:
        taken.update(answer.keys() & row.values.keys())
        names = _free_names(answer, taken | row.values.keys())
        return json_line({**row.values, **{names[key]: _rounded(value) for key, value in answer.items()}})

    return LineWriter(line)


WRITERS: dict[str, Callable[[TextFormat | None], RowWriter]] = {
    "text": _text_writer,
    "jsonl": _jsonl_writer,
    "csv": lambda _: TableWriter("csv"),
    "tsv": lambda _: TableWriter("tsv"),
}
"""Writers by format; a task's own format is for text alone."""


def _columns(header: Header) -> tuple[str, ...]:
    return header.columns if header.is_named else header.names


def _free_names(answer: Answer, taken: Collection[str]) -> dict[str, str]:
    """Return a column for each name of an answer: the name itself, or with `predicted_` before it if it is taken."""
    names = {}
    for key in answer:
        name = key
        while name in taken:
            name = f"predicted_{name}"
        names[key] = name
    return names


def _cell(value: Any) -> str:
    """Return a value of the input as a cell: a string as it is, others as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    """Return a value of an answer as a cell."""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else _cell(_rounded(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value
