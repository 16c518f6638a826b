"""A trained forecaster: it goes on with a series, value by value if need be, and is measured on one."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.model import SavedModel
from charnn.data.series import Series, read_series
from charnn.errors import DataError, SettingError
from charnn.metrics.forecasting import coverage, forecast_metrics, interval, naive_forecast, verdict
from charnn.tasks.forecaster.model import Draws, Forecaster, Moment, together
from charnn.tasks.forecaster.scaling import Floats
from charnn.tasks.forecaster.settings import ForecasterSettings

SHARES = (0.8, 0.95)
"""Shares of the values that intervals are to hold, in an evaluation."""

COURSES = {"predict": 1000, "evaluate": 200}
"""Possible courses that an interval is taken from."""

ROWS = 16_384
"""Courses computed side by side, at most ..."""

MOST_DRAWN = 1 << 24
"""... and numbers of them: many steps of many columns would take all memory."""

MOST_KEPT = 100_000_000
"""Numbers of the courses of one forecast, at most."""


@dataclass(frozen=True, eq=False)
class Forecast:
    """The next values of a series."""

    times: tuple[str, ...] | None
    values: Floats
    """(steps, targets)"""
    low: Floats | None = None
    """(steps, targets): with `high`, the interval."""
    high: Floats | None = None


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from many origins of a series, one after another."""

    stops: NDArray[np.int64]
    """(origins,) how many values were known."""
    true: Floats
    """(origins, steps, targets)"""
    found: Floats
    """(origins, steps, targets)"""
    bounds: Floats
    """(shares, 2, origins, steps, targets) ends of the intervals of SHARES."""


class TrainedForecaster:
    """Predictions in the units of the series."""

    task = "forecaster"

    def __init__(self, saved: SavedModel, name: str = "model") -> None:
        """Raises CheckpointError or SettingError for a file whose contents make no model."""
        self.saved = saved
        self.name = name
        self.settings = ForecasterSettings.from_plain(saved.settings)
        self.model = Forecaster.restore(self.settings, saved.learned, saved.tensors)

    @property
    def targets(self) -> tuple[str, ...]:
        """The names of the columns that are predicted."""
        past = self.model.background.past
        return past.columns[: past.targets]

    @property
    def past(self) -> Series:
        """The end of the series that the model was trained on."""
        return self.model.background.past

    def read(self, paths: Sequence[str | Path]) -> Series:
        """A series with the columns that the model knows. Raises DataError."""
        series = read_series(paths, self.settings.data, self.model.background.columns)
        if self.model.clock is not None and series.clock is None:
            what = f"those in {series.time_column} cannot be read or do not rise"
            raise DataError(f"{paths[0]}: the model was trained with times, and {what}; correct them, or train with --no-calendar")
        return series

    def predict(self, series: Series | None = None, *, steps: int = 1, share: float | None = None, seed: int = 0) -> Forecast:
        """The next values of a series, by default of the one the model was trained on.

        share: of the values that the interval is to hold, drawn from 1,000 possible courses. Raises SettingError, DataError.
        """
        return self.stream(series).forecast(steps, share=share, seed=seed)

    def stream(self, series: Series | None = None) -> "Stream":
        """A forecaster that has read a series and reads on, a value a step."""
        return Stream(self.model, self.past if series is None else series)

    def evaluate(
        self, paths: Sequence[str | Path], *, last: int | None = None, horizon: int | None = None, stride: int = 1
    ) -> dict[str, Any]:
        """Metrics of a rolling-origin backtest over the last values of a series. Raises DataError, SettingError."""
        series = self.read(paths)
        return measured(self.model, series, backtest(self.model, series, last=last, horizon=horizon, stride=stride))


class Stream:
    """Where a forecaster stands in a series; a new value costs a step."""

    def __init__(self, model: Forecaster, series: Series) -> None:
        """Raises DataError for a series that is too short."""
        self.model, self.series = model, series.last(context(model))
        check_length(model, len(self.series), 0)
        levels = model.scaling.levels(self.series)
        self._moment = model.walk(levels, model.turns(self.series, 1), [len(levels)])[0]
        self._time = None if series.times is None else series.times[-1]

    def push(self, values: Sequence[float], time: str | None = None) -> None:
        """Reads the next value of every column, in the order of the model's. Raises DataError."""
        if not np.isfinite(values).all():
            raise DataError(f"the new value is {', '.join(map(str, values)):.80}, which is no number; fill it in")
        row = Series(self.series.columns, self.series.targets, np.array([values], np.float64), ("the new value",))
        levels = self.model.scaling.levels(row)
        self._time = time or self._later(1)
        turns = np.zeros(0) if self.model.clock is None or self._time is None else self._turns([self._later(1) or ""])[0]
        self._moment = self.model.step(self._moment, levels, turns)

    def forecast(self, steps: int, *, share: float | None = None, seed: int = 0) -> Forecast:
        """The next values, and the interval that is to hold this share of them. Raises SettingError, DataError."""
        most = MOST_KEPT // (COURSES["predict"] * (len(self.series.columns) + self.model.angles))
        if share is not None and steps > most:
            raise SettingError("steps", f"can be at most {most:,} with an interval, got {steps:,}; give fewer")
        times = [self._later(step) for step in range(1, steps + 2)]
        clock, targets = self.model.clock, self.series.targets
        turns = np.zeros((steps, 0)) if clock is None else self._turns([time or "" for time in times[1:]])
        values = self.model.scaling.values(self.model.ahead(self._moment, turns[None], steps))[0, :, :targets]
        shown = None if times[0] is None else tuple(time or "" for time in times[:-1])
        if share is None:
            return Forecast(shown, values)
        courses = drawn(self.model, self._moment, turns[None], steps, COURSES["predict"], seed)[..., :targets]
        low, high = interval(courses, share)
        return Forecast(shown, values, low[0], high[0])

    def _turns(self, times: Sequence[str]) -> Floats:
        assert self.model.clock is not None
        return np.array(self.model.clock.angles(times)).reshape(len(times), self.model.angles)

    def _later(self, steps: int) -> str | None:
        clock = self.series.clock
        return None if clock is None or self._time is None else clock.after(self._time, steps)


def context(model: Forecaster) -> int:
    """Values that are read before a prediction, at most: what lies further back than eight windows has faded."""
    return model.scaling.lag + 1 + 8 * (model.settings.loop.window or 500)


def check_length(model: Forecaster, known: int, last: int) -> None:
    """Raises DataError for a series of which too little is known to predict anything."""
    least = model.scaling.lost + 1
    if known < least:
        where = f"before the last {last:,}" if last else "in it"
        raise DataError(f"the series is too short: {max(known, 0):,} values {where}, and the model needs {least:,}; give a longer one")


def backtest(
    model: Forecaster, series: Series, *, last: int | None = None, horizon: int | None = None, stride: int = 1, seed: int = 0
) -> Backtest:
    """Forecasts of so many steps from every `stride`-th place of the last values, each knowing all before it and nothing after."""
    steps = horizon or model.settings.network.horizon
    count = last or model.settings.loop.held_out or len(series) - max(model.scaling.lost + 1, model.settings.loop.window or 0)
    if count < steps:
        raise SettingError("horizon", f"must be at most the {max(count, 0):,} values to predict, got {steps:,}; give a smaller one")
    check_length(model, len(series) - count, count)
    stops = np.arange(len(series) - count, len(series) - steps + 1, stride)
    levels, turns = model.scaling.levels(series), model.turns(series, steps + 1)
    moment = together(model.walk(levels, turns, stops.tolist()))
    ahead = stops[:, None] + 1 + np.arange(steps)
    numbers = steps * (len(series.columns) + model.angles)
    per, targets = max(1, min(ROWS, MOST_DRAWN // numbers) // COURSES["evaluate"]), series.targets
    bounds = []
    for begin in range(0, len(stops), per):
        rows = np.arange(begin, min(begin + per, len(stops)))
        courses = drawn(model, moment.pick(rows), turns[ahead[rows]], steps, COURSES["evaluate"], seed + begin)[..., :targets]
        bounds.append(np.stack([interval(courses, share) for share in SHARES]))
    true = series.values[stops[:, None] + np.arange(steps), :targets]
    values = model.scaling.values(model.ahead(moment, turns[ahead], steps))[..., :targets]
    return Backtest(stops, true, values, np.concatenate(bounds, 2))


def measured(model: Forecaster, series: Series, test: Backtest) -> dict[str, Any]:
    """What JSON holds of a backtest: the network's metrics, the naive forecasts', coverage, and a verdict."""
    names = series.columns[: series.targets]
    each = {name: _measured(model, series, test, number) for number, name in enumerate(names)}
    result = {"examples": len(test.stops), "origins": len(test.stops), "horizon": test.true.shape[1], "season": model.background.season}
    if len(each) == 1:
        return {**result, **each[names[0]]}
    return {**result, **_mean(list(each.values())), "targets": each}


def drawn(model: Forecaster, moment: Moment, turns: Floats, steps: int, courses: int, seed: int) -> Floats:
    """(batch, steps, angles) of each series -> (batch, courses, steps, columns) values of possible courses."""
    rows = np.repeat(np.arange(len(moment.said)), courses)
    ahead = model.ahead(moment.pick(rows), turns[rows], steps, Draws(courses, seed))
    return model.scaling.values(ahead).reshape(len(moment.said), courses, steps, -1)


def _measured(model: Forecaster, series: Series, test: Backtest, number: int) -> dict[str, Any]:
    """One target's metrics."""
    scale, season, values = model.background.naive_errors[number], model.background.season, series.values[:, number]
    true, found = test.true[..., number], test.found[..., number]
    steps = true.shape[1]
    metrics: dict[str, Any] = dict(forecast_metrics(true, found, scale))
    metrics["naive"] = forecast_metrics(true, naive_forecast(values, test.stops, steps), scale)
    is_seasonal = season is not None and season <= test.stops[0]
    seasonal = forecast_metrics(true, naive_forecast(values, test.stops, steps, season or 1), scale) if is_seasonal else None
    metrics["seasonal_naive"] = seasonal
    held = {str(share): coverage(true, *bounds[..., number]) for share, bounds in zip(SHARES, test.bounds, strict=True)}
    metrics["coverage"] = {share: inside for share, (inside, _) in held.items()}
    metrics["interval_width"] = {share: width for share, (_, width) in held.items()}
    metrics["mae_by_step"] = np.abs(found - true).mean(0).tolist()
    return {**metrics, "verdict": verdict(metrics)}


def _mean(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """The means over targets of what has a mean."""
    found: dict[str, Any] = {}
    for name, value in each[0].items():
        values = [one[name] for one in each]
        if isinstance(value, dict):
            found[name] = _mean(values) if all(values) else None
        elif isinstance(value, float):
            found[name] = None if None in values else float(np.mean(values))
    return found
