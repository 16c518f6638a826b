"""The shape of the package: who may import whom, how long things are, what a help page loads."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

from charnn.cells import CELLS
from tests.tree import DOCS, page, pages

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "charnn"

STEPS = [
    ["errors"],
    ["settings", "files"],
    ["tokenizers", "kernels"],
    ["data", "batches"],
    ["metrics"],
    ["baselines", "check", "device"],
    ["cells"],
    ["engine"],
    ["layers"],
    ["decoding", "checkpoint", "plots"],
    ["training"],
    ["tasks"],
    ["inspection", "bench"],
    ["api"],
    ["cli"],
    ["__main__"],
]
"""From the ground up: a module imports only from the steps before its own, or from its own package."""

STEP_OF = {part: number for number, step in enumerate(STEPS) for part in step}

SETTINGS_ONLY = [
    "charnn.settings",
    "charnn.tokenizers.registry",
    *(f"charnn.{room}.settings" for room in ("cells", "decoding", "engine", "inspection", "layers", "training")),
]

WITHOUT_TORCH = ["tokenizers", "data", "kernels", "engine", "decoding", "checkpoint", "check", "cli"]

HEAVY = {
    "IPython",
    "matplotlib",
    "numba",
    "numpy",
    "pandas",
    "rich",
    "sacrebleu",
    "safetensors",
    "scipy",
    "sentencepiece",
    "sklearn",
    "torch",
    "torchtext",
}
"""What takes long enough to import that an import may wait in a function for it."""

MOST_LATE = 100
"""Imports inside functions in the whole package."""

LATE_LIGHT = ["charnn.data.builtin"]
"""Modules whose imports inside functions need not wait."""

CROWDED = ["charnn.data"]
"""Rooms of more than 16 modules."""

CROSS_CUTTING = {"architecture", "laws", "docs", "json", "formats", "phrasebook", "hostile", "stress", "determinism", "odd_series", "ways"}
"""Tests of what no single module or package does."""

MODULES = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in sorted(PACKAGE.rglob("*.py"))}
FACE = "charnn"
"""The package itself: the version, and `load` on first use."""


@cache
def tree(module: str) -> ast.Module:
    return ast.parse(MODULES[module].read_text(encoding="utf-8"))


def statements(node: ast.AST, *, inner: bool) -> Iterator[ast.Import | ast.ImportFrom]:
    """Import statements; without `inner` only those that run when the module is imported."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif inner or not (
            isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef)
            or (isinstance(child, ast.If) and ast.unparse(child.test) == "TYPE_CHECKING")
        ):
            yield from statements(child, inner=inner)


@cache
def imports(module: str, *, inner: bool = True) -> frozenset[str]:
    """Modules that a module imports, for types too: dotted names, submodules resolved."""
    found = set()
    for statement in statements(tree(module), inner=inner):
        if isinstance(statement, ast.Import):
            found |= {alias.name for alias in statement.names}
        else:
            assert statement.level == 0, f"{module}: imports are absolute"
            assert statement.module is not None
            inside = {f"{statement.module}.{alias.name}" for alias in statement.names}
            found |= inside & MODULES.keys() or {statement.module}
    return frozenset(found)


def part(module: str) -> str:
    """The step's name for a module: charnn.tokenizers.words -> text."""
    return module.split(".")[1]


def loaded(module: str) -> set[str]:
    """Everything that importing a module imports, outside the package by top-level name."""
    seen, waiting = set(), [module]
    while waiting:
        name = waiting.pop()
        if name not in seen and name in MODULES:
            waiting += imports(name, inner=False)
        seen.add(name if name in MODULES else name.split(".")[0])
    return seen


def late_imports(module: str) -> list[str]:
    """What a module imports inside functions."""
    early = set(map(id, statements(tree(module), inner=False)))
    typed = {id(child) for node in ast.walk(tree(module)) if isinstance(node, ast.If) for child in node.body}
    late = [one for one in statements(tree(module), inner=True) if id(one) not in early | typed]
    return [one.module or "" if isinstance(one, ast.ImportFrom) else one.names[0].name for one in late]


def functions(module: str) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    return (node for node in ast.walk(tree(module)) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def fresh_python(program: str) -> str:
    """The last line that a program prints in a new process."""
    run = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stderr
    return run.stdout.splitlines()[-1]


def test_every_part_of_the_package_has_its_step():
    assert {part(module) for module in MODULES if module != FACE} == STEP_OF.keys()


@pytest.mark.parametrize("module", [module for module in MODULES if module != FACE])
def test_a_module_imports_only_from_earlier_steps(module):
    others = {name for name in imports(module) if name in MODULES and name != FACE}
    late = {name for name in others if part(name) != part(module) and STEP_OF[part(name)] >= STEP_OF[part(module)]}
    assert late == set()


def test_no_modules_import_each_other_in_a_circle():
    """Not even for types alone."""
    graph = {module: {name for name in imports(module) if name in MODULES and name != FACE} for module in MODULES if module != FACE}
    order = list(TopologicalSorter(graph).static_order())  # raises CycleError, which names the circle
    assert set(order) == set(graph)


@pytest.mark.parametrize("module", [module for module in MODULES if module != FACE and part(module) in WITHOUT_TORCH])
def test_sampling_never_waits_for_torch(module):
    assert "torch" not in loaded(module)


@pytest.mark.parametrize("module", [place.module for place in CELLS.values()])
def test_a_cell_waits_for_torch_until_it_is_trained(module):
    assert "torch" not in loaded(module)


@pytest.mark.parametrize("module", SETTINGS_ONLY)
def test_settings_load_no_numerics(module):
    assert not {"numpy", "torch", "numba"} & loaded(module)


def test_the_package_itself_loads_nothing():
    assert imports(FACE, inner=False) <= {"importlib", "os", "typing"}


@pytest.mark.parametrize("module", MODULES)
def test_an_import_waits_in_a_function_only_for_what_takes_long(module):
    light = [name for name in late_imports(module) if not HEAVY & (loaded(name) if name in MODULES else {name.split(".")[0]})]
    assert not light or f"{module}.".startswith(tuple(f"{one}." for one in [FACE + "._", *LATE_LIGHT]))


def test_few_imports_wait_in_functions():
    assert sum(len(late_imports(module)) for module in MODULES) <= MOST_LATE


def test_help_pages_load_nothing_heavy():
    program = """
import sys
import click
from click.testing import CliRunner
from charnn.cli.main import main

def show(command, words):
    result = CliRunner().invoke(main, [*words, "--help"])
    assert result.exit_code == 0 and result.output.startswith("Usage: "), result.output
    shown.append(" ".join(words))
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            show(command.get_command(context, name), [*words, name])

shown = []
show(main, [])
assert {"sample", "inspect", "inspect gates", "plot"} <= set(shown)
print(sorted(set("numba numpy rich scipy sklearn torch".split()) & sys.modules.keys()))
"""
    assert fresh_python(program) == "[]"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_is_short(module):
    assert len(MODULES[module].read_text(encoding="utf-8").splitlines()) <= 400


@pytest.mark.parametrize("room", sorted({path.parent for path in MODULES.values()}))
def test_a_room_has_few_modules(room):
    name = ".".join(room.relative_to(ROOT).parts)
    assert name in CROWDED or len([path for path in room.glob("*.py") if path.name != "__init__.py"]) <= 16


@pytest.mark.parametrize("module", MODULES)
def test_every_function_is_short(module):
    assert [node.name for node in functions(module) if node.end_lineno - node.lineno >= 50] == []


@pytest.mark.parametrize("module", MODULES)
def test_a_module_says_what_it_is_in_one_line(module):
    docstring = ast.get_docstring(tree(module))
    assert docstring
    assert docstring.splitlines()[0].endswith(".")


@pytest.mark.parametrize("module", MODULES)
def test_nothing_is_left_for_later(module):
    assert re.findall(r"TODO|FIXME|XXX|NotImplementedError", MODULES[module].read_text(encoding="utf-8")) == []


def test_a_test_lies_in_the_folder_of_what_it_tests():
    """A package of the same name, or, of what is cross-cutting, the folder of all tests."""
    tests = Path(__file__).parent
    rooms = {path.parent.relative_to(PACKAGE) for path in MODULES.values()}
    assert {path.parent.relative_to(tests) for path in tests.rglob("test_*.py")} <= rooms
    known = {module.split(".")[-1] for module in MODULES} | {path.stem for path in tests.glob("*.py")} | CROSS_CUTTING
    assert {path.stem.removeprefix("test_") for path in tests.glob("test_*.py")} <= known


def test_what_the_documentation_shows_of_the_package_is_up_to_date():
    """`python -m tests.tree` writes it anew."""
    assert {name: (DOCS / name).read_text(encoding="utf-8") for name in pages()} == {name: page(name) for name in pages()}
