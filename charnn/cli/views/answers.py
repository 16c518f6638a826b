"""`charnn inspect attention` and `errors`: which words a model looked at, and what it gets most wrong."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import call_of, limit_threads, open_model, text_of, threads_option
from charnn.cli.options import SectionedCommand, option_names, task_options
from charnn.cli.process import write_lines
from charnn.cli.showing import check_plot, json_option, save_picture, show_json, show_picture
from charnn.errors import DataError
from charnn.plots.letters import trimmed_grid, visible
from charnn.tasks.registry import TASKS, able
from charnn.tasks.task import Call

if TYPE_CHECKING:
    from charnn.tasks.views import Worst


@click.command()
@click.argument("model")
@click.argument("text")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file as well: .png, .svg or .html.")
@json_option
def attention(model: str, text: str, plot: Path | None, as_json: bool) -> None:
    """Show which words a translator or classifier looked at.

    MODEL: a run folder or model file. TEXT: a text, or - for standard input. Of a translator, a row for each word of its
    translation; of a classifier that pools by attention, a row for each word of the text, with its share of what is read forwards
    and backwards. JSON keys: model, task, text; translation, source, target, weights (a list for each target word); or label,
    probability, words, weights: {forwards, backwards}.
    """
    check_plot(plot, (".png", ".svg", ".html"))
    trained = open_model(model, able("attention"))
    text = (text_of(text) or "").strip() if text == "-" else text
    if not text.strip():
        raise DataError("the text is empty, so there is nothing to look at; give one")
    look = trained.attention(text)
    if as_json:
        show_json({"model": trained.name, "task": trained.task, "text": text, **look.facts})
    else:
        show_picture(look.heatmap)
    save_picture(look.heatmap, plot)


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@click.option("--top", type=click.IntRange(0, 100_000), default=20, show_default=True, help="So many of the worst, and of the costliest.")
@task_options({name: [task.reading] for name, task in TASKS.items()})
@threads_option
@json_option
@click.pass_context
def errors(ctx: click.Context, /, model: str | None, data: tuple[str, ...], top: int, as_json: bool, **values: Any) -> None:
    """List what a model gets most wrong, in context.

    MODEL: a run folder or model file; by default the newest run. DATA: as in `charnn evaluate`, read as the training data were.
    Of a language model the symbols that were least probable where they stand, and what was expected instead (an unknown one is
    charged with the probability of any unknown alone); of a classifier the texts whose label was; of a tagger the tokens whose tag
    was; of a translator the pairs, by nats per token; of a forecaster the values furthest from what was expected, in root mean
    squares of these errors. Below them, the symbols, labels or tags that cost most altogether.

    JSON keys: task, model, data, examples (symbols, texts, tokens or pairs), nats (their mean), worst: [{nats, ...}] with place,
    before, symbol, after, expected: [{symbol, probability}], where (lm; where is path:line, or null) | true, found, probability,
    where, text (classifier) | true, found, probability, where, number, before, token, after (tagger) | tokens, source, reference,
    translation, chrf, where (translator) | column, true, expected, before, time, where, and deviations in place of nats
    (forecaster); costs: [{name, count, nats, share}].
    """
    trained = open_model(model, TASKS)
    task = TASKS[trained.task]
    call = call_of(ctx, task, option_names([task.reading]), data, ["top", "threads", "as_json"])
    named = [*data, *call.options.get("source", ()), *call.options.get("target", ())]
    if not named:
        raise click.UsageError(f"name the data to look for the errors of this {task.name} in.")
    limit_threads(values["threads"])
    found: Worst = (task.verb("errors") or errors_of_files)(trained, call, top)
    if as_json:
        facts = {"task": task.name, "model": trained.name, "data": named}
        facts |= {"examples": found.seen, found.unit: found.total / max(1, found.seen)}
        show_json(facts | {"worst": found.worst, "costs": found.by_name()[:top]})
        return
    lines = task.part("report").errors_table(found.worst)
    if found.kind is not None:
        lines += ["", *costs_table(found.by_name(), top, found.kind)]
    write_lines(lines)


def errors_of_files(model: Any, call: Call, top: int) -> "Worst":
    """Return what the model's errors() finds in files."""
    found: Worst = model.errors(call.arguments, top, **call.options)
    return found


def costs_table(costs: Sequence[dict[str, Any]], top: int, kind: str) -> list[str]:
    """Return what costs most altogether."""
    rows = [[kind, "count", "mean nats", "share of all nats"]]
    for one in costs[:top]:
        name = repr(visible(one["name"])) if kind == "symbol" else visible(one["name"])
        rows.append([name, f"{one['count']:,}", f"{one['nats']:.3f}", f"{one['share']:.1%}"])
    return trimmed_grid(rows, (0,))
