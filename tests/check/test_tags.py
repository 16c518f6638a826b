"""Tests of charnn.check.tags."""

from pathlib import Path

from charnn.check.findings import Finding
from charnn.check.tags import TagExamination, examine_tags
from charnn.data.conll import Sentence, TaggedData
from charnn.data.schemes import detect_scheme


def sentences(*rows: str, name: str = "a") -> list[Sentence]:
    """Each row is `token/tag token/tag`."""
    found = []
    for number, row in enumerate(rows, 1):
        tokens, tags = zip(*(one.split("/") for one in row.split()), strict=True)
        found.append(Sentence(tokens, tags, f"{name}:{number}"))
    return found


TRAIN = sentences("Ann/B-person left/O", "ann/O left/O", "It/O", "IT/O", "New/B-place York/I-place")
VALID = sentences("it/O", "Ann/I-person sang/O", "X/B-thing", "Y/I-thing", name="b")


def test_everything_is_counted() -> None:
    assert examine_tags(TRAIN, VALID, "BIO") == TagExamination(
        sentences=5,
        valid=4,
        tokens=8,
        valid_tokens=5,
        scheme="BIO",
        tags={"O": 5, "B-person": 1, "B-place": 1, "I-place": 1},
        spans={"person": 1, "place": 1},
        where={"B-person": "a:1", "O": "a:1", "B-place": "a:5", "I-place": "a:5"},
        duplicates=Finding(2, "a:2"),
        contradictions=Finding(1, "a:2"),
        shared=Finding(1, "b:1"),
        unseen={"B-thing": "b:3", "I-thing": "b:4"},
        unknown=3,
    )


def test_the_rows_say_it_in_words() -> None:
    assert examine_tags(TRAIN, VALID, "BIO").lines() == [
        ("training", "5 sentences, 8 tokens"),
        ("validation", "4 sentences, 5 tokens, 60.0 % of them not seen in training"),
        ("tags", "O 5 (62 %), B-person 1 (12 %), B-place 1 (12 %), I-place 1 (12 %)"),
        ("spans", "BIO: person 1 (50 %), place 1 (50 %)"),
        ("duplicates", "2 sentences stand there before, for example a:2"),
        ("warning", "1 sentence stands there before with other tags, for example a:2"),
        ("warning", "1 sentence stands in both splits, for example b:1"),
        ("warning", "training never saw the tag 'B-thing' of the validation part, for example b:3"),
        ("warning", "training never saw the tag 'I-thing' of the validation part, for example b:4"),
    ]


def test_tags_that_mark_no_spans_have_no_row_of_spans() -> None:
    found = examine_tags(sentences("a/DET dog/NOUN"), sentences("it/PRON"), "none")
    assert found.lines() == [
        ("training", "1 sentence, 2 tokens"),
        ("validation", "1 sentence, 1 token, 100.0 % of them not seen in training"),
        ("tags", "DET 1 (50 %), NOUN 1 (50 %)"),
        ("warning", "training never saw the tag 'PRON' of the validation part, for example a:1"),
    ]


def test_of_a_type_of_span_one_tag_is_enough() -> None:
    """Training turns all into BIOES, so it knows every tag of a type that it saw."""
    assert examine_tags(sentences("x/B-thing"), sentences("x/B-thing y/I-thing"), "BIO").unseen == {}


def test_wnut_17(real_data: Path) -> None:
    train, valid = (list(TaggedData([real_data / "wnut17" / f"{part}.conll"]).sentences()) for part in ("train", "valid"))
    found = examine_tags(train, valid, detect_scheme(train))
    assert (found.sentences, found.tokens, found.valid, found.scheme, found.spans["person"]) == (3394, 62_730, 1009, "BIO", 660)
    assert (found.duplicates.count, found.contradictions.count, found.shared.count) == (103, 13, 0)
