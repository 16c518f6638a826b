"""Rows of CSV, TSV and JSONL: which column holds the text, which the label."""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charnn.data.readers import Complain, refuse
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import is_unicode

TEXT_COLUMNS = ("text", "sentence", "review", "tweet", "content")
"""Names by which the text column is known when it is not said, the surest first."""

LABEL_COLUMNS = ("label", "sentiment", "class", "category", "target", "polarity")
"""Names by which the label column is known, the surest first ..."""

LABEL_ENDINGS = ("_label", "_sentiment")
"""... and how the name of the one column may end that is known by this alone: airline_sentiment."""


@dataclass(frozen=True)
class Row:
    """One row of a table."""

    where: str
    """path:line of its first line."""
    values: Mapping[str, Any]
    """Its cells by column: strings, or anything JSON in JSONL."""


def read_csv(name: str, lines: Iterable[str], complain: Complain = refuse) -> Iterator[Row]:
    """Rows of a CSV with a header line; quoted fields may hold newlines. Complains with path:line of a malformed row."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    reader = csv.reader(lines, strict=True)
    columns: list[str] | None = None
    while True:
        where = f"{name}:{reader.line_num + 1}"
        try:
            cells = next(reader, None)
        except csv.Error as error:
            complain(DataError(f"{where}: is not valid csv: {error}"))
            continue
        if cells is None:
            return
        if not cells:
            continue
        if columns is None:
            columns = _header(where, cells)
        elif _fits(where, columns, cells, complain):
            yield Row(where, dict(zip(columns, cells, strict=True)))


def read_tsv(name: str, lines: Iterable[str], complain: Complain = refuse) -> Iterator[Row]:
    """Rows of a TSV with a header line; quotes are ordinary characters. Complains with path:line of a malformed row."""
    columns: list[str] | None = None
    for number, line in enumerate(lines, 1):
        cells = line.removesuffix("\n").removesuffix("\r").split("\t")
        where = f"{name}:{number}"
        if cells == [""]:
            continue
        if columns is None:
            columns = _header(where, cells)
        elif _fits(where, columns, cells, complain):
            yield Row(where, dict(zip(columns, cells, strict=True)))


def read_jsonl(name: str, lines: Iterable[str], complain: Complain = refuse) -> Iterator[Row]:
    """Rows of a file with one JSON object a line. Complains with path:line of anything else."""
    for number, line in enumerate(lines, 1):
        where = f"{name}:{number}"
        if not line.strip():
            continue
        try:
            values = json.loads(line)
        except (ValueError, RecursionError) as error:
            complain(DataError(f"{where}: is not valid JSON: {error}"))
            continue
        if isinstance(values, dict):
            yield Row(where, values)
        else:
            complain(DataError(f"{where}: expected a JSON object such as {{\"text\": ...}}, got {line.strip():.40}"))


TABLES: dict[str, Callable[[str, Iterable[str], Complain], Iterator[Row]]] = {
    ".csv": read_csv,
    ".tsv": read_tsv,
    ".jsonl": read_jsonl,
    ".ndjson": read_jsonl,
}
"""Readers by file extension."""


def text_column(row: Row) -> str:
    """The column that by its name holds the text. Raises DataError when there is none."""
    column = _known_column(row, TEXT_COLUMNS)
    if column is None:
        raise DataError(f"{row.where}: which column holds the text? say --text-column; there are {_columns(row)}")
    return column


def guess_columns(row: Row, text: str | None, label: str | None) -> tuple[str, str]:
    """The columns of the text and of the label: as said, else known by name; and of two columns one tells the other.

    Raises DataError when a column that was said is missing, or one that was not said cannot be told.
    """
    for said in (text, label):
        if said is not None:
            _cell(row, said)
    text = _known_column(row, TEXT_COLUMNS, other=label) if text is None else text
    label = _known_column(row, LABEL_COLUMNS, LABEL_ENDINGS, other=text) if label is None else label
    if len(row.values) == 2:
        text, label = text or _other(row, label), label or _other(row, text)
    if text is None or label is None:
        unknown = [name for name, column in (("text", text), ("label", label)) if column is None]
        asked = "which column holds the" if len(unknown) == 1 else "which columns hold the"
        options = " and ".join(f"--{name}-column" for name in unknown)
        raise DataError(f"{row.where}: {asked} {' and the '.join(unknown)}? say {options}; there are {_columns(row)}")
    if text == label:
        raise DataError(f"{row.where}: the column {text} cannot hold both the text and the label; say another one")
    return text, label


def text_cell(row: Row, column: str) -> str:
    """The text in a column. Raises DataError when the column is missing or holds no string."""
    value = _cell(row, column)
    if not isinstance(value, str):
        raise DataError(f"{row.where}: the column {column} should hold text, got {value!r:.40}")
    return value


def label_cell(row: Row, column: str) -> str:
    """The label in a column, without white space around it; JSON numbers and booleans are written out. Raises DataError when empty."""
    value = _cell(row, column)
    if value is None or isinstance(value, list | dict):
        raise DataError(f"{row.where}: the column {column} should hold a label, got {value!r:.40}")
    label = value.strip() if isinstance(value, str) else json.dumps(value)
    if not label:
        raise DataError(f"{row.where}: has no label in the column {column}; fill it in or leave the row out")
    if not is_unicode(label):
        raise DataError(f"{row.where}: the label {label!r:.40} holds half of a surrogate pair, which is no character; correct it")
    return label


def _cell(row: Row, column: str) -> Any:
    if column not in row.values:
        raise DataError(f"{row.where}: has no column {column!r}; there are {_columns(row)}")
    return row.values[column]


def _columns(row: Row) -> str:
    # Where the header line is missing, a whole text stands in its place.
    return ", ".join(f"{column:.40}" for column in row.values)


def _known_column(row: Row, names: Sequence[str], endings: tuple[str, ...] = (), other: str | None = None) -> str | None:
    known = {column.lower(): column for column in reversed(list(row.values)) if column != other}
    for name in names:
        if name in known:
            return known[name]
    ending = [column for name, column in known.items() if endings and name.endswith(endings)]
    return ending[0] if len(ending) == 1 else None


def _other(row: Row, column: str | None) -> str | None:
    return None if column is None else next((one for one in row.values if one != column), None)


def _header(where: str, cells: Sequence[str]) -> list[str]:
    columns = [cell.strip() for cell in cells]
    if len(set(columns)) != len(columns):
        raise DataError(f"{where}: the header line names a column twice: {', '.join(columns)}")
    return columns


def _fits(where: str, columns: Sequence[str], cells: Sequence[str], complain: Complain) -> bool:
    if len(cells) != len(columns):
        complain(DataError(f"{where}: expected {len(columns)} columns ({', '.join(columns)}), found {len(cells)}"))
    return len(cells) == len(columns)
