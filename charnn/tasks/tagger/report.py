"""Results and answers of a tagger as a person reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.cells import cell_len

from charnn.plots.letters import begins, cell, ends, grid, trimmed_grid, visible, with_intervals
from charnn.training.card import metrics_table

COLUMNS = {"span F1": "span_f1", "precision": "span_precision", "recall": "span_recall", "token accuracy": "token_accuracy"}
BEFORE, AFTER = 26, 14  # Columns of the text before and after a token


def validation_table(results: Mapping[str, Any], sentences: int) -> list[str]:
    """Return the results of the validation part in Markdown: of spans, where tags mark them, and of tokens."""
    columns = {title: name for title, name in COLUMNS.items() if name in results}
    return metrics_table("validation", {f"{sentences:,} sentences": results}, columns)


def table(results: Mapping[str, Any]) -> list[str]:
    """Return the metrics of spans, where tags mark them, and of tokens, with intervals, and a row per type or tag."""
    names = [name for name in COLUMNS.values() if name in results]
    lines = grid([["", *(name.replace("_", " ") for name in names)], ["tagger", *with_intervals(results, names)]])
    kinds = results.get("per_type", results["per_label"])
    rows = [[name, *(cell(one[key]) for key in ("precision", "recall", "f1", "support"))] for name, one in kinds.items()]
    return [*lines, "", *grid([["type" if "per_type" in results else "tag", "precision", "recall", "F1", "support"], *rows])]


def errors_table(worst: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return a row for each token, in its sentence."""
    rows = [["nats", "true", "found", "", "in context", "sentence, token"]]
    for one in worst:
        before, after = ends(one["before"], BEFORE), begins(one["after"], AFTER)
        context = f"{' ' * (BEFORE - cell_len(before))}{before} »{visible(one['token'])}« {after}"
        found = [visible(one["true"]), visible(one["found"]), f"{one['probability']:.0%}"]
        rows.append([f"{one['nats']:.2f}", *found, context, f"{one['where']}, {one['number']}"])
    return trimmed_grid(rows, (1, 2, 4, 5))


def marked(text: str, answer: Mapping[str, Any]) -> str:
    """Return a text with its spans in brackets, `[Paris]place`, or its tokens with their tags, `in/ADP`."""
    if "tags" in answer:
        return " ".join(f"{one['token']}/{one['tag']}" for one in answer["tags"])
    text = text.replace("\n", " ").replace("\r", " ")
    parts, place = [], 0
    for span in answer["spans"]:
        parts.append(f"{text[place : span['begin']]}[{text[span['begin'] : span['end']]}]{span['type']}")
        place = span["end"]
    return "".join([*parts, text[place:]])
