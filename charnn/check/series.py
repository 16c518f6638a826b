"""The check of a series before training on it: columns, times, outliers and jumps."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.check.contents import Finding, Rows
from charnn.data.series import LARGEST, NUMBER, Cells, Columns, is_missing
from charnn.data.times import Clock, find_clock, late_places

MOST_COLUMNS = 20  # columns that are listed one by one
FAR = 20.0  # a step between two values is an outlier if it is this many times as large as the usual one
AROUND = 5  # values before and after an outlier whose medians show whether the level changes


@dataclass(frozen=True)
class Column:
    """The contents of a column."""

    kind: str  # time, number or text
    use: str | None  # target, input, or None
    missing: Finding  # cells without a value
    other: Finding  # cells of a column of numbers that are not numbers
    least: float | None
    most: float | None
    outliers: Finding  # values far from their neighbours
    jumps: Finding  # values at which the level changes suddenly

    def words(self, name: str) -> str:
        """Return a summary of the column in one line."""
        if self.kind != "number":
            return f"{name}: {self.kind}"
        use = {"target": ", to predict", "input": ", to predict from"}.get(self.use or "", "")
        values = "no values"
        if self.least is not None:
            values = f"always {self.least:.6g}" if self.least == self.most else f"{self.least:.6g} to {self.most:.6g}"
        missing = f"; {self.missing.count:,} missing, first at {self.missing.where}" if self.missing.count else ""
        return f"{name}{use}: {values}{missing}"

    def facts(self) -> dict[str, Any]:
        """Return the column, ready for JSON."""
        findings = {name: vars(getattr(self, name)) for name in ("missing", "other", "outliers", "jumps")}
        return {"kind": self.kind, "use": self.use, "least": self.least, "most": self.most, **findings}


@dataclass(frozen=True)
class SeriesExamination:
    """The contents of a series."""

    rows: int
    columns: Mapping[str, Column]
    clock: Clock | None  # the rule of the times; None where they cannot be read or do not rise
    first: str | None
    last: str | None  # the first and the last time, where there are times
    late: Finding  # times that break the rule
    repeated: Finding  # times equal to an earlier one

    def lines(self) -> Rows:
        """Return (name, value) rows to print: times, columns, warnings."""
        rows = [] if self.clock is None else [("times", f"{self.clock.words}, from {self.first} to {self.last}")]
        rows += [("column", column.words(name)) for name, column in list(self.columns.items())[:MOST_COLUMNS] if column.kind != "time"]
        if len(self.columns) > MOST_COLUMNS:
            rows.append(("column", f"and {len(self.columns) - MOST_COLUMNS:,} more columns"))
        if self.first is not None and self.clock is None:
            rows.append(("warning", f"the times cannot be read or do not rise, and are left out; the first is {self.first!r:.40}"))
        rows += self.repeated.rows("warning", "time repeats an earlier one", "times repeat earlier ones")
        late = ("time does not come when it should, and is", "times do not come when they should, and are")
        rows += self.late.rows("warning", *late, f" read as if {'it' if self.late.count == 1 else 'they'} did", "first")
        for name, column in self.columns.items():
            if column.use is not None:
                around = f"value of {name} is", f"values of {name} are"
                rows += column.outliers.rows("warning", *around, " far from those around", "first at")
                rows += column.jumps.rows("warning", "sudden change", "sudden changes", f" of the level of {name}", "first at")
        return rows


def examine_series(rows: Sequence[Cells], chosen: Columns | None) -> SeriesExamination:
    """Check all cells of a series; chosen: the columns to use, where they are known."""
    first = next(iter(rows[0].values), "")
    times = [row.values.get(first if chosen is None else chosen.time or "", "").strip() for row in rows]
    clock = find_clock(times)[0]
    time = (first if clock is not None else None) if chosen is None else chosen.time
    uses = {} if chosen is None else {name: "target" if place < chosen.targets else "input" for place, name in enumerate(chosen.names)}
    times = [] if time is None else times
    seen: dict[str, int] = {}
    repeated = [place for place, one in enumerate(times) if seen.setdefault(one, place) != place and one]
    return SeriesExamination(
        rows=len(rows),
        columns={name: _column(rows, name, uses.get(name), is_time=name == time) for name in rows[0].values},
        clock=clock,
        first=times[0] if times else None,
        last=times[-1] if times else None,
        late=Finding.at(rows, [] if clock is None else late_places(clock, times)),
        repeated=Finding.at(rows, repeated),
    )


def numbers_of(rows: Sequence[Cells], name: str) -> NDArray[np.float64]:
    """Return the (rows,) numbers of a column, NaN where there is none."""
    cells = (row.values.get(name, "") for row in rows)
    values = np.array([float(cell) if NUMBER.fullmatch(cell) else math.nan for cell in cells], np.float64)
    values[np.abs(values) > LARGEST] = np.nan
    return values


def standing_out(values: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Return the places of values far from their neighbours, and of those at which the level changes suddenly."""
    known = np.flatnonzero(~np.isnan(values))
    outliers: list[int] = []
    jumps: list[int] = []
    if len(known) < 4 * AROUND:
        return outliers, jumps
    level, done = values[known], 0
    with np.errstate(all="ignore"):
        steps = np.diff(level)
        steps = np.abs(steps - np.median(steps))
        usual = np.median(steps)
        for place in (np.flatnonzero((usual > 0) & (steps > FAR * usual)) + 1).tolist():
            if place < done:
                continue  # the step back from the last outlier
            before, after = np.median(level[max(0, place - AROUND) : place]), np.median(level[place : place + AROUND])
            is_level = abs(after - before) > abs(level[place] - before) / 2
            (jumps if is_level else outliers).append(int(known[place]))
            done = place + AROUND
    return outliers, jumps


def _column(rows: Sequence[Cells], name: str, use: str | None, *, is_time: bool) -> Column:
    values, none = numbers_of(rows, name), Finding(0, None)
    is_empty = np.array([is_missing(row.values.get(name, "")) for row in rows])
    known, absent = values[~np.isnan(values)], np.isnan(values) & ~is_empty
    missing = Finding.at(rows, np.flatnonzero(is_empty))
    if is_time or (use is None and len(known) <= absent.sum()):
        return Column("time" if is_time else "text", use, missing, none, None, None, none, none)
    other = Finding.at(rows, np.flatnonzero(absent))
    least, most = (float(known.min()), float(known.max())) if len(known) else (None, None)
    return Column("number", use, missing, other, least, most, *(Finding.at(rows, places) for places in standing_out(values)))
