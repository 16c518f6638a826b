"""Charts of lines, and their axes, before they are drawn in a terminal or a file."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TICKS = 8
NARROWEST = 1e-9  # Numbers with a smaller relative difference are drawn as one, since their ticks would differ in the tenth digit only
SMALLEST, LARGEST = 1e-100, 1e100  # The least length of an axis, and the largest number on it, so that no calculation overflows


def has_place(value: float) -> bool:
    """Return whether a number can be drawn: it is finite and at most LARGEST in size."""
    return abs(value) <= LARGEST


@dataclass(frozen=True)
class Line:
    """Points in the order of x, joined to a line or not; those without a place on the axes are left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None  # With `high`: the band around the line, such as an interval
    high: Sequence[float] | None = None
    is_joined: bool = True
    notes: Sequence[str] | None = None  # Texts above the points of a picture
    colour: int | None = None  # Lines with the same number have the same colour; by default each has its own
    is_dashed: bool = False

    def points(self) -> Iterator[tuple[float, float]]:
        """Return the points that can be drawn."""
        return ((x, y) for x, y in zip(self.x, self.y, strict=True) if has_place(x) and has_place(y))


@dataclass(frozen=True)
class Chart:
    """One picture: lines, labels of the axes with their units, and a title."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    is_log_x: bool = False
    is_log_y: bool = False

    @property
    def x(self) -> "Axis":
        """Return the horizontal axis, from the smallest to the largest x of all points."""
        return Axis.around([x for x, _ in self._points()], self.is_log_x)

    @property
    def y(self) -> "Axis":
        """Return the vertical axis, on which all points and bands fit."""
        bands = [value for line in self.lines for band in (line.low, line.high) if band is not None for value in band]
        return Axis.around([y for _, y in self._points()] + bands, self.is_log_y)

    def _points(self) -> Iterator[tuple[float, float]]:
        """Return the points of all lines that can be drawn on both axes."""
        left, bottom = (SMALLEST if is_log else -LARGEST for is_log in (self.is_log_x, self.is_log_y))
        return ((x, y) for line in self.lines for x, y in line.points() if x >= left and y >= bottom)


@dataclass(frozen=True)
class Axis:
    """An axis from the least to the largest number; a logarithmic one has only numbers above 0."""

    least: float
    most: float
    is_log: bool

    @classmethod
    def around(cls, values: Sequence[float], is_log: bool) -> "Axis":
        """Return an axis that fits these numbers; it always has a length, so that a constant line has a place."""
        shown = [float(value) for value in values if has_place(value) and (value >= SMALLEST or not is_log)]
        if not shown:
            return cls(1.0, 10.0, is_log) if is_log else cls(0.0, 1.0, is_log)
        least, most = min(shown), max(shown)
        size = max(abs(least), abs(most))
        if most - least <= max(size * NARROWEST, SMALLEST):
            room = max(size / 2, SMALLEST) if size else 0.5
            return cls(least / 2, most * 2, is_log) if is_log else cls(least - room, most + room, is_log)
        return cls(least, most, is_log)

    def fraction(self, value: float) -> float | None:
        """Return the place of a number, 0 at the beginning and 1 at the end; None for a number without a logarithm."""
        if not self.is_log:
            return (value - self.least) / (self.most - self.least)
        if not value >= SMALLEST / 2:
            return None
        return (math.log(value) - math.log(self.least)) / (math.log(self.most) - math.log(self.least))

    def ticks(self, most: int = MOST_TICKS) -> list[float]:
        """Return at most `most` + 1 round numbers on the axis: 1, 2 or 5 times a power of ten apart, or powers of ten."""
        if self.is_log and self.most >= 100 * self.least:
            first, last = math.ceil(math.log10(self.least) - 1e-9), math.floor(math.log10(self.most) + 1e-9)
            apart = max(1, -(-(last - first + 1) // most))
            # 1 is among them where it is on the axis, since fractions are compared with it.
            return [float(f"1e{power}") for power in range(first, last + 1) if power % apart == 0] or [float(f"1e{first}")]
        for digits in ((1, 2, 5), (1,)) if self.is_log else ():
            if 2 <= len(ticks := self._round(digits)) <= most:
                return ticks
        step = self.step(most)
        first, last = math.ceil(self.least / step - 1e-9), math.floor(self.most / step + 1e-9)
        # Between -42 and -1 there is no multiple of 50, and there are two of 20.
        return [number * step for number in range(first, last + 1)] or self.ticks(most + 1)

    def _round(self, digits: Sequence[int]) -> list[float]:
        """Return the multiples of powers of ten by these digits that are on the axis."""
        powers = range(math.floor(math.log10(self.least)), math.ceil(math.log10(self.most)) + 1)
        found = [float(f"{digit}e{power}") for power in powers for digit in digits]
        return [tick for tick in found if self.least * (1 - 1e-9) <= tick <= self.most * (1 + 1e-9)]

    def step(self, most: int = MOST_TICKS) -> float:
        """Return the smallest of 1, 2, 5 times a power of ten with at most `most` multiples on the axis."""
        least = (self.most - self.least) / max(most, 1)
        power = math.floor(math.log10(least))
        # From its digits, since multiplying a power of ten does not always give the nearest number.
        return next(step for digit in ("1", "2", "5", "10") if (step := float(f"{digit}e{power}")) >= least * (1 - 1e-9))


def tick_label(tick: float, axis: Axis, most: int = MOST_TICKS) -> str:
    """Return the shortest text of a tick, `1,000`, `0.25` or `1e-07`, that differs from those of its neighbours."""
    if axis.is_log:
        return f"{tick:g}" if tick < 1e-4 or tick >= 1e7 else f"{tick:,.10g}"
    if abs(tick) < 1e-9 * (axis.most - axis.least):
        return "0"
    power, size = math.floor(math.log10(axis.step(most)) + 1e-9), max(abs(axis.least), abs(axis.most))
    digits = max(1, math.floor(math.log10(abs(tick)) + 1e-9) - power + 1)
    if size < 1e-4 or (size >= 1e7 and digits < 6):  # Of more digits the whole number is easier to read.
        return f"{tick:.{digits}g}"
    return f"{tick:,.{max(0, -power)}f}"
