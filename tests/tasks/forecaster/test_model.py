"""The forecaster: restored = as it was, what it learns, what it keeps, and what it gets most wrong."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from charnn.checkpoint.model import load_model
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tasks.forecaster.model import Forecaster
from charnn.training.model import Sources
from tests.networks import CELLS
from tests.runs import SERIES, forecaster_run, forecaster_settings, trained
from tests.tasks.forecaster.made import every_way, made, months, saved_of


@every_way
def test_a_model_comes_back_from_its_file(changes, tmp_path):
    run = trained(forecaster_run(tmp_path, 4, inputs="rain", **changes))
    saved = load_model(tmp_path / "run")
    restored = Forecaster.restore(saved)
    expected = run.model.stream(run.model.data.series).forecast(6, fraction=0.9, seed=3)
    found = restored.predict(steps=6, fraction=0.9, seed=3)
    for one, other in ((found.values, expected.values), (found.low, expected.low), (found.high, expected.high)):
        assert np.array_equal(one, other)
    assert found.times == expected.times
    assert np.array_equal(restored.predict(restored.read([tmp_path / "series.csv"]), steps=6).values, found.values)


def test_each_column_is_forecast_in_its_own_units(tmp_path):
    run = trained(forecaster_run(tmp_path, 30, target="sold,rain"))
    assert run.results["targets"].keys() == {"sold", "rain"}
    assert run.results["mae"] == pytest.approx(np.mean([one["mae"] for one in run.results["targets"].values()]))
    found = Forecaster.restore(load_model(tmp_path / "run")).predict(steps=3).values
    assert found.shape == (3, 2)
    assert (found[:, 0] > 100).all()
    assert (found[:, 1] < 30).all()


@pytest.mark.parametrize("first", ["x", "y"])
def test_a_target_without_a_percentage_leaves_the_mean_without_one(tmp_path, first):
    """A 0 in the first of several targets once ended the run, with the model trained, in a traceback."""
    table = "x,y\n" + "".join(f"{number % 7},{number % 5 + 1}\n" for number in range(100))
    run = trained(forecaster_run(tmp_path, 1, table, target="x,y" if first == "x" else "y,x"))
    assert run.results["mape"] is None
    assert run.results["targets"]["y"]["mape"] > 0
    assert run.model.table(run.results)[2].split(" | ")[3] == "-"


def test_before_training_it_is_the_naive_forecast(tmp_path):
    run = forecaster_run(tmp_path)
    model = run.model
    model.network.eval()
    assert model.stream(run.model.data.series).forecast(5).values[:, 0] == pytest.approx([run.model.data.series.values[-1, 0]] * 5)


@pytest.mark.parametrize(("cell", "objective"), [*((cell, "squared") for cell in CELLS), ("gru", "absolute"), ("gru", "quantile")])
def test_what_repeats_is_learned(tmp_path, cell, objective):
    """Twelve values over and over: naive forecasts of one step are far off, the network comes near."""
    table = "x\n" + "".join(f"{(number % 12) ** 1.5:.3f}\n" for number in range(240))
    changes = {"target": "x", "cell": CELLS[cell].cell, "activation": CELLS[cell].activation, "objective": objective}
    results = trained(forecaster_run(tmp_path, 400, table, hidden_size=32, **changes)).results
    assert results["season"] == 12
    assert results["mae"] < 0.45 * results["naive"]["mae"]


def test_learning_after_the_last_value_of_a_window_is_learning_too(tmp_path):
    results = trained(forecaster_run(tmp_path, 250, readout="last", hidden_size=24, batch_size=16)).results
    assert results["mae"] < 0.6 * results["naive"]["mae"]


def test_the_errors_kept_are_those_of_the_validation_part(tmp_path):
    run = trained(forecaster_run(tmp_path, 10, horizon=2))
    series, predictor = run.model.data.series, run.model.predictor
    levels, features = predictor.scaling.levels(series), predictor.features(series, 1)
    train, valid, _ = run.model.data.sizes
    outputs = predictor.outputs(levels, features)[train - 1 : train + valid - 2, ..., 0]
    right = predictor.scaling.targets(levels)[train - 1 : train + valid - 2]
    assert np.allclose(run.model.residuals, right - outputs, atol=1e-5)


def test_intervals_contain_about_what_they_promise(tmp_path):
    """Every part of the series is like every other, so that the errors of the validation part are those to come."""
    values = [0.0]
    for noise in np.random.default_rng(3).normal(size=2000):
        values.append(0.8 * values[-1] + noise)
    table = "x\n" + "".join(f"{value:.5f}\n" for value in values)
    for objective in ("squared", "quantile"):
        model = trained(forecaster_run(tmp_path, 60, table, target="x", objective=objective, held_out=400)).model
        assert model.evaluate(horizon=3)["coverage"]["0.8"] == pytest.approx(0.8, abs=0.1)


def test_the_parts_follow_each_other_and_the_last_is_never_seen(tmp_path):
    """With other values at its end, the same model comes out."""
    lines = SERIES.split("\n")[:-1]
    changed = "\n".join([*lines[:-12], *(f"{line.split(',')[0]},{number * 7 + 3},1" for number, line in enumerate(lines[-12:]))]) + "\n"
    (tmp_path / "other").mkdir()
    one, other = (trained(forecaster_run(folder, 10, table)) for folder, table in ((tmp_path, SERIES), (tmp_path / "other", changed)))
    assert one.model.data.sizes == (97, 11, 12)
    for name, weight in one.model.network.state_dict().items():
        assert torch.equal(weight, other.model.network.state_dict()[name])
    assert one.model.predictor.scaling.plain() == other.model.predictor.scaling.plain()
    assert one.results == other.results


def test_a_file_of_its_own_can_be_validated_on(tmp_path):
    (tmp_path / "a.csv").write_text(SERIES)
    (tmp_path / "b.csv").write_text("\n".join(SERIES.split("\n")[:40]) + "\n")
    model = Forecaster.prepare(Sources([tmp_path / "a.csv"], [tmp_path / "b.csv"]), forecaster_settings())
    assert model.data.sizes == (108, 0, 12)
    assert model.finish()["origins"] == 38


@pytest.mark.parametrize(
    ("changes", "rows", "message"),
    [
        ({"window": 98}, 120, "window must be at most the 97 values of the training part, got 98"),
        ({"held_out": 118}, 120, "the series is too short: 120 values, of which 118 are held out and 1 validated on, and training needs 4"),
        ({"horizon": 60}, 120, "the series is too short: 120 values, of which 12 are held out and 60 validated on, and training needs 63"),
        ({}, 3, "the series is too short: 3 values, of which 0 are held out and 1 validated on, and training needs 4"),
        ({"difference": 100}, 120, "the series is too short"),
    ],
)
def test_what_is_too_short_is_refused(tmp_path, changes, rows, message):
    table = "\n".join(SERIES.split("\n")[: rows + 1]) + "\n"
    with pytest.raises((DataError, SettingError)) as raised:
        forecaster_run(tmp_path, 1, table, **changes)
    assert str(raised.value).startswith(message)
    assert not (tmp_path / "run").exists()


def test_too_little_to_go_on_from_is_refused():
    model = made(months(), difference=12)
    with pytest.raises(DataError) as raised:
        model.stream(months(12))
    assert str(raised.value) == "the series is too short: 12 values in it, and the model needs 13; give a longer one"
    with pytest.raises(DataError) as raised:
        model.backtest(months(30), last=20)
    assert str(raised.value) == "the series is too short: 10 values before the last 20, and the model needs 13; give a longer one"
    with pytest.raises(SettingError) as raised:
        model.backtest(months(), last=5, horizon=6)
    assert str(raised.value) == "horizon must be at most the 5 values to predict, got 6; give a smaller one"


@pytest.mark.parametrize("name", ["series.past", "series.residuals", "output.weight"])
@pytest.mark.parametrize("change", [lambda array: array[:0], lambda array: array[..., :1], lambda array: array.astype(np.float16), None])
def test_damaged_arrays_are_refused(name, change):
    saved = saved_of(made())
    tensors = dict(saved.tensors)
    if change is None:
        del tensors[name]
    else:
        tensors[name] = change(tensors[name])
    with pytest.raises(CheckpointError):
        Forecaster.restore(replace(saved, tensors=tensors))


def test_errors_are_the_values_furthest_from_what_was_expected(tmp_path):
    lines = SERIES.split("\n")
    lines[100] = f"{lines[100].split(',')[0]},999,1"  # the row of index 99
    model = trained(forecaster_run(tmp_path, 20, "\n".join(lines))).model
    found = model.errors([tmp_path / "series.csv"], 3)
    first = next(one for one in found.worst[:2] if one["true"] == 999)  # what came after it was as unexpected
    assert (first["true"], first["time"], first["where"]) == (999, "2009-04", f"{tmp_path / 'series.csv'}:101")
    assert first["before"] == model.data.series.values[98, 0]
    assert first["expected"] == pytest.approx(model.stream(model.data.series.first(99)).forecast(1).values[0, 0])
    assert [one["deviations"] for one in found.worst] == sorted((one["deviations"] for one in found.worst), reverse=True)
    assert found.seen == 120 - 24


def test_errors_of_equal_size_in_two_columns_are_both_kept(tmp_path):
    """Two columns that were predicted alike once ended in a comparison of what nothing can compare."""
    table = "x,y\n" + "".join(f"{number % 7},{number % 7}\n" for number in range(100))
    model = forecaster_run(tmp_path, 1, table, target="x,y").model
    model.network.output.weight.data.zero_()
    model.network.output.bias.data.zero_()
    assert [one["column"] for one in model.errors([tmp_path / "series.csv"], 4).worst] == ["x", "y", "x", "y"]


def test_without_data_what_was_held_out_is_measured(tmp_path):
    model = trained(forecaster_run(tmp_path, 4)).model
    found = model.evaluate()
    assert found.pop("data") == ["the series it was trained on"]
    assert found == model.evaluate([tmp_path / "series.csv"])
    assert found["origins"] == 12
    with pytest.raises(SettingError) as raised:
        trained(forecaster_run(tmp_path, 4, held_out=0)).model.evaluate()
    assert str(raised.value) == "last must be given where nothing was held out in training; or name the data to evaluate on"
