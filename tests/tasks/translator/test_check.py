"""The data check of pairs: whatever is wrong with the files, they are read to their end."""

from pathlib import Path

import pytest

from charnn.check.contents import Contents, Problems
from charnn.tasks.translator.check import open_data
from charnn.tasks.translator.settings import TranslatorInputs, TranslatorSettings
from charnn.training.model import Sources


def read(folder: Path, name: str, content: str | bytes, valid: str | None = None) -> tuple[Contents, list[str], int]:
    """Return what a file contains, what is wrong with it, without the folder's name, and the number of problems."""
    (folder / name).write_bytes(content.encode() if isinstance(content, str) else content)
    problems, others = Problems(), []
    if valid is not None:
        (folder / f"valid-{name}").write_text(valid)
        others = [folder / f"valid-{name}"]
    contents = open_data(Sources([folder / name], others), TranslatorSettings(), TranslatorInputs(), problems).read()
    return contents, [one.replace(f"{folder}/", "") for one in problems.first], problems.count


BAD_ROWS = [
    (
        "a.tsv",
        "one\tun\ntwo\n" + "".join(f"{number}\t{number}\n" for number in range(20)),
        "a.tsv:2: expected 'source<TAB>target', found no tab",
        21,
    ),
    (
        "a.jsonl",
        '{"source": "one", "target": 1}\n' + '{"source": "two", "target": "2"}\n{"source": "three", "target": "3"}\n' * 20,
        "a.jsonl:1: the column target should hold text, got 1",
        40,
    ),
]


@pytest.mark.parametrize(("name", "content", "problem", "count"), BAD_ROWS, ids=[one[0] for one in BAD_ROWS])
def test_a_bad_row_is_named_and_the_others_are_read(tmp_path: Path, name: str, content: str, problem: str, count: int) -> None:
    contents, problems, _ = read(tmp_path, name, content)
    assert problems == [problem]
    assert contents.facts["train"] + contents.facts["valid"] == count


def test_only_the_first_of_many_are_named(tmp_path: Path) -> None:
    _, problems, count = read(tmp_path, "a.tsv", "one\tun\n" + "two\n" * 9 + "three\ttrois\n")
    assert (len(problems), count) == (5, 9)


def test_bad_bytes_do_not_end_the_reading(tmp_path: Path) -> None:
    contents, problems, _ = read(tmp_path, "a.txt", b"\xe9 one\tun\n\xff two\tdeux\n" * 20)
    assert problems == []
    assert contents.facts["train"]


def test_an_empty_file_is_one_problem(tmp_path: Path) -> None:
    contents, problems, count = read(tmp_path, "a.txt", "")
    assert (contents.rows, count) == ([], 1)
    assert problems == ["a.txt: holds no pairs; give sources and their targets"]


def test_a_bad_row_of_the_validation_file_is_named_too(tmp_path: Path) -> None:
    contents, problems, _ = read(tmp_path, "a.tsv", "one\tun\ntwo\tdeux\n", valid="three\n\nfour\tquatre\n")
    assert problems == ["valid-a.tsv:1: expected 'source<TAB>target', found no tab"]
    assert [contents.facts[name] for name in ("train", "valid")] == [2, 1]
    assert list(contents.facts["symbols"]) == ["source", "target"]
    assert list(contents.lengths) == ["words of a source", "words of a target"]


def test_parallel_files_are_read_line_by_line(tmp_path: Path) -> None:
    for name, text in (("en", "one\ntwo\n"), ("fr", "un\ndeux\n")):
        (tmp_path / name).write_text(text)
    inputs = TranslatorInputs(source=(str(tmp_path / "en"),), target=(str(tmp_path / "fr"),))
    opened = open_data(Sources([]), TranslatorSettings(), inputs, Problems())
    assert len(opened.sources) == 2
    assert opened.read().facts["train"] == 1
