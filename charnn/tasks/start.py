"""Where the weights of an encoder begin: at random, in vectors of words, or in a language model."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from charnn.cells.settings import StackSettings
from charnn.checkpoint.model import tensors_below
from charnn.data.vectors import read_vectors
from charnn.errors import CheckpointError, SettingError
from charnn.settings import own_settings
from charnn.tasks.inheritance import take_embedding
from charnn.tasks.lm.trained import TrainedLanguageModel
from charnn.tokenizers.protocol import Chunks, Tokenizer, TokenizerSettings
from charnn.tokenizers.registry import extended_tokenizer, fit_tokenizer
from charnn.tokenizers.vocabulary import SPECIALS, Vocabulary

KEPT = ("dropout", "locked_dropout")
"""Settings of a stack that do not come from the language model it starts from."""

ADOPTED = (
    "embedding_size",
    *(one.name for kind in (TokenizerSettings, StackSettings) for one in own_settings(kind) if one.name not in KEPT),
)
"""Settings that come from a language model, where there is one."""

Network = Any
"""A network with an `embedding` of tokens and an `encoder`."""


@dataclass(frozen=True)
class Start:
    """Files that an encoder begins with: a language model, or vectors of words."""

    language_model: TrainedLanguageModel | None = None
    vectors: Path | None = None

    def adapted(self, settings: Any) -> Any:
        """The settings with those that the language model brings. Raises SettingError where they cannot go together."""
        if self.language_model is None:
            return settings
        if self.vectors is not None:
            raise SettingError("vectors", "cannot be combined with --init-from, which brings its own embeddings; leave one out")
        if settings.network.encoder.word_characters:
            raise SettingError("word_characters", "cannot be combined with --init-from, whose layers know no characters; leave one out")
        brought = self.language_model.settings
        stack, encoder = brought.network.stack, settings.network.encoder
        kept = {name: getattr(encoder.stack, name) for name in KEPT}
        encoder = replace(encoder, stack=replace(stack, **kept), embedding_size=brought.network.width)
        return replace(settings, tokens=brought.tokens, network=replace(settings.network, encoder=encoder))

    def tokenizer(self, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
        """One fitted to a text; or the language model's, with the symbols that are new in the text."""
        if self.language_model is None:
            return fit_tokenizer(chunks, settings)
        return extended_tokenizer(self.language_model.tokenizer, chunks, settings)

    def fill(self, network: Network, tokenizer: Tokenizer) -> list[tuple[str, str]]:
        """Puts the weights in their places; says how many rows of the embedding were found. Raises CheckpointError, DataError."""
        embedding = network.embedding.embedding.weight
        if self.language_model is not None:
            return [("start", _take_language_model(self.language_model, network, embedding))]
        if self.vectors is not None:
            symbols = [tokenizer.symbol(number) for number in range(len(SPECIALS), tokenizer.size)]
            return [("vectors", _take_vectors(self.vectors, symbols, embedding))]
        return []

    def fill_words(self, network: Network, words: Vocabulary) -> list[tuple[str, str]]:
        """Puts vectors in the embedding of a list of words; says how many were found. Raises DataError."""
        if self.vectors is None:
            return []
        return [("vectors", _take_vectors(self.vectors, words.symbols, network.embedding.embedding.weight))]

    def taken_layers(self, network: Network) -> list[list[nn.Parameter]]:
        """The weights that came from the language model, the topmost layer first, the embedding last."""
        if self.language_model is None:
            return []
        stack = network.encoder.forward_stack
        layers = [list(cell.parameters()) for cell in reversed(stack.cells)]
        known = {id(one) for layer in layers for one in layer}
        layers[0] += [one for one in stack.parameters() if id(one) not in known]
        return [*layers, [network.embedding.embedding.weight]]


def _take_language_model(model: TrainedLanguageModel, network: Network, embedding: nn.Parameter) -> str:
    taken = take_embedding(model, embedding)
    own = {name: torch.from_numpy(array) for name, array in tensors_below(model.saved, "stack").items()}
    try:
        network.encoder.forward_stack.load_state_dict(own)
    except RuntimeError as error:
        raise CheckpointError(f"{model.name} does not fit: {' '.join(str(error).split())}") from None
    return taken


@torch.no_grad()
def _take_vectors(path: Path, symbols: Sequence[str], embedding: nn.Parameter) -> str:
    """Symbols stand behind the specials; punctuation may carry spaces, which vectors do not."""
    words = [symbol.strip() for symbol in symbols]
    rows = {word: number for number, word in enumerate(filter(None, dict.fromkeys(words)))}
    vectors, found = read_vectors(path, rows, embedding.shape[1])
    for number, word in enumerate(words, len(SPECIALS)):
        if word and found[rows[word]]:
            embedding[number] = torch.from_numpy(vectors[rows[word]])
    return f"{path}: {int(found.sum()):,} of {len(rows):,} words found"
