"""`charnn data check`: the training that is tried out in a process of its own."""

import os
import signal
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from charnn.cli.verbs import data as trial
from charnn.errors import DataError
from charnn.tasks.check import Cost, Trial
from charnn.tasks.lm.settings import LanguageModelInputs, LanguageModelSettings
from charnn.training.model import Sources

COST = Cost(1, 2.0, 3, 4.0, 5.0, 6.0, "characters", 7, "cpu", 8)


def answer_cost(pipe: Connection, trial: Trial) -> None:
    pipe.send(COST)


def answer_refusal(pipe: Connection, trial: Trial) -> None:
    pipe.send(f"{trial.task} is refused")


def be_killed(pipe: Connection, trial: Trial) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def leave(pipe: Connection, trial: Trial) -> None:
    os._exit(3)


@pytest.fixture
def asked() -> Trial:
    return Trial("lm", LanguageModelSettings(), Sources(("a.txt",)), LanguageModelInputs())


def test_what_was_measured_comes_back(asked: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_answer", answer_cost)
    assert trial.try_out(asked) == COST


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        (answer_refusal, "lm is refused"),
        (be_killed, "trying out the training took more memory than there is; give less data, or smaller settings to `charnn train`"),
        (leave, "trying out the training ended with code 3; give less data, or smaller settings to `charnn train`"),
    ],
)
def test_a_trial_that_fails_is_told(answer: object, message: str, asked: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(trial, "_answer", answer)
    with pytest.raises(DataError) as caught:
        trial.try_out(asked)
    assert str(caught.value) == message


def test_training_itself_refuses_in_its_own_words(asked: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a.txt").write_text("x")
    with pytest.raises(DataError, match=r"^a contains too little text to train on; give more$"):
        trial.try_out(asked)
