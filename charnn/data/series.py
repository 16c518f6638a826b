"""Series: columns of numbers over time, from a table or a file with a number a line."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.data.readers import Source, find_sources, refuse
from charnn.data.settings import SeriesSettings
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Header, HeaderRule, Row
from charnn.data.times import Clock, find_clock
from charnn.errors import DataError, SettingError
from charnn.tokenizers.vocabulary import is_unicode

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

LARGEST = 1e100  # The most that a number may be: its square is one, too, and that of many
MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}  # What stands, in small letters, where a value is missing


UNNAMED = "value"  # What the only column is called where there is no header line; it stands for any column that a model knows


@dataclass(frozen=True, eq=False)
class Series:
    """Columns of numbers, row by row in time."""

    columns: tuple[str, ...]  # Those to predict first
    targets: int  # How many of them are to be predicted
    values: NDArray[np.float64]  # (time, columns)
    places: tuple[str, ...] = ()  # path:line of every row, or nothing
    time_column: str | None = None
    times: tuple[str, ...] | None = None  # None where there are none, or none that can be read and rise
    interpolated: int = 0  # Values that were missing
    clock: Clock | None = None
    irregular: int = 0  # Times that do not come when they should
    facts: tuple[tuple[str, str], ...] = ()  # How its files were read, a name and a value each

    def __len__(self) -> int:
        return len(self.values)

    def first(self, count: int) -> "Series":
        """The first so many rows."""
        times = None if self.times is None else self.times[:count]
        return replace(self, values=self.values[:count], places=self.places[:count], times=times)

    def last(self, count: int) -> "Series":
        """The last so many rows."""
        times = None if self.times is None else self.times[-count:]
        return replace(self, values=self.values[-count:], places=self.places[-count:], times=times)


class Columns(NamedTuple):
    """Which columns a series has."""

    names: tuple[str, ...]
    targets: int
    time: str | None


class Cells(NamedTuple):
    """A row before its numbers are read."""

    where: str
    values: dict[str, str]


def read_series(paths: Sequence[str | Path], settings: SeriesSettings, columns: Columns | None = None) -> Series:
    """The series of files, one after another; `columns` are those a model knows, by default as the settings say.

    Raises DataError with path:line for what is no number, for a missing value unless it may be interpolated, and for a table
    whose columns are others; SettingError where it cannot be told which column is meant.
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
    """The times of rows, how they go on, and how many do not; nothing where they cannot be read or do not rise.

    Raises DataError where none comes after the last.
    """
    times = () if column is None else tuple(row.values.get(column, "").strip() for row in rows)
    clock, irregular = find_clock(times)
    if clock is not None:
        try:
            clock.after(times[-1], 1)
        except DataError as error:
            raise DataError(f"{rows[-1].where}: {error}") from None
    return (None if clock is None else times), clock, irregular


def no_rows(paths: Sequence[str | Path]) -> DataError:
    """What is said of files without a single row."""
    return DataError(f"{paths[0]}: holds no numbers; give a table with a column of them, or a number a line")


def read_row(row: Cells, names: Sequence[str], missing: str) -> list[float]:
    """The numbers of a row, NaN for one that is missing. Raises DataError with path:line."""
    return [_number(row, name, missing) for name in names]


def read_cells(source: Source, settings: SeriesSettings, reading: Reading) -> Iterator[Cells]:
    """The rows of a file as cells by column; a file that is no table by its name is one of any delimiter, or a number a line.

    Complains with path:line of a malformed row.
    """
    form = settings.format_of(source.kind) or "csv"
    return cells_of(reading.rows(source, replace(settings, input_format=form), names_columns(settings)), settings, reading)


def cells_of(rows: Iterable[Row], settings: SeriesSettings, reading: Reading) -> Iterator[Cells]:
    """The cells of rows, without white space around them; without a header the columns are numbered, and a single one is of values.

    Raises DataError where two columns have a name that was asked for.
    """
    return reading.items(rows, lambda row: _names(row, settings), _cells)


def _names(row: Row, settings: SeriesSettings) -> tuple[str, ...]:
    if row.header is None or row.header.is_named:
        _refuse_repeated(row.header, settings)
        return tuple(row.values)
    return (UNNAMED,) if len(row.values) == 1 else tuple(f"column{name}" for name in row.values)


def _cells(row: Row, names: tuple[str, ...]) -> Cells:
    if isinstance(row.cells, Mapping):
        return Cells(row.where, {name: "" if value is None else str(value) for name, value in row.cells.items()})
    return Cells(row.where, {name: cell.strip() for name, cell in zip(names, row.cells, strict=True)})


def names_columns(settings: SeriesSettings) -> HeaderRule:
    """The rule that a first row names columns if none of its cells is a number."""
    return lambda cells: not any(map(NUMBER.fullmatch, cells)) if settings.header is None else settings.header


def _refuse_repeated(header: Header | None, settings: SeriesSettings) -> None:
    names = [] if header is None else [cell.strip() for cell in header.columns]
    asked = {settings.target, settings.time_column, *(settings.target or "").split(","), *(settings.inputs or "").split(",")}
    is_any = settings.target is None or settings.inputs == "all"
    if any(names.count(name) > 1 and (is_any or name in asked) for name in names if name):
        raise DataError(f"{header and header.where}: the header line names a column twice: {', '.join(names)}")


def choose_columns(first: Cells, settings: SeriesSettings) -> Columns:
    """The columns that the settings mean. Raises SettingError, DataError."""
    there = list(first.values)
    if not there:
        raise DataError(f"{first.where}: has no columns; leave it out")
    time, begin = settings.time_column, first.values[there[0]]
    # A bad first cell makes no time of a column that was said to hold numbers.
    named = {name.strip() for option in (settings.target, settings.inputs) if option for name in (option, *option.split(","))}
    if time is None and len(there) > 1 and there[0] not in named and not NUMBER.fullmatch(begin) and not is_missing(begin):
        time = there[0]
    elif time is not None and time not in there:
        raise SettingError("time_column", f"names {time!r}, and {first.where} has {_listed(there)}")
    others = [name for name in there if name != time]
    targets = _named(settings.target, others, "target", first.where)
    if not targets:
        numbers = [name for name in others if NUMBER.fullmatch(first.values[name])]
        if len(numbers) != 1:
            raise DataError(f"{first.where}: which column is to be predicted? say --target; there are {_listed(others)}")
        targets = numbers
    rest = [name for name in others if name not in targets]
    inputs = rest if settings.inputs == "all" else _named(settings.inputs, rest, "inputs", first.where)
    for name in (*targets, *inputs, *([] if time is None else [time])):
        if not is_unicode(name):
            raise DataError(f"{first.where}: the column {name!r:.40} holds half of a surrogate pair, which is no character; correct it")
    return Columns((*targets, *inputs), len(targets), time)


def _named(said: str | None, there: Sequence[str], option: str, where: str) -> list[str]:
    """The columns that an option names."""
    if said is None:
        return []
    names = [said] if said in there else [name.strip() for name in said.split(",")]
    for name in names:
        if name not in there:
            raise SettingError(option, f"names {name!r}, and {where} has {_listed(there)}")
    if len(set(names)) != len(names):
        raise SettingError(option, f"names a column twice: {said}")
    return names


def _number(row: Cells, name: str, missing: str) -> float:
    cell = row.values.get(name)
    if cell is None and list(row.values) == [UNNAMED]:
        cell = row.values[UNNAMED]
    if cell is None:
        raise DataError(f"{row.where}: has no column {name!r}; there are {_listed(list(row.values))}")
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
    """Does a cell say that its value is not known?"""
    return cell.strip().lower() in MISSING


def filled(column: NDArray[np.float64], name: str, where: str) -> NDArray[np.float64]:
    """Straight lines over what is missing; before the first value that value, after the last one that."""
    known = np.flatnonzero(~np.isnan(column))
    if not len(known):
        raise DataError(f"{where}: the column {name} holds no values; name another --target")
    return np.interp(np.arange(len(column)), known, column[known])


def _listed(names: Sequence[str]) -> str:
    """Names of columns, where there are many the first ones."""
    shown = ", ".join(f"{name:.40}" for name in names[:12])
    return shown + (f" and {len(names) - 12} more" if len(names) > 12 else "")
