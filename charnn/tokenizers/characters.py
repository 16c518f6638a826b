"""Tokenizers whose tokens are single code points, or single bytes of UTF-8."""

import codecs
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from charnn.errors import CheckpointError
from charnn.tokenizers.registry import Chunks, TextStream, TokenizerSettings, lowered, no_tensors, saved
from charnn.tokenizers.vocabulary import END, SPECIAL_TEXTS, SPECIALS, START, UNKNOWN, Ids, SymbolStream, Vocabulary, id_type

CODE_POINTS = 0x110000


class CharTokenizer:
    """A token is a Unicode code point; the vocabulary is ordered by frequency."""

    name: ClassVar[str] = "char"
    is_exact: ClassVar[bool] = True
    has_characters: ClassVar[bool] = True
    has_spaces: ClassVar[bool] = False
    longest: ClassVar[int] = 500
    tensors = no_tensors

    def __init__(self, vocabulary: Vocabulary, lowercase: bool) -> None:
        self.vocabulary, self.size, self.lowercase = vocabulary, vocabulary.size, lowercase
        codes = [ord(symbol) for symbol in vocabulary.symbols]
        self._codes = np.array([ord(SPECIAL_TEXTS[UNKNOWN]), 0, 0, *codes], np.uint32)
        # The last entry is for every code point above, since take() clips to it.
        self._ids = np.full(max(codes) + 2, UNKNOWN, id_type(self.size))
        self._ids[codes] = np.arange(len(SPECIALS), self.size)

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> "CharTokenizer":
        """Return a tokenizer for the characters of the text."""
        counts = np.zeros(CODE_POINTS, np.int64)
        for chunk in chunks():
            count_characters(lowered(chunk) if settings.lowercase else chunk, counts)
        symbols = {chr(code): int(counts[code]) for code in np.flatnonzero(counts).tolist()}
        return cls(Vocabulary.fit(symbols, settings.vocabulary_size, settings.min_count), settings.lowercase)

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "CharTokenizer":
        """Return the tokenizer that gave learned(). Raises CheckpointError unless every symbol is one character."""
        vocabulary = Vocabulary.restore(saved(learned, "symbols", list))
        if any(len(symbol) != 1 for symbol in vocabulary.symbols):
            raise CheckpointError("the model's vocabulary is damaged: a character tokenizer with symbols of several characters")
        return cls(vocabulary, saved(learned, "lowercase", bool))

    def learned(self) -> dict[str, Any]:
        return {"symbols": list(self.vocabulary.symbols), "lowercase": self.lowercase}

    def encode(self, text: str) -> Ids:
        return self._ids.take(_code_points(lowered(text) if self.lowercase else text), mode="clip")

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        chosen = np.asarray(ids, np.int64)
        codes: bytes = self._codes[chosen[(chosen != START) & (chosen != END)]].tobytes()
        return codes.decode("utf-32-le")

    def stream(self) -> TextStream:
        return SymbolStream(self.vocabulary)

    def symbol(self, id: int) -> str:
        return self.vocabulary.symbol(id)

    def unknown_symbols(self, text: str) -> Counter[str]:
        return self.vocabulary.unknown(lowered(text) if self.lowercase else text)

    def grown(self, symbols: Sequence[str]) -> "CharTokenizer":
        return CharTokenizer(self.vocabulary.grown(symbols), self.lowercase)

    def split(self, text: str) -> tuple[str, str]:
        return text, ""


class ByteTokenizer:
    """A token is a byte of the UTF-8 form: nothing is ever unknown, and nothing is learned."""

    name: ClassVar[str] = "byte"
    is_exact: ClassVar[bool] = True
    has_characters: ClassVar[bool] = False
    has_spaces: ClassVar[bool] = False
    longest: ClassVar[int] = 500
    tensors = no_tensors
    size: int = len(SPECIALS) + 256

    def __init__(self, lowercase: bool) -> None:
        self.lowercase = lowercase

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> "ByteTokenizer":
        """Return the tokenizer, which is the same for every text."""
        return cls(settings.lowercase)

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "ByteTokenizer":
        """Return the tokenizer that gave learned(). Raises CheckpointError where `lowercase` is missing."""
        return cls(saved(learned, "lowercase", bool))

    def learned(self) -> dict[str, Any]:
        return {"lowercase": self.lowercase}

    def encode(self, text: str) -> Ids:
        """Return the value plus 3 of each byte."""
        data = (lowered(text) if self.lowercase else text).encode("utf-8", "surrogatepass")
        return np.frombuffer(data, np.uint8).astype(np.uint16) + np.uint16(len(SPECIALS))

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        return decode_bytes(BYTE_PIECES, ids)

    def stream(self) -> TextStream:
        return ByteStream(BYTE_PIECES)

    def symbol(self, id: int) -> str:
        return SPECIALS[id] if id < len(SPECIALS) else byte_name(id - len(SPECIALS))

    def unknown_symbols(self, text: str) -> Counter[str]:
        return Counter()

    def split(self, text: str) -> tuple[str, str]:
        return text, ""


BYTE_PIECES = (b"\xff", b"", b"", *(bytes([value]) for value in range(256)))
"""Bytes of the specials and of each byte: 0xFF never occurs in UTF-8, so UNKNOWN decodes to U+FFFD and ends a character before it."""


def count_characters(text: str, counts: npt.NDArray[np.int64]) -> None:
    """Add the characters of a text to (CODE_POINTS,) counts."""
    found = np.bincount(_code_points(text))
    counts[: len(found)] += found


def decode_bytes(pieces: Sequence[bytes], ids: Sequence[int] | npt.NDArray[Any]) -> str:
    """Return the text of ids, given the piece of UTF-8 of each id; invalid UTF-8 becomes U+FFFD."""
    return b"".join([pieces[id] for id in ids]).decode("utf-8", "replace")


def byte_name(value: int) -> str:
    """Return a byte as a person may read it: `a`, or `0xE2` for a part of a character."""
    return chr(value) if value < 0x80 else f"0x{value:02X}"


class ByteStream:
    """Decodes ids, given the piece of UTF-8 of each id; waits for the last byte of a code point."""

    def __init__(self, pieces: Sequence[bytes]) -> None:
        self._pieces = pieces
        self._decoder = codecs.getincrementaldecoder("utf-8")("replace")

    def push(self, id: int) -> str:
        return self._decoder.decode(self._pieces[id])

    def finish(self) -> str:
        return self._decoder.decode(b"", final=True)


def _code_points(text: str) -> npt.NDArray[Any]:
    if text.isascii():
        return np.frombuffer(text.encode("ascii"), np.uint8)
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)
