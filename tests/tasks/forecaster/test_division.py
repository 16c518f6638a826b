"""Tests of charnn.tasks.forecaster.division."""

import numpy as np
import pytest

from charnn.data.series import Series
from charnn.data.times import Clock
from charnn.errors import DataError
from charnn.tasks.forecaster.division import divided, known_season
from tests.runs import forecaster_settings


@pytest.mark.parametrize(
    ("count", "changes", "share", "parts"),
    [
        (100, {}, 0.1, (81, 9, 10)),
        (100, {}, None, (90, 0, 10)),
        (100, {"held_out": 0}, 0.25, (75, 25, 0)),
        (100, {"horizon": 20}, 0.1, (70, 20, 10)),
        (6, {"held_out": 1}, 0.1, (4, 1, 1)),
    ],
)
def test_all_values_belong_to_a_part(count, changes, share, parts):
    assert divided(count, forecaster_settings(**changes), share) == parts
    assert sum(parts) == count


def test_a_series_that_leaves_nothing_to_train_on_is_refused():
    said = "the series is too short: 10 values, of which 5 are held out and 2 validated on, and training needs 6; give a longer one, "
    with pytest.raises(DataError) as raised:
        divided(10, forecaster_settings(held_out=5, horizon=2, difference=1), 0.1)
    assert str(raised.value) == f"{said}or a smaller --held-out"


def test_a_season_is_as_said_or_as_the_times_tell_or_as_the_values_show():
    wave = np.sin(2 * np.pi * np.arange(200) / 10)[:, None]
    series = Series(("x",), 1, wave)
    assert known_season(series, series, forecaster_settings(season=7)) == 7
    timed = Series(("x",), 1, wave, clock=Clock("%Y-%m", 1, 0.0))
    assert known_season(timed, timed, forecaster_settings()) == 12
    assert known_season(series, series, forecaster_settings()) == 10
