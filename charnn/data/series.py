"""Series: columns of numbers over time, from a table or a file with a number a line."""

import csv
import io
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.data.readers import Complain, Decoding, Source, check_encoding, find_sources, read_lines, read_text, refuse
from charnn.data.tables import read_jsonl
from charnn.data.times import Clock, find_clock
from charnn.errors import DataError, SettingError
from charnn.settings import Settings, setting
from charnn.tokenizers.vocabulary import is_unicode

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)

LARGEST = 1e100
"""The most that a number may be: its square is one, too, and that of many."""

MISSING = {"", "na", "n/a", "nan", "null", "none", "-", "?"}
"""What stands, in small letters, where a value is missing."""


UNNAMED = "value"
"""What the only column is called where there is no header line; it stands for any column that a model knows."""


@dataclass(frozen=True)
class SeriesSettings(Settings):
    """How a series is read."""

    target: str | None = setting(None, "Column to predict, or several with commas between; by default the only one of numbers.")
    inputs: str | None = setting(None, "Further columns to predict it from, with commas between, or all.")
    time_column: str | None = setting(None, "Column of the time; by default the first one, if it holds no numbers.")
    missing: str = setting("refuse", "What to do where a value is missing: refuse, or interpolate.", choices=("refuse", "interpolate"))
    encoding: str = setting("utf-8", "Encoding of the files.")
    errors: str = setting("strict", "What to do with bytes that are no text: refuse, or replace by U+FFFD.", choices=("strict", "replace"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)


@dataclass(frozen=True, eq=False)
class Series:
    """Columns of numbers, row by row in time."""

    columns: tuple[str, ...]
    """Those to predict first."""
    targets: int
    """How many of them are to be predicted."""
    values: NDArray[np.float64]
    """(time, columns)"""
    places: tuple[str, ...] = ()
    """path:line of every row, or nothing."""
    time_column: str | None = None
    times: tuple[str, ...] | None = None
    """None where there are none, or none that can be read and rise."""
    interpolated: int = 0
    """Values that were missing."""
    clock: Clock | None = None
    irregular: int = 0
    """Times that do not come when they should."""

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
    rows = [row for source in find_sources(paths) for row in read_cells(source, Decoding(settings.encoding, settings.errors, "keep"))]
    if not rows:
        raise no_rows(paths)
    chosen = columns or choose_columns(rows[0], settings)
    values = np.array([read_row(row, chosen.names, settings.missing) for row in rows], np.float64)  # (time, columns)
    absent = int(np.isnan(values).sum())
    for number, name in enumerate(chosen.names):
        values[:, number] = filled(values[:, number], name, str(paths[0]))
    times, clock, irregular = read_times(rows, chosen.time)
    return Series(chosen.names, chosen.targets, values, tuple(row.where for row in rows), chosen.time, times, absent, clock, irregular)


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


def read_cells(source: Source, decoding: Decoding, complain: Complain = refuse) -> Iterator[Cells]:
    """The rows of a file as cells by column. A first line that has numbers is a row: there is no header then.

    Complains with path:line of a malformed row.
    """
    lines = read_lines(read_text(source, decoding))
    if source.kind in (".jsonl", ".ndjson"):
        for row in read_jsonl(source.name, lines, complain):
            yield Cells(row.where, {name: "" if value is None else str(value) for name, value in row.values.items()})
        return
    yield from cells_of(source.name, lines, "\t" if source.kind == ".tsv" else None, complain)


def cells_of(name: str, lines: Iterable[str], delimiter: str | None = None, complain: Complain = refuse) -> Iterator[Cells]:
    """The rows of a table, as they come; cells are divided by tabs, semicolons or commas, by what the first line holds."""
    header: list[str] | None = None
    for number, line in enumerate(lines, 1):
        if not line.strip():
            continue
        delimiter = delimiter or next((sign for sign in "\t;" if sign in line), ",")
        try:
            cells = _cells(f"{name}:{number}", line, delimiter)
        except DataError as error:
            complain(error)
            continue
        if header is None:
            is_header = not any(NUMBER.fullmatch(cell) for cell in cells)
            header = cells if is_header else _numbered(cells)
            if len(set(header)) != len(header):
                raise DataError(f"{name}:{number}: the header line names a column twice: {', '.join(header)}")
            if is_header:
                continue
        if len(cells) != len(header):
            complain(DataError(f"{name}:{number}: expected {len(header)} columns ({_listed(header)}), found {len(cells)}"))
            continue
        yield Cells(f"{name}:{number}", dict(zip(header, cells, strict=True)))


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


def _cells(where: str, line: str, delimiter: str) -> list[str]:
    """The cells of a line, without white space around them."""
    try:
        cells = next(csv.reader(io.StringIO(line, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as error:
        raise DataError(f"{where}: is not valid csv: {error}") from None
    return [cell.strip() for cell in cells]


def _numbered(cells: Sequence[str]) -> list[str]:
    """Names for columns that have none."""
    return [UNNAMED] if len(cells) == 1 else [f"column{number}" for number in range(1, len(cells) + 1)]


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
