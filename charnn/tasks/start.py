"""Initial weights of an encoder: random, from word vectors, or from a language model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from charnn.checkpoint.model import below
from charnn.data.vectors import read_vectors
from charnn.errors import CheckpointError, SettingError
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.load import load_able
from charnn.tasks.task import KEPT
from charnn.tasks.tensors import take_rows
from charnn.tokenizers.registry import Chunks, Tokenizer, TokenizerSettings, extended_tokenizer, fit_tokenizer
from charnn.tokenizers.vocabulary import SPECIALS

Network = Any  # A network with an `embedding` of tokens and an `encoder`


@dataclass(frozen=True)
class Start:
    """A language model, or a file of word vectors, that an encoder is initialised from."""

    language_model: LanguageModel | None = None
    vectors: str | None = None

    def adapted(self, settings: Any) -> Any:
        """Return the settings with those of the language model; raise SettingError for settings that contradict it."""
        if self.language_model is None:
            return settings
        if self.vectors is not None:
            raise SettingError("vectors", "cannot be combined with --init-from, which brings its own embeddings; leave one out")
        encoder = settings.network.encoder
        if encoder.word_characters:
            raise SettingError("word_characters", "cannot be combined with --init-from, whose layers know no characters; leave one out")
        brought = self.language_model.settings
        stack = replace(brought.network.stack, **{name: getattr(encoder.stack, name) for name in KEPT})
        encoder = replace(encoder, stack=stack, embedding_size=brought.network.width)
        return replace(settings, tokens=brought.tokens, network=replace(settings.network, encoder=encoder))

    def fill(self, network: Network, symbols: Sequence[str]) -> list[tuple[str, str]]:
        """Copy weights to a network with these symbols; return in words how many were found. Raises CheckpointError, DataError."""
        embedding = network.embedding.embedding.weight
        if self.language_model is not None:
            return [("start", _take_language_model(self.language_model, network))]
        return [] if self.vectors is None else [("vectors", _take_vectors(self.vectors, symbols, embedding))]

    def taken_layers(self, network: Network) -> list[list[nn.Parameter]]:
        """Return the weights that were copied from the language model, the topmost layer first, the embedding last."""
        if self.language_model is None:
            return []
        stack = network.encoder.forward_stack
        layers = [list(cell.parameters()) for cell in reversed(stack.cells)]
        known = {id(one) for layer in layers for one in layer}
        layers[0] += [one for one in stack.parameters() if id(one) not in known]
        return [*layers, [network.embedding.embedding.weight]]


def load_language_model(path: str | None) -> LanguageModel | None:
    """Return the language model of a run, None for None; raise CheckpointError for a model of another task."""
    return None if path is None else load_able(path, "write")


def start_tokenizer(model: LanguageModel | None, chunks: Chunks, settings: TokenizerSettings, size: int | None = None) -> Tokenizer:
    """Return the language model's tokenizer extended by the text's new symbols; without a model, one fitted to the text."""
    if model is None:
        return fit_tokenizer(chunks, settings, size)
    return extended_tokenizer(model.tokenizer, chunks, model.settings.tokens)


def take_embedding(model: LanguageModel, table: Tensor) -> str:
    """Copy a model's embedding into a table; return in words how many tokens are known and new. Raises CheckpointError for a misfit."""
    known = model.weights.get("embedding.weight", np.zeros(0, np.float32))
    if known.shape[1:] != table.shape[1:] or len(known) > len(table):
        raise CheckpointError(f"{model.name} does not fit: its embedding is {known.shape}, here it is {tuple(table.shape)}")
    take_rows(table, torch.from_numpy(known))
    return f"{model.name}: {len(known):,} tokens known, {len(table) - len(known):,} new"


def _take_language_model(model: LanguageModel, network: Network) -> str:
    taken = take_embedding(model, network.embedding.embedding.weight)
    own = {name: torch.from_numpy(array) for name, array in below(model.weights, "stack").items()}
    try:
        network.encoder.forward_stack.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(f"{model.name} does not fit: {' '.join(str(error).split())}") from None
    return taken


@torch.no_grad()
def _take_vectors(path: str, symbols: Sequence[str], embedding: nn.Parameter) -> str:
    """Copy vectors into the rows after the specials; symbols of punctuation may contain spaces, those of vector files do not."""
    words = [symbol.strip() for symbol in symbols]
    rows = {word: number for number, word in enumerate(filter(None, dict.fromkeys(words)))}
    vectors, found = read_vectors(path, rows, embedding.shape[1])
    for number, word in enumerate(words, len(SPECIALS)):
        if word and found[rows[word]]:
            embedding[number] = torch.from_numpy(vectors[rows[word]])
    return f"{path}: {int(found.sum()):,} of {len(rows):,} words found"
