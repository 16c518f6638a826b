"""Heat maps: tables of weights from 0 to 1, as a picture or as a page for a browser, which describes the cell under the pointer."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.files import write_whole
from charnn.metrics.alignment import Alignment
from charnn.plots.letters import one_line
from charnn.plots.picture import check_place, page_template, picture

WORDS, CELLS, POINTS = (15, 60), (0.34, 0.2), (10.5, 8.0)
"""Numbers of words, with inches of a cell and points of the letters for each; interpolated in between."""
WRITTEN = 40  # Pictures with more rows or columns have no texts in their cells


@dataclass(frozen=True, eq=False)
class Heatmap:
    """A table with named rows and columns; each cell has a weight, drawn as its shade, and perhaps a text."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: NDArray[np.float64]  # (rows, columns): from 0 to 1
    link: str = "\N{LEFTWARDS ARROW}"  # Between the names of row and column in the description of a cell
    texts: Sequence[Sequence[Sequence[str]]] = ()  # Tables of texts for the cells, the longest first; the first that fits is used
    axes: str = ""  # A name for rows and columns

    def __post_init__(self) -> None:
        assert self.weights.shape == (len(self.rows), len(self.columns))

    @property
    def strongest(self) -> float:
        """Return the weight that is drawn in full colour; among many words, none may be near 1."""
        return float(self.weights.max(initial=0.0)) or 1.0

    def tell(self, row: int, column: int) -> str:
        """Return a description of a cell: `red \N{LEFTWARDS ARROW} rotes  50.0%`."""
        text = f"  {self.texts[-1][row][column]}" if self.texts else ""
        return f"{self.rows[row]} {self.link} {self.columns[column]}{text}  {self.weights[row, column]:.1%}"


def of_alignment(alignment: Alignment, title: str = "") -> Heatmap:
    """Return the attention of each target word, a row, to the source words, the columns."""
    rows, columns = (tuple(map(one_line, words)) for words in (alignment.target, alignment.source))
    return Heatmap(one_line(title), rows, columns, alignment.weights)


def of_confusion(counts: NDArray[Any], labels: Sequence[str], title: str) -> Heatmap:
    """Return (labels, labels) counts as a map, a row for each true label, shaded by the fraction predicted as each column."""
    fractions = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = tuple(map(one_line, labels))
    short = [[f"{count:,}" for count in row] for row in counts.tolist()]
    pairs = (zip(row, line, strict=True) for row, line in zip(short, fractions.tolist(), strict=True))
    long = [[f"{count} {fraction:.0%}" for count, fraction in row] for row in pairs]
    return Heatmap(one_line(title), names, names, fractions, "found as", (long, short), "true \N{RIGHTWARDS ARROW} found")


def write_heatmap(path: Path, heatmap: Heatmap, option: str = "plot") -> None:
    """Write a .png, .svg or .html file. Raises SettingError for another suffix or without matplotlib, StorageError."""
    check_place(path, WRITERS, option)
    write_whole(path, WRITERS[path.suffix.lower()](heatmap, option))


def _picture(heatmap: Heatmap, option: str, *, kind: str) -> bytes:
    """Return the bytes of a picture of this kind."""
    rows, columns = heatmap.weights.shape
    cell, points = (float(np.interp(max(rows, columns), WORDS, sizes)) for sizes in (CELLS, POINTS))
    texts = heatmap.texts[-1] if heatmap.texts and max(rows, columns) <= WRITTEN else []
    longest = max((len(text) for row in texts for text in row), default=0)
    width = max(cell, (longest + 1) * 0.0095 * points)
    size = (width * max(columns, 1), max(cell, 0.6 * width if texts else 0) * max(rows, 1))
    letters = {"fontsize": points, "parse_math": False}
    return picture(lambda figure: _fill(figure, heatmap, texts, letters), size, kind, option, ", or name a .html file")


def _fill(figure: Any, heatmap: Heatmap, texts: Any, letters: dict[str, Any]) -> None:
    """Draw cells that fill the figure; names, title and colour bar are outside, and saving makes room for them."""
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


def _page(heatmap: Heatmap) -> bytes:
    """Return the map as a table in HTML."""
    strongest = heatmap.strongest
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in heatmap.columns)
    lines = [f"<tr><td>{escape(heatmap.axes)}</td>{heads}</tr></thead>", "<tbody>"]
    for row, name in enumerate(heatmap.rows):
        lines.append(f'<tr><th scope="row">{escape(name)}</th>')
        for column, weight in enumerate(heatmap.weights[row].tolist()):
            description, text = escape(heatmap.tell(row, column)), escape(heatmap.texts[-1][row][column]) if heatmap.texts else ""
            style = " dark" if text and weight > 0.6 * strongest else ""
            lines.append(f'<td class="cell{style}" style="--share:{weight / strongest:.3f}" data-text="{description}">{text}</td>')
        lines.append("</tr>")
    return page_template("heatmap").substitute(title=escape(heatmap.title), strongest=f"{strongest:.0%}", rows="\n".join(lines)).encode()


WRITERS: dict[str, Callable[[Heatmap, str], bytes]] = {
    ".png": partial(_picture, kind="png"),
    ".svg": partial(_picture, kind="svg"),
    ".html": lambda heatmap, option: _page(heatmap),
}
"""The function that makes the bytes of a file, by its suffix."""
