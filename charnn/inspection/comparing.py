"""Gradients of networks beside each other: untrained and trained, of one cell and another, of a run and its beginning."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.batches.streams import StreamBatches
from charnn.check.findings import counted
from charnn.data.corpus import Corpus
from charnn.data.store import scratch_folder
from charnn.data.tokenized import TokenizedText, split_corpus, tokenize_text
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import DataError, DivergedError
from charnn.inspection.gradients import Reach, groups, measure_clipping, unrolled_lag, unrolled_text, windows_of
from charnn.inspection.lags import KINDS, PROBLEMS, LagBatch, LagBatches, LagTask, enlarge
from charnn.inspection.memory import learn_lag, make_task
from charnn.inspection.settings import MemorySettings, ReachSettings
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tokenizers.registry import fit_tokenizer
from charnn.training.settings import OPTIMIZERS, WindowSettings
from charnn.training.task import Score
from charnn.training.trainer import Trainer

LONGEST = 1000
"""Steps back that are looked at in a text unless told otherwise."""

EVERY = 200
"""Updates of a language model between two validations."""

Say = Callable[[str], None]
"""Takes what a person should know while it is computed."""


def compare_lag(cells: Sequence[str], lag: int, training: MemorySettings, looking: ReachSettings, say: Say) -> Iterator[Reach]:
    """Each cell on the adding problem, before and after training."""
    problem = PROBLEMS["adding"]
    batches = LagBatches(problem, lag, training.batch_size, training.seed)
    for cell in cells:
        task = make_task(problem, cell, lag, training, looking.scale)
        yield _lag_reach(task, batches, cell, training, looking, is_trained=False)
        row = learn_lag(task, batches, cell, training)
        error = f"{problem.error_name} {row.error:.4f}"
        say(f"{cell}: {row.outcome} after {counted(row.updates, 'update', 'updates')} and {row.seconds:.1f} s, {error}")
        yield _lag_reach(task, batches, cell, training, looking, is_trained=True)


def compare_text(cells: Sequence[str], path: Path, training: MemorySettings, looking: ReachSettings, say: Say) -> Iterator[Reach]:
    """Each cell as a language model of a file, before and after training; looked at in the end of the file."""
    scratch = scratch_folder()
    for cell in cells:
        model, texts = _language_model(cell, path, training, scratch)
        kind = KINDS[cell]
        kind.prepare(model.network.stack, looking.scale)
        windows = check_windows(texts[1].ids, looking, f"the last tenth of {path}")
        yield text_reach(model, f"{cell} untrained", texts[1].ids, windows, training.clip_norm, looking.batches)
        say(_learn_text(model, texts, training, cell))
        yield replace(text_reach(model, f"{cell} trained", texts[1].ids, windows, training.clip_norm, looking.batches), is_trained=True)


def compare_run(model: LanguageModel, ids: NDArray[Any], what: str, clip_norm: float | None, looking: ReachSettings) -> Iterator[Reach]:
    """A trained language model on a text, and the same network as it was before training."""
    windows = check_windows(ids, looking, what)
    untrained = LanguageModel(model.settings, model.tokenizer, model.labels)
    for one, state in ((untrained, "untrained"), (model, "trained")):
        enlarge(one.network.stack, looking.scale)
        reach = text_reach(one, f"{model.settings.network.stack.cell} {state}", ids, windows, clip_norm, looking.batches)
        yield replace(reach, is_trained=one is model)


def check_windows(ids: NDArray[Any], looking: ReachSettings, what: str) -> NDArray[np.int64]:
    """The pieces of a text that are looked at; raises DataError for one that is too short."""
    steps = LONGEST if looking.steps is None else looking.steps
    if len(ids) < steps + 2:
        needed = f"looking {steps:,} steps back needs {steps + 2:,}"
        raise DataError(f"{what} has {len(ids):,} tokens, and {needed}; give more text or a smaller --steps")
    return windows_of(ids, steps, looking.sequences)


def text_reach(
    model: LanguageModel, name: str, ids: NDArray[Any], windows: NDArray[np.int64], clip_norm: float | None, count: int
) -> Reach:
    """How far a language model's losses reach, and its gradients by all weights in windows as it is trained on."""
    loop = model.settings.loop
    window = min(loop.window, len(ids) - 1)
    batches = StreamBatches(ids, batch_size=loop.batch_size, window=window, restarts=0, seed=loop.seed)
    stack = model.settings.network.stack
    parts = (unrolled_text(model.network, windows[part]) for part in groups(len(windows), windows.shape[1], stack))
    return Reach.of(name, stack.cell, False, parts, measure_clipping(model, batches.since(0), count, clip_norm))


def _lag_reach(
    task: LagTask, batches: LagBatches, cell: str, training: MemorySettings, looking: ReachSettings, *, is_trained: bool
) -> Reach:
    inputs, targets = next(LagBatches(task.problem, batches.lag, looking.sequences, batches.seed).unseen(0, 1))
    places = groups(len(targets), batches.lag, task.network.stack.settings)
    parts = (unrolled_lag(task, LagBatch(inputs[part], targets[part])) for part in places)
    clipping = measure_clipping(task, batches.since(0), looking.batches, training.clip_norm)
    reach = Reach.of(f"{cell} {'trained' if is_trained else 'untrained'}", cell, is_trained, parts, clipping)
    return reach if looking.steps is None else replace(reach, norms=reach.norms[: looking.steps + 1])


def _language_model(
    cell: str, path: Path, training: MemorySettings, scratch: Path
) -> tuple[LanguageModel, tuple[TokenizedText, TokenizedText]]:
    """An untrained model of a file's characters, and the file's beginning and end."""
    loop = WindowSettings(batch_size=training.batch_size, seed=training.seed)
    network = LanguageNetworkSettings(KINDS[cell].stack(training.hidden_size, None))
    settings = LanguageModelSettings(network=network, optimizer=training.optimizer(OPTIMIZERS["adamw"]), loop=loop)
    corpus = Corpus([path], settings.corpus)
    parts = split_corpus(corpus, 0.1, training.seed)
    if not any(parts[0].chunks()):
        raise DataError(f"{path} holds too little text to train on; give more")
    tokenizer = fit_tokenizer(parts[0].chunks, settings.tokens)
    settings = replace(settings, network=network.for_vocabulary(tokenizer.size))
    first, last = (tokenize_text(tokenizer, part.chunks(), scratch) for part in parts)
    return LanguageModel(settings, tokenizer, ()), (first, last)


def _learn_text(model: LanguageModel, texts: tuple[TokenizedText, TokenizedText], training: MemorySettings, cell: str) -> str:
    """Trains until minutes or updates are over; says how far it came."""
    loop = training.loop(EVERY)
    trainer = Trainer(model, model.settings.optimizer, loop, steps=training.most_updates, device=torch.device("cpu"))
    outcome = "trained"

    def validate() -> Score:
        return Score(model.quick_loss(texts[1]))

    try:
        for report in trainer.run(model.batches(texts[0]), validate):
            if report.seconds >= 60 * training.minutes:
                break
    except DivergedError:
        trainer.end()
        outcome = "diverged"
    updates, loss = counted(trainer.progress.step, "update", "updates"), trainer.validation(validate).loss
    return f"{cell}: {outcome} for {updates} and {trainer.progress.seconds:.1f} s, {loss:.3f} nats per token"
