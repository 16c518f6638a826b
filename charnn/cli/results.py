"""Results of `charnn evaluate` as a person reads them."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from rich.cells import cell_len

NESTED = (dict, list)


def language_model_table(results: dict[str, Any]) -> list[str]:
    """A column per protocol, a row per metric."""
    first = {name: value for name, value in results.items() if not isinstance(value, NESTED)}
    columns = [first, *(value for value in results.values() if isinstance(value, dict))]
    return grid([[name.replace("_", " "), *(cell(one[name]) for one in columns)] for name in first])


def classifier_table(results: dict[str, Any]) -> list[str]:
    """A row per model, a row per label, the confusion matrix; with intervals."""
    models = {name: results[name] for name in ("network", "linear", "blend") if name in results}
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


def tagger_table(results: dict[str, Any]) -> list[str]:
    """Spans where there are any, tokens, and a row per type or tag."""
    names = [name for name in ("span_f1", "span_precision", "span_recall", "token_accuracy") if name in results]
    lines = grid([["", *(name.replace("_", " ") for name in names)], ["tagger", *with_intervals(results, names)]])
    kinds = results.get("per_type", results["per_label"])
    rows = [[name, *(cell(one[key]) for key in ("precision", "recall", "f1", "support"))] for name, one in kinds.items()]
    return [*lines, "", *grid([["type" if "per_type" in results else "tag", "precision", "recall", "F1", "support"], *rows])]


def translator_table(results: dict[str, Any]) -> list[str]:
    """BLEU, chrF and loss with signatures; or the comparison of two models; or a line a pair."""
    if "sentences" in results:
        texts = ("source", "reference", "translation")
        return [
            "\t".join([f"{one['nats']:.4f}", str(one["tokens"]), f"{one['chrf']:.2f}", *(" ".join(one[name].split()) for name in texts)])
            for one in results["sentences"]
        ]
    if "comparison" in results:
        rows = [[name, *(f"{results[key][name]:.2f}" for key in ("bleu", "chrf"))] for name in ("first", "second", "difference")]
        return [*grid([["", "BLEU", "chrF"], *rows]), "", results["comparison"]]
    names = ["bleu", "chrf", "loss", "word_perplexity"]
    titles = ["BLEU", "chrF", "nats per token", "perplexity per word"]
    lines = grid([["", *titles], ["translator", *with_intervals(results, names)]])
    return [*lines, "", results["bleu_signature"], results["chrf_signature"]]


def forecaster_table(results: dict[str, Any]) -> list[str]:
    """A row for the network and each naive forecast, of every target; coverage; the verdict."""
    lines: list[str] = []
    for name, one in results.get("targets", {"": results}).items():
        rows = {"network": one, "naive": one["naive"], f"seasonal naive ({results['season']})": one["seasonal_naive"]}
        cells = [[title, *(figure(found[key]) for key in ("mae", "rmse", "mape", "mase"))] for title, found in rows.items() if found]
        lines += ([name] if name else []) + grid([["", "MAE", "RMSE", "MAPE, %", "MASE"], *cells])
        held = (f"{float(share):.0%}: {100 * inside:.1f} %" for share, inside in one["coverage"].items())
        lines += ["", f"values within the interval for {', for '.join(held)}", one["verdict"], ""]
    steps = f"{results['horizon']:,} step{'s' if results['horizon'] > 1 else ''} ahead"
    origins = f"{results['origins']:,} origin{'s' if results['origins'] > 1 else ''}"
    return [*lines, f"backtest: {origins}, {steps}"]


TABLES = {
    "lm": language_model_table,
    "classifier": classifier_table,
    "tagger": tagger_table,
    "translator": translator_table,
    "forecaster": forecaster_table,
}


def with_intervals(metrics: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Metrics, each with half its 95 % interval where there is one."""
    intervals = metrics.get("intervals", {})
    return [
        f"{metrics[name]:.4f} ± {(intervals[name][1] - intervals[name][0]) / 2:.4f}" if name in intervals else cell(metrics[name])
        for name in names
    ]


def grid(rows: list[list[str]], texts: Collection[int] = (0,)) -> list[str]:
    """Rows as lines, columns under each other: those that hold texts to the left, numbers to the right."""
    widths = [max(cell_len(row[place]) for row in rows) for place in range(len(rows[0]))]
    filled = ([_filled(text, width, place in texts) for place, (text, width) in enumerate(zip(row, widths, strict=True))] for row in rows)
    return ["  ".join(row) for row in filled]


def _filled(text: str, width: int, is_text: bool) -> str:
    space = " " * (width - cell_len(text))
    return text + space if is_text else space + text


def cell(value: Any) -> str:
    """A metric as a person reads it."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if isinstance(value, float) else str(value)


def figure(value: float | None) -> str:
    """A number of any size in four digits, a large one with one decimal."""
    return "-" if value is None else f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"
