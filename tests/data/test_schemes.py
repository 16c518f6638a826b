"""Tests of charnn.data.schemes."""

from collections.abc import Callable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.conll import Sentence, TaggedData
from charnn.data.schemes import LAWS, SCHEMES, Span, detect_scheme, legal_transitions, spans, to_bio, to_bioes
from charnn.data.settings import CONLLU_COLUMNS, TaggedSettings
from charnn.errors import DataError

TYPES = ("x", "creative-work")
ANY_TAGS = st.lists(st.sampled_from(["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in TYPES)]), max_size=12)
LEGAL_BIO = st.lists(st.tuples(st.integers(0, 3), st.sampled_from(TYPES), st.integers(0, 1)), max_size=5)


@pytest.fixture(scope="module")
def get_entities() -> Any:
    return pytest.importorskip("seqeval.metrics.sequence_labeling").get_entities


def sentences(*tags: str) -> list[Sentence]:
    return [Sentence(tuple("t" for _ in one.split()), tuple(one.split()), f"a:{number}") for number, one in enumerate(tags, 1)]


def bio(layout: list[tuple[int, str, int]]) -> list[str]:
    """Spans of some length and type, each with some O behind it."""
    tags: list[str] = []
    for length, kind, gap in layout:
        tags += [f"{'I' if place else 'B'}-{kind}" for place in range(length)] + ["O"] * gap
    return tags


def iob1(tags_bio: Sequence[str]) -> list[str]:
    """B only where a span follows another of its type."""
    tags = []
    for before, tag in zip(["O", *tags_bio], tags_bio, strict=False):
        tags.append(f"I{tag[1:]}" if tag[0] == "B" and before[1:] != tag[1:] else tag)
    return tags


class TestDetection:
    @pytest.mark.parametrize(
        ("tags", "scheme"),
        [
            (["O B-x I-x O", "B-x B-x"], "BIO"),
            (["I-x I-x O", "I-x B-x I-x", "I-x I-y"], "IOB1"),
            (["B-x I-x E-x S-y", "O O"], "BIOES"),
            (["S-x"], "BIOES"),
            (["B I O"], "BIO"),
            (["B E S B I E"], "BIOES"),
            (["O O"], "none"),
            (["DET NOUN O"], "none"),
            (["S E B I R"], "none"),
            (["the B-52 flew away O"], "none"),
            ([], "none"),
        ],
    )
    def test_the_tags_tell_it(self, tags: list[str], scheme: str) -> None:
        assert detect_scheme(sentences(*tags)) == scheme

    @pytest.mark.parametrize(
        ("tags", "message"),
        [
            (
                ["O B-x I-x", "O I-y O", "I-x"],
                "a:2: in this sentence a span begins with I-y, as in IOB1, but at a:1 one begins with B-x, as in BIO; correct one of them",
            ),
            (["B-x E-x", "O B-x"], "a:2: in this sentence the end comes right after B-x, which BIOES does not allow; correct it"),
            (["S-x I-x"], "a:1: in this sentence I-x comes right after S-x, which BIOES does not allow; correct it"),
            (["S-x", "E-x"], "a:2: in this sentence E-x comes right after the beginning, which BIOES does not allow; correct it"),
            (["B-x I-x O", "O L-x"], "a:2: this sentence has the tag 'L-x', no tag of IOB1, BIO or BIOES as the others are; correct it"),
            (["B-x I-x O", "O B"], "a:2: this sentence has the tag 'B', no tag of IOB1, BIO or BIOES as the others are; correct it"),
        ],
    )
    def test_what_fits_no_scheme_is_reported(self, tags: list[str], message: str) -> None:
        with pytest.raises(DataError) as caught:
            detect_scheme(sentences(*tags))
        assert str(caught.value) == message

    @given(st.lists(LEGAL_BIO, max_size=4))
    def test_every_scheme_is_reported_from_the_others(self, layouts: list[list[tuple[int, str, int]]]) -> None:
        written = [bio(layout) for layout in layouts]
        is_empty = all(tag == "O" for tags in written for tag in tags)
        for scheme, convert in (("BIO", list), ("IOB1", iob1), ("BIOES", lambda tags: to_bioes(tags, "BIO"))):
            found = detect_scheme(sentences(*(" ".join(convert(tags)) for tags in written)))
            assert found == ("none" if is_empty else scheme)


class TestSpans:
    @given(tags=ANY_TAGS)
    def test_they_are_those_of_seqeval(self, get_entities: Callable[[list[str]], list[tuple[str, int, int]]], tags: list[str]) -> None:
        expected = [(begin, end + 1, kind) for kind, begin, end in get_entities(tags)]
        assert spans(tags, "BIOES") == spans(tags, "BIO") == spans(tags, "IOB1") == expected

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ("I-x I-x O", [(0, 2, "x")]),
            ("I-x B-x I-y", [(0, 1, "x"), (1, 2, "x"), (2, 3, "y")]),
            ("E-x I-x S-x E-x", [(0, 1, "x"), (1, 2, "x"), (2, 3, "x"), (3, 4, "x")]),
            ("B I O S", [(0, 2, ""), (3, 4, "")]),
            ("B-creative-work", [(0, 1, "creative-work")]),
            ("", []),
        ],
    )
    def test_by_hand(self, tags: str, expected: list[Span]) -> None:
        assert spans(tags.split(), "BIO") == expected

    def test_tags_that_mark_none_have_none(self) -> None:
        assert spans(["B-52", "NOUN"], "none") == []


class TestConversion:
    @given(LEGAL_BIO)
    def test_every_scheme_goes_to_bioes_and_back(self, layout: list[tuple[int, str, int]]) -> None:
        tags = bio(layout)
        assert to_bio(to_bioes(tags, "BIO")) == to_bio(to_bioes(iob1(tags), "IOB1")) == tags

    @given(ANY_TAGS)
    def test_any_tags_keep_their_spans_and_become_legal(self, tags: list[str]) -> None:
        found = to_bioes(tags, "BIO")
        assert spans(found, "BIOES") == spans(to_bio(found), "BIO") == spans(tags, "BIO")
        assert to_bioes(found, "BIOES") == found
        assert detect_scheme([Sentence(tuple(found), tuple(found), "a:1")]) in ("BIOES", "none")

    def test_by_hand(self) -> None:
        assert " ".join(to_bioes(["I-x", "I-x", "B-x", "O", "I-y", "I-y", "I-y"], "IOB1")) == "B-x E-x S-x O B-y I-y E-y"
        assert to_bioes(["B", "I", "O", "B"], "BIO") == ["B", "E", "O", "S"]
        assert to_bioes(["NOUN", "B-52"], "none") == ["NOUN", "B-52"]


class TestTransitions:
    @given(ANY_TAGS)
    def test_a_legal_path_is_what_conversion_gives(self, tags: list[str]) -> None:
        names = ["O", *(f"{prefix}-{kind}" for prefix in "BIES" for kind in TYPES)]
        follows, first, last = legal_transitions(names)
        assert follows.shape == (9, 9)
        path = [names.index(tag) for tag in tags]
        is_legal = not path or (first[path[0]] and last[path[-1]] and all(follows[pair] for pair in pairwise(path)))
        assert is_legal == (to_bioes(tags, "BIOES") == tags)

    @given(st.permutations(["O", "B-x", "I-x", "E-x", "S-x", "B-y", "E-y", "I-B-x"]))
    def test_the_table_is_what_the_law_says_of_every_pair(self, tags: list[str]) -> None:
        marks = [(tag[0], tag[2:]) for tag in tags]
        follows, _, _ = legal_transitions(tags)
        assert follows.tolist() == [[LAWS["BIOES"](before, mark) for mark in marks] for before in marks]

    @pytest.mark.parametrize("tags", [["NOUN", "DET"], ["O", "B-x", "I-x"], ["S", "E", "B", "I", "R"], ["O", "S-x", "NOUN"], ["O"], []])
    def test_of_tags_that_are_not_bioes_every_path_is_legal(self, tags: list[str]) -> None:
        follows, first, last = legal_transitions(tags)
        assert follows.shape == (len(tags), len(tags))
        assert follows.all()
        assert first.tolist() == last.tolist() == [True] * len(tags)


class TestRealData:
    def test_wnut_has_the_published_spans(self, real_data: Path) -> None:
        for part, expected in (("train", 1_975), ("valid", 836), ("test", 1_079)):
            found = list(TaggedData([real_data / "wnut17" / f"{part}.conll"]).sentences())
            assert detect_scheme(found) == "BIO"
            assert sum(len(spans(one.tags, "BIO")) for one in found) == expected

    @pytest.mark.parametrize("column", CONLLU_COLUMNS[2:])
    def test_no_column_of_a_treebank_marks_spans(self, real_data: Path, column: str) -> None:
        data = TaggedData([real_data / "ud-english-ewt" / "en_ewt-ud-dev.conllu.gz"], TaggedSettings(tag_column=column))
        assert detect_scheme(data.sentences()) == "none"
        assert "none" in SCHEMES
