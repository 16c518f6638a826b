"""The forecaster: whole = steps = chunks, restored = as it was, what it learns, and how it is measured."""

from dataclasses import replace

import numpy as np
import pytest
import torch

from charnn.batches.windows import WindowBatches
from charnn.checkpoint.model import SavedModel, load_model
from charnn.data.series import Series
from charnn.data.times import find_clock
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tasks.forecaster.background import Background
from charnn.tasks.forecaster.model import Draws, Forecaster, together
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.forecaster.settings import QUANTILES
from charnn.tasks.forecaster.trained import Stream, TrainedForecaster, backtest, measured
from tests.networks import CELLS
from tests.runs import SERIES, forecaster_run, forecaster_settings, trained

WAYS = {
    "one step": {},
    "direct": {"horizon": 3},
    "differences": {"difference": 12, "log": True},
    "direct differences": {"difference": 2, "horizon": 5},
    "quantiles": {"objective": "quantile", "horizon": 2},
    "without times": {"calendar": False},
    "two layers": {"layers": 2, "layer_norm": True, "initial_state": "learned"},
}

every_way = pytest.mark.parametrize("changes", WAYS.values(), ids=WAYS)


def months(count: int = 80, seed: int = 4) -> Series:
    """Two wandering columns above 0, of which the first is to be predicted, month by month."""
    values = np.exp(0.1 * np.cumsum(np.random.default_rng(seed).normal(size=(count, 2)), 0)) * [3.0, 70.0]
    times = tuple(f"{2000 + number // 12}-{number % 12 + 1:02}" for number in range(count))
    return Series(("a", "b"), 1, values, tuple(map(str, range(count))), "month", times, clock=find_clock(times)[0])


def made(series: Series | None = None, **changes: object) -> Forecaster:
    """A forecaster of the months with random weights."""
    series = months() if series is None else series
    settings = forecaster_settings(**changes)
    model = Forecaster(settings, Background(series, 12, (1.0,)), Scaling.fit(series, settings.scaling, settings.network.horizon))
    with torch.no_grad():
        for name, weight in model.network.named_parameters():
            if not name.endswith("hidden_to_gates"):
                weight.add_(0.2 * torch.randn_like(weight))
    model.network.eval()
    return model


@every_way
@pytest.mark.parametrize("cell", CELLS)
def test_whole_is_step_by_step_is_in_chunks(changes, cell, monkeypatch):
    series = months()
    model = made(series, cell=CELLS[cell].cell, activation=CELLS[cell].activation, **changes)
    levels, turns, lost = model.scaling.levels(series), model.turns(series, 1), model.scaling.lost
    whole = model.read(levels, turns)
    stops = [lost + 1, lost + 2, lost + 9, len(series)]
    monkeypatch.setattr("charnn.tasks.forecaster.model.CHUNK", 5)
    chunks = model.read(levels, turns)
    walked = model.walk(levels, turns, stops)
    stepped = model.walk(levels, turns, [lost + 1])[0]
    for stop in range(lost + 1, len(series)):
        stepped = model.step(stepped, levels[stop][None], turns[stop + 1][None])
    assert np.array_equal(whole, chunks)
    for stop, moment in zip(stops, walked, strict=True):
        assert np.array_equal(moment.said[0], whole[stop - 1 - lost])
    assert np.array_equal(stepped.said[0], whole[-1])
    assert np.array_equal(stepped.recent, walked[-1].recent)


@every_way
def test_a_new_value_costs_a_step_and_changes_nothing(changes):
    series = months()
    model = made(series, **changes)
    stream = Stream(model, replace(series, values=series.values[:60], times=series.times[:60]))
    for row in series.values[60:]:
        stream.push(row.tolist())
    found, expected = stream.forecast(7, share=0.8), Stream(model, series).forecast(7, share=0.8)
    assert found.times == expected.times == ("2006-09", "2006-10", "2006-11", "2006-12", "2007-01", "2007-02", "2007-03")
    for one, other in ((found.values, expected.values), (found.low, expected.low), (found.high, expected.high)):
        assert np.array_equal(one, other)


@every_way
def test_feeding_back_by_hand_is_feeding_back(changes):
    """Each block of predictions is read as if it had been measured."""
    series = months()
    model = made(series, **changes)
    horizon = model.settings.network.horizon
    turns = model.turns(series, 20)
    moment = model.walk(model.scaling.levels(series), turns, [len(series)])[0]
    whole = model.ahead(moment, turns[None, len(series) + 1 :], 11)
    levels = model.scaling.levels(series)
    while len(levels) < len(series) + 11:
        fresh = model.walk(levels, turns, [len(levels)])[0]
        levels = np.concatenate([levels, model.ahead(fresh, turns[None, len(levels) + 1 :], horizon)[0]])
    assert np.allclose(whole[0], levels[len(series) : len(series) + 11], rtol=1e-5)


@every_way
def test_a_forecast_is_alone_what_it_is_among_others(changes):
    series = months()
    model = made(series, **changes)
    turns, levels = model.turns(series, 9), model.scaling.levels(series)
    moments = model.walk(levels, turns, [50, 60, 70])
    ahead = np.stack([turns[stop + 1 : stop + 9] for stop in (50, 60, 70)])
    side_by_side = model.ahead(together(moments), ahead, 8)
    for number, moment in enumerate(moments):
        assert np.array_equal(model.ahead(moment, ahead[number][None], 8)[0], side_by_side[number])


@every_way
def test_a_model_comes_back_from_its_file(changes, tmp_path):
    run = trained(forecaster_run(tmp_path, 4, inputs="rain", **changes))
    saved = load_model(tmp_path / "run")
    restored = TrainedForecaster(saved)
    expected = Stream(run.job.model, run.job.series).forecast(6, share=0.9, seed=3)
    found = restored.predict(steps=6, share=0.9, seed=3)
    for one, other in ((found.values, expected.values), (found.low, expected.low), (found.high, expected.high)):
        assert np.array_equal(one, other)
    assert found.times == expected.times
    assert np.array_equal(restored.predict(restored.read([tmp_path / "series.csv"]), steps=6).values, found.values)


def test_each_column_is_forecast_in_its_own_units(tmp_path):
    run = trained(forecaster_run(tmp_path, 30, target="sold,rain"))
    assert run.results["targets"].keys() == {"sold", "rain"}
    assert run.results["mae"] == pytest.approx(np.mean([one["mae"] for one in run.results["targets"].values()]))
    found = TrainedForecaster(load_model(tmp_path / "run")).predict(steps=3).values
    assert found.shape == (3, 2)
    assert (found[:, 0] > 100).all()
    assert (found[:, 1] < 30).all()


def test_before_training_it_is_the_naive_forecast(tmp_path):
    run = forecaster_run(tmp_path)
    model = run.job.model
    model.network.eval()
    assert Stream(model, run.job.series).forecast(5).values[:, 0] == pytest.approx([run.job.series.values[-1, 0]] * 5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("objective", ["squared", "absolute", "quantile"])
def test_what_repeats_is_learned(tmp_path, cell, objective):
    """Twelve values over and over: naive forecasts of one step are far off, the network comes near."""
    table = "x\n" + "".join(f"{(number % 12) ** 1.5:.3f}\n" for number in range(240))
    changes = {"target": "x", "cell": CELLS[cell].cell, "activation": CELLS[cell].activation, "objective": objective}
    results = trained(forecaster_run(tmp_path, 400, table, hidden_size=32, **changes)).results
    assert results["season"] == 12
    assert results["mae"] < 0.4 * results["naive"]["mae"]


def test_learning_after_the_last_value_of_a_window_is_learning_too(tmp_path):
    results = trained(forecaster_run(tmp_path, 250, readout="last", hidden_size=24, batch_size=16)).results
    assert results["mae"] < 0.6 * results["naive"]["mae"]


def test_the_loss_counts_what_is_known(tmp_path):
    """Against the sums written out; a window that reaches the end knows less of what is to come."""
    series = months(30)
    for objective in ("squared", "absolute", "quantile"):
        model = made(series, horizon=4, objective=objective)
        batches = model.batches(series)
        for step in range(3):
            batch = batches.batch(step)
            loss = model.loss(batch, None)
            said, _ = model.network(torch.from_numpy(batch.inputs))
            total, count = 0.0, 0
            for place in np.argwhere(~np.isnan(batch.targets)):
                missing = float(batch.targets[tuple(place)]) - said[tuple(place)].detach().double().numpy()
                share = np.array(QUANTILES)
                pinball = np.where(missing > 0, share * missing, (share - 1) * missing).mean()
                total += {"squared": 0.5 * missing[0] ** 2, "absolute": abs(missing[0]), "quantile": pinball}[objective]
                count += 1
            assert loss.count == count
            assert float(loss.total.detach()) == pytest.approx(total, rel=1e-4)


def test_the_gradient_of_the_loss_does_not_see_what_nobody_knows():
    """A NaN among the targets must not become one among the weights."""
    model = made(months(26), horizon=6)
    model.loss(model.batches(months(26)).batch(0), None).total.backward()
    assert all(torch.isfinite(one.grad).all() for one in model.network.parameters())


def test_windows_are_those_of_the_series_and_of_no_other_part():
    inputs = np.arange(50, dtype=np.float32)[:, None]
    targets = np.arange(1, 51, dtype=np.float32)[:, None, None]
    targets[-1] = np.nan
    batches = WindowBatches(inputs, targets, batch_size=7, window=10, is_last=False, seed=3)
    begins = set()
    for step in range(60):
        batch = batches.batch(step)
        assert batch.inputs.shape == (7, 10, 1)
        assert np.array_equal(batch.inputs[:, 1:, 0], batch.inputs[:, :-1, 0] + 1)
        assert np.array_equal(batch.targets[:, :, 0, 0], batch.inputs[:, :, 0] + 1)
        begins |= set(batch.inputs[:, 0, 0].tolist())
    assert begins == set(range(40))  # all but the one after whose last value nobody knows what comes
    later = next(batches.since(5))
    assert np.array_equal(later.inputs, batches.batch(5).inputs)
    assert not np.array_equal(batches.batch(5).inputs, batches.batch(6).inputs)


def test_only_the_last_value_of_a_window_counts_where_that_is_asked_for():
    targets = np.ones((50, 2, 1), np.float32)
    batch = WindowBatches(np.ones((50, 1), np.float32), targets, batch_size=3, window=10, is_last=True, seed=3).batch(0)
    assert np.isnan(batch.targets[:, :-1]).all()
    assert (batch.targets[:, -1] == 1).all()
    assert (targets == 1).all()


def test_a_backtest_knows_nothing_of_what_comes_after_its_origin():
    series = months()
    model = made(series, horizon=2)
    first = backtest(model, series, last=20, horizon=3)
    changed = series.values.copy()
    changed[70:] *= 1.5
    second = backtest(model, replace(series, values=changed), last=20, horizon=3)
    assert first.stops.tolist() == list(range(60, 78))
    before = first.stops <= 70
    assert np.array_equal(first.found[before], second.found[before])
    assert np.array_equal(first.bounds[:, :, before], second.bounds[:, :, before])
    assert not np.array_equal(first.found[~before], second.found[~before])
    assert np.array_equal(first.true[..., 0], [series.values[stop : stop + 3, 0] for stop in first.stops])


def test_a_backtest_is_what_predicting_from_each_origin_gives():
    series = months()
    model = made(series, difference=12)
    test = backtest(model, series, last=20, horizon=3, stride=5)
    assert test.stops.tolist() == [60, 65, 70, 75]
    for stop, found in zip(test.stops, test.found, strict=True):
        known = replace(series, values=series.values[:stop], times=series.times[:stop], places=series.places[:stop])
        assert np.array_equal(Stream(model, known).forecast(3).values, found)


def test_what_is_measured_is_written_out():
    series = months()
    model = made(series)
    test = backtest(model, series, last=20, horizon=3)
    found = measured(model, series, test)
    errors = test.found[..., 0] - test.true[..., 0]
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
    model.background = replace(model.background, season=70)
    assert measured(model, series, backtest(model, series, last=20))["seasonal_naive"] is None


def test_courses_spread_as_the_errors_did():
    """The interval of one step is that of the errors kept, around what is expected."""
    model = made(months())
    model.residuals = np.random.default_rng(1).normal(size=(500, 1, 2))
    said = np.zeros((4000, 1, 2, 1))
    drawn = Draws(4000, 2).drawn(model, said)
    assert np.quantile(drawn[:, 0, 0], [0.1, 0.5, 0.9]) == pytest.approx(np.quantile(model.residuals[:, 0, 0], [0.1, 0.5, 0.9]), abs=0.02)


def test_courses_of_quantiles_have_those_quantiles():
    model = made(months(), objective="quantile")
    levels = np.array([-9.0, -3.0, -1.0, 0.0, 2.0, 4.0, 20.0])
    said = np.broadcast_to(levels[::-1], (4000, 1, 2, 7))  # crossed, as a network may have them
    drawn = Draws(4000, 2).drawn(model, said)
    assert np.quantile(drawn[:, 0, 1], QUANTILES) == pytest.approx(levels, abs=0.1)
    assert drawn.min() == -9
    assert drawn.max() == 20


def test_the_errors_kept_are_those_of_the_validation_part(tmp_path):
    run = trained(forecaster_run(tmp_path, 10, horizon=2))
    job = run.job
    levels, turns = job.model.scaling.levels(job.series), job.model.turns(job.series, 1)
    train, valid, _ = job.sizes
    said = job.model.read(levels, turns)[train - 1 : train + valid - 2, ..., 0]
    right = job.model.scaling.targets(levels)[train - 1 : train + valid - 2]
    assert np.allclose(job.model.residuals, right - said, atol=1e-5)


def test_intervals_hold_about_what_they_promise(tmp_path):
    """Every part of the series is like every other, so that the errors of the validation part are those to come."""
    values = [0.0]
    for noise in np.random.default_rng(3).normal(size=2000):
        values.append(0.8 * values[-1] + noise)
    table = "x\n" + "".join(f"{value:.5f}\n" for value in values)
    for objective in ("squared", "quantile"):
        run = trained(forecaster_run(tmp_path, 60, table, target="x", objective=objective, held_out=400))
        test = backtest(run.job.model, run.job.series, last=400, horizon=3)
        assert measured(run.job.model, run.job.series, test)["coverage"]["0.8"] == pytest.approx(0.8, abs=0.1)


def test_the_parts_follow_each_other_and_the_last_is_never_seen(tmp_path):
    """With other values at its end, the same model comes out."""
    lines = SERIES.split("\n")[:-1]
    changed = "\n".join([*lines[:-12], *(f"{line.split(',')[0]},{number * 7 + 3},1" for number, line in enumerate(lines[-12:]))]) + "\n"
    (tmp_path / "other").mkdir()
    one, other = (trained(forecaster_run(folder, 10, table)) for folder, table in ((tmp_path, SERIES), (tmp_path / "other", changed)))
    assert one.job.sizes == (97, 11, 12)
    for name, weight in one.job.model.network.state_dict().items():
        assert torch.equal(weight, other.job.model.network.state_dict()[name])
    assert one.job.model.scaling.plain() == other.job.model.scaling.plain()
    assert one.results == other.results


def test_a_file_of_its_own_can_be_validated_on(tmp_path):
    from charnn.tasks.forecaster.job import ForecasterJob
    from charnn.training.job import Place

    (tmp_path / "a.csv").write_text(SERIES)
    (tmp_path / "b.csv").write_text("\n".join(SERIES.split("\n")[:40]) + "\n")
    place = Place([tmp_path / "a.csv"], tmp_path / "run", valid=[tmp_path / "b.csv"])
    job = ForecasterJob(place, forecaster_settings())
    assert job.sizes == (108, 0, 12)
    assert job.finish()["origins"] == 38


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
        Stream(model, months(12))
    assert str(raised.value) == "the series is too short: 12 values in it, and the model needs 13; give a longer one"
    with pytest.raises(DataError) as raised:
        backtest(model, months(30), last=20)
    assert str(raised.value) == "the series is too short: 10 values before the last 20, and the model needs 13; give a longer one"
    with pytest.raises(SettingError) as raised:
        backtest(model, months(), last=5, horizon=6)
    assert str(raised.value) == "horizon must be at most the 5 values to predict, got 6; give a smaller one"


def saved_of(model: Forecaster) -> SavedModel:
    return SavedModel("forecaster", model.settings.plain(), model.learned(), model.tensors())


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
        TrainedForecaster(replace(saved, learned={**saved.learned, "background": background}))


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
        TrainedForecaster(replace(saved, tensors=tensors))
