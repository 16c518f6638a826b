"""What odd series once did to a forecaster, and do no more; `make stress` tries very many."""

import json
import tracemalloc
import warnings
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from charnn.cli.main import main
from charnn.data.series import read_series
from charnn.data.settings import SeriesSettings
from charnn.data.times import Clock
from charnn.errors import DataError, SettingError
from charnn.tasks.forecaster import backtest
from charnn.tasks.forecaster.model import Forecaster
from charnn.tasks.load import load
from tests.stress.tiny import tiny

TINY = ["--hidden-size", "4", "--steps", "1", "--validations", "1", "--threads", "1", "--quiet", "--to", "run", "--overwrite"]


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)


@pytest.fixture
def model() -> Forecaster:
    """An untrained one, of months, with logarithms and a further column."""
    return Forecaster.restore(tiny("forecaster"))


def charnn(*arguments: str, text: str | None = None) -> Result:
    return CliRunner().invoke(main, arguments, input=text)


def train(content: str, *options: str, name: str = "a.csv") -> Result:
    Path(name).write_text(content)
    return charnn("train", "forecaster", name, *TINY, *options)


def table(*last: str) -> str:
    rows = [f"{2000 + row // 12}-{row % 12 + 1:02},{row * 7 % 11 + 1}" for row in range(60)]
    return "\n".join(["month,sold", *rows, *last, ""])


def test_a_series_that_ends_with_the_calendar_is_refused() -> None:
    """It was trained on, and the model file was one that nothing could load."""
    result = train("year,x\n" + "".join(f"{9940 + row},{row * 7 % 11}\n" for row in range(60)), "--time-column", "year", "--target", "x")
    said = "there is no time 1 step after 9999: years end with 9999; give fewer steps, or other times"
    assert (result.exit_code, result.stderr) == (1, f"Error: a.csv:61: {said}.\n")


def test_a_forecast_ends_before_the_calendar_does(model: Forecaster) -> None:
    """Very many steps once ended in a traceback."""
    assert model.predict(steps=2).times == ("2011-01", "2011-02")
    with pytest.raises(DataError) as raised:
        model.predict(steps=100_000)
    assert str(raised.value).startswith("there is no time ")


@pytest.mark.parametrize(
    ("style", "time", "after"), [("%Y", "0033", "0034"), ("%Y-%m", "0999-12", "1000-12"), ("%d.%m.%Y", "1.1.0001", "01.01.0002")]
)
def test_years_keep_their_four_digits(style: str, time: str, after: str) -> None:
    """The year after 0033 was written as 34, which then could not be read."""
    assert Clock(style, 12, 0.0).after(time, 1) == after


def test_a_time_that_cannot_be_read_ends_a_stream_in_a_sentence() -> None:
    train(table())
    result = charnn("predict", "run", "-", "--stream", text="month,sold\n2005-01,3\nnext month,4\n")
    said = "the time 'next month' is not written as those before it, %Y-%m; correct it"
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}.\n")
    assert len(result.stdout.split("\n")) == 3


def test_a_column_whose_name_is_no_text_is_refused() -> None:
    """It was trained on, and the model file could not be loaded."""
    rows = "".join(f'{{"\\ud800": {row * 7 % 11}}}\n' for row in range(60))
    said = "the column '\\ud800' holds half of a surrogate pair, which is no character; correct it"
    result = train(rows, name="a.jsonl")
    assert (result.exit_code, result.stderr) == (1, f"Error: a.jsonl:1: {said}.\n")


def test_times_that_say_nothing_are_left_out_of_the_model_file() -> None:
    """Texts in the column of the time could fill the header of a model file."""
    assert train("note,x\n" + "".join(f"{'long ' * 2000}{row},{row * 7 % 11}\n" for row in range(60))).exit_code == 0
    assert Path("run/model.safetensors").stat().st_size < 20_000
    assert load("run").past.times is None
    assert charnn("predict", "run", "--steps", "2").stdout.split("\n")[0] == "step,x"


def test_numbers_whose_squares_are_none_are_refused() -> None:
    result = train(table("2005-01,1e101"))
    said = "a.csv:62: sold is 1e101, and 1e+100 is the most that can be computed with; correct it"
    assert (result.exit_code, result.stderr) == (1, f"Error: {said}.\n")


def test_what_is_far_beyond_the_training_part_is_measured_in_numbers() -> None:
    """It became infinite in single precision, and the errors no numbers, which the verdict could not compare."""
    train(table(), "--held-out", "3")
    Path("far.csv").write_text(table("2005-01,1e90", "2005-02,2", "2005-03,-1e90"))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        result = charnn("evaluate", "run", "far.csv", "--json")
    found = json.loads(result.stdout)
    assert found["mae"] > 1e89
    assert found["verdict"].startswith("The network")


def test_a_value_that_is_no_number_does_not_spoil_a_stream(model: Forecaster) -> None:
    stream = model.stream()
    with pytest.raises(DataError, match=r"^the new value is nan, 1\.0, which is no number; fill it in$"):
        stream.push([float("nan"), 1.0])
    assert np.isfinite(stream.forecast(3).values).all()


def test_a_logarithm_that_the_past_of_a_model_lacks_is_refused(model: Forecaster) -> None:
    """Told without a place, since the past of a model has none."""
    past = model.past
    with pytest.raises(DataError, match=r"^value 1: sold is 0, and --log needs values above 0; leave it out$"):
        model.predictor.scaling.levels(type(past)(past.columns, past.targets, np.zeros((2, 2))))


def test_what_has_no_logarithm_is_refused_in_every_part() -> None:
    """What was held out was not looked at: training succeeded, and the model could not go on from it."""
    result = train(table("2005-01,0"), "--log")
    assert (result.exit_code, result.stderr) == (1, "Error: a.csv:62: sold is 0, and --log needs values above 0; leave it out.\n")
    Path("valid.csv").write_text(table("2005-01,-1"))
    result = train(table(), "--log", "--valid", "valid.csv")
    assert (result.exit_code, result.stderr) == (1, "Error: valid.csv:62: sold is -1, and --log needs values above 0; leave it out.\n")


def test_an_interval_of_more_steps_than_memory_holds_is_refused(model: Forecaster) -> None:
    with pytest.raises(SettingError) as raised:
        model.predict(steps=1_000_000, fraction=0.9)
    assert str(raised.value) == "steps can be at most 25,000 with an interval, got 1,000,000; give fewer"


def test_a_backtest_keeps_no_sample_paths(model: Forecaster, monkeypatch: pytest.MonkeyPatch) -> None:
    """All sample paths of all origins were kept at once: 200 for each number, gigabytes for a month ahead of a year of hours."""
    monkeypatch.setattr(backtest, "MOST_DRAWN", 1 << 15)
    tracemalloc.start()
    found = model.backtest(model.past, last=100, horizon=20)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert found.bounds.shape == (2, 2, 81, 20, 1)
    assert peak < 81 * 200 * 20 * 8


def test_a_bad_first_cell_makes_no_time_of_the_target() -> None:
    """`--target sold` was said not to be there."""
    Path("a.csv").write_text("sold,rain\nmany,1\n2,3\n")
    with pytest.raises(DataError, match=r"^a\.csv:2: the column sold should hold a number, got 'many'; "):
        read_series(["a.csv"], SeriesSettings(target="sold"))
