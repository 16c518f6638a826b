import numpy as np
import pytest
import torch

from charnn.errors import CheckpointError
from charnn.tasks.lm.evaluation import quick_loss
from charnn.training.model import Score
from charnn.training.settings import OPTIMIZERS
from charnn.training.trainer import Trainer, is_finite, state_of, take_state
from tests.models import running_text, small_model
from tests.networks import CELLS

CPU = torch.device("cpu")
STEPS, BROKEN_OFF = 12, 7


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    """Tokens to train on."""
    return running_text(small_model(), tmp_path_factory.mktemp("text"))


def trainer_of(**changes):
    model = small_model(dropout=0.2, state_resets=0.3, validations=4, **changes)
    return Trainer(model, model.settings.optimizer, model.settings.loop, steps=STEPS, device=CPU)


def run(trainer, text, until=STEPS):
    """Trains up to an update; gives the losses of its validations."""
    losses = []
    for report in trainer.run(trainer.model.batches_of(text), lambda: Score(quick_loss(trainer.model.network, text))):
        losses.append((report.step, report.train_loss, report.valid_loss))
        if report.step >= until:
            break
    return losses


def copied(trainer):
    """The state as a file would bring it: copies, at other places in memory."""
    arrays, progress = state_of(trainer)
    elsewhere = {name: np.frombuffer(b"\0" + array.tobytes(), np.uint8)[1:] for name, array in arrays.items()}
    return {name: elsewhere[name].view(array.dtype).reshape(array.shape) for name, array in arrays.items()}, progress


every_cell = pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)


@every_cell
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_a_trainer_that_takes_a_state_goes_on_as_the_other_would_have(text, kind, optimizer, monkeypatch):
    monkeypatch.setattr("charnn.training.trainer.TICK", 0.0)  # a report after every update
    options = {"cell": kind.cell, "activation": kind.activation, "optimizer": optimizer, "ema": 0.9}
    whole = trainer_of(**options)
    losses = run(whole, text)
    first = trainer_of(**options)
    before = run(first, text, BROKEN_OFF)
    state = copied(first)
    torch.manual_seed(99)
    second = trainer_of(**options)
    take_state(second, *state)
    after = run(second, text)
    # A resumed run reports at once.
    assert before + after[1:] == losses
    ours, theirs = state_of(second), state_of(whole)
    assert ours[0].keys() == theirs[0].keys()
    assert all(np.array_equal(ours[0][name], theirs[0][name]) for name in ours[0])
    assert {**ours[1], "seconds": 0} == {**theirs[1], "seconds": 0}


def test_a_state_of_another_network_is_refused():
    arrays, progress = state_of(trainer_of(hidden_size=8))
    with pytest.raises(CheckpointError, match=r"its tensor weights\.\d+ is missing or of another shape"):
        take_state(trainer_of(), arrays, progress)


@pytest.mark.parametrize("missing", ["weights.0", "best.1", "random.cpu"])
def test_a_state_that_lacks_something_is_refused(missing):
    arrays, progress = state_of(trainer_of())
    del arrays[missing]
    with pytest.raises(CheckpointError, match=missing):
        take_state(trainer_of(), arrays, progress)


@pytest.mark.parametrize("name", ["optimizer.999.exp_avg", "optimizer.x.exp_avg", "optimizer.0.exp_avg"])
def test_optimizer_state_of_no_weight_is_refused(name):
    arrays, progress = state_of(trainer_of())
    with pytest.raises(CheckpointError, match=f"its tensor '{name}' fits no weight"):
        take_state(trainer_of(), {**arrays, name: np.zeros(3, np.float32)}, progress)


@pytest.mark.parametrize("missing", ["exp_avg_sq", "step"])
def test_half_of_an_optimizer_is_refused(missing):
    """Its first update failed with a traceback."""
    trainer = trainer_of()
    weight = trainer.parameters[0]
    entry = {"step": np.float32(1), "exp_avg": weight.detach().numpy(), "exp_avg_sq": weight.detach().numpy()}
    entries = {f"optimizer.0.{name}": np.asarray(array, np.float32) for name, array in entry.items() if name != missing}
    arrays, progress = state_of(trainer)
    with pytest.raises(CheckpointError, match="its optimizer is not that of the settings, or not complete"):
        take_state(trainer_of(), {**arrays, **entries}, progress)


@pytest.mark.parametrize("change", [{"step": -1}, {"step": "7"}, {"step": True}, {"more": 1}, {"best_step": 1.5}])
def test_progress_that_is_none_is_refused(change):
    arrays, progress = state_of(trainer_of())
    with pytest.raises(CheckpointError, match="its progress is damaged"):
        take_state(trainer_of(), arrays, {**progress, **change})


def test_an_error_may_be_negative():
    """The runs of a translator that had got some BLEU, which is the better the more, could not be resumed."""
    arrays, progress = state_of(trainer_of())
    trainer = trainer_of()
    take_state(trainer, arrays, {**progress, "best_error": -53.5})
    assert trainer.progress.best_error == -53.5


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_one_number_that_is_not_finite_shows(value):
    arrays = {"one": np.zeros(5, np.float32), "two": np.zeros((2, 3), np.float32), "bytes": np.zeros(3, np.uint8), "none": np.zeros(0)}
    assert is_finite(arrays)
    arrays["two"][1, 2] = value
    assert not is_finite(arrays)
