"""`charnn inspect memory`: what lag each cell still learns."""

import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click

from charnn.cli.options import SectionedCommand, collect, settings_options
from charnn.cli.showing import check_plot, json_option, plot_option, save_chart, show_chart, show_json
from charnn.cli.streams import write
from charnn.cli.views.cells import Lags, cell_option, ladder, merged, threads_option
from charnn.inspection.settings import MemorySettings

WIDTHS = {"cell": 8, "lag": 7, "updates": 7, "seconds": 7, "CPU seconds": 11, "error": 7, "outcome": 10}
"""The columns of the table: rows are shown as they come, so their widths are not measured."""


@click.command(cls=SectionedCommand)
@click.option(
    "--lag", "lags", type=Lags(), multiple=True, metavar="LAG", help="Steps such as 200, or 10..1000; several times.  [default: 10..1000]"
)
@click.option("--task", type=click.Choice(["adding", "copy"]), default="adding", show_default=True, help="What is to be remembered.")
@cell_option
@settings_options(MemorySettings)
@threads_option
@plot_option
@json_option
def memory(lags: tuple[Any, ...], task: str, cells: tuple[Any, ...], threads: int, plot: Path | None, as_json: bool, **values: Any) -> None:
    """What lag each cell still learns, each trained for a moment on a problem that needs memory.

    adding: a sequence of as many steps as the lag; each step shows a number from 0 to 1 and a mark, which stands once in each
    half. The answer after the last step is the sum of the two marked numbers; always answering 1 has a mean squared error of
    0.167. copy: the first step shows one of 8 symbols, then come as many others as the lag; the answer is the symbol, and the
    error the share of wrong answers, 0.875 by chance.

    Solved is an error below 0.01 on 1,000 sequences that were never trained on. Training ends there or when the minutes are
    over, and the error is the least of those measured every 100 updates. A range of lags such as 10..1000 is 10, 20, 50, 100
    and so on. Without --cell: rnn, lstm, gru; rnn-relu begins as the identity (Le et al. 2015).

    JSON keys: problem, error (its name), baseline, solved_below, settings, rows; in a row: cell, lag, updates, seconds,
    cpu_seconds, error, outcome (solved, not solved, diverged).
    """
    settings = collect(MemorySettings, values)
    check_plot(plot)
    from charnn.device import use_threads
    from charnn.inspection.lags import PROBLEMS
    from charnn.inspection.memory import memory_chart, memory_facts, memory_rows

    use_threads(threads)
    problem = PROBLEMS[task]
    rows = memory_rows(problem, merged(cells, ("rnn", "lstm", "gru")), sorted(merged(lags, tuple(ladder(10, 1000)))), settings)
    found = list(rows if as_json else shown(rows))
    chart = memory_chart(problem, found)
    if as_json:
        show_json(memory_facts(problem, found, settings))
    else:
        write("\n")
        show_chart(chart)
    save_chart(chart, plot)


def shown(rows: Iterator[Any]) -> Iterator[Any]:
    """The rows as they come, each shown as a line of a table."""
    write(line(list(WIDTHS)))
    for row in rows:
        costs = [f"{row.updates:,}", f"{row.seconds:,.1f}", f"{row.cpu_seconds:,.1f}"]
        write(line([row.cell, f"{row.lag:,}", *costs, error_words(row.error), row.outcome]))
        yield row


def line(cells: list[str]) -> str:
    """Cells under each other: the first to the left, the others to the right."""
    first, *others = zip(cells, WIDTHS.values(), strict=True)
    return first[0].ljust(first[1]) + "".join("  " + text.rjust(width) for text, width in others) + "\n"


def error_words(error: float) -> str:
    """An error in seven characters."""
    if not math.isfinite(error):
        return "-"
    return f"{error:.4f}" if error < 100 else f"{error:.0e}"
