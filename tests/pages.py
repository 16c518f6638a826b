"""The pages of the documentation: which there are, what they run, and `docs/cli.md`, made of the help pages.

`python -m tests.pages` writes `docs/cli.md` anew.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import click
from click.testing import CliRunner

from charnn.cli.main import main
from tests.tree import DOCS, ROOT

README = ROOT / "README.md"
CLI = DOCS / "cli.md"
GENERATED = re.compile(r"<!-- (\w+): python -m .*?<!-- end of \1 -->", re.DOTALL)
INTRODUCTION = """# The command line

The help page of every command with all its options, as on a terminal of 80 columns. `python -m tests.pages` writes this page.

"""


@dataclass(frozen=True)
class Piece:
    """A command or some Python of a page, and the line of the page where it begins."""

    kind: str
    text: str
    line: int


def written() -> list[Path]:
    """Return the pages that people write: the README, and all of `docs` but what is generated whole."""
    return [README, *(path for path in sorted(DOCS.glob("*.md")) if path != CLI)]


def prose(path: Path) -> str:
    """Return a page without its generated parts."""
    return GENERATED.sub("", path.read_text(encoding="utf-8"))


def pieces(path: Path) -> list[Piece]:
    """Return the commands and the Python of a page, in order: of its blocks, and of the table columns `command` and `Python`."""
    found: list[Piece] = []
    fence, block, columns = "", Piece("", "", 0), []
    for number, line in enumerate(path.read_text(encoding="utf-8").split("\n"), 1):
        if fence:
            if line == "```":
                found += [block] if fence == "python" else []
                fence = ""
            elif fence == "python":
                block = Piece("python", f"{block.text}{line}\n", block.line)
            elif fence == "console" and line.startswith("$ "):
                found.append(Piece("command", line[2:], number))
        elif line.startswith("```"):
            fence, block = line[3:] or "text", Piece("python", "", number + 1)
        elif line.startswith("|"):
            cells = [cell.strip() for cell in re.split(r"(?<!\\)\|", line)[1:-1]]
            columns = columns or [cell.lower() for cell in cells]
            found += in_cells(columns, cells, number)
        else:
            columns = []
    return found


def in_cells(columns: list[str], cells: list[str], line: int) -> Iterator[Piece]:
    """Yield what a row of a table runs: each span of code under `command`, and all of them together under `Python`."""
    for column, cell in zip(columns, cells, strict=True):
        code = [span.replace(r"\|", "|") for span in re.findall("`([^`]+)`", cell)]
        if column == "command":
            yield from (Piece("command", span, line) for span in code)
        elif column == "python" and code:
            yield Piece("python", "import charnn\n" + "\n".join(code), line)


def help_pages(command: click.Command = main, words: tuple[str, ...] = ()) -> Iterator[tuple[str, str]]:
    """Yield a command's name and the page of all its options, then those of all commands below it."""
    name = " ".join(("charnn", *words))
    runner = CliRunner()
    page, longer = (runner.invoke(main, [*words, flag], prog_name="charnn", terminal_width=78).output for flag in ("--help", "--help-all"))
    yield name, longer if "--help-all" in page else page
    if isinstance(command, click.Group):
        context = click.Context(command)
        for word in command.list_commands(context):
            inner = command.get_command(context, word)
            assert inner is not None
            yield from help_pages(inner, (*words, word))


def cli_page() -> str:
    """Return `docs/cli.md` as it should be now."""
    return INTRODUCTION + "\n".join(f"## {name}\n\n```\n{text.rstrip()}\n```\n" for name, text in help_pages())


if __name__ == "__main__":
    CLI.write_text(cli_page(), encoding="utf-8")
