"""How far back gradients reach: norms of a loss's gradient by the state k steps before, of untrained and trained networks."""

import copy
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charnn.batches.streams import StreamBatches
from charnn.cells.layer import State
from charnn.cells.settings import StackSettings
from charnn.check.contents import counted
from charnn.data.corpus import Corpus
from charnn.data.tokenized import TokenizedText, scratch_folder, split_corpus, tokenize_text
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import DataError, DivergedError
from charnn.inspection.memory import PROBLEMS, LagBatch, LagBatches, LagTask, enlarge, lag_stack, learn_lag, make_task, prepare
from charnn.inspection.settings import MemorySettings, ReachSettings
from charnn.layers.stack import RecurrentStack
from charnn.plots.chart import Chart, Line
from charnn.tasks.lm.evaluation import quick_loss
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.network import LanguageNetwork
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tokenizers.registry import fit_tokenizer
from charnn.training.model import Score, Trainable
from charnn.training.settings import OPTIMIZERS, OptimizerSettings, WindowSettings
from charnn.training.trainer import Trainer, clip

VANISHED = 1e-4  # The fraction of the first norm below which a gradient counts as vanished
PLACES = (1, 10, 100, 1000)  # Steps back that a table lists
NUMBERS = 1 << 22  # Units times steps that are unrolled together; each keeps some sixteen numbers of eight bytes, so it is half a gigabyte
LEAST_DRAWN = 1e-12  # Smaller fractions are not drawn, as they would squeeze all others into the top of the chart
LONGEST = 1000  # Steps back in a text by default
EVERY = 200  # Updates of a language model between two validations
Say = Callable[[str], None]  # Receives messages for the user during the computation


class Unrolled(NamedTuple):
    """A recurrent stack, its inputs, and the loss of each sequence after the last step."""

    stack: RecurrentStack
    inputs: Tensor  # (batch, time, units)
    start: State
    losses: Callable[[Tensor], Tensor]  # (batch, hidden) -> (batch,)


def state_norms(unrolled: Unrolled) -> NDArray[np.float64]:
    """Return (batch, time) gradient norms of the last step's loss, by the last output and by the whole states 1, 2, ... steps before."""
    stack, state = unrolled.stack, tuple(part.detach().requires_grad_() for part in unrolled.start)
    states = []
    for step in torch.split(unrolled.inputs.detach(), 1, 1):
        outputs, state = stack(step, state)
        states.append(state)
    parts = [part for one in reversed(states[:-1]) for part in one]
    last, *rest = torch.autograd.grad(unrolled.losses(outputs[:, -1]).sum(), [outputs, *parts])
    earlier = (_norms(torch.cat(rest[first : first + len(state)])) for first in range(0, len(rest), len(state)))
    return torch.stack([_norms(last.transpose(0, 1)), *earlier], 1).numpy()  # (batch, time)


def mean_norms(groups: Iterable[Unrolled]) -> NDArray[np.float64]:
    """Return the (time,) means of state_norms() over the sequences of all groups."""
    means: NDArray[np.float64] = np.concatenate([state_norms(group) for group in groups]).mean(0)
    return means


def _norms(parts: Tensor) -> Tensor:
    """Return Euclidean norms, (parts, batch, hidden) -> (batch,), also of numbers whose squares overflow or underflow."""
    largest = parts.abs().amax((0, 2)).clamp(min=torch.finfo(parts.dtype).tiny)
    return (parts / largest[:, None]).square().sum((0, 2)).sqrt() * largest


def unrolled_lag(task: LagTask, batch: LagBatch) -> Unrolled:
    """Return a network over sequences of its problem, in double precision, which a thousand steps of growth or decay need."""
    network, problem = copy.deepcopy(task.network).eval().double(), task.problem
    start = network.stack.start(len(batch.targets))
    return Unrolled(network.stack, batch.inputs.double(), start, lambda last: problem.losses(network.readout(last), batch.targets))


def unrolled_text(network: LanguageNetwork, windows: NDArray[np.int64]) -> Unrolled:
    """Return a network over (batch, time + 1) ids, in double precision: from a zero state, with the loss of each last token."""
    network, ids = copy.deepcopy(network).eval().double(), torch.from_numpy(windows)
    start = network.start(len(ids))
    return Unrolled(network.stack, network.embedding(ids[:, :-1]), start, lambda last: network.losses(last, ids[:, -1]))


def windows_of(ids: NDArray[Any], steps: int, count: int) -> NDArray[np.int64]:
    """Return (count, steps + 2) windows spread evenly over a text: steps + 1 inputs and the token after them."""
    last = len(ids) - (steps + 2)
    begins = np.unique(np.linspace(0, last, count).astype(np.int64))
    return np.stack([np.asarray(ids[begin : begin + steps + 2], np.int64) for begin in begins])


def groups(sequences: int, steps: int, settings: StackSettings) -> list[slice]:
    """Divide sequences into groups whose unrolled steps fit into memory."""
    rows = max(1, NUMBERS // (steps * settings.layers * settings.hidden_size))
    return [slice(begin, begin + rows) for begin in range(0, sequences, rows)]


def gradient_norms(task: Trainable, batches: Iterator[Any], count: int) -> list[float]:
    """Return the norm of the gradient by all weights for each of the first batches, without dropout; the weights do not change."""
    task.network.eval()
    parameters: list[Tensor] = [one for group in task.groups() for one in group.parameters]
    settings, norms, carry = OptimizerSettings(clip_norm=None), [], None
    for batch in islice(batches, count):
        loss = task.loss(batch, carry)
        (loss.total / max(1, loss.count)).backward()  # type: ignore[no-untyped-call]
        norms.append(float(clip(parameters, settings)))
        carry = loss.carry
        for one in parameters:
            one.grad = None
    return norms


def clipping_facts(norms: Sequence[float], clip_norm: float | None) -> dict[str, Any]:
    """Return median and largest norm before and after clipping, and the fraction of batches clipped, non-finite ones among them."""
    before, limit = np.asarray(norms), math.inf if clip_norm is None else clip_norm
    both = {"before": before, "after": np.minimum(before, limit)}
    medians = {f"median_{when}": finite(float(np.median(one))) for when, one in both.items()}
    largest = {f"largest_{when}": finite(float(one.max())) for when, one in both.items()}
    return {**medians, **largest, "clipped": sum(not norm <= limit for norm in norms) / len(norms)}


@dataclass(frozen=True)
class Reach:
    """How far back the loss of one network reaches: mean norms over sequences, from k = 0."""

    cell: str  # with the activation where it is not the usual one: rnn-relu
    is_trained: bool
    norms: NDArray[np.float64]  # (time,)
    clipping: dict[str, Any]  # the result of clipping_facts()

    @property
    def name(self) -> str:
        """Return the name of the network in tables and charts."""
        return f"{self.cell} {'trained' if self.is_trained else 'untrained'}"

    @property
    def relative(self) -> NDArray[np.float64]:
        """Return the norms as fractions of the norm at k = 0."""
        with np.errstate(divide="ignore", invalid="ignore"):
            fractions: NDArray[np.float64] = self.norms / self.norms[0]
        return fractions

    def facts(self) -> dict[str, Any]:
        """Return everything, ready for JSON; `vanished` is the first k at which less than VANISHED of the first norm is left."""
        relative = self.relative
        vanished = np.flatnonzero(relative < VANISHED).tolist()
        return {
            "name": self.name,
            "cell": self.cell,
            "trained": self.is_trained,
            "norms": [finite(norm) for norm in self.norms.tolist()],
            "shares": {str(place): finite(float(relative[place])) for place in PLACES if place < len(relative)},
            "vanished": vanished[0] if vanished else None,
            "clipping": self.clipping,
        }


def reach_chart(reaches: Sequence[Reach], data: str) -> Chart:
    """Return a chart with a line per network, a colour per cell, dashed before training, on a logarithmic axis."""
    cells = list(dict.fromkeys(one.cell for one in reaches))
    lines = []
    for one in reaches:
        drawn = np.where(one.relative < LEAST_DRAWN, math.nan, one.relative).tolist()
        lines.append(Line(one.name, range(len(drawn)), drawn, colour=cells.index(one.cell), is_dashed=not one.is_trained))
    title = f"Gradient of the last step's loss by the state k steps back: {data}"
    return Chart(title, "k, steps back", f"norm, as a fraction of that at k = 0, down to {LEAST_DRAWN:g}", lines, is_log_y=True)


def finite(number: float) -> float | None:
    """Return the number, or None, which JSON can hold, for one that is not finite."""
    return number if math.isfinite(number) else None


def compare_lag(cells: Sequence[str], lag: int, training: MemorySettings, looking: ReachSettings, say: Say) -> Iterator[Reach]:
    """Measure each cell on the adding problem, before and after training."""
    problem = PROBLEMS["adding"]
    batches = LagBatches(problem, lag, training.batch_size, training.seed)
    inputs, targets = next(LagBatches(problem, lag, looking.sequences, training.seed).unseen(0, 1))
    last = None if looking.steps is None else looking.steps + 1
    for cell in cells:
        task = make_task(problem, cell, lag, training, looking.scale)
        places = groups(len(targets), lag, task.network.stack.settings)
        for is_trained in (False, True):
            if is_trained:
                row = learn_lag(task, batches, cell, training)
                error = f"{problem.error_name} {row.error:.4f}"
                say(f"{cell}: {row.outcome} after {counted(row.updates, 'update', 'updates')} and {row.seconds:.1f} s, {error}.")
            norms = mean_norms(unrolled_lag(task, LagBatch(inputs[part], targets[part])) for part in places)[:last]
            clipping = clipping_facts(gradient_norms(task, batches.since(0), looking.batches), training.clip_norm)
            yield Reach(cell, is_trained, norms, clipping)


def compare_text(cells: Sequence[str], path: Path, training: MemorySettings, looking: ReachSettings, say: Say) -> Iterator[Reach]:
    """Measure each cell as a language model of a file, before and after training, on the last tenth of the file."""
    scratch = scratch_folder()
    for cell in cells:
        model, texts = _language_model(cell, path, training, scratch)
        prepare(model.network.stack, looking.scale)
        models = _learning(model, texts, training, cell, say)
        yield from _text_reaches(cell, models, texts[1].ids, f"the last tenth of {path}", training.clip_norm, looking)


def compare_run(model: LanguageModel, ids: NDArray[Any], what: str, clip_norm: float | None, looking: ReachSettings) -> Iterator[Reach]:
    """Measure the same network on a text without its training, then the trained model."""

    def models() -> Iterator[LanguageModel]:
        for one in (LanguageModel(model.settings, model.tokenizer, model.labels), model):
            enlarge(one.network.stack, looking.scale)
            yield one

    return _text_reaches(model.settings.network.stack.cell, models(), ids, what, clip_norm, looking)


def _text_reaches(
    cell: str, models: Iterable[LanguageModel], ids: NDArray[Any], what: str, clip_norm: float | None, looking: ReachSettings
) -> Iterator[Reach]:
    """Measure an untrained and a trained model on a text; gradients by all weights are those of windows as in training."""
    steps = LONGEST if looking.steps is None else looking.steps
    if len(ids) < steps + 2:
        needed = f"looking {steps:,} steps back needs {steps + 2:,}"
        raise DataError(f"{what} has {len(ids):,} tokens, and {needed}; give more text or a smaller --steps")
    windows = windows_of(ids, steps, looking.sequences)
    for is_trained, model in zip((False, True), models, strict=True):
        loop, stack = model.settings.loop, model.settings.network.stack
        batches = StreamBatches(ids, batch_size=loop.batch_size, window=min(loop.window, len(ids) - 1), state_resets=0, seed=loop.seed)
        norms = mean_norms(unrolled_text(model.network, windows[part]) for part in groups(len(windows), windows.shape[1], stack))
        clipping = clipping_facts(gradient_norms(model, batches.since(0), looking.batches), clip_norm)
        yield Reach(cell, is_trained, norms, clipping)


def _language_model(
    cell: str, path: Path, training: MemorySettings, scratch: Path
) -> tuple[LanguageModel, tuple[TokenizedText, TokenizedText]]:
    """Return an untrained model of a file's characters, and the file's first nine tenths and last tenth."""
    loop = WindowSettings(batch_size=training.batch_size, seed=training.seed)
    network = LanguageNetworkSettings(lag_stack(cell, training.hidden_size, None))
    settings = LanguageModelSettings(network=network, optimizer=training.optimizer(OPTIMIZERS["adamw"]), loop=loop)
    corpus = Corpus([path], settings.corpus)
    parts = split_corpus(corpus, 0.1, training.seed)
    if not any(parts[0].chunks()):
        raise DataError(f"{path} holds too little text to train on; give more")
    tokenizer = fit_tokenizer(parts[0].chunks, settings.tokens)
    settings = replace(settings, network=network.for_vocabulary(tokenizer.size))
    first, last = (tokenize_text(tokenizer, part.chunks(), scratch) for part in parts)
    return LanguageModel(settings, tokenizer, ()), (first, last)


def _learning(
    model: LanguageModel, texts: tuple[TokenizedText, TokenizedText], training: MemorySettings, cell: str, say: Say
) -> Iterator[LanguageModel]:
    """Return the model untrained, train it until minutes or updates run out, and return it again."""
    yield model
    loop = training.loop(EVERY)
    trainer = Trainer(model, model.settings.optimizer, loop, steps=training.most_updates, device=torch.device("cpu"))
    outcome = "trained"

    def validate() -> Score:
        return Score(quick_loss(model.network, texts[1]))

    try:
        for report in trainer.run(model.batches_of(texts[0]), validate):
            if report.seconds >= 60 * training.minutes:
                break
    except DivergedError:
        trainer.end()
        outcome = "diverged"
    updates, loss = counted(trainer.progress.step, "update", "updates"), trainer.validation(validate).loss
    say(f"{cell}: {outcome} for {updates} and {trainer.progress.seconds:.1f} s, {loss:.3f} nats per token.")
    yield model
