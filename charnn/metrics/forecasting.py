"""Metrics of forecasts: MAE, RMSE, MAPE, MASE, coverage, and the naive forecasts to compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.metrics.classification import plain

Floats = NDArray[np.float64]

LONGEST_SEASON = 10_000  # the longest season that is searched


def forecast_metrics(true: Floats, found: Floats, scale: float) -> dict[str, float | None]:
    """(origins, steps) values and their forecasts -> mean absolute, root mean squared, percentage and scaled errors.

    mape: mean absolute percentage error, None if a value is 0. mase: the mean absolute error divided by `scale`, that of the seasonal
    naive forecast of one step on the training part (Hyndman and Koehler 2006).
    """
    errors = np.abs(found - true)
    return {
        "mae": plain(errors.mean()),
        "rmse": plain(np.sqrt(np.square(errors).mean())),
        "mape": plain(100 * (errors / np.abs(true)).mean()) if (true != 0).all() else None,
        "mase": plain(errors.mean() / scale) if scale else None,
    }


def naive_forecast(values: Floats, origins: NDArray[np.int64], steps: int, season: int = 1) -> Floats:
    """(time,) values, (origins,) numbers of known values -> (origins, steps) last known values of the same place in the season."""
    ahead = np.arange(steps)
    found: Floats = values[origins[:, None] + ahead - season * (ahead // season + 1)]
    return found


def naive_error(values: Floats, season: int) -> float:
    """Return the mean absolute error of the seasonal naive forecast of one step over (time,) values; 0 without a whole season."""
    return float(np.abs(values[season:] - values[:-season]).mean()) if len(values) > season else 0.0


def coverage(true: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """(origins, steps) values and ends of their intervals -> the fraction of values inside, and the mean width."""
    return float(((true >= low) & (true <= high)).mean()), float((high - low).mean())


def interval(paths: Floats, fraction: float) -> tuple[Floats, Floats]:
    """(origins, paths, steps) -> (origins, steps) low and high quantiles that enclose this fraction of the sample paths."""
    low, high = np.quantile(paths, [(1 - fraction) / 2, (1 + fraction) / 2], axis=1)
    return low, high


def find_season(values: Floats) -> int | None:
    """Return the season of (time,) values, the first high peak of the autocorrelation after removing the trend; None without one."""
    count = len(values)
    trend = np.polyval(np.polyfit(np.arange(count), values, 1), np.arange(count))
    spectrum = np.abs(np.fft.rfft(values - trend, 2 * count)) ** 2
    correlation = np.fft.irfft(spectrum)[:count]
    if correlation[0] <= 1e-12 * max(1.0, float(np.square(values).sum())):
        return None
    correlation = correlation / correlation[0] * count / np.arange(count, 0, -1)
    dip = np.minimum.accumulate(correlation)
    peaks = (
        lag
        for lag in range(2, min(count // 3, LONGEST_SEASON))
        # Higher than earlier values by more than rounding, for a slow wave.
        if correlation[lag] > 0.3 and correlation[lag] - dip[lag] > 0.1
        if correlation[lag] == correlation[max(1, lag // 2) : lag + lag // 2 + 1].max()
    )
    return next(peaks, None)


def verdict(metrics: dict[str, Any]) -> str:
    """Return the comparison of the network with the naive forecasts as a sentence."""
    own = metrics["mae"]
    if own is None:
        return "The network's forecasts are not numbers."
    others = {key.replace("_", " "): metrics[key]["mae"] for key in ("naive", "seasonal_naive") if metrics.get(key)}
    name = min(others, key=lambda name: others[name])
    if others[name] > own:
        beaten = " and ".join(f"the {name} one ({error:.4g})" for name, error in others.items())
        return f"The network's mean absolute error, {own:.4g}, is below that of {beaten}."
    error = others[name]
    return f"The network loses to the {name} forecast: its mean absolute error is {own:.4g}, that of the {name} forecast {error:.4g}."
