"""What every tokenizer offers, and the settings that all of them are fitted from."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import Settings, own_settings, setting, shown
from charnn.tokenizers.vocabulary import MOST_SYMBOLS, SPECIALS, Ids

Chunks = Callable[[], Iterable[str]]
"""Gives the pieces of a text, anew at every call; a piece may end anywhere between two characters."""

LONGEST_SEARCH = 1 << 24
"""Characters without a place to cut after which a text is refused."""

LEAST_SUBWORDS = 300
"""A subword vocabulary holds the specials, the 256 bytes, and some letters."""

EFFECTIVE = {
    "char": ("vocabulary_size", "min_count", "lowercase"),
    "byte": ("lowercase",),
    "word": ("vocabulary_size", "min_count", "lowercase", "word_split"),
    "subword": ("vocabulary_size", "lowercase", "subword_model"),
    "torchtext:basic_english": ("vocabulary_size", "min_count", "torchtext_vocabulary"),
}
"""The settings that have an effect on each tokenizer."""


@dataclass(frozen=True)
class TokenizerSettings(Settings):
    """How text is cut into tokens."""

    tokenizer: str = setting("char", "What a token is.", choices=EFFECTIVE)
    vocabulary_size: int | None = setting(
        None,
        "Most tokens in the vocabulary, with 3 specials; by default all, for subword 2,000.",
        least=len(SPECIALS) + 1,
        most=MOST_SYMBOLS,
    )
    min_count: int = setting(1, "Occurrences that a symbol needs to enter the vocabulary.", least=1)
    lowercase: bool = setting(False, "Turn the text into lower case first.")
    subword_model: str = setting("unigram", "Kind of subword model.", choices=("unigram", "bpe"))
    word_split: str = setting("punctuation", "What ends a word: punctuation too, or spaces alone.", choices=("punctuation", "spaces"))
    torchtext_vocabulary: str | None = setting(None, "File of a torchtext 0.6 Vocab, written by torch.save.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for one in own_settings(type(self)):
            assert one.default is not MISSING
            if one.name not in ("tokenizer", *EFFECTIVE[self.tokenizer]) and getattr(self, one.name) != one.default:
                raise SettingError(one.name, f"has no effect on the tokenizer {self.tokenizer}; leave it out")
        if self.tokenizer == "subword" and self.vocabulary_size is not None and self.vocabulary_size < LEAST_SUBWORDS:
            raise SettingError("vocabulary_size", f"must be at least {LEAST_SUBWORDS} for subword, got {self.vocabulary_size}")
        if self.torchtext_vocabulary is not None and (self.vocabulary_size, self.min_count) != (None, 1):
            raise SettingError("torchtext_vocabulary", "brings its own words; leave vocabulary_size and min_count out")


class TextStream(Protocol):
    """Decodes token by token; what push() and finish() return, joined, equals decode() of all the ids."""

    def push(self, id: int) -> str:
        """The text that is certain now: never half a code point."""

    def finish(self) -> str:
        """The text still held back."""


class Tokenizer(Protocol):
    """Strings to ids and back; made by fit() or restore(), see charnn.tokenizers.registry."""

    @property
    def name(self) -> str:
        """The key in TOKENIZERS."""

    @property
    def size(self) -> int:
        """The ids are 0..size-1, specials included."""

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings) -> "Tokenizer":
        """A tokenizer whose vocabulary is that of the text. Raises DataError where the text allows none."""

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "Tokenizer":
        """The tokenizer that learned() and tensors() describe. Raises CheckpointError where they describe none."""

    def learned(self) -> dict[str, Any]:
        """All that restore() needs, as JSON-ready data ..."""

    def tensors(self) -> dict[str, npt.NDArray[np.uint8]]:
        """... and as arrays of bytes."""

    def encode(self, text: str) -> Ids:
        """(token,) ids of any string; a symbol outside the vocabulary becomes UNKNOWN."""

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """The text of the ids: UNKNOWN shows as U+FFFD, START and END as nothing."""

    def stream(self) -> TextStream:
        """A fresh decoder for ids that come one by one."""

    def symbol(self, id: int) -> str:
        """One token as a person may read it: `meet`, `<end>`, `0xE2` for a lone byte."""

    def unknown_symbols(self, text: str) -> Counter[str]:
        """How often each symbol outside the vocabulary occurs in the text."""

    def split(self, text: str) -> tuple[str, str]:
        """(head, rest): encode(head) + encode(rest + more) equals encode(text + more), whatever more is; the head may be empty.

        head + rest is the text, or the text without one space between two words that need none of it.
        """


def encode_chunks(tokenizer: Tokenizer, chunks: Iterable[str]) -> Iterator[Ids]:
    """The ids of a long text, piece by piece: joined, they are encode() of the joined chunks. Raises DataError as cut_chunks does."""
    return map(tokenizer.encode, cut_chunks(tokenizer.split, chunks))


def cut_chunks(split: Callable[[str], tuple[str, str]], chunks: Iterable[str]) -> Iterator[str]:
    """A long text in pieces that can be encoded one by one, given a tokenizer's split(); it leaves out what split() does.

    Raises DataError for a text in which no token ends for too long: it would have to be held in memory as one.
    """
    pending = ""
    for chunk in chunks:
        head, pending = split(pending + chunk)
        if head:
            yield head
        if len(pending) > LONGEST_SEARCH:
            raise DataError(f"found no end of a word in {len(pending):,} characters; such a text needs --tokenizer char or byte")
    if pending:
        yield pending


def lowered(text: str) -> str:
    """The text in lower case, each character by itself: a final capital sigma is no exception, so a text may be lowered in pieces."""
    return text.replace("\u03a3", "\u03c3").lower()


def saved(learned: Any, name: str, kind: type) -> Any:
    """One value of what a tokenizer learned. Raises CheckpointError when it is missing or of another type."""
    value = learned.get(name) if isinstance(learned, dict) else None
    if not isinstance(value, kind):
        raise CheckpointError(f"the model's tokenizer is damaged: {name} should be of type {kind.__name__}, got {shown(value)}")
    return value
