"""The language model: the next token of a text, or of documents with start, end and perhaps a label."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from charnn.batches.streams import Batch, Batches, DocumentBatches, StreamBatches, streams, windows
from charnn.cells.rowwise import reading
from charnn.cells.state import State, detach
from charnn.data.tokenized import TokenizedText
from charnn.errors import DataError
from charnn.metrics.language import LossSums, language_metrics
from charnn.tasks.lm.network import LanguageNetwork
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.weights import put_weights, weights_of, without_memory
from charnn.tokenizers.protocol import Tokenizer
from charnn.training.task import Group, Loss, all_alike

STREAMED_ROWS, STREAMED_LEAST, STREAMED_WARM = 64, 8192, 1024
"""A text of 64 times 8,192 tokens is read as 64 streams at once, a shorter one as fewer.

Each begins with the state after the 1,024 tokens before it, which is nearly that of a single pass: on 111,540 characters of a trained
model the loss differed by 1e-9 nats per token, and took 1.4 s instead of 2.9.
"""

STREAMED_WIDTH = 512
"""Tokens of each stream fed at once; the state is carried, so it changes no result."""

EVALUATION_TOKENS = 16384
"""Tokens fed at once when windows or documents stand side by side."""

LOGITS = 1 << 24
"""Logits computed at once: 64 MB. A batch of words from a vocabulary of 50,000 would otherwise take gigabytes to evaluate."""

VALIDATION_ROWS, VALIDATION_TOKENS = 64, 200_000
"""Parallel streams of the quick validation while training, and how many tokens it takes at most."""


class LanguageModel:
    """A tokenizer and a network that predicts its tokens; settings apart from what is learned."""

    name = "lm"

    def __init__(self, settings: LanguageModelSettings, tokenizer: Tokenizer, labels: Sequence[str]) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.labels = list(labels)
        torch.manual_seed(settings.loop.seed)
        self.network = LanguageNetwork(settings.network, vocabulary_size=tokenizer.size, labels=len(self.labels))

    @classmethod
    def restore(
        cls, settings: LanguageModelSettings, tokenizer: Tokenizer, labels: Sequence[str], tensors: Mapping[str, NDArray[Any]]
    ) -> "LanguageModel":
        """The model of a model file; raises CheckpointError where the weights do not fit the settings."""
        with without_memory():
            model = cls(settings, tokenizer, labels)
        model.take_weights(tensors)
        model.network.eval()
        return model

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError where names or shapes differ."""
        tied = {"output.weight": "embedding.weight"} if self.settings.network.tie_weights else None
        put_weights(self.network, tensors, tied)

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""
        return {"tokenizer": self.tokenizer.learned(), "labels": self.labels}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name, and the tokenizer's binary parts below `tokenizer.`; tied weights once."""
        weights = weights_of(self.network)
        if self.settings.network.tie_weights:
            del weights["output.weight"]
        return weights | {f"tokenizer.{name}": array for name, array in self.tokenizer.tensors().items()}

    @property
    def parameters(self) -> int:
        """Numbers that training changes."""
        return sum(one.numel() for one in self.network.parameters())

    @property
    def device(self) -> torch.device:
        """Where the network is."""
        return self.network.embedding.weight.device

    def batches(self, text: TokenizedText) -> Batches[Batch]:
        """The training batches of a text; raises DataError for one shorter than a window."""
        loop = self.settings.loop
        if text.starts is not None:
            return DocumentBatches(text.ids, text.starts, text.labels, batch_size=loop.batch_size, window=loop.window, seed=loop.seed)
        if len(text.ids) < loop.window + 1:
            needed = f"one window needs {loop.window + 1:,}; give more text or a smaller --window"
            raise DataError(f"the training text has {len(text.ids):,} tokens, {needed}")
        return StreamBatches(text.ids, batch_size=loop.batch_size, window=loop.window, restarts=loop.restarts, seed=loop.seed)

    def groups(self) -> list[Group]:
        """All weights learn alike."""
        return all_alike(self.network)

    def loss(self, batch: Batch, carry: State | None) -> Loss:
        """Summed nats of a batch's targets, and the state to carry on, cut from its history (Williams and Peng 1990)."""
        losses, state, count = self._losses(batch, carry)
        return Loss(losses.sum(), count, detach(state))

    @reading()
    def quick_loss(self, text: TokenizedText) -> float:
        """Nats per token over the text's first tokens, read as parallel streams: the validation while training."""
        if text.starts is not None:
            batches = self._document_batches(text)
        else:
            ids = text.ids[: VALIDATION_TOKENS + 1]
            batches = streams(ids, 256, max(1, min(VALIDATION_ROWS, len(ids) // 256)))
        sums = LossSums()
        for losses in self._read(batches):
            sums.add(losses)
        return sums.total / max(1, sums.symbols)

    @reading()
    def evaluate(self, text: TokenizedText, protocol: str, window: int = 64) -> dict[str, Any]:
        """The metrics of a text under a protocol of PROTOCOLS; every symbol is predicted once.

        `streamed`: one pass in order, the state carried. `windows`: the state cold at the start of each window of so many
        tokens. `documents`: each document from its start to its end symbol.
        """
        sums = LossSums()
        self.network.eval()
        for losses in self._read(self.protocol_batches(text, protocol, window)):
            sums.add(losses)
        return {"protocol": protocol_name(protocol, window), **language_metrics(sums, text.counts)}

    def protocol_batches(self, text: TokenizedText, protocol: str, window: int = 64) -> Iterator[Batch]:
        """A text as a protocol of PROTOCOLS reads it, each symbol predicted once, the state to be carried from batch to batch."""
        if protocol == "documents":
            return self._document_batches(text)
        if protocol == "windows":
            return windows(text.ids, window, max(1, EVALUATION_TOKENS // window))
        rows = max(1, min(STREAMED_ROWS, len(text.ids) // STREAMED_LEAST))
        return streams(text.ids, STREAMED_WIDTH, rows, STREAMED_WARM)

    def _document_batches(self, text: TokenizedText) -> Iterator[Batch]:
        """All documents once, side by side by length."""
        assert text.starts is not None
        batches = DocumentBatches(text.ids, text.starts, text.labels, batch_size=64, window=256, seed=0)
        return (batches.batch(*part) for part in batches.plan(0))

    def _read(self, batches: Iterator[Batch]) -> Iterator[NDArray[np.float32]]:
        """The losses of each batch that count, the state carried from batch to batch."""
        carry: State | None = None
        for batch in batches:
            losses, carry, _ = self._losses(batch, carry)
            yield losses.float().cpu().numpy()

    def _losses(self, batch: Batch, carry: State | None) -> tuple[Tensor, State, int]:
        """(count,) nats of the targets that count, the state after the batch, and their count."""
        hidden, targets, state = self.outputs(batch, carry)
        losses = self.losses(hidden, targets)
        return losses, state, losses.numel()

    def outputs(self, batch: Batch, carry: State | None) -> tuple[Tensor, Tensor, State]:
        """(count, hidden) outputs at the places that count, the (count,) targets there, and the state after the batch."""
        labels = None if batch.labels is None else torch.from_numpy(batch.labels).to(self.device)
        inputs = torch.from_numpy(batch.inputs).to(self.device)
        hidden, state = self.network(inputs, self._state(batch, carry, labels), labels)
        targets = torch.from_numpy(batch.targets).to(self.device)
        if batch.mask is not None:
            mask = torch.from_numpy(batch.mask).to(self.device)
            hidden, targets = hidden[mask], targets[mask]
        return hidden.flatten(0, -2), targets.flatten(), state

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(count, hidden) outputs and (count,) ids -> (count,) nats."""
        if not len(targets):
            return hidden.new_zeros(0)
        count = max(1, LOGITS // self.tokenizer.size)
        pieces = zip(torch.split(hidden, count), torch.split(targets, count), strict=True)
        return torch.cat([self.network.losses(*piece) for piece in pieces])

    def _state(self, batch: Batch, carry: State | None, labels: Tensor | None) -> State | None:
        """The carried state, with the initial one in rows that start anew; None where all do."""
        if carry is None or batch.fresh.all():
            return None
        if not batch.fresh.any():
            return carry
        fresh = torch.from_numpy(batch.fresh).to(self.device)[:, None]  # (batch, 1)
        start = self.network.start(len(batch.fresh), labels)
        return tuple(torch.where(fresh, new, old) for new, old in zip(start, carry, strict=True))


PROTOCOLS = ("streamed", "windows", "documents")


def protocol_name(protocol: str, window: int) -> str:
    """A protocol as results name it."""
    return {"windows": f"windows of {window}, cold"}.get(protocol, protocol)
