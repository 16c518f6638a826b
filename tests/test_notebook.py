"""The notebook of the documentation runs, and shows no more of a training than a line."""

import re
from typing import Any

import nbformat
import pytest
from nbconvert.preprocessors import ExecutePreprocessor

from tests.tree import DOCS, ROOT

NOTEBOOK = DOCS / "first-steps.ipynb"
PROGRESS = re.compile(r"\d of [\d,]+ updates, loss")
MOST = 20  # Lines that the progress of a training may take


@pytest.fixture(scope="module")
def run() -> Any:
    """The notebook after all its cells ran; a cell that fails is an error here."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    ExecutePreprocessor(timeout=120, kernel_name="python3").preprocess(notebook, {"metadata": {"path": str(ROOT)}})
    return notebook


def codes(notebook: Any) -> list[Any]:
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


def printed(output: Any) -> str:
    """What an output shows as text."""
    return str(output.get("text") or output.get("data", {}).get("text/plain", ""))


def test_no_cell_fails(run: Any) -> None:
    assert [output.output_type for cell in codes(run) for output in cell.outputs if output.output_type == "error"] == []
    assert [output.text for cell in codes(run) for output in cell.outputs if output.get("name") == "stderr"] == []


def test_a_training_shows_one_line(run: Any) -> None:
    training = [[printed(output) for output in cell.outputs] for cell in codes(run) if ".fit(" in cell.source]
    shown = [[text for text in texts if PROGRESS.search(text)] for texts in training]
    assert len(shown) == 3
    assert all(len(lines) == 1 and lines[0].count("\n") < MOST for lines in shown)
    assert all(sum(printed(output).count("\n") + 1 for output in cell.outputs) <= MOST for cell in codes(run))


def test_the_notebook_has_the_results_of_a_run_of_its_cells_in_order() -> None:
    kept = codes(nbformat.read(NOTEBOOK, as_version=4))
    assert [cell.execution_count for cell in kept] == list(range(1, len(kept) + 1))
    assert sum(bool(cell.outputs) for cell in kept) >= len(kept) - 2
