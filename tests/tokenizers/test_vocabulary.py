"""Tests of charnn.tokenizers.vocabulary."""

from collections import Counter

import numpy as np
import pytest

from charnn.errors import CheckpointError, DataError
from charnn.tokenizers import vocabulary
from charnn.tokenizers.vocabulary import END, SPECIALS, START, UNKNOWN, Vocabulary, check_names, id_type


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
    fitted = Vocabulary.fit(Counter(["<unk>"]))
    assert [fitted.symbol(id) for id in (UNKNOWN, START, END)] == list(SPECIALS)
    assert fitted.ids["<unk>"] == 3
    assert fitted.symbol(3) == "<unk>"


@pytest.mark.parametrize("symbols", [None, "abc", ["a", "a"], [], ["a", 3], [""], ["a", "\ud800"]])
def test_a_damaged_symbol_list_is_refused(symbols: object) -> None:
    with pytest.raises(CheckpointError, match="vocabulary is damaged"):
        Vocabulary.restore(symbols)


def test_more_symbols_than_a_model_file_holds_are_refused_by_both_sides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(vocabulary, "MOST_SYMBOLS", 2)
    assert Vocabulary.restore(["a", "b"]).symbols == Vocabulary.fit(Counter("ab")).symbols
    with pytest.raises(CheckpointError, match="vocabulary is damaged"):
        Vocabulary.restore(["a", "b", "c"])
    with pytest.raises(DataError) as caught:
        Vocabulary.fit(Counter("abc"))
    advice = "say --vocabulary-size 2 or less, or raise --min-count"
    assert str(caught.value) == f"the corpus has 3 different symbols, more than a model file holds; {advice}"


def test_a_name_that_cannot_be_written_is_refused() -> None:
    check_names(["good", "Ünï", "\U0001f600"], "label")
    with pytest.raises(DataError) as caught:
        check_names(["good", "b\ud83d"], "label")
    assert str(caught.value) == r"the label 'b\ud83d' holds half of a surrogate pair, which is no character; give it another name"


@pytest.mark.parametrize(("size", "kind"), [(4, np.uint8), (256, np.uint8), (257, np.uint16), (65536, np.uint16), (65537, np.uint32)])
def test_ids_take_the_smallest_type(size: int, kind: type) -> None:
    assert id_type(size) == kind
