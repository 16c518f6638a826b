"""How good tags are: spans by the conlleval rules, tokens one by one; each with a bootstrap interval over sentences."""

from collections import Counter
from collections.abc import Sequence, Set
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.metrics.rates import bootstrap, plain, rates, ratio

Span = tuple[int, int, str]
"""Begin, end, type."""


def span_metrics(true: Sequence[Set[Span]], found: Sequence[Set[Span]], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The true and the found spans of each sentence -> what JSON holds of how good they are.

    A span is right if begin, end and type are (Tjong Kim Sang and De Meulder 2003); `span_...` are over the spans of all types.
    """
    types = sorted({kind for sentence in (*true, *found) for _, _, kind in sentence})
    right = [sentence & other for sentence, other in zip(true, found, strict=True)]
    counts = np.stack([_counted(sentences, types) for sentences in (right, found, true)])

    def score(rows: NDArray[np.int64]) -> dict[str, Any]:
        return {f"span_{name}": value for name, value in rates(*counts[:, rows].sum(axis=(1, 2))).items()}

    every = np.arange(len(true))
    each = rates(*counts.sum(axis=1))
    return {
        **{name: plain(value) for name, value in score(every).items()},
        "support": int(counts[2].sum()),
        "per_type": _per_label(types, each, counts[2].sum(axis=0)),
        "intervals": bootstrap(score, len(true), resamples, seed) if len(true) else {},
    }


def token_metrics(true: Sequence[Sequence[str]], found: Sequence[Sequence[str]], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The true and the found tags of each sentence -> what JSON holds of how good they are."""
    pairs = [list(zip(tags, others, strict=True)) for tags, others in zip(true, found, strict=True)]
    right = np.array([sum(tag == other for tag, other in sentence) for sentence in pairs], np.int64)
    lengths = np.array([len(sentence) for sentence in pairs], np.int64)

    def score(rows: NDArray[np.int64]) -> dict[str, Any]:
        return {"token_accuracy": ratio(right[rows].sum(), lengths[rows].sum())}

    together = Counter(pair for sentence in pairs for pair in sentence)
    labels = sorted({label for pair in together for label in pair})
    confusion = np.array([[together[tag, other] for other in labels] for tag in labels], np.int64).reshape(len(labels), len(labels))
    support = confusion.sum(axis=1)
    return {
        **{name: plain(value) for name, value in score(np.arange(len(pairs))).items()},
        "support": int(lengths.sum()),
        "per_label": _per_label(labels, rates(confusion.diagonal(), confusion.sum(axis=0), support), support),
        "intervals": bootstrap(score, len(pairs), resamples, seed) if pairs else {},
    }


def _counted(sentences: Sequence[Set[Span]], types: Sequence[str]) -> NDArray[np.int64]:
    """(sentences, types) counts of spans."""
    counts = [Counter(kind for _, _, kind in sentence) for sentence in sentences]
    return np.array([[each[kind] for kind in types] for each in counts], np.int64).reshape(len(sentences), len(types))


def _per_label(labels: Sequence[str], each: dict[str, NDArray[np.float64]], support: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Rates and support by label."""
    return {
        label: {name: plain(values[number]) for name, values in each.items()} | {"support": int(support[number])}
        for number, label in enumerate(labels)
    }
