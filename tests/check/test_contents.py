"""Tests of charnn.check.contents."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.check.contents import MOST_CLASSES, Contents, Problems, length_classes
from charnn.settings import collect
from charnn.tasks.registry import TASKS
from charnn.training.model import Sources

pytestmark = pytest.mark.usefixtures("here")


def read(task: str, name: str, content: str | bytes, valid: str | None = None, **values: Any) -> tuple[Contents, Problems]:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    problems = Problems()
    if valid is not None:
        Path(f"valid-{name}").write_text(valid)
    sources = Sources([name], [] if valid is None else [f"valid-{name}"])
    opened = TASKS[task].part("check").open_data(sources, collect(TASKS[task].settings, values), TASKS[task].inputs(), problems)
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
            "a.csv:45: a quote that is opened here is not closed; close it, or write a quote within a quoted cell twice",
        ],
        80,
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
]


@pytest.mark.parametrize(("task", "name", "content", "told", "count"), BAD_ROWS, ids=[f"{row[0]} {row[1]}" for row in BAD_ROWS])
def test_every_bad_row_is_told_and_the_others_are_read(task: str, name: str, content: str, told: list[str], count: int) -> None:
    contents, problems = read(task, name, content)
    assert (problems.first, problems.count) == (told, len(told))
    assert contents.facts["train"] + contents.facts["valid"] == count


def test_bad_rows_of_a_language_model_s_table_are_told_too() -> None:
    rows = "text\tid\none\ntwo\t2\nthree\t3\n"
    contents, problems = read("lm", "a.tsv", rows, text_column="text")
    assert problems.first == ["a.tsv:2: expected 2 columns (text, id), found 1"]
    assert contents.facts["train"] + contents.facts["valid"] == 2


@pytest.mark.parametrize("task", ["lm", "classifier"])
def test_bad_bytes_do_not_end_the_reading(task: str) -> None:
    rows = {
        "lm": b"\xe9 line\n",
        "classifier": b"__label__x \xe9\n__label__y \xff\n",
    }
    contents, problems = read(task, "a.txt", rows[task] * 20)
    assert problems.first == []
    assert contents.facts["train"]


@pytest.mark.parametrize("task", ["lm", "classifier"])
def test_an_empty_file_is_one_problem(task: str) -> None:
    contents, problems = read(task, "a.txt", "")
    assert contents.rows == []
    assert problems.count == 1
    assert problems.first[0].startswith("a.txt: holds no ")


def test_labels_that_are_rare_or_lopsided_are_told() -> None:
    rows = "text,label\n" + "".join(f"text {number},{'x' if number < 90 else 'y'}\n" for number in range(97)) + "one,z\ntwo,z\nthree,z\n"
    assert warnings(read("classifier", "a.csv", rows, valid="text,label\nnew,x\n")[0]) == [
        "90 % of the texts have the label 'x': look at macro F1 more than at accuracy; --class-weights balanced may help",
        "the label 'z' has only 3 texts (1 other has fewer than 10 too), first at a.csv:99",
    ]


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
    ],
)
def test_what_only_the_validation_part_has_is_a_problem(task: str, name: str, content: str, valid: str, told: str) -> None:
    assert read(task, name, content, valid)[1].first == [told]


@pytest.mark.parametrize(
    ("lengths", "classes"),
    [
        ([], []),
        ([0, 0], [(0, 0, 2)]),
        ([1, 3, 3, 10], [(1, 1, 1), (2, 2, 0), (3, 3, 2), (4, 4, 0), (5, 5, 0), (6, 6, 0), (7, 7, 0), (8, 8, 0), (9, 9, 0), (10, 10, 1)]),
        ([0, 11, 20], [(0, 0, 1), (11, 12, 1), (13, 14, 0), (15, 16, 0), (17, 18, 0), (19, 20, 1)]),
        ([45, 21, 26], [(21, 25, 1), (26, 30, 1), (31, 35, 0), (36, 40, 0), (41, 45, 1)]),
        ([5_000_000], [(4_500_001, 5_000_000, 1)]),
    ],
)
def test_classes_have_round_equal_widths(lengths: list[int], classes: list[tuple[int, int, int]]) -> None:
    assert length_classes(Counter(lengths)) == classes


def test_the_longest_hundredth_does_not_stretch_the_classes() -> None:
    assert length_classes({7: 60, 10: 39, 3000: 1}) == [(7, 7, 60), (8, 8, 0), (9, 9, 0), (10, 10, 39), (11, None, 1)]


@given(st.dictionaries(st.integers(0, 10**7), st.integers(1, 1000)))
def test_every_length_is_in_one_class(counts: dict[int, int]) -> None:
    classes = length_classes(counts)
    assert len(classes) <= MOST_CLASSES + 2
    for one in classes:
        most = max(counts) if one.most is None else one.most
        assert one.total == sum(count for length, count in counts.items() if one.least <= length <= most)
    assert sum(one.total for one in classes) == sum(counts.values())
