"""Translations by a network: searched, sampled, with forced prefixes, or given ones scored; many at once, each as if it were alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.texts import PairSet, TextBatch, by_length
from charnn.cells.rowwise import reading
from charnn.decoding.beam import BeamSearch, Candidates, Hypothesis
from charnn.decoding.rules import choose_token, rule_numbers
from charnn.decoding.settings import WINDOW, BeamSettings, SamplingSettings
from charnn.decoding.writing import uniform_streams
from charnn.layers.pooling import Memory
from charnn.tasks.tensors import READ_TOKENS, tensors_of
from charnn.tasks.translator.languages import ended
from charnn.tasks.translator.network import DecoderState, TranslatorNetwork
from charnn.tokenizers.vocabulary import END, START, UNKNOWN

ROWS = 320  # Sequences that are extended at once: texts times beam
SPARE = 10  # Tokens that a translation may have beside those that max_length allows it
READ_PAIRS = 128  # Pairs read at once where nothing is learned

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Limits:
    """How long translations may get, how they begin, and whether an unknown word is allowed in them."""

    max_length: float = 3.0  # times the source's tokens
    prefix: tuple[int, ...] = ()
    unknown: bool = False

    def tokens(self, source: int) -> int:
        """Return the most tokens behind the prefix for a source of this length."""
        return int(self.max_length * source) + SPARE


class _Rows(NamedTuple):
    """Sequences under way: the memory of each one's source, its state, and which source that is."""

    memory: Memory
    state: DecoderState
    owners: NDArray[np.int64]

    def pick(self, rows: Sequence[int] | NDArray[np.int64]) -> "_Rows":
        """Return these rows; the memory is copied only where they are of other sources than before."""
        index = np.asarray(rows, np.int64)
        place = torch.from_numpy(index).to(self.memory.mask.device)
        owners = self.owners[index]
        is_same = np.array_equal(owners, self.owners)
        return _Rows(self.memory if is_same else self.memory.pick(place), self.state.pick(place), owners)


@reading()
def search(
    network: TranslatorNetwork, sources: Sequence[Ids], settings: BeamSettings, *, count: int = 1, limits: Limits | None = None
) -> list[list[Hypothesis]]:
    """Return the `count` best translations of each source (ids without end), best first; tokens behind the prefix."""
    limits = limits or Limits()

    def step(tokens: NDArray[np.int64], rows: _Rows) -> tuple[Candidates, _Rows]:
        shares, after = _step(network, tokens, rows, limits)
        return _candidates(shares, searcher.candidates), after

    searcher = BeamSearch(step, lambda rows, index: rows.pick(index), settings, END)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for numbers, rows, first, spent in _begun(network, sources, max(1, ROWS // settings.beam), limits):
        lengths = [limits.tokens(len(sources[number])) for number in numbers]
        best = searcher.search(_candidates(first, searcher.candidates), rows, lengths, count, spent.tolist())
        for number, hypotheses in zip(numbers, best, strict=True):
            # A network whose numbers are not finite finds nothing.
            found[number] = hypotheses or [Hypothesis((), -inf, -inf, False)]
    return found


@reading()
def sample(
    network: TranslatorNetwork, sources: Sequence[Ids], settings: SamplingSettings, seeds: Sequence[int], *, limits: Limits | None = None
) -> list[Hypothesis]:
    """Return a translation of each source drawn by the rules of sampling, each from a seed of its own."""
    limits, rules = limits or Limits(), rule_numbers(settings)
    found: dict[int, Hypothesis] = {}
    for numbers, rows, logits, spent in _begun(network, sources, ROWS, limits):
        drawn = [_Drawn(limits, len(sources[number]), seeds[number], nats) for number, nats in zip(numbers, spent.tolist(), strict=True)]
        alive = np.arange(len(numbers))
        while len(alive):
            shares = logits.cpu().numpy()
            chosen = np.array([drawn[row].draw(shares[place], rules) for place, row in enumerate(alive)], np.int64)
            left = np.flatnonzero([not drawn[row].is_over for row in alive])
            alive = alive[left]
            if len(alive):
                logits, rows = _step(network, chosen[left], rows.pick(left), limits)
        found |= {int(number): one.hypothesis() for number, one in zip(numbers, drawn, strict=True)}
    return [found[number] for number in range(len(sources))]


class _Drawn:
    """A translation that is drawn token by token, from random numbers of its own."""

    def __init__(self, limits: Limits, source: int, seed: int, nats: float) -> None:
        self.prefix, self.most, self.nats = list(limits.prefix), limits.tokens(source), nats
        self.stream = uniform_streams(seed, [0])[0]
        self.tokens: list[int] = []

    def draw(self, shares: NDArray[np.float32], rules: Any) -> int:
        """(vocabulary,) log-probabilities -> the id of the next token."""
        past = np.array([*self.prefix, *self.tokens][-WINDOW:], np.int64)
        token = max(0, int(choose_token(np.array(shares, np.float32), past, rules, self.stream.random())))
        self.nats += float(shares[token])
        self.tokens.append(token)
        return token

    @property
    def is_over(self) -> bool:
        return self.tokens[-1] == END or len(self.tokens) >= self.most

    def hypothesis(self) -> Hypothesis:
        """Return the translation, without its end token."""
        ended = self.tokens[-1] == END
        return Hypothesis(tuple(self.tokens[:-1] if ended else self.tokens), self.nats, self.nats, ended)


def _begun(
    network: TranslatorNetwork, sources: Sequence[Ids], most: int, limits: Limits
) -> Iterator[tuple[NDArray[np.int64], _Rows, Tensor, NDArray[np.float64]]]:
    """Return batches of sources of like lengths: their numbers, rows, logits of what follows the prefix, and the nats of the prefix."""
    for numbers, batch in by_length(ended(sources), most, READ_TOKENS):
        device = network.output.weight.device
        memory, state = network.encode(*tensors_of(batch, device))
        begin = torch.tensor([START, *limits.prefix], device=device).expand(len(numbers), -1)
        readouts, _, state = network.decode(begin, memory, state)
        logits = network.logits(readouts).float()  # (batch, 1 + prefix, vocabulary)
        spent = np.zeros(len(numbers))
        if limits.prefix:
            shares = torch.log_softmax(logits[:, :-1], -1).gather(2, begin[:, 1:, None])
            spent = shares.double().sum((1, 2)).cpu().numpy()
        yield numbers, _Rows(memory, state, np.arange(len(numbers))), _possible(logits[:, -1], limits), spent


def _step(network: TranslatorNetwork, tokens: NDArray[np.int64], rows: _Rows, limits: Limits) -> tuple[Tensor, _Rows]:
    """(rows,) ids -> (rows, vocabulary) logits of what follows, and the rows after them."""
    ids = torch.from_numpy(tokens).to(rows.memory.mask.device)[:, None]
    readouts, _, state = network.decode(ids, rows.memory, rows.state)
    return _possible(network.logits(readouts[:, 0]).float(), limits), rows._replace(state=state)


def _possible(logits: Tensor, limits: Limits) -> Tensor:
    """Return log-probabilities; what is never written at minus infinity: the start, and the unknown where nothing could take its place."""
    shares = torch.log_softmax(logits, -1)
    shares[:, START] = -torch.inf
    if not limits.unknown:
        shares[:, UNKNOWN] = -torch.inf
    return shares


def _candidates(shares: Tensor, count: int) -> Candidates:
    values, tokens = shares.topk(min(count, shares.shape[1]))
    return Candidates(values.double().cpu().numpy(), tokens.cpu().numpy())


class Scored(NamedTuple):
    """Forced decoding of pairs."""

    nats: NDArray[np.float64]  # (pairs,) of the whole targets, end tokens included
    tokens: NDArray[np.int64]  # (pairs,) predicted
    weights: list[NDArray[np.float32]]  # (target, source) attention of each, end tokens included


@reading()
def score(network: TranslatorNetwork, pairs: PairSet) -> Scored:
    """Return how probable the targets are, and where each of their tokens looks."""
    nats, weights = np.zeros(len(pairs)), [np.zeros((0, 0), np.float32)] * len(pairs)
    for numbers, batch in by_length(pairs, READ_PAIRS, READ_TOKENS):
        inputs, targets = decoder_tokens(batch.target, network.output.weight.device)
        memory, state = network.encode(*tensors_of(batch.source, inputs.device))
        readouts, looks, _ = network.decode(inputs, memory, state)
        is_token = targets >= 0
        logits = network.logits(readouts[is_token]).float()  # (tokens, vocabulary)
        losses = torch.zeros(targets.shape, dtype=torch.float64, device=targets.device)
        losses[is_token] = nn.functional.cross_entropy(logits, targets[is_token], reduction="none").double()
        nats[numbers] = losses.sum(1).cpu().numpy()
        for number, row, target, source in zip(numbers, looks.cpu().numpy(), batch.target.lengths, batch.source.lengths, strict=True):
            weights[number] = row[:target, :source].copy()
    return Scored(nats, pairs.target.lengths, weights)


def look(network: TranslatorNetwork, source: Sequence[int] | NDArray[Any], target: Sequence[int] | NDArray[Any]) -> NDArray[np.float32]:
    """Return where each id of a target looks in a source: (target + 1, source + 1), both with their end tokens."""
    return score(network, PairSet(ended([np.asarray(source, np.int64)]), ended([np.asarray(target, np.int64)]))).weights[0]


def decoder_tokens(batch: TextBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (batch, target) ids that the decoder reads, and those that it predicts, -1 behind the end."""
    targets, lengths = tensors_of(batch, device)
    inputs = torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], 1)
    behind = torch.arange(targets.shape[1], device=device) >= lengths[:, None]
    return inputs, targets.masked_fill(behind, -1)
