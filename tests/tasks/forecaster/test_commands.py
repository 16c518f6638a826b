"""The command line of a forecaster: a series in, the rows that follow it out."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path

import pytest

from charnn.tasks.load import load
from tests.runs import SERIES
from tests.tools import charnn

pytestmark = pytest.mark.usefixtures("quick_probe")

SMALL = ["--steps", "20", "--validations", "2", "--hidden-size", "8", "--window", "24", "--batch-size", "4", "--quiet"]


def good(*arguments: object, text: str | None = None) -> str:
    result = charnn(*arguments, text=text)
    assert result.exit_code == 0, result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def desk(tmp_path_factory) -> Path:
    """A run on the small series, another of the cosine."""
    folder = tmp_path_factory.mktemp("forecaster")
    (folder / "series.csv").write_text(SERIES)
    good("train", "forecaster", folder / "series.csv", "--target", "sold", "--to", folder / "sold", *SMALL)
    good("train", "forecaster", "--to", folder / "wave", *SMALL)
    return folder


def rows(output: str) -> list[list[str]]:
    return list(csv.reader(io.StringIO(output)))


def test_what_is_written_goes_on_with_the_users_file(desk):
    output = good("predict", desk / "sold", "--steps", 3)
    header, *found = rows(output)
    assert header == ["month", "sold"]
    assert [time for time, _ in found] == ["2011-01", "2011-02", "2011-03"]
    assert all(float(value) > 100 for _, value in found)
    assert good("predict", desk / "sold", desk / "series.csv", "--steps", 3) == output


def test_an_interval_adds_its_ends(desk):
    header, *found = rows(good("predict", desk / "sold", "--steps", 4, "--interval", "0.9"))
    assert header == ["month", "sold", "sold_low", "sold_high"]
    assert all(float(low) < float(high) for _, _, low, high in found)
    one, other, again = (good("predict", desk / "sold", "--steps", 9, "--interval", "0.9", "--seed", seed) for seed in (1, 2, 1))
    assert one == again != other


def test_json_has_an_object_a_step(desk):
    found = [json.loads(line) for line in good("predict", desk / "sold", "--steps", 2, "--json", "--interval", "0.5").split("\n")[:-1]]
    assert [list(one) for one in found] == [["step", "time", "column", "value", "low", "high"]] * 2
    assert [(one["step"], one["time"], one["column"]) for one in found] == [(1, "2011-01", "sold"), (2, "2011-02", "sold")]


def test_without_times_steps_are_counted(desk):
    header, *found = rows(good("predict", desk / "wave", "--steps", 2))
    assert header == ["step", "cosine"]
    assert [step for step, _ in found] == ["1", "2"]


def test_a_stream_is_answered_row_by_row(desk):
    """Reading value by value gives what reading the longer file gives."""
    lines = SERIES.split("\n")
    (desk / "begin.csv").write_text("\n".join(lines[:100]) + "\n")
    rest = "\n".join([lines[0], *lines[100:]])
    streamed = rows(good("predict", desk / "sold", desk / "begin.csv", "-", "--stream", text=rest))
    assert streamed[0] == ["month", "sold"]
    assert len(streamed) == 1 + 21
    assert streamed[-1] == rows(good("predict", desk / "sold", "--steps", 1))[-1]
    assert good("predict", desk / "wave", "-", "--stream", text="0.5\n0.6\n").count("\n") == 3


def test_a_stream_answers_before_the_next_row_comes(desk):
    command = [sys.executable, "-m", "charnn", "predict", str(desk / "wave"), "-", "--stream"]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1) as process:
        process.stdin.write("0.5\n")
        process.stdin.flush()
        assert process.stdout.readline() == "step,cosine\n"
        assert process.stdout.readline().startswith("1,")
        process.stdin.write("0.6\n")
        process.stdin.flush()
        assert process.stdout.readline().startswith("1,")
        process.stdin.close()
        assert process.wait(60) == 0


def test_a_backtest_is_shown_beside_the_naive_forecasts(desk):
    source, blank, *lines = good("evaluate", desk / "sold").split("\n")
    assert (source, blank) == ("data: the series it was trained on", "")
    assert lines[0].split() == ["MAE", "RMSE", "MAPE,", "%", "MASE"]
    assert [line.split("  ")[0] for line in lines[1:4]] == ["network", "naive", "seasonal naive (12)"]
    assert lines[-2] == "backtest: 12 origins, 1 step ahead"
    assert lines[-4].startswith("The network")
    assert good("evaluate", desk / "sold", "--horizon", 12).endswith("\nbacktest: 1 origin, 12 steps ahead\n")


def test_evaluate_has_stable_keys(desk):
    found = json.loads(good("evaluate", desk / "sold", desk / "series.csv", "--horizon", 4, "--last", 20, "--stride", 4, "--json"))
    assert list(found) == [
        *("task", "model", "data", "examples", "seconds", "origins", "horizon", "season", "mae", "rmse", "mape", "mase", "naive"),
        *("seasonal_naive", "coverage", "interval_width", "mae_by_step", "verdict"),
    ]
    assert (found["origins"], found["horizon"], found["season"], len(found["mae_by_step"])) == (5, 4, 12, 4)
    assert found["naive"].keys() == found["seasonal_naive"].keys() == {"mae", "rmse", "mape", "mase"}
    assert found["coverage"].keys() == {"0.8", "0.95"}


def test_several_targets_are_shown_one_by_one(desk):
    good("train", "forecaster", desk / "series.csv", "--target", "sold,rain", "--to", desk / "both", *SMALL)
    lines = good("evaluate", desk / "both").split("\n")
    assert [line for line in lines if line in ("sold", "rain")] == ["sold", "rain"]
    assert rows(good("predict", desk / "both"))[0] == ["month", "sold", "rain"]
    assert json.loads(good("evaluate", desk / "both", "--json"))["targets"].keys() == {"sold", "rain"}


@pytest.mark.parametrize("verb", [["predict", "--steps", "9", "--interval", "0.8"], ["evaluate"], ["evaluate", "--horizon", "12"]])
@pytest.mark.parametrize("suffix", [".png", ".svg"])
def test_pictures_are_drawn(desk, tmp_path, verb, suffix):
    path = tmp_path / f"picture{suffix}"
    result = charnn(verb[0], desk / "sold", *verb[1:], "--plot", path)
    assert result.exit_code == 0, result.stderr
    assert f"Wrote {path}.\n" in result.stderr
    begin = path.read_bytes()[:200]
    assert begin.startswith(b"\x89PNG" if suffix == ".png" else b"<?xml")


def test_a_series_is_drawn_in_the_terminal_beside_what_is_predicted_of_it(desk):
    drawn = good("plot", desk / "sold", "--forecast")
    assert drawn.startswith("sold: real and predicted, each value predicted from all before it\n")
    assert drawn.endswith("* real   + predicted\n")
    assert good("plot", desk / "sold", "--forecast", "--horizon", 12).startswith("sold: real and predicted, 12 values fed back\n")
    model = load(desk / "sold")
    drawn = json.loads(good("plot", desk / "sold", "--forecast", "--horizon", 4, "--json"))["lines"][1]
    assert drawn["y"] == model.backtest(model.past, horizon=4).predicted[:, 3, 0].tolist()
    assert drawn["x"] == list(range(len(model.past) - 9, len(model.past)))
    ahead = json.loads(good("plot", desk / "sold", "--forecast", "--steps", 9, "--json"))
    assert [(line["name"], len(line["x"]), line["x"][-1]) for line in ahead["lines"]] == [("real", 100, 119), ("predicted", 9, 128)]
    told = good("predict", desk / "sold", "--steps", 9, "--json").split("\n")[:-1]
    assert ahead["lines"][1]["y"] == [json.loads(line)["value"] for line in told]
    assert "loss (error in the network's scale)" in good("plot", desk / "sold")


@pytest.mark.parametrize(
    ("command", "message"),
    [
        (["plot", "RUN", "--forecast", "--interval", "0.8"], "--interval has no effect without --steps; leave it out, or give the number "
                                                             "of steps to predict."),
        (["plot", "RUN", "--forecast", "--steps", "3", "--horizon", "2"], "--horizon is how far ahead the last values are predicted, and "
                                                                          "--steps draws those to come; leave one out."),
        (["plot", "RUN", "--steps", "3"], "--steps has no effect on the losses; leave it out."),
        (["plot", "RUN", "RUN", "--forecast"], "--forecast draws one run, got 2; name the data with --data FILE."),
        (["predict", "RUN", "--seed", "3"], "--seed has no effect without --interval, since nothing is drawn; leave it out."),
        (["predict", "RUN", "--format", "tsv"], "--format must be csv or jsonl for a forecaster, got tsv."),
        (["predict", "RUN", "--stream"], "--stream reads standard input: end the command with -."),
        (["predict", "RUN", "-", "--stream", "--plot", "a.png"], "--plot cannot be combined with --stream; leave one out."),
        (["predict", "RUN", "--plot", "a.gif"], "--plot must end in .png or .svg, got a.gif."),
        (["predict", "RUN", "--explain"], "--explain has no effect on a forecaster; leave it out."),
        (["evaluate", "RUN", "--tail", "0.1"], "--tail has no effect on a forecaster; leave it out."),
        (["evaluate", "RUN", "--horizon", "13"], "--horizon must be at most the 12 values to predict, got 13; give a smaller one."),
        (["predict", "RUN", "rain.csv"], "rain.csv:2: has no column 'sold'; there are month, rain."),
        (["predict", "RUN", "text.csv"], "text.csv:3: the column sold should hold a number, got 'many'; correct it, or name another "
                                         "--target."),
        (["predict", "RUN", "back.csv"], "back.csv: the model was trained with times, and those in month cannot be read or do not rise; "
                                         "correct them, or train with --no-calendar."),
    ],
)  # fmt: skip
def test_mistakes_end_in_a_sentence(desk, monkeypatch, command, message):
    monkeypatch.chdir(desk)
    (desk / "rain.csv").write_text("month,rain\n2000-01,3\n")
    (desk / "text.csv").write_text("month,sold\n2000-01,3\n2000-02,many\n")
    (desk / "back.csv").write_text("month,sold\n2000-03,3\n2000-02,4\n2000-01,4\n")
    result = charnn(*["sold" if one == "RUN" else one for one in command], text="")
    assert (result.exit_code, result.stderr) == (2 if message.startswith("--") else 1, f"Error: {message}\n")


@pytest.mark.parametrize(
    ("text", "options", "message"),
    [
        ("x\n" + "5\n" * 50, [], "a.csv:2: x never changes in the training part; there is nothing to learn."),
        ("x\n" + "5\n6\n" * 50, ["--window", "200"], "--window must be at most the 81 values of the training part, got 200."),
        ("x\n" + "5\nsix\n" * 50, [], "a.csv:3: the column x should hold a number, got 'six'; correct it, or name another --target."),
        ("x\n" + "5\n-6\n" * 50, ["--log"], "a.csv:3: x is -6, and --log needs values above 0; leave it out."),
        ("x\n" + "5\n\n" * 50, ["--activation", "relu"], "--activation is a choice of the rnn cell only, and the cell is gru."),
        ("t,x\na,5\nb,\n", [], "a.csv:3: the value of x is missing; fill it in, or say --missing interpolate."),
    ],
)
def test_series_that_cannot_be_learned_end_in_a_sentence(tmp_path, monkeypatch, text, options, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.csv").write_text(text)
    result = charnn("train", "forecaster", "a.csv", "--to", "run", "--steps", 1, *options)
    assert (result.exit_code, result.stderr) == (2 if message.startswith("--") else 1, f"Error: {message}\n")
    assert not (tmp_path / "run").exists()


def test_nothing_held_out_means_nothing_to_measure_on(desk):
    good("train", "forecaster", desk / "series.csv", "--target", "sold", "--held-out", 0, "--to", desk / "all", *SMALL)
    result = charnn("evaluate", desk / "all")
    assert result.exit_code == 2
    said = "--last must be given where nothing was held out in training; or name the data to evaluate on"
    assert result.stderr == f"Error: {said}.\n"
    assert json.loads(good("evaluate", desk / "all", "--last", 24, "--json"))["origins"] == 24


def test_a_run_tells_how_the_series_is_divided(desk):
    result = charnn("train", "forecaster", desk / "series.csv", "--target", "sold", "--inputs", "rain", "--to", desk / "told", *SMALL[:-1])
    assert result.exit_code == 0, result.stderr
    told = result.stderr.split("\n")
    assert "training    97 values of sold, read with rain" in told
    assert "validation  the 11 values after them" in told
    assert "held out    the last 12 values" in told
    assert "times       every month" in told
    assert "| network |" in result.stderr
    assert "| seasonal naive (12) |" in result.stderr
    card = (desk / "told" / "README.md").read_text()
    assert "A forecaster of sold in series, trained by charnn." in card


def test_errors_are_shown_a_row_a_value(desk):
    command = ["inspect", "errors", desk / "sold", desk / "series.csv", "--top", 2]
    lines = good(*command).split("\n")
    assert lines[0].split() == ["deviations", "came", "expected", "before", "it", "column", "time", "where"]
    assert len(lines) == 4
    found = json.loads(good(*command, "--json"))
    assert list(found) == ["task", "model", "data", "examples", "deviations", "worst", "costs"]
    assert list(found["worst"][0]) == ["deviations", "column", "true", "expected", "before", "time", "where"]
