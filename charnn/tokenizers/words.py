"""Words, with implied spaces between them, so that every text of known words comes back exactly; and words of torchtext 0.6.

A single space between two words is implied and has no token. A punctuation mark is a token with the single spaces beside it
(`, `, ` (`); between two marks the space belongs to the second. Any other white space is a token (one per newline, when only
spaces split words). So `decode` puts a space between two words and joins the rest.
"""

import re
import warnings
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from pickle import UnpicklingError
from typing import Any, ClassVar

import numpy.typing as npt

from charnn.errors import CheckpointError, DataError, MissingExtra
from charnn.settings import shown
from charnn.tokenizers.registry import Chunks, TokenizerSettings, cut_chunks, lowered, no_tensors, saved
from charnn.tokenizers.splitting import EXTENDING, IDEOGRAPH, IDEOGRAPHS, JOINTS, MARK, MARKS, SPACES, compiled
from charnn.tokenizers.vocabulary import Ids, SymbolStream, Vocabulary

_BREAKS = SPACES.replace(r"\x20", r"\x1f")  # white space that is no ordinary space
_NO_SPACE = f"[^{SPACES}]"
_LINE_ENDS = re.compile(rf"(?<={_NO_SPACE})(?=\n)")
_TABLE = (
    r"!-&(-/:-@\[-`{-~"  # ASCII, without the apostrophe
    "¡-©«¬®-±´¶-¸»¿×÷"  # Latin-1 symbols
    "\u2010-\u2018\u201a-\u2027\u202a-\u202e\u2030-\u205e"  # general punctuation, without the apostrophe
    "\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"  # CJK and full-width punctuation
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and ideographs: a symbol each
)


@dataclass(frozen=True)
class _Split:
    """A way to divide text, as patterns of `re` or `regex`: of a symbol, of the start of a word, and of a place to cut the text."""

    symbols: Any
    word: Any
    cut: Any
    ascii: Any = None  # finds the same symbols in lines of ASCII, three times as fast

    def find(self, text: str) -> list[str]:
        """Return the symbols of a text."""
        if self.ascii is None:
            return list(self.symbols.findall(text))
        lines = [text] if text.isascii() else _LINE_ENDS.split(text)
        return [one for line in lines for one in (self.ascii if line.isascii() else self.symbols).findall(line)]


def _symbols(letter: str, joint: str, begin: str, mark: str) -> str:
    """Return the pattern of a symbol, given those of a letter, a joint within words, the first character of a mark, and a mark."""
    return (
        f"(?:(?<={_NO_SPACE}) (?={letter}))?"  # the space that is implied between two words
        f"({letter}+(?:{joint}{letter}+)*"
        f"|(?:(?<={_NO_SPACE}) (?={begin}))?{mark}(?: (?={letter}))?"
        f"|[{SPACES}]+)"
    )


def _of_table() -> _Split:
    """Return the way of a table of marks, where all other characters make words."""
    joints = "'\u2019"
    letter, mark = f"[^{SPACES}{_TABLE}{joints}]", f"[{_TABLE}{joints}]"
    return _Split(
        symbols=re.compile(_symbols(letter, f"[{joints}]", mark, mark)),
        word=re.compile(letter),
        cut=re.compile(f"{letter} (?={letter})|{_NO_SPACE}(?=[{_BREAKS}])|{mark}(?={mark})|[{_TABLE}](?={letter})|{letter}(?=[{_TABLE}])"),
    )


def _of_unicode() -> _Split:
    """Return the way of Unicode's marks, for every script; all other characters, unassigned code points too, make words."""
    letter, begin = f"[^{SPACES}{MARKS}{IDEOGRAPHS}]", f"[{MARKS}{IDEOGRAPHS}]"
    # Extending characters follow marks as well as letters: a word certainly ends only where its letter is known.
    first, end = f"[^{SPACES}{MARKS}{IDEOGRAPHS}{EXTENDING}]", f"[{MARKS}{IDEOGRAPHS}--[{JOINTS}]]"
    return _Split(
        symbols=compiled(_symbols(letter, f"[{JOINTS}]", begin, f"(?:{MARK}|{IDEOGRAPH})")),
        word=compiled(letter),
        cut=compiled(
            f"{first}[{EXTENDING}]*(?: (?={letter})|(?={end}))|{_NO_SPACE}(?=[{_BREAKS}])"
            rf"|[{begin}--\p{{RI}}](?=[{begin}--\p{{EMod}}])|{end}(?={first})"
        ),
        ascii=_TABLE_SPLIT.symbols,
    )


_TABLE_SPLIT = _of_table()

SPLITS = {
    "unicode": _of_unicode(),
    "punctuation": _TABLE_SPLIT,
    "spaces": _Split(
        # A symbol per newline, with the spaces before and the one after it: the end of a line, as tokenised corpora count it.
        symbols=re.compile(f"(?:(?<={_NO_SPACE}) (?={_NO_SPACE}))?({_NO_SPACE}+|[^\\S\n]*\n ?|[{SPACES}]+)"),
        word=re.compile(_NO_SPACE),
        cut=re.compile(f"{_NO_SPACE} (?={_NO_SPACE})|{_NO_SPACE}(?=[{_BREAKS}])"),
    ),
}
"""The values of `word_split`."""


class WordTokenizer:
    """A token is a word, a punctuation mark with the spaces beside it, or a run of white space; ordered by frequency."""

    name: ClassVar[str] = "word"
    is_exact: ClassVar[bool] = True
    has_characters: ClassVar[bool] = False
    has_spaces: ClassVar[bool] = False
    longest: ClassVar[int] = 100
    tensors = no_tensors

    def __init__(self, vocabulary: Vocabulary, word_split: str, lowercase: bool) -> None:
        self.vocabulary, self.size = vocabulary, vocabulary.size
        self.word_split, self.lowercase, self._split = word_split, lowercase, SPLITS[word_split]

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> "WordTokenizer":
        """Return a tokenizer for the symbols of the text, which is never all in memory."""
        way = SPLITS[settings.word_split]
        vocabulary = _fitted(chunks, settings, way.cut, lambda piece: way.find(lowered(piece) if settings.lowercase else piece))
        return cls(vocabulary, settings.word_split, settings.lowercase)

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "WordTokenizer":
        """Return the tokenizer that gave learned(). Raises CheckpointError where a value is missing or unknown."""
        word_split = saved(learned, "word_split", str)
        if word_split not in SPLITS:
            raise CheckpointError(f"the model's tokenizer is damaged: it has no way to split words named {shown(word_split)}")
        return cls(Vocabulary.restore(saved(learned, "symbols", list)), word_split, saved(learned, "lowercase", bool))

    def learned(self) -> dict[str, Any]:
        return {"symbols": list(self.vocabulary.symbols), "word_split": self.word_split, "lowercase": self.lowercase}

    def encode(self, text: str) -> Ids:
        return self.vocabulary.encode(self.symbols(text))

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """Return the symbols joined, with a space between two words; an unknown symbol counts as a word."""
        return self.stream().decode(ids)

    def stream(self) -> SymbolStream:
        return SymbolStream(self.vocabulary, self._split.word)

    def symbol(self, id: int) -> str:
        return self.vocabulary.symbol(id)

    def symbols(self, text: str) -> list[str]:
        return self._split.find(lowered(text) if self.lowercase else text)

    def encode_symbols(self, symbols: Iterable[str]) -> Ids:
        return self.vocabulary.encode(symbols)

    def grown(self, symbols: Sequence[str]) -> "WordTokenizer":
        return WordTokenizer(self.vocabulary.grown(symbols), self.word_split, self.lowercase)

    def unknown_symbols(self, text: str) -> Counter[str]:
        return self.vocabulary.unknown(self.symbols(text))

    def split(self, text: str) -> tuple[str, str]:
        """Cut between two symbols, where no space belongs to a symbol on the other side."""
        return split_last(self._split.cut, text)


# The splitter drops `"` and knows `<br />`: a space before `/` or `"` may be part of that mark.
_TORCHTEXT_CUT = re.compile(r'\s(?=[^\s"/])')
_ANY = re.compile("")


class TorchtextWordTokenizer:
    """A token is a word or a mark as torchtext's `basic_english` gives it: in lower case, some punctuation dropped; the spaces are lost."""

    name: ClassVar[str] = "torchtext:basic_english"
    is_exact: ClassVar[bool] = False
    has_characters: ClassVar[bool] = False
    has_spaces: ClassVar[bool] = False
    longest: ClassVar[int] = 100
    tensors = no_tensors

    def __init__(self, vocabulary: Vocabulary) -> None:
        self.vocabulary, self.size = vocabulary, vocabulary.size

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> "TorchtextWordTokenizer":
        """Return a tokenizer for the words of the text, or of the torchtext vocabulary in the settings; raise MissingExtra."""
        split = _basic_english()
        if settings.torchtext_vocabulary is not None:
            return cls(Vocabulary(read_torchtext_vocabulary(settings.torchtext_vocabulary)))
        return cls(_fitted(chunks, settings, _TORCHTEXT_CUT, split))

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "TorchtextWordTokenizer":
        """Return the tokenizer that gave learned(). Raises CheckpointError where the words are missing."""
        return cls(Vocabulary.restore(saved(learned, "symbols", list)))

    def learned(self) -> dict[str, Any]:
        return {"symbols": list(self.vocabulary.symbols)}

    def encode(self, text: str) -> Ids:
        """Return the ids of the words. Raises MissingExtra without torchtext."""
        return self.vocabulary.encode(_basic_english()(text))

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        return self.stream().decode(ids)

    def stream(self) -> SymbolStream:
        return SymbolStream(self.vocabulary, _ANY)

    def symbol(self, id: int) -> str:
        return self.vocabulary.symbol(id)

    def unknown_symbols(self, text: str) -> Counter[str]:
        return self.vocabulary.unknown(_basic_english()(text))

    def split(self, text: str) -> tuple[str, str]:
        return split_last(_TORCHTEXT_CUT, text)


def _fitted(chunks: Chunks, settings: TokenizerSettings, cut: Any, find: Callable[[str], list[str]]) -> Vocabulary:
    """Return the vocabulary of the symbols that `find` gives, for a text that is cut at matches of a pattern."""
    counts: Counter[str] = Counter()
    for piece in cut_chunks(lambda text: split_last(cut, text), chunks()):
        counts.update(find(piece))
    return Vocabulary.fit(counts, settings.vocabulary_size, settings.min_count)


def split_last(cut: Any, text: str) -> tuple[str, str]:
    """Return (head, rest) of a text cut after the last match of a pattern, without a space before the cut; all is rest without match."""
    width = 1000
    while True:
        start = max(len(text) - width, 0)
        ends = [match.end() for match in cut.finditer(text, start)]
        if ends:
            head = text[: ends[-1]]
            return head.removesuffix(" "), text[ends[-1] :]
        if start == 0:
            return "", text
        width *= 8


def read_torchtext_vocabulary(path: str | Path) -> list[str]:
    """Return the words of a torchtext 0.6 Vocab, without its `<unk>`. Unpickles a Vocab and plain data alone, else raises DataError."""
    _basic_english()
    import torch
    from torchtext.vocab import Vocab

    try:
        with torch.serialization.safe_globals([Vocab]), warnings.catch_warnings():
            warnings.simplefilter("ignore")
            found = torch.load(path, map_location="cpu", weights_only=True)
        words = [word for word in dict.fromkeys(found.itos) if word != Vocab.UNK]
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
    except (ImportError, OSError) as error:  # later releases contain a library that cannot be loaded beside another torch
        raise MissingExtra("torchtext==0.6.0", "torchtext") from error
    split: Callable[[str], list[str]] = get_tokenizer("basic_english")
    return split
