"""What lag each cell still learns: networks trained on a problem that needs memory, until it is solved or time is over."""

import math
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import torch

from charnn.errors import DivergedError
from charnn.inspection.lags import KINDS, LagBatches, LagTask, Problem
from charnn.inspection.settings import MemorySettings
from charnn.plots.chart import Chart, Line
from charnn.training.task import Score
from charnn.training.trainer import Trainer

SOLVED = 0.01
"""The error below which a problem is solved."""

CHECKED, EVERY = 1000, 100
"""Sequences never trained on that an error is measured on, and updates between two such measurements."""

LOST = 10.0
"""A loss above this, many times that of an answer that knows nothing, is a network that has diverged."""


@dataclass(frozen=True)
class Row:
    """How far a cell came with a lag."""

    cell: str
    lag: int
    updates: int
    seconds: float
    cpu_seconds: float
    error: float
    outcome: str  # solved, not solved or diverged


def learn_lag(task: LagTask, batches: LagBatches, cell: str, settings: MemorySettings) -> Row:
    """Trains until the error on unseen sequences is below SOLVED, or until minutes or updates are over; leaves the best weights."""
    optimizer, loop = settings.optimizer(KINDS[cell].learning_rate), settings.loop(EVERY)
    trainer = Trainer(task, optimizer, loop, steps=settings.most_updates, device=torch.device("cpu"))
    before, cpu_before = time.monotonic(), time.process_time()
    scores: list[Score] = []

    def validate() -> Score:
        scores.append(task.score(batches.unseen(trainer.progress.step, CHECKED)))
        return scores[-1]

    try:
        for report in trainer.run(batches, validate):
            if trainer.progress.best_error < SOLVED or report.seconds >= 60 * settings.minutes:
                break
        is_lost = False
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
    """An untrained network of a cell for a lag; scale: its recurrent weights are so many times as large as they would be."""
    kind = KINDS[cell]
    task = LagTask(problem, kind.stack(settings.hidden_size, max(2, lag) if settings.chrono else None), settings.seed)
    kind.prepare(task.network.stack, scale)
    return task


def memory_rows(problem: Problem, cells: Sequence[str], lags: Sequence[int], settings: MemorySettings) -> Iterator[Row]:
    """A row for each cell and lag, as they come: all lags of the first cell first."""
    for cell in cells:
        for lag in lags:
            batches = LagBatches(problem, lag, settings.batch_size, settings.seed)
            yield learn_lag(make_task(problem, cell, lag, settings), batches, cell, settings)


def memory_chart(problem: Problem, rows: Sequence[Row]) -> Chart:
    """The error over the lag, a line a cell, with what an answer that knows nothing has."""
    cells = list(dict.fromkeys(row.cell for row in rows))
    lags = sorted({row.lag for row in rows})
    lines = [_line(cell, [row for row in rows if row.cell == cell]) for cell in cells]
    limits = [
        Line(name, lags, [height] * len(lags), is_dashed=True)
        for name, height in ((problem.baseline_name, problem.baseline), ("solved below", SOLVED))
    ]
    title = f"What a cell still learns over a lag: {problem.title}"
    return Chart(title, "lag in steps", problem.error_name, [*lines, *limits], is_log_x=len(lags) > 1, is_log_y=True)


def memory_facts(problem: Problem, rows: Sequence[Row], settings: MemorySettings) -> dict[str, Any]:
    """Everything as JSON takes it."""
    return {
        "problem": problem.name,
        "error": problem.error_name,
        "baseline": problem.baseline,
        "solved_below": SOLVED,
        "settings": settings.plain(),
        "rows": [{**vars(row), "error": row.error if math.isfinite(row.error) else None} for row in rows],
    }


def _line(cell: str, rows: Sequence[Row]) -> Line:
    # An error of 0 has no place on a logarithmic axis.
    return Line(cell, [row.lag for row in rows], [max(row.error, 1e-4) for row in rows])
