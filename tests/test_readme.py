"""Every command and every line of Python in the README runs, on small files of the same names."""

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from pydoc_data.topics import topics

import click
import pytest
from click.testing import CliRunner

from charnn.cli.main import main

README = (Path(__file__).parent.parent / "README.md").read_text(encoding="utf-8")
CELLS_PAGE = (Path(__file__).parent.parent / "docs" / "cells.md").read_text(encoding="utf-8")
BLOCKS = re.findall(r"```console\n(.*?)```", README + CELLS_PAGE, re.DOTALL)
COMMANDS = [line[2:] for block in BLOCKS for line in block.split("\n") if line.startswith("$ ")]
SNIPPETS = re.findall(r"```python\n(.*?)```", README, re.DOTALL)

VERSE = "Once upon a time there was a sea, a sea of blue and green.\nOnce more the king went out to see what nobody had seen.\n"
SMALLER = "--reports 2 --batch-size 4 --window 16"
SMALL = f"--hidden-size 16 {SMALLER}"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the files that the README speaks of."""
    folder = tmp_path_factory.mktemp("desk")
    for name in ("corpus.txt", "other.txt", "shakespeare.txt"):
        (folder / name).write_text(VERSE * 10 + "\n".join(topics["strings"].split("\n")[:200]))
    (folder / "names.txt").write_text("ann\nbob\neve\nian\nzoe\n" * 20)
    (folder / "tweets.csv").write_text("text,mood\nwhat a day,happy\nrain again,sad\n" * 40)
    rows = "".join(f"{number},no {number}: {text},{stars}\n" for number in range(40) for text, stars in (("what a joy", 5), ("so dull", 1)))
    for name in ("reviews.csv", "new.csv"):
        (folder / name).write_text(f"id,review,stars\n{rows}".replace("review", "text" if name == "new.csv" else "review", 1))
    (folder / "tagged.conll").write_text("Ann\tB-person\nwent\tO\nhome\tO\n.\tO\n\n" * 30)
    for name in ("train.conll", "valid.conll"):
        (folder / name).write_text("Eve\tB-person\nstayed\tO\n.\tO\n\n" * 30)
    (folder / "train.de").write_text("".join(f"Ein {one} geht.\nEine {one} steht.\n" for one in "abcdefghijklmnop"))
    (folder / "train.en").write_text("".join(f"A {one} walks.\nA {one} stands.\n" for one in "abcdefghijklmnop"))
    for name in ("val", "new"):
        (folder / f"{name}.de").write_text("Ein q geht.\nEine r steht.\n")
    (folder / "val.en").write_text("A q walks.\nA r stands.\n")
    (folder / "lines.txt").write_text("what a day\nrain again\n")
    sales = [f"{2015 + number // 12}-{number % 12 + 1:02},{100 + number + 9 * (number % 12)}\n" for number in range(72)]
    (folder / "sales.csv").write_text("month,sold\n" + "".join(sales[:60]))
    (folder / "newer-sales.csv").write_text("month,sold\n" + "".join(sales))
    (folder / "names-by-language").mkdir()
    for language in ("English", "Italian"):
        (folder / "names-by-language" / f"{language}.txt").write_text(f"{language[:3]}son\n{language[:2]}ini\n" * 20)
    return folder


def shortened(command: str) -> str:
    """The same command with a smaller network and fewer steps."""
    if " train " in command:
        command = re.sub(r"--(minutes|steps) \d+", "--steps 20", command) + f" {SMALL if '--init-from' not in command else SMALLER}"
    if " inspect memory " in command or " inspect gradients --cell" in command:
        command = re.sub(r"(--lag \d+ )+", "--lag 10 ", command.replace("--minutes 2", "--updates 20"))
    return command.replace(" --window 16", "") if " translator " in command else command


def run(command: str, folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error: of the shell for a pipe, else of this process, which has torch loaded already."""
    if re.search(r"[|>]", command):
        whole = command.replace("charnn ", f"{shlex.quote(sys.executable)} -m charnn ")
        done = subprocess.run(["bash", "-c", whole], cwd=folder, capture_output=True, text=True, timeout=120)
        return done.returncode, done.stdout, done.stderr
    before = Path.cwd()
    os.chdir(folder)
    try:
        result = CliRunner().invoke(main, shlex.split(command)[1:])
    finally:
        os.chdir(before)
    return result.exit_code, result.stdout, result.stderr


def test_the_readme_shows_commands() -> None:
    assert len(COMMANDS) > 10
    assert len(SNIPPETS) == 4


def test_every_command_works_in_order(desk: Path) -> None:
    for command in COMMANDS:
        code, output, errors = run(shortened(command), desk)
        assert code == 0, f"{command}\n{errors}"
        assert "Traceback" not in errors
        assert output or " train " in command or " > " in command, command


def test_every_piece_of_python_works(desk: Path) -> None:
    runs = ("lm corpus.txt --to checkpoints/poems", "classifier --to checkpoints/mood", "tagger --to checkpoints/names-and-dates")
    for task in (*runs, "forecaster sales.csv --target sold --to checkpoints/sales"):
        if not (desk / task.split()[-1]).exists():
            assert run(shortened(f"charnn train {task} --steps 20"), desk)[0] == 0
    small = "LanguageModelSettings.from_plain({'network': {'stack': {'hidden_size': 16}}})"
    for snippet in SNIPPETS:
        code = snippet.replace("LanguageModelSettings()", small).replace("steps=100", "steps=20")
        done = subprocess.run([sys.executable, "-c", code], cwd=desk, capture_output=True, text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stdout


def pages(command: click.Command, words: tuple[str, ...] = ()) -> Iterator[str]:
    """The help pages of a command and all below it."""
    yield CliRunner().invoke(main, [*words, "--help"]).output
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from pages(inner, (*words, name))


def test_the_settings_named_in_the_readme_exist() -> None:
    known = set(re.findall(r"--[a-z][a-z-]+", "".join(pages(main)))) | {"--constraint"}
    assert set(re.findall(r"--[a-z][a-z-]+", README)) - known == set()
