"""`charnn bench`: the speed of sampling and training on this machine, compared with torch and with the machine's limits."""

import json
from typing import TYPE_CHECKING, Any

import click

from charnn.cells import CELLS
from charnn.cells.settings import StackSettings
from charnn.cli.models import limit_threads, threads_option
from charnn.cli.options import Decorator, given, together
from charnn.cli.process import write_lines
from charnn.cli.showing import json_option
from charnn.engine.settings import LanguageNetworkSettings
from charnn.layers.settings import ATTENTIONS
from charnn.tasks.translator.settings import TranslatorNetworkSettings

if TYPE_CHECKING:
    from charnn.bench.language import Row


def shared_options(batches: list[int]) -> Decorator:
    """Return the options of both benchmarks of language models; batches: the default."""
    cells, sizes = list(CELLS), [128, 256, 512]
    several: dict[str, Any] = {"multiple": True, "show_default": True}
    return together(
        [
            click.option("--cell", "cells", type=click.Choice(cells), default=cells, help="Cell; can be given several times.", **several),
            click.option("--hidden-size", "sizes", type=click.IntRange(8, 4096), default=sizes, help="Units; several times.", **several),
            click.option("--batch", "batches", type=click.IntRange(1, 4096), default=batches, help="Sequences; several times.", **several),
            click.option("--rounds", type=click.IntRange(1, 1000), default=7, show_default=True, help="Rounds; the median counts."),
            threads_option,
            json_option,
        ]
    )


@click.group()
def bench() -> None:
    """Measure how fast this machine samples and trains."""


@bench.command("sample")
@click.option("--layers", type=click.IntRange(1, 64), default=2, show_default=True, help="Recurrent layers.")
@click.option("--model", help="Run folder or model file to measure, instead of random networks.")
@shared_options([1, 64])
@click.pass_context
def bench_sample(ctx: click.Context, /, model: str | None, batches: list[int], rounds: int, as_json: bool, **values: Any) -> None:
    """Measure tokens per second of sampling: charnn, torch's module called step by step, and the bandwidth limit.

    The limit is how often one core can read weights of this size from cache or memory in a second.
    """
    if model is not None and (names := given(ctx, ["layers", "cells", "sizes"])):
        raise click.UsageError(f"--model brings its own network; leave out {', '.join(names)}.")
    from charnn.bench.language import bench_sampling

    used = limit_threads(values["threads"])
    if model is not None:
        from charnn.tasks.load import load

        trained = load(model)
        rows = (bench_sampling(trained.settings.network, batch, rounds, dict(trained.weights)) for batch in batches)
    else:
        made_up = [(cell, size) for cell in values["cells"] for size in values["sizes"]]
        stacks = [StackSettings(cell=cell, layers=values["layers"], hidden_size=size) for cell, size in made_up]
        rows = (bench_sampling(LanguageNetworkSettings(stack), batch, rounds) for stack in stacks for batch in batches)
    show_rates("sample", "tokens/s", list(rows), used, as_json)


@bench.command("train")
@shared_options([16, 50])
def bench_train(cells: list[str], sizes: list[int], batches: list[int], rounds: int, threads: int | None, as_json: bool) -> None:
    """Measure time steps per second of training one layer: charnn, torch's module, and the bare matrix products."""
    from charnn.bench.language import bench_training

    used = limit_threads(threads)
    rows = [bench_training(cell, size, batch, rounds) for cell in cells for size in sizes for batch in batches]
    show_rates("train", "steps/s", rows, used, as_json)


@bench.command("translate")
@click.option("--cell", "cells", type=click.Choice(list(CELLS)), multiple=True, default=list(CELLS), help="Cell; by default all.")
@click.option("--layers", type=click.IntRange(1, 64), default=2, show_default=True, help="Recurrent layers of encoder and decoder.")
@click.option("--hidden-size", type=click.IntRange(8, 4096), default=256, show_default=True, help="Units of every layer.")
@click.option("--attention", type=click.Choice(list(ATTENTIONS)), default="general", show_default=True, help="Attention of the decoder.")
@click.option("--batch", type=click.IntRange(1, 4096), default=64, show_default=True, help="Sentences.")
@click.option("--rounds", type=click.IntRange(1, 1000), default=5, show_default=True, help="Rounds; the median counts.")
@threads_option
@json_option
def bench_translate(
    cells: list[str], layers: int, hidden_size: int, attention: str, batch: int, rounds: int, threads: int | None, as_json: bool
) -> None:
    """Measure source tokens per second of training a translator and of translating: 15 tokens a sentence, a vocabulary of 4,000."""
    from charnn.bench.translation import BEAM, bench_translation

    used = limit_threads(threads)
    stacks = [StackSettings(cell=cell, layers=layers, hidden_size=hidden_size, dropout=0.3) for cell in cells]
    rows = [bench_translation(TranslatorNetworkSettings(stack, attention=attention), batch, rounds) for stack in stacks]
    names = ["cell", "layers", "hidden", "attention", "batch", "training", "greedy", f"beam {BEAM}"]
    table = [[f"{value:,.0f}" if isinstance(value, float) else str(value) for value in row.values()] for row in rows]
    show({"bench": "translate", "threads": used, "unit": "source tokens/s", "rows": rows}, [names, *table], as_json)


def show_rates(what: str, unit: str, rows: "list[Row]", threads: int, as_json: bool) -> None:
    """Write a table in Markdown, or one JSON object; torch and ratio are null for a cell that torch lacks."""
    facts = [{**vars(row), "ratio": row.ratio, "share": row.limit_fraction} for row in rows]
    table = [["cell", "layers", "hidden", "batch", f"charnn {unit}", f"torch {unit}", "ratio", f"limit {unit}", "fraction of limit"]]
    for row in rows:
        beside = ["-", "-"] if row.torch is None or row.ratio is None else [f"{row.torch:,.0f}", f"{row.ratio:.1f}"]
        rates = [f"{row.charnn:,.0f}", *beside, f"{row.limit:,.0f}", f"{100 * row.limit_fraction:.0f} %"]
        table.append([row.cell, str(row.layers), str(row.hidden_size), str(row.batch), *rates])
    show({"bench": what, "threads": threads, "unit": unit, "rows": facts}, table, as_json)


def show(facts: dict[str, Any], table: list[list[str]], as_json: bool) -> None:
    """Write facts as one JSON object, or a table, whose first row has the heads, in Markdown."""
    heads, *rows = (f"| {' | '.join(row)} |" for row in table)
    write_lines([json.dumps(facts)] if as_json else [heads, f"{'|---' * len(table[0])}|", *rows])
