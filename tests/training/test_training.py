import math
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from torch import nn

from charnn.batches.streams import StreamBatches
from charnn.errors import DivergedError, SettingError
from charnn.tasks.lm.evaluation import quick_loss
from charnn.training.model import Loss, Score, Throughput, all_alike
from charnn.training.run import measure
from charnn.training.settings import OPTIMIZERS, SCHEDULES, BudgetSettings, LoopSettings, OptimizerSettings
from charnn.training.trainer import BAD_STEPS, Trainer, clip, rate_fraction
from tests.models import running_text, small_model
from tests.networks import CELLS

CPU = torch.device("cpu")
BATCHES = StreamBatches(np.arange(101), batch_size=2, window=5, state_resets=0, seed=0)

every_cell = pytest.mark.parametrize("kind", CELLS.values(), ids=CELLS)


class Valley:
    """A task whose loss is the squared distance of its weights from one; at the steps named it is not a number."""

    def __init__(self, bad_steps=()):
        self.network = nn.Linear(3, 1, bias=False)
        nn.init.zeros_(self.network.weight)
        self.bad_steps = set(bad_steps)
        self.carries, self.modes = [], []

    def groups(self):
        return all_alike(self.network)

    def loss(self, batch, carry):
        step = len(self.carries)
        self.carries.append(carry)
        self.modes.append(self.network.training)
        distance = (self.network.weight - 1).square().sum() * (float("nan") if step in self.bad_steps else 1.0)
        return Loss(distance * batch.targets.size, batch.targets.size, step)

    @torch.no_grad()
    def validate(self):
        return Score(float((self.network.weight - 1).square().sum()))


def trainer_of(task, steps=10, validations=10, patience=None, **optimizer):
    settings = OptimizerSettings(**{"learning_rate": 0.1, "warmup": 0, "schedule": "constant", **optimizer})
    return Trainer(task, settings, LoopSettings(validations=validations, patience=patience), steps=steps, device=CPU)


def validated(reports):
    """The reports of validations; others come whenever some time has passed."""
    return (report for report in reports if report.valid_loss is not None)


def train_small(folder, steps=60, **changes):
    """A small language model after some updates, and its first and last validation."""
    model = small_model(**changes)
    text = running_text(model, folder)
    first = quick_loss(model.network, text)
    trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=steps, device=CPU)
    reports = list(trainer.run(model.batches_of(text), lambda: Score(quick_loss(model.network, text))))
    return model, first, reports[-1].valid_loss


@every_cell
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_the_loss_falls_for_every_cell(tmp_path, kind, precision):
    _, first, last = train_small(tmp_path, cell=kind.cell, activation=kind.activation, precision=precision, learning_rate=0.02)
    assert last < 0.6 * first


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_the_loss_falls_with_every_optimizer_at_its_own_learning_rate(tmp_path, optimizer):
    _, first, last = train_small(tmp_path, optimizer=optimizer)
    assert last < 0.9 * first


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_the_loss_falls_with_every_schedule(tmp_path, schedule):
    _, first, last = train_small(tmp_path, schedule=schedule)
    assert last < 0.9 * first


@pytest.mark.parametrize(
    "options",
    [
        {"dropout": 0.2, "layers": 2},
        {"dropout": 0.2, "variational_dropout": True},
        {"ema": 0.9},
        {"initial_state": "learned", "state_resets": 0.5},
        {"tie_weights": True, "layer_norm": True, "residual": True},
    ],
    ids=lambda options: " ".join(options),
)
def test_the_loss_falls_with_every_option(tmp_path, options):
    _, first, last = train_small(tmp_path, learning_rate=0.02, **options)
    assert last < 0.9 * first


def test_runs_of_one_seed_end_with_the_same_weights(tmp_path):
    options = {"dropout": 0.3, "ema": 0.9, "state_resets": 0.3}
    weights = [train_small(tmp_path, steps=10, seed=seed, **options)[0].tensors() for seed in (1, 1, 2)]
    assert all((weights[0][name] == weights[1][name]).all() for name in weights[0])
    assert not all((weights[0][name] == weights[2][name]).all() for name in weights[0])


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("warmup", [0, 1, 50])
def test_the_learning_rate_rises_linearly_to_its_peak_and_never_again(schedule, warmup):
    settings = OptimizerSettings(schedule=schedule, warmup=warmup)
    fractions = np.array([rate_fraction(settings, step, 1000) for step in range(1000)])
    assert fractions[: warmup + 1] == pytest.approx(np.arange(1, warmup + 2) / (warmup + 1))
    assert (np.diff(fractions[warmup:]) <= 0).all()
    assert fractions.min() > 0


@pytest.mark.parametrize(("schedule", "fractions"), [("cosine", [1, 0.505, 0.01]), ("constant", [1, 1, 1]), ("step", [1, 1, 0.01])])
def test_a_schedule_has_its_shape(schedule, fractions):
    settings = OptimizerSettings(schedule=schedule, warmup=0)
    assert [rate_fraction(settings, step, 1000) for step in (0, 500, 999)] == pytest.approx(fractions, abs=1e-4)


def test_the_step_schedule_divides_by_ten_at_60_and_85_percent():
    settings = OptimizerSettings(schedule="step", warmup=0)
    assert [rate_fraction(settings, step, 100) for step in (59, 60, 84, 85)] == [1, 0.1, 0.1, 0.01]


@pytest.mark.parametrize("schedule", SCHEDULES)
def test_a_run_shorter_than_its_warmup_only_rises(schedule):
    fractions = [rate_fraction(OptimizerSettings(schedule=schedule, warmup=50), step, 10) for step in range(10)]
    assert fractions == pytest.approx([(step + 1) / 51 for step in range(10)])


def gradients(*values):
    weight = nn.Parameter(torch.zeros(len(values)))
    weight.grad = torch.tensor(values)
    return [weight]


def test_clipping_by_norm_bounds_the_norm_and_keeps_the_direction():
    parameters = gradients(3.0, -4.0)
    assert float(clip(parameters, OptimizerSettings(clip_norm=1))) == 5
    assert parameters[0].grad.tolist() == pytest.approx([0.6, -0.8])


def test_clipping_by_value_bounds_every_part():
    parameters = gradients(3.0, -4.0, 0.5)
    clip(parameters, OptimizerSettings(clip_norm=None, clip_value=1))
    assert parameters[0].grad.tolist() == [1, -1, 0.5]


@pytest.mark.parametrize("limits", [{"clip_norm": 6.0}, {"clip_norm": None}, {"clip_norm": None, "clip_value": 5.0}])
def test_clipping_leaves_a_small_gradient_alone(limits):
    parameters = gradients(3.0, -4.0)
    assert float(clip(parameters, OptimizerSettings(**limits))) == 5
    assert parameters[0].grad.tolist() == [3, -4]


@pytest.mark.parametrize(
    ("steps", "validations", "expected"), [(10, 10, range(1, 11)), (10, 2, [5, 10]), (7, 3, [2, 5, 7]), (2, 10, [1, 2])]
)
def test_validations_are_spread_evenly_and_the_last_is_at_the_end(steps, validations, expected):
    task = Valley()
    assert [report.step for report in validated(trainer_of(task, steps, validations).run(BATCHES, task.validate))] == list(expected)


def test_a_report_says_where_a_run_stands():
    task = Valley()
    report = next(validated(trainer_of(task, steps=20, validations=1, schedule="cosine").run(BATCHES, task.validate)))
    assert (report.step, report.steps, report.epoch, report.predictions) == (20, 20, 2.0, 200)
    assert report.learning_rate == pytest.approx(0.1 * rate_fraction(OptimizerSettings(warmup=0), 19, 20))
    assert report.valid_loss == task.validate().loss


def test_the_train_loss_is_the_mean_since_the_last_validation():
    """In the valley a step of 0.1 along twice the distance shrinks the distance by a fifth."""
    task = Valley()
    reports = validated(trainer_of(task, steps=2, optimizer="sgd", clip_norm=None).run(BATCHES, task.validate))
    assert [report.train_loss for report in reports] == pytest.approx([3, 3 * 0.8**2])


def test_a_best_report_is_better_than_all_before():
    losses = iter([3.0, 2.0, 2.0, 2.5, 1.0])
    reports = trainer_of(Valley(), steps=5, validations=5).run(BATCHES, lambda: Score(next(losses)))
    assert [report.is_best for report in validated(reports)] == [True, True, False, False, True]


def test_of_models_with_the_same_error_the_one_with_the_lower_loss_is_best():
    """A BLEU or span F1 that is 0 again and again kept the model of the first validation."""
    losses = iter([3.0, 2.0, 2.5, 1.0])
    reports = trainer_of(Valley(), steps=4, validations=4).run(BATCHES, lambda: Score(next(losses), error=1.0))
    assert [report.is_best for report in validated(reports)] == [True, True, False, True]


def test_patience_counts_validations_without_improvement():
    losses = iter([3.0, 4.0, 2.0, 2.0, 2.0, 1.0])
    reports = trainer_of(Valley(), steps=6, validations=6, patience=2).run(BATCHES, lambda: Score(next(losses)))
    assert [report.valid_loss for report in validated(reports)] == [3, 4, 2, 2, 2]


def test_without_patience_a_run_goes_to_its_end():
    assert len(list(validated(trainer_of(Valley(), steps=6, validations=6).run(BATCHES, lambda: Score(1.0))))) == 6


def test_what_a_batch_carries_goes_to_the_next_one():
    task = Valley()
    list(trainer_of(task, steps=4, validations=1).run(BATCHES, task.validate))
    assert task.carries == [None, 0, 1, 2]


def test_validation_is_in_evaluation_mode_and_training_is_not():
    task, modes = Valley(), []
    list(
        trainer_of(task, steps=4, validations=4).run(
            BATCHES, lambda: modes.append((task.network.training, torch.is_grad_enabled())) or Score(1.0)
        )
    )
    assert modes == [(False, False)] * 4
    assert task.modes == [True] * 4


def test_validation_sees_the_average_and_training_goes_on_without_it():
    plain, averaged, seen = Valley(), Valley(), []
    expected = torch.zeros(1, 3)
    validate = [lambda: seen.append(averaged.network.weight.detach().clone()) or Score(1.0), plain.validate]
    runs = [trainer_of(averaged, ema=0.5).run(BATCHES, validate[0]), trainer_of(plain).run(BATCHES, validate[1])]
    for step, _ in enumerate(zip(*map(validated, runs), strict=True)):
        assert torch.equal(plain.network.weight, averaged.network.weight)
        decay = min(0.5, (step + 1) / (step + 10))
        expected = decay * expected + (1 - decay) * plain.network.weight.detach()
        torch.testing.assert_close(seen[-1], expected)


def test_kept_weights_are_the_average_for_a_while():
    task = Valley()
    trainer = trainer_of(task, ema=0.9)
    list(trainer.run(BATCHES, task.validate))
    before = task.network.weight.detach().clone()
    with trainer.kept_weights():
        assert not torch.equal(task.network.weight, before)
    assert torch.equal(task.network.weight, before)


def test_an_update_without_a_finite_loss_is_skipped():
    task, clean = Valley(bad_steps=[1, 2, 5]), Valley()
    reports = list(trainer_of(task, steps=10, validations=1).run(BATCHES, task.validate))
    list(trainer_of(clean, steps=7, validations=1).run(BATCHES, clean.validate))
    assert torch.equal(task.network.weight, clean.network.weight)
    assert reports[-1].predictions == 7 * 10
    assert math.isfinite(reports[-1].train_loss)


def test_nothing_is_carried_on_from_a_batch_without_a_finite_loss():
    """A state that had overflowed once was carried on, so that every later loss was not finite either and the run was given up."""
    task = Valley(bad_steps=[1])
    list(trainer_of(task, steps=4, validations=1).run(BATCHES, task.validate))
    assert task.carries == [None, 0, None, 2]


def test_many_updates_without_a_finite_loss_bring_the_best_weights_back_at_half_the_learning_rate():
    task = Valley(bad_steps=range(4, 4 + BAD_STEPS))
    trainer, seen = trainer_of(task, steps=20, validations=10), []
    for report in trainer.run(BATCHES, task.validate):
        if report.step == 4:
            best = task.network.weight.detach().clone()
        if report.note:
            seen.append((report.step, report.note, task.network.weight.detach().clone(), report.learning_rate))
    [(step, note, weights, rate)] = seen
    assert (step, rate) == (14, 0.05)
    sentence = "the loss was not finite for 10 updates in a row at step 13; went back to the best weights"
    assert note == f"{sentence}, with the learning rate times 0.5"
    assert torch.equal(weights, best)
    assert trainer.progress.rate == 0.5


def test_training_is_given_up_after_several_returns_to_the_best_weights():
    task = Valley(bad_steps=range(3, 1000))
    with pytest.raises(DivergedError) as caught:
        list(trainer_of(task, steps=1000, validations=1).run(BATCHES, task.validate))
    sentence = "the loss was not finite for 10 updates in a row at step 42, for all 3 returns to the best weights"
    assert str(caught.value) == f"{sentence}; lower --learning-rate or --clip-norm"
    assert caught.value.exit_code == 3


def test_a_new_best_gives_a_run_new_returns():
    """Each time the best is new when the weights come back, so that a run of weeks is not given up for three bad hours."""
    task = Valley(bad_steps=[step for begin in range(10, 200, 20) for step in range(begin, begin + BAD_STEPS)])
    trainer = trainer_of(task, steps=200, validations=20, learning_rate=1e-3)
    list(trainer.run(BATCHES, task.validate))
    assert len(task.carries) == 200
    assert trainer.progress.rate == 0.5**10


@pytest.mark.parametrize("part", ["loss", "gradient"])
def test_weights_stay_finite_when_the_loss_or_the_gradient_is_not(part):
    """A finite loss may have a gradient that is not, and the other way round."""

    class Cliff(Valley):
        def loss(self, batch, carry):
            weight = self.network.weight
            bad = weight.sum() * 0 + float("inf") if part == "loss" else (weight * 0).sum().sqrt()
            return Loss(bad, 1, None)

    task = Cliff()
    trainer = trainer_of(task)
    trainer.advance(None)
    assert trainer.progress.skipped == 1
    assert torch.isfinite(task.network.weight).all()


def test_a_validation_that_is_broken_off_leaves_a_state_to_go_on_from():
    task = Valley()
    trainer = trainer_of(task, steps=4, validations=4, ema=0.9)

    def interrupted():
        assert trainer.is_validating
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        list(trainer.run(BATCHES, interrupted))
    assert (trainer.progress.step, trainer.progress.validated, trainer.is_validating) == (1, 0, False)
    assert [report.step for report in validated(trainer.run(BATCHES, task.validate))] == [1, 2, 3, 4]
    whole = Valley()
    list(trainer_of(whole, steps=4, validations=4, ema=0.9).run(BATCHES, whole.validate))
    assert torch.equal(task.network.weight, whole.network.weight)


def test_training_goes_on_while_some_losses_are_finite():
    task = Valley(bad_steps=[step for step in range(100) if step % BAD_STEPS])
    list(trainer_of(task, steps=100, validations=1).run(BATCHES, task.validate))
    assert len(task.carries) == 100


def test_a_run_without_any_finite_validation_has_diverged():
    """Such a run kept no model, and ended in the message that the folder holds none."""
    with pytest.raises(DivergedError) as caught:
        list(trainer_of(Valley(), steps=4, validations=2).run(BATCHES, lambda: Score(float("nan"))))
    assert str(caught.value) == "the loss on validation was never finite; lower --learning-rate or --clip-norm"


@pytest.fixture
def _quick_probe(monkeypatch):
    """What is tested needs no careful measurement."""
    monkeypatch.setattr("charnn.training.run.PROBE_SECONDS", 0.05)


@pytest.mark.usefixtures("_quick_probe")
@pytest.mark.parametrize("changes", [{}, {"dropout": 0.3, "ema": 0.9, "precision": "bfloat16"}], ids=["plain", "options"])
def test_measuring_leaves_weights_and_random_state_as_they_were(tmp_path, changes):
    model = small_model(**changes)
    text = running_text(model, tmp_path)
    weights, random = model.tensors(), torch.get_rng_state()
    weights = {name: array.copy() for name, array in weights.items()}
    model.batches, model.validate = model.batches_of(text), lambda: Score(quick_loss(model.network, text))
    measure(model, CPU)
    assert all((weights[name] == array).all() for name, array in model.tensors().items())
    assert torch.equal(torch.get_rng_state(), random)


@pytest.mark.usefixtures("_quick_probe")
def test_measuring_gives_what_an_update_and_a_validation_take():
    task = Valley()
    task.batches, task.settings = BATCHES, SimpleNamespace(optimizer=OptimizerSettings(), loop=LoopSettings())
    found = measure(task, CPU)
    assert found.step_predictions == 10
    assert 0 < found.step_seconds < 1
    assert found.validation_seconds > 0


def test_a_budget_in_minutes_leaves_time_for_validations():
    found = Throughput(step_seconds=0.5, step_predictions=100, validation_seconds=3)
    assert found.per_second == 200
    assert found.steps_in(minutes=2, validations=10) == (120 - 30) * 2
    assert found.seconds_for(180, validations=10) == 120


def test_the_smallest_budget_is_one_update():
    assert Throughput(step_seconds=5, step_predictions=1, validation_seconds=60).steps_in(minutes=0.01, validations=10) == 1


def test_two_budgets_are_refused():
    with pytest.raises(SettingError) as caught:
        BudgetSettings(epochs=1, steps=5)
    assert str(caught.value) == "steps cannot be combined with epochs; give one of minutes, epochs, steps"


def test_a_budget_is_two_minutes_unless_told_otherwise():
    assert BudgetSettings().time == 2
    assert BudgetSettings(steps=5).time is None
