"""Tests of charnn.tasks.check."""

from pathlib import Path

import pytest

from charnn.errors import DataError
from charnn.tasks.check import Trial, measure_cost, peak_bytes
from charnn.tasks.lm.settings import LanguageModelInputs, LanguageModelSettings
from charnn.tasks.registry import TASKS
from charnn.tasks.translator.settings import TranslatorInputs
from charnn.training import run as probe
from charnn.training.model import Sources

SMALL = {
    "lm": {"network": {"stack": {"hidden_size": 16}}},
    "classifier": {"network": {"encoder": {"stack": {"hidden_size": 16, "dropout": 0.5}}}, "objective": {"baseline": False}},
    "tagger": {"network": {"encoder": {"stack": {"hidden_size": 16, "dropout": 0.5}, "embedding_size": 8}}},
    "translator": {
        "tokens": {"tokenizer": "word"},
        "network": {"stack": {"hidden_size": 16, "dropout": 0.3}, "embedding_size": 16},
        "loop": {"batch_size": 8},
    },
    "forecaster": {"network": {"stack": {"hidden_size": 16}}, "loop": {"batch_size": 2}},
}

FILES = {
    "lm": Sources(["a.txt"]),
    "classifier": Sources(["a.csv"]),
    "tagger": Sources(["a.conll"]),
    "translator": Sources([]),
    "forecaster": Sources(["series.csv"]),
}

UPDATES = {"lm": 4, "classifier": 2, "tagger": 1, "translator": 5, "forecaster": 3}
"""Of an epoch: 3,600 characters in 16 rows of windows of 64; 60 texts less 6 and 30 sentences less 3 in batches of 32; 40 pairs less 4;
200 values less 20 held out and 18 to validate on in batches of 2 windows of 24."""


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(probe, "PROBE_SECONDS", 0.02)
    Path("a.txt").write_text("the sea is wide and blue, and so is the sky over it.\n" * 75 + "x" * 25)
    Path("a.csv").write_text("text,label\n" + "".join(f"text {number},{'xy'[number % 2]}\n" for number in range(60)))
    Path("a.conll").write_text("Ann\tB-person\nleft\tO\n\n" * 30)
    Path("series.csv").write_text("x\n" + "".join(f"{number % 10 + number / 100}\n" for number in range(200)))
    Path("a.en").write_text("".join(f"go {number}\n" for number in range(40)))
    Path("a.fr").write_text("".join(f"va {number}\n" for number in range(40)))


@pytest.mark.parametrize("task", TASKS)
def test_every_task_is_tried_out_and_nothing_is_written(task: str) -> None:
    before = sorted(Path().iterdir())
    inputs = TranslatorInputs(source=("a.en",), target=("a.fr",)) if task == "translator" else TASKS[task].inputs()
    cost = measure_cost(Trial(task, TASKS[task].settings.from_plain(SMALL[task]), FILES[task], inputs))
    assert cost.updates == UPDATES[task]
    assert cost.preparation_seconds > 0
    assert cost.epoch_seconds > 0
    assert cost.per_second > 0
    assert 50 * 2**20 < cost.peak_bytes <= peak_bytes()
    assert sorted(Path().iterdir()) == before


def test_what_training_refuses_is_refused() -> None:
    Path("short.txt").write_text("x")
    with pytest.raises(DataError, match=r"^short contains too little text to train on; give more$"):
        measure_cost(Trial("lm", LanguageModelSettings(), Sources(["short.txt"]), LanguageModelInputs()))


def test_memory_that_is_taken_shows_in_the_peak() -> None:
    before = peak_bytes()
    block = bytearray(before + (64 << 20))
    assert peak_bytes() > len(block)
