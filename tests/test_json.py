"""`docs/json.md` has every key that a command writes with `--json`, and no key that none writes."""

import json
import re
from pathlib import Path

import pytest
from click.testing import CliRunner

from charnn.cli.main import main
from tests.api.small import MOODS, REVIEWS, SENTENCES, SERIES, SOURCES, TAGS, TARGETS, TEXT, untrained
from tests.test_docs import inside
from tests.tree import DOCS

FILES = {"lm": "t.txt", "classifier": "r.tsv", "tagger": "t.conll", "translator": "p.tsv", "forecaster": "s.csv"}
"""The data of each task."""

COMMANDS = {
    "evaluate: language model": ["evaluate lm t.txt"],
    "evaluate: classifier": ["evaluate classifier r.tsv --abstain-below 0.5"],
    "evaluate: tagger": ["evaluate tagger t.conll"],
    "evaluate: translator": ["evaluate translator p.tsv --per-sentence", "evaluate translator translator p.tsv"],
    "evaluate: forecaster": ["evaluate forecaster s.csv"],
    "predict": [
        "predict lm the",
        "predict classifier a --explain",
        "predict tagger Mara",
        "predict words Mara",
        "predict translator cat --n-best 2",
        "predict translator cat --attention",
        "predict forecaster --interval 0.8",
    ],
    "sample": ["sample lm the --length 3 --clamp 1:2=1"],
    "data check": [
        f"data check {files} --no-measure" for files in ("t.txt", "r.tsv", "t.conll", "p.tsv --task translator", "s.csv --target value")
    ],
    "inspect errors": [f"inspect errors {task} {file}" for task, file in FILES.items()],
    "inspect neurons": ["inspect neurons lm t.txt --page page.html"],
    "inspect gates": ["inspect gates lm the"],
    "inspect unroll": ["inspect unroll lm the"],
    "inspect attention": ["inspect attention translator cat", "inspect attention classifier good"],
    "inspect novelty": ["inspect novelty lm --length 50"],
    "inspect gradients": ["inspect gradients lm t.txt --steps 10"],
    "inspect memory": ["inspect memory --cell gru --lag 10 --updates 1"],
    "plot": [
        "plot lm",
        "plot classifier --confusion --data r.tsv",
        "plot tagger --calibration --data t.conll",
        "plot forecaster --forecast --steps 2",
    ],
    "bench": ["bench train --cell gru --hidden-size 8 --batch 2 --rounds 1"],
}
"""For each section of the page commands that together write all of its keys; models and files as `folder` has them."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Small data of every task, and a run of each on it."""
    folder = tmp_path_factory.mktemp("json")
    (folder / "t.txt").write_text(TEXT)
    (folder / "r.tsv").write_text("text\tlabel\n" + "".join(f"{one}\t{two}\n" for one, two in zip(REVIEWS, MOODS, strict=True)))
    for name, marks in (("t", TAGS), ("w", [["X" if tag == "O" else "Y" for tag in row] for row in TAGS])):
        rows = ("".join(f"{one}\t{tag}\n" for one, tag in zip(*pair, strict=True)) for pair in zip(SENTENCES, marks, strict=True))
        (folder / f"{name}.conll").write_text("\n".join(rows))
    (folder / "p.tsv").write_text("".join(f"{one}\t{two}\n" for one, two in zip(SOURCES, TARGETS, strict=True)))
    (folder / "s.csv").write_text("value\n" + "".join(f"{one}\n" for one in SERIES.tolist()))
    with inside(folder):
        untrained("LanguageModel").fit("t.txt", to="lm")
        untrained("Classifier", pooling="attention").fit("r.tsv", to="classifier")
        untrained("Tagger").fit("t.conll", to="tagger")
        untrained("Tagger").fit("w.conll", to="words")
        untrained("Translator").fit("p.tsv", to="translator")
        untrained("Forecaster").fit("s.csv", to="forecaster")
    return folder


def sections() -> dict[str, set[str]]:
    """The keys on the page, by section; without those inside others."""
    found: dict[str, set[str]] = {}
    heading, is_keys = "", False
    for line in (DOCS / "json.md").read_text(encoding="utf-8").splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("| "):
            first = line.split("|")[1]
            is_keys = first.strip() == "key" or (is_keys and first.strip() != "task")
            if is_keys:
                found.setdefault(heading, set()).update(key for key in re.findall("`([^`]+)`", first) if "." not in key)
    return found


@pytest.mark.parametrize("section", COMMANDS)
def test_the_page_has_the_keys_of_a_command_and_no_others(section: str, folder: Path) -> None:
    written: set[str] = set()
    for command in COMMANDS[section]:
        with inside(folder):
            result = CliRunner().invoke(main, [*command.split(), "--json"], prog_name="charnn")
        assert result.exit_code == 0, result.stderr
        written |= {key for line in result.stdout.splitlines() for key in json.loads(line)}
    page = sections()
    known = page[section] | (page["evaluate"] if section.startswith("evaluate") else set())
    assert written == known


def test_every_section_of_the_page_is_checked() -> None:
    assert sections().keys() == {*COMMANDS, "evaluate"}
