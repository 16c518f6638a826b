"""What the pages of `docs/` show of the package itself: its tree, and the table of its tasks.

`python -m tests.tree` writes them anew.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

from charnn.tasks.registry import TASKS

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"


def sentence(path: Path) -> str:
    """Return the first line of a module's docstring."""
    return (ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or "").split("\n")[0]


def rows(folder: Path, depth: int = 0) -> Iterator[str]:
    """Return the lines of a package: its own sentence, its modules, its packages."""
    yield f"{'  ' * depth}{folder.name + '/':<{30 - 2 * depth}} {sentence(folder / '__init__.py')}"
    for path in sorted(folder.glob("*.py")):
        if path.name != "__init__.py":
            yield f"{'  ' * (depth + 1)}{path.name:<{28 - 2 * depth}} {sentence(path)}"
    for package in sorted(path.parent for path in folder.glob("*/__init__.py")):
        yield from rows(package, depth + 1)


def tree() -> str:
    """Return the tree of the package, in a block."""
    return "```\n" + "\n".join(rows(ROOT / "charnn")) + "\n```\n"


def tasks() -> str:
    """Return the table of tasks."""
    lines = ["| `charnn train` | what it trains | built-in data | also |", "|---|---|---|---|"]
    for name, task in TASKS.items():
        summary = " ".join(task.summary.split("\n\n")[0].split()).removeprefix("Train ").rstrip(".")
        lines.append(f"| `{name}` | {summary} | `{task.corpus}` | {', '.join(task.abilities) or '-'} |")
    return "\n".join(lines) + "\n"


PARTS = {"tree": ("architecture.md", tree), "tasks": ("architecture.md", tasks)}
"""What is generated: the page that shows it, and what makes it."""


def page(name: str) -> str:
    """Return a page with its generated parts as they should be now."""
    text = (DOCS / name).read_text(encoding="utf-8")
    for part, (place, make) in PARTS.items():
        begin, end = f"<!-- {part}: python -m tests.tree -->\n", f"<!-- end of {part} -->\n"
        if place == name:
            before, _, rest = text.partition(begin)
            text = before + begin + make() + end + rest.partition(end)[2]
    return text


def pages() -> set[str]:
    """Return the names of the pages with generated parts."""
    return {place for place, _ in PARTS.values()}


if __name__ == "__main__":
    for name in pages():
        (DOCS / name).write_text(page(name), encoding="utf-8")
