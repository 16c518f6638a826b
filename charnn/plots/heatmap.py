"""A table of shares as shaded cells: what is drawn, before it is known where."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.metrics.alignment import Alignment
from charnn.plots.letters import one_line


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Named rows and columns, how strongly each cell is shaded, and what may be written in it."""

    title: str
    rows: tuple[str, ...]
    columns: tuple[str, ...]
    weights: NDArray[np.float64]
    """(rows, columns): shares, from 0 to 1."""
    link: str = "\N{LEFTWARDS ARROW}"
    """What stands between a row's name and a column's where a cell is told of."""
    texts: Sequence[Sequence[Sequence[str]]] = ()
    """What may be written in the cells, the most telling first; the shortest last. Of those that fit the first is taken."""
    axes: str = ""
    """What the rows and columns are."""

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
    """(labels, labels) counts, a row for each true label, shaded by the share of the row that was found as the column."""
    shares = counts / np.maximum(counts.sum(1, keepdims=True), 1)
    names = tuple(map(one_line, labels))
    short = [[f"{count:,}" for count in row] for row in counts.tolist()]
    long = [
        [f"{count} {share:.0%}" for count, share in zip(row, line, strict=True)] for row, line in zip(short, shares.tolist(), strict=True)
    ]
    return Heatmap(one_line(title), names, names, shares, "found as", (long, short), "true \N{RIGHTWARDS ARROW} found")
