"""The network of a language model: token ids to the probabilities of the next token, whole texts or step by step."""

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from math import prod
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from torch import Tensor, nn

from charnn.batches.streams import Batch
from charnn.cells.layer import State, detach
from charnn.cells.rowwise import reading
from charnn.cells.settings import Clamps, check_clamps
from charnn.engine.engine import EngineState, id_rows
from charnn.engine.settings import LanguageNetworkSettings
from charnn.kernels.products import Floats
from charnn.layers.output import AdaptiveOutput, FullOutput
from charnn.layers.stack import RecurrentStack
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.tensors import put_weights, weights_of
from charnn.training.model import Loss

LOGITS = 1 << 24  # Logits computed at once, 64 MB: a batch over a vocabulary of 50,000 words would otherwise take gigabytes
TIED = {"output.weight": "embedding.weight"}  # Weights that are one where they are tied


class LanguageNetwork(nn.Module):
    """Embedding, recurrent stack, output projection; a label, if there are labels, changes the initial state and every input."""

    def __init__(self, settings: LanguageNetworkSettings, *, vocabulary_size: int, labels: int = 0) -> None:
        super().__init__()
        stack, width = settings.stack, settings.width
        self.embedding = nn.Embedding(vocabulary_size, width)
        nn.init.normal_(self.embedding.weight, std=settings.initial_std)
        self.stack = RecurrentStack(width, stack)
        self.label_embedding = nn.Embedding(labels, width) if labels else None
        self.label_state = nn.Embedding(labels, prod(stack.state_shape)) if labels else None
        if self.label_embedding is not None and self.label_state is not None:
            nn.init.normal_(self.label_embedding.weight, std=0.1)
            nn.init.zeros_(self.label_state.weight)
        self.output = (AdaptiveOutput if settings.adaptive_softmax else FullOutput)(stack.hidden_size, vocabulary_size)
        if settings.tie_weights and isinstance(self.output, FullOutput):  # Press and Wolf 2017
            self.output.weight = self.embedding.weight  # type: ignore[assignment]

    def start(self, batch: int, labels: Tensor | None = None) -> State:
        """Return the state before the first token; labels: (batch,)."""
        state = self.stack.start(batch)
        if labels is None or self.label_state is None:
            return state
        moves = self.label_state(labels).view(batch, len(state), *state[0].shape[::2])  # (batch, states, layers, hidden)
        return tuple(part + moves[:, index].transpose(0, 1) for index, part in enumerate(state))

    def forward(self, tokens: Tensor, state: State | None = None, labels: Tensor | None = None) -> tuple[Tensor, State]:
        """(batch, time) ids and (batch,) labels -> (batch, time, hidden) outputs of the stack, and the state after the last id."""
        state = self.start(tokens.shape[0], labels) if state is None else state
        outputs, after = self.stack(self._vectors(tokens, labels), state)
        return outputs, after

    def read(self, batch: Batch, carry: State | None) -> tuple[Tensor, Tensor, State]:
        """Return (count, hidden) outputs where tokens are predicted, their (count,) targets, and the state after the batch."""
        device = self.embedding.weight.device
        labels = None if batch.labels is None else torch.from_numpy(batch.labels).to(device)
        state = self._carried(batch, carry, labels)
        outputs, after = self.stack(self._vectors(torch.from_numpy(batch.inputs).to(device), labels), state)
        targets = torch.from_numpy(batch.targets).to(device)
        if batch.mask is not None:
            mask = torch.from_numpy(batch.mask).to(device)
            outputs, targets = outputs[mask], targets[mask]
        return outputs.flatten(0, -2), targets.flatten(), after

    def loss(self, batch: Batch, carry: State | None) -> Loss:
        """Return the summed nats of a batch's targets, and the state to carry, detached from its history (Williams and Peng 1990)."""
        outputs, targets, state = self.read(batch, carry)
        losses = self.losses(outputs, targets)
        return Loss(losses.sum(), losses.numel(), detach(state))

    def losses(self, outputs: Tensor, targets: Tensor) -> Tensor:
        """(..., hidden) outputs and (...) ids -> (count,) negative log-probabilities in nats."""
        outputs, targets = outputs.flatten(0, -2), targets.flatten()
        if not len(targets):
            return outputs.new_zeros(0)
        count = max(1, LOGITS // len(self.embedding.weight))
        pieces = zip(torch.split(outputs, count), torch.split(targets, count), strict=True)
        return torch.cat([self.output.losses(*piece) for piece in pieces])

    def logits(self, outputs: Tensor) -> Tensor:
        """(..., hidden) -> (..., vocabulary): unnormalised log-probabilities (normalised ones for an adaptive softmax)."""
        return self.output.logits(outputs)

    def _vectors(self, tokens: Tensor, labels: Tensor | None) -> Tensor:
        """(batch, time) ids and (batch,) labels -> (batch, time, width)."""
        x: Tensor = self.embedding(tokens)
        if labels is not None and self.label_embedding is not None:
            x = x + self.label_embedding(labels)[:, None]
        return x

    def _carried(self, batch: Batch, carry: State | None, labels: Tensor | None) -> State:
        """Return the carried state, with the initial one in rows that begin a new text."""
        if carry is not None and not batch.fresh.any():
            return carry
        start = self.start(len(batch.fresh), labels)
        if carry is None or batch.fresh.all():
            return start
        fresh = torch.from_numpy(batch.fresh).to(start[0].device)[:, None]  # (batch, 1)
        return tuple(torch.where(fresh, new, old) for new, old in zip(start, carry, strict=True))


class TorchEngine:
    """A language network stepped by torch, with the methods of the compiled Engine: for cells without compiled steps."""

    def __init__(self, network: LanguageNetwork, clamps: Clamps | None = None) -> None:
        self.network, self.clamps = network, clamps or {}
        self.vocabulary_size = network.embedding.num_embeddings
        self.label_count = network.label_embedding.num_embeddings if network.label_embedding is not None else 0
        self._packs: dict[Tensor, list[Any]] = {}

    def start(self, count: int, labels: ArrayLike | None = None) -> EngineState:
        """Return the state before the first token; labels is one id or (count,) ids, None in a network without labels."""
        assert (labels is not None) == (self.label_count > 0)
        ids = np.array(np.broadcast_to(np.asarray(0 if labels is None else labels, np.int64), count))
        with reading(self._packs):
            state = self.network.start(count, torch.from_numpy(ids) if self.label_count else None)
            return EngineState(torch.stack(state).numpy(), ids)  # (states, layers, batch, hidden)

    def clamped(self, clamps: Clamps) -> "TorchEngine":
        """Return an engine with the same weights that fixes the outputs of these units at these values. Raises SettingError."""
        check_clamps(clamps, self.network.stack.settings)
        return TorchEngine(self.network, clamps)

    def step(self, tokens: ArrayLike, state: EngineState) -> Floats:
        """(batch,) ids -> (batch, vocabulary) logits of the next ids."""
        return self.read(np.asarray(tokens, np.int64)[:, None], state)

    def read(self, ids: ArrayLike, state: EngineState) -> Floats:
        """(batch, time) ids, or (time,) for every sample -> (batch, vocabulary) logits of the ids after the last."""
        rows = id_rows(ids, len(state.labels), self.vocabulary_size)
        logits = np.empty((len(rows), self.vocabulary_size), np.float32)
        for column in rows.T:
            logits = self._advance(column, state)
        return logits

    def log_probabilities(self, ids: ArrayLike, state: EngineState) -> Floats:
        """(batch, time) ids, or (time,) -> (batch, time - 1) log-probabilities of each id after the first, given those before it."""
        rows = id_rows(ids, len(state.labels), self.vocabulary_size)
        scores = np.empty((len(rows), rows.shape[1] - 1), np.float32)
        for time in range(rows.shape[1] - 1):
            logits = torch.from_numpy(self._advance(rows[:, time], state)).log_softmax(-1)
            scores[:, time] = logits.numpy()[np.arange(len(rows)), rows[:, time + 1]]
        return scores

    def trace(self, ids: ArrayLike, state: EngineState) -> tuple[Floats, Floats]:
        """(time,) ids of one sample -> its memory (states, layers, time, hidden) and logits (time, vocabulary) after every id."""
        rows = id_rows(ids, len(state.labels), self.vocabulary_size)
        assert len(rows) == 1
        steps = [(self._advance(column, state)[0], state.memory[:, :, 0].copy()) for column in rows.T]
        logits, memories = zip(*steps, strict=True)
        return np.stack(memories, 2), np.stack(logits)

    def _advance(self, tokens: Any, state: EngineState) -> Floats:
        """(batch,) ids -> (batch, vocabulary) logits; changes the state."""
        with reading(self._packs), ExitStack() as hooks:
            for layer, cell in enumerate(self.network.stack.cells if self.clamps else (), 1):
                hooks.callback(cell.register_forward_hook(self._clamping(layer)).remove)
            before = tuple(torch.from_numpy(part) for part in state.memory)
            labels = torch.from_numpy(state.labels) if self.label_count else None
            hidden, after = self.network(torch.tensor(tokens)[:, None], before, labels)
            logits: Floats = self.network.logits(hidden)[:, 0].numpy()
            state.memory[:] = torch.stack(after).numpy()
        return logits

    def _clamping(self, layer: int) -> Callable[..., None]:
        """Return a hook that sets the clamped outputs of a layer, in its state too."""

        def clamp(_cell: nn.Module, _inputs: Any, result: tuple[Tensor, tuple[Tensor, ...]]) -> None:
            outputs, state = result
            for (clamped, unit), value in self.clamps.items():
                if clamped == layer:
                    outputs[..., unit] = value
                    state[0][..., unit] = value

        return clamp


def network_of(
    settings: LanguageModelSettings, weights: Mapping[str, NDArray[Any]] | None, *, vocabulary_size: int, labels: int
) -> LanguageNetwork:
    """Return the network with these weights, without any an untrained one drawn by the seed; raise CheckpointError for misfits."""
    if weights is None:
        torch.manual_seed(settings.loop.seed)
        return LanguageNetwork(settings.network, vocabulary_size=vocabulary_size, labels=labels)
    with torch.random.fork_rng(devices=[]), torch.device("meta"):  # for the reasons of tensors.loaded()
        network = LanguageNetwork(settings.network, vocabulary_size=vocabulary_size, labels=labels)
    put_weights(network, weights, TIED if settings.network.tie_weights else None)
    return network.eval()


def weights_by_name(network: LanguageNetwork, settings: LanguageModelSettings) -> dict[str, NDArray[Any]]:
    """Return the weights by name, tied ones once."""
    return {name: array for name, array in weights_of(network).items() if not (settings.network.tie_weights and name in TIED)}
