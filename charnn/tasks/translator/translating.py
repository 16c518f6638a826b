"""Translating by a network: beam search, sampling, forced prefixes, scores of given targets; in batches, with results as if alone."""

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

ROWS = 320  # Sequences extended at once: texts times beam
SPARE = 10  # Tokens of a translation that are allowed beside those of max_length
READ_PAIRS = 128  # Pairs of a batch outside training

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Limits:
    """The longest length of translations, their prefix, and whether they may contain unknown words."""

    max_length: float = 3.0  # Times the source's tokens
    prefix: tuple[int, ...] = ()
    unknown: bool = False

    def tokens(self, source: int) -> int:
        """Return the most tokens after the prefix for a source of this length."""
        return int(self.max_length * source) + SPARE


class _Rows(NamedTuple):
    """Unfinished sequences: the memory of each one's source, its state, and the number of its source."""

    memory: Memory
    state: DecoderState
    owners: NDArray[np.int64]

    def pick(self, rows: Sequence[int] | NDArray[np.int64]) -> "_Rows":
        """Return these rows; the memory is copied only where their sources change."""
        index = np.asarray(rows, np.int64)
        place = torch.from_numpy(index).to(self.memory.mask.device)
        owners = self.owners[index]
        is_same = np.array_equal(owners, self.owners)
        return _Rows(self.memory if is_same else self.memory.pick(place), self.state.pick(place), owners)


@reading()
def search(
    network: TranslatorNetwork, sources: Sequence[Ids], settings: BeamSettings, *, count: int = 1, limits: Limits | None = None
) -> list[list[Hypothesis]]:
    """Return the `count` best translations of each source (ids without end), best first; tokens after the prefix."""
    limits = limits or Limits()

    def step(tokens: NDArray[np.int64], rows: _Rows) -> tuple[Candidates, _Rows]:
        log_probabilities, after = _step(network, tokens, rows, limits)
        return _candidates(log_probabilities, searcher.candidates), after

    searcher = BeamSearch(step, lambda rows, index: rows.pick(index), settings, END)
    found: list[list[Hypothesis]] = [[] for _ in sources]
    for numbers, rows, first, spent in _prefixed(network, sources, max(1, ROWS // settings.beam), limits):
        lengths = [limits.tokens(len(sources[number])) for number in numbers]
        best = searcher.search(_candidates(first, searcher.candidates), rows, lengths, count, spent.tolist())
        for number, hypotheses in zip(numbers, best, strict=True):
            # A network whose outputs are not finite finds nothing.
            found[number] = hypotheses or [Hypothesis((), -inf, -inf, False)]
    return found


@reading()
def sample(
    network: TranslatorNetwork, sources: Sequence[Ids], settings: SamplingSettings, seeds: Sequence[int], *, limits: Limits | None = None
) -> list[Hypothesis]:
    """Return a translation of each source, sampled by the rules, each with its own seed."""
    limits, rules = limits or Limits(), rule_numbers(settings)
    found: dict[int, Hypothesis] = {}
    for numbers, rows, log_probabilities, spent in _prefixed(network, sources, ROWS, limits):
        streams = [uniform_streams(seeds[number], [0])[0] for number in numbers]
        most = [limits.tokens(len(sources[number])) for number in numbers]
        written: list[list[int]] = [[] for _ in numbers]
        alive = np.arange(len(numbers))
        while len(alive):
            for row, each in zip(alive, log_probabilities.cpu().numpy(), strict=True):
                past = np.array([*limits.prefix, *written[row]][-WINDOW:], np.int64)
                written[row].append(max(0, int(choose_token(each.copy(), past, rules, streams[row].random()))))
                spent[row] += float(each[written[row][-1]])
            left = np.flatnonzero([written[row][-1] != END and len(written[row]) < most[row] for row in alive])
            alive = alive[left]
            if len(alive):
                log_probabilities, rows = _step(network, np.array([written[row][-1] for row in alive], np.int64), rows.pick(left), limits)
        for number, tokens, nats in zip(numbers, written, spent.tolist(), strict=True):
            is_ended = tokens[-1] == END
            found[int(number)] = Hypothesis(tuple(tokens[:-1] if is_ended else tokens), nats, nats, is_ended)
    return [found[number] for number in range(len(sources))]


def _prefixed(
    network: TranslatorNetwork, sources: Sequence[Ids], most: int, limits: Limits
) -> Iterator[tuple[NDArray[np.int64], _Rows, Tensor, NDArray[np.float64]]]:
    """Return batches of sources of like lengths: numbers, rows and log-probabilities after the prefix, and the prefix's nats."""
    for numbers, batch in by_length(ended(sources), most, READ_TOKENS):
        device = network.output.weight.device
        memory, state = network.encode(*tensors_of(batch, device))
        begin = torch.tensor([START, *limits.prefix], device=device).expand(len(numbers), -1)
        readouts, _, state = network.decode(begin, memory, state)
        logits = network.logits(readouts).float()  # (batch, 1 + prefix, vocabulary)
        spent = np.zeros(len(numbers))
        if limits.prefix:
            each = torch.log_softmax(logits[:, :-1], -1).gather(2, begin[:, 1:, None])
            spent = each.double().sum((1, 2)).cpu().numpy()
        yield numbers, _Rows(memory, state, np.arange(len(numbers))), _possible(logits[:, -1], limits), spent


def _step(network: TranslatorNetwork, tokens: NDArray[np.int64], rows: _Rows, limits: Limits) -> tuple[Tensor, _Rows]:
    """(rows,) ids -> (rows, vocabulary) log-probabilities of the next ids, and the rows after these."""
    ids = torch.from_numpy(tokens).to(rows.memory.mask.device)[:, None]
    readouts, _, state = network.decode(ids, rows.memory, rows.state)
    return _possible(network.logits(readouts[:, 0]).float(), limits), rows._replace(state=state)


def _possible(logits: Tensor, limits: Limits) -> Tensor:
    """Return log-probabilities from logits, minus infinity for the start token, and for the unknown one unless limits allow it."""
    log_probabilities = torch.log_softmax(logits, -1)
    log_probabilities[:, START if limits.unknown else [START, UNKNOWN]] = -torch.inf
    return log_probabilities


def _candidates(log_probabilities: Tensor, count: int) -> Candidates:
    values, tokens = log_probabilities.topk(min(count, log_probabilities.shape[1]))
    return Candidates(values.double().cpu().numpy(), tokens.cpu().numpy())


class Scored(NamedTuple):
    """Results of forced decoding of pairs."""

    nats: NDArray[np.float64]  # (pairs,) of the whole targets, with their end tokens
    tokens: NDArray[np.int64]  # (pairs,) numbers of predicted tokens
    weights: list[NDArray[np.float32]]  # (target, source) attention of each pair, with the end tokens


@reading()
def score(network: TranslatorNetwork, pairs: PairSet) -> Scored:
    """Return the nats of the targets of pairs, and the attention weights of each of their tokens."""
    nats, weights = np.zeros(len(pairs)), [np.zeros((0, 0), np.float32)] * len(pairs)
    for numbers, batch in by_length(pairs, READ_PAIRS, READ_TOKENS):
        inputs, targets = decoder_tokens(batch.target, network.output.weight.device)
        memory, state = network.encode(*tensors_of(batch.source, inputs.device))
        readouts, attention, _ = network.decode(inputs, memory, state)
        is_token = targets >= 0
        logits = network.logits(readouts[is_token]).float()  # (tokens, vocabulary)
        losses = torch.zeros(targets.shape, dtype=torch.float64, device=targets.device)
        losses[is_token] = nn.functional.cross_entropy(logits, targets[is_token], reduction="none").double()
        nats[numbers] = losses.sum(1).cpu().numpy()
        for number, row, target, source in zip(numbers, attention.cpu().numpy(), batch.target.lengths, batch.source.lengths, strict=True):
            weights[number] = row[:target, :source].copy()
    return Scored(nats, pairs.target.lengths, weights)


def attention_weights(network: TranslatorNetwork, source: Sequence[int] | Ids, target: Sequence[int] | Ids) -> NDArray[np.float32]:
    """Return (target + 1, source + 1) weights of each target id over a source, both with their end tokens."""
    return score(network, PairSet(ended([np.asarray(source, np.int64)]), ended([np.asarray(target, np.int64)]))).weights[0]


def decoder_tokens(batch: TextBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (batch, target) ids that the decoder reads, and those that it predicts, -1 after the end."""
    targets, lengths = tensors_of(batch, device)
    inputs = torch.cat([torch.full_like(targets[:, :1], START), targets[:, :-1]], 1)
    behind = torch.arange(targets.shape[1], device=device) >= lengths[:, None]
    return inputs, targets.masked_fill(behind, -1)
