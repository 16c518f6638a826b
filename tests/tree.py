"""The tree of the package as `docs/architecture.md` shows it: each module with the first sentence of its docstring.

`python -m tests.tree` writes it anew.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGE = ROOT / "docs" / "architecture.md"
BEGIN, END = "<!-- the tree: python -m tests.tree -->\n", "<!-- end of the tree -->\n"


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


def page() -> str:
    """Return the page with the tree as it should be now."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    after = rest.partition(END)[2]
    tree = "\n".join(rows(ROOT / "charnn"))
    return f"{before}{BEGIN}```\n{tree}\n```\n{END}{after}"


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
