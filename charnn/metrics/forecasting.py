"""How good forecasts are: MAE, RMSE, MAPE, MASE, coverage, and the naive forecasts to compare with."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.metrics.classification import plain

Floats = NDArray[np.float64]


def forecast_metrics(true: Floats, found: Floats, scale: float) -> dict[str, float | None]:
    """(origins, steps) values and forecasts of them -> mean absolute and root mean squared error, in percent, and scaled.

    mape: mean absolute percentage error, None where a value is 0. mase: the mean absolute error divided by `scale`, that of the
    seasonal naive forecast of one step on the training part (Hyndman and Koehler 2006).
    """
    errors = np.abs(found - true)
    return {
        "mae": plain(errors.mean()),
        "rmse": plain(np.sqrt(np.square(errors).mean())),
        "mape": plain(100 * (errors / np.abs(true)).mean()) if (true != 0).all() else None,
        "mase": plain(errors.mean() / scale) if scale else None,
    }


def naive_forecast(values: Floats, origins: NDArray[np.int64], steps: int, season: int = 1) -> Floats:
    """(time,) values and (origins,) numbers of known values -> (origins, steps): the last known value of the same place in the season."""
    ahead = np.arange(steps)
    back = season * (ahead // season + 1)  # seasons back to the last known one
    found: Floats = values[origins[:, None] + ahead - back]
    return found


def naive_error(values: Floats, season: int) -> float:
    """Return the mean absolute error of the seasonal naive forecast of one step over a part of the series."""
    return float(np.abs(values[season:] - values[:-season]).mean()) if len(values) > season else 0.0


def coverage(true: Floats, low: Floats, high: Floats) -> tuple[float, float]:
    """(origins, steps) values and the ends of their intervals -> the fraction of values within, and the mean width."""
    return float(((true >= low) & (true <= high)).mean()), float((high - low).mean())


def interval(courses: Floats, share: float) -> tuple[Floats, Floats]:
    """(origins, paths, steps) -> (origins, steps) the quantiles between which this fraction of the sample paths lies."""
    low, high = np.quantile(courses, [(1 - share) / 2, (1 + share) / 2], axis=1)
    return low, high


LONGEST_SEASON = 10_000  # the longest season that is searched


def find_season(values: Floats) -> int | None:
    """Return the season of (time,) values, the first high peak of their autocorrelation without trend; None without one."""
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
        # Above what lies before it, by more than rounding makes of a slow wave.
        if correlation[lag] > 0.3 and correlation[lag] - dip[lag] > 0.1
        if correlation[lag] == correlation[max(1, lag // 2) : lag + lag // 2 + 1].max()
    )
    return next(peaks, None)


def verdict(metrics: dict[str, Any]) -> str:
    """Return the comparison of the network with the naive forecasts as a sentence."""
    own = metrics["mae"]
    if own is None:
        return "The network's forecasts are no numbers."
    rivals = {"naive": "naive", "seasonal_naive": "seasonal naive"}
    others = {name: metrics[key]["mae"] for key, name in rivals.items() if metrics.get(key)}
    better = {name: error for name, error in others.items() if error <= own}
    if not better:
        said = " and ".join(f"the {name} one ({error:.4g})" for name, error in others.items())
        return f"The network's mean absolute error, {own:.4g}, is below that of {said}."
    name, error = min(better.items(), key=lambda item: item[1])
    return f"The network loses to the {name} forecast: its mean absolute error is {own:.4g}, that of the {name} forecast {error:.4g}."
