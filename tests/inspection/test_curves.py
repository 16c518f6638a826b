"""What training reported: read as far as it is whole, told apart by name, refused with its place where it is broken."""

import json
import math
from pathlib import Path

import pytest

from charnn.errors import CheckpointError, DataError, SettingError
from charnn.inspection.curves import OVER, Curves, check_metrics, read_curves, short_names

REPORTS = [
    {"step": 10, "steps": 20, "epoch": 0.5, "seconds": 30.0, "predictions": 100, "train_loss": None, "valid_loss": 2.5, "is_best": True},
    {"step": 20, "steps": 20, "epoch": 1.0, "seconds": 60.0, "predictions": 200, "train_loss": 2.0, "valid_loss": 2.0, "is_best": True},
    {"step": 30, "steps": 20, "epoch": 1.5, "seconds": 90.0, "predictions": 300, "train_loss": 1.0, "valid_loss": None, "accuracy": 0.5},
]


def run(folder: Path, text: str | None = None) -> Path:
    folder.mkdir(parents=True)
    lines = "".join(f"{json.dumps(one)}\n" for one in REPORTS) if text is None else text
    (folder / "metrics.jsonl").write_text(lines)
    return folder


def read(folder: Path) -> Curves:
    return read_curves([folder])[0]


def test_a_series_stands_over_what_is_asked_for(tmp_path: Path) -> None:
    curves = read(run(tmp_path / "run"))
    expected = {"updates": [10, 20, 30], "minutes": [0.5, 1, 1.5], "epochs": [0.5, 1, 1.5], "predictions": [100, 200, 300]}
    assert {over: curves.series("valid_loss", over)[0] for over in OVER} == expected
    x, y = curves.series("valid_loss", "updates")
    assert (x, y[:2], math.isnan(y[2])) == ([10, 20, 30], [2.5, 2.0], True)
    assert curves.series("accuracy", "minutes") == ([1.5], [0.5])


def test_the_best_report_has_the_lowest_validation_loss(tmp_path: Path) -> None:
    assert (read(run(tmp_path / "run")).best or {})["step"] == 20
    assert read(run(tmp_path / "none", '{"step": 1, "train_loss": 2}\n')).best is None


def test_metrics_are_numbers_in_the_order_in_which_they_came(tmp_path: Path) -> None:
    expected = ["step", "steps", "epoch", "seconds", "predictions", "train_loss", "valid_loss", "accuracy"]
    assert read(run(tmp_path / "run")).metrics == expected


@pytest.mark.parametrize("rest", ["", '{"step": 40, "val', '{"step": 40}', "\xff"])
def test_a_last_line_that_is_not_written_to_its_end_is_left_out(tmp_path: Path, rest: str) -> None:
    whole = "".join(f"{json.dumps(one)}\n" for one in REPORTS)
    assert len(read(run(tmp_path / "run", whole + rest)).reports) == 3


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "is no report, an object of names and numbers"),
        ('{"step": "x"}', "'step' should be a number, got 'x'"),
        ('{"step": [1]}', "'step' should be a number, got [1]"),
        ('{"step": 1' + "0" * 400 + "}", "'step' should be a number, got one that is too large"),
    ],
    ids=range(7),
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    folder = run(tmp_path / "run", f"{json.dumps(REPORTS[0])}\n{line}\n{json.dumps(REPORTS[1])}\n")
    with pytest.raises(DataError) as raised:
        read(folder)
    assert str(raised.value) == f"{folder}/metrics.jsonl:2: {said}; copy the file again, or remove the line"


def test_what_holds_no_reports_is_refused(tmp_path: Path) -> None:
    file, empty = tmp_path / "model.safetensors", tmp_path / "empty"
    file.write_bytes(b"")
    empty.mkdir()
    said = {
        file: f"{file} is a file, and losses are in the run folder; give that",
        empty: f"{empty} has no metrics.jsonl; give a run folder that charnn train wrote",
        tmp_path / "none": f"{tmp_path}/none is no run folder; give a run folder that charnn train wrote",
    }
    for path, expected in said.items():
        with pytest.raises(CheckpointError) as raised:
            read(path)
        assert str(raised.value) == expected
    new = run(tmp_path / "new", "")
    with pytest.raises(DataError) as late:
        read(new)
    assert str(late.value) == f"{new}/metrics.jsonl has no report yet; wait for the first validation"


def test_an_unknown_metric_is_refused_with_those_there_are(tmp_path: Path) -> None:
    curves = [read(run(tmp_path / "a")), read(run(tmp_path / "b", '{"step": 1, "bleu": 3}\n'))]
    check_metrics(curves, ["accuracy", "bleu"])
    with pytest.raises(SettingError) as raised:
        check_metrics(curves, ["accuracy", "loss"])
    known = "accuracy, bleu, epoch, predictions, seconds, step, steps, train_loss, valid_loss"
    assert str(raised.value) == f"metric must be one of {known} for these runs, got 'loss'"


def test_runs_of_one_name_get_the_folders_before_it_and_others_do_not() -> None:
    assert short_names(["/a/x/run", "/a/y/run", "/b/other"]) == ["x/run", "y/run", "other"]
    assert short_names(["/a/run", "/a/run"]) == ["run", "run"]
    assert short_names(["/run", "/a/run"]) == ["//run", "a/run"]
    assert short_names([]) == []
