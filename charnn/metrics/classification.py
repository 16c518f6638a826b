"""How good labels and their probabilities are: plain arrays in, plain numbers out, each with a bootstrap interval."""

import math
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.metrics.rates import bootstrap, plain, rates

Array = NDArray[np.float64]

COLDEST, HOTTEST = 0.05, 20.0
"""Temperatures between which the best one is sought."""

SHARES = np.linspace(0, 1, 21)
"""Weights of the first model that a blend may take."""

BINS = 15
"""Bins of the expected calibration error (Guo et al. 2017)."""

RATES = ("precision", "recall", "f1")

EXACT = 10_000
"""Disagreements up to which McNemar's test sums the binomial distribution itself."""


def log_softmax(scores: ArrayLike) -> Array:
    """(examples, classes) scores -> log-probabilities."""
    array = np.asarray(scores, np.float64)
    return array - np.logaddexp.reduce(array, axis=1, keepdims=True)


def negative_log_likelihood(log_probabilities: Array, labels: ArrayLike) -> float:
    """Mean nats of the right labels; 0 for no example."""
    rows = np.asarray(labels, np.int64)
    return -float(log_probabilities[np.arange(len(rows)), rows].mean()) if len(rows) else 0.0


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The number that logits are divided by to make the labels likeliest (Guo et al. 2017, 4.2), from 0.05 to 20.

    Its logarithm has a standard normal prior, which keeps a tiny set that is all right from asking for certainty; of a hundred
    examples and more nothing of it is seen. For no example it is 1.
    """
    scores = np.asarray(logits, np.float64)

    def loss(log_temperature: float) -> float:
        likelihood = len(scores) * negative_log_likelihood(log_softmax(scores / math.exp(log_temperature)), labels)
        return likelihood + log_temperature**2 / 2

    return math.exp(_least(loss, math.log(COLDEST), math.log(HOTTEST)))


def _least(function: Callable[[float], float], low: float, high: float) -> float:
    """Where a function with one valley is lowest: golden-section search."""
    golden = (math.sqrt(5) - 1) / 2
    left, right = high - golden * (high - low), low + golden * (high - low)
    at_left, at_right = function(left), function(right)
    while high - low > 1e-5:
        if at_left <= at_right:
            high, right, at_right = right, left, at_left
            left = high - golden * (high - low)
            at_left = function(left)
        else:
            low, left, at_left = left, right, at_right
            right = low + golden * (high - low)
            at_right = function(right)
    return (low + high) / 2


def blend(first: ArrayLike, second: ArrayLike, weight: float) -> Array:
    """(examples, classes) log-probabilities of two models averaged, the first with a weight of 0 to 1, and made to add up to 1."""
    return log_softmax(weight * np.asarray(first, np.float64) + (1 - weight) * np.asarray(second, np.float64))


def fit_blend(first: ArrayLike, second: ArrayLike, labels: ArrayLike) -> float:
    """The first model's weight, in steps of 0.05, that makes the labels likeliest; the one nearest to a half of equals."""
    losses = [(round(negative_log_likelihood(blend(first, second, share), labels), 12), abs(share - 0.5), share) for share in SHARES]
    return round(float(min(losses)[-1]), 2)


class McNemar(NamedTuple):
    """Examples that only one of two models has right, and how likely so uneven a split is between equals."""

    only_a: int
    only_b: int
    p_value: float


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> McNemar:
    """McNemar's paired test, two-sided: exact, or beyond 10,000 disagreements by chi-square with Edwards' correction."""
    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int(np.count_nonzero(a & ~b)), int(np.count_nonzero(b & ~a))
    count, fewer = only_a + only_b, min(only_a, only_b)
    if count > EXACT:
        return McNemar(only_a, only_b, math.erfc(max(0, count - 2 * fewer - 1) / math.sqrt(2 * count)))
    terms = [math.lgamma(count + 1) - math.lgamma(k + 1) - math.lgamma(count - k + 1) - count * math.log(2) for k in range(fewer + 1)]
    return McNemar(only_a, only_b, min(1.0, 2 * math.fsum(map(math.exp, terms))))


def paired_line(first_right: ArrayLike, second_right: ArrayLike, names: tuple[str, str] = ("network", "linear")) -> str:
    """The comparison of two models on the same examples, as a sentence."""
    found = mcnemar(first_right, second_right)
    first, second = names
    better = first if found.only_a > found.only_b else second
    verdict = f"{better} is better" if found.p_value < 0.05 else "no significant difference"
    value = f"p = {found.p_value:.2g}" if found.p_value >= 0.0001 else "p < 0.0001"
    return f"{first} right and {second} wrong on {found.only_a:,}, the other way round on {found.only_b:,}: {verdict} (McNemar {value})"


class Bin(NamedTuple):
    """Answers of about the same confidence."""

    least: float
    most: float
    """Above the least, up to the most."""
    examples: int
    confidence: float
    """Their mean ..."""
    accuracy: float
    """... and the share of them that is right."""


def calibration_bins(top: ArrayLike, is_right: ArrayLike, bins: int = BINS) -> list[Bin]:
    """(examples,) top probabilities, and whether they were right -> equally wide bins, those without an example left out."""
    confidence, right = np.asarray(top, np.float64), np.asarray(is_right, bool)
    places = _places(confidence, bins)
    return [
        Bin(place / bins, (place + 1) / bins, int(here.sum()), float(confidence[here].mean()), float(right[here].mean()))
        for place in range(bins)
        if (here := places == place).any()
    ]


def calibration_error(found: Sequence[Bin]) -> float:
    """Distance of confidence from accuracy, averaged over the examples of all bins (Guo et al. 2017, eq. 3)."""
    return sum(one.examples * abs(one.confidence - one.accuracy) for one in found) / max(1, sum(one.examples for one in found))


def expected_calibration_error(probabilities: ArrayLike, labels: ArrayLike, bins: int = BINS) -> float:
    """Distance of confidence from accuracy, averaged over equally wide bins of the top probability (Guo et al. 2017, eq. 3)."""
    array = np.asarray(probabilities, np.float64)
    return _calibration_error(*_confidence(array, np.asarray(labels, np.int64), bins), bins)


def _confidence(probabilities: Array, labels: NDArray[np.int64], bins: int) -> tuple[NDArray[np.int64], Array]:
    """(examples,) bin of the top probability, and by how much that is more than being right."""
    top = probabilities.max(axis=1, initial=0)
    return _places(top, bins), top - (probabilities.argmax(axis=1) == labels)


def _places(top: Array, bins: int) -> NDArray[np.int64]:
    """(examples,) the bin of each top probability."""
    return np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)


def _calibration_error(places: NDArray[np.int64], excess: Array, bins: int) -> float:
    """Summed excess of each bin, without sign, by example."""
    return float(np.abs(np.bincount(places, excess, bins)).sum() / max(1, len(places)))


def classification_metrics(
    log_probabilities: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    abstain_below: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """(examples, classes) log-probabilities and (examples,) labels -> what JSON holds of how good they are.

    The macro averages are over labels that are true or given somewhere, as scikit-learn takes them; one that is only given, or
    never given, counts 0. `intervals` are 95 % bootstrap intervals over examples; that of the calibration error lies high, as a
    resample is further from calibrated than the sample. With `abstain_below`, `coverage` is the share of examples whose top
    probability is at least that, and `answered_...` are scores of those alone.
    """
    logs, truth = np.asarray(log_probabilities, np.float64), np.asarray(labels, np.int64)
    assert logs.shape == (len(truth), len(names))
    assert len(truth) > 0
    probabilities, given = np.exp(logs), logs.argmax(axis=1)
    places, excess = _confidence(probabilities, truth, BINS)
    answered = None if abstain_below is None else probabilities.max(axis=1) >= abstain_below

    def score(rows: NDArray[np.int64]) -> dict[str, Any]:
        found = _scores(truth[rows], given[rows], len(names)) | {"ece": _calibration_error(places[rows], excess[rows], BINS)}
        return found if answered is None else found | _answered(truth[rows], given[rows], answered[rows], len(names))

    found = score(np.arange(len(truth)))
    intervals = bootstrap(score, len(truth), resamples, seed)
    support = np.bincount(truth, minlength=len(names))
    each = {
        name: {rate: plain(found[rate][label]) for rate in RATES}
        | {"support": int(support[label])}
        | {f"{rate}_interval": [edge[label] for edge in intervals[rate]] for rate in RATES if rate in intervals}
        for label, name in enumerate(names)
    }
    return {
        **{name: plain(value) for name, value in found.items() if name not in RATES},
        "nll": negative_log_likelihood(logs, truth),
        "labels": each,
        "confusion": confusion_counts(truth, given, len(names)).tolist(),
        "intervals": {name: edges for name, edges in intervals.items() if name not in RATES},
    }


def confusion_counts(truth: NDArray[np.int64], given: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts: a row for each true label, a column for each given one."""
    return np.bincount(truth * classes + given, minlength=classes * classes).reshape(classes, classes)


def _scores(truth: NDArray[np.int64], given: NDArray[np.int64], classes: int) -> dict[str, Any]:
    """Accuracy, macro averages, and (classes,) precision, recall and F1; not a number where there is no example."""
    confusion = confusion_counts(truth, given, classes)
    right, seen, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    each = rates(right, seen, support)
    present = np.count_nonzero(seen + support)
    macro = {f"macro_{name}": values.sum() / present if present else np.nan for name, values in each.items()}
    return {"accuracy": right.sum() / len(truth) if len(truth) else np.nan, **macro, **each}


def _answered(truth: NDArray[np.int64], given: NDArray[np.int64], answered: NDArray[np.bool_], classes: int) -> dict[str, Any]:
    """The share of examples that were answered, and scores of those."""
    found = _scores(truth[answered], given[answered], classes)
    return {"coverage": answered.mean()} | {f"answered_{name}": value for name, value in found.items() if name not in RATES}
