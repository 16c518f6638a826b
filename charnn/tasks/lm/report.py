"""Results of a language model as a person reads them."""

import math
from collections.abc import Sequence
from typing import Any

from charnn.plots.letters import begins, cell, columns, ends, grid, trimmed_grid, visible
from charnn.training.card import metrics_table

COLUMNS = {
    "nats per token": "nats_per_token",
    "bits per character": "bits_per_character",
    "bits per byte": "bits_per_byte",
    "perplexity per word": "word_perplexity",
    "standard error (nats)": "standard_error",
}

BEFORE, AFTER = 26, 14  # Columns of what comes before and after a symbol


def validation_table(results: dict[str, Any]) -> list[str]:
    """Return the results of the validation part in Markdown, a row a protocol."""
    return metrics_table("protocol", {result["protocol"]: result for result in results.values()}, COLUMNS)


def evaluated(results: dict[str, Any]) -> dict[str, Any]:
    """Return the results of the validation part as evaluate() has them: the first protocol, and others under their names."""
    first, *others = results
    return {**results[first], **{name: results[name] for name in others}}


def table(results: dict[str, Any]) -> list[str]:
    """Return a column per protocol, a row per metric."""
    first = {name: value for name, value in results.items() if not isinstance(value, dict | list)}
    columns = [first, *(value for value in results.values() if isinstance(value, dict))]
    return grid([[name.replace("_", " "), *(cell(one[name]) for one in columns)] for name in first])


def errors_table(worst: Sequence[dict[str, Any]]) -> list[str]:
    """Return a row a symbol, all below each other."""
    rows = [["nats", "probability", "in context", "expected", "where"]]
    for one in worst:
        before, after = ends(one["before"], BEFORE), begins(one["after"], AFTER)
        expected = ", ".join(f"{visible(guess['symbol'])!r} {guess['probability']:.0%}" for guess in one["expected"])
        context = f"{' ' * (BEFORE - columns(before))}{before}»{visible(one['symbol'])}«{after}"
        numbers = [f"{one['nats']:.2f}", f"{100 * math.exp(-one['nats']):.2g} %"]
        rows.append([*numbers, context, expected, one["where"] or f"token {one['place'] + 1:,}"])
    return trimmed_grid(rows, (2, 3, 4))


def next_tokens(likeliest: Sequence[tuple[str, float]]) -> str:
    """Return tokens and their probabilities, a line each."""
    width = max(len(repr(token)) for token, _ in likeliest)
    return "".join(f"{token!r:<{width}}  {probability:.4f}\n" for token, probability in likeliest)
