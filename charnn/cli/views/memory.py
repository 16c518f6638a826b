"""`charnn inspect memory` and `gradients`: how far back cells remember, and how far back a loss still reaches."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cells import CELLS, variants
from charnn.cli.models import limit_threads, open_model, warn_unknown
from charnn.cli.options import SectionedCommand, refuse, settings_options
from charnn.cli.process import say, write, write_lines
from charnn.cli.showing import check_plot, json_option, plot_option, save_picture, show_json, show_picture
from charnn.errors import SettingError
from charnn.inspection.settings import MemorySettings, ReachSettings
from charnn.plots.letters import grid
from charnn.settings import collect, shown
from charnn.tasks.registry import able

COMPARED = tuple(variants())  # The cells that can be compared

LEAST_LAG, MOST_LAG = 2, 10_000

LADDER = (1, 2, 5)  # The lags of a range are these times a power of ten, and its ends
OF_LAGS = ["lag", "chrono"]  # Options without an effect on a text

OF_TRAINING = [*OF_LAGS, "hidden_size", "batch_size", "learning_rate", "minutes", "updates", "seed"]
"""Options without an effect on a trained model."""

PLACES = ("1", "10", "100", "1000")  # Steps back that have a column of the table

WIDTHS = {"cell": 8, "lag": 7, "updates": 7, "seconds": 7, "CPU seconds": 11, "error": 7, "outcome": 10}
"""The columns of the table: rows are shown as they come, so their widths are not measured."""


class Cells(click.ParamType[tuple[str, ...]]):
    """`rnn,lstm`."""

    name = "cells"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """The cells in their order."""
        cells = tuple(value.split(",")) if isinstance(value, str) else value
        for cell in cells:
            if cell not in COMPARED:
                self.fail(f"{shown(cell)} is no cell; the cells are {', '.join(COMPARED)}.", param, ctx)
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


cell_option = click.option(
    "--cell", "cells", type=Cells(), multiple=True, metavar="CELL", help=f"Cells, with commas or several times: {', '.join(COMPARED)}."
)

threads_option = click.option(
    "--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help="CPU threads; small networks gain from one alone."
)


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
    and so on. Without --cell: every cell; rnn-relu begins as the identity (Le et al. 2015).

    JSON keys: problem, error (its name), baseline, solved_below, settings, rows; in a row: cell, lag, updates, seconds,
    cpu_seconds, error, outcome (solved, not solved, diverged).
    """
    settings = collect(MemorySettings, values)
    check_plot(plot)
    from charnn.inspection.memory import PROBLEMS, memory_chart, memory_facts, memory_rows

    limit_threads(threads)
    problem = PROBLEMS[task]
    rows = memory_rows(problem, merged(cells, tuple(CELLS)), sorted(merged(lags, tuple(ladder(10, 1000)))), settings)
    found = list(rows if as_json else written(rows))
    chart = memory_chart(problem, found)
    if as_json:
        show_json(memory_facts(problem, found, settings))
    else:
        write("\n")
        show_picture(chart)
    save_picture(chart, plot)


def written(rows: Iterator[Any]) -> Iterator[Any]:
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


@click.command(cls=SectionedCommand)
@click.argument("files", nargs=-1, metavar="[RUN] [FILE]", type=click.Path(path_type=Path))
@cell_option
@click.option("--lag", type=click.IntRange(LEAST_LAG, MOST_LAG), default=200, show_default=True, help="Steps of the adding problem.")
@settings_options(ReachSettings)
@settings_options(MemorySettings)
@threads_option
@plot_option
@json_option
@click.pass_context
def gradients(
    ctx: click.Context, /, files: tuple[Path, ...], cells: Any, lag: int, threads: int, plot: Path | None, as_json: bool, **values: Any
) -> None:
    """How far back a loss still reaches: the norm of its gradient by the state k steps before.

    RUN: a trained language model, by default the newest run, beside the same network untrained, on FILE (by default the last
    tenth of python-docs). With --cell no RUN: each cell untrained and trained, on the adding problem (see charnn inspect
    memory) or, with FILE, as a language model of its characters. The loss is that of the last step alone; the state of an
    lstm is h and c together; norms are means over sequences, shown as shares of the norm at k = 0. The second table is the
    gradient by all weights before and after clipping to --clip-norm.

    JSON keys: data, steps, clip_norm, scale, networks; in a network: name, cell, trained, norms (from k = 0), shares (at k =
    1, 10, 100, 1000), vanished (the first k with a share below 1e-4), clipping {median_before, largest_before, median_after,
    largest_after, clipped (a share)}.
    """
    training, looking = collect(MemorySettings, values), collect(ReachSettings, values)
    check_plot(plot)
    chosen = merged(cells, ())
    if len(files) > (1 if chosen else 2):
        raise click.UsageError("--cell takes one FILE at most, and no RUN." if chosen else "give one RUN and one FILE at most.")
    if files or not chosen:
        beside = "a text; leave it out" if chosen else "a trained model; leave it out, or compare cells with --cell"
        refuse(ctx, OF_LAGS if chosen else OF_TRAINING, f"has no effect on {beside}")
    elif looking.steps is not None and looking.steps >= lag:
        raise SettingError("steps", f"must be below the {lag:,} steps of --lag, got {looking.steps:,}")
    limit_threads(threads)
    data, found = of_cells(chosen, files, lag, training, looking) if chosen else of_run(files, training, looking)
    from charnn.inspection.gradients import reach_chart

    reaches = list(found)
    chart = reach_chart(reaches, data)
    if as_json:
        facts = [one.facts() for one in reaches]
        steps = len(reaches[0].norms) - 1
        show_json({"data": data, "steps": steps, "clip_norm": training.clip_norm, "scale": looking.scale, "networks": facts})
    else:
        show_picture(chart)
        write_lines(["", *tables(reaches)])
    save_picture(chart, plot)


def of_cells(
    cells: Sequence[str], files: Sequence[Path], lag: int, training: MemorySettings, looking: ReachSettings
) -> tuple[str, Iterator[Any]]:
    """What the cells are compared on, and each of them untrained and trained."""
    from charnn.inspection.gradients import compare_lag, compare_text

    if files:
        return str(files[0]), compare_text(cells, files[0], training, looking, tell)
    return f"adding problem, lag {lag:,}", compare_lag(cells, lag, training, looking, tell)


def tell(message: str) -> None:
    """Write to standard error what has been computed."""
    say(f"{message}.")


def of_run(files: Sequence[Path], training: MemorySettings, looking: ReachSettings) -> tuple[str, Iterator[Any]]:
    """What a trained model is looked at on, and itself untrained and trained. Raises CheckpointError, DataError."""
    from charnn.inspection.gradients import compare_run

    trained = open_model(str(files[0]) if files else None, able("write"))
    if len(files) < 2 and trained.is_documents:
        raise click.UsageError(f"{trained.name} was trained on documents; name a FILE of such.")
    what, tail = (str(files[1]), None) if len(files) > 1 else ("python-docs", 0.1)
    text = trained.tokenized([what], tail)
    warn_unknown(sorted(text.counts.unknown_symbols))
    return f"{trained.name} on {what}", compare_run(trained, text.ids, what, training.clip_norm, looking)


def tables(reaches: Sequence[Any]) -> list[str]:
    """How much of the gradient is left so many steps back; and what clipping does to the gradient by all weights."""
    longest = max(len(one.norms) for one in reaches)
    places = [place for place in PLACES if int(place) < longest]
    names = ("median_before", "largest_before", "median_after", "largest_after")
    left = [["share of the norm left", *(f"k = {int(place):,}" for place in places), "below 1e-4 from"]]
    clipped = [["gradient by all weights", "median", "largest", "clipped: median", "largest", "batches clipped"]]
    for one in reaches:
        facts, end = one.clipping.facts(), "never" if one.vanished is None else f"k = {one.vanished:,}"
        left.append([one.name, *(share(one.at(int(place))) for place in places), end])
        clipped.append([one.name, *(share(facts[name]) for name in names), f"{facts['clipped']:.0%}"])
    return [*grid(left), "", *grid(clipped)]


def share(value: float | None) -> str:
    """A number of any size in few letters."""
    return "not finite" if value is None else f"{value:.2g}"


def ladder(first: int, last: int) -> list[int]:
    """Both ends, and the round numbers between them: 10..1000 is 10, 20, 50, 100, 200, 500, 1000."""
    rungs = {factor * 10**power for power in range(len(str(last))) for factor in LADDER}
    return sorted({first, last} | {rung for rung in rungs if first < rung < last})


def merged(values: tuple[tuple[Any, ...], ...], default: tuple[Any, ...]) -> list[Any]:
    """What several options of one name say together, each thing once."""
    return list(dict.fromkeys(one for value in values for one in value)) or list(default)
