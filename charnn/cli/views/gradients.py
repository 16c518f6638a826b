"""`charnn inspect gradients`: how far back a loss still reaches."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cli.models import warn_unknown
from charnn.cli.options import SectionedCommand, collect, given, settings_options
from charnn.cli.showing import check_plot, json_option, plot_option, save_chart, show_chart, show_json
from charnn.cli.streams import write
from charnn.cli.views.cells import LEAST_LAG, MOST_LAG, cell_option, merged, threads_option
from charnn.errors import SettingError
from charnn.inspection.settings import MemorySettings, ReachSettings

OF_LAGS = ["lag", "chrono"]
"""Options without an effect on a text."""

OF_TRAINING = [*OF_LAGS, "hidden_size", "batch_size", "learning_rate", "minutes", "updates", "seed"]
"""Options without an effect on a trained model."""

PLACES = ("1", "10", "100", "1000")
"""Steps back that have a column of the table."""


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
        refuse(
            given(ctx, OF_LAGS if chosen else OF_TRAINING),
            "a text; leave it out" if chosen else "a trained model; leave it out, or compare cells with --cell",
        )
    elif looking.steps is not None and looking.steps >= lag:
        raise SettingError("steps", f"must be below the {lag:,} steps of --lag, got {looking.steps:,}")
    from charnn.device import use_threads

    use_threads(threads)
    data, found = of_cells(chosen, files, lag, training, looking) if chosen else of_run(files, training, looking)
    reaches = list(found)
    from charnn.inspection.gradients import reach_chart

    chart = reach_chart(reaches, data)
    if as_json:
        facts = [one.facts() for one in reaches]
        steps = len(reaches[0].norms) - 1
        show_json({"data": data, "steps": steps, "clip_norm": training.clip_norm, "scale": looking.scale, "networks": facts})
    else:
        show_chart(chart)
        write("\n" + "".join(f"{line}\n" for line in tables(reaches)))
    save_chart(chart, plot)


def refuse(names: Sequence[str], where: str) -> None:
    """Raises SettingError for an option without effect."""
    for name in names:
        raise SettingError(name, f"has no effect on {where}")


def of_cells(
    cells: Sequence[str], files: Sequence[Path], lag: int, training: MemorySettings, looking: ReachSettings
) -> tuple[str, Iterator[Any]]:
    """What the cells are compared on, and each of them untrained and trained."""
    from charnn.inspection.comparing import compare_lag, compare_text

    if files:
        return str(files[0]), compare_text(cells, files[0], training, looking, say)
    return f"adding problem, lag {lag:,}", compare_lag(cells, lag, training, looking, say)


def of_run(files: Sequence[Path], training: MemorySettings, looking: ReachSettings) -> tuple[str, Iterator[Any]]:
    """What a trained model is looked at on, and itself untrained and trained. Raises CheckpointError, DataError."""
    from charnn.cli.models import open_model
    from charnn.inspection.comparing import compare_run

    trained = open_model(str(files[0]) if files else None, ["lm"])
    if len(files) < 2 and trained.is_documents:
        raise click.UsageError(f"{trained.name} was trained on documents; name a FILE of such.")
    what, tail = (str(files[1]), None) if len(files) > 1 else ("python-docs", 0.1)
    text = trained.tokenized([what], tail)
    warn_unknown(sorted(text.counts.unknown_symbols))
    return f"{trained.name} on {what}", compare_run(trained.network, text.ids, what, training.clip_norm, looking)


def say(message: str) -> None:
    """What has been computed, to standard error."""
    click.echo(message + ".", err=True)


def tables(reaches: Sequence[Any]) -> list[str]:
    """How much of the gradient is left so many steps back; and what clipping does to the gradient by all weights."""
    from charnn.cli.results import grid

    longest = max(len(one.norms) for one in reaches)
    places = [place for place in PLACES if int(place) < longest]
    rows = [
        [one.name, *(share(one.at(int(place))) for place in places), "never" if one.vanished is None else f"k = {one.vanished:,}"]
        for one in reaches
    ]
    heads = ["share of the norm left", *(f"k = {int(place):,}" for place in places), "below 1e-4 from"]
    names = ("median_before", "largest_before", "median_after", "largest_after")
    clipped = []
    for one in reaches:
        facts = one.clipping.facts()
        clipped.append([one.name, *(share(facts[name]) for name in names), f"{facts['clipped']:.0%}"])
    titles = ["gradient by all weights", "median", "largest", "clipped: median", "largest", "batches clipped"]
    return [*grid([heads, *rows]), "", *grid([titles, *clipped])]


def share(value: float | None) -> str:
    """A number of any size in few letters."""
    return "not finite" if value is None else f"{value:.2g}"
