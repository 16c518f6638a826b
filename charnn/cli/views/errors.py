"""`charnn inspect errors`: what a model gets most wrong, in context."""

import math
from collections.abc import Callable, Sequence
from typing import Any

import click
from rich.cells import cell_len

from charnn.cli.options import SectionedCommand, given
from charnn.cli.showing import json_option, show_json
from charnn.cli.streams import write
from charnn.cli.training import parallel_options
from charnn.data.pairs import PairFiles
from charnn.errors import SettingError
from charnn.plots.letters import cut, visible

EFFECTIVE = {
    "lm": ("tail",),
    "classifier": ("text_column", "label_column"),
    "tagger": ("tag_column",),
    "translator": ("source", "target"),
    "forecaster": (),
}
"""The options that have an effect on a model of each task."""

BEFORE, AFTER, TEXT = 26, 14, 70
"""Columns of what stands before and after a symbol, and of a text."""


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("data", nargs=-1)
@click.option("--top", type=click.IntRange(0, 100_000), default=20, show_default=True, help="So many of the worst, and of the costliest.")
@click.option("--tail", type=click.FloatRange(0, 1, min_open=True), help="Only this last share of the text, such as 0.1 (lm).")
@click.option("--text-column", help="Column of the text, where it differs from the training data's (classifier).")
@click.option("--label-column", help="Column of the label, where it differs from the training data's (classifier).")
@click.option("--tag-column", help="Column of the tag, where it differs from the training data's (tagger).")
@parallel_options("--source", "--target")
@click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores.")
@json_option
@click.pass_context
def errors(ctx: click.Context, /, model: str | None, data: tuple[str, ...], as_json: bool, **values: Any) -> None:
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
    from charnn.cli.models import open_model
    from charnn.device import use_threads
    from charnn.tasks.mistakes import MISTAKES

    trained = open_model(model, EFFECTIVE)
    own = EFFECTIVE[trained.task]
    for name in given(ctx, [name for names in EFFECTIVE.values() for name in names if name not in own]):
        raise SettingError(name, f"has no effect on a {trained.task}; leave it out")
    if not data and not values["source"]:
        raise click.UsageError(f"name the data to look for the errors of this {trained.task} in.")
    use_threads(values["threads"])
    options = {name: values[name] for name in own if values[name] not in (None, ())}
    if trained.task == "translator":
        options = {"files": PairFiles(data, values["source"], values["target"])}
    found = MISTAKES[trained.task](trained, data, values["top"], **options)
    worst, costs = found.worst, found.by_name()
    if as_json:
        named = [*data, *values["source"], *values["target"]]
        facts = {"task": trained.task, "model": trained.name, "data": named}
        facts |= {"examples": found.seen, found.unit: found.total / max(1, found.seen)}
        show_json(facts | {"worst": worst, "costs": costs[: values["top"]]})
        return
    lines = TABLES[trained.task](worst)
    if trained.task in UNITS:
        lines += ["", *costs_table(costs, values["top"], UNITS[trained.task])]
    write("\n".join(lines) + "\n")


def symbols_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """A row a symbol, all below each other."""
    rows = [["nats", "probability", "in context", "expected", "where"]]
    for one in worst:
        before, after = ends(one["before"], BEFORE), begins(one["after"], AFTER)
        expected = ", ".join(f"{visible(guess['symbol'])!r} {guess['probability']:.0%}" for guess in one["expected"])
        context = f"{' ' * (BEFORE - cell_len(before))}{before}»{visible(one['symbol'])}«{after}"
        numbers = [f"{one['nats']:.2f}", f"{100 * math.exp(-one['nats']):.2g} %"]
        rows.append([*numbers, context, expected, one["where"] or f"token {one['place'] + 1:,}"])
    return table(rows, (2, 3, 4))


def texts_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """A row a text."""
    rows = [["nats", "true", "found", "", "where", "text"]]
    for one in worst:
        found = [visible(one["true"]), visible(one["found"]), f"{one['probability']:.0%}", one["where"]]
        rows.append([f"{one['nats']:.2f}", *found, begins(one["text"], TEXT)])
    return table(rows, (1, 2, 4, 5))


def tokens_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """A row a token, in its sentence."""
    rows = [["nats", "true", "found", "", "in context", "sentence, token"]]
    for one in worst:
        before, after = ends(one["before"], BEFORE), begins(one["after"], AFTER)
        context = f"{' ' * (BEFORE - cell_len(before))}{before} »{visible(one['token'])}« {after}"
        found = [visible(one["true"]), visible(one["found"]), f"{one['probability']:.0%}"]
        rows.append([f"{one['nats']:.2f}", *found, context, f"{one['where']}, {one['number']}"])
    return table(rows, (1, 2, 4, 5))


def pairs_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """Some lines a pair."""
    lines = []
    for one in worst:
        lines.append(f"{one['nats']:.2f} nats per token, {one['tokens']} tokens, chrF {one['chrf']:.1f}: {one['where']}")
        lines += [f"  {name:<12} {begins(one[name], 2 * TEXT)}" for name in ("source", "reference", "translation")]
    return lines


def values_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """A row a value."""
    from charnn.cli.results import figure

    rows = [["deviations", "came", "expected", "before it", "column", "time", "where"]]
    for one in worst:
        numbers = [f"{one['deviations']:.2f}", *(figure(one[name]) for name in ("true", "expected", "before"))]
        rows.append([*numbers, visible(one["column"]), visible(one["time"] or ""), one["where"]])
    return table(rows, (4, 5, 6))


TABLES: dict[str, Callable[[Sequence[dict[str, Any]]], list[str]]] = {
    "lm": symbols_table,
    "classifier": texts_table,
    "tagger": tokens_table,
    "translator": pairs_table,
    "forecaster": values_table,
}
UNITS = {"lm": "symbol", "classifier": "label", "tagger": "tag"}
"""What is summed up, where there are kinds of it."""


def costs_table(costs: Sequence[dict[str, Any]], top: int, unit: str) -> list[str]:
    """What costs most altogether."""
    rows = [[unit, "count", "mean nats", "share of all nats"]]
    for one in costs[:top]:
        name = repr(visible(one["name"])) if unit == "symbol" else visible(one["name"])
        rows.append([name, f"{one['count']:,}", f"{one['nats']:.3f}", f"{one['share']:.1%}"])
    return table(rows, (0,))


def table(rows: list[list[str]], texts: Sequence[int]) -> list[str]:
    """Rows below each other."""
    from charnn.cli.results import grid

    return [line.rstrip(" ") for line in grid(rows, texts)]


def begins(text: str, columns: int) -> str:
    """A text, cut behind so many columns."""
    return cut(visible(text), columns)


def ends(text: str, columns: int) -> str:
    """A text, cut before its last columns."""
    shown = visible(text)
    if cell_len(shown) <= columns:
        return shown
    while cell_len(shown) > columns - 1:
        shown = shown[1 + max(0, (len(shown) - 2 * columns)) :]
    return f"…{shown}"
