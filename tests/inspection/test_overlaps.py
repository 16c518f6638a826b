"""What of some texts stands in a long one: held against looking for every part of every text by itself."""

from itertools import pairwise

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.inspection.overlaps import Letters, Overlaps, covered, new_shares

FEW = st.text("ab", max_size=30)
MORE = st.text("abc \n中👍", max_size=40)
TEXTS = st.one_of(st.lists(FEW, max_size=4), st.lists(MORE, max_size=4))


def read(texts: list[str], long: str, cuts: list[int]) -> Overlaps:
    overlaps = Overlaps(texts)
    letters = Letters(overlaps.numbers)
    places = sorted({0, len(long), *(cut % (len(long) + 1) for cut in cuts)})
    for begin, end in pairwise(places):
        overlaps.read(letters.encode(long[begin:end]))
    return overlaps


def longest(text: str, long: str) -> list[int]:
    """For each character the length of the longest part that ends with it and stands in the long text."""
    return [max(size for size in range(end + 1) if text[end - size : end] in long) for end in range(1, len(text) + 1)]


@settings(deadline=None)
@given(TEXTS, st.one_of(FEW, MORE), st.lists(st.integers(0, 50), max_size=3))
def test_matches_are_the_longest_and_stand_where_they_are_said_to(texts: list[str], long: str, cuts: list[int]) -> None:
    overlaps = read(texts, long, cuts)
    matches = overlaps.matches()
    assert [found.tolist() for found, _ in matches] == [longest(text, long) for text in texts]
    for text, (found, behind) in zip(texts, matches, strict=True):
        for end, (size, place) in enumerate(zip(found.tolist(), behind.tolist(), strict=True), 1):
            assert not size or long[place - size : place] == text[end - size : end]


@settings(deadline=None)
@given(TEXTS, st.one_of(FEW, MORE), st.integers(1, 6))
def test_new_runs_are_those_that_do_not_stand_in_the_long_text(texts: list[str], long: str, size: int) -> None:
    runs = [text[begin : begin + size] for text in texts for begin in range(len(text) - size + 1)]
    expected = sum(run not in long for run in runs) / len(runs) if runs else None
    (found,) = new_shares([one for one, _ in read(texts, long, []).matches()], [size])
    assert (found is None) == (expected is None)
    assert found is None or abs(found - (expected or 0)) < 1e-12


@settings(deadline=None)
@given(st.one_of(FEW, MORE), st.one_of(FEW, MORE), st.integers(1, 6))
def test_characters_in_overlaps_are_counted_once(text: str, long: str, least: int) -> None:
    runs = [begin for begin in range(len(text) - least + 1) if text[begin : begin + least] in long]
    inside = {place for begin in runs for place in range(begin, begin + least)}
    assert covered(read([text], long, []).matches()[0][0], least) == len(inside)


@settings(deadline=None)
@given(
    st.lists(st.lists(st.sampled_from(["the", "sea", "is", "."]), max_size=9), max_size=3),
    st.lists(st.sampled_from(["the", "sea", "?"]), max_size=20),
)
def test_words_are_symbols_as_characters_are(texts: list[list[str]], long: list[str]) -> None:
    overlaps = Overlaps(texts)
    overlaps.read(np.array([overlaps.numbers.get(word, -1) for word in long], np.int32))
    joined = f" {' '.join(long)} "
    for text, (found, _) in zip(texts, overlaps.matches(), strict=True):
        for end, size in enumerate(found.tolist(), 1):
            fits = [number for number in range(end + 1) if not number or f" {' '.join(text[end - number : end])} " in joined]
            assert size == max(fits)


def test_matches_may_be_asked_for_while_reading() -> None:
    overlaps = Overlaps(["abcd"])
    letters = Letters(overlaps.numbers)
    overlaps.read(letters.encode("xxab"))
    assert overlaps.matches()[0][0].tolist() == [1, 2, 0, 0]
    overlaps.read(letters.encode("cdxbcd"))
    assert overlaps.matches()[0][0].tolist() == [1, 2, 3, 4]


def test_ten_thousand_repetitions_take_no_longer_than_others() -> None:
    """A text of one letter has the fewest states, one of all different letters the most edges at the start."""
    alike, different = "a" * 10_000, "".join(map(chr, range(0x4E00, 0x4E00 + 10_000)))
    for text in (alike, different):
        assert read([text], text, []).matches()[0][0].tolist() == list(range(1, 10_001))


def test_half_a_surrogate_pair_is_a_character() -> None:
    assert read(["\udcffa"], "b\udcffa", []).matches()[0][0].tolist() == [1, 2]
