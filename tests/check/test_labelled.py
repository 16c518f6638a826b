"""Tests of charnn.check.labelled."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.check.contents import Finding
from charnn.check.labelled import Examination, examine
from charnn.data.labelled import Example, LabelledData, folded
from charnn.errors import DataError


def examples(*rows: tuple[str, str], name: str = "a") -> Iterator[Example]:
    return (Example(text, label, f"{name}:{number}") for number, (text, label) in enumerate(rows, 1))


def test_everything_is_counted() -> None:
    train = examples(("A  good film", "pos"), ("bad", "neg"), ("a good FILM", "neg"), ("bad ", "neg"), (" \n", "neg"), ("", "pos"))
    valid = examples(("Bad", "neg"), ("new", "odd"), ("", "pos"), ("BAD", "far"), name="b")
    assert examine(train, valid) == Examination(
        train={"neg": 4, "pos": 2},
        valid={"far": 1, "neg": 1, "odd": 1, "pos": 1},
        where={"pos": "a:1", "neg": "a:2"},
        duplicates=Finding(2, "a:3"),
        contradictions=1,
        shared=Finding(2, "b:1"),
        empty=Finding(3, "a:5"),
        lengths="0, 3, 12, 12 characters; 0, 1, 3, 3 words (at 5, 50, 95, 100 % of the texts)",
        unseen={"odd": "b:2", "far": "b:4"},
    )


def test_the_rows_say_it_in_words() -> None:
    train = examples(*[("same text", "pos")] * 3, *[(f"{number:06}", "neg") for number in range(1200)], ("", "pos"))
    valid = examples(("000001", "neg"), ("Same Text", "pos"), ("new", "odd"), name="b")
    assert examine(train, valid).lines() == [
        ("labels", "neg 1,200 (100 %), pos 4 (under 1 %)"),
        ("validation", "neg 1 (33 %), odd 1 (33 %), pos 1 (33 %)"),
        ("lengths", "6, 6, 6, 9 characters; 1, 1, 1, 2 words (at 5, 50, 95, 100 % of the texts)"),
        ("duplicates", "2 texts repeat earlier ones, always with the same label, for example a:2"),
        ("warning", "2 texts are in both splits, for example b:1"),
        ("warning", "1 text is empty, for example a:1204"),
        ("warning", "training never saw the label 'odd' of the validation part, for example b:3"),
    ]


def test_clean_data_has_no_more_than_two_rows() -> None:
    assert examine(examples(("one", "x"), ("two", "y")), None).lines() == [
        ("labels", "x 1 (50 %), y 1 (50 %)"),
        ("lengths", "3, 3, 3, 3 characters; 1, 1, 1, 1 words (at 5, 50, 95, 100 % of the texts)"),
    ]


def test_of_many_labels_the_most_frequent_are_told() -> None:
    rows = [(f"text {number}", f"label{number % 1000}") for number in range(1001)]
    labels = examine(examples(*rows), None).lines()[0][1]
    assert labels.startswith("label0 2 (under 1 %), label1 1 (under 1 %), ")
    assert labels.endswith(", and 980 more labels")


def test_nothing_to_train_on_is_refused() -> None:
    with pytest.raises(DataError, match=r"^the training part holds no examples; give more, or hold out a smaller fraction$"):
        examine(iter(()), None)


@given(st.lists(st.tuples(st.sampled_from(["", " ", "a", "A ", "b\u0130", "c"]), st.sampled_from("xy")), min_size=1, max_size=30))
def test_hashes_count_what_the_texts_themselves_would(rows: list[tuple[str, str]]) -> None:
    first: dict[str, str] = {}
    repeats = [(text, label) for text, label in rows if folded(text) and first.setdefault(folded(text), label) is not None]
    found = examine(examples(*rows), None)
    assert found.duplicates.count == len(repeats) - len(first)
    assert found.contradictions == sum(label != first[folded(text)] for text, label in repeats)


def test_imdb_as_published(real_data: Path) -> None:
    """20,000 reviews of 1,300 characters; 70 stand there twice."""
    found = examine(LabelledData([real_data / "imdb" / "train.tsv.gz"]).examples(), None)
    assert (found.train, found.duplicates.count, found.empty.count) == ({"negative": 10_000, "positive": 10_000}, 70, 0)
