"""How good labels, tags and their probabilities are: plain arrays in, plain numbers out, each with a bootstrap interval."""

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.errors import CheckpointError

Array = NDArray[np.float64]

Span = tuple[int, int, str]  # begin, end, type
COVERED = (2.5, 97.5)  # percentiles between which an interval reaches: 95 %
COLDEST, HOTTEST = 0.05, 20.0  # the range in which the best temperature is searched
WEIGHTS = np.linspace(0, 1, 21)  # weights of the first model that a blend may take
BINS = 15  # bins of the expected calibration error (Guo et al. 2017)

RATES = ("precision", "recall", "f1")


def ratio(part: ArrayLike, whole: ArrayLike) -> Array:
    """Divide element by element; 0 by 0 is 0."""
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(parts, wholes, out=np.zeros(np.broadcast_shapes(parts.shape, wholes.shape)), where=wholes > 0)


def rates(hits: ArrayLike, found: ArrayLike, wanted: ArrayLike) -> dict[str, Array]:
    """Return precision, recall and F1 from the numbers of correct, predicted and true items."""
    return {
        "precision": ratio(hits, found),
        "recall": ratio(hits, wanted),
        "f1": ratio(2 * np.asarray(hits), np.asarray(found) + np.asarray(wanted)),
    }


def bootstrap(score: Callable[[NDArray[np.int64]], Mapping[str, ArrayLike]], size: int, resamples: int, seed: int) -> dict[str, list[Any]]:
    """Return 95 % percentile intervals (Efron 1979) of each score of `size` rows, drawn again with replacement: [low, high].

    `score` gets the drawn rows and returns numbers or arrays; the low and high of an array are lists. NaN in a resample is left
    out; an interval of nothing but NaN is None.
    """
    generator = np.random.default_rng(seed)
    drawn = [score(generator.integers(size, size=size)) for _ in range(resamples)]
    return {name: [plain(edge) for edge in _edges(np.array([each[name] for each in drawn]))] for name in (drawn[0] if drawn else ())}


def plain(value: ArrayLike) -> Any:
    """Return a number or an array ready for JSON, with None for NaN."""
    array = np.asarray(value, np.float64)
    return [plain(row) for row in array] if array.ndim else None if np.isnan(array) else float(array)


def _edges(values: Array) -> Array:
    """(resamples, ...) -> (2, ...) percentiles, NaN where all resamples are."""
    known = ~np.isnan(values).all(axis=0)
    edges = np.full((2, *values.shape[1:]), np.nan)
    edges[:, known] = np.nanpercentile(values[:, known], COVERED, axis=0)
    return edges


def log_softmax(scores: ArrayLike) -> Array:
    """(examples, classes) scores -> log-probabilities."""
    array = np.asarray(scores, np.float64)
    return array - np.logaddexp.reduce(array, axis=1, keepdims=True)


def negative_log_likelihood(log_probabilities: Array, labels: ArrayLike) -> float:
    """Return the mean nats of the right labels; 0 without examples."""
    rows = np.asarray(labels, np.int64)
    return -float(log_probabilities[np.arange(len(rows)), rows].mean()) if len(rows) else 0.0


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """Return the divisor of the logits under which the labels are likeliest (Guo et al. 2017, 4.2), from 0.05 to 20.

    The log-temperature has a standard normal prior, which keeps a tiny set without errors from asking for certainty; from a
    hundred examples on it has no visible effect. Without examples the temperature is 1.
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
    """Return the first model's weight, in steps of 0.05, under which the labels are likeliest; of equals the one nearest to 0.5."""
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
        """Return the blending of a model file; raise CheckpointError."""
        names = cls.__dataclass_fields__
        if not isinstance(values, dict) or values.keys() != names.keys() or not all(type(one) is float for one in values.values()):
            raise CheckpointError(f"the model's blending is damaged: expected {', '.join(names)}")
        if not (0 <= values["weight"] <= 1 and all(0 < values[name] < math.inf for name in names if name != "weight")):
            raise CheckpointError("the model's blending is damaged: a value is out of its limits")
        return cls(**values)

    def calibrated(self, network: NDArray[Any], linear: NDArray[Any] | None) -> dict[str, NDArray[np.float64]]:
        """(texts, labels) logits -> log-probabilities of `network` and with a linear model `linear` and `blend`; what ships is last."""
        first = log_softmax(network / self.network_temperature)
        if linear is None:
            return {"network": first}
        second = log_softmax(linear / self.linear_temperature)
        mixed = log_softmax(blend(first, second, self.weight) / self.temperature)
        return {"network": first, "linear": second, "blend": mixed}


def fit_blending(network: NDArray[np.float32], linear: NDArray[np.float32] | None, labels: NDArray[np.int64]) -> Blending:
    """Return temperatures (Guo et al. 2017) and the weight of the network, each by the likelihood of the labels."""
    first = fit_temperature(network, labels)
    if linear is None:
        return Blending(network_temperature=first)
    second = fit_temperature(linear, labels)
    calibrated = log_softmax(network / first), log_softmax(linear / second)
    weight = fit_blend(*calibrated, labels)
    return Blending(first, second, weight, fit_temperature(blend(*calibrated, weight), labels))


def mcnemar(right_a: ArrayLike, right_b: ArrayLike) -> tuple[int, int, float]:
    """(examples,) correct answers of two models -> how many only the first has, only the second, and McNemar's two-sided exact p-value."""
    from scipy.stats import binomtest

    a, b = np.asarray(right_a, bool), np.asarray(right_b, bool)
    only_a, only_b = int((a & ~b).sum()), int((b & ~a).sum())
    return only_a, only_b, float(binomtest(only_a, only_a + only_b).pvalue) if only_a + only_b else 1.0


def wilson_interval(right: int, count: int) -> tuple[float, float]:
    """Return the 95 % interval of a fraction (Wilson 1927)."""
    from scipy.stats import binomtest

    low, high = binomtest(right, count).proportion_ci(method="wilson")
    return float(low), float(high)


def paired_line(first_right: ArrayLike, second_right: ArrayLike, names: tuple[str, str] = ("network", "linear")) -> str:
    """Return the comparison of two models on the same examples as a sentence."""
    (first, second), (only_first, only_second, p) = names, mcnemar(first_right, second_right)
    better = first if only_first > only_second else second
    verdict = f"{better} is better" if p < 0.05 else "no significant difference"
    value = f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"
    return f"{first} right and {second} wrong on {only_first:,}, the other way round on {only_second:,}: {verdict} (McNemar {value})"


class Bin(NamedTuple):
    """Answers of about the same confidence."""

    least: float
    most: float  # above the least, up to the most
    examples: int
    confidence: float  # the mean top probability
    accuracy: float  # the fraction of them that is right


def calibration_bins(confidence: ArrayLike, is_right: ArrayLike, bins: int = BINS) -> list[Bin]:
    """(examples,) top probabilities and whether these were right -> equally wide bins, without the empty ones."""
    top, right = np.asarray(confidence, np.float64), np.asarray(is_right, bool)
    places = _places(top, bins)
    return [
        Bin(place / bins, (place + 1) / bins, int(here.sum()), float(top[here].mean()), float(right[here].mean()))
        for place in range(bins)
        if (here := places == place).any()
    ]


def calibration_error(confidence: ArrayLike, is_right: ArrayLike, bins: int = BINS) -> float:
    """(examples,) top probabilities and whether these were right -> the expected calibration error (Guo et al. 2017, eq. 3).

    It is the distance of confidence from accuracy, averaged over the examples of equally wide bins.
    """
    top = np.asarray(confidence, np.float64)
    excess = np.bincount(_places(top, bins), top - np.asarray(is_right, bool), bins)
    return float(np.abs(excess).sum() / max(1, len(top)))


def _places(top: Array, bins: int) -> NDArray[np.int64]:
    """(examples,) the bin of each top probability."""
    return np.clip(np.ceil(top * bins).astype(np.int64) - 1, 0, bins - 1)


def classification_metrics(
    log_probabilities: ArrayLike,
    labels: ArrayLike,
    names: Sequence[str],
    *,
    abstain_below: float | None = None,
    resamples: int = 1000,
    seed: int = 0,
) -> dict[str, Any]:
    """(examples, classes) log-probabilities and (examples,) labels -> the metrics, ready for JSON.

    The macro averages are over labels that are true or predicted somewhere, as in scikit-learn; one that is only predicted, or
    never predicted, counts 0. `intervals` are 95 % bootstrap intervals over examples; that of the calibration error is too high,
    as a resample is further from calibrated than the sample. With `abstain_below`, `coverage` is the fraction of examples whose
    top probability is at least that, and `answered_...` are scores of those alone.
    """
    logs, truth = np.asarray(log_probabilities, np.float64), np.asarray(labels, np.int64)
    assert logs.shape == (len(truth), len(names))
    assert len(truth) > 0
    predicted = logs.argmax(axis=1)
    confidence, is_right = np.exp(logs).max(axis=1), predicted == truth
    answered = None if abstain_below is None else confidence >= abstain_below

    def score(rows: NDArray[np.int64]) -> dict[str, Any]:
        found = _scores(truth[rows], predicted[rows], len(names)) | {"ece": calibration_error(confidence[rows], is_right[rows])}
        return found if answered is None else found | _answered(truth[rows], predicted[rows], answered[rows], len(names))

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


def confusion_counts(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> NDArray[np.int64]:
    """(classes, classes) counts: a row for each true label, a column for each predicted one."""
    return np.bincount(truth * classes + predicted, minlength=classes * classes).reshape(classes, classes)


def _scores(truth: NDArray[np.int64], predicted: NDArray[np.int64], classes: int) -> dict[str, Any]:
    """Return accuracy, macro averages, and (classes,) precision, recall and F1; NaN without examples."""
    confusion = confusion_counts(truth, predicted, classes)
    right, seen, support = confusion.diagonal(), confusion.sum(axis=0), confusion.sum(axis=1)
    each = rates(right, seen, support)
    present = np.count_nonzero(seen + support)
    macro = {f"macro_{name}": values.sum() / present if present else np.nan for name, values in each.items()}
    return {"accuracy": right.sum() / len(truth) if len(truth) else np.nan, **macro, **each}


def _answered(truth: NDArray[np.int64], predicted: NDArray[np.int64], answered: NDArray[np.bool_], classes: int) -> dict[str, Any]:
    """Return the fraction of examples that were answered, and the scores of those."""
    found = _scores(truth[answered], predicted[answered], classes)
    return {"coverage": answered.mean()} | {f"answered_{name}": value for name, value in found.items() if name not in RATES}


def span_metrics(true: Sequence[Set[Span]], found: Sequence[Set[Span]], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The true and the predicted spans of each sentence -> their metrics, ready for JSON.

    A span is right if begin, end and type are (Tjong Kim Sang and De Meulder 2003); `span_...` are over the spans of all types.
    """
    types = sorted({kind for sentence in (*true, *found) for _, _, kind in sentence})
    right = [sentence & other for sentence, other in zip(true, found, strict=True)]
    counts = np.stack([_counted(sentences, types) for sentences in (right, found, true)])

    def score(rows: NDArray[np.int64]) -> dict[str, Any]:
        return {f"span_{name}": value for name, value in rates(*counts[:, rows].sum(axis=(1, 2))).items()}

    return {
        **{name: plain(value) for name, value in score(np.arange(len(true))).items()},
        "support": int(counts[2].sum()),
        "per_type": _per_label(types, rates(*counts.sum(axis=1)), counts[2].sum(axis=0)),
        "intervals": bootstrap(score, len(true), resamples, seed) if len(true) else {},
    }


def token_metrics(true: Sequence[Sequence[str]], found: Sequence[Sequence[str]], *, resamples: int = 1000, seed: int = 0) -> dict[str, Any]:
    """The true and the predicted tags of each sentence -> their metrics, ready for JSON."""
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
    """Return (sentences, types) counts of spans."""
    counts = [Counter(kind for _, _, kind in sentence) for sentence in sentences]
    return np.array([[each[kind] for kind in types] for each in counts], np.int64).reshape(len(sentences), len(types))


def _per_label(labels: Sequence[str], each: dict[str, NDArray[np.float64]], support: NDArray[np.int64]) -> dict[str, dict[str, Any]]:
    """Return rates and support by label."""
    return {
        label: {name: plain(values[number]) for name, values in each.items()} | {"support": int(support[number])}
        for number, label in enumerate(labels)
    }
