"""`charnn plot` as a user has it."""

import json
from pathlib import Path

import pytest

from charnn.cli.verbs.plot import AXES, KINDS
from charnn.inspection.curves import OVER
from tests.runs import tagger_run, trained
from tests.tools import charnn

LINES = [
    {"step": 10 * n, "seconds": 6.0 * n, "epoch": n / 2, "predictions": n, "train_loss": 4 / n, "valid_loss": 5 / n} for n in (1, 2, 4)
]


def logged(folder: Path, more: str = "") -> Path:
    folder.mkdir(parents=True)
    (folder / "metrics.jsonl").write_text("".join(f"{json.dumps(one)}\n" for one in LINES) + more)
    return folder


def test_the_axes_are_those_that_reports_have() -> None:
    assert tuple(OVER) == AXES


def test_losses_are_drawn_with_what_they_are_and_how_low_they_got(tmp_path: Path) -> None:
    result = charnn("plot", logged(tmp_path / "run", '{"step": 50, "va'))
    assert (result.exit_code, result.stderr) == (0, "")
    lines = result.stdout.split("\n")
    assert lines[:2] == ["Losses of run: lowest on validation 1.2500 at update 40", "loss (nats per prediction)"]
    assert lines[-3].strip() == "updates"
    assert lines[-2] == "* training   + validation"


def test_several_runs_stand_in_one_picture_and_a_table(tmp_path: Path) -> None:
    runs = [logged(tmp_path / "a" / "run"), logged(tmp_path / "b" / "run")]
    result = charnn("plot", *runs, "--over", "minutes", "--log")
    assert "loss (nats per prediction, log scale)" in result.stdout
    assert "* a/run training   + a/run validation   o b/run training   x b/run validation\n" in result.stdout
    table = [line.split() for line in result.stdout.strip().split("\n")[-3:]]
    assert table == [["run", "updates", "minutes", "best", "validation", "loss", "at", "update"]] + [
        [f"{name}/run", "40", "0.4", "1.2500", "40"] for name in "ab"
    ]


def test_json_has_the_series_and_null_for_what_is_no_number(tmp_path: Path) -> None:
    run = logged(tmp_path / "run", '{"step": 80, "train_loss": 1, "valid_loss": null}\n')
    found = json.loads(charnn("plot", run, "--json").stdout)
    assert found == {
        "over": "updates",
        "series": [
            {"run": "run", "metric": "train_loss", "x": [10, 20, 40, 80], "y": [4, 2, 1, 1]},
            {"run": "run", "metric": "valid_loss", "x": [10, 20, 40, 80], "y": [5, 2.5, 1.25, None]},
        ],
    }


def test_a_metric_that_only_some_runs_have_is_drawn_of_those(tmp_path: Path) -> None:
    runs = [logged(tmp_path / "a"), logged(tmp_path / "b", '{"step": 80, "bleu": 3}\n')]
    result = charnn("plot", *runs, "--metric", "bleu", "--json")
    assert result.stderr == "Note: a reported no bleu.\n"
    assert json.loads(result.stdout)["series"] == [{"run": "b", "metric": "bleu", "x": [80], "y": [3]}]


@pytest.mark.parametrize("name", ["--to", "--plot"])
def test_a_picture_is_written_where_it_is_asked_for(tmp_path: Path, name: str) -> None:
    pytest.importorskip("matplotlib")
    path = tmp_path / "losses.svg"
    result = charnn("plot", logged(tmp_path / "run"), name, path)
    assert (result.exit_code, result.stderr) == (0, f"Wrote {path}.\n")
    assert "<!-- Losses of run: lowest on validation 1.2500 at update 40 -->" in path.read_text()


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (
            ["--metric", "loss"],
            "--metric must be one of epoch, predictions, seconds, step, train_loss, valid_loss for these runs, got 'loss'.",
        ),
        (["--to", "a.gif"], "--to must end in .png or .svg, got a.gif."),
        (["--to", "none/a.png"], "none/a.png cannot be written: there is no folder none; make it, or name another file."),
        (["--data", "x"], "--data has no effect on the losses; leave it out."),
        (["--confusion"], "--confusion needs data to predict; give --data FILE."),
        (["--confusion", "--log"], "--log has no effect on --confusion; leave it out."),
        (["--confusion", "--calibration"], "--calibration cannot be combined with --confusion; draw one after the other."),
        (["other", "--calibration", "--data", "x"], "--calibration draws one run, got 2; name the data with --data FILE."),
    ],
)
def test_what_makes_no_picture_is_one_sentence(tmp_path: Path, options: list[str], said: str) -> None:
    result = charnn("plot", logged(tmp_path / "run"), *options)
    assert (result.exit_code != 0, result.stdout, result.stderr) == (True, "", f"Error: {said}\n")


def test_the_confusion_of_a_classifier_is_drawn_and_told(classifier: Path, tmp_path: Path) -> None:
    asked = ["plot", classifier / "run", "--confusion", "--data", classifier / "table.tsv"]
    page = tmp_path / "confusion.html"
    found = json.loads(charnn(*asked, "--json", "--to", page).stdout)
    assert list(found) == ["model", "data", "texts", "labels", "confusion"]
    assert (found["texts"], found["labels"], [sum(row) for row in found["confusion"]]) == (96, ["bad", "good"], [48, 48])
    right = found["confusion"][0][0] + found["confusion"][1][1]
    title = f"Confusion of {classifier / 'run'}: {right / 96:.1%} of 96 texts found as what they are"
    assert title in " ".join(charnn(*asked).stdout.split())
    assert f"<h1>{title}</h1>" in page.read_text()


def test_the_calibration_of_a_classifier_is_drawn_and_told(classifier: Path) -> None:
    asked = ["plot", classifier / "run", "--calibration", "--data", classifier / "table.tsv"]
    found = json.loads(charnn(*asked, "--json").stdout)
    assert list(found) == ["model", "data", "texts", "ece", "bins"]
    assert sum(one["examples"] for one in found["bins"]) == found["texts"] == 96
    shown = charnn(*asked).stdout
    assert f"expected calibration error {found['ece']:.4f} (15 bins)" in " ".join(shown.split())
    assert "* right as often as sure   + found, with 95 % interval" in shown


def test_a_tagger_has_a_confusion_and_refuses_what_it_has_not(tmp_path: Path) -> None:
    trained(tagger_run(tmp_path, steps=4))
    asked = ["plot", tmp_path / "run", "--confusion", "--data", tmp_path / "sentences.conll"]
    assert json.loads(charnn(*asked, "--json").stdout)["labels"] == ["person", "place", "O"]
    result = charnn(*asked, "--text-column", "x")
    assert result.stderr == "Error: --text-column has no effect on a tagger; leave it out.\n"


def test_every_kind_has_its_help() -> None:
    shown = charnn("plot", "--help-all").stdout
    assert all(f"--{name}" in shown for name in list(KINDS)[1:])
