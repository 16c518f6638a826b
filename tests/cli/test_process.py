"""Signals in training, in real processes: what is under way is saved, and the exit code says what happened."""

import os
import signal
import subprocess
import sys
import time

import pytest

from charnn.cli.process import EXIT_CODES, Patience, Terminated
from charnn.training.folder import TRAINING_FILE
from tests.models import TEXT

TRAIN = ("train", "lm", "foxes.txt", "--to", "run", "--hidden-size", "16", "--batch-size", "4", "--window", "16", "--validations", "3")


def start(folder, *arguments):
    return subprocess.Popen([sys.executable, "-m", "charnn", *arguments], cwd=folder, stderr=subprocess.PIPE, text=True)


@pytest.fixture
def desk(tmp_path):
    """A folder with a corpus."""
    (tmp_path / "foxes.txt").write_text(TEXT, encoding="utf-8")
    return tmp_path


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_training_with_a_state_and_says_how_to_go_on(desk, number):
    process = start(desk, *TRAIN, "--steps", "100000000", "--quiet")
    while not (desk / "run" / TRAINING_FILE).exists():
        assert process.poll() is None
        time.sleep(0.02)
    time.sleep(0.3)
    process.send_signal(number)
    try:
        errors = process.communicate(timeout=30)[1]
    finally:
        process.kill()  # One that does not answer shall not train on.
    assert process.returncode == EXIT_CODES[number]
    said = errors.strip().split("\n")
    assert said[0].startswith("Stopped at update ")
    assert said[0].endswith(" of 100,000,000; go on with: charnn train lm --resume --to run")
    assert said[-1] == {signal.SIGINT: "Interrupted.", signal.SIGTERM: "Terminated."}[number]
    assert not (desk / "run" / ".lock").exists()


def test_a_first_signal_waits_and_a_second_does_not():
    with Patience(lambda: False) as patience:
        os.kill(os.getpid(), signal.SIGINT)
        assert patience.received == signal.SIGINT
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)


def test_a_signal_is_thrown_where_that_does_no_harm():
    with Patience(lambda: True), pytest.raises(Terminated) as caught:
        os.kill(os.getpid(), signal.SIGTERM)
    assert caught.value.exit_code == 143


def test_the_handlers_of_before_come_back():
    before = {number: signal.getsignal(number) for number in EXIT_CODES}
    with Patience(lambda: True):
        assert signal.getsignal(signal.SIGTERM) != before[signal.SIGTERM]
    assert {number: signal.getsignal(number) for number in EXIT_CODES} == before


def test_a_signal_that_is_ignored_stays_so():
    """As for a job that nohup started."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Patience(lambda: True) as patience:
            assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
            os.kill(os.getpid(), signal.SIGHUP)
        assert patience.received is None
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_came_ends_all_when_asked():
    patience = Patience(lambda: False)
    patience.end()
    patience.received = signal.SIGHUP
    with pytest.raises(Terminated) as caught:
        patience.end()
    assert caught.value.exit_code == 129
