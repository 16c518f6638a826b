"""A heat map as a .png or .svg picture, or as a page."""

import textwrap
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from charnn.files import write_whole
from charnn.plots.files import check_place, picture
from charnn.plots.heatmap import Heatmap
from charnn.plots.heatmap_page import page

WORDS, CELLS, POINTS = (15, 60), (0.34, 0.2), (10.5, 8.0)
"""Inches of a cell and points of the letters, for so many words; in between, in between."""

WRITTEN = 40
"""Rows and columns up to which texts stand in the cells of a picture."""


def write_heatmap(path: Path, heatmap: Heatmap, option: str = "plot") -> None:
    """A .png or .svg picture, or an .html page that tells what is in the cell pointed at.

    Raises SettingError at another suffix or where matplotlib is missing, StorageError where the file cannot be written.
    """
    check_place(path, WRITERS, option)
    write_whole(path, WRITERS[path.suffix.lower()](heatmap, option))


def _picture(heatmap: Heatmap, option: str, *, kind: str) -> bytes:
    """The bytes of a file of this kind."""
    rows, columns = heatmap.weights.shape
    cell, points = (float(np.interp(max(rows, columns), WORDS, sizes)) for sizes in (CELLS, POINTS))
    texts = heatmap.texts[-1] if heatmap.texts and max(rows, columns) <= WRITTEN else []
    longest = max((len(text) for row in texts for text in row), default=0)
    width = max(cell, (longest + 1) * 0.0095 * points)
    size = (width * max(columns, 1), max(cell, 0.6 * width if texts else 0) * max(rows, 1))
    letters = {"fontsize": points, "parse_math": False}
    return picture(lambda figure: _fill(figure, heatmap, texts, letters), size, kind, option, ", or name a .html file")


def _fill(figure: Any, heatmap: Heatmap, texts: Any, letters: dict[str, Any]) -> None:
    """The cells take the whole figure; names, title and colour bar stand around it, and saving makes room for them."""
    from matplotlib.ticker import PercentFormatter

    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.tick_params(length=0, pad=4, top=True, labeltop=True, labelbottom=False)
    axes.spines[:].set_color("0.7")
    axes.set(xlim=(0, max(len(heatmap.columns), 1)), ylim=(max(len(heatmap.rows), 1), 0))
    axes.set_xticks(np.arange(len(heatmap.columns)) + 0.5, heatmap.columns, rotation=90, **letters)
    axes.set_yticks(np.arange(len(heatmap.rows)) + 0.5, heatmap.rows, **letters)
    if heatmap.axes:
        axes.set_xlabel(heatmap.axes, **letters)
    axes.set_title(textwrap.fill(heatmap.title, max(40, round(width * 10))), loc="left", pad=10, **letters | {"fontsize": 12})
    if heatmap.weights.size:
        cells = axes.pcolormesh(heatmap.weights, cmap="Blues", vmin=0, vmax=heatmap.strongest, edgecolors="0.9", linewidth=0.5)
        bar_height = min(height, 3.0)
        bar = figure.add_axes((1 + 0.2 / width, 1 - bar_height / height, 0.13 / width, bar_height / height))
        figure.colorbar(cells, cax=bar, format=PercentFormatter(1)).outline.set_edgecolor("0.7")
        bar.tick_params(labelsize=letters["fontsize"])
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = "white" if heatmap.weights[row, column] > 0.6 * heatmap.strongest else "black"
            axes.text(column + 0.5, row + 0.5, text, ha="center", va="center", color=colour, **letters)


WRITERS: dict[str, Callable[[Heatmap, str], bytes]] = {
    ".png": partial(_picture, kind="png"),
    ".svg": partial(_picture, kind="svg"),
    ".html": lambda heatmap, option: page(heatmap),
}
"""What makes the bytes of a file, by its suffix."""
