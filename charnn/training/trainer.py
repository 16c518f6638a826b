"""The training loop: a generator of reports, whatever the task."""

import math
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import Tensor

from charnn.device import autocast
from charnn.errors import DivergedError
from charnn.task import Loss, Score, Task
from charnn.text.batches import Batches
from charnn.training.optimizers import blend, clip, make_optimizer, rate_share
from charnn.training.settings import LoopSettings, OptimizerSettings

TICK = 0.25
"""Seconds between two signs of life."""

BAD_STEPS = 20
"""Updates in a row without a finite loss after which a run is given up."""


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

    def facts(self) -> dict[str, Any]:
        """The fields and metrics as JSON takes them: no NaN, no infinity."""
        values = {name: value for name, value in vars(self).items() if name != "metrics"} | dict(self.metrics)
        return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}


class Trainer:
    """Trains a task's network over numbered batches.

    The weights change in place. With averaging, `kept_weights()` are the average and validation sees them.
    """

    def __init__(self, task: Task, optimizer: OptimizerSettings, loop: LoopSettings, *, steps: int, device: torch.device) -> None:
        self.task = task
        self.settings = optimizer
        self.loop = loop
        self.steps = steps
        self.device = device
        self.groups = task.groups()
        self.parameters = [one for group in self.groups for one in group.parameters]
        self.optimizer = make_optimizer([{"params": list(group.parameters)} for group in self.groups], optimizer)
        self.averages = None if optimizer.averaging is None else [one.detach().clone() for one in self.parameters]
        self.step = 0
        self._skipped = 0

    def run(self, batches: Batches[Any], validate: Callable[[], Score]) -> Iterator[Report]:
        """Trains to the last step or until patience ends; `validate` is called with the weights to be kept.

        Raises DivergedError when the loss stays not finite, in training or in every validation.
        """
        clock = _Clock()
        totals = _Totals()
        best, stale = float("inf"), 0
        due = {round(number * self.steps / self.loop.reports) for number in range(1, self.loop.reports + 1)}
        self.task.network.train()
        carry = None
        for batch in batches.since(self.step):
            carry = self._update(batch, carry, totals).carry
            self.step += 1
            if self.step in due:
                score = self.validation(validate)
                error = score.loss if score.error is None else score.error
                is_best = error < best
                best, stale = (error, 0) if is_best else (best, stale + 1)
                yield self._report(batches, clock, totals, score, is_best)
                totals.restart()
            elif clock.ticked():
                yield self._report(batches, clock, totals)
            if self.step >= self.steps or (self.loop.patience is not None and stale >= self.loop.patience):
                break
        if best == float("inf"):
            raise DivergedError("the loss on validation was never finite; lower --learning-rate or --clip-norm")

    def advance(self, batch: Any, carry: object) -> Loss:
        """One update outside a run, for measuring."""
        return self._update(batch, carry, _Totals())

    def _update(self, batch: Any, carry: object, totals: "_Totals") -> Loss:
        self._set_rates()
        with autocast(self.device, self.loop.precision):
            loss = self.task.loss(batch, carry)
        mean = loss.total / max(1, loss.count)
        mean.backward()  # type: ignore[no-untyped-call]
        is_finite = self._is_finite(clip(self.parameters, self.settings))
        if is_finite:
            self.optimizer.step()
            totals.add(loss.total.detach(), loss.count)
        self.optimizer.zero_grad(set_to_none=True)
        if self.averages is not None:
            blend(self.averages, self.parameters, self.settings, self.step)
        return loss if is_finite else loss._replace(carry=None)  # A state that overflowed would spoil every batch after it.

    def _set_rates(self) -> None:
        rate = self.settings.peak * rate_share(self.settings, self.step, self.steps)
        for group, options in zip(self.groups, self.optimizer.param_groups, strict=True):
            options["lr"] = rate * group.rate if self.step >= group.thaw * self.steps else 0.0

    def _is_finite(self, norm: Tensor) -> bool:
        """Counts updates without a finite gradient, which are skipped."""
        # On a GPU this waits for the step; on a CPU it is free. A weight that became NaN cannot be taken back.
        self._skipped = 0 if bool(torch.isfinite(norm)) else self._skipped + 1
        if self._skipped >= BAD_STEPS:
            raise DivergedError(
                f"the loss was not finite for {BAD_STEPS} updates in a row at step {self.step}; lower --learning-rate or --clip-norm"
            )
        return self._skipped == 0

    def validation(self, validate: Callable[[], Score]) -> Score:
        """What `validate` finds, with the network in evaluation mode and the weights that would be kept."""
        self.task.network.eval()
        with torch.no_grad(), self.kept_weights():
            score = validate()
        self.task.network.train()
        return score

    def kept_weights(self) -> "_Swapped":
        """A context in which the network has the weights to be kept: the average where there is one."""
        return _Swapped(self.parameters, self.averages)

    def _report(
        self, batches: Batches[Any], clock: "_Clock", totals: "_Totals", score: Score | None = None, is_best: bool = False
    ) -> Report:
        share = rate_share(self.settings, self.step - 1, self.steps)
        return Report(
            step=self.step,
            steps=self.steps,
            epoch=batches.epoch_of(self.step),
            seconds=clock.seconds(),
            predictions=totals.predictions,
            learning_rate=self.settings.peak * share,
            train_loss=totals.mean(),
            valid_loss=None if score is None else score.loss,
            is_best=is_best,
            metrics={} if score is None else score.metrics,
        )


class _Totals:
    """Sums of losses that stay tensors until somebody asks."""

    def __init__(self) -> None:
        self.predictions = 0
        self.restart()

    def restart(self) -> None:
        self._sums: list[Tensor] = []
        self._total = 0.0
        self._count = 0

    def add(self, total: Tensor, count: int) -> None:
        self._sums.append(total)
        self._count += count
        self.predictions += count

    def mean(self) -> float:
        # One after the other, in the order of the updates: how often somebody asks depends on the clock, the sum must not.
        for total in torch.stack(self._sums).tolist() if self._sums else ():
            self._total += total
        self._sums = []
        return self._total / self._count if self._count else float("nan")


class _Clock:
    """Seconds since the start, and whether it is time for a sign of life."""

    def __init__(self) -> None:
        self._start = self._last = time.monotonic()

    def seconds(self) -> float:
        return time.monotonic() - self._start

    def ticked(self) -> bool:
        now = time.monotonic()
        is_due = now - self._last >= TICK
        self._last = now if is_due else self._last
        return is_due


class _Swapped:
    """Puts the averages in the parameters' place for a while."""

    def __init__(self, parameters: list[torch.nn.Parameter], averages: list[Tensor] | None) -> None:
        self._pairs = [] if averages is None else list(zip(parameters, averages, strict=True))

    def __enter__(self) -> None:
        self._swap()

    def __exit__(self, *_: object) -> None:
        self._swap()

    def _swap(self) -> None:
        for parameter, average in self._pairs:
            parameter.data, average.data = average.data, parameter.data
