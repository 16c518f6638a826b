"""Tests of charnn.check.symbols."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.check.contents import Finding
from charnn.check.symbols import SampledCounts, SymbolCounts, Symbols, Usage, word_hash


def counted(*texts: str) -> SymbolCounts:
    symbols = Symbols()
    for number, text in enumerate(texts, 1):
        symbols.add(text, f"a:{number}")
    return symbols.counts()


def test_everything_is_counted() -> None:
    assert counted("The cat.", "the dog's", "A cat the Dog's").lines() == [
        ("characters", "15 different, 11 only once or twice: ' . A D T a c d ..."),
        ("words", "4 different among 8, 1 (25 %) only once, 2 twice"),
    ]


def test_what_cannot_be_seen_is_shown_by_its_number() -> None:
    assert counted("a\u200b\xa0 \U0001f600").lines("source")[0] == (
        "characters",
        "source: 5 different, 5 only once or twice: U+0020 a U+00A0 U+200B 😀",
    )


def test_texts_without_words_have_no_row_of_words() -> None:
    assert counted("...").lines() == [("characters", "1 different, 0 only once or twice")]


def test_what_is_no_character_of_a_text_is_told_with_its_first_place() -> None:
    found = counted("fine\t\r\n", "one\ntwo \x07\x1b", "\x07 \ue000 \U0010ffff", "half \ud83d")
    assert [text for _, text in found.warnings()] == [
        "3 control characters, first at a:3",
        "1 character of private use, first at a:3",
        "1 code point that is no character, first at a:3",
        "1 half of a surrogate pair, first at a:4",
    ]
    assert found.strange["control"] == Finding(3, "a:3")


def test_of_several_in_one_text_the_first_tells_the_place() -> None:
    assert counted("a\nb \x02\nc \x01").strange["control"] == Finding(2, "a:2")


def test_the_words_of_divided_text_are_what_they_are_said_to_be() -> None:
    symbols = Symbols()
    symbols.add("Isn't", "a:1", ["Is", "n't"])
    symbols.add("is", "a:2", ["is"])
    assert symbols.counts().words == Usage(total=3, different=2, once=1, twice=1)


@settings(deadline=None)
@given(st.lists(st.text("ab Ç\n\U0001f600'", max_size=8)))
def test_counts_are_those_of_the_joined_text(texts: list[str]) -> None:
    characters = Counter("".join(texts))
    times = Counter(characters.values())
    assert counted(*texts).characters == Usage(characters.total(), len(characters), times[1], times[2])


@given(st.lists(st.lists(st.text(max_size=3))))
def test_few_things_are_counted_exactly(blocks: list[list[str]]) -> None:
    sampled = SampledCounts(word_hash)
    for block in blocks:
        sampled.add(block)
    counts = Counter(word for block in blocks for word in block)
    assert (sampled.one_in, sampled.counts) == (1, counts)
    assert (sampled.different(), sampled.different(2)) == (len(counts), list(counts.values()).count(2))


@given(st.lists(st.lists(st.integers(0, 50))), st.integers(1, 10))
def test_what_is_in_the_sample_is_counted_exactly_and_the_sample_is_bounded(blocks: list[list[int]], most: int) -> None:
    sampled = SampledCounts(int, most)
    for block in blocks:
        sampled.add(block)
        assert len(sampled.counts) <= most
    counts = Counter(number for block in blocks for number in block)
    assert sampled.counts == {number: count for number, count in counts.items() if sampled.samples(number)}


def test_many_words_are_estimated() -> None:
    sampled = SampledCounts(word_hash, most=2000)
    for begin in range(0, 60_000, 1000):
        sampled.add(f"word {number}" for number in range(begin, begin + 1000))
        sampled.add(f"word {number}" for number in range(begin, begin + 250))
    assert sampled.one_in == 32
    assert sampled.different() == pytest.approx(60_000, rel=0.1)
    assert sampled.different(2) == pytest.approx(15_000, rel=0.1)
