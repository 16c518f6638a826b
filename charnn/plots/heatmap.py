"""Heat maps: tables of weights from 0 to 1, as a picture, or as a page for a browser that describes the cell pointed at."""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.files import write_whole
from charnn.metrics.alignment import Alignment
from charnn.plots.letters import one_line
from charnn.plots.picture import check_place, picture

WORDS, CELLS, POINTS = (15, 60), (0.34, 0.2), (10.5, 8.0)
"""Numbers of words, with inches of a cell and points of the letters; interpolated in between."""

WRITTEN = 40  # Rows and columns up to which the cells of a picture have texts


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Named rows and columns, how strongly each cell is shaded, and what may be written in it."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: NDArray[np.float64]  # (rows, columns): from 0 to 1
    link: str = "\N{LEFTWARDS ARROW}"  # The words between a row's name and a column's in the description of a cell
    texts: Sequence[Sequence[Sequence[str]]] = ()
    """What may be written in the cells, the most telling first; the shortest last. Of those that fit the first is taken."""
    axes: str = ""  # What the rows and columns are

    def __post_init__(self) -> None:
        assert self.weights.shape == (len(self.rows), len(self.columns))

    @property
    def strongest(self) -> float:
        """The weight that is shown in full colour: among many words, none may be near 1."""
        return float(self.weights.max(initial=0.0)) or 1.0

    def tell(self, row: int, column: int) -> str:
        """A cell in words: `red \N{LEFTWARDS ARROW} rotes  50.0%`."""
        text = f"  {self.texts[-1][row][column]}" if self.texts else ""
        return f"{self.rows[row]} {self.link} {self.columns[column]}{text}  {self.weights[row, column]:.1%}"


def of_alignment(alignment: Alignment, title: str = "") -> Heatmap:
    """Which source words, the columns, each target word looked at."""
    rows, columns = (tuple(map(one_line, words)) for words in (alignment.target, alignment.source))
    return Heatmap(one_line(title), rows, columns, alignment.weights)


def of_confusion(counts: NDArray[Any], labels: Sequence[str], title: str) -> Heatmap:
    """(labels, labels) counts, a row for each true label, shaded by the fraction of the row that was predicted as the column."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = tuple(map(one_line, labels))
    short = [[f"{count:,}" for count in row] for row in counts.tolist()]
    pairs = (zip(row, line, strict=True) for row, line in zip(short, shares.tolist(), strict=True))
    long = [[f"{count} {share:.0%}" for count, share in row] for row in pairs]
    return Heatmap(one_line(title), names, names, shares, "found as", (long, short), "true \N{RIGHTWARDS ARROW} found")


def write_heatmap(path: Path, heatmap: Heatmap, option: str = "plot") -> None:
    """A .png or .svg picture, or an .html page that describes the cell pointed at.

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
    """Draw cells that fill the figure; names, title and colour bar lie around it, and saving makes room for them."""
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
    """A table in HTML, with all it needs."""
    strongest = heatmap.strongest
    heads = "".join(f'<th scope="col">{escape(name)}</th>' for name in heatmap.columns)
    lines = [f"<tr><td>{escape(heatmap.axes)}</td>{heads}</tr></thead>", "<tbody>"]
    for row, name in enumerate(heatmap.rows):
        lines.append(f'<tr><th scope="row">{escape(name)}</th>')
        for column, weight in enumerate(heatmap.weights[row].tolist()):
            said, text = escape(heatmap.tell(row, column)), escape(heatmap.texts[-1][row][column]) if heatmap.texts else ""
            style = " dark" if text and weight > 0.6 * strongest else ""
            lines.append(f'<td class="cell{style}" style="--share:{weight / strongest:.3f}" data-said="{said}">{text}</td>')
        lines.append("</tr>")
    return _PAGE.substitute(title=escape(heatmap.title), strongest=f"{strongest:.0%}", rows="\n".join(lines)).encode()


_PAGE = Template("""<!DOCTYPE html>
<html>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>$title</title>
<style>
:root { color-scheme: light dark; --ink: 8 64 129; --page: #fff; --text: #222; --line: #ddd; --lit: #ffe08a; }
@media (prefers-color-scheme: dark) { :root { --ink: 126 200 255; --page: #16181c; --text: #ddd; --line: #34383f; --lit: #6b5600; } }
body { margin: 1rem 16rem 4rem 1rem; background: var(--page); color: var(--text); font: 15px/1.3 system-ui, sans-serif; }
h1 { font-size: 1.15rem; }
table { border-collapse: separate; border-spacing: 0; }
th, thead td { font-weight: normal; white-space: nowrap; background: var(--page); position: sticky; top: 0; left: 0; z-index: 3; }
thead td { z-index: 4; }
thead th { left: auto; writing-mode: vertical-rl; text-align: end; vertical-align: middle; padding: .3rem 0; }
tbody th { top: auto; z-index: 1; text-align: end; padding: 0 .4rem; }
tbody td { width: 1.5rem; min-width: 1.5rem; height: 1.5rem; padding: 0; position: relative;
  text-align: center; background: rgb(var(--ink) / var(--share)); box-shadow: inset 0 0 0 .5px var(--line); }
tbody td:not(:empty) { padding: 0 .4rem; }
tbody td.dark { color: var(--page); }
tbody tr:hover th, th.lit { background: var(--lit); }
tbody td:hover { outline: 2px solid var(--text); z-index: 2; }
tbody td:hover::after { content: attr(data-said); position: absolute; left: 110%; top: 110%; padding: .3rem .5rem; white-space: pre;
  background: var(--text); color: var(--page); border-radius: .25rem; pointer-events: none; }
.key { display: inline-block; width: 10rem; height: .8rem; margin: 0 .4rem; border: 1px solid var(--line);
  background: linear-gradient(to right, rgb(var(--ink) / 0), rgb(var(--ink))); }
</style>
</head>
<body>
<h1>$title</h1>
<table>
<thead>
$rows
</tbody>
</table>
<p>0%<span class="key"></span>$strongest</p>
<script>
const table = document.querySelector("table"), heads = table.tHead.rows[0].cells;
table.onmouseover = table.onmouseleave = event => {
  for (const head of heads) head.classList.remove("lit");
  if (event.target.dataset.said) heads[event.target.cellIndex].classList.add("lit");
};
</script>
</body>
</html>
""")


WRITERS: dict[str, Callable[[Heatmap, str], bytes]] = {
    ".png": partial(_picture, kind="png"),
    ".svg": partial(_picture, kind="svg"),
    ".html": lambda heatmap, option: _page(heatmap),
}
"""What makes the bytes of a file, by its suffix."""
