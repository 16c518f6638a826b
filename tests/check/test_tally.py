"""Tests of charnn.check.tally."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.check.tally import Tally, itself, word_hash


@given(st.lists(st.lists(st.text(max_size=3))))
def test_few_things_are_counted_exactly(blocks: list[list[str]]) -> None:
    tally = Tally(word_hash)
    for block in blocks:
        tally.add(block)
    counts = Counter(word for block in blocks for word in block)
    assert (tally.one_in, tally.counts) == (1, counts)
    assert (tally.different(), tally.different(2)) == (len(counts), list(counts.values()).count(2))


@given(st.lists(st.lists(st.integers(0, 50))), st.integers(1, 10))
def test_what_is_in_the_sample_is_counted_exactly_and_the_sample_is_bounded(blocks: list[list[int]], most: int) -> None:
    tally = Tally(itself, most)
    for block in blocks:
        tally.add(block)
        assert len(tally.counts) <= most
    counts = Counter(number for block in blocks for number in block)
    assert tally.counts == {number: count for number, count in counts.items() if tally.holds(number)}


def test_many_words_are_estimated() -> None:
    tally = Tally(word_hash, most=2000)
    for begin in range(0, 60_000, 1000):
        tally.add(f"word {number}" for number in range(begin, begin + 1000))
        tally.add(f"word {number}" for number in range(begin, begin + 250))
    assert tally.one_in == 32
    assert tally.different() == pytest.approx(60_000, rel=0.1)
    assert tally.different(2) == pytest.approx(15_000, rel=0.1)
