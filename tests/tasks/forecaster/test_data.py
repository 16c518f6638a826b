"""The series of a forecaster: its parts and its season, and what a model keeps of it."""

from dataclasses import replace

import numpy as np
import pytest

from charnn.data.series import Series
from charnn.data.times import Clock
from charnn.errors import CheckpointError, DataError
from charnn.tasks.forecaster.data import divided, season_of
from charnn.tasks.forecaster.model import Forecaster
from tests.runs import forecaster_settings
from tests.tasks.forecaster.made import made, saved_of


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
    assert season_of(series, series, forecaster_settings(season=7)) == 7
    timed = Series(("x",), 1, wave, clock=Clock("%Y-%m", 1, 0.0))
    assert season_of(timed, timed, forecaster_settings()) == 12
    assert season_of(series, series, forecaster_settings()) == 10


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("columns", ["a"]),
        ("columns", ["a", "a"]),
        ("columns", "ab"),
        ("targets", 0),
        ("targets", 3),
        ("targets", True),
        ("season", 1),
        ("season", "x"),
        ("naive_errors", [1.0, 2.0]),
        ("naive_errors", [float("nan")]),
        ("times", ["2000-01"]),
        ("times", None),
        ("times", ["x"] * 80),
        ("clock", {"format": "%Y", "months": 0, "seconds": 0}),
        ("time_column", 3),
    ],
)
def test_a_damaged_background_is_refused(name, value):
    saved = saved_of(made())
    background = {**saved.learned["background"], name: value}
    with pytest.raises(CheckpointError, match="damaged"):
        Forecaster.restore(replace(saved, learned={**saved.learned, "background": background}))
