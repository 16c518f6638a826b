"""Tests of charnn.text.vocabulary."""

from collections import Counter

import numpy as np
import pytest

from charnn.errors import CheckpointError, DataError
from charnn.text.vocabulary import END, SPECIALS, START, UNKNOWN, Vocabulary, id_type


def test_frequent_symbols_come_first_and_ties_in_code_point_order() -> None:
    assert Vocabulary.fit(Counter("bbbaccadd")).symbols == ("b", "a", "c", "d")


def test_size_counts_the_specials() -> None:
    vocabulary = Vocabulary.fit(Counter("aaabbc"), size=5)
    assert vocabulary.symbols == ("a", "b")
    assert vocabulary.size == 5


def test_min_count_drops_rare_symbols() -> None:
    assert Vocabulary.fit(Counter("aaabbc"), min_count=2).symbols == ("a", "b")


def test_a_min_count_that_leaves_nothing_is_an_error() -> None:
    with pytest.raises(DataError, match=r"^no symbol of the corpus occurs 9 times; lower --min-count or give more text$"):
        Vocabulary.fit(Counter("abc"), min_count=9)


def test_lone_surrogates_are_never_learned() -> None:
    assert Vocabulary.fit({"a": 1, "x\ud800": 5}).symbols == ("a",)


def test_specials_have_fixed_ids_and_a_word_of_their_name_is_another_symbol() -> None:
    vocabulary = Vocabulary.fit(Counter(["<unk>"]))
    assert [vocabulary.symbol(id) for id in (UNKNOWN, START, END)] == list(SPECIALS)
    assert vocabulary.ids["<unk>"] == 3
    assert vocabulary.symbol(3) == "<unk>"


@pytest.mark.parametrize("symbols", [None, "abc", ["a", "a"], [], ["a", 3], [""]])
def test_a_damaged_symbol_list_is_refused(symbols: object) -> None:
    with pytest.raises(CheckpointError, match="vocabulary is damaged"):
        Vocabulary.restore(symbols)


@pytest.mark.parametrize(("size", "kind"), [(4, np.uint8), (256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)])
def test_ids_take_the_smallest_type(size: int, kind: type) -> None:
    assert id_type(size) == kind
