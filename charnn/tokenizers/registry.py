"""All tokenizers by name, and how to make one from a text or from a model file."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import numpy.typing as npt

from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tokenizers.characters import ByteTokenizer, CharTokenizer
from charnn.tokenizers.protocol import Chunks, TextStream, Tokenizer, TokenizerSettings, cut_chunks, encode_chunks
from charnn.tokenizers.subwords import SubwordTokenizer
from charnn.tokenizers.torchtext_words import TorchtextWordTokenizer
from charnn.tokenizers.vocabulary import ranked
from charnn.tokenizers.words import WordTokenizer

__all__ = [
    "GROWING",
    "TOKENIZERS",
    "TextStream",
    "Tokenizer",
    "TokenizerSettings",
    "encode_chunks",
    "extended_tokenizer",
    "fit_tokenizer",
    "restore_tokenizer",
]

TOKENIZERS: dict[str, type[Tokenizer]] = {
    "char": CharTokenizer,
    "byte": ByteTokenizer,
    "word": WordTokenizer,
    "subword": SubwordTokenizer,
    "torchtext:basic_english": TorchtextWordTokenizer,
}
"""The values of the setting `tokenizer`."""

GROWING = ("char", "word")
"""Those whose vocabulary takes new symbols behind its own. Bytes and subwords have no need to, and torchtext's order is a file's."""


def fit_tokenizer(chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    """The tokenizer that the settings name, fitted to a text. Raises DataError where the text allows none."""
    return TOKENIZERS[settings.tokenizer].fit(chunks, settings)


def extended_tokenizer(tokenizer: Tokenizer, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    """The tokenizer with the symbols of a text that it lacks behind its own, the most frequent first; one that cannot grow as it is.

    They must occur min_count times, and all tokens together be at most vocabulary_size.
    """
    if tokenizer.name not in GROWING:
        return tokenizer
    counts: Counter[str] = Counter()
    for piece in cut_chunks(tokenizer.split, chunks()):
        counts.update(tokenizer.unknown_symbols(piece))
    new = ranked(counts, settings.min_count)
    if settings.vocabulary_size is not None:
        del new[max(0, settings.vocabulary_size - tokenizer.size) :]
    learned = tokenizer.learned()
    return restore_tokenizer(tokenizer.name, {**learned, "symbols": [*learned["symbols"], *new]}, tokenizer.tensors())


def restore_tokenizer(name: str, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Tokenizer:
    """The tokenizer of a model file, from its name and what its learned() and tensors() gave. Raises CheckpointError."""
    if name not in TOKENIZERS:
        known = ", ".join(TOKENIZERS)
        raise CheckpointError(f"the model's tokenizer is {shown(name)}, this charnn knows {known}")
    return TOKENIZERS[name].restore(learned, tensors)
