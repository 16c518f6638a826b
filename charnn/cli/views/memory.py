"""`charnn inspect memory` and `gradients`: how far back cells remember, and how far back gradients reach."""

import math
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cells import CELLS, variants
from charnn.cli.models import limit_threads, open_model, warn_unknown
from charnn.cli.options import SectionedCommand, refuse, settings_options
from charnn.cli.process import say, write
from charnn.cli.showing import check_plot, json_option, plot_option, save_picture, show
from charnn.errors import SettingError
from charnn.inspection.settings import MemorySettings, ReachSettings
from charnn.plots.letters import grid
from charnn.settings import collect, shown
from charnn.tasks.registry import able

COMPARED = tuple(variants())  # The cells that can be compared
LEAST_LAG, MOST_LAG = 2, 10_000
OF_LAGS = ["lag", "chrono"]  # Options without effect on a text
OF_TRAINING = [*OF_LAGS, "hidden_size", "batch_size", "learning_rate", "minutes", "updates", "seed"]  # ... on a trained model
WIDTHS = {"cell": 8, "lag": 7, "updates": 7, "seconds": 7, "CPU seconds": 11, "error": 7, "outcome": 10}
"""The table's columns with fixed widths, since each row is written as soon as it is computed."""


class Cells(click.ParamType[tuple[str, ...]]):
    """Names of cells with commas between them: `rnn,lstm`."""

    name = "cells"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[str, ...]:
        """Return the cells in their order."""
        cells = tuple(value.split(","))
        for cell in cells:
            if cell not in COMPARED:
                self.fail(f"{shown(cell)} is no cell; the cells are {', '.join(COMPARED)}.", param, ctx)
        return cells


class Lags(click.ParamType[tuple[int, ...]]):
    """Numbers of steps, or ranges of them: `10`, `10,50` or `10..1000`."""

    name = "lags"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        """Return the lags; a range is its ends and the round numbers between them."""
        found: list[int] = []
        for part in value.split(","):
            match = re.fullmatch(r"\s*(\d{1,9})\s*(?:\.\.\s*(\d{1,9})\s*)?", part, re.ASCII)
            if match is None:
                self.fail(f"{shown(part)} is no lag; give a number of steps such as 200, or a range such as 10..1000.", param, ctx)
            first, last = int(match[1]), int(match[2] or match[1])
            if first > last:
                self.fail(f"{part} goes down; name the shortest lag first.", param, ctx)
            if first < LEAST_LAG or last > MOST_LAG:
                self.fail(f"must be at least {LEAST_LAG} and at most {MOST_LAG:,} steps, got {part}.", param, ctx)
            found += ladder(first, last)
        return tuple(found)


cell_help = f"Cells, with commas or several times: {', '.join(COMPARED)}."
cell_option = click.option("--cell", "cells", type=Cells(), multiple=True, metavar="CELL", help=cell_help)
lag_help = "Steps such as 200, or 10..1000; several times.  [default: 10..1000]"
threads_help = "CPU threads; small networks gain from one alone."
threads_option = click.option("--threads", type=click.IntRange(1, 1024), default=1, show_default=True, help=threads_help)


@click.command(cls=SectionedCommand)
@click.option("--lag", "lags", type=Lags(), multiple=True, metavar="LAG", help=lag_help)
@click.option("--task", type=click.Choice(["adding", "copy"]), default="adding", show_default=True, help="Problem to learn.")
@cell_option
@settings_options(MemorySettings)
@threads_option
@plot_option
@json_option
def memory(lags: tuple[Any, ...], task: str, cells: tuple[Any, ...], threads: int, plot: Path | None, as_json: bool, **values: Any) -> None:
    """Find the longest lag that each cell still learns, by training it briefly on a problem that needs memory.

    adding: each step of a sequence, as long as the lag, has a number from 0 to 1 and a mark, set once in each half. The answer
    after the last step is the sum of the two marked numbers; always answering 1 has a mean squared error of 0.167. copy: the
    first step has one of 8 symbols, and as many distractors as the lag follow; the answer is that symbol, and the error is the
    fraction of wrong answers, 0.875 by chance.

    A lag is solved with an error below 0.01 on 1,000 unseen sequences. Training ends then, or when the minutes are over; the
    error is the least of those measured every 100 updates. A range of lags such as 10..1000 is 10, 20, 50, 100 and so on.
    Without --cell: every cell; rnn-relu is initialised as the identity (Le et al. 2015).
    """
    settings = collect(MemorySettings, values)
    check_plot(plot)
    from charnn.inspection.memory import PROBLEMS, memory_chart, memory_facts, memory_rows

    limit_threads(threads)
    problem = PROBLEMS[task]
    rows = memory_rows(problem, merged(cells, tuple(CELLS)), sorted(merged(lags, tuple(ladder(10, 1000)))), settings)
    found = list(rows if as_json else written(rows))
    chart = memory_chart(problem, found)
    show(memory_facts(problem, found, settings), chart, as_json)
    save_picture(chart, plot)


def written(rows: Iterator[Any]) -> Iterator[Any]:
    """Write each row as a line of a table, as soon as it is computed, and pass it on; a blank line ends the table."""
    write_row(list(WIDTHS))
    for row in rows:
        costs = [f"{row.updates:,}", f"{row.seconds:,.1f}", f"{row.cpu_seconds:,.1f}"]
        write_row([row.cell, f"{row.lag:,}", *costs, error_words(row.error), row.outcome])
        yield row
    write("\n")


def write_row(cells: list[str]) -> None:
    """Write cells in the columns of WIDTHS: the first to the left, the others to the right."""
    first, *others = zip(cells, WIDTHS.values(), strict=True)
    write(first[0].ljust(first[1]) + "".join("  " + text.rjust(width) for text, width in others) + "\n")


def error_words(error: float) -> str:
    """Return an error in at most seven characters, `-` for one that is not finite."""
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
    """Show how far back gradients reach: norms of the last step's loss by the state k steps before.

    RUN: a trained language model, by default the newest run, compared with the same network untrained, on FILE (by default the
    last tenth of python-docs). With --cell and no RUN: each cell untrained and trained, on the adding problem (see charnn inspect
    memory) or, with FILE, as a language model of its characters. The state of an lstm is h and c together; norms are means over
    sequences, shown as fractions of the norm at k = 0. The second table is about the gradient by all weights, before and after
    clipping to --clip-norm.
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
    chart, facts = reach_chart(reaches, data), [one.facts() for one in reaches]
    common = {"data": data, "steps": len(facts[0]["norms"]) - 1, "clip_norm": training.clip_norm, "scale": looking.scale}
    show({**common, "networks": facts}, chart, as_json, lines=["", *tables(facts)])
    save_picture(chart, plot)


def of_cells(
    cells: Sequence[str], files: Sequence[Path], lag: int, training: MemorySettings, looking: ReachSettings
) -> tuple[str, Iterator[Any]]:
    """Return the name of the data, and the Reach of each cell untrained and trained on them."""
    from charnn.inspection.gradients import compare_lag, compare_text

    if files:
        return str(files[0]), compare_text(cells, files[0], training, looking, say)
    return f"adding problem, lag {lag:,}", compare_lag(cells, lag, training, looking, say)


def of_run(files: Sequence[Path], training: MemorySettings, looking: ReachSettings) -> tuple[str, Iterator[Any]]:
    """Return the names of model and data, and the Reach of the model untrained and trained. Raises CheckpointError, DataError."""
    from charnn.inspection.gradients import compare_run

    trained = open_model(str(files[0]) if files else None, able("write"))
    if len(files) < 2 and trained.is_documents:
        raise click.UsageError(f"{trained.name} was trained on documents; name a FILE of documents.")
    what, tail = (str(files[1]), None) if len(files) > 1 else ("python-docs", 0.1)
    text = trained.tokenized([what], tail)
    warn_unknown(sorted(text.counts.unknown_symbols))
    return f"{trained.name} on {what}", compare_run(trained, text.ids, what, training.clip_norm, looking)


def tables(networks: Sequence[dict[str, Any]]) -> list[str]:
    """Return two tables of Reach.facts(): the gradient left k steps back, and what clipping does to the gradient by all weights."""
    left = [["fraction of the norm left", *(f"k = {int(place):,}" for place in networks[0]["shares"]), "below 1e-4 from"]]
    clipped = [["gradient by all weights", "median", "largest", "clipped: median", "largest", "batches clipped"]]
    for one in networks:
        clipping, end = one["clipping"], "never" if one["vanished"] is None else f"k = {one['vanished']:,}"
        left.append([one["name"], *map(short, one["shares"].values()), end])
        norms = [clipping[f"{what}_{when}"] for when in ("before", "after") for what in ("median", "largest")]
        clipped.append([one["name"], *map(short, norms), f"{clipping['clipped']:.0%}"])
    return [*grid(left), "", *grid(clipped)]


def short(value: float | None) -> str:
    """Return a number of any size in two digits."""
    return "not finite" if value is None else f"{value:.2g}"


def ladder(first: int, last: int) -> list[int]:
    """Return both ends, and 1, 2 or 5 times powers of ten between them: 10..1000 is 10, 20, 50, 100, 200, 500, 1000."""
    rungs = {factor * 10**power for power in range(len(str(last))) for factor in (1, 2, 5)}
    return sorted({first, last} | {rung for rung in rungs if first < rung < last})


def merged(values: tuple[tuple[Any, ...], ...], default: tuple[Any, ...]) -> list[Any]:
    """Return the values of an option given several times, each once; the default where there is none."""
    return list(dict.fromkeys(one for value in values for one in value)) or list(default)
