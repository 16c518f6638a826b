"""The protocol of tokenizers, a table of them by name, and how to fit one to a text or restore one from a model file."""

from __future__ import annotations

import importlib
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import MISSING, dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Protocol, runtime_checkable

from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import Settings, own_settings, setting, shown
from charnn.tokenizers.vocabulary import MOST_SYMBOLS, SPECIALS, Ids, ranked

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

Chunks = Callable[[], Iterable[str]]  # Returns all pieces of a text at every call; a piece may end between any two characters

LONGEST_SEARCH = 1 << 24  # Characters without a place to cut after which a text is refused
LEAST_SUBWORDS = 300  # A subword vocabulary contains the specials, the 256 bytes, and some letters


@dataclass(frozen=True)
class Entry:
    """The place of a tokenizer's class, the settings that have an effect on it, and the least size of its vocabulary."""

    place: str
    settings: tuple[str, ...]
    least_size: int = len(SPECIALS) + 1


TOKENIZERS = {
    "char": Entry("charnn.tokenizers.characters:CharTokenizer", ("vocabulary_size", "min_count", "lowercase")),
    "byte": Entry("charnn.tokenizers.characters:ByteTokenizer", ("lowercase",)),
    "word": Entry("charnn.tokenizers.words:WordTokenizer", ("vocabulary_size", "min_count", "lowercase", "word_split")),
    "subword": Entry("charnn.tokenizers.subwords:SubwordTokenizer", ("vocabulary_size", "lowercase", "subword_model"), LEAST_SUBWORDS),
    "torchtext:basic_english": Entry(
        "charnn.tokenizers.words:TorchtextWordTokenizer", ("vocabulary_size", "min_count", "torchtext_vocabulary")
    ),
}
"""The values of the setting `tokenizer`; a class is imported on first use, so that help pages do not wait for it."""


@dataclass(frozen=True)
class TokenizerSettings(Settings):
    """How text is cut into tokens."""

    tokenizer: str = setting("char", "What a token is.", choices=TOKENIZERS)
    vocabulary_size: int | None = setting(
        None,
        "Most tokens in the vocabulary, with 3 specials; by default all, for subword 2,000.",
        least=len(SPECIALS) + 1,
        most=MOST_SYMBOLS,
    )
    min_count: int = setting(1, "Occurrences that a symbol needs to enter the vocabulary.", least=1)
    lowercase: bool = setting(False, "Turn the text into lower case first.")
    subword_model: str = setting("unigram", "Kind of subword model.", choices=("unigram", "bpe"))
    word_split: str = setting(
        "unicode",
        "What ends a word: every mark of Unicode, a table of punctuation as in older models, or spaces alone.",
        choices=("unicode", "punctuation", "spaces"),
    )
    torchtext_vocabulary: str | None = setting(None, "File of a torchtext 0.6 Vocab, written by torch.save.")

    def __post_init__(self) -> None:
        super().__post_init__()
        for name, default in idle_settings(self.tokenizer).items():
            if getattr(self, name) != default:
                raise SettingError(name, f"has no effect on the tokenizer {self.tokenizer}; leave it out")
        least = TOKENIZERS[self.tokenizer].least_size
        if self.vocabulary_size is not None and self.vocabulary_size < least:
            raise SettingError("vocabulary_size", f"must be at least {least} for {self.tokenizer}, got {self.vocabulary_size}")
        if self.torchtext_vocabulary is not None and (self.vocabulary_size, self.min_count) != (None, 1):
            raise SettingError("torchtext_vocabulary", "brings its own words; leave vocabulary_size and min_count out")


class TextStream(Protocol):
    """Decodes token by token; what push() and finish() return, joined, equals decode() of all the ids."""

    def push(self, id: int) -> str:
        """Return the text that is certain now: never a part of a code point."""

    def finish(self) -> str:
        """Return the rest of the text."""


class Tokenizer(Protocol):
    """Turns strings into ids and back; made by fit_tokenizer() or restore_tokenizer()."""

    name: ClassVar[str]  # the key in TOKENIZERS
    is_exact: ClassVar[bool]  # decoding returns every text without unknown symbols, except for case
    has_characters: ClassVar[bool]  # a token is one character of the text
    # A token contains the space before its word: the first word of a text is encoded as in others only with a space before it.
    has_spaces: ClassVar[bool]
    longest: ClassVar[int]  # most tokens of a sentence, where no other limit is given

    @property
    def size(self) -> int:
        """The number of ids, which are 0..size-1, specials included."""

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> Tokenizer:
        """Return a tokenizer of the text; default_size is for settings without a size, where not all symbols fit. Raises DataError."""

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Tokenizer:
        """Return the tokenizer that gave learned() and tensors(). Raises CheckpointError for damaged ones."""

    def learned(self) -> dict[str, Any]:
        """Return all that restore() needs besides tensors(), as JSON-ready data."""

    def tensors(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Return all that restore() needs besides learned(), as arrays of bytes."""

    def encode(self, text: str) -> Ids:
        """Return (token,) ids of any string; a symbol outside the vocabulary becomes UNKNOWN."""

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """Return the text of the ids: U+FFFD for UNKNOWN, nothing for START and END."""

    def stream(self) -> TextStream:
        """Return a new decoder for ids one by one."""

    def symbol(self, id: int) -> str:
        """Return a token as a person may read it: `meet`, `<end>`, `0xE2` for a lone byte."""

    def unknown_symbols(self, text: str) -> Counter[str]:
        """Count the symbols of a text that are outside the vocabulary."""

    def split(self, text: str) -> tuple[str, str]:
        """Return (head, rest) so that encode(head) + encode(rest + more) equals encode(text + more) for any `more`.

        The head may be empty. head + rest is the text, or the text without one implied space between two words.
        """


@runtime_checkable
class SplitsWords(Protocol):
    """A tokenizer whose tokens are the words and marks of the text as they are written."""

    def symbols(self, text: str) -> list[str]:
        """Return the symbols of a text, known or not, one for each id."""

    def encode_symbols(self, symbols: Iterable[str]) -> Ids:
        """Return the (symbol,) ids of symbols() of a text, the same as its encode()."""


@runtime_checkable
class SamplesDivisions(Protocol):
    """A tokenizer that can cut a word in several ways."""

    def encode_sampled(self, texts: Sequence[str], alpha: float, seed: int) -> list[Ids]:
        """Return the ids of texts, in divisions sampled for every word, a function of the seed."""


@runtime_checkable
class Grows(Protocol):
    """A tokenizer whose vocabulary can grow."""

    def grown(self, symbols: Sequence[str]) -> Tokenizer:
        """Return a tokenizer that knows these symbols too."""


def idle_settings(tokenizer: str) -> dict[str, Any]:
    """Return the settings without an effect on a tokenizer, with their defaults, the only values that they may have."""
    effective = ("tokenizer", *TOKENIZERS[tokenizer].settings)
    idle = {one.name: one.default for one in own_settings(TokenizerSettings) if one.name not in effective}
    assert MISSING not in idle.values()
    return idle


def tokenizer_class(name: str) -> type[Tokenizer]:
    """Return the class of a tokenizer."""
    module, kind = TOKENIZERS[name].place.split(":")
    found: type[Tokenizer] = getattr(importlib.import_module(module), kind)
    return found


def fit_tokenizer(chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> Tokenizer:
    """Return the tokenizer of the settings, fitted to a text, as Tokenizer.fit does. Raises DataError where the text allows none."""
    return tokenizer_class(settings.tokenizer).fit(chunks, settings, default_size)


def restore_tokenizer(name: str, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Tokenizer:
    """Return the tokenizer of a model file, from its name and what its learned() and tensors() gave. Raises CheckpointError."""
    if name not in TOKENIZERS:
        raise CheckpointError(f"the model's tokenizer is {shown(name)}, this charnn knows {', '.join(TOKENIZERS)}")
    return tokenizer_class(name).restore(learned, tensors)


def extended_tokenizer(tokenizer: Tokenizer, chunks: Chunks, settings: TokenizerSettings) -> Tokenizer:
    """Return the tokenizer with the frequent symbols of a text added, within the settings; unchanged where it cannot grow."""
    if not isinstance(tokenizer, Grows):
        return tokenizer
    counts: Counter[str] = Counter()
    for piece in cut_chunks(tokenizer.split, chunks()):
        counts.update(tokenizer.unknown_symbols(piece))
    new = ranked(counts, settings.min_count)
    if settings.vocabulary_size is not None:
        del new[max(0, settings.vocabulary_size - tokenizer.size) :]
    return tokenizer.grown(new)


def cut_chunks(split: Callable[[str], tuple[str, str]], chunks: Iterable[str]) -> Iterator[str]:
    """Yield a text in pieces to encode one by one, given a tokenizer's split(); raise DataError if there is no place to cut for long."""
    pending = ""
    for chunk in chunks:
        head, pending = split(pending + chunk)
        if head:
            yield head
        if len(pending) > LONGEST_SEARCH:
            raise DataError(f"found no end of a word in {len(pending):,} characters; such a text needs --tokenizer char or byte")
    if pending:
        yield pending


def unknown_warning(symbols: Collection[str]) -> str:
    """Return a warning that names symbols which a model has never seen."""
    named = ", ".join(repr(symbol) for symbol in list(symbols)[:10])
    return f"Warning: the model does not know {named}{' and more' if len(symbols) > 10 else ''}; read as unknown."


def lowered(text: str) -> str:
    """Return the text in lower case, each character by itself: even a final capital sigma, so a text may be lowered in pieces."""
    return text.replace("\u03a3", "\u03c3").lower()


def saved(learned: Any, name: str, kind: type) -> Any:
    """Return a value of learned() in a model file. Raises CheckpointError when it is missing or of another type."""
    value = learned.get(name) if isinstance(learned, dict) else None
    if not isinstance(value, kind):
        raise CheckpointError(f"the model's tokenizer is damaged: {name} should be of type {kind.__name__}, got {shown(value)}")
    return value


def no_tensors(tokenizer: Any) -> dict[str, npt.NDArray[np.uint8]]:
    """Return no arrays: the tensors() of a tokenizer that has none."""
    return {}
