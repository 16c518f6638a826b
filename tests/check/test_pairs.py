"""Tests of charnn.check.pairs."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.check.contents import Finding
from charnn.check.pairs import PairExamination, examine_pairs
from charnn.data.labelled import folded
from charnn.data.pairs import Pair, PairData, usable
from charnn.data.settings import PairFiles
from charnn.errors import DataError

SIDE = st.sampled_from(["", " \x85", "a", "A ", "b\u0130", "c  d", "C d"])


def pairs(*rows: tuple[str, str], name: str = "a") -> list[Pair]:
    return [Pair(source, target, f"{name}:{number}") for number, (source, target) in enumerate(rows, 1)]


def test_everything_is_counted() -> None:
    train = pairs(("Go  on.", "Va"), ("go on. ", "va"), ("Go on.", "Allez donc"), ("one", "un"), ("\u2028", "rien"), ("", ""))
    valid = pairs(("One", "Un "), ("one", "une"), ("go on.", ""), ("new", "neuf"), ("ONE", "UN"), name="b")
    assert examine_pairs(train, valid) == PairExamination(
        pairs=6,
        valid=5,
        source="0, 3, 7, 7 characters; 0, 1, 2, 2 words (at 5, 50, 95, 100 % of the texts)",
        target="0, 2, 10, 10 characters; 0, 1, 2, 2 words (at 5, 50, 95, 100 % of the texts)",
        duplicates=Finding(1, "a:2"),
        ambiguous=Finding(1, "a:3"),
        shared=Finding(2, "b:1"),
        shared_sources=Finding(1, "b:2"),
        empty=Finding(3, "a:5"),
        outliers=Finding(0, None),
    )


def test_the_rows_say_it_in_words() -> None:
    train = pairs(*[(f"number {number:06}", f"{number}") for number in range(1200)], ("number 000001", "one"), ("number 000001", "ONE"))
    train += pairs(("two words", "far more words than those two"), ("", "rien"), name="c")
    valid = pairs(("Number 000002", "2"), ("number 000003", "3"), ("number 000001", "two"), ("odd", "\t"), name="b")
    assert examine_pairs(train, valid).lines() == [
        ("pairs", "1,204 to train on, 4 to validate on"),
        ("source", "13, 13, 13, 13 characters; 2, 2, 2, 2 words (at 5, 50, 95, 100 % of the texts)"),
        ("target", "2, 3, 4, 29 characters; 1, 1, 1, 6 words (at 5, 50, 95, 100 % of the texts)"),
        ("duplicates", "1 pair repeats an earlier one, for example a:1202"),
        ("ambiguous", "1 source has several different targets, for example a:1201"),
        ("warning", "2 pairs are in both splits, for example b:1"),
        ("warning", "1 validation pair has a source that has another target in training, for example b:3"),
        ("warning", "2 pairs with an empty side are left out, for example c:2"),
    ]


def test_clean_data_has_no_more_than_three_rows() -> None:
    assert examine_pairs(pairs(("one", "un"), ("two", "deux")), pairs(("three", "trois"))).lines() == [
        ("pairs", "2 to train on, 1 to validate on"),
        ("source", "3, 3, 3, 3 characters; 1, 1, 1, 1 words (at 5, 50, 95, 100 % of the texts)"),
        ("target", "2, 2, 4, 4 characters; 1, 1, 1, 1 words (at 5, 50, 95, 100 % of the texts)"),
    ]


@pytest.mark.parametrize(
    ("source", "target", "is_outlier"),
    [(1, 7, False), (1, 8, True), (4, 24, False), (4, 25, True), (9, 6, False), (9, 5, True), (3, 1, False), (4, 1, True), (1, 0, False)],
)
def test_an_outlier_differs_from_the_median_ratio_by_a_factor_and_by_words(source: int, target: int, is_outlier: bool) -> None:
    """The median is two words for one; a factor over 3, and over 5 words, are far."""
    usual = pairs(*[("word", "deux mots")] * 9, ("", "x"))
    found = examine_pairs([*usual, Pair("w " * source, "m " * target, "b:1")], [])
    assert found.outliers == (Finding(1, "b:1") if is_outlier else Finding(0, None))


def test_outliers_are_told_with_the_first() -> None:
    train = pairs(("one", "un"), ("two", "deux"), ("three", "a b c d e f g"), ("a b c d e f g", "sept"))
    warning = "2 pairs have over 3 times more or fewer words in the target than is usual for the source, for example a:3"
    assert examine_pairs(train, []).lines()[3:] == [("warning", warning)]


def test_of_empty_sides_only_lengths_and_their_number_are_told() -> None:
    found = examine_pairs(pairs(("", "x"), ("", "x"), (" ", "")), pairs(("", "x"), name="b"))
    assert found.lines() == [
        ("pairs", "3 to train on, 1 to validate on"),
        ("source", "0, 0, 1, 1 characters; 0, 0, 0, 0 words (at 5, 50, 95, 100 % of the texts)"),
        ("target", "0, 1, 1, 1 characters; 0, 1, 1, 1 words (at 5, 50, 95, 100 % of the texts)"),
        ("warning", "4 pairs with an empty side are left out, for example a:1"),
    ]


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match=r"^the training part holds no pairs; give more, or hold out a smaller fraction$"):
        examine_pairs([], pairs(("one", "un")))


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=20), st.lists(st.tuples(SIDE, SIDE), max_size=10))
def test_hashes_count_what_the_texts_themselves_would(train: list[tuple[str, str]], valid: list[tuple[str, str]]) -> None:
    seen, held = ([(folded(source), folded(target)) for source, target in rows] for rows in (train, valid))
    full, held_full = ([one for one in part if all(one)] for part in (seen, held))
    sources = [source for source, _ in set(full)]
    found = examine_pairs(pairs(*train), pairs(*valid))
    assert found.duplicates.count == len(full) - len(set(full))
    assert found.ambiguous.count == len({source for source in sources if sources.count(source) > 1})
    assert found.shared.count == sum(one in full for one in held_full)
    assert found.shared_sources.count == sum(one not in full and one[0] in sources for one in held_full)
    assert found.empty.count == len(seen) - len(full) + len(held) - len(held_full)


@given(st.lists(st.tuples(SIDE, SIDE), min_size=1, max_size=20))
def test_what_is_usable_has_no_empty_side_and_is_all_but_those(rows: list[tuple[str, str]]) -> None:
    given_pairs = pairs(*rows)
    left = usable(given_pairs)
    assert len(left) == len(given_pairs) - examine_pairs(given_pairs, []).empty.count
    assert left == [one for one in given_pairs if one in left]
    assert not left or examine_pairs(left, []).empty == Finding(0, None)


def test_captions_of_multi30k(real_data: Path) -> None:
    train, valid = (
        list(PairData(PairFiles(source=[folder / f"{part}.de.gz"], target=[folder / f"{part}.en.gz"])).pairs())
        for folder in (real_data / "multi30k",)
        for part in ("train", "val")
    )
    found = examine_pairs(train, valid)
    assert (found.pairs, found.valid, found.shared.count, found.shared_sources.count, found.empty.count) == (29_000, 1_014, 0, 1, 0)


def test_english_and_french_share_one_source_but_for_its_case(real_data: Path) -> None:
    """The parts were divided by English sentence, so only a sentence in other case can be in both."""
    train, valid = (list(PairData(PairFiles([real_data / "eng-fra" / name])).pairs()) for name in ("train.tsv.gz", "valid.tsv"))
    found = examine_pairs(train, valid)
    where = str(real_data / "eng-fra" / "valid.tsv:863")
    assert (found.duplicates.count, found.shared, found.shared_sources) == (140, Finding(0, None), Finding(1, where))
