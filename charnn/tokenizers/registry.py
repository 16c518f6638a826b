"""What every tokenizer offers, all of them by name, and how to make one from settings and a text, or from a model file."""

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

Chunks = Callable[[], Iterable[str]]  # Gives the pieces of a text, anew at every call; a piece may end anywhere between two characters

LONGEST_SEARCH = 1 << 24  # Characters without a place to cut after which a text is refused
LEAST_SUBWORDS = 300  # A subword vocabulary holds the specials, the 256 bytes, and some letters


@dataclass(frozen=True)
class Entry:
    """Where a tokenizer's class is, the settings that have an effect on it, and the size that its vocabulary has at least."""

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
"""The values of the setting `tokenizer`; a class is imported when it is used, so that a help page need not wait for it."""


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
        """The text that is certain now: never half a code point."""

    def finish(self) -> str:
        """The text still held back."""


class Tokenizer(Protocol):
    """Strings to ids and back; made by fit_tokenizer() or restore_tokenizer()."""

    name: ClassVar[str]  # the key in TOKENIZERS
    is_exact: ClassVar[bool]  # every text without unknown symbols comes back as it was, but for case
    has_characters: ClassVar[bool]  # a token is one character of the text
    # A word's token holds the space before it: a text is cut alike everywhere only with a space before its first word.
    has_spaces: ClassVar[bool]
    longest: ClassVar[int]  # tokens of a sentence at most, where nobody asks for another limit

    @property
    def size(self) -> int:
        """The number of ids, which are 0..size-1, specials included."""

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> Tokenizer:
        """A tokenizer of the text; default_size is for settings without a size, where not all symbols fit. Raises DataError."""

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> Tokenizer:
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


@runtime_checkable
class SplitsWords(Protocol):
    """A tokenizer whose tokens are the words and marks of the text as they are written."""

    def symbols(self, text: str) -> list[str]:
        """Return the symbols of a text, known or not, one for each id."""

    def encode_symbols(self, symbols: Iterable[str]) -> Ids:
        """(symbol,) ids of symbols() of a text: its encode()."""


@runtime_checkable
class SamplesDivisions(Protocol):
    """A tokenizer that can cut a word in several ways."""

    def encode_sampled(self, texts: Sequence[str], alpha: float, seed: int) -> list[Ids]:
        """The ids of texts in divisions drawn anew for every word; the same for a seed within one process."""


@runtime_checkable
class Grows(Protocol):
    """A tokenizer whose vocabulary takes new symbols behind its own."""

    def grown(self, symbols: Sequence[str]) -> Tokenizer:
        """Return a tokenizer that knows these symbols too."""


def idle_settings(tokenizer: str) -> dict[str, Any]:
    """Return the settings without an effect on a tokenizer, and the only values that they may have then: their defaults."""
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
    """Return the tokenizer with the frequent symbols of a text that it lacks, as the settings limit them; as it is where it cannot grow."""
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
    """Yield a long text in pieces that can be encoded one by one, given a tokenizer's split(); they leave out what split() does.

    Raises DataError for a text in which no token ends for too long: it would be kept in memory as one.
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


def unknown_warning(symbols: Collection[str]) -> str:
    """Return a warning that names symbols which a model has never seen."""
    named = ", ".join(repr(symbol) for symbol in list(symbols)[:10])
    return f"Warning: the model does not know {named}{' and more' if len(symbols) > 10 else ''}; read as unknown."


def lowered(text: str) -> str:
    """Return the text in lower case, each character by itself: even a final capital sigma, so a text may be lowered in pieces."""
    return text.replace("\u03a3", "\u03c3").lower()


def saved(learned: Any, name: str, kind: type) -> Any:
    """Return one value of what a tokenizer learned. Raises CheckpointError when it is missing or of another type."""
    value = learned.get(name) if isinstance(learned, dict) else None
    if not isinstance(value, kind):
        raise CheckpointError(f"the model's tokenizer is damaged: {name} should be of type {kind.__name__}, got {shown(value)}")
    return value


def no_tensors(tokenizer: Any) -> dict[str, npt.NDArray[np.uint8]]:
    """Return no arrays: the tensors() of a tokenizer that has none."""
    return {}
