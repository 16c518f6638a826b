"""Series: columns of numbers over time, from a table or a file with a number a line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.data.readers import Data, Source, find_sources, refuse
from charnn.data.settings import SeriesSettings
from charnn.data.tables.columns import listed
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import HeaderRule, Row
from charnn.data.times import Clock, find_clock
from charnn.errors import DataError, SettingError
from charnn.tokenizers.vocabulary import is_unicode

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

LARGEST = 1e100  # The largest number: the sum of many of its squares is finite
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}  # Cells without a value, in lower case
UNNAMED = "value"  # The name of a single column without a header line; it matches any column that a model knows


@dataclass(frozen=True, eq=False)
class Series:
    """Columns of numbers, row by row in time."""

    columns: tuple[str, ...]  # Those to predict first
    targets: int  # The number of columns to predict
    values: NDArray[np.float64]  # (time, columns)
    places: tuple[str, ...] = ()  # path:line of every row, or nothing
    time_column: str | None = None
    times: tuple[str, ...] | None = None  # None where there are none, they cannot be read, or they do not rise
    interpolated: int = 0  # Values that were missing
    clock: Clock | None = None
    irregular: int = 0  # Times that are not the usual step after the one before
    facts: tuple[tuple[str, str], ...] = ()  # (name, value) rows about how its files were read

    def __len__(self) -> int:
        return len(self.values)

    def first(self, count: int) -> "Series":
        """Return the first `count` rows."""
        return self._part(slice(count))

    def last(self, count: int) -> "Series":
        """Return the last `count` rows."""
        return self._part(slice(-count, None))

    def _part(self, rows: slice) -> "Series":
        times = None if self.times is None else self.times[rows]
        return replace(self, values=self.values[rows], places=self.places[rows], times=times)


class Columns(NamedTuple):
    """The names of a series' columns, how many of them are targets, and the column of the time."""

    names: tuple[str, ...]
    targets: int
    time: str | None


class Cells(NamedTuple):
    """The cells of a row by column, before its numbers are read."""

    where: str
    values: dict[str, str]


def read_series(paths: Data, settings: SeriesSettings, columns: Columns | None = None) -> Series:
    """Return the series of files, one after another, with the columns of a model, or by default those of the settings.

    Raises DataError with path:line for cells that are no numbers, missing values and columns; SettingError for bad settings.
    """
    reading = Reading(refuse, skips=settings.skip_bad_rows)
    rows = [row for source in find_sources(paths) for row in read_cells(source, settings, reading)]
    if not rows:
        raise no_rows(paths)
    chosen = columns or choose_columns(rows[0], settings)
    values = np.array([read_row(row, chosen.names, settings.missing) for row in rows], np.float64)  # (time, columns)
    absent = int(np.isnan(values).sum())
    for number, name in enumerate(chosen.names):
        values[:, number] = filled(values[:, number], name, str(paths[0]))
    times, clock, irregular = read_times(rows, chosen.time)
    places, facts = tuple(row.where for row in rows), tuple(reading.facts())
    return Series(chosen.names, chosen.targets, values, places, chosen.time, times, absent, clock, irregular, facts)


def read_times(rows: Sequence[Cells], column: str | None) -> tuple[tuple[str, ...] | None, Clock | None, int]:
    """Return the times of rows, their clock and how many do not follow it; None if unreadable; raise DataError if none can come next."""
    times = () if column is None else tuple(row.values.get(column, "").strip() for row in rows)
    clock, irregular = find_clock(times)
    if clock is not None:
        try:
            clock.after(times[-1], 1)
        except DataError as error:
            raise DataError(f"{rows[-1].where}: {error}") from None
    return (None if clock is None else times), clock, irregular


def no_rows(paths: Data) -> DataError:
    """Return the error for files without a single row."""
    return DataError(f"{paths[0]}: holds no numbers; give a table with a column of them, or a number a line")


def read_row(row: Cells, names: Sequence[str], missing: str) -> list[float]:
    """Return the numbers of a row, NaN for a missing one. Raises DataError with path:line for a cell that is no number."""
    return [_number(row, name, missing) for name in names]


def read_cells(source: Source, settings: SeriesSettings, reading: Reading) -> Iterator[Cells]:
    """Yield the rows of a file, by default as CSV, which may be a number a line; raise DataError for bad rows, unless left out."""
    form = settings.format_of(source.kind) or "csv"
    return cells_of(reading.rows(source, replace(settings, input_format=form), names_columns(settings)), settings, reading)


def cells_of(rows: Iterable[Row], settings: SeriesSettings, reading: Reading) -> Iterator[Cells]:
    """Yield the stripped cells of rows by column, without a header by column1, column2 ...; raise DataError for an ambiguous name."""
    return reading.items(rows, lambda row: _names(row, settings), _cells)


def _names(row: Row, settings: SeriesSettings) -> tuple[str, ...]:
    header = row.header
    if header is not None and not header.is_named:
        return (UNNAMED,) if len(row.values) == 1 else tuple(f"column{name}" for name in row.values)
    names = [] if header is None else [cell.strip() for cell in header.columns]
    asked = {settings.target, settings.time_column, *(settings.target or "").split(","), *(settings.inputs or "").split(",")}
    is_any = settings.target is None or settings.inputs == "all"
    if any(names.count(name) > 1 and (is_any or name in asked) for name in names if name):
        raise DataError(f"{header and header.where}: the header line names a column twice: {', '.join(names)}")
    return tuple(row.values)


def _cells(row: Row, names: tuple[str, ...]) -> Cells:
    if isinstance(row.cells, Mapping):
        return Cells(row.where, {name: "" if value is None else str(value) for name, value in row.cells.items()})
    return Cells(row.where, {name: cell.strip() for name, cell in zip(names, row.cells, strict=True)})


def names_columns(settings: SeriesSettings) -> HeaderRule:
    """Return the rule that a first row names columns if none of its cells is a number."""
    return lambda cells: not any(map(NUMBER.fullmatch, cells)) if settings.header is None else settings.header


def choose_columns(first: Cells, settings: SeriesSettings) -> Columns:
    """Return the columns that the settings name, given the first row. Raises SettingError, and DataError where they are not clear."""
    there = list(first.values)
    if not there:
        raise DataError(f"{first.where}: has no columns; leave it out")
    time, begin = settings.time_column, first.values[there[0]]
    # A column that an option names is no time column, even if its first cell is no number.
    named = {name.strip() for option in (settings.target, settings.inputs) if option for name in (option, *option.split(","))}
    if time is None and len(there) > 1 and there[0] not in named and not NUMBER.fullmatch(begin) and not is_missing(begin):
        time = there[0]
    elif time is not None and time not in there:
        raise SettingError("time_column", f"names {time!r}, and {first.where} has {listed(there)}")
    others = [name for name in there if name != time]
    targets = _named(settings.target, others, "target", first.where)
    if not targets:
        numbers = [name for name in others if NUMBER.fullmatch(first.values[name])]
        if len(numbers) != 1:
            raise DataError(f"{first.where}: which column is to be predicted? say --target; there are {listed(others)}")
        targets = numbers
    rest = [name for name in others if name not in targets]
    inputs = rest if settings.inputs == "all" else _named(settings.inputs, rest, "inputs", first.where)
    for name in (*targets, *inputs, *([] if time is None else [time])):
        if not is_unicode(name):
            raise DataError(f"{first.where}: the column {name!r:.40} holds half of a surrogate pair, which is no character; correct it")
    return Columns((*targets, *inputs), len(targets), time)


def _named(value: str | None, there: Sequence[str], option: str, where: str) -> list[str]:
    """Return the columns in the value of an option, which has commas between them."""
    if value is None:
        return []
    names = [value] if value in there else [name.strip() for name in value.split(",")]
    for name in names:
        if name not in there:
            raise SettingError(option, f"names {name!r}, and {where} has {listed(there)}")
    if len(set(names)) != len(names):
        raise SettingError(option, f"names a column twice: {value}")
    return names


def _number(row: Cells, name: str, missing: str) -> float:
    cell = row.values.get(name)
    if cell is None and list(row.values) == [UNNAMED]:
        cell = row.values[UNNAMED]
    if cell is None:
        raise DataError(f"{row.where}: has no column {name!r}; there are {listed(list(row.values))}")
    if is_missing(cell):
        if missing == "refuse":
            raise DataError(f"{row.where}: the value of {name} is missing; fill it in, or say --missing interpolate")
        return np.nan
    value = float(cell) if NUMBER.fullmatch(cell) else np.nan
    if LARGEST < abs(value) < np.inf:
        raise DataError(f"{row.where}: {name} is {cell:.40}, and {LARGEST:g} is the most that can be computed with; correct it")
    if not np.isfinite(value):
        raise DataError(f"{row.where}: the column {name} should hold a number, got {cell!r:.40}; correct it, or name another --target")
    return value


def is_missing(cell: str) -> bool:
    """Is the value of a cell not known?"""
    return cell.strip().lower() in MISSING


def filled(column: NDArray[np.float64], name: str, where: str) -> NDArray[np.float64]:
    """Return a column with its missing values interpolated linearly; before the first value and after the last they repeat those."""
    known = np.flatnonzero(~np.isnan(column))
    if not len(known):
        raise DataError(f"{where}: the column {name} holds no values; name another --target")
    return np.interp(np.arange(len(column)), known, column[known])
