"""Results of a classifier as a person reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from charnn.plots.letters import begins, cell, grid, trimmed_grid, visible, with_intervals
from charnn.training.card import metrics_table

MODELS = ("network", "linear", "blend")

COLUMNS = {"accuracy": "accuracy", "macro F1": "macro_f1", "calibration error": "ece", "nats per text": "nll"}

TEXT = 70  # columns of a text
STRONG = 1.0  # nats at which a colour is at its strongest


def validation_table(results: Mapping[str, Any]) -> list[str]:
    """Return the results of the validation part in Markdown, a row a model."""
    lines = metrics_table("model", {name: results[name] for name in MODELS if name in results}, COLUMNS)
    return [*lines, *(["", results["comparison"]] if "comparison" in results else [])]


def table(results: dict[str, Any]) -> list[str]:
    """Return a row per model, a row per label and the confusion matrix, with intervals."""
    models = {name: results[name] for name in MODELS if name in results}
    names = ["accuracy", "macro_f1", "macro_precision", "macro_recall", "ece", "nll"]
    rows = [[name, *with_intervals(one, names)] for name, one in models.items()]
    lines = grid([["", *(name.replace("_", " ") for name in names)], *rows])
    if "comparison" in results:
        lines += ["", results["comparison"]]
    if "coverage" in results:
        answered = f"accuracy {results['answered_accuracy']:.4f}, macro F1 {results['answered_macro_f1']:.4f}"
        lines += ["", f"answered {100 * results['coverage']:.1f} %: {answered}"]
    labels = results["labels"]
    per_label = [[name, *(cell(one[key]) for key in ("precision", "recall", "f1", "support"))] for name, one in labels.items()]
    lines += ["", *grid([["label", "precision", "recall", "F1", "texts"], *per_label])]
    counts = [[name, *(f"{count:,}" for count in row)] for name, row in zip(labels, results["confusion"], strict=True)]
    return [*lines, "", *grid([["true \\ found", *labels], *counts])]


def errors_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """Return a row a text."""
    rows = [["nats", "true", "found", "", "where", "text"]]
    for one in worst:
        found = [visible(one["true"]), visible(one["found"]), f"{one['probability']:.0%}", one["where"]]
        rows.append([f"{one['nats']:.2f}", *found, begins(one["text"], TEXT)])
    return trimmed_grid(rows, (1, 2, 4, 5))


def in_colours(text: str, answer: dict[str, Any]) -> str:
    """Return the label, then the text: green speaks for the label, red against it, the stronger the more."""
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    shown = Text(text.replace("\n", " "))
    for word in answer["words"]:
        share = min(1.0, abs(word["nats"]) / STRONG)
        if share > 0.1:
            colour = f"rgb(0,{round(60 + 120 * share)},0)" if word["nats"] > 0 else f"rgb({round(60 + 160 * share)},0,0)"
            shown.stylize(Style(color="white", bgcolor=colour), word["begin"], word["end"])
    console = Console(highlight=False)
    with console.capture() as captured:
        console.print(_head(answer), style="bold")
        console.print(shown)
    return captured.get().removesuffix("\n")


def with_numbers(text: str, answer: dict[str, Any]) -> str:
    """Return the label, then the words, each with its nats."""
    words = " ".join(f"{' '.join(word['text'].split())}({word['nats']:+.2f})" for word in answer["words"])
    return f"{_head(answer)}\t{words}"


def _head(answer: dict[str, Any]) -> str:
    return f"{answer['label']}  {answer['probability']:.4f}"
