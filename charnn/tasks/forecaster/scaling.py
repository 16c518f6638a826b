"""The scale of a forecaster's network: logarithms, differences and standardised values, there and back."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.series import Series
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import shown
from charnn.tasks.forecaster.settings import ScalingSettings

Floats = NDArray[np.float64]

FARTHEST = 1e6  # Standard deviations from the mean at which inputs are cut off; fewer than 1e12 values never reach it


@dataclass(frozen=True, eq=False)
class Scaling:
    """Means and standard deviations of the training part.

    A level is a value or its logarithm. The network reads standardised levels and predicts the differences of the next ones to the
    last; with `difference` k it reads and predicts standardised differences to the level k steps before.
    """

    settings: ScalingSettings
    mean: Floats  # (columns,) of the inputs
    deviation: Floats  # (columns,) standard deviations of the inputs
    change_mean: Floats  # (horizon, columns) of the targets
    change_deviation: Floats  # (horizon, columns) standard deviations of the targets

    @classmethod
    def fit(cls, series: Series, settings: ScalingSettings, horizon: int) -> "Scaling":
        """Return the scales of a training part; raise DataError for a constant column, SettingError for too few values."""
        plain = cls(settings, *(np.zeros(0) for _ in range(4)))
        levels = plain.levels(series)
        if len(levels) <= settings.difference + horizon + 1:
            raise SettingError("difference", f"and the horizon leave nothing of {len(levels):,} values to learn from; give smaller ones")
        read = plain._read(levels)
        changes = plain._changes(levels, horizon)
        mean, deviation = read.mean(0), read.std(0)
        change_mean, change_deviation = np.nanmean(changes, 0), np.nanstd(changes, 0)
        # Changes as small as the rounding errors of the values are none.
        least = 1e-9 * np.maximum(np.abs(levels).max(0), 1e-300)
        for number, name in enumerate(series.columns):
            if deviation[number] <= least[number] or change_deviation[0, number] <= least[number]:
                what = f"the differences of {name} never change" if settings.difference else f"{name} never changes"
                raise DataError(f"{series.places[0]}: {what} in the training part; there is nothing to learn")
        if settings.difference:  # Inputs and targets are the same
            change_mean, change_deviation = (np.tile(part, (horizon, 1)) for part in (mean, deviation))
        else:  # A trend of the training part need not continue
            change_mean = np.zeros_like(change_mean)
        return cls(settings, mean, deviation, change_mean, np.maximum(change_deviation, least))

    @property
    def lag(self) -> int:
        """Return the number of steps between a level and the one from which its difference is predicted."""
        return max(1, self.settings.difference)

    @property
    def lost(self) -> int:
        """Return the number of first values that yield no input."""
        return self.settings.difference

    def levels(self, series: Series) -> Floats:
        """Return the (time, columns) values or their logarithms; raise DataError with path:line for a value without one."""
        if not self.settings.log:
            return series.values
        row, column = np.nonzero(series.values <= 0)
        if len(row):
            value, where = series.values[row[0], column[0]], series.places[row[0]] if series.places else f"value {row[0] + 1:,}"
            raise DataError(f"{where}: {series.columns[column[0]]} is {value:g}, and --log needs values above 0; leave it out")
        return np.log(series.values)

    def inputs(self, levels: Floats) -> NDArray[np.float32]:
        """(time, columns) levels -> (time - lost, columns) inputs of the network."""
        return _narrowed((self._read(levels) - self.mean) / self.deviation)

    def next_input(self, recent: Floats) -> NDArray[np.float32]:
        """(..., lag + lost + 1, columns) last levels -> (..., columns) input of the network for the last."""
        read = recent[..., -1, :] - (recent[..., -1 - self.lost, :] if self.lost else 0.0)
        return _narrowed((read - self.mean) / self.deviation)

    def targets(self, levels: Floats) -> NDArray[np.float32]:
        """(time, columns) levels -> (time - lost, horizon, columns) targets after each input; NaN where they are not known."""
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
        """Return the values of levels."""
        # Logarithms beyond any number are cut off, so that a diverging forecast stays finite.
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
        lag = self.settings.difference
        return levels[lag:] - levels[:-lag] if lag else levels

    def _changes(self, levels: Floats, horizon: int) -> Floats:
        """Return (time - lost, horizon, columns) changes from each level to the next ones."""
        read = self._read(levels)
        padded = np.concatenate([read, np.full((horizon, read.shape[1]), np.nan)])
        ahead = np.stack([padded[step : step + len(read)] for step in range(1, horizon + 1)], 1)
        return ahead if self.settings.difference else ahead - read[:, None]


def _narrowed(scaled: Floats) -> NDArray[np.float32]:
    """Return scaled values in the network's precision, cut off beyond FARTHEST so that they stay finite."""
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
