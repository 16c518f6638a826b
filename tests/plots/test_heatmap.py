"""Tables of shares: what is said of a cell, whoever draws it; confusion in a terminal, a picture and a page."""

import re
from pathlib import Path

import numpy as np
import pytest
from rich.cells import cell_len

from charnn.metrics.alignment import Alignment
from charnn.plots.heatmap import WRITERS, Heatmap, of_alignment, of_confusion, write_heatmap
from charnn.plots.terminal import drawn_heatmap
from tests.tools import in_colour

COUNTS = np.array([[1500, 7, 3], [0, 8, 2], [0, 0, 0]])
CONFUSION = of_confusion(COUNTS, ["good", "bad", "so so"], "Confusion of a run")


def test_a_cell_is_told_with_its_names_and_percentage() -> None:
    assert CONFUSION.tell(0, 1) == "good found as bad  7  0.5%"
    assert of_alignment(Alignment(("x",), ("y",), np.array([[0.25]]))).tell(0, 0) == "y ← x  25.0%"


def test_a_row_is_shaded_by_its_own_shares_and_an_empty_one_not_at_all() -> None:
    np.testing.assert_allclose(CONFUSION.weights, [[1500 / 1510, 7 / 1510, 3 / 1510], [0, 0.8, 0.2], [0, 0, 0]])
    assert (CONFUSION.strongest, of_confusion(np.zeros((2, 2), int), ["a", "b"], "").strongest) == (1500 / 1510, 1.0)


def test_counts_and_percentages_stand_in_the_cells() -> None:
    lines = drawn_heatmap(CONFUSION).split("\n")
    assert lines[:2] == ["Confusion of a run", "true → found"]
    assert [line.split() for line in lines[2:6]] == [
        ["good", "bad", "so", "so"],
        ["good", "█", "1,500", "99%", "7", "0%", "3", "0%"],
        ["bad", "0", "0%", "█", "8", "80%", "▒", "2", "20%"],
        ["so", "so", "0", "0%", "0", "0%", "0", "0%"],
    ]


@pytest.mark.parametrize(
    ("width", "has", "lacks"),
    [(80, "1,500 99%", "?"), (50, "1,500 99%", "?"), (40, "1,500", "99%"), (26, "██", "1,500"), (10, "99% good", "██")],
)
def test_less_is_said_in_less_room(terminal: pytest.MonkeyPatch, width: int, has: str, lacks: str) -> None:
    terminal.setenv("COLUMNS", str(width))
    found = drawn_heatmap(CONFUSION)
    assert has in found or width == 10
    assert lacks not in found


@pytest.mark.parametrize("is_coloured", [False, True])
@pytest.mark.parametrize("size", [1, 2, 20, 60])
@pytest.mark.parametrize("width", [20, 60, 100, 400])
def test_no_row_is_wider_than_the_terminal(terminal: pytest.MonkeyPatch, width: int, size: int, is_coloured: bool) -> None:
    if is_coloured:
        in_colour(terminal)
    terminal.setenv("COLUMNS", str(width))
    counts = np.random.default_rng(0).integers(0, 2000, (size, size))
    found = drawn_heatmap(of_confusion(counts, [f"名 of label {number} {'long ' * (number % 7)}" for number in range(size)], "title " * 30))
    lines = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in found.split("\n")]
    key = lines[-1:] if "" in lines else []
    assert max(cell_len(line) for line in lines[: len(lines) - len(key)]) <= width


@pytest.mark.parametrize("suffix", WRITERS)
@pytest.mark.parametrize("size", [0, 1, 3, 50])
def test_confusions_of_any_size_are_drawn(tmp_path: Path, suffix: str, size: int) -> None:
    if suffix != ".html":
        pytest.importorskip("matplotlib")
    labels = [f"<label> {number}" for number in range(size)]
    write_heatmap(tmp_path / f"a{suffix}", of_confusion(np.eye(size, dtype=int) * 1234, labels, "$title$"))
    assert (tmp_path / f"a{suffix}").stat().st_size > 1000


def test_a_page_has_the_counts_in_its_cells(tmp_path: Path) -> None:
    write_heatmap(tmp_path / "a.html", CONFUSION)
    page = (tmp_path / "a.html").read_text(encoding="utf-8")
    assert '<td class="cell dark" style="--share:1.000" data-text="good found as good  1,500  99.3%">1,500</td>' in page
    assert "<td>true → found</td>" in page


def test_names_are_as_many_as_rows_and_columns() -> None:
    with pytest.raises(AssertionError):
        Heatmap("", ("a",), ("b", "c"), np.zeros((1, 1)))


def test_names_that_are_alike_when_cut_get_numbers(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "70")
    names = [f"a label with a long name {number}" for number in range(12)]
    lines = drawn_heatmap(of_confusion(np.eye(12, dtype=int), names, "")).split("\n")
    assert lines[1].split() == [str(number) for number in range(1, 13)]
    assert lines[-2].split("  ")[-1] == "12 a label with a long name 11"
