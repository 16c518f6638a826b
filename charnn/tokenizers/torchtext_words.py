"""Words as torchtext 0.6 splits them, and its saved vocabularies; torchtext (and torch with it) is imported on first use."""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from charnn.errors import DataError, MissingExtra
from charnn.tokenizers.protocol import Chunks, TextStream, TokenizerSettings, cut_chunks, saved
from charnn.tokenizers.vocabulary import Ids, Vocabulary
from charnn.tokenizers.words import WordStream, split_last

# The splitter drops `"` and knows `<br />`: a space before `/` or `"` may be part of that mark.
_CUT = re.compile(r'\s(?=[^\s"/])')
_ANY = re.compile("")


class TorchtextWordTokenizer:
    """A token is a word or a mark as torchtext's `basic_english` gives it: in lower case, some punctuation dropped; the spaces are lost."""

    name: ClassVar[str] = "torchtext:basic_english"

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary = vocabulary
        self.size = vocabulary.size

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings) -> "TorchtextWordTokenizer":
        """The words of the text, or those of the torchtext vocabulary that the settings name. Raises MissingExtra without torchtext."""
        split = _basic_english()
        if settings.torchtext_vocabulary is not None:
            return cls(Vocabulary(read_torchtext_vocabulary(settings.torchtext_vocabulary)))
        counts: Counter[str] = Counter()
        for piece in cut_chunks(lambda text: split_last(_CUT, text), chunks()):
            counts.update(split(piece))
        return cls(Vocabulary.fit(counts, settings.vocabulary_size, settings.min_count))

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "TorchtextWordTokenizer":
        """Raises CheckpointError where the words are missing."""
        return cls(Vocabulary.restore(saved(learned, "symbols", list)))

    def learned(self) -> dict[str, Any]:
        """The words in the order of their ids."""
        return {"symbols": list(self.vocabulary.symbols)}

    def tensors(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Nothing."""
        return {}

    def encode(self, text: str) -> Ids:
        """One id per word. Raises MissingExtra without torchtext."""
        return self.vocabulary.encode(_basic_english()(text))

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """The words with a space between them."""
        stream = self.stream()
        return "".join([stream.push(int(id)) for id in ids])

    def stream(self) -> TextStream:
        """Gives each word at once, with the space before it."""
        return WordStream(self.vocabulary, _ANY)

    def symbol(self, id: int) -> str:
        """The word."""
        return self.vocabulary.symbol(id)

    def unknown_symbols(self, text: str) -> Counter[str]:
        """The words of the text that are not in the vocabulary."""
        return Counter(word for word in _basic_english()(text) if word not in self.vocabulary.ids)

    def split(self, text: str) -> tuple[str, str]:
        """Cuts at white space."""
        return split_last(_CUT, text)


def read_torchtext_vocabulary(path: str | Path) -> list[str]:
    """The words of a torchtext 0.6 Vocab written by `torch.save`, in its order, without its `<unk>`.

    Only a Vocab and plain data are unpickled, nothing that could run code. Raises DataError for any other file.
    """
    torch, vocab = _torchtext_vocab()
    try:
        with torch.serialization.safe_globals([vocab]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
        words = [word for word in dict.fromkeys(found.itos) if word != vocab.UNK]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    except (UnpicklingError, EOFError, RuntimeError, AttributeError, KeyError, TypeError, ValueError) as error:
        raise DataError(f"{path}: is no vocabulary of torchtext 0.6; write one with torch.save(field.vocab, path)") from error
    if not words or not all(isinstance(word, str) and word for word in words):
        raise DataError(f"{path}: is a torchtext vocabulary without words, or with words that are no text")
    return words


@cache
def _basic_english() -> Callable[[str], list[str]]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            from torchtext.data.utils import get_tokenizer
    except (ImportError, OSError) as error:  # later releases hold a library that cannot be loaded beside another torch
        raise MissingExtra("torchtext==0.6.0", "torchtext") from error
    split: Callable[[str], list[str]] = get_tokenizer("basic_english")
    return split


def _torchtext_vocab() -> tuple[Any, Any]:
    _basic_english()
    import torch
    from torchtext.vocab import Vocab

    return torch, Vocab
