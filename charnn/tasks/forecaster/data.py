"""The series of a forecaster: read and divided for training, and the history that a model keeps."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.model import restored_strings
from charnn.data.corpus import corpus_name
from charnn.data.series import Columns, Series, read_series
from charnn.data.times import Clock
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.metrics.forecasting import find_season
from charnn.settings import shown
from charnn.tasks.forecaster.settings import ForecasterSettings
from charnn.tokenizers.vocabulary import is_unicode
from charnn.training.model import Sources

VALID_FRACTION = 0.1  # Default fraction of the values before the held-out part, at their end, to validate on
LEAST_WINDOW, MOST_WINDOW = 24, 500  # Limits of the default window, which is two seasons long


@dataclass(frozen=True, eq=False)
class ForecasterData:
    """A series with the sizes of its parts and its season, and the series of validation files, if there are any."""

    name: str
    series: Series
    valid: Series | None
    sizes: tuple[int, int, int]  # Values to train on, to validate on, and held out, in this order
    season: int | None
    window: int

    @classmethod
    def read(cls, sources: Sources, settings: ForecasterSettings) -> "ForecasterData":
        """Read and divide the series; raise DataError or SettingError for one that cannot be trained on."""
        series = read_series(sources.corpus, settings.data)
        valid = read_series(sources.valid, settings.data) if sources.valid else None
        sizes = divided(len(series), settings, None if sources.valid else sources.valid_fraction or VALID_FRACTION)
        season = season_of(series, series.first(sizes[0]), settings)
        window = settings.loop.window or min(max(LEAST_WINDOW, 2 * (season or 1)), MOST_WINDOW, sizes[0])
        if window > sizes[0]:
            raise SettingError("window", f"must be at most the {sizes[0]:,} values of the training part, got {window:,}")
        return cls(corpus_name([str(one) for one in sources.corpus]), series, valid, sizes, season, window)

    def validation(self, least: int) -> tuple[Series, int]:
        """Return the series to validate on and the number of its first value to predict, `least` in validation files."""
        if self.valid is not None:
            return self.valid, least
        return self.series.first(self.sizes[0] + self.sizes[1]), self.sizes[0]

    def facts(self) -> list[tuple[str, str]]:
        """Return rows with the parts of the series, its season and its times, in words."""
        trained, valid, held_out = (f"{count:,} values" for count in self.sizes)
        series = self.series
        targets, columns = (", ".join(names) for names in (series.columns[: series.targets], series.columns[series.targets :]))
        rows = [
            *self.series.facts,
            *(() if self.valid is None else self.valid.facts[1:]),
            ("training", f"{trained} of {targets}{f', read with {columns}' if columns else ''}"),
            ("validation", "files of its own" if self.valid is not None else f"the {valid} after them"),
            ("held out", f"the last {held_out}" if self.sizes[2] else "nothing"),
            ("season", f"{self.season:,} values" if self.season else "none found"),
        ]
        if series.clock is not None:
            odd = f"; {series.irregular:,} do not come at their time, and are read as if they did" if series.irregular else ""
            rows.append(("times", f"{series.clock.words}{odd}"))
        elif series.time_column is not None:
            rows.append(("times", "cannot be read or do not rise, and are left out"))
        if series.interpolated:
            rows.append(("missing", f"{series.interpolated:,} values, filled in between their neighbours"))
        return rows


def divided(count: int, settings: ForecasterSettings, fraction: float | None) -> tuple[int, int, int]:
    """Return the numbers of values to train on, to validate on, and held out, in this order; raise DataError where too few are left."""
    held_out = count // 10 if settings.loop.held_out is None else settings.loop.held_out
    valid = 0 if fraction is None else max(settings.network.horizon, round((count - held_out) * fraction))
    train = count - held_out - valid
    least = settings.scaling.difference + settings.network.horizon + 3
    if train < least:
        parts = f"{count:,} values, of which {held_out:,} are held out and {valid:,} validated on"
        raise DataError(f"the series is too short: {parts}, and training needs {least:,}; give a longer one, or a smaller --held-out")
    return train, valid, held_out


def season_of(series: Series, train: Series, settings: ForecasterSettings) -> int | None:
    """Return the given season, else that of the times, else that of the values of the training part."""
    if settings.scaling.season is not None:
        return settings.scaling.season
    by_clock = None if series.clock is None else series.clock.season
    return by_clock or find_season(train.values[:, 0])


@dataclass(frozen=True, eq=False)
class History:
    """The part of the training series that predictions need."""

    past: Series  # The end, with the held-out part; predictions continue it by default
    season: int | None
    naive_errors: tuple[float, ...]  # (targets,) mean absolute errors of the seasonal naive forecast of one step on the training part

    @property
    def columns(self) -> Columns:
        """Return the columns to read from a file."""
        return Columns(self.past.columns, self.past.targets, self.past.time_column)

    def plain(self) -> dict[str, Any]:
        """Return JSON-ready data, without the values of the past."""
        past, clock = self.past, self.past.clock
        columns = {"columns": list(past.columns), "targets": past.targets, "time_column": past.time_column}
        times = {"times": None if past.times is None else list(past.times), "clock": None if clock is None else clock.plain()}
        return {**columns, **times, "season": self.season, "naive_errors": list(self.naive_errors)}

    @classmethod
    def restore(cls, plain: Any, values: NDArray[Any] | None) -> "History":
        """Return the history of a model file; raise CheckpointError."""
        if not isinstance(plain, dict) or plain.keys() != {"columns", "targets", "time_column", "times", "clock", "season", "naive_errors"}:
            raise _damaged("history", plain)
        columns = tuple(restored_strings(plain["columns"], "columns", least=1))
        past = array_of("past", values, (len(columns),))
        targets, season, errors = plain["targets"], plain["season"], plain["naive_errors"]
        if not _is_number(targets, int) or not 1 <= targets <= len(columns):
            raise _damaged("number of targets", targets)
        if season is not None and not (_is_number(season, int) and 2 <= season <= 100_000):
            raise _damaged("season", season)
        if not isinstance(errors, list) or len(errors) != targets or not all(_is_number(one, int | float) and one >= 0 for one in errors):
            raise _damaged("naive errors", errors)
        clock = None if plain["clock"] is None else Clock.restore(plain["clock"])
        times = _restored_times(plain["times"], clock, plain["time_column"], len(past))
        return cls(Series(columns, targets, past, (), plain["time_column"], times, clock=clock), season, tuple(errors))


def array_of(name: str, array: NDArray[Any] | None, row: tuple[int, ...]) -> NDArray[np.float64]:
    """Return an array of a model file, with at least one row, each of this shape; raise CheckpointError."""
    if array is None or array.dtype != np.float64 or array.shape[1:] != row or array.ndim != len(row) + 1 or not len(array):
        raise CheckpointError(f"the model is damaged: its {name} do not fit its settings")
    return array


def _restored_times(times: Any, clock: Clock | None, column: Any, rows: int) -> tuple[str, ...] | None:
    """Return the times of a model file; raise CheckpointError unless there is one for each row, and one after the last."""
    is_name = column is None or (isinstance(column, str) and is_unicode(column))
    if not is_name or (column is None and times is not None) or (clock is not None and times is None):
        raise _damaged("time column", column)
    if times is None:
        return None
    if not isinstance(times, list) or len(times) != rows or not all(isinstance(one, str) and is_unicode(one) for one in times):
        raise _damaged("times", times)
    if clock is not None:
        try:
            clock.time_features(times)
            clock.after(times[-1], 1)
        except ValueError:  # DataError is one
            raise _damaged("times", times) from None
    return tuple(times)


def _is_number(value: Any, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool) and (isinstance(value, int) or math.isfinite(value))


def _damaged(name: str, value: Any) -> CheckpointError:
    return CheckpointError(f"the model's {name} is damaged: {shown(value)}")
