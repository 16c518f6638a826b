"""What a network says of a series: whole, step by step and ahead; sample paths and streams."""

from dataclasses import replace

import numpy as np
import pytest

from charnn.tasks.forecaster.predictor import draw
from charnn.tasks.forecaster.settings import QUANTILES
from tests.networks import CELLS
from tests.tasks.forecaster.made import every_way, made, months


@every_way
@pytest.mark.parametrize("cell", CELLS)
def test_whole_is_step_by_step_is_in_chunks(changes, cell, monkeypatch):
    series = months()
    model = made(series, cell=CELLS[cell].cell, activation=CELLS[cell].activation, **changes)
    levels, features, lost = model.predictor.scaling.levels(series), model.predictor.features(series, 1), model.predictor.scaling.lost
    whole = model.predictor.outputs(levels, features)
    stops = [lost + 1, lost + 2, lost + 9, len(series)]
    monkeypatch.setattr("charnn.tasks.forecaster.predictor.CHUNK", 5)
    chunks = model.predictor.outputs(levels, features)
    walked = model.predictor.walk(levels, features, stops)
    stepped = model.predictor.walk(levels, features, [lost + 1])
    for stop in range(lost + 1, len(series)):
        stepped = model.predictor.step(stepped, levels[stop][None], features[stop + 1][None])
    assert np.array_equal(whole, chunks)
    for stop, outputs in zip(stops, walked.outputs, strict=True):
        assert np.array_equal(outputs, whole[stop - 1 - lost])
    assert np.array_equal(stepped.outputs[0], whole[-1])
    assert np.array_equal(stepped.recent[0], walked.recent[-1])


@every_way
def test_feeding_back_by_hand_is_feeding_back(changes):
    """Each block of predictions is read as if it had been measured."""
    series = months()
    model = made(series, **changes)
    horizon = model.settings.network.horizon
    features = model.predictor.features(series, 20)
    moment = model.predictor.walk(model.predictor.scaling.levels(series), features, [len(series)])
    whole = model.predictor.ahead(moment, features[None, len(series) + 1 :], 11)
    levels = model.predictor.scaling.levels(series)
    while len(levels) < len(series) + 11:
        fresh = model.predictor.walk(levels, features, [len(levels)])
        levels = np.concatenate([levels, model.predictor.ahead(fresh, features[None, len(levels) + 1 :], horizon)[0]])
    assert np.allclose(whole[0], levels[len(series) : len(series) + 11], rtol=1e-5)


@every_way
def test_a_forecast_is_alone_what_it_is_among_others(changes):
    series = months()
    model = made(series, **changes)
    features, levels = model.predictor.features(series, 9), model.predictor.scaling.levels(series)
    moments = model.predictor.walk(levels, features, [50, 60, 70])
    ahead = np.stack([features[stop + 1 : stop + 9] for stop in (50, 60, 70)])
    side_by_side = model.predictor.ahead(moments, ahead, 8)
    for number in range(3):
        alone = moments.pick(np.array([number]))
        assert np.array_equal(model.predictor.ahead(alone, ahead[number][None], 8)[0], side_by_side[number])


def test_paths_spread_as_the_errors_did():
    """The interval of one step is that of the errors kept, around what is expected."""
    model = made(months())
    model.residuals = np.random.default_rng(1).normal(size=(500, 1, 2))
    outputs = np.zeros((4000, 1, 2, 1))
    drawn = draw(outputs, model.residuals, 4000, np.random.default_rng(2))
    assert np.quantile(drawn[:, 0, 0], [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(model.residuals[:, 0, 0], [0.1, 0.5, 0.9]), abs=0.02)


def test_paths_of_quantiles_have_those_quantiles():
    model = made(months(), objective="quantile")
    levels = np.array([-9.0, -3.0, -1.0, 0.0, 2.0, 4.0, 20.0])
    outputs = np.broadcast_to(levels[::-1], (4000, 1, 2, 7))  # crossed, as a network may have them
    drawn = draw(outputs, model.residuals, 4000, np.random.default_rng(2))
    assert np.quantile(drawn[:, 0, 1], QUANTILES) == pytest.approx(levels, abs=0.1)
    assert drawn.min() == -9
    assert drawn.max() == 20


@every_way
def test_a_new_value_costs_a_step_and_changes_nothing(changes):
    series = months()
    model = made(series, **changes)
    stream = model.stream(replace(series, values=series.values[:60], times=series.times[:60]))
    for row in series.values[60:]:
        stream.push(row.tolist())
    found, expected = stream.forecast(7, fraction=0.8), model.stream(series).forecast(7, fraction=0.8)
    assert found.times == expected.times == ("2006-09", "2006-10", "2006-11", "2006-12", "2007-01", "2007-02", "2007-03")
    for one, other in ((found.values, expected.values), (found.low, expected.low), (found.high, expected.high)):
        assert np.array_equal(one, other)
