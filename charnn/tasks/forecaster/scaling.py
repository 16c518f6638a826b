"""A series as a network sees it, and back: logarithms, differences, one scale for all."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.series import Series
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import shown
from charnn.tasks.forecaster.settings import ScalingSettings

Floats = NDArray[np.float64]

FARTHEST = 1e6
"""Deviations from the mean at which values are cut off: of less than a million million values none is as far from their own mean."""


@dataclass(frozen=True, eq=False)
class Scaling:
    """Means and standard deviations of the training part.

    A level is a value, or its logarithm. The network reads standardised levels and predicts by how much each of the next ones is above
    the last; with `difference` k it reads and predicts standardised differences to the level k steps before.
    """

    settings: ScalingSettings
    mean: Floats  # (columns,) of what is read
    deviation: Floats  # (columns,)
    change_mean: Floats  # (horizon, columns) of what is predicted
    change_deviation: Floats  # (horizon, columns)

    @classmethod
    def fit(cls, series: Series, settings: ScalingSettings, horizon: int) -> "Scaling":
        """Return means and deviations of a training part; raise DataError for a constant column, SettingError where nothing is left."""
        plain = cls(settings, *(np.zeros(0) for _ in range(4)))
        levels = plain.levels(series)
        if len(levels) <= settings.difference + horizon + 1:
            raise SettingError("difference", f"and the horizon leave nothing of {len(levels):,} values to learn from; give smaller ones")
        read = plain._read(levels)
        changes = plain._changes(levels, horizon)
        mean, deviation = read.mean(0), read.std(0)
        change_mean, change_deviation = np.nanmean(changes, 0), np.nanstd(changes, 0)
        # What is as small as the rounding of the values themselves is no change.
        least = 1e-9 * np.maximum(np.abs(levels).max(0), 1e-300)
        for number, name in enumerate(series.columns):
            if deviation[number] <= least[number] or change_deviation[0, number] <= least[number]:
                what = f"the differences of {name} never change" if settings.difference else f"{name} never changes"
                raise DataError(f"{series.places[0]}: {what} in the training part; there is nothing to learn")
        if settings.difference:  # those that are read and those that are predicted are the same
            change_mean, change_deviation = (np.tile(part, (horizon, 1)) for part in (mean, deviation))
        else:  # a trend of the training part need not go on
            change_mean = np.zeros_like(change_mean)
        return cls(settings, mean, deviation, change_mean, np.maximum(change_deviation, least))

    @property
    def lag(self) -> int:
        """Return the number of levels between a level and that to which a difference is predicted."""
        return max(1, self.settings.difference)

    @property
    def lost(self) -> int:
        """Return the number of first values that no input can be made of."""
        return self.settings.difference

    def levels(self, series: Series) -> Floats:
        """Return the (time, columns) values or their logarithms; raise DataError with path:line for a value that has none."""
        if not self.settings.log:
            return series.values
        row, column = np.nonzero(series.values <= 0)
        if len(row):
            value, where = series.values[row[0], column[0]], series.places[row[0]] if series.places else f"value {row[0] + 1:,}"
            raise DataError(f"{where}: {series.columns[column[0]]} is {value:g}, and --log needs values above 0; leave it out")
        return np.log(series.values)

    def inputs(self, levels: Floats) -> NDArray[np.float32]:
        """(time, columns) levels -> (time - lost, columns) of what the network reads."""
        return _narrowed((self._read(levels) - self.mean) / self.deviation)

    def next_input(self, recent: Floats) -> NDArray[np.float32]:
        """(..., lag + lost and one more, columns) last levels -> (..., columns): what the network reads of the last."""
        read = recent[..., -1, :] - (recent[..., -1 - self.lost, :] if self.lost else 0.0)
        return _narrowed((read - self.mean) / self.deviation)

    def targets(self, levels: Floats) -> NDArray[np.float32]:
        """(time, columns) levels -> (time - lost, horizon, columns) of what is right after each input; NaN where it is not known."""
        return _narrowed((self._changes(levels, len(self.change_mean)) - self.change_mean) / self.change_deviation)

    def ahead(self, outputs: Floats, recent: Floats) -> Floats:
        """(..., horizon, columns) outputs and (..., at least lag, columns) last levels -> (..., horizon, columns) next levels."""
        changes = self.change_mean + self.change_deviation * outputs
        if not self.settings.difference:
            return recent[..., -1:, :] + changes
        levels = np.concatenate([recent[..., -self.lag :, :], changes], -2)
        for step in range(self.lag, levels.shape[-2]):
            levels[..., step, :] += levels[..., step - self.lag, :]
        return levels[..., self.lag :, :]

    def values(self, levels: Floats) -> Floats:
        """Return levels as values again."""
        # What no value could be is cut off, so that a forecast that ran away is still a number.
        return np.exp(np.minimum(levels, 700.0)) if self.settings.log else levels

    def plain(self) -> dict[str, Any]:
        """Return JSON-ready data, without the settings."""
        return {name: getattr(self, name).tolist() for name in ("mean", "deviation", "change_mean", "change_deviation")}

    @classmethod
    def restore(cls, settings: ScalingSettings, plain: Any, *, horizon: int, columns: int) -> "Scaling":
        """Return the scales of a model file; raise CheckpointError."""
        shapes = {"mean": (columns,), "deviation": (columns,), "change_mean": (horizon, columns), "change_deviation": (horizon, columns)}
        if not isinstance(plain, dict) or plain.keys() != shapes.keys():
            raise CheckpointError(f"the model's scales are damaged: {shown(plain)}")
        return cls(settings, **{name: _numbers(name, plain[name], shape) for name, shape in shapes.items()})

    def _read(self, levels: Floats) -> Floats:
        k = self.settings.difference
        return levels[k:] - levels[:-k] if k else levels

    def _changes(self, levels: Floats, horizon: int) -> Floats:
        """(time - lost, horizon, columns)"""
        read = self._read(levels)
        padded = np.concatenate([read, np.full((horizon, read.shape[1]), np.nan)])
        ahead = np.stack([padded[step : step + len(read)] for step in range(1, horizon + 1)], 1)
        return ahead if self.settings.difference else ahead - read[:, None]


def _narrowed(scaled: Floats) -> NDArray[np.float32]:
    """Return the same in the network's precision, cut off beyond FARTHEST so that it stays a number."""
    return np.clip(scaled, -FARTHEST, FARTHEST).astype(np.float32)


def _numbers(name: str, plain: Any, shape: tuple[int, ...]) -> Floats:
    try:
        array = np.array(plain, np.float64)
    except (ValueError, TypeError, OverflowError):
        array = np.zeros(0)
    is_scale = name.endswith("deviation")
    if array.shape != shape or not np.isfinite(array).all() or (is_scale and (array <= 0).any()):
        raise CheckpointError(f"the model's scales are damaged: {name} is {shown(plain)}")
    return array
