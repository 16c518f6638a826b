"""The characters and words of texts: how many there are, which are rare, and which do not belong in a text."""

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
MOST = 1 << 19  # distinct items in memory, about 80 MB

STRANGE = {
    "Cc": ("control", "control character", "control characters"),
    "Co": ("private", "character of private use", "characters of private use"),
    "Cn": ("unassigned", "code point that is no character", "code points that are no characters"),
    "Cs": ("surrogate", "half of a surrogate pair", "halves of surrogate pairs"),
}
"""Unicode categories that do not belong in texts: name, singular, plural."""
WORD = compiled(word())  # a word, without punctuation and spaces
USUAL = frozenset("\t\n\r\x85\ufffd")  # not counted as strange: line ends, and the replacement character, which the encoding check reports
SHOWN = 8  # rare characters that are shown
WAITING = 1 << 18  # characters of short texts that are counted together


class SampledCounts(Generic[Key]):
    """Counts of items in bounded memory: of all, or of a sample by hash of one distinct item in 2, 4, 8 ...

    Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries".
    """

    def __init__(self, hashed: Callable[[Key], int], most: int = MOST) -> None:
        self.counts: Counter[Key] = Counter()
        self.one_in = 1
        self._hashed, self._most = hashed, most

    def add(self, keys: Iterable[Key]) -> None:
        """Count the items that are in the sample."""
        self.counts.update(keys if self.one_in == 1 else filter(self.samples, keys))
        while len(self.counts) > self._most:
            self.one_in *= 2
            self.counts = Counter({key: count for key, count in self.counts.items() if self.samples(key)})

    def samples(self, key: Key) -> bool:
        """Return whether the item is in the sample."""
        return self._hashed(key) % self.one_in == 0

    def different(self, times: int | None = None) -> int:
        """Return the number of different items, or of those that occur `times` times, estimated from the sample."""
        found = len(self.counts) if times is None else sum(1 for count in self.counts.values() if count == times)
        return found * self.one_in


def word_hash(word: str) -> int:
    """Return 32 bits for a word, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass"))


@dataclass(frozen=True)
class Usage:
    """The number of symbols, of different ones, and of those that occur once and twice."""

    total: int
    different: int
    once: int
    twice: int


@dataclass(frozen=True)
class SymbolCounts:
    """The characters and the words of texts; words are in lower case and without punctuation."""

    characters: Usage
    words: Usage
    one_in: int  # words are estimated from one different word in this many; 1 for exact counts
    rare: tuple[str, ...]  # the first characters, by code point, that occur once or twice
    strange: Mapping[str, Finding]  # the findings of STRANGE, by name

    def lines(self, what: str = "") -> Rows:
        """Return (name, value) rows to print: characters and words; what: the side of the texts, if it is to be named."""
        of = f"{what}: " if what else ""
        few = self.characters.once + self.characters.twice
        shown = f": {' '.join(map(shown_character, self.rare))}{' ...' if few > len(self.rare) else ''}" if few else ""
        rows = [("characters", f"{of}{self.characters.different:,} different, {few:,} only once or twice{shown}")]
        if self.words.total:
            about = "" if self.one_in == 1 else f"; estimated from one word in {self.one_in}"
            percent = f"{100 * self.words.once / max(1, self.words.different):.0f} %"
            words = f"{self.words.different:,} different among {self.words.total:,}, {self.words.once:,} ({percent}) only once"
            rows.append(("words", f"{of}{words}, {self.words.twice:,} twice{about}"))
        return rows

    def warnings(self) -> Rows:
        """Return a row for each strange category that occurs, with its first place."""
        rows = (self.strange[name].rows("warning", one, many, first="first at") for name, one, many in STRANGE.values())
        return [row for found in rows for row in found]

    def facts(self) -> dict[str, Any]:
        """Return the counts and findings, ready for JSON."""
        strange = {name: vars(finding) for name, finding in self.strange.items()}
        return {"characters": vars(self.characters), "words": {**vars(self.words), "one_in": self.one_in}, "strange": strange}


class Symbols:
    """Counts the characters and words of texts, one text after another, in bounded memory."""

    def __init__(self) -> None:
        self._characters = np.zeros(CODE_POINTS, np.int64)
        self._words, self._total_words = SampledCounts(word_hash), 0
        self._waiting: list[str] = []
        self._size = 0
        self._seen: set[str] = set()
        self._where: dict[str, str] = {}  # path:line of the first character of each strange category

    def add(self, text: str, where: str, words: Iterable[str] | None = None) -> None:
        """Count a text that begins at path:line, with its words, by default those that match WORD."""
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
        if self._size > WAITING:
            self._count()

    def counts(self) -> SymbolCounts:
        """Return the counts so far."""
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
