"""`charnn bench`: how fast this machine samples and trains, beside torch and beside its own limits."""

import json
from typing import TYPE_CHECKING, Any

import click

from charnn.cells.settings import GATES, StackSettings
from charnn.cli.options import given
from charnn.engine.settings import LanguageNetworkSettings
from charnn.layers.settings import ATTENTIONS
from charnn.tasks.translator.settings import TranslatorNetworkSettings

if TYPE_CHECKING:
    from charnn.bench.language import Row


def shared_options(batches: list[int], command: click.decorators.FC) -> click.decorators.FC:
    """The options of both benchmarks."""
    cells, sizes = list(GATES), [128, 256, 512]
    several: Any = {"multiple": True, "show_default": True}
    options = [
        click.option("--cell", "cells", type=click.Choice(cells), default=cells, help="Cell; can be given several times.", **several),
        click.option("--hidden-size", "sizes", type=click.IntRange(8, 4096), default=sizes, help="Units; several times.", **several),
        click.option("--batch", "batches", type=click.IntRange(1, 4096), default=batches, help="Sequences; several times.", **several),
        click.option("--rounds", type=click.IntRange(1, 1000), default=7, show_default=True, help="Rounds whose median counts."),
        click.option("--threads", type=click.IntRange(1, 1024), help="Threads of torch; by default all cores."),
        click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table."),
    ]
    for option in reversed(options):
        command = option(command)
    return command


@click.group()
def bench() -> None:
    """Measure how fast this machine samples and trains."""


@bench.command("sample")
@click.option("--layers", type=click.IntRange(1, 64), default=2, show_default=True, help="Recurrent layers.")
@click.option("--model", help="Run folder or model file to measure, in place of made-up networks.")
@lambda command: shared_options([1, 64], command)
@click.pass_context
def bench_sample(
    ctx: click.Context,
    /,
    layers: int,
    model: str | None,
    cells: list[str],
    sizes: list[int],
    batches: list[int],
    rounds: int,
    threads: int | None,
    as_json: bool,
) -> None:
    """Tokens per second of sampling: charnn, torch's module called step by step, and the bandwidth limit.

    The limit is how often the weights can be read from cache or memory in a second, measured at their size, on one core.
    """
    if model is not None and (names := given(ctx, ["layers", "cells", "sizes"])):
        raise click.UsageError(f"--model brings its own network; leave out {', '.join(names)}.")
    from charnn.bench.language import bench_sampling
    from charnn.device import use_threads

    used = use_threads(threads)
    if model is not None:
        from charnn.tasks.load import load

        trained = load(model)
        rows = (bench_sampling(trained.settings.network, batch, rounds, dict(trained.saved.tensors)) for batch in batches)
    else:
        made_up = [
            (LanguageNetworkSettings(StackSettings(cell=cell, layers=layers, hidden_size=size)), batch)
            for cell in cells
            for size in sizes
            for batch in batches
        ]
        rows = (bench_sampling(settings, batch, rounds) for settings, batch in made_up)
    show("sample", "tokens/s", list(rows), used, as_json)


@bench.command("train")
@lambda command: shared_options([16, 50], command)
def bench_train(cells: list[str], sizes: list[int], batches: list[int], rounds: int, threads: int | None, as_json: bool) -> None:
    """Time steps per second of training one layer: charnn, torch's module, and the bare matrix products."""
    from charnn.bench.language import bench_training
    from charnn.device import use_threads

    used = use_threads(threads)
    rows = [bench_training(cell, size, batch, rounds) for cell in cells for size in sizes for batch in batches]
    show("train", "steps/s", rows, used, as_json)


@bench.command("translate")
@click.option("--cell", "cells", type=click.Choice(list(GATES)), multiple=True, default=list(GATES), help="Cell; by default all.")
@click.option("--layers", type=click.IntRange(1, 64), default=2, show_default=True, help="Recurrent layers of encoder and decoder.")
@click.option("--hidden-size", type=click.IntRange(8, 4096), default=256, show_default=True, help="Units of every layer.")
@click.option("--attention", type=click.Choice(list(ATTENTIONS)), default="general", show_default=True, help="How the decoder looks.")
@click.option("--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Sentences.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Rounds whose median counts.")
@click.option("--threads", type=click.IntRange(1, 1024), help="Threads of torch; by default all cores.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def bench_translate(
    cells: list[str], layers: int, hidden_size: int, attention: str, batch: int, rounds: int, threads: int | None, as_json: bool
) -> None:
    """Source tokens per second of training a translator and of translating, on sentences of 15 tokens and a vocabulary of 4,000."""
    from charnn.bench.translation import BEAM, bench_translation
    from charnn.device import use_threads

    used = use_threads(threads)
    stacks = [StackSettings(cell=cell, layers=layers, hidden_size=hidden_size, dropout=0.3) for cell in cells]
    rows = [bench_translation(TranslatorNetworkSettings(stack, attention=attention), batch, rounds) for stack in stacks]
    if as_json:
        click.echo(json.dumps({"bench": "translate", "threads": used, "unit": "source tokens/s", "rows": [vars(row) for row in rows]}))
        return
    names = ["cell", "layers", "hidden", "attention", "batch", "training", "greedy", f"beam {BEAM}"]
    click.echo(f"| {' | '.join(names)} |\n{'|---' * len(names)}|")
    for row in rows:
        size = f"{row.cell} | {row.layers} | {row.hidden_size} | {row.attention} | {row.batch}"
        click.echo(f"| {size} | {row.train:,.0f} | {row.greedy:,.0f} | {row.beam:,.0f} |")


def show(what: str, unit: str, rows: "list[Row]", threads: int, as_json: bool) -> None:
    """A table in Markdown, or one JSON object.

    Its keys: bench, threads, unit, rows; in a row: cell, layers, hidden_size, batch, charnn, torch, limit, ratio, share.
    """
    if as_json:
        facts = [{**vars(row), "ratio": row.ratio, "share": row.share} for row in rows]
        click.echo(json.dumps({"bench": what, "threads": threads, "unit": unit, "rows": facts}))
        return
    names = ["cell", "layers", "hidden", "batch", f"charnn {unit}", f"torch {unit}", "ratio", f"limit {unit}", "share of limit"]
    click.echo(f"| {' | '.join(names)} |\n{'|---' * len(names)}|")
    for row in rows:
        rates = f"{row.charnn:,.0f} | {row.torch:,.0f} | {row.ratio:.1f} | {row.limit:,.0f} | {100 * row.share:.0f} %"
        click.echo(f"| {row.cell} | {row.layers} | {row.hidden_size} | {row.batch} | {rates} |")
