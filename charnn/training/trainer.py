"""The training loop of any task, a generator of reports; its updates; and the exact state of a trainer as arrays."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import replace
from functools import partial
from math import cos, pi
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.streams import Batches
from charnn.device import autocast
from charnn.errors import CheckpointError, DivergedError
from charnn.settings import shown
from charnn.training.model import Loss, Progress, Report, Score, Trainable
from charnn.training.settings import OPTIMIZERS, SCHEDULES, LoopSettings, OptimizerSettings

TICK = 0.25  # Seconds between two reports of progress

BAD_STEPS = 10  # Updates in a row without a finite loss, after which the best weights come back with half the learning rate
RETURNS = 3  # Most returns to the same best weights before training fails

MAKERS: dict[str, Callable[..., torch.optim.Optimizer]] = {
    # Fused: one pass over each weight. The second beta adapts within 100 steps, as short runs want.
    "adamw": partial(torch.optim.AdamW, betas=(0.9, 0.99), fused=True),
    "adam": partial(torch.optim.Adam, betas=(0.9, 0.99), fused=True),
    "sgd": torch.optim.SGD,
    "rmsprop": partial(torch.optim.RMSprop, alpha=0.95),
}

_ADAM = {"step", "exp_avg", "exp_avg_sq"}
KEPT: dict[str, set[str]] = {"adamw": _ADAM, "adam": _ADAM, "sgd": set(), "rmsprop": {"step", "square_avg"}}
"""The tensors that an optimizer keeps for each weight: a number of steps, and others in the shape of the weight."""

SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.01 + 0.99 * (1 + cos(pi * min(1.0, progress))) / 2,
    "constant": lambda progress: 1.0,
    "step": lambda progress: 1.0 if progress < 0.6 else 0.1 if progress < 0.85 else 0.01,
}
"""The fraction of the peak learning rate after a fraction of the run."""

assert MAKERS.keys() == KEPT.keys() == OPTIMIZERS.keys()
assert SHAPES.keys() == set(SCHEDULES)


class Trainer:
    """Trains a model over numbered batches.

    The weights change in place. With an EMA of the weights, `kept_weights()` and validation use that. Between two reports, and
    after an interrupted validation, `progress`, `carry`, weights and optimizer are consistent: training can continue from them.
    """

    def __init__(self, model: Trainable, optimizer: OptimizerSettings, loop: LoopSettings, *, steps: int, device: torch.device) -> None:
        self.model, self.settings, self.loop, self.steps, self.device = model, optimizer, loop, steps, device
        self.groups = model.groups()
        self.parameters: list[Tensor] = [one for group in self.groups for one in group.parameters]
        self.optimizer = MAKERS[optimizer.optimizer](
            [{"params": list(group.parameters)} for group in self.groups], lr=optimizer.peak, weight_decay=optimizer.weight_decay
        )
        self.averages = None if optimizer.ema is None else [one.detach().clone() for one in self.parameters]
        self.best = [one.detach().clone() for one in self.parameters]  # of the best validation; before the first, those at the start
        self.progress = Progress()
        self.carry: Any = None
        self.is_validating = False  # while it is true, an exception from outside does no harm
        self._note: str | None = None
        self._start = self._shown = time.monotonic()

    def run(self, batches: Batches[Any], validate: Callable[[], Score]) -> Iterator[Report]:
        """Train to the last step or until patience ends, and yield reports; `validate` uses kept_weights(). Raises DivergedError."""
        self._shown = time.monotonic()
        self._start = self._shown - self.progress.seconds
        due = {round(number * self.steps / self.loop.validations) for number in range(1, self.loop.validations + 1)}
        self.model.network.train()
        source = batches.since(self.progress.step)
        while True:
            if self.progress.step in due and self.progress.validated < self.progress.step:
                yield self._validated(batches, self.validation(validate))
            elif self._note or time.monotonic() - self._shown >= TICK:
                self._shown = time.monotonic()
                yield self._report(batches)
            if self.progress.step >= self.steps or (self.loop.patience is not None and self.progress.stale >= self.loop.patience):
                break
            self.advance(next(source))
            self.progress.step += 1
        if not self.progress.best_step:
            raise DivergedError("the loss on validation was never finite; lower --learning-rate or --clip-norm")

    def advance(self, batch: Any) -> Loss:
        """Train on one batch and return its loss; skip one that is not finite, and raise DivergedError where that does not end."""
        rate = self._rate(self.progress.step)
        for group, options in zip(self.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = rate * group.rate if self.progress.step >= group.thaw * self.steps else 0.0
        with autocast(self.device, self.loop.precision):
            loss = self.model.loss(batch, self.carry)
        (loss.total / max(1, loss.count)).backward()  # type: ignore[no-untyped-call]
        # On a GPU this waits for the step; on a CPU it is free. An update with NaN could not be undone.
        total, is_finite = float(loss.total.detach()), bool(torch.isfinite(clip(self.parameters, self.settings)))
        is_finite = is_finite and math.isfinite(total)
        if is_finite:
            self.optimizer.step()
            self.progress.total += total
            self.progress.count += loss.count
            self.progress.predictions += loss.count
            self.progress.skipped = 0
        self.optimizer.zero_grad(set_to_none=True)
        if self.averages is not None:
            blend(self.averages, self.parameters, self.settings, self.progress.step)
        self.carry = loss.carry if is_finite else None  # A state that overflowed would spoil every batch after it.
        if not is_finite:
            self._skip()
        return loss

    def validation(self, validate: Callable[[], Score]) -> Score:
        """Return the score of `validate`, with the network in evaluation mode and kept_weights()."""
        self.model.network.eval()
        try:
            with torch.no_grad(), self.kept_weights():
                self.is_validating = True
                try:
                    return validate()
                finally:
                    self.is_validating = False
        finally:
            self.model.network.train()

    def kept_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the network has the EMA of its weights, if there is one."""
        return nullcontext() if self.averages is None else _swapped(self.parameters, self.averages)

    def best_weights(self) -> AbstractContextManager[None]:
        """Return a context in which the network has the weights of the best validation."""
        return _swapped(self.parameters, self.best)

    @torch.no_grad()
    def end(self) -> None:
        """Put the weights of the best validation into the network; training cannot continue after that."""
        torch._foreach_copy_(self.parameters, self.best)

    def _rate(self, step: int) -> float:
        return self.settings.peak * self.progress.rate * rate_fraction(self.settings, step, self.steps)

    @torch.no_grad()
    def _skip(self) -> None:
        """Count an update that was not made; after BAD_STEPS in a row return to the best weights."""
        self.progress.skipped += 1
        if self.progress.skipped < BAD_STEPS:
            return
        where = f"the loss was not finite for {BAD_STEPS} updates in a row at step {self.progress.step}"
        if self.progress.returns >= RETURNS:
            raise DivergedError(f"{where}, for all {RETURNS} returns to the best weights; lower --learning-rate or --clip-norm")
        torch._foreach_copy_(self.parameters, self.best)
        if self.averages is not None:
            torch._foreach_copy_(self.averages, self.best)
        self.optimizer.state.clear()  # Its averages may contain the gradients that caused this.
        self.progress.skipped, self.progress.returns, self.progress.rate = 0, self.progress.returns + 1, self.progress.rate / 2
        self._note = f"{where}; went back to the best weights, with the learning rate times {self.progress.rate:g}"

    def _validated(self, batches: Batches[Any], score: Score) -> Report:
        """Return the report of a validation, and store the weights if they are the best."""
        progress = self.progress
        error = score.loss if score.error is None else score.error
        is_best = (error, score.loss) < (progress.best_error, progress.best_loss)
        if is_best:
            with torch.no_grad():
                torch._foreach_copy_(self.best, self.parameters if self.averages is None else self.averages)
            progress.best_step, progress.best_loss, progress.best_error = progress.step, score.loss, error
            progress.stale = progress.returns = 0
        else:
            progress.stale += 1
        report = replace(self._report(batches), valid_loss=score.loss, is_best=is_best, metrics=score.metrics)
        progress.validated, progress.total, progress.count = progress.step, 0.0, 0
        return report

    def _report(self, batches: Batches[Any]) -> Report:
        self.progress.seconds, note, self._note = time.monotonic() - self._start, self._note, None
        return Report(
            step=self.progress.step,
            steps=self.steps,
            epoch=self.progress.step / batches.epoch_steps,
            seconds=self.progress.seconds,
            predictions=self.progress.predictions,
            learning_rate=self._rate(max(0, self.progress.step - 1)),
            train_loss=self.progress.mean,
            note=note,
        )


def rate_fraction(settings: OptimizerSettings, step: int, steps: int) -> float:
    """Return the fraction of the peak learning rate at update `step` of `steps`, from 0: a linear rise, then the schedule."""
    if step < settings.warmup:
        return (step + 1) / (settings.warmup + 1)
    return SHAPES[settings.schedule]((step - settings.warmup) / max(1, steps - settings.warmup))


def clip(parameters: list[Tensor], settings: OptimizerSettings) -> Tensor:
    """Clip the gradients in place, first by value, then by norm, and return the norm between the two (Pascanu et al. 2013)."""
    if settings.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, settings.clip_value)
    return nn.utils.clip_grad_norm_(parameters, float("inf") if settings.clip_norm is None else settings.clip_norm)


@torch.no_grad()
def blend(averages: list[Tensor], parameters: list[Tensor], settings: OptimizerSettings, step: int) -> None:
    """Update the exponential moving average of the weights, with less decay at first, so that it forgets their start."""
    assert settings.ema is not None
    decay = min(settings.ema, (step + 1) / (step + 10))
    torch._foreach_lerp_(averages, parameters, 1 - decay)


@contextmanager
def _swapped(parameters: list[Tensor], others: list[Tensor]) -> Iterator[None]:
    """Exchange the parameters for other weights within a context."""
    _swap(parameters, others)
    try:
        yield
    finally:
        _swap(parameters, others)


def _swap(parameters: list[Tensor], others: list[Tensor]) -> None:
    for parameter, other in zip(parameters, others, strict=True):
        parameter.data, other.data = other.data, parameter.data


def state_of(trainer: Trainer) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
    """Return weights, EMA, best weights, optimizer, carry and random states as arrays that share the trainer's memory, and the progress."""
    tensors = dict(_weights(trainer))
    for number, entry in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in entry.items() if isinstance(value, Tensor)}
    if trainer.carry is not None:
        tensors |= {f"carry.{number}": part for number, part in enumerate(trainer.carry)}
    tensors |= {name: read() for name, (read, _) in _random_states(trainer.device).items()}
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}, trainer.progress.plain()


def is_finite(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Is every number finite? A single infinity or NaN makes the sum one."""
    return all(bool(torch.isfinite(torch.from_numpy(array).sum())) for array in arrays.values() if array.dtype.kind == "f" and array.size)


@torch.no_grad()
def take_state(trainer: Trainer, arrays: Mapping[str, NDArray[Any]], progress: Any) -> None:
    """Put state_of() another trainer into this one. Raises CheckpointError where it does not fit."""
    trainer.progress = Progress.restore(progress)
    # Copies, which torch aligns in memory: results must not depend on the alignment of a file's bytes.
    tensors = {name: torch.from_numpy(array.copy()).clone() for name, array in arrays.items()}
    for name, own in _weights(trainer):
        found = tensors.get(name)
        if found is None or found.shape != own.shape:
            raise CheckpointError(f"its tensor {name} is missing or of another shape")
        own.copy_(found)
    carry = [tensors[f"carry.{number}"] for number in range(len(tensors)) if f"carry.{number}" in tensors]
    trainer.carry = tuple(part.to(trainer.device) for part in carry) or None
    _take_optimizer(trainer, tensors)
    for name, (_, take) in _random_states(trainer.device).items():
        try:
            take(tensors[name])
        except (KeyError, RuntimeError, TypeError):
            raise CheckpointError(f"its state {name} is missing or damaged") from None


def _weights(trainer: Trainer) -> Iterator[tuple[str, Tensor]]:
    for part, tensors in (("weights", trainer.parameters), ("best", trainer.best), ("averages", trainer.averages or [])):
        yield from ((f"{part}.{number}", tensor) for number, tensor in enumerate(tensors))


def _take_optimizer(trainer: Trainer, tensors: Mapping[str, Tensor]) -> None:
    owners, optimizer = trainer.parameters, trainer.optimizer
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, place, key = name.split(".", 2)
            number = int(place) if place.isdecimal() else len(owners)
            shape = torch.Size() if key == "step" or number >= len(owners) else owners[number].shape
            if number >= len(owners) or tensor.shape != shape or tensor.dtype != torch.float32:
                raise CheckpointError(f"its tensor {shown(name)} fits no weight")
            entries.setdefault(number, {})[key] = tensor
    if any(entry.keys() != KEPT[trainer.settings.optimizer] for entry in entries.values()):
        raise CheckpointError("its optimizer is not that of the settings, or not complete")
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})


def _random_states(device: torch.device) -> dict[str, tuple[Callable[[], Tensor], Callable[[Tensor], None]]]:
    """Return functions that read and set each random state, by name."""
    states: dict[str, tuple[Callable[[], Tensor], Callable[[Tensor], None]]] = {"random.cpu": (torch.get_rng_state, torch.set_rng_state)}
    if device.type == "cuda":
        states["random.cuda"] = (partial(torch.cuda.get_rng_state, device), partial(torch.cuda.set_rng_state, device=device))
    elif device.type == "mps":
        states["random.mps"] = (torch.mps.get_rng_state, torch.mps.set_rng_state)
    return states
