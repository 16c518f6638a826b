"""Backtests: forecasts of the last values of a series from many origins, and their metrics."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.series import Series
from charnn.metrics.forecasting import coverage, forecast_metrics, interval, naive_forecast, verdict
from charnn.tasks.forecaster.data import History
from charnn.tasks.forecaster.predictor import Predictor, feature_count
from charnn.tasks.forecaster.scaling import Floats

FRACTIONS = (0.8, 0.95)  # Fractions of the values that the intervals should contain
PATHS = 200  # Sample paths of an interval
ROWS = 16_384  # Most sample paths computed at once
MOST_DRAWN = 1 << 24  # Most random numbers of them: many steps of many columns would take all memory


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from many origins of a series."""

    stops: NDArray[np.int64]  # (origins,) numbers of known values
    true: Floats  # (origins, steps, targets)
    predicted: Floats  # (origins, steps, targets)
    bounds: Floats  # (fractions, 2, origins, steps, targets) ends of the intervals for FRACTIONS


def backtest(predictor: Predictor, residuals: Floats, series: Series, stops: NDArray[np.int64], steps: int) -> Backtest:
    """Return forecasts after each of the (origins,) numbers of values, which know only the values before."""
    scaling, targets = predictor.scaling, series.targets
    levels, features = scaling.levels(series), predictor.features(series, steps + 1)
    moment = predictor.walk(levels, features, stops.tolist())
    places = stops[:, None] + np.arange(steps)
    ahead = features[places + 1]
    numbers = steps * (len(series.columns) + feature_count(predictor.clock))
    per = max(1, min(ROWS, MOST_DRAWN // numbers) // PATHS)
    bounds = []
    for begin in range(0, len(stops), per):
        rows = np.arange(begin, min(begin + per, len(stops)))
        paths = predictor.paths(residuals, moment.pick(rows), ahead[rows], steps, count=PATHS, seed=begin)[..., :targets]
        bounds.append(np.stack([interval(paths, fraction) for fraction in FRACTIONS]))
    predicted = scaling.values(predictor.ahead(moment, ahead, steps))[..., :targets]
    return Backtest(stops, series.values[places, :targets], predicted, np.concatenate(bounds, 2))


def measured(history: History, series: Series, test: Backtest) -> dict[str, Any]:
    """Return the JSON-ready results of a backtest: metrics of the network and the naive forecasts, coverage, and a verdict."""
    names = series.columns[: series.targets]
    each = {name: _measured(history, series.values[:, number], test, number) for number, name in enumerate(names)}
    result = {"examples": len(test.stops), "origins": len(test.stops), "horizon": test.true.shape[1], "season": history.season}
    if len(each) == 1:
        return {**result, **each[names[0]]}
    return {**result, **_mean(list(each.values())), "targets": each}


def _measured(history: History, values: Floats, test: Backtest, number: int) -> dict[str, Any]:
    """Return the metrics of target `number`, given its (time,) values."""
    scale, season = history.naive_errors[number], history.season
    true, predicted = test.true[..., number], test.predicted[..., number]
    steps = true.shape[1]
    is_seasonal = season is not None and season <= test.stops[0]
    covered = {str(one): coverage(true, *bounds[..., number]) for one, bounds in zip(FRACTIONS, test.bounds, strict=True)}
    metrics: dict[str, Any] = {
        **forecast_metrics(true, predicted, scale),
        "naive": forecast_metrics(true, naive_forecast(values, test.stops, steps), scale),
        "seasonal_naive": forecast_metrics(true, naive_forecast(values, test.stops, steps, season or 1), scale) if is_seasonal else None,
        "coverage": {fraction: inside for fraction, (inside, _) in covered.items()},
        "interval_width": {fraction: width for fraction, (_, width) in covered.items()},
        "mae_by_step": np.abs(predicted - true).mean(0).tolist(),
    }
    return {**metrics, "verdict": verdict(metrics)}


def _mean(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means of the numbers of all targets; None where a target lacks a number."""
    found: dict[str, Any] = {}
    for name, value in each[0].items():
        values = [one[name] for one in each]
        if isinstance(value, dict):
            found[name] = _mean(values) if all(values) else None
        elif value is None or isinstance(value, float):
            found[name] = None if None in values else float(np.mean(values))
    return found
