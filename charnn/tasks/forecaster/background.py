"""What a forecaster knows of its series besides the network: columns, times, season, and the past that it goes on from."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.series import Columns, Series
from charnn.data.times import Clock
from charnn.errors import CheckpointError, DataError
from charnn.settings import shown
from charnn.tokenizers.vocabulary import is_unicode


@dataclass(frozen=True, eq=False)
class Background:
    """Of the series that a forecaster was trained on."""

    past: Series
    """Its end, held-out part and all, from which predictions go on where no other series is given."""
    season: int | None
    naive_errors: tuple[float, ...]
    """Of each target: the mean absolute error of the seasonal naive forecast of one step on the training part."""

    @property
    def columns(self) -> Columns:
        """How the series is read from a file."""
        return Columns(self.past.columns, self.past.targets, self.past.time_column)

    def plain(self) -> dict[str, Any]:
        """JSON-ready data, but for the values of the past."""
        past = self.past
        return {
            "columns": list(past.columns),
            "targets": past.targets,
            "time_column": past.time_column,
            "times": None if past.times is None else list(past.times),
            "clock": None if past.clock is None else past.clock.plain(),
            "season": self.season,
            "naive_errors": list(self.naive_errors),
        }

    @classmethod
    def restore(cls, plain: Any, values: NDArray[Any] | None) -> "Background":
        """That of a model file. Raises CheckpointError."""
        names = {"columns", "targets", "time_column", "times", "clock", "season", "naive_errors"}
        if not isinstance(plain, dict) or plain.keys() != names:
            raise _damaged("what it knows of its series", plain)
        columns = _strings("columns", plain["columns"])
        if len(set(columns)) < len(columns):
            raise _damaged("columns", list(columns))
        past = array_of("past", values, (len(columns),))
        targets, season, errors = plain["targets"], plain["season"], plain["naive_errors"]
        if not _is_count(targets) or not 1 <= targets <= len(columns):
            raise _damaged("number of targets", targets)
        if season is not None and not (_is_count(season) and 2 <= season <= 100_000):
            raise _damaged("season", season)
        if not isinstance(errors, list) or len(errors) != targets or not all(_is_size(one) for one in errors):
            raise _damaged("naive errors", errors)
        times = None if plain["times"] is None else _strings("times", plain["times"])
        clock = None if plain["clock"] is None else Clock.restore(plain["clock"])
        _check_times(times, clock, plain["time_column"], len(past))
        return cls(Series(columns, targets, past, (), plain["time_column"], times, clock=clock), season, tuple(errors))


def array_of(name: str, array: NDArray[Any] | None, row: tuple[int, ...]) -> NDArray[np.float64]:
    """An array of a model file, of rows of this shape, at least one. Raises CheckpointError."""
    if array is None or array.dtype != np.float64 or array.shape[1:] != row or array.ndim != len(row) + 1 or not len(array):
        raise CheckpointError(f"the model is damaged: its {name} do not fit its settings")
    return array


def _check_times(times: tuple[str, ...] | None, clock: Clock | None, column: Any, rows: int) -> None:
    """Raises CheckpointError unless the times are those of so many rows, and go on."""
    is_name = column is None or (isinstance(column, str) and is_unicode(column))
    if not is_name or (column is None and times is not None) or (clock is not None and times is None):
        raise _damaged("time column", column)
    if times is None:
        return
    if len(times) != rows:
        raise _damaged("times", list(times))
    if clock is not None:
        try:
            clock.angles(times)
            clock.after(times[-1], 1)
        except (ValueError, DataError):
            raise _damaged("times", list(times)) from None


def _strings(name: str, values: Any) -> tuple[str, ...]:
    if not isinstance(values, list) or not values or not all(isinstance(one, str) and is_unicode(one) for one in values):
        raise _damaged(name, values)
    return tuple(values)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_size(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value) and value >= 0


def _damaged(name: str, value: Any) -> CheckpointError:
    return CheckpointError(f"the model's {name} is damaged: {shown(value)}")
