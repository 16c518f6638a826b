"""What is done to a series for the network is undone by what is done to its answers."""

import numpy as np
import pytest

from charnn.data.series import Series
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.forecaster.settings import ScalingSettings

WAYS = {
    "levels": ScalingSettings(),
    "logarithms": ScalingSettings(log=True),
    "differences": ScalingSettings(difference=1),
    "seasonal differences": ScalingSettings(difference=5),
    "differences of logarithms": ScalingSettings(log=True, difference=3),
}

every_way = pytest.mark.parametrize("settings", WAYS.values(), ids=WAYS)


def series(values, names=("a", "b")) -> Series:
    array = np.array(values, np.float64)
    return Series(tuple(names[: array.shape[1]]), 1, array, tuple(f"a.csv:{number + 2}" for number in range(len(array))))


def wandering(count: int = 60) -> Series:
    steps = np.random.default_rng(2).normal(size=(count, 2))
    return series(np.exp(0.1 * np.cumsum(steps, 0)) * [3.0, 500.0])


@every_way
@pytest.mark.parametrize("horizon", [1, 4, 9])
def test_a_network_that_said_the_right_answer_would_be_right(settings, horizon):
    known = wandering()
    scaling = Scaling.fit(known, settings, horizon)
    levels = scaling.levels(known)
    targets = scaling.targets(levels).astype(np.float64)
    for stop in range(scaling.lost + 1, len(known) - horizon):
        said = targets[stop - 1 - scaling.lost]  # after the value before
        found = scaling.values(scaling.ahead(said, levels[max(0, stop - scaling.lag) : stop]))
        assert np.allclose(found, known.values[stop : stop + horizon], rtol=1e-5)


@every_way
def test_what_is_read_is_standardised_and_every_value_alike(settings):
    known = wandering()
    scaling = Scaling.fit(known, settings, 2)
    levels = scaling.levels(known)
    inputs = scaling.inputs(levels)
    assert inputs.shape == (len(known) - scaling.lost, 2)
    assert np.allclose(inputs.mean(0), 0, atol=1e-5)
    assert np.allclose(inputs.std(0), 1, atol=1e-5)
    for stop in range(scaling.lag + 1, len(known)):
        assert np.array_equal(scaling.next_input(levels[stop - scaling.lag - 1 : stop]), inputs[stop - 1 - scaling.lost])


@every_way
def test_saying_nothing_new_is_the_naive_forecast_or_the_mean_difference(settings):
    known = wandering()
    scaling = Scaling.fit(known, settings, 3)
    levels = scaling.levels(known)
    found = scaling.values(scaling.ahead(np.zeros((3, 2)), levels))
    if not settings.difference:
        assert np.allclose(found, known.values[-1])
        return
    expected = list(levels)
    for _ in range(3):
        expected.append(expected[-settings.difference] + (levels[settings.difference :] - levels[: -settings.difference]).mean(0))
    assert np.allclose(found, scaling.values(np.array(expected[-3:])))


def test_nobody_knows_what_comes_after_the_end():
    known = wandering()
    targets = Scaling.fit(known, ScalingSettings(), 3).targets(known.values)
    assert np.isnan(targets).sum() == 2 * (1 + 2 + 3)
    assert np.isnan(targets[-1]).all()


def test_a_constant_column_is_refused():
    with pytest.raises(DataError) as raised:
        Scaling.fit(series([[1.0, 5.0], [2.0, 5.0], [4.0, 5.0], [3.0, 5.0], [2.5, 5.0]]), ScalingSettings(), 1)
    assert str(raised.value) == "a.csv:2: b never changes in the training part; there is nothing to learn"


def test_a_straight_line_has_no_differences_to_learn():
    with pytest.raises(DataError, match="the differences of a never change in the training part"):
        Scaling.fit(series([[number] for number in range(20)]), ScalingSettings(difference=2), 1)


def test_what_has_no_logarithm_is_named_with_its_line():
    with pytest.raises(DataError) as raised:
        Scaling.fit(series([[1.0], [2.0], [0.0], [3.0]]), ScalingSettings(log=True), 1)
    assert str(raised.value) == "a.csv:4: a is 0, and --log needs values above 0; leave it out"


def test_differences_that_leave_nothing_are_refused():
    with pytest.raises(SettingError) as raised:
        Scaling.fit(series([[1.0], [2.0], [4.0]]), ScalingSettings(difference=3), 1)
    assert str(raised.value) == "difference and the horizon leave nothing of 3 values to learn from; give smaller ones"


@every_way
def test_scales_come_back_from_a_model_file(settings):
    scaling = Scaling.fit(wandering(), settings, 2)
    assert Scaling.restore(settings, scaling.plain(), horizon=2, columns=2).plain() == scaling.plain()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("mean", [0.0]),
        ("mean", "x"),
        ("deviation", [1.0, 0.0]),
        ("change_deviation", [[1.0, -1.0]]),
        ("change_mean", [[float("nan"), 0.0]]),
    ],
)
def test_damaged_scales_are_refused(name, value):
    plain = Scaling.fit(wandering(), ScalingSettings(), 1).plain()
    with pytest.raises(CheckpointError, match=f"the model's scales are damaged: {name}"):
        Scaling.restore(ScalingSettings(), {**plain, name: value}, horizon=1, columns=2)
    with pytest.raises(CheckpointError, match="the model's scales are damaged"):
        Scaling.restore(ScalingSettings(), {"mean": plain["mean"]}, horizon=1, columns=2)
