"""Tests of charnn.tasks.forecaster.check."""

from pathlib import Path
from typing import Any

import pytest

from charnn.check.contents import Contents, Problems
from charnn.data.settings import SeriesSettings
from charnn.errors import DataError, SettingError
from charnn.tasks.forecaster.check import open_data
from charnn.tasks.forecaster.settings import ForecasterInputs, ForecasterSettings
from charnn.training.model import Sources

pytestmark = pytest.mark.usefixtures("here")


def read(content: str | bytes, name: str = "a.csv", valid: str | None = None, **values: Any) -> tuple[Contents, Problems]:
    Path(name).write_bytes(content.encode() if isinstance(content, str) else content)
    if valid is not None:
        Path("valid.csv").write_text(valid)
    sources, problems = Sources([name], [] if valid is None else ["valid.csv"]), Problems()
    return open_data(sources, ForecasterSettings(data=SeriesSettings(**values)), ForecasterInputs(), problems).read(), problems


NUMBERS = "".join(f"{number * 7 % 11},{number}\n" for number in range(30))

BAD = {
    "bad rows": (
        "a.csv",
        f'x,y\n1\n1,2,3\n{NUMBERS}"open,2\n{NUMBERS}',
        [
            "a.csv:2: expected 2 columns (x, y), found 1",
            "a.csv:3: expected 2 columns (x, y), found 3",
            "a.csv:34: a quote that is opened here is not closed; close it, or write a quote within a quoted cell twice",
        ],
        60,
    ),
    "bad cells": (
        "a.csv",
        f"x,y\none,1\n,2\n1e999,3\nnan,text\n{NUMBERS}",
        [
            "a.csv:2: the column x should hold a number, got 'one'; correct it, or name another --target",
            "a.csv:3: the value of x is missing; fill it in, or say --missing interpolate",
            "a.csv:4: the column x should hold a number, got '1e999'; correct it, or name another --target",
            "a.csv:5: the value of x is missing; fill it in, or say --missing interpolate",
        ],
        34,
    ),
    "bad objects": (
        "a.jsonl",
        '{"x": 1, "y": 1}\nno\n[1]\n{"y": 1}\n{"x": [1]}\n{"x": true}\n'
        + "".join(f'{{"x": {number * 7 % 11}, "y": "{number}"}}\n' for number in range(30)),
        [
            "a.jsonl:2: is not valid JSON: Expecting value: line 1 column 1 (char 0)",
            'a.jsonl:3: expected a JSON object such as {"text": ...}, got [1]',
            "a.jsonl:4: has no column 'x'; there are y",
            "a.jsonl:5: the column x should hold a number, got '[1]'; correct it, or name another --target",
            "a.jsonl:6: the column x should hold a number, got 'True'; correct it, or name another --target",
        ],
        34,
    ),
    "an object without a column": ("a.jsonl", '{}\n{"x": 1}\n', ["a.jsonl:1: has no columns; leave it out"], 2),
    "nothing": ("a.csv", "", ["a.csv: holds no numbers; give a table with a column of them, or a number a line"], None),
    "a header": ("a.csv", "x,y\n", ["a.csv: holds no numbers; give a table with a column of them, or a number a line"], None),
    "a column twice": (
        "a.csv",
        f"x,x\n{NUMBERS}",
        [
            "a.csv:1: the header line names a column twice: x, x",
            "a.csv: holds no numbers; give a table with a column of them, or a number a line",
        ],
        None,
    ),
    "too short": (
        "a.csv",
        "x\n1\n2\n3\n",
        [
            "the series is too short: 3 values, of which 0 are held out and 1 validated on, and training needs 4; "
            "give a longer one, or a smaller --held-out"
        ],
        3,
    ),
    "constant": ("a.csv", "x\n" + "5\n" * 50, ["a.csv:2: x never changes in the training part; there is nothing to learn"], 50),
}


@pytest.mark.parametrize("name", BAD)
def test_every_problem_is_told_and_the_others_are_counted(name: str) -> None:
    place, content, told, values = BAD[name]
    contents, problems = read(content, place, target="x")
    assert problems.first == told
    assert contents.facts.get("values") == values


def test_what_is_missing_may_be_filled_in() -> None:
    contents, problems = read(f"x,y\n,1\n{NUMBERS}", target="x", missing="interpolate")
    assert (problems.first, contents.facts["columns"]["x"]["missing"]) == ([], {"count": 1, "where": "a.csv:2"})


def test_a_column_without_a_value_is_a_problem() -> None:
    told = read("x,y\n" + "".join(f",{number}\n" for number in range(30)), target="x", missing="interpolate")[1].first
    assert told == ["a.csv: the column x holds no values; name another --target"]


def test_files_to_validate_on_are_read_too() -> None:
    contents, problems = read(f"x,y\n{NUMBERS}", target="x", valid="x,y\n1,2\none,2\n3,4\n")
    assert problems.first == ["valid.csv:3: the column x should hold a number, got 'one'; correct it, or name another --target"]
    assert [contents.facts[name] for name in ("train", "valid", "held_out")] == [27, 3, 3]
    assert read(f"x,y\n{NUMBERS}", target="x", valid="")[1].first[0].startswith("valid.csv: holds no numbers; ")


def test_settings_that_contradict_the_files_end_the_check() -> None:
    with pytest.raises(SettingError, match=r"names 'z', and a\.csv:2 has x, y"):
        read(f"x,y\n{NUMBERS}", target="z")
    with pytest.raises(DataError, match=r"^none\.csv: no such file; "):
        open_data(Sources(["none.csv"]), ForecasterSettings(), ForecasterInputs(), Problems())
