"""Every command and every piece of Python in the README and in `docs/` runs, on small files of the same names; links lead somewhere."""

import contextlib
import io
import os
import re
import shlex
import shutil
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics
from typing import Any

import pandas as pd
import pytest
from click.testing import CliRunner

import charnn
from charnn.cli.main import main
from tests.pages import CLI, README, cli_page, help_pages, pieces, prose, written
from tests.tree import DOCS

VERSE = "Once upon a time there was a sea, a sea of blue and green.\nOnce more the king went out to see what nobody had seen.\n"
SMALLER = "--validations 2 --batch-size 4 --window 16"
SMALL = f"--hidden-size 16 {SMALLER}"
TRAINED = {
    "poems": "lm corpus.txt",
    "shakespeare": "lm shakespeare.txt",
    "mood": "classifier",
    "stars": "classifier reviews.csv --text-column review --label-column stars",
    "names-and-dates": "tagger",
    "tagged": "tagger tagged.conll",
    "en-fr": "translator",
    "de-en": "translator --source train.de --target train.en",
    "cosine": "forecaster",
    "sales": "forecaster sales.csv --target sold",
}
"""The runs that pages use without training them, and how they are trained."""

PAGES = written()
LONG_DASHES = re.compile(r"(?<![\w-])--[a-z][a-z-]+")
WORDS = re.compile(r"\b(said|told|stands|so many|referee)\b", re.IGNORECASE)
"""Words that the documentation does without: the field has others."""

LONGEST = 200
"""Lines of the README."""


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files that the pages speak of, small."""
    folder = tmp_path_factory.mktemp("files")
    for name in ("corpus.txt", "other.txt", "shakespeare.txt"):
        (folder / name).write_text(VERSE * 10 + "\n".join(topics["strings"].split("\n")[:200]))
    (folder / "names.txt").write_text("ann\nbob\neve\nian\nzoe\n" * 20)
    (folder / "lines.txt").write_text("what a day\nrain again\n")
    (folder / "names-by-language").mkdir()
    for language in ("English", "Italian"):
        (folder / "names-by-language" / f"{language}.txt").write_text(f"{language[:3]}son\n{language[:2]}ini\n" * 20)
    write_tables(folder)
    write_sentences(folder)
    return folder


def write_tables(folder: Path) -> None:
    """Write reviews, messages, one table with a bad row, and a series."""
    (folder / "tweets.csv").write_text("text,mood\nwhat a day,happy\nrain again,sad\n" * 40)
    opinions = [(f"no {number}: {text}", stars) for number in range(40) for text, stars in (("what a joy", 5), ("so dull", 1))]
    rows = "".join(f"{number},{text},{stars}\n" for number, (text, stars) in enumerate(opinions))
    (folder / "reviews.csv").write_text(f"id,review,stars\n{rows}")
    (folder / "new.csv").write_text(f"id,text,stars\n{rows}")
    (folder / "excel.csv").write_text("Text;Label\n" + "".join(f"{text};{stars}\n" for text, stars in opinions))
    (folder / "odd.csv").write_text("Text,Label\nrain,1\nonly one cell\n" + "".join(f"{text},{stars}\n" for text, stars in opinions))
    (folder / "labelled.txt").write_text("".join(f"__label__{'good' if stars > 1 else 'bad'} {text}\n" for text, stars in opinions))
    (folder / "SMSSpamCollection").write_text("".join(f"{'ham' if stars > 1 else 'spam'}\t{text}\n" for text, stars in opinions))
    sales = [f"{2015 + number // 12}-{number % 12 + 1:02},{100 + number + 9 * (number % 12)}\n" for number in range(72)]
    (folder / "sales.csv").write_text("month,sold\n" + "".join(sales[:60]))
    (folder / "newer-sales.csv").write_text("month,sold\n" + "".join(sales))
    (folder / "air-passengers.csv").write_text("Month,#Passengers\n" + "".join(sales))


def write_sentences(folder: Path) -> None:
    """Write tagged sentences and pairs of sentences."""
    (folder / "tagged.conll").write_text("Ann\tB-person\nwent\tO\nhome\tO\n.\tO\n\n" * 30)
    for name in ("train.conll", "valid.conll"):
        (folder / name).write_text("Eve\tB-person\nstayed\tO\n.\tO\n\n" * 30)
    (folder / "train.de").write_text("".join(f"Ein {one} geht.\nEine {one} steht.\n" for one in "abcdefghijklmnop"))
    (folder / "train.en").write_text("".join(f"A {one} walks.\nA {one} stands.\n" for one in "abcdefghijklmnop"))
    for name in ("val", "new"):
        (folder / f"{name}.de").write_text("Ein q geht.\nEine r steht.\n")
    (folder / "val.en").write_text("A q walks.\nA r stands.\n")
    pairs = (f'{{"translation": {{"en": "a {one} walks", "fr": "un {one} marche"}}}}\n' for one in "abcdefghijklmnop" * 2)
    (folder / "pairs.jsonl").write_text("".join(pairs))


@pytest.fixture(scope="module")
def shelf(files: Path) -> Iterator[Path]:
    """The folder of runs that several pages use; each is trained when the first page asks for it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)
        yield files / "checkpoints"


@pytest.fixture
def desk(page: Path, files: Path, shelf: Path, tmp_path: Path) -> Path:
    """A folder with the files of the pages, and with the runs that this page uses but does not train."""
    text = "\n".join(piece.text for piece in pieces(page))
    made = set(re.findall(r"train .*--to checkpoints/([\w-]+)", text))
    needed = sorted((set(re.findall(r"checkpoints/([\w-]+)", text)) & set(TRAINED)) - made)
    shutil.copytree(files, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("checkpoints"))
    for name in needed:
        if not (shelf / name).exists():
            code, _, errors = run(shortened(f"charnn train {TRAINED[name]} --to checkpoints/{name}"), files)
            assert code == 0, errors
        shutil.copytree(shelf / name, tmp_path / "checkpoints" / name)
    return tmp_path


def shortened(command: str) -> str:
    """The same command with a smaller network and fewer steps."""
    if "charnn train " in command:
        command = re.sub(r" --(minutes|steps|epochs) [\d.]+", "", command)
        command = re.sub(r"(?=( > .*)?$)", f" --steps 10 {SMALL if '--init-from' not in command else SMALLER}", command, count=1)
    if " inspect memory " in command or " inspect gradients --cell" in command:
        command = re.sub(r"(--lag \d+ )+", "--lag 10 ", command.replace("--minutes 2", "--updates 20"))
    command = re.sub(r"(--rounds) \d+", r"\1 1", command)
    if " bench " in command and "--cell" not in command and "translate" not in command:
        command += " --cell gru"
    return command.replace(" --window 16", "") if " translator " in command or " forecaster " in command else command


def run(command: str, folder: Path) -> tuple[int, str, str]:
    """Exit code, standard output and error of a command in a folder; `cat`, `echo`, pipes and `>` are understood."""
    command, _, target = command.partition(" > ")
    first, _, last = command.rpartition(" | ")
    source = subprocess.run(["bash", "-c", first], cwd=folder, capture_output=True, timeout=60, check=True).stdout if first else None
    with inside(folder):
        result = CliRunner().invoke(main, words(last)[1:], input=source, prog_name="charnn")
    if target:
        (folder / target).write_bytes(result.stdout_bytes)
    return result.exit_code, result.stdout, result.stderr


def words(command: str) -> list[str]:
    """The words of a command, with the newlines of `$'...'` as a shell reads them."""
    return [word.removeprefix("$").replace("\\n", "\n") if word.startswith("$") else word for word in shlex.split(command)]


@contextlib.contextmanager
def inside(folder: Path) -> Iterator[None]:
    """Work in a folder."""
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)


def python(code: str, name: str, folder: Path, names: dict[str, Any]) -> str:
    """What some Python prints in a folder, with the names that the page knows so far."""
    with inside(folder), contextlib.redirect_stdout(io.StringIO()) as printed:
        exec(compile(quick(code), name, "exec"), names)
    return printed.getvalue()


def quick(code: str) -> str:
    """The same Python with smaller networks, fewer steps and one process."""
    code = re.sub(r"\bn_jobs=\d+", "n_jobs=1", re.sub(r"\bhidden_size=\d+", "hidden_size=8", code))
    code = re.sub(r"\(([^()]*)\b(?:minutes|epochs)=[\d.]+([^()]*)\)", _few_steps, code)
    return re.sub(r"\bsteps=(\d)00\b", r"steps=\g<1>0", code)


def _few_steps(call: re.Match[str]) -> str:
    size = "" if "hidden_size" in call[0] else ", hidden_size=8"
    return f"({call[1]}steps=12{call[2]}{size}, threads=1)"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_what_a_page_runs_works_in_its_order(page: Path, desk: Path) -> None:
    names: dict[str, Any] = {"__name__": "__main__"}
    for piece in pieces(page):
        place = f"{page.name}:{piece.line}: {piece.text}"
        if piece.kind == "python":
            shown = python(piece.text, place, desk, names)
            assert shown or "print(" not in piece.text, place
            continue
        code, output, errors = run(shortened(piece.text), desk)
        assert code == 0, f"{place}\n{errors}"
        assert "Traceback" not in errors
        assert output or "charnn train " in piece.text or " > " in piece.text, place


def test_everything_in_blocks_of_commands_is_found() -> None:
    """A block or a table that the reader of pages overlooks would never run."""
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        shown = re.findall(r"^\$ (.+)$", text, re.MULTILINE)
        found = [piece.text for piece in pieces(page)]
        assert [command for command in shown if command not in found] == []
        assert len(re.findall("^```python$", text, re.MULTILINE)) <= len([piece for piece in pieces(page) if piece.kind == "python"])
        assert set(re.findall(r"^```(\w+)$", text, re.MULTILINE)) <= {"console", "python", "sh"}
    assert sum(len(pieces(page)) for page in PAGES) > 150


def test_each_mistake_of_the_python_page_gives_its_exception_and_sentence(tmp_path: Path) -> None:
    texts = [f"text {number}" for number in range(80)]
    names = {"charnn": charnn, "texts": texts, "labels": ["happy", "sad"] * 40, "table": pd.DataFrame({"text": texts})}
    rows = re.findall(r"^\| `(charnn\..+)` \| `(\w+)` \| (.+) \|$", (DOCS / "python.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert len(rows) > 15
    for mistake, kind, sentence in rows:
        with inside(tmp_path), pytest.raises(Exception) as caught:  # noqa: PT011
            eval(mistake, names)
        assert (type(caught.value).__name__, str(caught.value)) == (kind, sentence), mistake


def test_what_a_page_types_into_a_shell_is_pip_or_a_target_of_make() -> None:
    targets = re.findall(r"^(\w+):", (README.parent / "Makefile").read_text(encoding="utf-8"), re.MULTILINE)
    known = {("make", target) for target in targets} | {("pip", "install")}
    blocks = [block for page in PAGES for block in re.findall(r"```sh\n(.*?)```", page.read_text(encoding="utf-8"), re.DOTALL)]
    assert {tuple(line.split()[:2]) for block in blocks for line in block.splitlines()} <= known


@cache
def flags() -> frozenset[str]:
    """Return the options of all commands."""
    return frozenset(LONG_DASHES.findall("".join(text for _, text in help_pages())))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_options_that_a_page_names_exist(page: Path) -> None:
    assert set(LONG_DASHES.findall(prose(page))) - flags() - {"--constraint"} == set()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_the_links_of_a_page_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)\s]+)\)", prose(page)):
        place, _, heading = target.partition("#")
        if not re.match(r"https?:", target):
            file = page.parent / place if place else page
            assert file.exists(), target
            assert not heading or heading in anchors(file), target


def anchors(page: Path) -> set[str]:
    """The names of a page's headings in links."""
    headings = re.findall(r"^#+ (.+)$", re.sub(r"```.*?```", "", page.read_text(encoding="utf-8"), flags=re.DOTALL), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_a_page_uses_the_words_of_the_field(page: Path) -> None:
    text = re.sub(r"```.*?```", "", prose(page), flags=re.DOTALL)
    assert WORDS.findall(text) == []


def test_the_readme_is_short_and_leads_to_every_page() -> None:
    text = README.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LONGEST
    assert set(re.findall(r"\]\(docs/([\w-]+\.md)\)", text)) == {path.name for path in DOCS.glob("*.md")}


def test_the_page_of_the_command_line_is_up_to_date() -> None:
    """`python -m tests.pages` writes it anew."""
    assert CLI.read_text(encoding="utf-8") == cli_page(), "docs/cli.md is stale: python -m tests.pages writes it anew"
