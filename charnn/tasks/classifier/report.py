"""Results of a classifier as a person reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from charnn.plots.letters import begins, cell, grid, trimmed_grid, visible, with_intervals
from charnn.training.card import metrics_table

MODELS = ("network", "baseline", "blend")
COLUMNS = {"accuracy": "accuracy", "macro F1": "macro_f1", "calibration error": "ece", "nats per text": "nll"}
TEXT = 70  # Columns of a text
STRONG = 1.0  # Nats from which a colour has its full strength


def validation_table(results: Mapping[str, Any]) -> list[str]:
    """Return the results of the validation part in Markdown, a row for each model."""
    lines = metrics_table("model", {name: results[name] for name in MODELS if name in results}, COLUMNS)
    return [*lines, *(["", results["comparison"]] if "comparison" in results else [])]


def evaluated(results: Mapping[str, Any]) -> dict[str, Any]:
    """Return the results of the validation part as evaluate() has them: those of what ships, and of each model under its name."""
    named = {"baseline" if name == "linear" else name: value for name, value in results.items()}  # linear in older files
    return {**(named["blend"] if "blend" in named else named["network"]), **named}


def table(results: dict[str, Any]) -> list[str]:
    """Return a row per model, a row per label and the confusion matrix, with intervals."""
    names = ["accuracy", "macro_f1", "macro_precision", "macro_recall", "ece", "nll"]
    rows = [[name, *with_intervals(results[name], names)] for name in MODELS if name in results]
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
    """Return a row for each text."""
    rows = [["nats", "true", "found", "", "where", "text"]]
    for one in worst:
        found = [visible(one["true"]), visible(one["found"]), f"{one['probability']:.0%}", one["where"]]
        rows.append([f"{one['nats']:.2f}", *found, begins(one["text"], TEXT)])
    return trimmed_grid(rows, (1, 2, 4, 5))


def in_colours(text: str, answer: dict[str, Any]) -> str:
    """Return the label, then the text: green words raise the label's probability, red ones lower it, strong colours the most."""
    from rich.console import Console
    from rich.style import Style
    from rich.text import Text

    shown = Text(text.replace("\n", " "))
    for word in answer["words"]:
        strength = min(1.0, abs(word["nats"]) / STRONG)
        if strength > 0.1:
            colour = f"rgb(0,{round(60 + 120 * strength)},0)" if word["nats"] > 0 else f"rgb({round(60 + 160 * strength)},0,0)"
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
