"""The loop that writes text: rules, draw and network step of a whole batch, many tokens for each call from Python."""

import os
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.decoding.rules import NEVER, choose_token, rule_numbers
from charnn.decoding.settings import WINDOW, SamplingSettings
from charnn.engine.engine import Engine, EngineState, LanguageEngine
from charnn.engine.network import Network, advance, predict, workspace
from charnn.errors import CharnnError
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, copy_row
from charnn.tokenizers.vocabulary import END, START, UNKNOWN

Ids = NDArray[np.int64]

LEAST_ROWS = 8  # Samples for which another core pays


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def uniform_streams(seed: int, samples: Sequence[int]) -> list[np.random.Generator]:
    """Return random numbers for each sample; the t-th depends on seed, sample number and t only."""
    return [np.random.Generator(np.random.Philox(key=np.array([seed, sample], np.uint64))) for sample in samples]


class Writer:
    """A batch of samples that are being written: their states, next logits, last tokens and random numbers."""

    def __init__(self, engine: LanguageEngine, settings: SamplingSettings, *, streams: list[np.random.Generator], may_end: bool) -> None:
        self.engine, self.streams, self.may_end = engine, streams, may_end
        self.numbers = rule_numbers(settings)
        self._logits = np.empty((0, 0), np.float32)
        self._history = np.zeros((len(streams), 2 * WINDOW), np.int64)
        self._lengths = np.zeros(len(streams), np.int64)
        self._state: EngineState  # set by `begin`

    def begin(self, labels: ArrayLike | None) -> None:
        """Forget everything written; labels as in the engine's start."""
        self._state = self.engine.start(len(self.streams), labels)
        self._lengths[:] = 0

    def read(self, ids: ArrayLike) -> None:
        """Append (time,) ids to every sample; an empty list changes nothing."""
        tokens = np.asarray(ids, np.int64)
        if tokens.size:
            self._logits = self.engine.read(tokens, self._state)
            for token in tokens[-WINDOW:]:
                _remember(self._history, self._lengths, np.full(len(self.streams), token))

    def write(self, count: int) -> Ids:
        """Return (batch, count) next tokens, drawn after at least one token was read; those after a sample's end are meaningless."""
        uniforms = np.array([stream.random(count) for stream in self.streams])
        if isinstance(self.engine, Engine):
            ids = self._write_compiled(self.engine.network, self._state, uniforms)
        else:
            ids = np.stack([self._step(uniforms[:, time].copy()) for time in range(count)], 1)
        if (ids < 0).any():
            raise CharnnError("the model's probabilities are not finite; train it again with a lower learning rate")
        return ids

    def _write_compiled(self, network: Network, state: EngineState, uniforms: NDArray[np.float64]) -> Ids:
        """Write in compiled code, a large batch on several cores: 1.8 times the speed on two cores, and the same texts."""

        def write(rows: slice) -> Ids:
            memory = np.ascontiguousarray(state.memory[:, :, rows])
            arrays = (self._logits[rows], self._history[rows], self._lengths[rows], uniforms[rows])
            ids = _write(network, memory, state.labels[rows], *arrays, self.numbers, self.may_end)
            state.memory[:, :, rows] = memory
            return ids

        batch = len(uniforms)
        parts = max(min(cores(), batch // LEAST_ROWS), 1)
        if parts == 1:
            return write(slice(0, batch))
        cuts = [batch * part // parts for part in range(parts + 1)]
        with ThreadPoolExecutor(parts) as pool:
            return np.concatenate(list(pool.map(write, map(slice, cuts[:-1], cuts[1:]))))

    def _step(self, uniforms: NDArray[np.float64]) -> Ids:
        """Return the next token of every sample, drawn by the compiled rules from the logits of any engine."""
        logits = np.array(self._logits, np.float32, order="C")
        tokens = _draw(logits, self._history, self._lengths, uniforms, self.numbers, self.may_end)
        self._logits = self.engine.step(np.maximum(tokens, 0), self._state)
        return tokens

    def keep(self, rows: Sequence[int]) -> None:
        """Drop all samples but these."""
        self._state = self._state.pick(rows)
        self.streams = [self.streams[row] for row in rows]
        self._logits, self._history, self._lengths = self._logits[rows], self._history[rows], self._lengths[rows]


@compiled
def mask_specials(row: Floats, may_end: bool) -> None:
    """Exclude tokens that no text contains: unknown, start, and the end if the model has no documents."""
    row[UNKNOWN] = NEVER
    row[START] = NEVER
    if not may_end:
        row[END] = NEVER


@compiled
def _remember(history: Ids, lengths: Ids, tokens: Ids) -> None:
    """Append a token per sample; when a row is full, move its newer half to the front."""
    size = history.shape[1]
    for sample in range(len(tokens)):
        if lengths[sample] == size:
            copy_row(history[sample], size // 2, history[sample], size // 2)
            lengths[sample] = size // 2
        history[sample, lengths[sample]] = tokens[sample]
        lengths[sample] += 1


@compiled
def _draw(logits: Floats, history: Ids, lengths: Ids, uniforms: Any, numbers: Any, may_end: bool) -> Ids:
    """(batch, vocabulary) logits, overwritten -> (batch,) ids drawn by all rules and remembered; -1 if logits are not finite."""
    tokens = np.empty(logits.shape[0], np.int64)
    for sample in range(logits.shape[0]):
        mask_specials(logits[sample], may_end)
        first = max(lengths[sample] - WINDOW, 0)
        tokens[sample] = choose_token(logits[sample], history[sample][first : lengths[sample]], numbers, uniforms[sample])
    _remember(history, lengths, np.maximum(tokens, 0))
    return tokens


@compiled
def _write(
    network: Network, memory: Floats, labels: Ids, logits: Floats, history: Ids, lengths: Ids, uniforms: Any, numbers: Any, may_end: bool
) -> Ids:
    """Draw and feed back token by token without returning to Python: (batch, time) uniform numbers -> (batch, time) ids."""
    work = workspace(network, len(labels))
    ids = np.empty(uniforms.shape, np.int64)
    for time in range(uniforms.shape[1]):
        tokens = _draw(logits, history, lengths, uniforms[:, time].copy(), numbers, may_end)
        copy_row(tokens, 0, ids[:, time], len(tokens))
        advance(network, np.maximum(tokens, 0), labels, memory, work)
        predict(network, work, logits)
    return ids
