"""All tokenizers by name, and how to make one from a text or from a model file."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.text.characters import ByteTokenizer, CharTokenizer
from charnn.text.protocol import Chunks, TextStream, Tokenizer, TokenizerSettings, encode_chunks
from charnn.text.subwords import SubwordTokenizer
from charnn.text.torchtext_words import TorchtextWordTokenizer
from charnn.text.words import WordTokenizer

__all__ = [
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


def fit_tokenizer(chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    """The tokenizer that the settings name, fitted to a text. Raises DataError where the text allows none."""
    return TOKENIZERS[settings.tokenizer].fit(chunks, settings)


def extended_tokenizer(tokenizer: Tokenizer, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    """The tokenizer with the symbols of a text that it lacks behind its own, where its vocabulary is a list of symbols."""
    learned = tokenizer.learned()
    if "symbols" not in learned:
        return tokenizer
    known = set(learned["symbols"])
    # The file that the words of torchtext once came from may be anywhere, or a stranger's choice.
    fitted = fit_tokenizer(chunks, replace(settings, torchtext_vocabulary=None))
    new = [symbol for symbol in fitted.learned()["symbols"] if symbol not in known]
    return restore_tokenizer(tokenizer.name, {**learned, "symbols": [*learned["symbols"], *new]}, tokenizer.tensors())


def restore_tokenizer(name: str, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Tokenizer:
    """The tokenizer of a model file, from its name and what its learned() and tensors() gave. Raises CheckpointError."""
    if name not in TOKENIZERS:
        known = ", ".join(TOKENIZERS)
        raise CheckpointError(f"the model's tokenizer is {shown(name)}, this charnn knows {known}")
    return TOKENIZERS[name].restore(learned, tensors)
