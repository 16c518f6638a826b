"""How often each of very many things occurs, in bounded memory."""

from collections import Counter
from collections.abc import Callable, Hashable, Iterable
from typing import Generic, TypeVar
from zlib import crc32

Key = TypeVar("Key", bound=Hashable)

MOST = 1 << 19
"""Distinct things that are counted, about 80 MB of them."""


class Tally(Generic[Key]):
    """Counts all things as long as there are few different ones, of more a fair sample of one in 2, 4, 8 ... of these.

    Which are in the sample is decided by their hash, so each is counted from its first occurrence on or not at all.
    Gibbons 2001, "Distinct sampling for highly-accurate answers to distinct values queries".
    """

    def __init__(self, hashed: Callable[[Key], int], most: int = MOST) -> None:
        self.counts: Counter[Key] = Counter()
        self.one_in = 1
        self._hashed = hashed
        self._most = most

    def add(self, keys: Iterable[Key]) -> None:
        """Counts these, as far as they are in the sample."""
        self.counts.update(keys if self.one_in == 1 else filter(self.holds, keys))
        while len(self.counts) > self._most:
            self.one_in *= 2
            self.counts = Counter({key: count for key, count in self.counts.items() if self.holds(key)})

    def holds(self, key: Key) -> bool:
        """Is it in the sample?"""
        return self._hashed(key) % self.one_in == 0

    def different(self, times: int | None = None) -> int:
        """How many different things there are, or how many that occur so often."""
        found = len(self.counts) if times is None else sum(1 for count in self.counts.values() if count == times)
        return found * self.one_in


def word_hash(word: str) -> int:
    """A number of 32 bits for a word, the same in every process."""
    return crc32(word.encode("utf-8", "surrogatepass"))


def itself(fingerprint: int) -> int:
    """The hash of what is one."""
    return fingerprint
