"""`charnn inspect attention` and `errors`: the words that a model attends to, and its worst errors."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import call_of, limit_threads, open_model, text_of, threads_option
from charnn.cli.options import SectionedCommand, option_names, task_options
from charnn.cli.process import write_lines
from charnn.cli.showing import check_plot, json_option, save_picture, show, show_json
from charnn.errors import DataError
from charnn.plots.letters import trimmed_grid, visible
from charnn.tasks.registry import TASKS, able

if TYPE_CHECKING:
    from charnn.tasks.views import Worst


@click.command()
@click.argument("model")
@click.argument("text")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file as well: .png, .svg or .html.")
@json_option
def attention(model: str, text: str, plot: Path | None, as_json: bool) -> None:
    """Show the words that a translator or classifier attends to.

    MODEL: a run folder or model file. TEXT: a text, or - for standard input. For a translator the map has a row for each word of
    the translation; for a classifier that pools by attention a row for each word of the text, with its weights forwards and
    backwards.
    """
    check_plot(plot, (".png", ".svg", ".html"))
    trained = open_model(model, able("attention"))
    text = (text_of(text) or "").strip() if text == "-" else text
    if not text.strip():
        raise DataError("the text is empty; give one with words")
    found = trained.attention(text)
    show({"model": trained.name, "task": trained.task, "text": text, **found.facts}, found.heatmap, as_json)
    save_picture(found.heatmap, plot)


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@click.option("--top", type=click.IntRange(0, 100_000), default=20, show_default=True, help="Worst errors to list, and costliest kinds.")
@task_options({name: [task.reading] for name, task in TASKS.items()})
@threads_option
@json_option
@click.pass_context
def errors(ctx: click.Context, /, model: str | None, data: tuple[str, ...], top: int, as_json: bool, **values: Any) -> None:
    """List the worst errors of a model, in context.

    MODEL: a run folder or model file; by default the newest run. DATA: as in `charnn evaluate`, read as the training data were.
    Listed are: for a language model the least probable symbols, and what was expected instead (an unknown symbol has the
    probability of any unknown one); for a classifier the texts with the least probable true labels; for a tagger the tokens with
    the least probable true tags; for a translator the pairs with the most nats per token; for a forecaster the values furthest
    from the forecast, in units of the root mean squared error. Below are the symbols, labels or tags with the largest total loss.
    """
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.reading]), data, ["top", "threads", "as_json"])
    named = [*data, *call.options.get("source", ()), *call.options.get("target", ())]
    if not named:
        raise click.UsageError(f"name the data to look for the errors of this {task.name} in.")
    limit_threads(values["threads"])
    verb = task.verb("errors")
    found: Worst = verb(trained, call, top) if verb else trained.errors(call.arguments, top, **call.options)
    if as_json:
        facts = {"task": task.name, "model": trained.name, "data": named}
        facts |= {"examples": found.seen, found.unit: found.total / max(1, found.seen)}
        show_json(facts | {"worst": found.worst, "costs": found.by_name()[:top]})
        return
    lines = task.part("report").errors_table(found.worst)
    if found.kind is not None:
        lines += ["", *costs_table(found.by_name(), top, found.kind)]
    write_lines(lines)


def costs_table(costs: Sequence[dict[str, Any]], top: int, kind: str) -> list[str]:
    """Return a table of the symbols, labels or tags with the largest total loss."""
    rows = [[kind, "count", "mean nats", "fraction of all nats"]]
    for one in costs[:top]:
        name = repr(visible(one["name"])) if kind == "symbol" else visible(one["name"])
        rows.append([name, f"{one['count']:,}", f"{one['nats']:.3f}", f"{one['share']:.1%}"])
    return trimmed_grid(rows, (0,))
