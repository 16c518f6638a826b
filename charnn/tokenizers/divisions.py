"""Divisions of words into subwords drawn at random, as a function of the seed alone: by a unigram model or by BPE with dropout."""

import heapq
import math
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

UNSEEN = 10.0  # Nats that a character of no piece costs more than the least probable piece, as in sentencepiece

CACHED = 50_000  # Words whose divisions are kept, some kilobytes each

Draw = Callable[[], float]  # Gives the next random number from 0 to 1


class Arc(NamedTuple):
    """A piece that may be the last of a part of a word."""

    begin: int
    id: int | None  # None for a character of no piece
    reach: float  # The probability of this arc or of one before it in the list


Lattice = Sequence[Sequence[Arc]]
"""For each end of a part of a word its possible last pieces."""


class Unigram:
    """All divisions of a word, each as probable as its pieces to the power alpha (Kudo 2018, eq. 8)."""

    def __init__(self, scores: Mapping[str, tuple[int, float]], alpha: float) -> None:
        """scores: id and log-probability of each piece."""
        self._scores, self._alpha = scores, alpha
        self._longest = max(map(len, scores), default=1)
        self._unseen = min((score for _, score in scores.values()), default=0.0) - UNSEEN
        self._lattices: dict[str, Lattice] = {}

    def draw(self, word: str, random: Draw) -> list[int | str]:
        """Return the ids of pieces, and as they are characters of no piece: from the end back, each by its probability."""
        lattice = self._lattices.get(word)
        if lattice is None:
            if len(self._lattices) >= CACHED:
                self._lattices.clear()
            lattice = self._lattices[word] = self._lattice(word)
        found: list[int | str] = []
        end = len(word)
        while end:
            chance, arcs = random(), lattice[end]
            arc = next((one for one in arcs if chance < one.reach), arcs[-1])
            found.append(word[arc.begin : end] if arc.id is None else arc.id)
            end = arc.begin
        return found[::-1]

    def _lattice(self, word: str) -> Lattice:
        """Sum over the divisions of each part of the word, from the first character on (Rabiner 1989)."""
        sums = [0.0]
        lattice: list[Sequence[Arc]] = [()]
        for end in range(1, len(word) + 1):
            ways: list[tuple[int, int | None, float]] = []
            for begin in range(max(0, end - self._longest), end):
                known = self._scores.get(word[begin:end])
                if known is not None:
                    ways.append((begin, known[0], sums[begin] + self._alpha * known[1]))
                elif begin == end - 1:
                    ways.append((begin, None, sums[begin] + self._alpha * self._unseen))
            highest = max(score for *_, score in ways)
            total = sum(math.exp(score - highest) for *_, score in ways)
            sums.append(highest + math.log(total))
            arcs, reach = [], 0.0
            for begin, id, score in ways:
                reach += math.exp(score - sums[end])
                arcs.append(Arc(begin, id, reach))
            lattice.append(arcs)
        return lattice


class Merges:
    """BPE with dropout: a merge is left out with the probability alpha (Provilkov et al. 2020)."""

    def __init__(self, scores: Mapping[str, tuple[int, float]], alpha: float) -> None:
        """scores: id of each piece, and a number that is higher the earlier it was merged."""
        self._scores, self._alpha = scores, alpha

    def draw(self, word: str, random: Draw) -> list[int | str]:
        """Return the ids of pieces, and as they are characters of no piece."""
        parts: list[str | None] = list(word)
        following, before = list(range(1, len(word) + 1)), list(range(-1, len(word) - 1))
        heap: list[tuple[float, int, str]] = []

        def offer(left: int) -> None:
            right = following[left] if left >= 0 else len(word)
            if right < len(word):
                merged = f"{parts[left]}{parts[right]}"
                if merged in self._scores:
                    heapq.heappush(heap, (-self._scores[merged][1], left, merged))

        for left in range(len(word) - 1):
            offer(left)
        while heap:
            _, left, merged = heapq.heappop(heap)
            right = following[left]
            if parts[left] is None or right >= len(word) or f"{parts[left]}{parts[right]}" != merged or random() < self._alpha:
                continue
            parts[left], parts[right], following[left] = merged, None, following[right]
            if following[left] < len(word):
                before[following[left]] = left
            offer(before[left])
            offer(left)
        return [self._scores[one][0] if one in self._scores else one for one in parts if one is not None]
