"""Options of views that compare cells: which ones, and over which lags."""

import re
from typing import Any

import click

from charnn.settings import shown

CELLS = ("rnn", "rnn-relu", "lstm", "gru")
"""Those of charnn.inspection.lags, which loads torch."""

LEAST_LAG, MOST_LAG = 2, 10_000

LADDER = (1, 2, 5)
"""The lags of a range are these times a power of ten, and its ends."""


class Cells(click.ParamType[tuple[str, ...]]):
    """`rnn,lstm`."""

    name = "cells"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The cells in their order."""
        cells = tuple(value.split(",")) if isinstance(value, str) else value
        for cell in cells:
            if cell not in CELLS:
                self.fail(f"{shown(cell)} is no cell; the cells are {', '.join(CELLS)}.", param, ctx)
        return tuple(cells)


class Lags(click.ParamType[tuple[int, ...]]):
    """`10`, `10,50` or `10..1000`."""

    name = "lags"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """The lags, those of a range in steps of about two."""
        found: list[int] = []
        for part in value.split(",") if isinstance(value, str) else []:
            match = re.fullmatch(r"\s*(\d{1,9})\s*(?:\.\.\s*(\d{1,9})\s*)?", part, re.ASCII)
            if match is None:
                self.fail(f"{shown(part)} is no lag; give a number of steps such as 200, or a range such as 10..1000.", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if first > last:
                self.fail(f"{part} goes down; name the shortest lag first.", param, ctx)
            if first < LEAST_LAG or last > MOST_LAG:
                self.fail(f"must be at least {LEAST_LAG} and at most {MOST_LAG:,} steps, got {part}.", param, ctx)
            found += ladder(first, last)
        return tuple(found) if isinstance(value, str) else tuple(value)


def ladder(first: int, last: int) -> list[int]:
    """Both ends, and the round numbers between them: 10..1000 is 10, 20, 50, 100, 200, 500, 1000."""
    rungs = {factor * 10**power for power in range(len(str(last))) for factor in LADDER}
    return sorted({first, last} | {rung for rung in rungs if first < rung < last})


def merged(values: tuple[tuple[Any, ...], ...], default: tuple[Any, ...]) -> list[Any]:
    """What several options of one name say together, each thing once."""
    return list(dict.fromkeys(one for value in values for one in value)) or list(default)


cell_option = click.option(
    "--cell", "cells", type=Cells(), multiple=True, metavar="CELL", help=f"Cells, with commas or several times: {', '.join(CELLS)}."
)

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads; small networks gain from one alone."
)
