"""Tests of charnn.tasks.forecaster.backtest."""

from dataclasses import replace

import numpy as np
import pytest

from charnn.tasks.forecaster.backtest import measured
from tests.tasks.forecaster.made import made, months


def test_a_backtest_knows_nothing_of_what_comes_after_its_origin():
    series = months()
    model = made(series, horizon=2)
    first = model.backtest(series, last=20, horizon=3)
    changed = series.values.copy()
    changed[70:] *= 1.5
    second = model.backtest(replace(series, values=changed), last=20, horizon=3)
    assert first.stops.tolist() == list(range(60, 78))
    before = first.stops <= 70
    assert np.array_equal(first.predicted[before], second.predicted[before])
    assert np.array_equal(first.bounds[:, :, before], second.bounds[:, :, before])
    assert not np.array_equal(first.predicted[~before], second.predicted[~before])
    assert np.array_equal(first.true[..., 0], [series.values[stop : stop + 3, 0] for stop in first.stops])


def test_a_backtest_is_what_predicting_from_each_origin_gives():
    series = months()
    model = made(series, difference=12)
    test = model.backtest(series, last=20, horizon=3, stride=5)
    assert test.stops.tolist() == [60, 65, 70, 75]
    for stop, found in zip(test.stops, test.predicted, strict=True):
        known = replace(series, values=series.values[:stop], times=series.times[:stop], places=series.places[:stop])
        assert np.array_equal(model.stream(known).forecast(3).values, found)


def test_what_is_measured_is_written_out():
    series = months()
    model = made(series)
    test = model.backtest(series, last=20, horizon=3)
    found = measured(model.history, series, test)
    errors = test.predicted[..., 0] - test.true[..., 0]
    assert found["mae"] == pytest.approx(np.abs(errors).mean())
    assert found["mae_by_step"] == pytest.approx(np.abs(errors).mean(0).tolist())
    naive = series.values[test.stops - 1, 0][:, None] - test.true[..., 0]
    assert found["naive"]["rmse"] == pytest.approx(np.sqrt((naive**2).mean()))
    seasonal = np.array([series.values[stop - 12 : stop - 9, 0] for stop in test.stops]) - test.true[..., 0]
    assert found["seasonal_naive"]["mae"] == pytest.approx(np.abs(seasonal).mean())
    assert (found["origins"], found["horizon"], found["season"]) == (18, 3, 12)


def test_a_season_longer_than_what_is_known_has_no_naive_forecast():
    series = months()
    model = made(series)
    model.history = replace(model.history, season=70)
    assert measured(model.history, series, model.backtest(series, last=20))["seasonal_naive"] is None
