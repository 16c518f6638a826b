"""Measures of forecasts, written out; and the naive forecasts that they are compared with."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.metrics.forecasting import coverage, find_season, forecast_metrics, interval, naive_error, naive_forecast, verdict


def test_measures_are_those_of_the_books():
    true, found = np.array([[10.0, 20.0], [40.0, 50.0]]), np.array([[11.0, 18.0], [40.0, 55.0]])
    assert forecast_metrics(true, found, 4.0) == {
        "mae": pytest.approx((1 + 2 + 0 + 5) / 4),
        "rmse": pytest.approx(((1 + 4 + 0 + 25) / 4) ** 0.5),
        "mape": pytest.approx(100 * (1 / 10 + 2 / 20 + 0 + 5 / 50) / 4),
        "mase": pytest.approx(2.0 / 4.0),
    }


def test_a_percentage_of_nothing_and_a_scale_of_nothing_are_not_numbers():
    found = forecast_metrics(np.array([[0.0, 1.0]]), np.array([[1.0, 1.0]]), 0.0)
    assert (found["mape"], found["mase"]) == (None, None)


@given(st.lists(st.floats(-100, 100), min_size=8, max_size=30), st.integers(1, 4), st.integers(1, 9))
def test_a_naive_forecast_repeats_the_last_season(values, season, steps):
    series, origin = np.array(values), 5
    repeated = list(values[:origin])
    for _ in range(steps):
        repeated.append(repeated[-season])
    assert naive_forecast(series, np.array([origin]), steps, season)[0].tolist() == repeated[origin:]


def test_the_naive_error_is_that_of_one_step():
    assert naive_error(np.array([1.0, 4.0, 2.0, 8.0]), 1) == pytest.approx((3 + 2 + 6) / 3)
    assert naive_error(np.array([1.0, 4.0, 2.0, 8.0]), 2) == pytest.approx((1 + 4) / 2)
    assert naive_error(np.array([1.0]), 2) == 0.0


def test_coverage_counts_what_is_within():
    paths = np.arange(101.0)[None, :, None].repeat(2, 2)  # (1 origin, paths, 2 steps)
    low, high = interval(paths, 0.8)
    assert (low[0, 0], high[0, 0]) == (pytest.approx(10), pytest.approx(90))
    assert coverage(np.array([[50.0, 95.0]]), low, high) == (0.5, pytest.approx(80.0))


@pytest.mark.parametrize("season", [4, 7, 12, 190])
def test_a_season_is_found_under_a_trend_and_noise(season):
    time = np.arange(10 * season)
    noise = np.random.default_rng(season).normal(size=len(time))
    assert find_season(0.3 * time + 10 * np.sin(2 * np.pi * time / season) + noise) == pytest.approx(season, rel=0.02)


def test_where_there_is_no_season_none_is_found():
    random = np.random.default_rng(1)
    assert find_season(random.normal(size=500)) is None
    assert find_season(np.arange(100.0)) is None
    assert find_season(np.zeros(100)) is None
    assert find_season(np.ones(3)) is None


@pytest.mark.parametrize("count", [2_000, 20_000, 60_000])
def test_a_wave_too_slow_to_be_a_season_is_none(count):
    """Rounding once made seasons of 59 to 589 values for two periods of a sine."""
    assert find_season(np.sin(4 * np.pi * np.arange(count) / count)) is None


def test_the_verdict_names_the_best_that_costs_nothing():
    worse = {"mae": 2.0, "naive": {"mae": 1.5}, "seasonal_naive": {"mae": 1.0}}
    assert verdict(worse) == (
        "The network loses to the seasonal naive forecast: its mean absolute error is 2, that of the seasonal naive forecast 1."
    )
    assert verdict({"mae": 2.0, "naive": {"mae": 2.0}, "seasonal_naive": None}).startswith("The network loses to the naive forecast")
    better = {"mae": 0.5, "naive": {"mae": 1.5}, "seasonal_naive": {"mae": 1.0}}
    assert verdict(better) == "The network's mean absolute error, 0.5, is below that of the naive one (1.5) and the seasonal naive one (1)."
