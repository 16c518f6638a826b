"""What to know of a series before training on it: its columns, how its times go on, and values that stand out."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.check.findings import Finding, counted
from charnn.data.series import LARGEST, NUMBER, Cells, Columns, is_missing
from charnn.data.times import Clock, find_clock, late_places

MOST_COLUMNS = 20
"""Columns that are told one by one."""

FAR = 20.0
"""A step from value to value stands out that is so many times as large as the usual one ..."""

AROUND = 5
"""... and is a new level unless as many of the next values, at their median, are back where the last ones were."""


@dataclass(frozen=True)
class Column:
    """What stands in a column."""

    kind: str
    """time, number or text"""
    use: str | None
    """target, input, or nothing."""
    missing: Finding
    """Cells without a value ..."""
    other: Finding
    """... and those of a column of numbers that hold none."""
    least: float | None
    most: float | None
    outliers: Finding
    """Values that are far from those around them ..."""
    jumps: Finding
    """... and those after which the level is another one."""

    def words(self, name: str) -> str:
        """The column in a line."""
        if self.kind != "number":
            return f"{name}: {self.kind}"
        use = {"target": ", to predict", "input": ", to predict from"}.get(self.use or "", "")
        parts = ["no values"]
        if self.least is not None:
            parts = [f"always {self.least:.6g}" if self.least == self.most else f"{self.least:.6g} to {self.most:.6g}"]
        if self.missing.count:
            parts.append(f"{self.missing.count:,} missing, first at {self.missing.where}")
        return f"{name}{use}: {'; '.join(parts)}"

    def facts(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        findings = {name: vars(getattr(self, name)) for name in ("missing", "other", "outliers", "jumps")}
        return {"kind": self.kind, "use": self.use, "least": self.least, "most": self.most, **findings}


@dataclass(frozen=True)
class SeriesExamination:
    """What the rows of a series hold."""

    rows: int
    columns: Mapping[str, Column]
    clock: Clock | None
    """How the times go on; None where there are none, or none that can be read and rise."""
    first: str | None
    """The first time ..."""
    last: str | None
    """... and the last, where there are times."""
    late: Finding
    """Times that do not come when they should ..."""
    repeated: Finding
    """... and those that stood there before."""

    def lines(self) -> list[tuple[str, str]]:
        """(name, value) rows to print: times, columns, warnings."""
        rows = [] if self.clock is None else [("times", f"{self.clock.words}, from {self.first} to {self.last}")]
        rows += [("column", column.words(name)) for name, column in list(self.columns.items())[:MOST_COLUMNS] if column.kind != "time"]
        if len(self.columns) > MOST_COLUMNS:
            rows.append(("column", f"and {len(self.columns) - MOST_COLUMNS:,} more columns"))
        return rows + [("warning", text) for text in self._warnings()]

    def _warnings(self) -> Iterator[str]:
        if self.first is not None and self.clock is None:
            yield f"the times cannot be read or do not rise, and are left out; the first is {self.first!r:.40}"
        if self.repeated.count:
            yield f"{counted(self.repeated.count, 'time stands', 'times stand')} there before, for example {self.repeated.where}"
        if self.late.count:
            does = counted(self.late.count, "time does not come when it should, and is", "times do not come when they should, and are")
            yield f"{does} read as if {'it' if self.late.count == 1 else 'they'} did, first {self.late.where}"
        for name, column in self.columns.items():
            if column.use is None:
                continue
            if column.outliers.count:
                stand = counted(column.outliers.count, f"value of {name} is", f"values of {name} are")
                yield f"{stand} far from those around, first at {column.outliers.where}"
            if column.jumps.count:
                change = counted(column.jumps.count, "sudden change", "sudden changes")
                yield f"{change} of the level of {name}, first at {column.jumps.where}"


def examine_series(rows: Sequence[Cells], chosen: Columns | None) -> SeriesExamination:
    """Reads all cells, given the columns to be used, where they could be told."""
    first = next(iter(rows[0].values), "")
    times = [row.values.get(first if chosen is None else chosen.time or "", "").strip() for row in rows]
    clock = find_clock(times)[0]
    time = (first if clock is not None else None) if chosen is None else chosen.time
    uses = {} if chosen is None else {name: "target" if place < chosen.targets else "input" for place, name in enumerate(chosen.names)}
    columns = {name: _column(rows, name, uses.get(name), is_time=name == time) for name in rows[0].values}
    times = [] if time is None else times
    seen = dict(zip(reversed(times), range(len(times) - 1, -1, -1), strict=True))  # where each stands first
    return SeriesExamination(
        rows=len(rows),
        columns=columns,
        clock=clock,
        first=times[0] if times else None,
        last=times[-1] if times else None,
        late=_finding(rows, [] if clock is None else late_places(clock, times)),
        repeated=_finding(rows, [place for place, one in enumerate(times) if one and seen[one] != place]),
    )


def numbers_of(rows: Sequence[Cells], name: str) -> NDArray[np.float64]:
    """(rows,) the numbers of a column; NaN where there is none."""
    cells = (row.values.get(name, "") for row in rows)
    values = np.array([float(cell) if NUMBER.fullmatch(cell) else math.nan for cell in cells], np.float64)
    values[np.abs(values) > LARGEST] = np.nan
    return values


def standing_out(values: NDArray[np.float64]) -> tuple[list[int], list[int]]:
    """Places of values that are far from those around them, and of those at which the level changes suddenly."""
    known = np.flatnonzero(~np.isnan(values))
    outliers: list[int] = []
    jumps: list[int] = []
    if len(known) < 4 * AROUND:
        return outliers, jumps
    level = values[known]
    with np.errstate(all="ignore"):
        steps = np.diff(level)
        steps = steps - np.median(steps)
        usual = np.median(np.abs(steps))
        large = np.flatnonzero((usual > 0) & (np.abs(steps) > FAR * usual)) + 1
        done = 0
        for place in map(int, large):
            if place < done:
                continue  # the way back from what was told
            before, after = np.median(level[max(0, place - AROUND) : place]), np.median(level[place : place + AROUND])
            is_level = abs(after - before) > abs(level[place] - before) / 2
            (jumps if is_level else outliers).append(int(known[place]))
            done = place + AROUND
    return outliers, jumps


def _column(rows: Sequence[Cells], name: str, use: str | None, *, is_time: bool) -> Column:
    values = numbers_of(rows, name)
    empty = [place for place, row in enumerate(rows) if is_missing(row.values.get(name, ""))]
    absent = np.isnan(values)
    absent[empty] = False
    known = values[~np.isnan(values)]
    kind = "time" if is_time else "number" if use is not None or len(known) > absent.sum() else "text"
    outliers, jumps = standing_out(values) if kind == "number" else ([], [])
    return Column(
        kind=kind,
        use=use,
        missing=_finding(rows, empty),
        other=_finding(rows, np.flatnonzero(absent).tolist() if kind == "number" else []),
        least=float(known.min()) if len(known) and kind == "number" else None,
        most=float(known.max()) if len(known) and kind == "number" else None,
        outliers=_finding(rows, outliers),
        jumps=_finding(rows, jumps),
    )


def _finding(rows: Sequence[Cells], places: Sequence[int]) -> Finding:
    return Finding(len(places), rows[places[0]].where if places else None)
