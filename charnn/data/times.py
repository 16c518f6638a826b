"""The times of a series: their format, the step between them, the times that follow, and features for a network."""

import calendar
import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

from charnn.errors import CheckpointError, DataError
from charnn.settings import shown

FORMATS = (
    *("%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%dT%H:%M", "%Y-%m-%d", "%Y-%m", "%Y"),
    *("%Y/%m/%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y/%m/%d", "%d.%m.%Y %H:%M", "%d.%m.%Y", "%m/%d/%Y %H:%M", "%m/%d/%Y", "%b %Y", "%Y%m%d"),
)
"""Formats of times, in the order in which they are tried."""

MINUTE, DAY = 60, 86_400

SEASONS = ((MINUTE, 60 * MINUTE), (DAY / 2, DAY), (DAY, 7 * DAY), (7 * DAY, 364 * DAY))
"""(longest step, season) in seconds: an hour, a day, a week, a year; the first whose step is long enough applies."""

MONTH_SEASONS = {1: 12, 2: 6, 3: 4, 6: 2}  # Values in a season by months between two values


@dataclass(frozen=True)
class Clock:
    """The format of the times of a series, and the step from each to the next."""

    format: str  # One of FORMATS
    months: int  # Months between two values; 0 where the step is in seconds
    seconds: float

    def after(self, time: str, steps: int) -> str:
        """Return the time `steps` later, in a shorter month its last day; raise DataError for another format, and after the year 9999."""
        try:
            begin = datetime.strptime(time, self.format)
        except ValueError:
            raise DataError(f"the time {time!r:.40} is not written as those before it, {self.format}; correct it") from None
        try:
            end = _months_later(begin, self.months * steps) if self.months else begin + timedelta(seconds=self.seconds * steps)
        except (ValueError, OverflowError):
            later = f"{steps:,} step{'' if steps == 1 else 's'} after {time}"
            raise DataError(f"there is no time {later}: years end with 9999; give fewer steps, or other times") from None
        return end.strftime(self.format.replace("%Y", f"{end.year:04}"))  # %Y alone writes the year 33 as 33

    @property
    def season(self) -> int | None:
        """The usual number of values in a season; None where there is no usual one."""
        if self.months:
            return MONTH_SEASONS.get(self.months)
        length = next((season for longest, season in SEASONS if self.seconds <= longest), 0)
        season = int(length // self.seconds)
        return season if season > 1 and season * self.seconds == length else None

    @property
    def words(self) -> str:
        """The step in words: `every month`, `every 2 hours`."""
        if self.months:
            return _every(self.months, "month") if self.months % 12 else _every(self.months // 12, "year")
        for size, unit in ((7 * DAY, "week"), (DAY, "day"), (60 * MINUTE, "hour"), (MINUTE, "minute"), (1, "second")):
            if self.seconds >= size and self.seconds % size == 0:
                return _every(int(self.seconds / size), unit)
        return f"every {self.seconds:g} seconds"

    @property
    def cycles(self) -> tuple[str, ...]:
        """The names of CYCLES in which values of this step have different phases."""
        days = self.months * 30 if self.months else self.seconds / DAY
        return tuple(name for name, (longest, _) in CYCLES.items() if days <= longest)

    def time_features(self, times: Sequence[str]) -> list[list[float]]:
        """Return the (time, 2 per cycle) sine and cosine of each time's phase in each of the cycles."""
        found = []
        for time in times:
            moment = datetime.strptime(time, self.format)
            phases = [2 * math.pi * CYCLES[name][1](moment) for name in self.cycles]
            found.append([value for phase in phases for value in (math.sin(phase), math.cos(phase))])
        return found

    def plain(self) -> dict[str, Any]:
        """Return the format of the times and the step between them as JSON-ready data."""
        return dict(vars(self))

    @classmethod
    def restore(cls, plain: Any) -> "Clock":
        """Return the clock that gave plain(). Raises CheckpointError."""
        if isinstance(plain, dict) and plain.keys() == {"format", "months", "seconds"} and plain["format"] in FORMATS:
            months, seconds = plain["months"], plain["seconds"]
            is_step = type(months) is int and type(seconds) in (int, float) and 0 <= months < 10_000 and 0 <= seconds < 1e10
            if is_step and bool(months) != bool(seconds):
                return cls(**plain)
        raise CheckpointError(f"the model's times are damaged: {shown(plain)}")


CYCLES = {
    "month": (31.0, lambda moment: (moment.month - 1) / 12),
    "weekday": (1.0, lambda moment: moment.weekday() / 7),
    "hour": (0.5, lambda moment: (moment.hour + moment.minute / 60) / 24),
}
"""For each cycle the longest step, in days, at which its phase still changes, and the phase of a time, from 0 to 1."""


def find_clock(times: Sequence[str]) -> tuple[Clock | None, int]:
    """Return the clock of times, and how many do not follow it; None where they cannot be read or do not rise."""
    for style in FORMATS:
        try:
            moments = [datetime.strptime(time, style) for time in times]
        except ValueError:
            continue
        if style == "%Y" and any(len(time) != 4 for time in times):
            continue
        steps = Counter(_step(first, second) for first, second in pairwise(moments))
        (months, seconds), count = next(iter(steps.most_common(1)), ((0, 0.0), 0))
        return (Clock(style, months, seconds), steps.total() - count) if months > 0 or seconds > 0 else (None, 0)
    return None, 0


def late_places(clock: Clock, times: Sequence[str]) -> list[int]:
    """Return the positions of the times that are not one step of the clock after the time before."""
    moments = [datetime.strptime(time, clock.format) for time in times]
    return [place for place, (first, second) in enumerate(pairwise(moments), 1) if _step(first, second) != (clock.months, clock.seconds)]


def _step(first: datetime, second: datetime) -> tuple[int, float]:
    """Return (months, 0) where only the month changed, as far as the months' lengths allow; else (0, seconds)."""
    months = (second.year - first.year) * 12 + second.month - first.month
    is_later = months > 0 and (_months_later(first, months) == second or (_is_last_day(first) and _is_last_day(second)))
    return (months, 0.0) if is_later and first.time() == second.time() else (0, (second - first).total_seconds())


def _months_later(moment: datetime, months: int) -> datetime:
    year, month = divmod(moment.year * 12 + moment.month - 1 + months, 12)
    last = calendar.monthrange(year, month + 1)[1]
    day = last if _is_last_day(moment) and moment.day > 27 else min(moment.day, last)
    return moment.replace(year=year, month=month + 1, day=day)


def _is_last_day(moment: datetime) -> bool:
    return moment.day == calendar.monthrange(moment.year, moment.month)[1]


def _every(count: int, unit: str) -> str:
    return f"every {unit}" if count == 1 else f"every {count} {unit}s"
