"""Metrics of labels, tags and their probabilities, with bootstrap intervals: plain arrays in, plain numbers out."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.errors import CheckpointError

Array = NDArray[np.float64]
Ids = NDArray[np.int64]
Span = tuple[int, int, str]  # begin, end, type
COVERED = (2.5, 97.5)  # percentiles at the ends of an interval: 95 %
COLDEST, HOTTEST = 0.05, 20.0  # the range of temperatures
WEIGHTS = np.linspace(0, 1, 21)  # weights of the first model that a blend may take
BINS = 15  # bins of the expected calibration error (Guo et al. 2017)
RATES = ("precision", "recall", "f1")


def ratio(part: ArrayLike, whole: ArrayLike) -> Array:
    """Divide element by element; 0 by 0 is 0."""
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(parts, wholes, out=np.zeros(np.broadcast_shapes(parts.shape, wholes.shape)), where=wholes > 0)


def rates(hits: ArrayLike, found: ArrayLike, wanted: ArrayLike) -> dict[str, Array]:
    """Return precision, recall and F1 from the numbers of correct, predicted and true items."""
    f1 = ratio(2 * np.asarray(hits), np.asarray(found) + np.asarray(wanted))
    return {"precision": ratio(hits, found), "recall": ratio(hits, wanted), "f1": f1}


def bootstrap(score: Callable[[Ids], Mapping[str, ArrayLike]], size: int, resamples: int, seed: int) -> dict[str, list[Any]]:
    """Return 95 % percentile intervals (Efron 1979) of each score, [low, high], by resampling `size` rows with replacement.

    `score` gets the drawn rows and returns numbers or arrays; the low and high of an array are lists. NaN in a resample is left
    out; the ends of an interval of nothing but NaN are None.
    """
    generator = np.random.default_rng(seed)
    drawn = [score(generator.integers(size, size=size)) for _ in range(resamples)]
    return {name: [plain(edge) for edge in _edges(np.array([each[name] for each in drawn]))] for name in (drawn[0] if drawn else ())}


def plain(value: ArrayLike) -> Any:
    """Return a number or an array ready for JSON, with None for NaN."""
    array = np.asarray(value, np.float64)
    return [plain(row) for row in array] if array.ndim else None if np.isnan(array) else float(array)


def _edges(values: Array) -> Array:
    """(resamples, ...) -> (2, ...) percentiles, NaN where all resamples are NaN."""
    known = ~np.isnan(values).all(axis=0)
    edges = np.full((2, *values.shape[1:]), np.nan)
    edges[:, known] = np.nanpercentile(values[:, known], COVERED, axis=0)
    return edges


def log_softmax(scores: ArrayLike) -> Array:
    """(examples, classes) scores -> log-probabilities."""
    array = np.asarray(scores, np.float64)
    return array - np.logaddexp.reduce(array, axis=1, keepdims=True)


def negative_log_likelihood(log_probabilities: Array, labels: ArrayLike) -> float:
    """Return the mean nats of the true labels; 0 without examples."""
    rows = np.asarray(labels, np.int64)
    return -float(log_probabilities[np.arange(len(rows)), rows].mean()) if len(rows) else 0.0


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the divisor of the logits, from 0.05 to 20, with which the labels are likeliest (Guo et al. 2017, 4.2).

    The log-temperature has a standard normal prior, so a tiny set without errors does not lead to certainty; with a hundred examples
    or more it has no visible effect. Without examples the temperature is 1.
    """
    from scipy.optimize import minimize_scalar

    scores = np.asarray(logits, np.float64)

    def loss(log_temperature: float) -> float:
        likelihood = len(scores) * negative_log_likelihood(log_softmax(scores / math.exp(log_temperature)), labels)
        return likelihood + log_temperature**2 / 2

    return math.exp(minimize_scalar(loss, bounds=(math.log(COLDEST), math.log(HOTTEST)), options={"xatol": 1e-6}).x)


def blend(first: ArrayLike, second: ArrayLike, weight: float) -> Array:
    """Average the (examples, classes) log-probabilities of two models, the first with a weight of 0 to 1, and normalise them."""
    return log_softmax(weight * np.asarray(first, np.float64) + (1 - weight) * np.asarray(second, np.float64))


def fit_blend(first: ArrayLike, second: ArrayLike, labels: ArrayLike) -> float:
    """Return the first model's weight, in steps of 0.05, with which the labels are likeliest; of ties the one nearest to 0.5."""
    losses = [(round(negative_log_likelihood(blend(first, second, weight), labels), 12), abs(weight - 0.5), weight) for weight in WEIGHTS]
    return round(float(min(losses)[-1]), 2)


@dataclass(frozen=True)
class Blending:
    """Temperatures of a network, a linear model and their blend, and the weight of the network: all fitted on the validation part."""

    network_temperature: float = 1.0
    linear_temperature: float = 1.0
    weight: float = 1.0  # of the network
    temperature: float = 1.0  # of the blend

    @classmethod
    def restore(cls, values: Any) -> "Blending":
        """Return the blending from a model file; raise CheckpointError."""
        names = cls.__dataclass_fields__
        if not isinstance(values, dict) or values.keys() != names.keys() or not all(type(one) is float for one in values.values()):
            raise CheckpointError(f"the model's blending is damaged: expected {', '.join(names)}")
        if not (0 <= values["weight"] <= 1 and all(0 < values[name] < math.inf for name in names if name != "weight")):
            raise CheckpointError("the model's blending is damaged: a value is out of its limits")
        return cls(**values)

    def calibrated(self, network: NDArray[Any], linear: NDArray[Any] | None) -> dict[str, Array]:
        """(texts, labels) logits -> log-probabilities of `network`, with a linear model of `baseline` and `blend` too; the best is last."""
        first = log_softmax(network / self.network_temperature)
        if linear is None:
            return {"network": first}
        second = log_softmax(linear / self.linear_temperature)
        mixed = log_softmax(blend(first, second, self.weight) / self.temperature)
        return {"network": first, "baseline": second, "blend": mixed}


def fit_blending(network: NDArray[np.float32], linear: NDArray[np.float32] | None, labels: Ids) -> Blending:
    """Return the temperatures (Guo et al. 2017) and the weight of the network with which the labels are likeliest."""
    first = fit_temperature(network, labels)
    if linear is None:
        return Blending(network_temperature=first)
    second = fit_temperature(linear, labels)
    calibrated = log_softmax(network / first), log_softmax(linear / second)
    weight = fit_blend(*calibrated, labels)
    return Blending(first, second, weight, fit_temperature(blend(*calibrated, weight), labels))


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> tuple[int, int, float]:
    """(examples,) correct answers of two models -> the numbers only the first has, only the second, McNemar's two-sided exact p-value."""
    from scipy.stats import binomtest

    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of the fraction right / count (Wilson 1927)."""
    from scipy.stats import binomtest

    low, high = binomtest(right, count).proportion_ci(method="wilson")
    return float(low), float(high)


def paired_line(network_right: ArrayLike, linear_right: ArrayLike) -> str:
    """Return the comparison of a network and a linear model on the same examples as a sentence."""
    network, linear, p = mcnemar(network_right, linear_right)
    result = f"{'network' if network > linear else 'baseline'} is better" if p < 0.05 else "no significant difference"
    return f"network right and baseline wrong on {network:,}, the other way round on {linear:,}: {result} (McNemar {p_value_text(p)})"


def p_value_text(p: float) -> str:
    """Return a p-value as text: `p = 0.25`, `p < 0.0001`."""
    return f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"


class Bin(NamedTuple):
    """Answers with similar confidence."""

    least: float
    most: float  # above the least, up to the most
    examples: int
    confidence: float  # the mean top probability
    accuracy: float  # the fraction of correct answers


def calibration_bins(confidence: ArrayLike, is_right: ArrayLike, bins: int = BINS) -> list[Bin]:
    """(examples,) top probabilities and (examples,) correct flags -> the bins of equal width that are not empty."""
    top, right = np.asarray(confidence, np.float64), np.asarray(is_right, bool)
    places = _places(top, bins)
    return [
        Bin(place / bins, (place + 1) / bins, int(here.sum()), float(top[here].mean()), float(right[here].mean()))
        for place in range(bins)
        if (here := places == place).any()
    ]


def calibration_error(confidence: ArrayLike, is_right: ArrayLike, bins: int = BINS) -> float:
    """(examples,) top probabilities and whether the answers are correct -> the expected calibration error (Guo et al. 2017, eq. 3).

    It is the mean distance of confidence from accuracy in bins of equal width, weighted by their examples.
    """
    top = np.asarray(confidence, np.float64)
    excess = np.bincount(_places(top, bins), top - np.asarray(is_right, bool), bins)
    return float(np.abs(excess).sum() / max(1, len(top)))


def _places(top: Array, bins: int) -> Ids:
    """Return the bin of each of (examples,) top probabilities."""
    return np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)


def classification_metrics(
    logs: ArrayLike, labels: ArrayLike, names: Sequence[str], *, abstain_below: float | None = None, resamples: int = 1000, seed: int = 0
) -> dict[str, Any]:
    """(examples, classes) log-probabilities and (examples,) labels -> the metrics, ready for JSON.

    Macro averages are over labels that are true or predicted at least once, as in scikit-learn; a label that is only predicted, or
    never predicted, counts 0. `intervals` are 95 % bootstrap intervals over examples; that of the calibration error is too high,
    as a resample is further from calibrated than the sample. With `abstain_below`, `coverage` is the fraction of examples whose
    top probability is at least that, and `answered_...` are scores of those alone.
    """
    logs, truth = np.asarray(logs, np.float64), np.asarray(labels, np.int64)
    assert logs.shape == (len(truth), len(names))
    assert len(truth) > 0
    predicted = logs.argmax(axis=1)
    confidence, is_right = np.exp(logs).max(axis=1), predicted == truth
    answered = None if abstain_below is None else confidence >= abstain_below

    def score(rows: Ids) -> dict[str, Any]:
        found = _scores(truth[rows], predicted[rows], len(names)) | {"ece": calibration_error(confidence[rows], is_right[rows])}
        if answered is None:
            return found
        sure = rows[answered[rows]]
        partial = _scores(truth[sure], predicted[sure], len(names))
        found["coverage"] = answered[rows].mean()
        return found | {f"answered_{name}": value for name, value in partial.items() if name not in RATES}

    found = score(np.arange(len(truth)))
    intervals = bootstrap(score, len(truth), resamples, seed)
    each = _per_label(names, {rate: found[rate] for rate in RATES}, np.bincount(truth, minlength=len(names)))
    for label, name in enumerate(names):
        each[name] |= {f"{rate}_interval": [edge[label] for edge in intervals[rate]] for rate in RATES if rate in intervals}
    return {
        **{name: plain(value) for name, value in found.items() if name not in RATES},
        "nll": negative_log_likelihood(logs, truth),
        "labels": each,
        "confusion": confusion_counts(truth, predicted, len(names)).tolist(),
        "intervals": {name: edges for name, edges in intervals.items() if name not in RATES},
    }


def confusion_counts(truth: Ids, predicted: Ids, classes: int) -> Ids:
    """(classes, classes) counts: a row for each true label, a column for each predicted one."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _scores(truth: Ids, predicted: Ids, classes: int) -> dict[str, Any]:
    """Return accuracy, macro averages, and (classes,) precision, recall and F1; NaN without examples."""
    confusion = confusion_counts(truth, predicted, classes)
    right, seen, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    each = rates(right, seen, support)
    present = np.count_nonzero(seen + support)
    macro = {f"macro_{name}": values.sum() / present if present else np.nan for name, values in each.items()}
    return {"accuracy": right.sum() / len(truth) if len(truth) else np.nan, **macro, **each}


def span_metrics(true: Sequence[Set[Span]], found: Sequence[Set[Span]], *, resamples: int = 1000) -> dict[str, Any]:
    """True and predicted spans of each sentence -> their metrics, ready for JSON.

    A span is correct if begin, end and type are (Tjong Kim Sang and De Meulder 2003); `span_...` are over the spans of all types.
    """
    types = sorted({kind for sentence in (*true, *found) for _, _, kind in sentence})
    right = [sentence & other for sentence, other in zip(true, found, strict=True)]
    counts = np.stack([_counted(sentences, types) for sentences in (right, found, true)])

    def score(rows: Ids) -> dict[str, Any]:
        return {f"span_{name}": value for name, value in rates(*counts[:, rows].sum(axis=(1, 2))).items()}

    per_type = _per_label(types, rates(*counts.sum(axis=1)), counts[2].sum(axis=0))
    return _measured(score, len(true), resamples, {"support": int(counts[2].sum()), "per_type": per_type})


def token_metrics(true: Sequence[Sequence[str]], found: Sequence[Sequence[str]], *, resamples: int = 1000) -> dict[str, Any]:
    """True and predicted tags of each sentence -> their metrics, ready for JSON."""
    pairs = [list(zip(tags, others, strict=True)) for tags, others in zip(true, found, strict=True)]
    right = np.array([sum(tag == other for tag, other in sentence) for sentence in pairs], np.int64)
    lengths = np.array([len(sentence) for sentence in pairs], np.int64)

    def score(rows: Ids) -> dict[str, Any]:
        return {"token_accuracy": ratio(right[rows].sum(), lengths[rows].sum())}

    together = Counter(pair for sentence in pairs for pair in sentence)
    labels = sorted({label for pair in together for label in pair})
    confusion = np.array([[together[tag, other] for other in labels] for tag in labels], np.int64).reshape(len(labels), len(labels))
    support = confusion.sum(axis=1)
    per_label = _per_label(labels, rates(confusion.diagonal(), confusion.sum(axis=0), support), support)
    return _measured(score, len(pairs), resamples, {"support": int(lengths.sum()), "per_label": per_label})


def _measured(score: Callable[[Ids], dict[str, Any]], size: int, resamples: int, facts: dict[str, Any]) -> dict[str, Any]:
    """Return the scores of all `size` rows, other facts, and the intervals of the scores."""
    scores = {name: plain(value) for name, value in score(np.arange(size)).items()}
    return {**scores, **facts, "intervals": bootstrap(score, size, resamples, 0) if size else {}}


def _counted(sentences: Sequence[Set[Span]], types: Sequence[str]) -> Ids:
    """Return (sentences, types) counts of spans."""
    counts = [Counter(kind for _, _, kind in sentence) for sentence in sentences]
    return np.array([[each[kind] for kind in types] for each in counts], np.int64).reshape(len(sentences), len(types))


def _per_label(labels: Sequence[str], each: dict[str, Array], support: Ids) -> dict[str, dict[str, Any]]:
    """Return rates and support by label."""
    return {
        label: {name: plain(values[number]) for name, values in each.items()} | {"support": int(support[number])}
        for number, label in enumerate(labels)
    }
