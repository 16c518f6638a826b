"""Tests of charnn.check.contents."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from charnn.check.contents import OPEN, Contents, Problems
from charnn.data.conll import TaggedSettings
from charnn.data.corpus import CorpusSettings
from charnn.data.labelled import LabelledSettings
from charnn.data.pairs import PairFiles, PairSettings

SETTINGS = {"lm": CorpusSettings(), "classifier": LabelledSettings(), "tagger": TaggedSettings(), "translator": PairSettings()}


@pytest.fixture(autouse=True)
def _here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def read(task: str, name: str, content: str | bytes, valid: str | None = None, **values: Any) -> tuple[Contents, Problems]:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    problems = Problems()
    other = None
    if valid is not None:
        Path(f"valid-{name}").write_text(valid)
        other = PairFiles([f"valid-{name}"])
    opened = OPEN[task](PairFiles([name]), other, replace(SETTINGS[task], **values), 1, problems)
    return opened.read(), problems


def warnings(contents: Contents) -> list[str]:
    return [text for name, text in contents.rows if name == "warning"]


GOOD = "".join(f"text {number},{'xy'[number % 2]}\n" for number in range(40))

BAD_ROWS = [
    (
        "classifier",
        "a.csv",
        f'text,label\none\ntwo,x,y\nthree, \n{GOOD}"open,x\n{GOOD}',
        [
            "a.csv:2: expected 2 columns (text, label), found 1",
            "a.csv:3: expected 2 columns (text, label), found 3",
            "a.csv:4: has no label in the column label; fill it in or leave the row out",
            "a.csv:45: is not valid csv: unexpected end of data",
        ],
        40,
    ),
    (
        "classifier",
        "a.tsv",
        f"text,label\none\n{GOOD}".replace(",", "\t"),
        ["a.tsv:2: expected 2 columns (text, label), found 1"],
        40,
    ),
    (
        "classifier",
        "a.jsonl",
        'no\n[1]\n{"text": 1, "label": "x"}\n{"text": "one"}\n' + '{"text": "two", "label": "x"}\n{"text": "three", "label": "y"}\n' * 20,
        [
            "a.jsonl:1: is not valid JSON: Expecting value: line 1 column 1 (char 0)",
            'a.jsonl:2: expected a JSON object such as {"text": ...}, got [1]',
            "a.jsonl:3: the column text should hold text, got 1",
            "a.jsonl:4: has no column 'label'; there are text",
        ],
        40,
    ),
    (
        "classifier",
        "a.txt",
        "__label__x one\nnone\n__label__x __label__y two\n" + "__label__x a\n__label__y b\n" * 20,
        [
            "a.txt:2: has no label; expected '__label__' and a label before the text, got none",
            "a.txt:3: has several labels, x and y; a text can have only one, leave one",
        ],
        41,
    ),
    (
        "tagger",
        "a.conll",
        "a\tO\nb\n\tO\n\nc\t \nd\tO\n\n" + "e\tO\n\n" * 20,
        [
            "a.conll:2: expected 2 columns as in the first sentence, found 1; they are divided by tabs",
            "a.conll:3: has no token in column 1; fill it in or remove the line",
            "a.conll:5: has no tag in column 2; fill it in or leave the sentence out",
        ],
        20,
    ),
    (
        "translator",
        "a.tsv",
        "one\tun\ntwo\n" + "".join(f"{number}\t{number}\n" for number in range(20)),
        ["a.tsv:2: expected 'source<TAB>target', found no tab"],
        21,
    ),
    (
        "translator",
        "a.jsonl",
        '{"source": "one", "target": 1}\n' + '{"source": "two", "target": "2"}\n{"source": "three", "target": "3"}\n' * 20,
        ["a.jsonl:1: the column target should hold text, got 1"],
        40,
    ),
]


@pytest.mark.parametrize(("task", "name", "content", "told", "count"), BAD_ROWS, ids=[f"{row[0]} {row[1]}" for row in BAD_ROWS])
def test_every_bad_row_is_told_and_the_others_are_read(task: str, name: str, content: str, told: list[str], count: int) -> None:
    contents, problems = read(task, name, content)
    assert (problems.told, problems.count) == (told, len(told))
    assert contents.facts["train"] + contents.facts["valid"] == count


def test_bad_rows_of_a_language_model_s_table_are_told_too() -> None:
    rows = "text\tid\none\ntwo\t2\nthree\t3\n"
    contents, problems = read("lm", "a.tsv", rows, text_column="text")
    assert problems.told == ["a.tsv:2: expected 2 columns (text, id), found 1"]
    assert contents.facts["train"] + contents.facts["valid"] == 2


def test_only_the_first_of_many_are_told() -> None:
    _, problems = read("translator", "a.tsv", "one\tun\n" + "two\n" * 9 + "three\ttrois\n")
    assert (len(problems.told), problems.count) == (5, 9)


@pytest.mark.parametrize("task", OPEN)
def test_bad_bytes_do_not_end_the_reading(task: str) -> None:
    rows = {
        "lm": b"\xe9 line\n",
        "classifier": b"__label__x \xe9\n__label__y \xff\n",
        "tagger": b"\xe9\tO\n\xff\tO\n\n",
        "translator": b"\xe9 one\tun\n\xff two\tdeux\n",
    }
    contents, problems = read(task, "a.txt", rows[task] * 20)
    assert problems.told == []
    assert contents.facts["train"]


@pytest.mark.parametrize("task", OPEN)
def test_an_empty_file_is_one_problem(task: str) -> None:
    contents, problems = read(task, "a.txt", "")
    assert contents.rows == []
    assert problems.count == 1
    assert problems.told[0].startswith("a.txt: holds no ")


def test_labels_that_are_rare_or_lopsided_are_told() -> None:
    rows = "text,label\n" + "".join(f"text {number},{'x' if number < 90 else 'y'}\n" for number in range(97)) + "one,z\ntwo,z\nthree,z\n"
    assert warnings(read("classifier", "a.csv", rows, valid="text,label\nnew,x\n")[0]) == [
        "90 % of the texts have the label 'x': look at macro F1 more than at accuracy; --class-weights balanced may help",
        "the label 'z' has only 3 texts (1 other has fewer than 10 too), first at a.csv:99",
    ]


def test_types_and_tags_that_are_rare_are_told() -> None:
    spans = "a\tO\nb\tB-x\n\n" * 12 + "c\tB-y\nd\tI-y\n\n"
    assert warnings(read("tagger", "a.conll", spans, valid="e\tO\n")[0])[-1] == "the type 'y' has only 1 span, first at a.conll:37"
    tags = "a\tDET\nb\tNOUN\n\n" * 12 + "c\tSYM\nd\tX\ne\tX\n\n"
    rare = "the tag 'SYM' has only 1 token (1 other has fewer than 10 too), first at a.conll:37"
    assert warnings(read("tagger", "a.conll", tags, valid="e\tDET\n")[0])[-1] == rare


def test_tags_that_contradict_every_scheme_are_a_problem_and_yet_counted() -> None:
    contents, problems = read("tagger", "a.conll", "a\tB-x\n\nb\tI-x\n\nc\tB-x\nd\tB-x\n\n" * 9, valid="a\tO\n")
    bio = "a.conll:1 one begins with B-x, as in BIO; correct one of them"
    assert problems.told == [f"a.conll:3: in this sentence a span begins with I-x, as in IOB1, but at {bio}"]
    assert contents.facts["scheme"] == "none"


@pytest.mark.parametrize(
    ("task", "name", "content", "valid", "told"),
    [
        (
            "classifier",
            "a.csv",
            f"text,label\n{GOOD}",
            "text,label\none,x\ntwo,new\n",
            "valid-a.csv:3: training has no text with the label 'new'; add some, or leave this one out",
        ),
        (
            "tagger",
            "a.conll",
            "a\tDET\n\n",
            "a\tDET\nb\tNOUN\n",
            "valid-a.conll:1: training has no sentence with the tag 'NOUN'; add some, or leave this one out",
        ),
    ],
)
def test_what_only_the_validation_part_has_is_a_problem(task: str, name: str, content: str, valid: str, told: str) -> None:
    assert read(task, name, content, valid)[1].told == [told]
