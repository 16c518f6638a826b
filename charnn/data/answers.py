"""Answers: rows as they were with the predicted columns added, written as text, JSONL, CSV or TSV."""

import csv
import io
import json
import re
from collections.abc import Callable, Collection
from typing import Any, Protocol, TypeAlias

from charnn.data.rows import InputRow
from charnn.data.tables.records import Dialect, Header
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import is_unicode

DIGITS = 6  # Significant digits of a number in text, CSV and TSV; decimals in JSON

Answer: TypeAlias = dict[str, Any]  # Predicted values by column: what JSON can hold

TextFormat: TypeAlias = Callable[[str, Answer], str]  # What a text and its answer look like for people


class RowWriter(Protocol):
    """Turns rows and answers into what is written."""

    def begin(self, header: Header) -> None:
        """Takes the columns of the rows to come; raises DataError when they do not go with those before."""

    def check(self, row: InputRow) -> None:
        """Raises DataError for a row that cannot be written beside those before."""

    def write(self, row: InputRow, answer: Answer) -> str:
        """A row, its line end included."""

    def end(self, example: Callable[[], Answer]) -> str:
        """What is still to be written when there was no row; `example` gives an answer for its columns."""


class TextWriter:
    """The answer's plain values and the text, between tabs; or what a task makes of them."""

    def __init__(self, text_format: TextFormat | None = None) -> None:
        self._format = text_format or tab_format

    def begin(self, header: Header) -> None:
        """Nothing: there is no header."""

    def check(self, row: InputRow) -> None:
        """Nothing: every text can be written."""

    def write(self, row: InputRow, answer: Answer) -> str:
        """One line, unless the task's format has more."""
        return self._format(row.text, answer) + "\n"

    def end(self, example: Callable[[], Answer]) -> str:
        """Nothing."""
        return ""


class JsonlWriter:
    """One JSON object a line: the row's values, then the answer's."""

    def __init__(self) -> None:
        self._taken: set[str] = set()  # a name that was the input's once is never the answer's again

    def begin(self, header: Header) -> None:
        """Nothing: every row has its own names."""

    def check(self, row: InputRow) -> None:
        """Nothing: every row can be written."""

    def write(self, row: InputRow, answer: Answer) -> str:
        """The object, its numbers rounded in the answer only."""
        self._taken |= answer.keys() & row.values.keys()
        names = _free_names(answer, self._taken | row.values.keys())
        values = {**row.values, **{names[key]: _rounded(value) for key, value in answer.items()}}
        return json_line(values)

    def end(self, example: Callable[[], Answer]) -> str:
        """Nothing."""
        return ""


class TableWriter:
    """A header line, then cells in the columns of the input and of the answer; written as the input is, if that has the format."""

    def __init__(self, form: str) -> None:
        self._form = form
        self._header: Header | None = None
        self._columns: tuple[str, ...] | None = None
        self._names: dict[str, str] | None = None

    def begin(self, header: Header) -> None:
        """Takes the columns, the delimiter and the line end of the first input."""
        if self._header is None:
            self._header, self._columns = header, header.names or header.columns
        elif self._told(self._header) != self._told(header):
            before, now = ", ".join(self._told(self._header)), ", ".join(self._told(header))
            raise DataError(f"{header.where}: has the columns {now}, and the input before it {before}; predict them apart or as jsonl")

    def check(self, row: InputRow) -> None:
        """Without a header, the first row's names are the columns."""
        if self._columns is None:
            self._columns = tuple(row.values)
        others = [name for name in row.values if name not in self._columns]
        if others:
            raise DataError(f"{row.where}: has {', '.join(others)}, which the rows before it do not have; say --format jsonl")

    def write(self, row: InputRow, answer: Answer) -> str:
        """The row, before the first one the header."""
        assert self._columns is not None
        header = self._first_line(answer) if self._names is None else ""
        assert self._names is not None
        assert answer.keys() <= self._names.keys()
        values = row.values
        return header + self._line([*(_cell(values.get(one)) for one in self._columns), *(_short(answer.get(one)) for one in self._names)])

    def end(self, example: Callable[[], Answer]) -> str:
        """The header, if columns are known."""
        return "" if self._columns is None or self._names is not None else self._first_line(example())

    @staticmethod
    def _told(header: Header) -> tuple[str, ...]:
        return header.columns if header.is_named else header.names

    def _first_line(self, answer: Answer) -> str:
        assert self._columns is not None
        self._names = _free_names(answer, {column.strip() for column in self._columns})
        if self._header is None:
            return self._line([*self._columns, *self._names.values()])
        begin = "" if self._kept() is None else self._header.begin
        return begin + (self._line([*self._header.columns, *self._names.values()]) if self._header.is_named else "")

    def _line(self, cells: list[str]) -> str:
        dialect = self._kept() or Dialect(self._form, *((",", True) if self._form == "csv" else ("\t", False)))
        line = csv_line(cells, dialect.delimiter) if dialect.has_quotes else tsv_line(cells)
        return line + ("\n" if self._header is None else self._header.line_end)

    def _kept(self) -> Dialect | None:
        """How the input is written, if it is a table of the same format."""
        dialect = None if self._header is None else self._header.dialect
        return dialect if dialect is not None and dialect.form == self._form else None


def json_line(values: dict[str, Any]) -> str:
    """Values as a line of JSON, its end included; halves of surrogate pairs, which cannot be written, are escaped."""
    line = json.dumps(values, ensure_ascii=False)
    return (line if is_unicode(line) else json.dumps(values)) + "\n"


def csv_line(cells: list[str], delimiter: str = ",") -> str:
    """Cells as a line of CSV without its end, quoted where need be."""
    line = io.StringIO()
    # With this line end, cells that hold either half of it are quoted in every version of Python.
    csv.writer(line, delimiter=delimiter, lineterminator="\r\n").writerow(cells)
    return line.getvalue().removesuffix("\r\n")


def tsv_line(cells: list[str]) -> str:
    """Cells as a line of TSV without its end; a tab or newline within a cell becomes a space."""
    return "\t".join(re.sub(r"\r\n|[\t\r\n]", " ", cell) for cell in cells)


def tab_format(text: str, answer: Answer) -> str:
    """The answer's plain values, then the text, between tabs and on one line."""
    plain = [_short(value) for value in answer.values() if not isinstance(value, list | dict)]
    return tsv_line(plain) + "\t" + re.sub(r"\r\n|[\r\n]", " ", text)


WRITERS: dict[str, Callable[[TextFormat | None], RowWriter]] = {
    "text": TextWriter,
    "jsonl": lambda _: JsonlWriter(),
    "csv": lambda _: TableWriter("csv"),
    "tsv": lambda _: TableWriter("tsv"),
}
"""Writers by format; only text has a task's own look."""


def _free_names(answer: Answer, taken: Collection[str]) -> dict[str, str]:
    """The columns of an answer: each its own name, or, where the input has that, with `predicted_` before it."""
    names = {}
    for key in answer:
        name = key
        while name in taken:
            name = f"predicted_{name}"
        names[key] = name
    return names


def _cell(value: Any) -> str:
    """A value of the input in a table; those that are no string as JSON."""
    if value is None:
        return ""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _short(value: Any) -> str:
    """A value of an answer in a table."""
    return f"{value:.{DIGITS}g}" if isinstance(value, float) else _cell(_rounded(value))


def _rounded(value: Any) -> Any:
    if isinstance(value, float):
        return round(value, DIGITS)
    if isinstance(value, list | tuple):
        return [_rounded(one) for one in value]
    if isinstance(value, dict):
        return {key: _rounded(one) for key, one in value.items()}
    return value
