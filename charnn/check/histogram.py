"""Lengths in a few classes of equal, round width."""

from collections.abc import Mapping
from typing import NamedTuple

MOST_CLASSES = 10
"""Classes below the one for the longest hundredth."""


class LengthClass(NamedTuple):
    """How many lengths are from least to most, both included; of the last class most is None."""

    least: int
    most: int | None
    total: int


def length_classes(counts: Mapping[int, int]) -> list[LengthClass]:
    """The classes of lengths, given how often each occurs: zero by itself where it occurs, and all above the 99th percentile together."""
    positive = {length: count for length, count in counts.items() if length}
    classes = [LengthClass(0, 0, counts[0])] if counts.get(0) else []
    if not positive:
        return classes
    width = _width(_percentile(positive, 0.99))
    sums = [0] * (MOST_CLASSES + 1)
    for length, count in positive.items():
        sums[min((length - 1) // width, MOST_CLASSES)] += count
    last = max(number for number, total in enumerate(sums) if total)
    first = min(number for number, total in enumerate(sums) if total)
    for number in range(first, last + 1):
        most = None if number == MOST_CLASSES else (number + 1) * width
        classes.append(LengthClass(number * width + 1, most, sums[number]))
    return classes


def _width(longest: int) -> int:
    """The smallest of 1, 2, 5, 10, 20, 50 ... of which MOST_CLASSES reach so far."""
    width = 1
    while width * MOST_CLASSES < longest:
        width = width * 5 // 2 if str(width)[0] == "2" else width * 2
    return width


def _percentile(counts: Mapping[int, int], share: float) -> int:
    left = share * sum(counts.values())
    for length in sorted(counts):
        left -= counts[length]
        if left <= 0:
            return length
    raise AssertionError("there is no length")
