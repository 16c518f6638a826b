"""Columns of tables, found by option, name or number; and the values of their cells."""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from charnn.data.settings import ReadSettings
from charnn.data.tables.dialects import divided_by, undivided
from charnn.data.tables.records import HeaderRule, Row
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import is_unicode

SHOWN = 12  # Most names of columns in a message


class Wanted(NamedTuple):
    """A column to find."""

    what: str  # Its content, as in --text-column
    given: str | None  # The name or number that the user gave
    names: Sequence[str]  # Names by which it is known otherwise, the surest first
    endings: tuple[str, ...] = ()  # Endings of its name if a single column has one: airline_sentiment


TEXT_COLUMNS = ("text", "sentence", "review", "tweet", "content")
LABEL_COLUMNS = ("label", "sentiment", "class", "category", "target", "polarity")
LABEL_ENDINGS = ("_label", "_sentiment")
SOURCE_COLUMNS = ("source", "src")
TARGET_COLUMNS = ("target", "tgt", "trg")

KNOWN = {*TEXT_COLUMNS, *LABEL_COLUMNS, *SOURCE_COLUMNS, *TARGET_COLUMNS}
"""Names that make a header of a first row, even where columns are given by numbers."""


def text_wanted(given: str | None) -> Wanted:
    """Return the column of the text, to be found."""
    return Wanted("text", given, TEXT_COLUMNS)


def label_wanted(given: str | None) -> Wanted:
    """Return the column of the label, to be found."""
    return Wanted("label", given, LABEL_COLUMNS, LABEL_ENDINGS)


def header_rule(settings: ReadSettings, given: Iterable[str | None]) -> HeaderRule:
    """Return the rule that a first row names the columns, unless all given columns are numbers that are none of its cells."""
    asked = [one for one in given if one is not None]

    def is_header(cells: Sequence[str]) -> bool:
        if settings.header is not None:
            return settings.header
        are_numbers = all(one.isdecimal() and one not in cells for one in asked)
        return not asked or not are_numbers or any(cell.lower() in KNOWN for cell in cells)

    return is_header


def find_column(row: Row, wanted: Wanted) -> str:
    """Return the wanted column: the given one, else by its name, else the only one. Raises DataError where none is certain."""
    if wanted.given is not None:
        return _resolved(row, wanted.given)
    known = _known(row, wanted)
    if known is None and len(row.values) == 1 and row.header is not None and not row.header.is_named:
        known = next(iter(row.values))
    if known is None:
        raise _unknown(row, [wanted])
    return _checked(row, known)


def find_columns(row: Row, first: Wanted, second: Wanted, *, in_order: bool = False) -> tuple[str, str]:
    """Return two wanted columns: the given, else by name, else of two the other, or both `in_order`; raise DataError if not certain."""
    one, two = (None if wanted.given is None else _resolved(row, wanted.given) for wanted in (first, second))
    one = _known(row, first, other=two) if one is None else one
    two = _known(row, second, other=one) if two is None else two
    if len(row.values) == 2 and (in_order or one is not None or two is not None):
        one = next(name for name in row.values if name != two) if one is None else one
        two = next(name for name in row.values if name != one) if two is None else two
    if one is None or two is None:
        raise _unknown(row, [wanted for wanted, found in ((first, one), (second, two)) if found is None])
    if one == two:
        raise DataError(f"{row.where}: the column {one} cannot hold both the {first.what} and the {second.what}; say another one")
    return _checked(row, one), _checked(row, two)


def taken(row: Row, *columns: str) -> str:
    """Return the columns in use and the delimiter in words: `Text, Label, divided by ;`."""
    found = listed(columns)
    count = 0 if row.header is None else len(row.header.columns)
    if row.header is None or row.header.dialect is None or count < 2:
        return found
    names = "" if row.header.is_named else f" of {count} without a header line"
    return f"{found}{names}, divided by {divided_by(row.header.dialect.delimiter)}"


def listed(columns: Sequence[str]) -> str:
    """Return the names of columns, at most SHOWN, with commas between them."""
    return ", ".join(f"{column:.40}" for column in columns[:SHOWN]) + (f" and {len(columns) - SHOWN} more" if columns[SHOWN:] else "")


def text_cell(row: Row, column: str) -> str:
    """Return the text in a column. Raises DataError when the column is missing or contains no string."""
    try:
        value = row.cell(column)
    except KeyError:
        value = _value(row, column)
    if not isinstance(value, str):
        raise DataError(f"{row.where}: the column {column} should hold text, got {value!r:.40}")
    return value


def label_cell(row: Row, column: str) -> str:
    """Return the stripped label in a column, of JSON also a number or boolean as text. Raises DataError when empty."""
    value = _value(row, column)
    if value is None or isinstance(value, list | dict):
        raise DataError(f"{row.where}: the column {column} should hold a label, got {value!r:.40}")
    label = value.strip() if isinstance(value, str) else json.dumps(value)
    if not label:
        raise DataError(f"{row.where}: has no label in the column {column}; fill it in or leave the row out")
    if not is_unicode(label):
        raise DataError(f"{row.where}: the label {label!r:.40} holds half of a surrogate pair, which is no character; correct it")
    return label


def columns_of(row: Row) -> str:
    """Return the names of the columns, also of those within JSON objects; of a table without names the numbers."""
    # Without a header line, the first text is taken for a name.
    return ", ".join(f"{name:.40}" for name in _names(row.values))


def _names(values: Mapping[str, Any], before: str = "") -> Iterable[str]:
    for name, value in values.items():
        yield from _names(value, f"{before}{name}.") if isinstance(value, dict) and value else [f"{before}{name}"]


def _value(row: Row, column: str) -> Any:
    try:
        return row.cell(column)
    except KeyError:
        value: Any = row.values
    for part in column.split("."):
        if not isinstance(value, Mapping) or part not in value:
            raise undivided(row.header) or DataError(f"{row.where}: has no column {column!r}; there are {columns_of(row)}")
        value = value[part]
    return value


def _resolved(row: Row, given: str) -> str:
    """Return the name of the column given by name, by number, or for JSON by a path. Raises DataError where there is none."""
    if given not in row.values and row.header is not None and given.isdecimal() and 1 <= int(given) <= len(row.values):
        return list(row.values)[int(given) - 1]
    _value(row, given)
    return _checked(row, given)


def _checked(row: Row, column: str) -> str:
    """Return the column. Raises DataError where the header line has its name twice."""
    header = row.header
    if header is not None and header.is_named and [cell.strip() for cell in header.columns].count(column) > 1:
        names = ", ".join(cell.strip() for cell in header.columns)
        raise DataError(f"{header.where}: the header line names a column twice: {names}; rename one, or give its number")
    return column


def _known(row: Row, wanted: Wanted, other: str | None = None) -> str | None:
    known = {column.strip().casefold(): column for column in reversed(list(row.values)) if column != other}
    for name in wanted.names:
        if name in known:
            return known[name]
    ending = [column for name, column in known.items() if wanted.endings and name.endswith(wanted.endings)]
    return ending[0] if len(ending) == 1 else None


def _unknown(row: Row, wanted: Sequence[Wanted]) -> DataError:
    asked = "which column holds the" if len(wanted) == 1 else "which columns hold the"
    options = " and ".join(f"--{one.what}-column" for one in wanted)
    what = " and the ".join(one.what for one in wanted)
    return undivided(row.header) or DataError(f"{row.where}: {asked} {what}? say {options}; there are {columns_of(row)}")
