"""`charnn train ... --resume`: what is not said again is as it was."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from charnn.checkpoint.model import read_header
from charnn.cli.main import main
from charnn.errors import CharnnError
from charnn.training.run import Run
from tests.models import TEXT
from tests.runs import PAIRS, SERIES, TABLE

SMALL = ("--hidden-size", "16", "--batch-size", "4", "--window", "16", "--validations", "4")
LM = ("train", "lm", "foxes.txt", *SMALL, "--dropout", "0.1", "--valid-fraction", "0.2", "--steps", "12", "--quiet")
RUN = ("--to", "run")


class BrokenOff(CharnnError):
    """What the tests end a run with."""


@pytest.fixture
def desk(tmp_path, monkeypatch):
    """A folder with data, where one is; nothing hangs on a measurement."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
    monkeypatch.setattr("charnn.training.folder.LARGEST_FRACTION", 1e9)
    Path("foxes.txt").write_text(TEXT, encoding="utf-8")
    Path("table.tsv").write_text(TABLE, encoding="utf-8")
    Path("series.csv").write_text(SERIES, encoding="utf-8")
    for name, column in (("source.txt", 0), ("target.txt", 1)):
        Path(name).write_text("".join(f"{line.split(chr(9))[column]}\n" for line in PAIRS.strip().split("\n")), encoding="utf-8")
    return tmp_path


@pytest.fixture
def breaking(monkeypatch):
    """Runs end at their second validation."""
    train = Run.train

    def broken(run):
        validations = 0
        for report in train(run):
            yield report
            validations += report.valid_loss is not None
            if validations == 2:
                run.lock.release()
                raise BrokenOff("broken off")

    def use(is_used):
        monkeypatch.setattr(Run, "train", broken if is_used else train)

    return use


def invoke(*arguments):
    return CliRunner().invoke(main, arguments)


def done(*arguments):
    result = invoke(*arguments)
    assert result.exit_code == 0, result.stderr
    return result


COMMANDS = {
    "lm": LM,
    "classifier": ("train", "classifier", "table.tsv", *SMALL, "--embedding-size", "8", "--no-baseline", "--steps", "12", "--quiet"),
    "translator": (
        *("train", "translator", "--source", "source.txt", "--target", "target.txt", "--reverse"),
        *("--layers", "1", "--hidden-size", "16", "--validations", "4", "--steps", "12", "--quiet"),
    ),
    "forecaster": ("train", "forecaster", "series.csv", *SMALL, "--target", "sold", "--inputs", "rain", "--steps", "12", "--quiet"),
}


@pytest.mark.parametrize("task", COMMANDS)
def test_resume_alone_goes_on_with_all_that_was_said(desk, breaking, task):
    done(*COMMANDS[task], "--to", "whole")
    breaking(True)
    assert invoke(*COMMANDS[task], *RUN).exit_code == 1
    breaking(False)
    done("train", task, "--resume", *RUN, "--quiet")
    assert Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_the_same_command_with_resume_goes_on_too(desk, breaking):
    done(*LM, "--to", "whole")
    breaking(True)
    invoke(*LM, *RUN)
    breaking(False)
    done(*LM, *RUN, "--resume", "--save-every", "5")
    assert Path("run/model.safetensors").read_bytes() == Path("whole/model.safetensors").read_bytes()


def test_without_a_folder_the_run_that_was_saved_last_goes_on(desk, breaking):
    breaking(True)
    invoke(*LM, "--to", "checkpoints/mine")
    breaking(False)
    assert done("train", "lm", "--resume").stderr.startswith("Resuming checkpoints/mine, the run saved last.\n")
    result = invoke("train", "tagger", "--resume")
    assert result.stderr == "Error: checkpoints holds no run of train tagger to go on with; name one with --to, or leave --resume out.\n"
    assert result.exit_code == 4


def test_other_settings_are_refused_by_name(desk, breaking):
    breaking(True)
    invoke(*LM, *RUN)
    result = invoke("train", "lm", "--resume", *RUN, "--dropout", "0.3")
    told = "Error: --resume uses the settings of run, and these differ: dropout 0.3 (the run has 0.1); leave them out.\n"
    assert (result.exit_code, result.stderr) == (2, told)


def test_a_new_budget_replaces_the_old_one_of_any_kind(desk, breaking):
    breaking(True)
    invoke(*LM, *RUN)
    breaking(False)
    done("train", "lm", "--resume", *RUN, "--epochs", "1", "--patience", "9")
    lines = [json.loads(line) for line in Path("run/metrics.jsonl").read_text().split("\n")[:-1]]
    assert [line["step"] for line in lines][:2] == [3, 6]
    assert lines[-1]["epoch"] == 1
    assert read_header(Path("run/training.safetensors"))["budget"] == {"minutes": None, "epochs": 1, "steps": None}


def test_resume_and_overwrite_contradict_each_other(desk):
    result = invoke(*LM, *RUN, "--resume", "--overwrite")
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --resume and --overwrite exclude each other; give one.\n")


def test_what_was_said_is_kept_as_it_was_said(desk):
    done(*LM, *RUN)
    said = read_header(Path("run/training.safetensors"))["command"]
    assert said == {
        "data": ["foxes.txt"],
        **{"hidden_size": 16, "batch_size": 4, "window": 16, "validations": 4, "dropout": 0.1, "valid_fraction": 0.2, "steps": 12},
    }
