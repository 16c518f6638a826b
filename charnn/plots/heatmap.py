"""Which source words each target word looked at, as a picture or as a page to open in a browser."""

import textwrap
from collections.abc import Callable
from functools import partial
from html import escape
from pathlib import Path
from string import Template
from typing import Any

import numpy as np

from charnn.alignment import Alignment, printable
from charnn.checkpoint import write_whole
from charnn.plots.files import check_place, picture

OPTION = "attention_plot"

WORDS, CELLS, POINTS = (15, 60), (0.34, 0.2), (10.5, 8.0)
"""Inches of a cell and points of the letters, for so many words; in between, in between."""


def write_heatmap(path: Path, alignment: Alignment, title: str) -> None:
    """A .png or .svg picture, or an .html page that tells the two words and the percentage of the cell pointed at.

    Raises SettingError at another suffix or where matplotlib is missing, StorageError where the file cannot be written.
    """
    check_place(path, WRITERS, OPTION)
    shown = Alignment(tuple(map(printable, alignment.source)), tuple(map(printable, alignment.target)), alignment.weights)
    write_whole(path, WRITERS[path.suffix.lower()](shown, printable(" ".join(title.split()))))


def _strongest(alignment: Alignment) -> float:
    """The weight that is shown in full colour: among many words, none may be near 1."""
    return float(alignment.weights.max(initial=0.0)) or 1.0


def _picture(alignment: Alignment, title: str, *, kind: str) -> bytes:
    """The bytes of a file of this kind."""
    rows, columns = alignment.weights.shape
    cell, points = (float(np.interp(max(rows, columns), WORDS, sizes)) for sizes in (CELLS, POINTS))
    size = (cell * max(columns, 1), cell * max(rows, 1))
    letters = {"fontsize": points, "parse_math": False}
    return picture(lambda figure: _fill(figure, alignment, title, letters), size, kind, OPTION, ", or name a .html file")


def _fill(figure: Any, alignment: Alignment, title: str, letters: dict[str, Any]) -> None:
    """The cells take the whole figure; words, title and colour bar stand around it, and saving makes room for them."""
    from matplotlib.ticker import PercentFormatter

    width, height = figure.get_size_inches()
    axes = figure.add_axes((0, 0, 1, 1))
    axes.tick_params(length=0, pad=4, top=True, labeltop=True, labelbottom=False)
    axes.spines[:].set_color("0.7")
    axes.set(xlim=(0, max(len(alignment.source), 1)), ylim=(max(len(alignment.target), 1), 0))
    axes.set_xticks(np.arange(len(alignment.source)) + 0.5, alignment.source, rotation=90, **letters)
    axes.set_yticks(np.arange(len(alignment.target)) + 0.5, alignment.target, **letters)
    axes.set_title(textwrap.fill(title, max(40, round(width * 10))), loc="left", pad=10, **letters | {"fontsize": 12})
    if alignment.weights.size:
        cells = axes.pcolormesh(alignment.weights, cmap="Blues", vmin=0, vmax=_strongest(alignment), edgecolors="0.9", linewidth=0.5)
        bar_height = min(height, 3.0)
        bar = figure.add_axes((1 + 0.2 / width, 1 - bar_height / height, 0.13 / width, bar_height / height))
        figure.colorbar(cells, cax=bar, format=PercentFormatter(1)).outline.set_edgecolor("0.7")
        bar.tick_params(labelsize=letters["fontsize"])


def _page(alignment: Alignment, title: str) -> bytes:
    """A table in HTML, with all it needs."""
    strongest = _strongest(alignment)
    lines = ["<tr><td></td>" + "".join(f'<th scope="col">{escape(word)}</th>' for word in alignment.source) + "</tr></thead>", "<tbody>"]
    for target, row in zip(alignment.target, alignment.weights.tolist(), strict=True):
        lines.append(f'<tr><th scope="row">{escape(target)}</th>')
        for source, weight in zip(alignment.source, row, strict=True):
            said = escape(f"{target} ← {source}  {weight:.1%}")
            lines.append(f'<td style="--share:{weight / strongest:.3f}" data-said="{said}"></td>')
        lines.append("</tr>")
    return _PAGE.substitute(title=escape(title), strongest=f"{strongest:.0%}", rows="\n".join(lines)).encode()


WRITERS: dict[str, Callable[[Alignment, str], bytes]] = {
    ".png": partial(_picture, kind="png"),
    ".svg": partial(_picture, kind="svg"),
    ".html": _page,
}
"""What makes the bytes of a file, by its suffix."""

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
thead th { left: auto; writing-mode: vertical-rl; text-align: end; vertical-align: bottom; padding: .3rem 0; }
tbody th { top: auto; z-index: 1; text-align: end; padding: 0 .4rem; }
tbody td { width: 1.5rem; min-width: 1.5rem; height: 1.5rem; padding: 0; position: relative;
  background: rgb(var(--ink) / var(--share)); box-shadow: inset 0 0 0 .5px var(--line); }
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
