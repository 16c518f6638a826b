"""How far back a loss still reaches: the norm of its gradient with respect to the state so many steps before."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charnn.cells.settings import StackSettings
from charnn.cells.state import State
from charnn.inspection.lags import LagBatch, LagTask
from charnn.layers.stack import RecurrentStack
from charnn.plots.chart import Chart, Line
from charnn.tasks.lm.network import LanguageNetwork
from charnn.training.optimizers import clip
from charnn.training.settings import OptimizerSettings
from charnn.training.task import Task

VANISHED = 1e-4
"""The share of the first norm below which a gradient is called vanished."""

PLACES = (1, 10, 100, 1000)
"""Steps back that a table names."""


NUMBERS = 1 << 22
"""Units times steps that are unrolled together; each keeps some sixteen numbers of eight bytes, so it is half a gigabyte."""


class Unrolled(NamedTuple):
    """A recurrent stack, what it reads, and the loss of each sequence after the last step."""

    stack: RecurrentStack
    inputs: Tensor  # (batch, time, units)
    start: State
    losses: Callable[[Tensor], Tensor]  # (batch, hidden) -> (batch,)


def state_norms(unrolled: Unrolled) -> NDArray[np.float64]:
    """(batch, time): norms of the last step's loss by the state k steps before it, from k = 0; of an lstm's, h and c together.

    For k = 0 it is the gradient by the last output, which is all that the loss sees of that step.
    """
    stack, state = unrolled.stack, tuple(part.detach().requires_grad_() for part in unrolled.start)
    states = []
    for step in torch.split(unrolled.inputs.detach(), 1, 1):
        outputs, state = stack(step, state)
        states.append(state)
    parts = [part for one in reversed(states[:-1]) for part in one]
    gradients = torch.autograd.grad(unrolled.losses(outputs[:, -1]).sum(), [outputs, *parts])
    norms = [_norms(gradients[0].transpose(0, 1))]
    for first in range(1, len(gradients), len(state)):
        norms.append(_norms(torch.cat(gradients[first : first + len(state)])))
    return torch.stack(norms, 1).numpy()  # (batch, time)


def _norms(parts: Tensor) -> Tensor:
    """(parts, batch, hidden) -> (batch,); of numbers whose squares are beyond all numbers, too."""
    largest = parts.abs().amax((0, 2)).clamp(min=torch.finfo(parts.dtype).tiny)
    return (parts / largest[:, None]).square().sum((0, 2)).sqrt() * largest


def unrolled_lag(task: LagTask, batch: LagBatch) -> Unrolled:
    """Sequences of a problem that needs memory; in double precision, which a thousand steps of growth or decay need."""
    network, problem = copy.deepcopy(task.network).eval().double(), task.problem
    start = network.stack.start(len(batch.targets))
    return Unrolled(network.stack, batch.inputs.double(), start, lambda last: problem.losses(network.readout(last), batch.targets))


def unrolled_text(network: LanguageNetwork, windows: NDArray[np.int64]) -> Unrolled:
    """(batch, time + 1) ids -> the loss of each window's last token, the state empty before its first; in double precision as well."""
    network = copy.deepcopy(network).eval().double()
    ids = torch.from_numpy(windows)
    inputs = network.embedding(ids[:, :-1])
    return Unrolled(network.stack, inputs, network.start(len(ids)), lambda last: network.losses(last, ids[:, -1]))


def windows_of(ids: NDArray[Any], steps: int, count: int) -> NDArray[np.int64]:
    """(count, steps + 2): pieces evenly spread over a text, of steps + 1 inputs and the token after them."""
    last = len(ids) - (steps + 2)
    begins = np.unique(np.linspace(0, last, count).astype(np.int64))
    return np.stack([np.asarray(ids[begin : begin + steps + 2], np.int64) for begin in begins])


def groups(sequences: int, steps: int, settings: StackSettings) -> list[slice]:
    """Sequences that are unrolled together, so that what their way back needs fits into memory."""
    rows = max(1, NUMBERS // (steps * settings.layers * settings.hidden_size))
    return [slice(begin, begin + rows) for begin in range(0, sequences, rows)]


@dataclass(frozen=True)
class Clipping:
    """What clipping to a norm does to the gradients of some batches by all weights."""

    norms: Sequence[float]  # before, a batch each
    clip_norm: float | None

    @property
    def limit(self) -> float:
        """The longest that a gradient may be."""
        return math.inf if self.clip_norm is None else self.clip_norm

    @property
    def share(self) -> float:
        """Of batches whose gradient is shortened; one that is not finite counts."""
        return sum(not norm <= self.limit for norm in self.norms) / len(self.norms)

    def facts(self) -> dict[str, Any]:
        """Norms before and after, median and largest, and the share clipped."""
        before = np.asarray(self.norms)
        after = np.minimum(before, self.limit)
        medians = {f"median_{when}": finite(float(np.median(norms))) for when, norms in (("before", before), ("after", after))}
        largest = {f"largest_{when}": finite(float(norms.max())) for when, norms in (("before", before), ("after", after))}
        return {**medians, **largest, "clipped": self.share}


def measure_clipping(task: Task, batches: Iterator[Any], count: int, clip_norm: float | None) -> Clipping:
    """The gradients of so many batches at the weights as they are, none of which is followed; nothing is dropped."""
    task.network.eval()
    parameters: list[Tensor] = [one for group in task.groups() for one in group.parameters]
    settings, norms, carry = OptimizerSettings(clip_norm=clip_norm), [], None
    for batch in islice(batches, count):
        loss = task.loss(batch, carry)
        (loss.total / max(1, loss.count)).backward()  # type: ignore[no-untyped-call]
        norms.append(float(clip(parameters, settings)))
        carry = loss.carry
        for one in parameters:
            one.grad = None
    return Clipping(norms, clip_norm)


@dataclass(frozen=True)
class Reach:
    """How far back the loss of one network reaches: mean norms over sequences, from k = 0."""

    name: str
    cell: str
    is_trained: bool
    norms: NDArray[np.float64]  # (time,)
    clipping: Clipping

    @classmethod
    def of(cls, name: str, cell: str, is_trained: bool, groups: Iterable[Unrolled], clipping: Clipping) -> "Reach":
        """Measured, one group of sequences after another."""
        return cls(name, cell, is_trained, np.concatenate([state_norms(group) for group in groups]).mean(0), clipping)

    @property
    def relative(self) -> NDArray[np.float64]:
        """Shares of the norm at k = 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            shares: NDArray[np.float64] = self.norms / self.norms[0]
        return shares

    @property
    def vanished(self) -> int | None:
        """The first k at which less than VANISHED of the first norm is left."""
        found = np.flatnonzero(self.relative < VANISHED)
        return int(found[0]) if len(found) else None

    def at(self, steps: int) -> float | None:
        """The share so many steps back, None beyond the first step."""
        return finite(float(self.relative[steps])) if steps < len(self.norms) else None

    def facts(self) -> dict[str, Any]:
        """Everything as JSON takes it."""
        return {
            "name": self.name,
            "cell": self.cell,
            "trained": self.is_trained,
            "norms": [finite(norm) for norm in self.norms.tolist()],
            "shares": {str(place): self.at(place) for place in PLACES if place < len(self.norms)},
            "vanished": self.vanished,
            "clipping": self.clipping.facts(),
        }


LEAST_DRAWN = 1e-12
"""A share below it is not drawn: it would press all that is left into the top of the chart."""


def reach_chart(reaches: Sequence[Reach], data: str) -> Chart:
    """A line a network, a colour a cell, dashed before training; logarithmic upwards, where a constant shrinking is a straight line."""
    cells = list(dict.fromkeys(one.cell for one in reaches))
    lines = []
    for one in reaches:
        drawn = np.where(one.relative < LEAST_DRAWN, math.nan, one.relative).tolist()
        lines.append(Line(one.name, range(len(drawn)), drawn, colour=cells.index(one.cell), is_dashed=not one.is_trained))
    title = f"Gradient of the last step's loss by the state k steps back: {data}"
    return Chart(title, "k, steps back", f"norm, as a share of that at k = 0, down to {LEAST_DRAWN:g}", lines, is_log_y=True)


def finite(number: float) -> float | None:
    """A number as JSON takes it."""
    return number if math.isfinite(number) else None
