"""Lines over an axis: what is drawn, before it is known where."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MOST_TICKS = 8


@dataclass(frozen=True)
class Line:
    """Points in the order of x, joined to a line or not; what is not finite is left out."""

    name: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] | None = None
    """With `high`: the band around the line, such as an interval."""
    high: Sequence[float] | None = None
    is_joined: bool = True

    def points(self) -> Iterator[tuple[float, float]]:
        """The points that can be drawn."""
        return ((x, y) for x, y in zip(self.x, self.y, strict=True) if math.isfinite(x) and math.isfinite(y))


@dataclass(frozen=True)
class Chart:
    """One picture: lines, what the axes mean with their units, and a title that says what is shown."""

    title: str
    x_label: str
    y_label: str
    lines: Sequence[Line]
    is_log_x: bool = False
    is_log_y: bool = False

    @property
    def x(self) -> "Axis":
        """The axis that all lines' places fit on."""
        return Axis.around([x for line in self.lines for x, _ in line.points()], self.is_log_x)

    @property
    def y(self) -> "Axis":
        """The axis that all lines' heights fit on, bands included."""
        bands = [value for line in self.lines for band in (line.low, line.high) if band is not None for value in band]
        return Axis.around([y for line in self.lines for _, y in line.points()] + bands, self.is_log_y)


@dataclass(frozen=True)
class Axis:
    """From the least to the largest number; a logarithmic one shows what is above 0."""

    least: float
    most: float
    is_log: bool

    @classmethod
    def around(cls, values: Sequence[float], is_log: bool) -> "Axis":
        """The axis that shows these: of no length never, so that a constant line has a place."""
        shown = [value for value in values if math.isfinite(value) and (value > 0 or not is_log)]
        if not shown:
            return cls(1.0, 10.0, is_log) if is_log else cls(0.0, 1.0, is_log)
        least, most = min(shown), max(shown)
        if least == most:
            least, most = (least / 2, most * 2) if is_log else (least - (abs(least) or 1) / 2, most + (abs(most) or 1) / 2)
        return cls(least, most, is_log)

    def share(self, value: float) -> float | None:
        """Where a number stands, from 0 to 1; None for what a logarithm does not have."""
        if not self.is_log:
            return (value - self.least) / (self.most - self.least)
        return math.log(value / self.least) / math.log(self.most / self.least) if value > 0 else None

    def ticks(self, most: int = MOST_TICKS) -> list[float]:
        """Round numbers on the axis, at most so many: 1, 2 or 5 times a power of ten apart; powers of ten on a logarithmic one."""
        if self.is_log and self.most / self.least >= 100:
            first, last = math.ceil(math.log10(self.least) - 1e-9), math.floor(math.log10(self.most) + 1e-9)
            return [10.0**power for power in range(first, last + 1, max(1, -(-(last - first + 1) // most)))]
        step = _round_step((self.most - self.least) / most)
        first, last = math.ceil(self.least / step - 1e-9), math.floor(self.most / step + 1e-9)
        return [number * step for number in range(first, last + 1)]


def _round_step(least: float) -> float:
    """The smallest of 1, 2, 5 times a power of ten that is at least this."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * (1 - 1e-9))


def tick_label(value: float, axis: Axis) -> str:
    """`1,000`, `0.25`, `1e-07`: a tick in as few letters as tell it from its neighbours."""
    size = abs(value)
    if size and (size < 1e-4 or size >= 1e7):
        return f"{value:.3g}"
    if axis.is_log:
        return f"{value:,.10g}"
    step = _round_step((axis.most - axis.least) / MOST_TICKS)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return f"{value + 0.0:,.{decimals}f}" if decimals < 8 else f"{value:.4g}"
