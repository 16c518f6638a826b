"""A run that was interrupted and resumed ends like one without an interruption, whatever the task and wherever it stopped."""

import json
import re
import shutil
from dataclasses import replace

import pytest
import torch

from charnn.checkpoint.model import CARD_FILE, METRICS_FILE, MODEL_FILE, load_model
from charnn.data.settings import CorpusSettings
from charnn.errors import CheckpointError, SettingError
from charnn.tasks.lm.model import LanguageModel
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE
from charnn.training.model import Place, Score, Sources
from charnn.training.resume import Stored
from charnn.training.run import Run
from charnn.training.settings import BudgetSettings
from tests.models import TEXT, small_settings
from tests.runs import classifier_run, forecaster_run, tagger_run, translator_run

STEPS = 12


@pytest.fixture(autouse=True)
def _quick_probe(monkeypatch):
    """Nothing here hangs on a measurement; every report is one to save at."""
    monkeypatch.setattr("charnn.training.run.PROBE_SECONDS", 0.01)
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
    monkeypatch.setattr("charnn.training.folder.LARGEST_FRACTION", 1e9)


def lm_run(folder, steps=STEPS, *, budget=None, resume=False, **changes):
    (folder / "foxes.txt").write_text(TEXT, encoding="utf-8")
    place = Place(folder / "run", device="cpu", threads=1, overwrite=not resume, resume=resume)
    changes = {"dropout": 0.2, "validations": 4, "state_resets": 0.3, **changes}
    model = LanguageModel.prepare(Sources([folder / "foxes.txt"]), small_settings(**changes))
    return Run(place, model, budget or BudgetSettings(steps=steps))


DRAWN = {"subword_sampling": 0.2, "tokenizer": "subword", "min_count": 1, "scheduled_sampling": "constant"}

RUNS = {
    "lm": lm_run,
    "lm lstm": lambda folder, **options: lm_run(folder, cell="lstm", ema=0.9, **options),
    "lm documents": lambda folder, **options: lm_run(folder, documents="lines", tokenizer="word", **options),
    "classifier": lambda folder, **options: classifier_run(folder, STEPS, dropout=0.2, validations=4, baseline=True, **options),
    "tagger": lambda folder, **options: tagger_run(folder, STEPS, dropout=0.2, validations=4, ema=0.9, **options),
    "translator": lambda folder, **options: translator_run(folder, STEPS, dropout=0.2, validations=4, **DRAWN, **options),
    "forecaster": lambda folder, **options: forecaster_run(folder, STEPS, dropout=0.2, validations=4, ema=0.9, horizon=2, **options),
}


def test_a_setting_that_a_run_does_not_know_yet_has_its_default(tmp_path):
    """Runs that began before a setting was there go on, but not with another value of it."""
    stored = Stored(tmp_path, {"task": "lm", "settings": small_settings().plain(), "data": "x"}, {})
    for name in ("header", "skip_bad_rows", "input_format"):
        del stored.document["settings"]["corpus"][name]
    stored.check("lm", small_settings(), "x")
    other = replace(small_settings(), corpus=CorpusSettings(text_column="text", skip_bad_rows=True))
    differ = "these differ: skip_bad_rows True (the run has False), text_column text (the run has None); leave them out"
    with pytest.raises(SettingError, match=re.escape(differ)):
        stored.check("lm", other, "x")


def ended(run):
    """The bytes of the model that a run ends with."""
    list(run.train())
    run.finish()
    return (run.place.folder / MODEL_FILE).read_bytes()


def broken_off(run, until):
    """Trains up to a validation; lets the folder go as a killed process does."""
    for report in run.train():
        if report.valid_loss is not None and report.step >= until:
            break
    run.lock.release()


def steps_logged(folder):
    return [json.loads(line)["step"] for line in (folder / METRICS_FILE).read_text().split("\n")[:-1]]


@pytest.mark.parametrize("make", RUNS.values(), ids=RUNS)
def test_a_resumed_run_ends_with_the_bytes_of_one_that_was_never_broken_off(tmp_path, make):
    (tmp_path / "whole").mkdir()
    whole = ended(make(tmp_path / "whole"))
    for until in (3, 9):
        broken_off(make(tmp_path), until)
        torch.manual_seed(until)
        assert ended(make(tmp_path, resume=True)) == whole
        assert steps_logged(tmp_path / "run") == steps_logged(tmp_path / "whole" / "run")


def test_a_run_broken_off_again_and_again_ends_the_same(tmp_path):
    (tmp_path / "whole").mkdir()
    whole = ended(lm_run(tmp_path / "whole"))
    broken_off(lm_run(tmp_path), 3)
    for until in (6, 6, 9, 12):
        broken_off(lm_run(tmp_path, resume=True), until)
    assert ended(lm_run(tmp_path, resume=True)) == whole
    assert ended(lm_run(tmp_path, resume=True)) == whole  # a finished run is finished again
    assert steps_logged(tmp_path / "run") == [3, 6, 9, 12]


def test_a_run_that_was_killed_before_its_first_save_begins_anew(tmp_path):
    whole = ended(lm_run(tmp_path))
    shutil.rmtree(tmp_path / "run")
    run = lm_run(tmp_path, resume=True)
    assert run.notes == [f"{tmp_path / 'run'} holds no run to continue; starting a new one"]
    assert ended(run) == whole


def test_early_stopping_goes_on_counting(tmp_path, monkeypatch):
    losses = {3: 2.0, 6: 3.0, 9: 3.0, 12: 1.0}

    def patient(resume=False, patience=2):
        run = lm_run(tmp_path, resume=resume, patience=patience)
        monkeypatch.setattr(run.model, "validate", lambda: Score(losses[run.trainer.progress.step]))
        return run

    broken_off(patient(), 6)
    for patience, steps in ((2, [9]), (3, [12])):
        run = patient(resume=True, patience=patience)
        assert [report.step for report in run.train() if report.valid_loss] == steps
        run.lock.release()


@pytest.mark.parametrize(
    ("damage", "sentence"), [(lambda path: path.write_bytes(path.read_bytes()[:-1]), "damaged"), (lambda path: path.unlink(), "missing")]
)
def test_where_the_last_state_is_not_whole_the_one_before_serves(tmp_path, damage, sentence):
    (tmp_path / "whole").mkdir()
    whole = ended(lm_run(tmp_path / "whole"))
    broken_off(lm_run(tmp_path), 9)
    damage(tmp_path / "run" / TRAINING_FILE)
    run = lm_run(tmp_path, resume=True)
    assert len(run.notes) == 2
    assert str(tmp_path / "run" / TRAINING_FILE) in run.notes[0]
    assert sentence in run.notes[0]
    assert run.notes[1] == f"continuing from {tmp_path / 'run' / PREVIOUS_FILE}, which is whole, at update 6"
    assert ended(run) == whole


def test_where_no_state_is_whole_nothing_is_resumed(tmp_path):
    broken_off(lm_run(tmp_path), 9)
    for name in (TRAINING_FILE, PREVIOUS_FILE):
        (tmp_path / "run" / name).write_bytes(b"junk")
    model = (tmp_path / "run" / MODEL_FILE).read_bytes()
    with pytest.raises(CheckpointError) as caught:
        lm_run(tmp_path, resume=True)
    assert str(caught.value).endswith("; there is no state to continue from: train it again with --overwrite")
    assert (tmp_path / "run" / MODEL_FILE).read_bytes() == model


def test_a_model_without_its_state_is_not_trained_over(tmp_path):
    ended(lm_run(tmp_path))
    (tmp_path / "run" / TRAINING_FILE).unlink()
    with pytest.raises(CheckpointError) as caught:
        lm_run(tmp_path, resume=True)
    assert str(caught.value) == f"{tmp_path / 'run'} holds a model but no {TRAINING_FILE} to continue from; train it again with --overwrite"


@pytest.mark.parametrize("make", [RUNS["lm"], RUNS["classifier"]], ids=["lm", "classifier"])
@pytest.mark.parametrize("harm", ["gone", "damaged", "of another run"])
def test_a_best_model_that_is_lost_is_written_anew(tmp_path, make, harm, monkeypatch):
    monkeypatch.setattr("charnn.training.trainer.TICK", 0.0)  # a report before the first update
    broken_off(make(tmp_path), 3)
    path = tmp_path / "run" / MODEL_FILE
    whole = path.read_bytes()
    {"gone": path.unlink, "damaged": lambda: path.write_bytes(whole[:-9]), "of another run": lambda: path.write_bytes(b"x" * 99)}[harm]()
    run = make(tmp_path, resume=True)
    first = next(run.train())
    assert path.read_bytes() == whole
    assert "written again from training.safetensors" in first.note


def test_other_settings_are_named_and_refused(tmp_path):
    broken_off(lm_run(tmp_path), 6)
    with pytest.raises(SettingError) as caught:
        lm_run(tmp_path, resume=True, hidden_size=8, learning_rate=0.5)
    assert str(caught.value) == (
        f"resume uses the settings of {tmp_path / 'run'}, and these differ: hidden_size 8 (the run has 16), "
        "embedding_size 8 (the run has 16), learning_rate 0.5 (the run has None); leave them out"
    )


def test_other_data_are_refused(tmp_path, monkeypatch):
    broken_off(lm_run(tmp_path), 6)
    monkeypatch.setattr("tests.training.test_resume.TEXT", TEXT.replace("fox", "cat"))
    with pytest.raises(SettingError) as caught:
        lm_run(tmp_path, resume=True)
    what = "the training data, the validation data or their split are not those of the run"
    assert str(caught.value) == f"resume cannot continue {tmp_path / 'run'}: {what}; give the same files"


def test_a_run_of_another_task_is_refused(tmp_path):
    broken_off(tagger_run(tmp_path, STEPS, validations=4), 3)
    with pytest.raises(SettingError) as caught:
        lm_run(tmp_path, resume=True)
    assert str(caught.value) == f"resume cannot continue {tmp_path / 'run'}: it is a run of train tagger, not of train lm"


def test_a_longer_budget_goes_on_behind_the_end(tmp_path):
    ended(lm_run(tmp_path))
    ended(lm_run(tmp_path, 20, resume=True))
    assert load_model(tmp_path / "run").metrics["step"] <= 20
    assert steps_logged(tmp_path / "run") == [3, 6, 9, 12, 15, 20]


def test_a_budget_that_is_over_is_refused(tmp_path):
    broken_off(lm_run(tmp_path), 9)
    with pytest.raises(SettingError) as caught:
        lm_run(tmp_path, 5, resume=True)
    assert str(caught.value) == "resume continues at update 9, and the budget ends at 5; give a larger one"


def test_minutes_are_those_of_the_whole_run(tmp_path):
    """The number of updates that minutes came to stays; more minutes make more updates at the speed measured then."""
    first = lm_run(tmp_path, budget=BudgetSettings(minutes=0.02))
    steps = first.plan.steps
    broken_off(first, 1)
    assert lm_run(tmp_path, budget=BudgetSettings(minutes=0.02), resume=True).plan.steps == steps
    longer = lm_run(tmp_path, budget=BudgetSettings(minutes=0.2), resume=True).plan
    assert longer.steps == first.plan.throughput.steps_in(0.2, 4)


def test_a_run_that_is_overwritten_leaves_nothing_to_resume_it_by(tmp_path):
    ended(lm_run(tmp_path))
    run = lm_run(tmp_path, seed=5)
    next(run.train())
    run.lock.release()
    assert not (tmp_path / "run" / CARD_FILE).exists()
    assert lm_run(tmp_path, resume=True, seed=5).trainer.progress.step < STEPS


def test_a_state_is_no_model(tmp_path):
    broken_off(lm_run(tmp_path), 3)
    with pytest.raises(CheckpointError) as caught:
        load_model(tmp_path / "run" / TRAINING_FILE)
    assert str(caught.value) == f"{tmp_path / 'run' / TRAINING_FILE} is the state of a training run; its model is {MODEL_FILE} beside it"
