"""Tests of charnn.tasks.tagger.check."""

from pathlib import Path

import pytest

from charnn.check.contents import Contents, Problems
from charnn.data.conll import Sentence, TaggedData
from charnn.errors import CheckpointError, DataError
from charnn.tasks.tagger.check import Tags, open_data, tell_tags
from charnn.tasks.tagger.settings import TaggerInputs, TaggerSettings
from charnn.training.model import Sources


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(content: str | bytes, valid: str | None = None) -> tuple[Contents, Problems]:
    Path("a.conll").write_bytes(content.encode() if isinstance(content, str) else content)
    if valid is not None:
        Path("valid.conll").write_text(valid)
    problems = Problems()
    sources = Sources(["a.conll"], [] if valid is None else ["valid.conll"])
    return open_data(sources, TaggerSettings(), TaggerInputs(), problems).read(), problems


def last_warning(contents: Contents) -> str:
    return [text for name, text in contents.rows if name == "warning"][-1]


def test_every_bad_line_is_a_problem_and_the_other_sentences_are_read() -> None:
    contents, problems = read("a\tO\nb\n\tO\n\nc\t \nd\tO\n\n" + "e\tO\n\n" * 20)
    assert problems.first == [
        "a.conll:2: expected 2 columns as in the first sentence, found 1; they are divided by tabs",
        "a.conll:3: has no token in column 1; fill it in or remove the line",
        "a.conll:5: has no tag in column 2; fill it in or leave the sentence out",
    ]
    assert contents.facts["train"] + contents.facts["valid"] == 20


def test_bad_bytes_do_not_end_the_reading() -> None:
    contents, problems = read(b"\xe9\tO\n\xff\tO\n\n" * 20)
    assert problems.first == []
    assert contents.facts["train"] == 18


def test_an_empty_file_is_one_problem() -> None:
    contents, problems = read("")
    assert (contents.rows, problems.count) == ([], 1)
    assert problems.first[0].startswith("a.conll: holds no sentences; ")


def test_types_and_tags_that_are_rare_are_a_warning() -> None:
    spans = "a\tO\nb\tB-x\n\n" * 12 + "c\tB-y\nd\tI-y\n\n"
    assert last_warning(read(spans, valid="e\tO\n")[0]) == "the type 'y' has only 1 span, first at a.conll:37"
    tags = "a\tDET\nb\tNOUN\n\n" * 12 + "c\tSYM\nd\tX\ne\tX\n\n"
    rare = "the tag 'SYM' has only 1 token (1 other has fewer than 10 too), first at a.conll:37"
    assert last_warning(read(tags, valid="e\tDET\n")[0]) == rare


def test_tags_that_contradict_every_scheme_are_a_problem_and_yet_counted() -> None:
    contents, problems = read("a\tB-x\n\nb\tI-x\n\nc\tB-x\nd\tB-x\n\n" * 9, valid="a\tO\n")
    bio = "a.conll:1 one begins with B-x, as in BIO; correct one of them"
    assert problems.first == [f"a.conll:3: in this sentence a span begins with I-x, as in IOB1, but at {bio}"]
    assert contents.facts["scheme"] == "none"


def test_a_tag_that_only_the_validation_part_has_is_a_problem() -> None:
    _, problems = read("a\tDET\n\n", valid="a\tDET\nb\tNOUN\n")
    assert problems.first == ["valid.conll:1: training has no sentence with the tag 'NOUN'; add some, or leave this one out"]


def test_the_tags_of_spans_are_complete_even_where_training_lacks_some():
    tags = Tags.of([["B-x", "O"]], "BIO")
    assert tags.names == ["B-x", "E-x", "I-x", "O", "S-x"]
    sentence = Sentence(tuple("abcd"), ("B-x", "I-x", "O", "B-x"), "a:1")
    assert tags.read(sentence) == ["B-x", "E-x", "O", "S-x"]
    assert tags.numbers([sentence]) == [[0, 1, 3, 4]]


def test_more_tags_than_can_be_told_apart_are_refused():
    """As where a column of words is taken for that of the tags: a table of all pairs would take all memory."""
    with pytest.raises(DataError) as caught:
        Tags.of([[f"word{number}" for number in range(4001)]], "none")
    assert str(caught.value) == "the data contain 4,001 tags, and at most 4,000 are possible; is --tag-column right?"
    assert len(Tags.of([[f"B-{number}" for number in range(999)]], "BIO").names) == 3997


def test_an_unknown_tag_is_named_as_the_file_has_it():
    with pytest.raises(DataError) as caught:
        Tags.of([["B-x"]], "BIO").read(Sentence(("a", "b"), ("B-x", "B-y"), "a.conll:7"))
    assert str(caught.value) == "a.conll:7: the tag 'B-y' does not exist in this model; it has B-x, E-x, I-x, O, S-x"


@pytest.mark.parametrize(
    ("names", "scheme", "said"),
    [
        ("O", "none", "the model is damaged: its tags should be a list of words, got 'O'"),
        (["O", "O"], "none", "the model is damaged: its tags should be at least 1, all different, got ['O', 'O']"),
        (list(map(str, range(4001))), "none", "the model's tags are damaged: 4,001 of them, where at most 4,000 are possible"),
        (["O"], "BILOU", "the model's tags are damaged: they mark spans by 'BILOU', not by IOB1, BIO, BIOES, none"),
    ],
)
def test_damaged_tags_are_refused(names, scheme, said):
    with pytest.raises(CheckpointError) as caught:
        Tags.restore(names, scheme)
    assert str(caught.value) == said


def sentences(*rows: str, name: str = "a") -> list[Sentence]:
    """Each row is `token/tag token/tag`."""
    found = []
    for number, row in enumerate(rows, 1):
        tokens, tags = zip(*(one.split("/") for one in row.split()), strict=True)
        found.append(Sentence(tokens, tags, f"{name}:{number}"))
    return found


def told(train: list[Sentence], valid: list[Sentence]) -> tuple[Contents, Problems]:
    contents, problems = Contents(), Problems()
    tell_tags(contents, train, valid, problems)
    return contents, problems


TRAIN = sentences("Ann/B-person left/O", "ann/O left/O", "It/O", "IT/O", "New/B-place York/I-place")
VALID = sentences("it/O", "Ann/I-person sang/O", "X/B-thing", "Y/I-thing", name="b")


def test_everything_in_sentences_is_counted() -> None:
    contents, problems = told(TRAIN, VALID)
    assert contents.facts == {
        "unit": "sentence",
        "train": 5,
        "valid": 4,
        "tokens": 8,
        "valid_tokens": 5,
        "unknown": 3,
        "scheme": "BIO",
        "tags": {"O": 5, "B-person": 1, "B-place": 1, "I-place": 1},
        "spans": {"person": 1, "place": 1},
        "duplicates": {"count": 2, "where": "a:2"},
        "contradictions": {"count": 1, "where": "a:2"},
        "shared": {"count": 1, "where": "b:1"},
    }
    assert [one.split(":")[:2] for one in problems.first] == [["b", "3"], ["b", "4"]]


def test_the_rows_of_sentences_say_it_in_words() -> None:
    assert told(TRAIN, VALID)[0].rows[:-1] == [
        ("training", "5 sentences, 8 tokens"),
        ("validation", "4 sentences, 5 tokens, 60.0 % of them not seen in training"),
        ("tags", "O 5 (62 %), B-person 1 (12 %), B-place 1 (12 %), I-place 1 (12 %)"),
        ("spans", "BIO: person 1 (50 %), place 1 (50 %)"),
        ("duplicates", "2 sentences occur before, for example a:2"),
        ("warning", "1 sentence occurs before with other tags, for example a:2"),
        ("warning", "1 sentence occurs in both splits, for example b:1"),
        ("warning", "training never saw the tag 'B-thing' of the validation part, for example b:3"),
        ("warning", "training never saw the tag 'I-thing' of the validation part, for example b:4"),
    ]


def test_tags_that_mark_no_spans_have_no_row_of_spans() -> None:
    contents, _ = told(sentences("a/DET dog/NOUN"), sentences("it/PRON"))
    assert contents.rows[:-1] == [
        ("training", "1 sentence, 2 tokens"),
        ("validation", "1 sentence, 1 token, 100.0 % of them not seen in training"),
        ("tags", "DET 1 (50 %), NOUN 1 (50 %)"),
        ("warning", "training never saw the tag 'PRON' of the validation part, for example a:1"),
    ]


def test_of_a_type_of_span_one_tag_is_enough() -> None:
    """Training turns all into BIOES, so it knows every tag of a type that it saw."""
    assert told(sentences("x/B-thing"), sentences("x/B-thing y/I-thing"))[1].first == []


def test_wnut_17(real_data: Path) -> None:
    train, valid = (list(TaggedData([real_data / "wnut17" / f"{part}.conll"]).sentences()) for part in ("train", "valid"))
    found = told(train, valid)[0].facts
    assert [found[name] for name in ("train", "tokens", "valid", "scheme")] == [3394, 62_730, 1009, "BIO"]
    assert found["spans"]["person"] == 660
    assert [found[name]["count"] for name in ("duplicates", "contradictions", "shared")] == [103, 13, 0]
