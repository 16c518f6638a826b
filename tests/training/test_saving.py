"""A disk that does not take a file: training continues, the older file stays whole, and saving is tried again."""

import errno
import json
import os

import pytest

from charnn import files
from charnn.checkpoint.documents import read_document_file
from charnn.checkpoint.model import METRICS_FILE, MODEL_FILE, load_model
from charnn.errors import StorageError
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE, Saver
from charnn.training.resume import read_stored
from tests.training.test_resume import lm_run


@pytest.fixture(autouse=True)
def _quick(monkeypatch):
    """No measurements, no waiting, a save at every report."""
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
    monkeypatch.setattr("charnn.training.folder.LARGEST_FRACTION", 1e9)
    monkeypatch.setattr("charnn.training.folder.PAUSES", (0, 0))


class Disk:
    """Fails to make files last, while it is full."""

    def __init__(self, monkeypatch):
        self.is_full = False
        self.fsync = os.fsync
        monkeypatch.setattr(files.os, "fsync", self.sync)

    def sync(self, descriptor):
        if self.is_full:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self.fsync(descriptor)


@pytest.fixture
def disk(monkeypatch):
    """A disk that may be full."""
    return Disk(monkeypatch)


def test_a_run_goes_on_while_the_disk_is_full_and_catches_up(tmp_path, disk):
    (tmp_path / "whole").mkdir()
    run = lm_run(tmp_path / "whole")
    list(run.train())
    run.finish()
    run, notes = lm_run(tmp_path), []
    for one in run.train():
        disk.is_full = 3 <= one.step < 9
        notes += [(one.step, one.note)] if one.note else []
        if one.valid_loss is not None and one.step < 9:
            assert load_model(tmp_path / "run").metrics["step"] == 3
            assert read_stored(tmp_path / "run")[0].document["progress"]["step"] == 3
    sentence = f"{tmp_path / 'run' / TRAINING_FILE} cannot be written: No space left on device; free some space"
    assert notes == [(step, f"{sentence}; training continues, and saving is tried again") for step in (6, 9)]
    run.finish()
    assert (tmp_path / "run" / MODEL_FILE).read_bytes() == (tmp_path / "whole" / "run" / MODEL_FILE).read_bytes()


def test_a_disk_that_stays_full_ends_in_exit_code_5_with_the_results_and_the_old_files_whole(tmp_path, disk):
    run = lm_run(tmp_path)
    for one in run.train():
        disk.is_full = one.step >= 6
    with pytest.raises(StorageError) as caught:
        run.finish()
    assert caught.value.exit_code == 5
    assert run.results["streamed"]["nats_per_token"] > 0
    assert load_model(tmp_path / "run").metrics["step"] == 6
    assert read_stored(tmp_path / "run")[0].document["progress"]["step"] == 6
    assert not list((tmp_path / "run").glob(".*.tmp"))


def test_a_full_disk_at_the_start_is_reported_at_once(tmp_path, disk):
    run = lm_run(tmp_path)
    disk.is_full = True
    with pytest.raises(StorageError):
        next(run.train())


def test_a_log_line_that_was_cut_off_is_written_anew(tmp_path, monkeypatch):
    saver = Saver(tmp_path, 1.0)
    saver.begin(None)
    saver.add({"step": 1})
    whole = saver.log
    (tmp_path / METRICS_FILE).rename(tmp_path / "kept")
    (tmp_path / METRICS_FILE).mkdir()  # cannot be opened
    saver.add({"step": 2})
    assert saver.trouble is not None
    (tmp_path / METRICS_FILE).rmdir()
    (tmp_path / METRICS_FILE).write_bytes(whole + b'{"step": 2, "st')
    saver.add({"step": 3})
    assert [json.loads(line)["step"] for line in (tmp_path / METRICS_FILE).read_text().split("\n")[:-1]] == [1, 2, 3]


def test_the_state_before_is_kept_beside_the_last(tmp_path):
    run = lm_run(tmp_path)
    for one in run.train():
        if one.step == 9:
            break
    first, second = (read_document_file(tmp_path / "run" / name)[0] for name in (PREVIOUS_FILE, TRAINING_FILE))
    assert (first["progress"]["step"], second["progress"]["step"]) == (6, 9)


def test_a_file_system_without_links_keeps_one_state(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr("charnn.training.folder.os.link", refuse)
    list(lm_run(tmp_path).train())
    assert {path.name for path in (tmp_path / "run").glob("training*")} == {TRAINING_FILE}


@pytest.mark.parametrize(
    ("cost", "passed", "at_report", "is_due"),
    [
        (0.1, 11, True, True),
        (0.1, 9, True, False),
        (0.1, 11, False, False),
        (0.1, 61, False, True),
        (1.0, 61, False, False),
        (1.0, 101, False, True),
    ],
)
def test_saving_takes_a_hundredth_of_the_time_at_most(tmp_path, monkeypatch, cost, passed, at_report, is_due):
    monkeypatch.setattr("charnn.training.folder.LARGEST_FRACTION", 0.01)
    saver = Saver(tmp_path, 1.0)
    saver._cost, saver._last = cost, 0.0
    monkeypatch.setattr("charnn.training.folder.time.monotonic", lambda: passed)
    assert saver.is_due(at_report=at_report) == is_due


def test_what_is_not_finite_is_never_written(tmp_path):
    run = lm_run(tmp_path)
    list(run.train())
    before = (tmp_path / "run" / TRAINING_FILE).read_bytes()
    run.trainer.parameters[0].data[0] = float("nan")
    assert not run.save()
    assert (tmp_path / "run" / TRAINING_FILE).read_bytes() == before
