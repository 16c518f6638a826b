"""Problems that need memory over a lag, and what lags each cell learns."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar, NamedTuple

import numpy as np
import torch
from torch import Tensor, nn

from charnn.cells import variants
from charnn.cells.rowwise import Linear
from charnn.cells.settings import StackSettings
from charnn.errors import DivergedError, SettingError
from charnn.inspection.settings import MemorySettings
from charnn.layers.stack import RecurrentStack
from charnn.plots.chart import Chart, Line
from charnn.training.model import Group, Loss, Score, all_alike
from charnn.training.trainer import Trainer

SYMBOLS = 8  # Symbols to recall, and as many distractors
SOLVED = 0.01  # A problem is solved when the error is below this
CHECKED, EVERY = 1000, 100  # Unseen sequences that the error is measured on, and updates between two measurements
LOST = 10.0  # A loss above this, many times that of the baseline, means that the network has diverged


class LagBatch(NamedTuple):
    """Sequences, and the right answer after the last step of each."""

    inputs: Tensor  # (batch, time, units)
    targets: Tensor  # (batch,)


@dataclass(frozen=True)
class Problem:
    """A task that needs memory: how its sequences are drawn, and how answers are scored."""

    name: str
    title: str
    input_size: int
    output_size: int
    draw: Callable[[int, int, np.random.Generator], LagBatch]  # lag, rows, generator -> a batch of `rows` sequences
    losses: Callable[[Tensor, Tensor], Tensor]  # (batch, outputs) and (batch,) -> (batch,): what training minimises ...
    errors: Callable[[Tensor, Tensor], Tensor]  # ... and, with the same shapes, what is reported
    error_name: str
    baseline: float  # the error of the best answer that ignores its sequence
    baseline_name: str


def draw_numbers(lag: int, rows: int, generator: np.random.Generator) -> LagBatch:
    """Return (rows, lag, 2) numbers and marks, one mark in each half, and (rows,) sums of the two marked numbers."""
    inputs = np.zeros((rows, lag, 2), np.float32)
    inputs[..., 0] = generator.random((rows, lag), np.float32)
    places = np.stack([generator.integers(0, lag // 2, rows), generator.integers(lag // 2, lag, rows)])
    inputs[np.arange(rows), places, 1] = 1
    return LagBatch(torch.from_numpy(inputs), torch.from_numpy(inputs[np.arange(rows), places, 0].sum(0)))


def draw_symbols(lag: int, rows: int, generator: np.random.Generator) -> LagBatch:
    """Return (rows, lag + 1, symbols) one-hot: a symbol to recall, then distractors; and the (rows,) ids of the first symbols."""
    ids = generator.integers(SYMBOLS, 2 * SYMBOLS, (rows, lag + 1))
    ids[:, 0] = generator.integers(0, SYMBOLS, rows)
    return LagBatch(torch.from_numpy(np.eye(2 * SYMBOLS, dtype=np.float32)[ids]), torch.from_numpy(ids[:, 0].copy()))


def squared_errors(answers: Tensor, targets: Tensor) -> Tensor:
    """Return the squared errors of answers: (batch, 1) and (batch,) -> (batch,)."""
    return (answers[:, 0] - targets).square()


PROBLEMS = {
    # Hochreiter and Schmidhuber 1997, experiment 4, in the form of Le, Jaitly and Hinton 2015.
    "adding": Problem(
        name="adding",
        title="the sum of two marked numbers",
        input_size=2,
        output_size=1,
        draw=draw_numbers,
        losses=squared_errors,
        errors=squared_errors,
        error_name="mean squared error",
        baseline=1 / 6,  # the variance of a sum of two numbers from 0 to 1
        baseline_name="always answering 1",
    ),
    # After Hochreiter and Schmidhuber 1997, experiment 2.
    "copy": Problem(
        name="copy",
        title="the symbol of the first step",
        input_size=2 * SYMBOLS,
        output_size=SYMBOLS,
        draw=draw_symbols,
        losses=lambda answers, targets: nn.functional.cross_entropy(answers, targets, reduction="none"),
        errors=lambda answers, targets: (answers.argmax(1) != targets).float(),
        error_name="fraction of wrong answers",
        baseline=1 - 1 / SYMBOLS,
        baseline_name="chance",
    ),
}


def lag_stack(cell: str, hidden_size: int, memory: int | None) -> StackSettings:
    """Return settings of one layer of a cell of `variants`; memory: the steps that its gates remember before training, if they can."""
    name, activation = variants()[cell]
    settings = StackSettings(cell=name, activation=activation, hidden_size=hidden_size)
    return replace(settings, initial_memory=memory) if settings.loaded_cell.keepers else settings


@torch.no_grad()
def prepare(stack: RecurrentStack, scale: float) -> None:
    """Initialise recurrent weights, for ReLU cells as the identity (Le et al. 2015), and multiply them by the scale."""
    if stack.settings.loaded_cell.is_identity:
        for layer in stack.cells:
            nn.init.eye_(layer.get_parameter("hidden_to_gates"))
            nn.init.normal_(layer.get_parameter("input_to_gates"), std=0.001)
    enlarge(stack, scale)


@torch.no_grad()
def enlarge(stack: RecurrentStack, scale: float) -> None:
    """Multiply all recurrent weights by the scale; raise SettingError for a cell that has none."""
    if scale == 1:
        return
    if not stack.settings.loaded_cell.reads_hidden:
        raise SettingError("scale", f"has no effect on {stack.settings.cell}, which has no recurrent weights; leave it out")
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
        answers: Tensor = self.readout(self.stack(inputs)[0][:, -1])
        return answers


class LagTask:
    """A network and the problem that it learns."""

    def __init__(self, problem: Problem, settings: StackSettings, seed: int) -> None:
        torch.manual_seed(seed)
        self.problem, self.network = problem, LagNetwork(problem, settings)

    def groups(self) -> list[Group]:
        """Return one group with all weights."""
        return all_alike(self.network)

    def loss(self, batch: LagBatch, carry: None) -> Loss:
        """Return the loss, summed over the sequences of the batch."""
        return Loss(self.problem.losses(self.network(batch.inputs), batch.targets).sum(), len(batch.targets), None)

    @torch.no_grad()
    def score(self, batches: Iterator[LagBatch]) -> Score:
        """Return the mean loss and error over all sequences of the batches."""
        answered = [(self.network(inputs), targets) for inputs, targets in batches]
        loss, error = (float(torch.cat([judge(*one) for one in answered]).mean()) for judge in (self.problem.losses, self.problem.errors))
        return Score(loss, error=error)


@dataclass(frozen=True)
class LagBatches:
    """New sequences for every update, each batch a function of (seed, step); an epoch is one update, as no sequence repeats."""

    epoch_steps: ClassVar[int] = 1
    problem: Problem
    lag: int
    rows: int
    seed: int

    def since(self, step: int) -> Iterator[LagBatch]:
        """Return endless batches, starting at the one of this step."""
        while True:
            yield self.problem.draw(self.lag, self.rows, np.random.default_rng((self.seed, step)))
            step += 1

    def unseen(self, step: int, sequences: int) -> Iterator[LagBatch]:
        """Return batches of at least `sequences` sequences that no update uses; each step has its own."""
        for number in range(-(-sequences // self.rows)):
            yield self.problem.draw(self.lag, self.rows, np.random.default_rng((self.seed, step, number + 1)))


@dataclass(frozen=True)
class Row:
    """The result of training a cell on a lag."""

    cell: str
    lag: int
    updates: int
    seconds: float
    cpu_seconds: float
    error: float
    outcome: str  # solved, not solved or diverged


def learn_lag(task: LagTask, batches: LagBatches, cell: str, settings: MemorySettings) -> Row:
    """Train until the error on unseen sequences is below SOLVED, or minutes or updates run out; restore the best weights."""
    optimizer, loop = settings.optimizer(task.network.stack.settings.loaded_cell.learning_rate), settings.loop(EVERY)
    trainer = Trainer(task, optimizer, loop, steps=settings.most_updates, device=torch.device("cpu"))
    before, cpu_before = time.monotonic(), time.process_time()
    scores: list[Score] = []
    is_lost = False

    def validate() -> Score:
        scores.append(task.score(batches.unseen(trainer.progress.step, CHECKED)))
        return scores[-1]

    try:
        for report in trainer.run(batches, validate):
            if trainer.progress.best_error < SOLVED or report.seconds >= 60 * settings.minutes:
                break
    except DivergedError:
        is_lost = True
    if trainer.progress.best_step:
        trainer.end()
    elif not scores:
        trainer.validation(validate)
    error = min((score.error for score in scores if score.error is not None and math.isfinite(score.error)), default=math.nan)
    is_lost = is_lost or not scores[-1].loss <= LOST
    outcome = "solved" if error < SOLVED else "diverged" if is_lost else "not solved"
    seconds, cpu_seconds = time.monotonic() - before, time.process_time() - cpu_before
    return Row(cell, batches.lag, trainer.progress.step, seconds, cpu_seconds, error, outcome)


def make_task(problem: Problem, cell: str, lag: int, settings: MemorySettings, scale: float = 1.0) -> LagTask:
    """Return an untrained network of a cell for a lag, with recurrent weights multiplied by the scale."""
    task = LagTask(problem, lag_stack(cell, settings.hidden_size, max(2, lag) if settings.chrono else None), settings.seed)
    prepare(task.network.stack, scale)
    return task


def memory_rows(problem: Problem, cells: Sequence[str], lags: Sequence[int], settings: MemorySettings) -> Iterator[Row]:
    """Train each cell on each lag, and return a row as soon as each is done: all lags of the first cell first."""
    for cell in cells:
        for lag in lags:
            batches = LagBatches(problem, lag, settings.batch_size, settings.seed)
            yield learn_lag(make_task(problem, cell, lag, settings), batches, cell, settings)


def memory_chart(problem: Problem, rows: Sequence[Row]) -> Chart:
    """Return a chart of the error over the lag: a line per cell, and dashed lines for the baseline and for SOLVED."""
    lags = sorted({row.lag for row in rows})
    lines = []
    for cell in dict.fromkeys(row.cell for row in rows):
        own = [row for row in rows if row.cell == cell]
        # An error of 0 has no place on a logarithmic axis.
        lines.append(Line(cell, [row.lag for row in own], [max(row.error, 1e-4) for row in own]))
    for name, height in ((problem.baseline_name, problem.baseline), ("solved below", SOLVED)):
        lines.append(Line(name, lags, [height] * len(lags), is_dashed=True))
    title = f"What a cell still learns over a lag: {problem.title}"
    return Chart(title, "lag in steps", problem.error_name, lines, is_log_x=len(lags) > 1, is_log_y=True)


def memory_facts(problem: Problem, rows: Sequence[Row], settings: MemorySettings) -> dict[str, Any]:
    """Return problem, settings and rows, ready for JSON."""
    facts = {"problem": problem.name, "error": problem.error_name, "baseline": problem.baseline, "solved_below": SOLVED}
    results = [{**vars(row), "error": row.error if math.isfinite(row.error) else None} for row in rows]
    return facts | {"settings": settings.plain(), "rows": results}
