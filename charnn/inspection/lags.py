"""Problems that need memory over a lag: data made for them, without end, and networks that answer after the last step."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor, nn

from charnn.cells.rowwise import Linear
from charnn.cells.settings import StackSettings
from charnn.layers.stack import RecurrentStack
from charnn.training.task import Group, Loss, Score, all_alike

SYMBOLS = 8
"""Symbols to be recalled, and as many others to distract."""


class LagBatch(NamedTuple):
    """Sequences, and what is to be answered after the last step of each."""

    inputs: Tensor  # (batch, time, units)
    targets: Tensor  # (batch,)


class Problem(Protocol):
    """What is to be remembered, and how an answer is judged."""

    name: str
    title: str
    input_size: int
    output_size: int
    error_name: str
    baseline: float
    """The error of an answer that knows nothing of its sequence,"""
    baseline_name: str
    """and what that is."""

    def draw(self, lag: int, rows: int, generator: np.random.Generator) -> LagBatch:
        """So many sequences."""

    def losses(self, answers: Tensor, targets: Tensor) -> Tensor:
        """(batch, outputs) and (batch,) -> (batch,): what training lowers."""

    def errors(self, answers: Tensor, targets: Tensor) -> Tensor:
        """(batch, outputs) and (batch,) -> (batch,): what is reported."""


class Adding:
    """The sum of the two marked numbers among as many as the lag, one in each half.

    Hochreiter and Schmidhuber 1997, experiment 4, in the form of Le, Jaitly and Hinton 2015.
    """

    name, title = "adding", "the sum of two marked numbers"
    input_size, output_size = 2, 1
    error_name = "mean squared error"
    baseline, baseline_name = 1 / 6, "always answering 1"  # the variance of a sum of two numbers from 0 to 1

    def draw(self, lag: int, rows: int, generator: np.random.Generator) -> LagBatch:
        """(rows, lag, 2): numbers and marks."""
        inputs = np.zeros((rows, lag, 2), np.float32)
        inputs[..., 0] = generator.random((rows, lag), np.float32)
        places = np.stack([generator.integers(0, lag // 2, rows), generator.integers(lag // 2, lag, rows)])
        inputs[np.arange(rows), places, 1] = 1
        return LagBatch(torch.from_numpy(inputs), torch.from_numpy(inputs[np.arange(rows), places, 0].sum(0)))

    def losses(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Squared errors."""
        return (answers[:, 0] - targets).square()

    errors = losses


class Copying:
    """The symbol of the first step, after as many others as the lag.

    After Hochreiter and Schmidhuber 1997, experiment 2.
    """

    name, title = "copy", "the symbol of the first step"
    input_size, output_size = 2 * SYMBOLS, SYMBOLS
    error_name = "share of wrong answers"
    baseline, baseline_name = 1 - 1 / SYMBOLS, "chance"

    def draw(self, lag: int, rows: int, generator: np.random.Generator) -> LagBatch:
        """(rows, lag + 1, symbols): one-hot; those to recall before those that distract."""
        ids = generator.integers(SYMBOLS, 2 * SYMBOLS, (rows, lag + 1))
        ids[:, 0] = generator.integers(0, SYMBOLS, rows)
        return LagBatch(torch.from_numpy(np.eye(2 * SYMBOLS, dtype=np.float32)[ids]), torch.from_numpy(ids[:, 0].copy()))

    def losses(self, answers: Tensor, targets: Tensor) -> Tensor:
        """Nats."""
        return nn.functional.cross_entropy(answers, targets, reduction="none")

    def errors(self, answers: Tensor, targets: Tensor) -> Tensor:
        """1 where another symbol is the likeliest."""
        return (answers.argmax(1) != targets).float()


PROBLEMS: dict[str, Problem] = {"adding": Adding(), "copy": Copying()}


@dataclass(frozen=True)
class Kind:
    """A recurrent cell as the problems are learned with it."""

    cell: str
    activation: str
    learning_rate: float
    is_identity: bool = False
    """Do the recurrent weights begin as the identity, and those of the inputs small?"""

    def stack(self, hidden_size: int, memory: int | None) -> StackSettings:
        """One layer; memory: what its gates remember before training, where it has any."""
        settings = StackSettings(cell=self.cell, activation=self.activation, hidden_size=hidden_size)
        return settings if self.cell == "rnn" else replace(settings, initial_memory=memory)

    @torch.no_grad()
    def prepare(self, stack: RecurrentStack, scale: float) -> None:
        """Brings new recurrent weights to where they begin, so many times as large as they would be."""
        for layer in stack.cells:
            if self.is_identity:  # Le et al. 2015, section 4.1
                nn.init.eye_(layer.get_parameter("hidden_to_gates"))
                nn.init.normal_(layer.get_parameter("input_to_gates"), std=0.001)
        enlarge(stack, scale)


KINDS = {
    "rnn": Kind("rnn", "tanh", 1e-3),
    "rnn-relu": Kind("rnn", "relu", 3e-4, is_identity=True),
    "lstm": Kind("lstm", "tanh", 1e-2),
    "gru": Kind("gru", "tanh", 1e-2),
}
"""The cells that can be compared."""


@torch.no_grad()
def enlarge(stack: RecurrentStack, scale: float) -> None:
    """Multiplies all recurrent weights."""
    for layer in stack.cells:
        layer.get_parameter("hidden_to_gates").mul_(scale)


class LagNetwork(nn.Module):
    """A recurrent stack whose last output is the answer."""

    def __init__(self, problem: Problem, settings: StackSettings) -> None:
        super().__init__()
        self.stack = RecurrentStack(problem.input_size, settings)
        self.readout = Linear(settings.hidden_size, problem.output_size)

    def forward(self, inputs: Tensor) -> Tensor:
        """(batch, time, units) -> (batch, outputs)."""
        outputs, _ = self.stack(inputs)
        answers: Tensor = self.readout(outputs[:, -1])
        return answers


class LagTask:
    """A network and the problem it learns."""

    def __init__(self, problem: Problem, settings: StackSettings, seed: int) -> None:
        torch.manual_seed(seed)
        self.problem = problem
        self.network = LagNetwork(problem, settings)

    def groups(self) -> list[Group]:
        """All weights learn alike."""
        return all_alike(self.network)

    def loss(self, batch: LagBatch, carry: None) -> Loss:
        """Summed over the sequences."""
        return Loss(self.problem.losses(self.network(batch.inputs), batch.targets).sum(), len(batch.targets), None)

    @torch.no_grad()
    def score(self, batches: Iterator[LagBatch]) -> Score:
        """Loss and error over all sequences of some batches."""
        found = []
        for batch in batches:
            answers = self.network(batch.inputs)
            found.append([self.problem.losses(answers, batch.targets), self.problem.errors(answers, batch.targets)])
        loss, error = (float(torch.cat(parts).mean()) for parts in zip(*found, strict=True))
        return Score(loss, error=error)


@dataclass(frozen=True)
class LagBatches:
    """New sequences for every update, each batch a function of (seed, step)."""

    problem: Problem
    lag: int
    rows: int
    seed: int

    def steps(self, epochs: int) -> int:
        """An epoch is one update: no sequence comes twice."""
        return epochs

    def epoch_of(self, step: int) -> float:
        """As many as updates."""
        return float(step)

    def since(self, step: int) -> Iterator[LagBatch]:
        """The batches from this number on, without end."""
        while True:
            yield self.problem.draw(self.lag, self.rows, np.random.default_rng((self.seed, step)))
            step += 1

    def unseen(self, step: int, sequences: int) -> Iterator[LagBatch]:
        """At least so many sequences that no update ever sees, others for every step."""
        for number in range(-(-sequences // self.rows)):
            yield self.problem.draw(self.lag, self.rows, np.random.default_rng((self.seed, step, number + 1)))
