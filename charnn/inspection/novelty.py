"""Whether a model copies: how much of its samples its training text has word for word, beside what real text has in common with it."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.inspection.overlaps import Letters, Overlaps, covered, new_shares
from charnn.tasks.lm.excerpts import divided

LONG = (20, 50, 100)
"""Characters from which on an overlap is counted."""

CHARACTERS, WORDS = range(1, 9), range(1, 6)
"""Lengths of the runs of characters and of words that are new or not."""

LEAST_COPY = 10
"""Characters of a copy that is shown."""

LONGEST_WORD = 1 << 20
"""Characters without a space after which a word is cut."""

WORD = re.compile(r"\w+(?:['’-]\w+)*|[^\w\s]")
"""A word, or a mark."""


@dataclass(frozen=True)
class Copy:
    """A part of a text that stands in the training text as it is."""

    text: int
    """The number of the text."""
    begin: int
    length: int
    """Its characters in that text ..."""
    place: int
    """... and where they begin in the training text."""


@dataclass(frozen=True, eq=False)
class Novelty:
    """What some texts have in common with a training text."""

    texts: Sequence[str]
    matches: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]]
    """Of each text: the length of the longest match that ends with each character, and the place behind it."""
    words: Sequence[NDArray[np.int32]]
    """Of each text: the length in words of the longest match that ends with each word."""

    def facts(self) -> dict[str, Any]:
        """Ready for JSON; shares are of all characters, or of all runs of so many characters or words."""
        characters = sum(map(len, self.texts))
        longest = [lengths for lengths, _ in self.matches]
        return {
            "characters": characters,
            "words": sum(map(len, self.words)),
            "longest": max((int(one.max(initial=0)) for one in longest), default=0),
            "in_overlaps": {str(least): sum(covered(one, least) for one in longest) / max(1, characters) for least in LONG},
            "new_characters": dict(zip(map(str, CHARACTERS), new_shares(longest, CHARACTERS), strict=True)),
            "new_words": dict(zip(map(str, WORDS), new_shares(self.words, WORDS), strict=True)),
        }

    def copies(self, count: int) -> list[Copy]:
        """The longest matches, none of which has characters or words in common with another."""
        found = [copy for number, match in enumerate(self.matches) for copy in _whole_matches(number, *match)]
        chosen: list[Copy] = []
        said: set[str] = set()
        for copy in sorted(found, key=lambda one: (-one.length, one.text, one.begin)):
            text = self.texts[copy.text][copy.begin : copy.begin + copy.length]
            if len(chosen) < count and text not in said and not any(_touch(copy, other) for other in chosen):
                chosen.append(copy)
                said.add(text)
        return chosen


def compare(sets: Mapping[str, Sequence[str]], chunks: Iterable[str]) -> tuple[dict[str, Novelty], int]:
    """What each set of texts has in common with a long text, which is read once, and the characters of that."""
    texts = {name: Overlaps(list(one)) for name, one in sets.items()}
    words = {name: Overlaps([WORD.findall(text) for text in one]) for name, one in sets.items()}
    letters = {name: Letters(one.numbers) for name, one in texts.items()}
    total = 0
    for piece in _between_words(chunks):
        total += len(piece)
        split = WORD.findall(piece)
        for name in sets:
            texts[name].read(letters[name].encode(piece))
            numbers = words[name].numbers
            words[name].read(np.fromiter((numbers.get(word, -1) for word in split), np.int32, len(split)))
    found = {name: Novelty(one, texts[name].matches(), [longest for longest, _ in words[name].matches()]) for name, one in sets.items()}
    return found, total


def around(copy: Copy, text: str, context: int) -> tuple[str, str, str]:
    """A copy in its own text: what stands before it, itself, what stands after it."""
    first = max(0, copy.begin - context)
    return divided(text[first : copy.begin + copy.length + context], copy.begin - first, copy.length)


def _whole_matches(number: int, longest: NDArray[np.int32], behind: NDArray[np.int64]) -> Iterator[Copy]:
    """The matches of a text that do not go on."""
    goes_on = np.append(longest[1:] == longest[:-1] + 1, False) if len(longest) else np.zeros(0, bool)
    for end in np.flatnonzero((longest >= LEAST_COPY) & ~goes_on).tolist():
        length = int(longest[end])
        yield Copy(number, end + 1 - length, length, int(behind[end]) - length)


def _touch(one: Copy, other: Copy) -> bool:
    return one.text == other.text and one.begin < other.begin + other.length and other.begin < one.begin + one.length


def _between_words(chunks: Iterable[str]) -> Iterator[str]:
    """The text in pieces that end between two words, but for a word too long to be held."""
    held = ""
    for chunk in chunks:
        held += chunk
        cut = max(held.rfind(" "), held.rfind("\n")) + 1
        if not cut and len(held) > LONGEST_WORD:
            cut = len(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held
