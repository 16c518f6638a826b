"""What of some texts stands in a long one word for word: the longest match at every place, found in one reading of the long one."""

from collections.abc import Hashable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from charnn.kernels.automaton import build, gather, walk

Ids = NDArray[np.int32]


class Overlaps:
    """Some texts as symbols, such as characters or words, and how much of them has been met in what was read so far.

    Memory is needed for the texts alone; what is read may be of any length.
    """

    def __init__(self, texts: Sequence[Sequence[Hashable]]) -> None:
        """Symbols that are equal are the same."""
        symbols = {symbol: number for number, symbol in enumerate(dict.fromkeys(symbol for text in texts for symbol in text))}
        self.numbers = symbols
        self.sizes = [len(text) for text in texts]
        # A symbol that nothing that is read has, so that no match goes on from text to text.
        flow = np.array([number for text in texts for number in (*(symbols[one] for one in text), len(symbols))], np.int32)
        states = 2 * len(flow) + 1
        self._lengths, self._links = np.zeros(states, np.int32), np.zeros(states, np.int32)
        self._heads, self._edges = np.full(states, -1, np.int32), np.zeros((3 * len(flow) + 1, 3), np.int32)
        self._ends = np.zeros(len(flow), np.int32)
        size = build(flow, self._lengths, self._links, self._heads, self._edges, self._ends)
        self._lengths, self._links, self._heads = self._lengths[:size].copy(), self._links[:size].copy(), self._heads[:size].copy()
        self._best, self._places = np.zeros(size, np.int32), np.zeros(size, np.int64)
        self._root = np.zeros(len(symbols) + 1, np.int32)
        edge = int(self._heads[0])
        while edge >= 0:
            self._root[self._edges[edge, 0]] = self._edges[edge, 1]
            edge = int(self._edges[edge, 2])
        self._here = np.zeros(3, np.int64)

    def read(self, ids: Ids) -> None:
        """The next part of the long text: (symbols,) numbers, -1 for what the texts do not have."""
        walk(ids, self._lengths, self._links, self._heads, self._edges, self._root, self._here, self._best, self._places)

    def matches(self) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """For each text: the length of the longest match that ends with each symbol, and the place behind it in what was read."""
        best, places = self._best.copy(), self._places.copy()
        longest, found = np.zeros(len(self._ends), np.int32), np.zeros(len(self._ends), np.int64)
        order = np.argsort(-self._lengths, kind="stable").astype(np.int32)
        gather(order, self._lengths, self._links, best, places, self._ends, longest, found)
        begins = np.cumsum([0, *(size + 1 for size in self.sizes)])
        return [(longest[begin : begin + size], found[begin : begin + size]) for begin, size in zip(begins, self.sizes, strict=False)]


class Letters:
    """Characters as the numbers that some texts give them, quickly."""

    def __init__(self, numbers: dict[Hashable, int]) -> None:
        self._table = np.full(0x110000, -1, np.int32)
        for character, number in numbers.items():
            self._table[ord(str(character))] = number

    def encode(self, text: str) -> Ids:
        """(characters,) numbers, -1 for a character that the texts do not have."""
        return self._table[np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)]


def new_shares(longest: Iterable[NDArray[np.int32]], lengths: Sequence[int]) -> list[float | None]:
    """For each length: the share of runs of so many symbols that nothing that was read has; None where no text is so long."""
    found = list(longest)
    shares: list[float | None] = []
    for length in lengths:
        # A run that ends with a symbol is known if the longest match that ends there is as long.
        known = [one[length - 1 :] >= length for one in found]
        total = sum(map(len, known))
        shares.append(1 - sum(int(one.sum()) for one in known) / total if total else None)
    return shares


def covered(longest: NDArray[np.int32], least: int) -> int:
    """How many symbols of a text lie in matches of at least so many."""
    ends = np.flatnonzero(longest >= least)
    depth = np.zeros(len(longest) + 1, np.int64)
    np.add.at(depth, ends + 1 - longest[ends], 1)
    np.add.at(depth, ends + 1, -1)
    return int((depth.cumsum()[:-1] > 0).sum())
