"""Forecasts of the last values of a series, from one origin after another, and how good they are."""

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

SHARES = (0.8, 0.95)  # Fractions of the values that the intervals should contain
PATHS = 200  # Sample paths that an interval is taken from
ROWS = 16_384  # Sample paths computed side by side, at most
MOST_DRAWN = 1 << 24  # ... and numbers of them: many steps of many columns would take all memory.


@dataclass(frozen=True, eq=False)
class Backtest:
    """Forecasts from many origins of a series, one after another."""

    stops: NDArray[np.int64]  # (origins,) numbers of values that were known
    true: Floats  # (origins, steps, targets)
    predicted: Floats  # (origins, steps, targets)
    bounds: Floats  # (shares, 2, origins, steps, targets) ends of the intervals of SHARES


def backtest(predictor: Predictor, residuals: Floats, series: Series, stops: NDArray[np.int64], steps: int) -> Backtest:
    """Predict from each of the (origins,) numbers of values, knowing all before it and nothing after."""
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
        bounds.append(np.stack([interval(paths, share) for share in SHARES]))
    predicted = scaling.values(predictor.ahead(moment, ahead, steps))[..., :targets]
    return Backtest(stops, series.values[places, :targets], predicted, np.concatenate(bounds, 2))


def measured(history: History, series: Series, test: Backtest) -> dict[str, Any]:
    """Return what JSON has of a backtest: the metrics of the network and of the naive forecasts, coverage, and a verdict."""
    names = series.columns[: series.targets]
    each = {name: _measured(history, series.values[:, number], test, number) for number, name in enumerate(names)}
    result = {"examples": len(test.stops), "origins": len(test.stops), "horizon": test.true.shape[1], "season": history.season}
    if len(each) == 1:
        return {**result, **each[names[0]]}
    return {**result, **_mean(list(each.values())), "targets": each}


def _measured(history: History, values: Floats, test: Backtest, number: int) -> dict[str, Any]:
    """Return the metrics of one target, of which (time,) values are given."""
    scale, season = history.naive_errors[number], history.season
    true, predicted = test.true[..., number], test.predicted[..., number]
    steps = true.shape[1]
    is_seasonal = season is not None and season <= test.stops[0]
    covered = {str(share): coverage(true, *bounds[..., number]) for share, bounds in zip(SHARES, test.bounds, strict=True)}
    metrics: dict[str, Any] = {
        **forecast_metrics(true, predicted, scale),
        "naive": forecast_metrics(true, naive_forecast(values, test.stops, steps), scale),
        "seasonal_naive": forecast_metrics(true, naive_forecast(values, test.stops, steps, season or 1), scale) if is_seasonal else None,
        "coverage": {share: inside for share, (inside, _) in covered.items()},
        "interval_width": {share: width for share, (_, width) in covered.items()},
        "mae_by_step": np.abs(predicted - true).mean(0).tolist(),
    }
    return {**metrics, "verdict": verdict(metrics)}


def _mean(each: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return the means over targets of what has a mean; None for what a target lacks."""
    found: dict[str, Any] = {}
    for name, value in each[0].items():
        values = [one[name] for one in each]
        if isinstance(value, dict):
            found[name] = _mean(values) if all(values) else None
        elif value is None or isinstance(value, float):
            found[name] = None if None in values else float(np.mean(values))
    return found
