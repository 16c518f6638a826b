"""Translations by a trained network: beam search, sampling, forced prefixes; many texts at once, each as if it were alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charnn.batches.texts import text_set
from charnn.cells.rowwise import reading
from charnn.decoding.beam import BeamSearch, Candidates, Hypothesis
from charnn.decoding.rules import choose_token, rule_numbers
from charnn.decoding.settings import WINDOW, BeamSettings, SamplingSettings
from charnn.decoding.writing import uniform_streams
from charnn.layers.attention import Memory
from charnn.tasks.encoding import tensors_of
from charnn.tasks.translator.model import READ_TOKENS, Translator
from charnn.tasks.translator.network import DecoderState
from charnn.tokenizers.vocabulary import END, START, UNKNOWN

ROWS = 320
"""Sequences that are extended at once: texts times beam."""

SPARE = 10
"""Tokens that a translation may have beside those that max_length allows it."""

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Limits:
    """How long translations may get, and how they begin."""

    max_length: float = 3.0  # times the source's tokens
    prefix: tuple[int, ...] = ()

    def tokens(self, source: int) -> int:
        """Most tokens behind the prefix for a source of so many."""
        return int(self.max_length * source) + SPARE


class _Rows(NamedTuple):
    """Sequences under way: the memory of each one's source, its state, and which source that is."""

    memory: Memory
    state: DecoderState
    owners: NDArray[np.int64]

    def pick(self, rows: Sequence[int] | NDArray[np.int64]) -> "_Rows":
        """These rows; the memory is copied only where they are of other sources than before."""
        index = np.asarray(rows, np.int64)
        place = torch.from_numpy(index).to(self.memory.mask.device)
        owners = self.owners[index]
        is_same = np.array_equal(owners, self.owners)
        return _Rows(self.memory if is_same else self.memory.pick(place), self.state.pick(place), owners)


@reading()
def search(
    model: Translator, sources: Sequence[Ids], settings: BeamSettings, *, count: int = 1, limits: Limits | None = None
) -> list[list[Hypothesis]]:
    """The `count` best translations of each source (ids without end), best first; tokens behind the prefix."""

    def step(tokens: NDArray[np.int64], rows: _Rows) -> tuple[Candidates, _Rows]:
        shares, after = _step(model, tokens, rows)
        return _candidates(shares, searcher.candidates), after

    limits = limits or Limits()
    searcher = BeamSearch(step, lambda rows, index: rows.pick(index), settings, END)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for numbers, rows, first, spent in _begun(model, sources, max(1, ROWS // settings.beam), limits):
        lengths = [limits.tokens(len(sources[number])) for number in numbers]
        best = searcher.search(_candidates(first, searcher.candidates), rows, lengths, count, spent.tolist())
        for number, hypotheses in zip(numbers, best, strict=True):
            # A network whose numbers are not finite finds nothing.
            found[number] = hypotheses or [Hypothesis((), -inf, -inf, False)]
    return found


@reading()
def sample(
    model: Translator, sources: Sequence[Ids], settings: SamplingSettings, seeds: Sequence[int], *, limits: Limits | None = None
) -> list[Hypothesis]:
    """A translation of each source drawn by the rules of sampling, each from a seed of its own."""
    limits = limits or Limits()
    found: list[Hypothesis | None] = [None] * len(sources)
    for numbers, rows, first, spent in _begun(model, sources, ROWS, limits):
        drawer = _Drawer(settings, [seeds[number] for number in numbers], limits.prefix)
        lengths = np.array([limits.tokens(len(sources[number])) for number in numbers])
        tokens: list[list[int]] = [[] for _ in numbers]
        totals, logits = spent.copy(), first
        alive = np.arange(len(numbers))
        while len(alive):
            chosen, nats = drawer.draw(logits.cpu().numpy(), alive)
            totals[alive] += nats
            for row, token in zip(alive, chosen, strict=True):
                tokens[row].append(int(token))
            is_over = (chosen == END) | (np.array([len(tokens[row]) for row in alive]) >= lengths[alive])
            for row in alive[is_over]:
                ended = tokens[row][-1] == END
                kept = tuple(tokens[row][:-1] if ended else tokens[row])
                found[numbers[row]] = Hypothesis(kept, float(totals[row]), float(totals[row]), ended)
            left = np.flatnonzero(~is_over)
            alive = alive[left]
            if len(alive):
                logits, rows = _step(model, chosen[left], rows.pick(left))
    return [one for one in found if one is not None]


class _Drawer:
    """Draws tokens by the rules, each row from random numbers of its own."""

    def __init__(self, settings: SamplingSettings, seeds: Sequence[int], prefix: Sequence[int]) -> None:
        self.numbers = rule_numbers(settings)
        self.streams = [uniform_streams(seed, [0])[0] for seed in seeds]
        self.history = [list(prefix) for _ in seeds]

    def draw(self, logits: NDArray[np.float32], rows: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """(rows, vocabulary) log-probabilities -> (rows,) ids and those of them."""
        chosen = np.zeros(len(rows), np.int64)
        for place, row in enumerate(rows):
            past = np.array(self.history[row][-WINDOW:], np.int64)
            drawn = np.array(logits[place], np.float32)
            chosen[place] = max(0, choose_token(drawn, past, self.numbers, self.streams[row].random()))
            self.history[row].append(int(chosen[place]))
        return chosen, logits[np.arange(len(rows)), chosen].astype(np.float64)


def _begun(
    model: Translator, sources: Sequence[Ids], most: int, limits: Limits
) -> Iterator[tuple[NDArray[np.int64], _Rows, Tensor, NDArray[np.float64]]]:
    """Batches of sources of like lengths: their numbers, rows, logits of what follows the prefix, and the nats of the prefix."""
    texts = text_set([np.append(ids, END) for ids in sources], lambda ids: ids)
    for numbers, batch in texts.by_length(most, READ_TOKENS):
        device = model.network.output.weight.device
        memory, state = model.network.encode(*tensors_of(batch, device))
        begin = torch.tensor([START, *limits.prefix], device=device).expand(len(numbers), -1)
        readouts, _, state = model.network.decode(begin, memory, state)
        logits = model.network.logits(readouts).float()  # (batch, 1 + prefix, vocabulary)
        spent = np.zeros(len(numbers))
        if limits.prefix:
            shares = torch.log_softmax(logits[:, :-1], -1).gather(2, begin[:, 1:, None])
            spent = shares.double().sum((1, 2)).cpu().numpy()
        yield numbers, _Rows(memory, state, np.arange(len(numbers))), _possible(model, logits[:, -1]), spent


def _step(model: Translator, tokens: NDArray[np.int64], rows: _Rows) -> tuple[Tensor, _Rows]:
    """(rows,) ids -> (rows, vocabulary) logits of what follows, and the rows after them."""
    ids = torch.from_numpy(tokens).to(rows.memory.mask.device)[:, None]
    readouts, _, state = model.network.decode(ids, rows.memory, rows.state)
    return _possible(model, model.network.logits(readouts[:, 0]).float()), rows._replace(state=state)


def _possible(model: Translator, logits: Tensor) -> Tensor:
    """Log-probabilities; what is never written at minus infinity: the start, and the unknown where nothing could take its place."""
    shares = torch.log_softmax(logits, -1)
    shares[:, START] = -torch.inf
    if not model.copies_unknown:
        shares[:, UNKNOWN] = -torch.inf
    return shares


def _candidates(shares: Tensor, count: int) -> Candidates:
    values, tokens = shares.topk(min(count, shares.shape[1]))
    return Candidates(values.double().cpu().numpy(), tokens.cpu().numpy())
