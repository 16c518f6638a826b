"""How fast this machine trains this network: a budget in minutes becomes a number of steps."""

import copy
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from statistics import median
from typing import Any

import torch

from charnn.batches.streams import Batches
from charnn.training.settings import LoopSettings, OptimizerSettings
from charnn.training.task import Score, Task
from charnn.training.trainer import Trainer

PROBE_SECONDS, GLANCE_SECONDS = 3.0, 0.3
"""How long to measure where a budget in minutes depends on it, and where it is only told."""

WARM_STEPS = 3


@dataclass(frozen=True)
class Throughput:
    """What was measured: seconds per update, predictions per update, seconds per validation."""

    step_seconds: float
    step_predictions: float
    validation_seconds: float

    @property
    def per_second(self) -> float:
        """Predictions trained on in a second."""
        return self.step_predictions / self.step_seconds

    def steps_in(self, minutes: float, reports: int) -> int:
        """How many updates fit into the minutes beside the validations."""
        return max(1, int((minutes * 60 - reports * self.validation_seconds) / self.step_seconds))

    def seconds_for(self, steps: int, reports: int) -> float:
        """How long so many updates and validations take."""
        return steps * self.step_seconds + reports * self.validation_seconds


def measure(
    task: Task,
    batches: Batches[Any],
    validate: Callable[[], Score],
    settings: OptimizerSettings,
    loop: LoopSettings,
    device: torch.device,
    *,
    careful: bool = True,
) -> Throughput:
    """Trains for some seconds and puts weights and random states back as they were."""
    weights = copy.deepcopy(task.network.state_dict())
    trainer = Trainer(task, settings, loop, steps=1_000_000, device=device)
    task.network.train()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        seconds, counts = _time_updates(trainer, batches, device, PROBE_SECONDS if careful else GLANCE_SECONDS)
        _read_once(task, batches)
        before = time.monotonic()
        trainer.validation(validate)
        validation = time.monotonic() - before
    task.network.load_state_dict(weights)
    # The median shrugs off a neighbour's burst; document batches differ in size, so there the mean counts.
    step = median(seconds) if len(set(counts)) == 1 else sum(seconds) / len(seconds)
    return Throughput(step, sum(counts) / len(counts), validation)


def _time_updates(trainer: Trainer, batches: Batches[Any], device: torch.device, most: float) -> tuple[list[float], list[int]]:
    """Seconds and predictions of each update."""
    seconds: list[float] = []
    counts: list[int] = []
    for number, batch in enumerate(islice(batches.since(0), 1000)):
        before = time.monotonic()
        loss = trainer.advance(batch)
        _wait(device)
        if number >= WARM_STEPS:  # The first ones compile kernels and fill caches.
            seconds.append(time.monotonic() - before)
            counts.append(loss.count)
        if sum(seconds) > most:
            break
    return seconds, counts


@torch.no_grad()
def _read_once(task: Task, batches: Batches[Any]) -> None:
    """Compiles what only a validation runs, which the first of an installation would count ten times over otherwise."""
    task.network.eval()
    task.loss(next(batches.since(0)), None)


def _wait(device: torch.device) -> None:
    """Waits until the device has done its queue."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()
