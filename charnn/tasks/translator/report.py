"""Results of a translator as a person reads them."""

from collections.abc import Mapping, Sequence
from typing import Any

from charnn.metrics.alignment import Alignment
from charnn.plots.heatmap import of_alignment
from charnn.plots.letters import begins, grid, with_intervals
from charnn.plots.terminal import drawn_heatmap
from charnn.training.card import metrics_table

COLUMNS = {"BLEU": "bleu", "chrF": "chrf", "nats per token": "loss", "perplexity per word": "word_perplexity"}
TEXT = 140  # Columns of a text


def validation_table(results: Mapping[str, Any]) -> list[str]:
    """Return the results of the validation part in Markdown, a row for each way of searching."""
    rows = {"greedy": results["greedy"], "beam 5": results}
    return [*metrics_table("validation", rows, COLUMNS), "", results["bleu_signature"]]


def table(results: dict[str, Any]) -> list[str]:
    """Return BLEU, chrF and loss with signatures; or the comparison of two models; or a line for each pair."""
    if "sentences" in results:
        texts = ("source", "reference", "translation")
        return [
            "\t".join([f"{one['nats']:.4f}", str(one["tokens"]), f"{one['chrf']:.2f}", *(" ".join(one[name].split()) for name in texts)])
            for one in results["sentences"]
        ]
    if "comparison" in results:
        rows = [[name, *(f"{results[key][name]:.2f}" for key in ("bleu", "chrf"))] for name in ("first", "second", "difference")]
        return [*grid([["", "BLEU", "chrF"], *rows]), "", results["comparison"]]
    lines = grid([["", *COLUMNS], ["translator", *with_intervals(results, list(COLUMNS.values()))]])
    return [*lines, "", results["bleu_signature"], results["chrf_signature"]]


def errors_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """Return four lines for each pair."""
    lines = []
    for one in worst:
        lines.append(f"{one['nats']:.2f} nats per token, {one['tokens']} tokens, chrF {one['chrf']:.1f}: {one['where']}")
        lines += [f"  {name:<12} {begins(one[name], TEXT)}" for name in ("source", "reference", "translation")]
    return lines


def lines_of(text: str, answer: dict[str, Any]) -> str:
    """Return the translation, or several with rank and score; below them the attention map of the best one, where it is given."""
    lines = [answer["translation"]]
    if "candidates" in answer:
        lines = [f"{rank}\t{one['score']:.4f}\t{one['translation']}" for rank, one in enumerate(answer["candidates"], 1)]
    if "attention" in answer:
        lines.append(drawn_heatmap(of_alignment(Alignment.restore(answer["attention"]))))
    return "\n".join(lines)
