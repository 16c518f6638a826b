"""Which characters and words texts are made of: how many are rare, and which are no characters of a text at all."""

import unicodedata
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar
from zlib import crc32

import numpy as np

from charnn.check.contents import Finding, Rows
from charnn.tokenizers.characters import CODE_POINTS, count_characters
from charnn.tokenizers.registry import lowered
from charnn.tokenizers.splitting import compiled, word

Key = TypeVar("Key", bound=Hashable)

MOST = 1 << 19  # distinct items that are counted, about 80 MB of them

STRANGE = {
    "Cc": ("control", "control character", "control characters"),
    "Co": ("private", "character of private use", "characters of private use"),
    "Cn": ("unassigned", "code point that is no character", "code points that are no characters"),
    "Cs": ("surrogate", "half of a surrogate pair", "halves of surrogate pairs"),
}
"""Unicode categories that texts should not have: their names, what they are called, one and many."""

WORD = compiled(word())  # a word, without marks and spaces
USUAL = frozenset("\t\n\r\x85\ufffd")  # of these others tell: they are ends of lines, or stand for what is no text
SHOWN = 8  # rare characters that are shown
HELD = 1 << 18  # characters of short texts that are counted together
LONGEST_WORD = 1 << 16  # characters without a space after which a word is cut


class Tally(Generic[Key]):
    """Counts of all items as long as few of them differ, of more those of a fair sample of one in 2, 4, 8 ... of these.

    The hash decides what is in the sample, so each item is counted from its first occurrence on or not at all.
    Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries".
    """

    def __init__(self, hashed: Callable[[Key], int], most: int = MOST) -> None:
        self.counts: Counter[Key] = Counter()
        self.one_in = 1
        self._hashed, self._most = hashed, most

    def add(self, keys: Iterable[Key]) -> None:
        """Count the items that are in the sample."""
        self.counts.update(keys if self.one_in == 1 else filter(self.holds, keys))
        while len(self.counts) > self._most:
            self.one_in *= 2
            self.counts = Counter({key: count for key, count in self.counts.items() if self.holds(key)})

    def holds(self, key: Key) -> bool:
        """Is it in the sample?"""
        return self._hashed(key) % self.one_in == 0

    def different(self, times: int | None = None) -> int:
        """Return the number of different items, or of those that occur `times` times."""
        found = len(self.counts) if times is None else sum(1 for count in self.counts.values() if count == times)
        return found * self.one_in


def word_hash(word: str) -> int:
    """Return 32 bits for a word, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Usage:
    """How many symbols there are, how many different ones, and how many of these occur once and twice."""

    total: int
    different: int
    once: int
    twice: int


@dataclass(frozen=True)
class SymbolCounts:
    """The characters and the words of texts, words in lower case and without marks."""

    characters: Usage
    words: Usage
    one_in: int  # of so many different words one was counted, where there are very many; the numbers are then estimates
    rare: tuple[str, ...]  # the first characters, by code point, that occur once or twice
    strange: Mapping[str, Finding]  # what of STRANGE there is, by name

    def lines(self, what: str = "") -> Rows:
        """Return (name, value) rows to print: characters and words, of a part where one is named."""
        of = f"{what}: " if what else ""
        few = self.characters.once + self.characters.twice
        shown = f": {' '.join(map(shown_character, self.rare))}{' ...' if few > len(self.rare) else ''}" if few else ""
        rows = [("characters", f"{of}{self.characters.different:,} different, {few:,} only once or twice{shown}")]
        if self.words.total:
            about = "" if self.one_in == 1 else f"; estimated from one word in {self.one_in}"
            share = f"{100 * self.words.once / max(1, self.words.different):.0f} %"
            words = f"{self.words.different:,} different among {self.words.total:,}, {self.words.once:,} ({share}) only once"
            rows.append(("words", f"{of}{words}, {self.words.twice:,} twice{about}"))
        return rows

    def warnings(self) -> Rows:
        """Return what is strange as rows, with the first place of each."""
        rows = (self.strange[name].rows("warning", one, many, first="first at") for name, one, many in STRANGE.values())
        return [row for found in rows for row in found]

    def facts(self) -> dict[str, Any]:
        """Return the counts and findings, ready for JSON."""
        strange = {name: vars(finding) for name, finding in self.strange.items()}
        return {"characters": vars(self.characters), "words": {**vars(self.words), "one_in": self.one_in}, "strange": strange}


class Symbols:
    """Counts of the characters and words of texts as they come, in bounded memory."""

    def __init__(self) -> None:
        self._characters = np.zeros(CODE_POINTS, np.int64)
        self._words, self._total_words = Tally(word_hash), 0
        self._waiting: list[str] = []
        self._size = 0
        self._seen: set[str] = set()
        self._where: dict[str, str] = {}  # of the first of each strange category

    def add(self, text: str, where: str, words: Iterable[str] | None = None) -> None:
        """Count a text that begins at path:line; its words are those given, by default those that WORD finds."""
        for character in sorted(set(text) - self._seen, key=text.index):
            self._seen.add(character)
            category = unicodedata.category(character)
            if category in STRANGE and character not in USUAL:
                name, line = where.rsplit(":", 1)
                self._where.setdefault(category, f"{name}:{int(line) + text.count(chr(10), 0, text.index(character))}")
        found = WORD.findall(lowered(text)) if words is None else [lowered(word) for word in words]
        self._words.add(found)
        self._total_words += len(found)
        self._waiting.append(text)
        self._size += len(text)
        if self._size > HELD:
            self._count()

    def counts(self) -> SymbolCounts:
        """Return what was counted so far."""
        self._count()
        codes = np.flatnonzero(self._characters).tolist()
        times = Counter(self._characters[codes].tolist())
        rare = [chr(code) for code in codes if self._characters[code] <= 2]
        strange: Counter[str] = Counter()
        for code in codes:
            if chr(code) not in USUAL:
                strange[unicodedata.category(chr(code))] += int(self._characters[code])
        return SymbolCounts(
            Usage(int(self._characters.sum()), len(codes), times[1], times[2]),
            Usage(self._total_words, self._words.different(), self._words.different(1), self._words.different(2)),
            self._words.one_in,
            tuple(rare[:SHOWN]),
            {name: Finding(strange[category], self._where.get(category)) for category, (name, *_) in STRANGE.items()},
        )

    def _count(self) -> None:
        if self._size:
            count_characters("".join(self._waiting), self._characters)
        self._waiting, self._size = [], 0


def shown_character(character: str) -> str:
    """Return the character, or its code point where it cannot be seen."""
    return character if character.isprintable() and not character.isspace() else f"U+{ord(character):04X}"
