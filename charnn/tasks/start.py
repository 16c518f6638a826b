"""Where the weights of an encoder begin: at random, in vectors of words, or in a language model."""

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
from charnn.tokenizers.vocabulary import SPECIALS, Vocabulary

Network = Any  # A network with an `embedding` of tokens and an `encoder`


@dataclass(frozen=True)
class Start:
    """Files that an encoder begins with: a language model, or vectors of words."""

    language_model: LanguageModel | None = None
    vectors: str | None = None

    @classmethod
    def of(cls, init_from: str | None, vectors: str | None) -> "Start":
        """Return the start with the model loaded; raise CheckpointError where it is no language model."""
        return cls(load_language_model(init_from), vectors)

    def adapted(self, settings: Any) -> Any:
        """Return the settings with those that the language model brings; raise SettingError where they cannot go together."""
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

    def tokenizer(self, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
        """Return a tokenizer fitted to a text, or the language model's with the symbols that are new in the text."""
        return start_tokenizer(self.language_model, chunks, settings)

    def fill(self, network: Network, tokenizer: Tokenizer) -> list[tuple[str, str]]:
        """Put the weights in their places; return how many rows of the embedding were found. Raises CheckpointError, DataError."""
        embedding = network.embedding.embedding.weight
        if self.language_model is not None:
            return [("start", _take_language_model(self.language_model, network, embedding))]
        if self.vectors is None:
            return []
        symbols = [tokenizer.symbol(number) for number in range(len(SPECIALS), tokenizer.size)]
        return [("vectors", _take_vectors(self.vectors, symbols, embedding))]

    def fill_words(self, network: Network, words: Vocabulary) -> list[tuple[str, str]]:
        """Put vectors in the embedding of a list of words; return how many were found. Raises DataError."""
        if self.vectors is None:
            return []
        return [("vectors", _take_vectors(self.vectors, words.symbols, network.embedding.embedding.weight))]

    def taken_layers(self, network: Network) -> list[list[nn.Parameter]]:
        """Return the weights that came from the language model, the topmost layer first, the embedding last."""
        if self.language_model is None:
            return []
        stack = network.encoder.forward_stack
        layers = [list(cell.parameters()) for cell in reversed(stack.cells)]
        known = {id(one) for layer in layers for one in layer}
        layers[0] += [one for one in stack.parameters() if id(one) not in known]
        return [*layers, [network.embedding.embedding.weight]]


def load_language_model(path: str | None) -> LanguageModel | None:
    """Return the language model of a run, if one is named; raise CheckpointError for a model of another task."""
    return None if path is None else load_able(path, "write")


def start_tokenizer(model: LanguageModel | None, chunks: Chunks, settings: TokenizerSettings, size: int | None = None) -> Tokenizer:
    """Return the language model's tokenizer with the symbols that are new in a text; without a model one fitted to the text."""
    if model is None:
        return fit_tokenizer(chunks, settings, size)
    return extended_tokenizer(model.tokenizer, chunks, model.settings.tokens)


def take_embedding(model: LanguageModel, table: Tensor) -> str:
    """Put the embedding of a model's tokens in a table; return how many are known and new. Raises CheckpointError where they do not fit."""
    known = model.weights.get("embedding.weight", np.zeros(0, np.float32))
    if known.shape[1:] != table.shape[1:] or len(known) > len(table):
        raise CheckpointError(f"{model.name} does not fit: its embedding is {known.shape}, here it is {tuple(table.shape)}")
    take_rows(table, torch.from_numpy(known))
    return f"{model.name}: {len(known):,} tokens known, {len(table) - len(known):,} new"


def _take_language_model(model: LanguageModel, network: Network, embedding: nn.Parameter) -> str:
    taken = take_embedding(model, embedding)
    own = {name: torch.from_numpy(array) for name, array in below(model.weights, "stack").items()}
    try:
        network.encoder.forward_stack.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(f"{model.name} does not fit: {' '.join(str(error).split())}") from None
    return taken


@torch.no_grad()
def _take_vectors(path: str, symbols: Sequence[str], embedding: nn.Parameter) -> str:
    """Put vectors in the rows behind the specials; punctuation may have spaces around it, which vectors have not."""
    words = [symbol.strip() for symbol in symbols]
    rows = {word: number for number, word in enumerate(filter(None, dict.fromkeys(words)))}
    vectors, found = read_vectors(path, rows, embedding.shape[1])
    for number, word in enumerate(words, len(SPECIALS)):
        if word and found[rows[word]]:
            embedding[number] = torch.from_numpy(vectors[rows[word]])
    return f"{path}: {int(found.sum()):,} of {len(rows):,} words found"
