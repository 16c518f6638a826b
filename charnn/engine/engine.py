"""A language network on the CPU without torch: compiled steps that change a state."""

import copy
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.cells.settings import Clamps, check_clamps
from charnn.engine.network import Network, advance, pack_network, predict, workspace
from charnn.engine.settings import LanguageNetworkSettings
from charnn.kernels.activations import log_softmax
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, copy_row

Ids = NDArray[np.int64]


@dataclass
class EngineState:
    """The recurrent state of each sample, which each step changes in place."""

    memory: Floats  # (states, layers, batch, hidden): unpacks into the parts that the cell names, (h,) or (h, c)
    labels: Ids  # (batch,) label ids, zeros in a network without labels

    def pick(self, rows: Sequence[int] | NDArray[np.integer]) -> "EngineState":
        """Return a copy with these samples; a row may occur several times."""
        return EngineState(np.ascontiguousarray(self.memory[:, :, rows]), self.labels[rows])


class LanguageEngine(Protocol):
    """The methods of `Engine`, which `TorchEngine` has too, for cells without compiled steps."""

    @property
    def vocabulary_size(self) -> int: ...
    @property
    def label_count(self) -> int: ...
    def start(self, count: int, labels: ArrayLike | None = None) -> EngineState: ...
    def clamped(self, clamps: Clamps) -> "LanguageEngine": ...
    def step(self, tokens: ArrayLike, state: EngineState) -> Floats: ...
    def read(self, ids: ArrayLike, state: EngineState) -> Floats: ...
    def log_probabilities(self, ids: ArrayLike, state: EngineState) -> Floats: ...
    def trace(self, ids: ArrayLike, state: EngineState) -> tuple[Floats, Floats]: ...


class Engine:
    """A compiled language network; a sample's numbers have the same bits in any batch."""

    def __init__(self, settings: LanguageNetworkSettings, tensors: Mapping[str, NDArray[np.generic]]) -> None:
        self.settings = settings
        self.network: Network = pack_network(settings, tensors)
        self.vocabulary_size = len(self.network.embedding)
        self.label_count = len(self.network.label_embedding)
        shape = settings.stack.state_shape
        self._initial = np.asarray(tensors.get("stack.initial_state", np.zeros(shape)), np.float32).reshape(shape)
        self._of_label = np.asarray(tensors.get("label_state.weight", np.zeros((1, *shape))), np.float32).reshape(-1, *shape)

    def start(self, count: int, labels: ArrayLike | None = None) -> EngineState:
        """Return the state of `count` samples before the first token; labels is one id or (count,) ids, None in a network without them."""
        assert (labels is not None) == (self.label_count > 0)
        ids = np.array(np.broadcast_to(np.asarray(0 if labels is None else labels, np.int64), count))
        memory = (self._initial + self._of_label[ids]).transpose(1, 2, 0, 3)  # (states, layers, batch, hidden)
        return EngineState(np.ascontiguousarray(memory), ids)

    def clamped(self, clamps: Clamps) -> "Engine":
        """Return an engine with the same weights in which these units' outputs are fixed after every step; raise SettingError.

        The layer above and the next step read the fixed output; an lstm's memory cell is not changed.
        """
        check_clamps(clamps, self.settings.stack)
        places = np.array([(layer - 1, unit) for layer, unit in clamps], np.int64).reshape(-1, 2)
        engine = copy.copy(self)
        engine.network = self.network._replace(clamped=places, clamp_values=np.array(list(clamps.values()), np.float32))
        return engine

    def step(self, tokens: ArrayLike, state: EngineState) -> Floats:
        """(batch,) ids -> (batch, vocabulary) logits of the next token; log-probabilities with an adaptive softmax."""
        return self.read(np.asarray(tokens, np.int64)[:, None], state)

    def read(self, ids: ArrayLike, state: EngineState) -> Floats:
        """(batch, time) ids, or (time,) for every sample, at least one -> (batch, vocabulary) logits of the token after the last."""
        logits = np.empty((len(state.labels), self.vocabulary_size), np.float32)
        _read(self.network, id_rows(ids, len(state.labels), self.vocabulary_size), state.labels, state.memory, logits)
        return logits

    def log_probabilities(self, ids: ArrayLike, state: EngineState) -> Floats:
        """(batch, time) ids, or (time,) -> (batch, time - 1) log-probabilities of each id but the first, given those before it.

        The network reads all ids but the last, so a long text can be scored in pieces that overlap by one id.
        """
        rows = id_rows(ids, len(state.labels), self.vocabulary_size)
        scores = np.empty((rows.shape[0], rows.shape[1] - 1), np.float32)
        _score(self.network, rows, state.labels, state.memory, scores)
        return scores

    def trace(self, ids: ArrayLike, state: EngineState) -> tuple[Floats, Floats]:
        """(time,) ids of one sample -> its memory (states, layers, time, hidden) and logits (time, vocabulary) after every id."""
        rows = id_rows(ids, len(state.labels), self.vocabulary_size)
        states, layers, batch, hidden = state.memory.shape
        assert batch == 1
        memories = np.empty((states, layers, rows.shape[1], hidden), np.float32)
        logits = np.empty((rows.shape[1], self.vocabulary_size), np.float32)
        _trace(self.network, rows, state.labels, state.memory, memories, logits)
        return memories, logits


def id_rows(ids: ArrayLike, batch: int, vocabulary_size: int) -> Ids:
    """(batch, time) ids, or (time,) for every sample, at least one -> (batch, time), with the checks that compiled code lacks."""
    array = np.asarray(ids, np.int64)
    assert array.size > 0
    assert array.min() >= 0
    assert array.max() < vocabulary_size
    return np.ascontiguousarray(np.broadcast_to(array, (batch, array.shape[-1])))


@compiled
def _read(network: Network, ids: Ids, labels: Ids, memory: Floats, logits: Floats) -> None:
    work = workspace(network, len(labels))
    for time in range(ids.shape[1]):
        advance(network, ids[:, time].copy(), labels, memory, work)
    predict(network, work, logits)


@compiled
def _score(network: Network, ids: Ids, labels: Ids, memory: Floats, scores: Floats) -> None:
    work = workspace(network, len(labels))
    logits = np.empty((len(labels), network.embedding.shape[0]), np.float32)
    for time in range(ids.shape[1] - 1):
        advance(network, ids[:, time].copy(), labels, memory, work)
        predict(network, work, logits)
        for sample in range(len(labels)):
            log_softmax(logits[sample])
            scores[sample, time] = logits[sample, ids[sample, time + 1]]


@compiled
def _trace(network: Network, ids: Ids, labels: Ids, memory: Floats, memories: Floats, logits: Floats) -> None:
    work = workspace(network, 1)
    for time in range(ids.shape[1]):
        advance(network, ids[:, time].copy(), labels, memory, work)
        predict(network, work, logits[time : time + 1])
        for part in range(memory.shape[0]):
            for layer in range(memory.shape[1]):
                copy_row(memory[part, layer, 0], 0, memories[part, layer, time], network.hidden)
