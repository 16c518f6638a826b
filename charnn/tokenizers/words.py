"""Words, with the spaces between them left unsaid: every text of known words comes back exactly.

A single space between two words is implied and has no token. A punctuation mark is a token that carries the single
spaces beside it (`, `, ` (`); between two marks the right-hand one carries the space. Any other white space is a token
of its own, verbatim (one per newline, when only spaces split words). So `decode` is a left fold: put a space between
two words, otherwise join.
"""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import numpy.typing as npt

from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tokenizers.protocol import Chunks, TextStream, TokenizerSettings, cut_chunks, lowered, saved
from charnn.tokenizers.vocabulary import END, SPECIAL_TEXTS, START, UNKNOWN, Ids, Vocabulary

_WIDE = "\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
_BREAKS = rf"\t-\r\x1c-\x1f{_WIDE}"  # white space that is no ordinary space
_SPACES = rf"{_BREAKS} "
_MARKS = (
    r"!-&(-/:-@\[-`{-~"  # ASCII, without the apostrophe
    "¡-©«¬®-±´¶-¸»¿×÷"  # Latin-1 signs
    "\u2010-\u2018\u201a-\u2027\u202a-\u202e\u2030-\u205e"  # general punctuation, without the apostrophe
    "\u3001-\u303f\uff01-\uff0f\uff1a-\uff20\uff3b-\uff40\uff5b-\uff65"  # CJK and full-width punctuation
    "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"  # kana and ideographs: a symbol each
)
_APOSTROPHES = "'\u2019"
_IN_WORD = f"[^{_SPACES}{_MARKS}{_APOSTROPHES}]"
_MARK = f"[{_MARKS}{_APOSTROPHES}]"
_NO_SPACE = f"[^{_SPACES}]"
_WORD = f"{_IN_WORD}+(?:[{_APOSTROPHES}]{_IN_WORD}+)*"

WORD = re.compile(_WORD)
"""A word, without marks and spaces."""


@dataclass(frozen=True)
class _Split:
    """How a mode cuts text: `symbols` finds the symbols in order, `word` tells a word, `cut` finds where a text may be divided."""

    symbols: re.Pattern[str]
    word: re.Pattern[str]
    cut: re.Pattern[str]


SPLITS = {
    "punctuation": _Split(
        symbols=re.compile(
            f"(?:(?<={_NO_SPACE}) (?={_IN_WORD}))?"  # the space that is implied between two words
            f"({_WORD}"
            f"|(?:(?<={_NO_SPACE}) (?={_MARK}))?{_MARK}(?: (?={_IN_WORD}))?"
            f"|[{_SPACES}]+)"
        ),
        word=re.compile(_IN_WORD),
        cut=re.compile(
            f"{_IN_WORD} (?={_IN_WORD})|{_NO_SPACE}(?=[{_BREAKS}])|{_MARK}(?={_MARK})|[{_MARKS}](?={_IN_WORD})|{_IN_WORD}(?=[{_MARKS}])"
        ),
    ),
    "spaces": _Split(
        # A symbol per newline, with the spaces before and the one after it: the end of a line, as tokenised corpora count it.
        symbols=re.compile(f"(?:(?<={_NO_SPACE}) (?={_NO_SPACE}))?({_NO_SPACE}+|[^\\S\n]*\n ?|[{_SPACES}]+)"),
        word=re.compile(_NO_SPACE),
        cut=re.compile(f"{_NO_SPACE} (?={_NO_SPACE})|{_NO_SPACE}(?=[{_BREAKS}])"),
    ),
}
"""The values of `word_split`."""


class WordTokenizer:
    """A token is a word, a punctuation mark with the spaces beside it, or a run of white space; ordered by frequency."""

    name: ClassVar[str] = "word"

    def __init__(self, vocabulary: Vocabulary, word_split: str, lowercase: bool) -> None:
        self.vocabulary = vocabulary
        self.size = vocabulary.size
        self.word_split = word_split
        self.lowercase = lowercase
        self._split = SPLITS[word_split]

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings) -> "WordTokenizer":
        """The symbols of the text; memory holds one chunk and the counts."""
        counts: Counter[str] = Counter()
        rules = SPLITS[settings.word_split]
        for piece in cut_chunks(lambda text: split_last(rules.cut, text), chunks()):
            counts.update(rules.symbols.findall(lowered(piece) if settings.lowercase else piece))
        return cls(Vocabulary.fit(counts, settings.vocabulary_size, settings.min_count), settings.word_split, settings.lowercase)

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "WordTokenizer":
        """Raises CheckpointError where a value is missing or unknown."""
        word_split = saved(learned, "word_split", str)
        if word_split not in SPLITS:
            raise CheckpointError(f"the model's tokenizer is damaged: it has no way to split words named {shown(word_split)}")
        return cls(Vocabulary.restore(saved(learned, "symbols", list)), word_split, saved(learned, "lowercase", bool))

    def learned(self) -> dict[str, Any]:
        """The symbols in the order of their ids, and the settings that encoding needs."""
        return {"symbols": list(self.vocabulary.symbols), "word_split": self.word_split, "lowercase": self.lowercase}

    def tensors(self) -> dict[str, npt.NDArray[np.uint8]]:
        """Nothing."""
        return {}

    def encode(self, text: str) -> Ids:
        """One id per symbol."""
        return self.vocabulary.encode(self.symbols(text))

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        """The symbols joined, with a space between two words; an unknown symbol counts as a word."""
        stream = self.stream()
        return "".join([stream.push(int(id)) for id in ids])

    def stream(self) -> TextStream:
        """Gives each symbol at once, with the space before it."""
        return WordStream(self.vocabulary, self._split.word)

    def symbol(self, id: int) -> str:
        """The symbol, with the spaces it carries."""
        return self.vocabulary.symbol(id)

    def symbols(self, text: str) -> list[str]:
        """The symbols of a text, known or not."""
        return self._split.symbols.findall(lowered(text) if self.lowercase else text)

    def unknown_symbols(self, text: str) -> Counter[str]:
        """The symbols of the text that are not in the vocabulary."""
        known = self.vocabulary.ids
        return Counter(symbol for symbol in self.symbols(text) if symbol not in known)

    def split(self, text: str) -> tuple[str, str]:
        """Cuts between two symbols that carry no space across the cut."""
        return split_last(self._split.cut, text)


def split_last(cut: re.Pattern[str], text: str) -> tuple[str, str]:
    """(head, rest) at the last match of the pattern; a space at the match's end is dropped. No match: all is rest."""
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


class WordStream:
    """Decodes symbols one by one, with a space between two that the pattern calls words."""

    def __init__(self, vocabulary: Vocabulary, word: re.Pattern[str]) -> None:
        self._vocabulary = vocabulary
        self._word = word
        self._after_word = False

    def push(self, id: int) -> str:
        """The symbol, and before it the space that two words imply."""
        if id in (START, END):
            return ""
        text = SPECIAL_TEXTS[id] if id == UNKNOWN else self._vocabulary.symbol(id)
        before, self._after_word = self._after_word, self._word.match(text) is not None
        return f" {text}" if before and self._after_word else text

    def finish(self) -> str:
        """Nothing."""
        return ""
