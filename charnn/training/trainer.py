"""The training loop: a generator of reports, whatever the task."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from charnn.batches.streams import Batches
from charnn.device import autocast
from charnn.errors import DivergedError
from charnn.training.optimizers import blend, clip, make_optimizer, rate_share
from charnn.training.progress import Progress
from charnn.training.settings import LoopSettings, OptimizerSettings
from charnn.training.task import Loss, Score, Task

TICK = 0.25
"""Seconds between two signs of life."""

BAD_STEPS, RETURNS = 10, 3
"""Updates in a row without a finite loss after which the best weights come back with half the learning rate, and how often that is
tried again before a run is given up."""


@dataclass(frozen=True)
class Report:
    """Where a run stands; `valid_loss` and `is_best` only after a validation."""

    step: int
    steps: int
    epoch: float
    seconds: float
    predictions: int  # trained on so far
    learning_rate: float
    train_loss: float  # nats per prediction since the last validation
    valid_loss: float | None = None  # nats per prediction
    is_best: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)  # of the validation, by name
    note: str | None = None  # something a person should know

    def facts(self) -> dict[str, Any]:
        """The fields and metrics as JSON takes them: no NaN, no infinity."""
        values = {name: value for name, value in vars(self).items() if name not in ("metrics", "note")} | dict(self.metrics)
        return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}


class Trainer:
    """Trains a task's network over numbered batches.

    The weights change in place. With averaging, `kept_weights()` are the average and validation sees them. Between two reports,
    and where a validation was broken off, `progress`, `carry`, weights and optimizer belong together: training can go on from them.
    """

    def __init__(self, task: Task, optimizer: OptimizerSettings, loop: LoopSettings, *, steps: int, device: torch.device) -> None:
        self.task = task
        self.settings = optimizer
        self.loop = loop
        self.steps = steps
        self.device = device
        self.groups = task.groups()
        self.parameters: list[Tensor] = [one for group in self.groups for one in group.parameters]
        self.optimizer = make_optimizer([{"params": list(group.parameters)} for group in self.groups], optimizer)
        self.averages = None if optimizer.averaging is None else [one.detach().clone() for one in self.parameters]
        self.best = [one.detach().clone() for one in self.parameters]
        """The weights of the best validation; before the first, those at the start."""
        self.progress = Progress()
        self.carry: Any = None
        self.is_validating = False
        """May an exception be thrown in from outside without harm?"""
        self._note: str | None = None

    def run(self, batches: Batches[Any], validate: Callable[[], Score]) -> Iterator[Report]:
        """Trains to the last step or until patience ends; `validate` is called with the weights to be kept.

        Raises DivergedError when the loss stays not finite, in training or in every validation.
        """
        clock = _Clock(self.progress.seconds)
        due = {round(number * self.steps / self.loop.reports) for number in range(1, self.loop.reports + 1)}
        self.task.network.train()
        source = batches.since(self.progress.step)
        while True:
            if self.progress.step in due and self.progress.validated < self.progress.step:
                yield self._validated(batches, clock, self.validation(validate))
            elif clock.ticked() or self._note:
                yield self._report(batches, clock)
            if self.progress.step >= self.steps or (self.loop.patience is not None and self.progress.stale >= self.loop.patience):
                break
            self.advance(next(source))
            self.progress.step += 1
        if not self.progress.best_step:
            raise DivergedError("the loss on validation was never finite; lower --learning-rate or --clip-norm")

    def advance(self, batch: Any) -> Loss:
        """One update of the weights."""
        self._set_rates()
        with autocast(self.device, self.loop.precision):
            loss = self.task.loss(batch, self.carry)
        mean = loss.total / max(1, loss.count)
        mean.backward()  # type: ignore[no-untyped-call]
        # On a GPU this waits for the step; on a CPU it is free. A weight that became NaN cannot be taken back.
        total, is_finite = float(loss.total.detach()), bool(torch.isfinite(clip(self.parameters, self.settings)))
        is_finite = is_finite and math.isfinite(total)
        if is_finite:
            self.optimizer.step()
            self._count(total, loss.count)
        self.optimizer.zero_grad(set_to_none=True)
        if self.averages is not None:
            blend(self.averages, self.parameters, self.settings, self.progress.step)
        self.carry = loss.carry if is_finite else None  # A state that overflowed would spoil every batch after it.
        if not is_finite:
            self._skip()
        return loss

    def validation(self, validate: Callable[[], Score]) -> Score:
        """What `validate` finds, with the network in evaluation mode and the weights that would be kept."""
        self.task.network.eval()
        try:
            with torch.no_grad(), self.kept_weights():
                self.is_validating = True
                try:
                    return validate()
                finally:
                    self.is_validating = False
        finally:
            self.task.network.train()

    def kept_weights(self) -> "_Swapped":
        """A context in which the network has the weights to be kept: the average where there is one."""
        return _Swapped(self.parameters, self.averages)

    def best_weights(self) -> "_Swapped":
        """A context in which the network has the weights of the best validation."""
        return _Swapped(self.parameters, self.best)

    @torch.no_grad()
    def end(self) -> None:
        """Leaves the network with the weights of the best validation; training cannot go on from there."""
        torch._foreach_copy_(self.parameters, self.best)

    def _set_rates(self) -> None:
        rate = self._rate(self.progress.step)
        for group, options in zip(self.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = rate * group.rate if self.progress.step >= group.thaw * self.steps else 0.0

    def _rate(self, step: int) -> float:
        return self.settings.peak * self.progress.rate * rate_share(self.settings, step, self.steps)

    def _count(self, total: float, count: int) -> None:
        progress = self.progress
        progress.total, progress.count, progress.predictions = progress.total + total, progress.count + count, progress.predictions + count
        progress.skipped = 0

    def _skip(self) -> None:
        """Counts an update that was not made; after some in a row goes back to the best weights."""
        self.progress.skipped += 1
        if self.progress.skipped < BAD_STEPS:
            return
        where = f"the loss was not finite for {BAD_STEPS} updates in a row at step {self.progress.step}"
        if self.progress.returns >= RETURNS:
            raise DivergedError(f"{where}, for all {RETURNS} returns to the best weights; lower --learning-rate or --clip-norm")
        self._return_to_best()
        self._note = f"{where}; went back to the best weights, with the learning rate times {self.progress.rate:g}"

    @torch.no_grad()
    def _return_to_best(self) -> None:
        torch._foreach_copy_(self.parameters, self.best)
        if self.averages is not None:
            torch._foreach_copy_(self.averages, self.best)
        self.optimizer.state.clear()  # Its averages of gradients may hold what led astray.
        self.progress.skipped, self.progress.returns, self.progress.rate = 0, self.progress.returns + 1, self.progress.rate / 2

    def _validated(self, batches: Batches[Any], clock: "_Clock", score: Score) -> Report:
        """The report of a validation; weights better than all before are the best from now on."""
        progress = self.progress
        error = score.loss if score.error is None else score.error
        is_best = error < progress.best_error
        if is_best:
            with torch.no_grad():
                torch._foreach_copy_(self.best, self.parameters if self.averages is None else self.averages)
            progress.best_step, progress.best_loss, progress.best_error = progress.step, score.loss, error
            progress.stale = progress.returns = 0
        else:
            progress.stale += 1
        report = self._report(batches, clock, score, is_best)
        progress.validated, progress.total, progress.count = progress.step, 0.0, 0
        return report

    def _report(self, batches: Batches[Any], clock: "_Clock", score: Score | None = None, is_best: bool = False) -> Report:
        self.progress.seconds, note, self._note = clock.seconds(), self._note, None
        return Report(
            step=self.progress.step,
            steps=self.steps,
            epoch=batches.epoch_of(self.progress.step),
            seconds=self.progress.seconds,
            predictions=self.progress.predictions,
            learning_rate=self._rate(max(0, self.progress.step - 1)),
            train_loss=self.progress.mean,
            valid_loss=None if score is None else score.loss,
            is_best=is_best,
            metrics={} if score is None else score.metrics,
            note=note,
        )


class _Clock:
    """Seconds of training, and whether it is time for a sign of life."""

    def __init__(self, before: float) -> None:
        self._last = time.monotonic()
        self._start = self._last - before

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def ticked(self) -> bool:
        now = time.monotonic()
        is_due = now - self._last >= TICK
        self._last = now if is_due else self._last
        return is_due


class _Swapped:
    """Puts other weights in the parameters' place for a while."""

    def __init__(self, parameters: list[Tensor], others: list[Tensor] | None) -> None:
        self._pairs = [] if others is None else list(zip(parameters, others, strict=True))

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for parameter, other in self._pairs:
            parameter.data, other.data = other.data, parameter.data
