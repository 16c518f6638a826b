"""The linear baseline: a classifier of word and character n-grams, trained in seconds, that predicts with numpy alone."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from charnn.baselines.ngrams import Entries, Ids, NGrams, Texts, recorded
from charnn.errors import CheckpointError, DataError
from charnn.metrics.classification import log_softmax
from charnn.settings import shown

MOST_FEATURES = 500_000  # n-grams of one kind that are kept, those in the most texts first: 8 MB of a model file
MOST_VIEWS = 8  # views that a model file may have
FEW_TEXTS = 1000  # below this number of texts, n-grams that occur in a single text are kept too
SHORT_TEXT = 200  # texts with a median below this number of characters get n-grams of characters too
# Values of C to try, from the strongest regularisation to the weakest, until the validation loss rises.
REGULARISATIONS = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0)
TOLERANCE = 1e-5  # gradient at which a fit ends; at 1e-4 a fit that starts from the last one's weights does not move
ABSENT = -20.0  # score of a class that no text has

Floats = NDArray[np.float32]
Scores = NDArray[np.float64]


def _binary(scores: Scores) -> Scores:
    """(texts, 1) log-odds of the second class -> (texts, 2)."""
    return -np.logaddexp(0, scores * [1, -1])


def _one_vs_rest(scores: Scores) -> Scores:
    """(texts, classes) log-odds of each class against all others -> log-probabilities, normalised."""
    return log_softmax(-np.logaddexp(0, -scores))


LINKS: dict[str, Callable[[Scores], Scores]] = {"binary": _binary, "softmax": log_softmax, "one-vs-rest": _one_vs_rest}
"""Functions from linear scores to log-probabilities."""

WEIGHTINGS = {"tf-idf": "TF-IDF", "nb": "NB-weighted TF-IDF"}  # weights of n-grams before the regression, and their names


@dataclass(frozen=True)
class View:
    """N-grams of one kind with (features,) inverse document frequencies and (features, columns) weights."""

    grams: NGrams
    rarity: Floats
    weights: Floats

    def scores(self, texts: Texts) -> Scores:
        """(texts,) -> (texts, columns) scores, each row from its own text alone."""
        scores = np.zeros((len(texts), self.weights.shape[1]))
        for part in values(self.grams, self.rarity, texts):
            for column, weights in enumerate(self.weights.T):
                scores[:, column] += np.bincount(part.texts, part.values * weights[part.features], len(texts))
        return scores


def values(grams: NGrams, rarity: Floats, texts: Texts) -> Iterator[Entries]:
    """Return TF-IDF of each text's n-grams: 1 + log of the count, times rarity, scaled to length 1."""
    for part in grams.counts(texts):
        found = (1 + np.log(part.values)) * rarity[part.features]
        lengths = np.sqrt(np.bincount(part.texts, found * found))
        yield Entries(part.texts, part.features, found / lengths[part.texts])


@dataclass(frozen=True)
class LinearBaseline:
    """Views of a text whose scores are added, a (columns,) bias, and the link from the sum to log-probabilities of classes."""

    views: tuple[View, ...]
    bias: Floats
    link: str
    weighting: str
    regularisation: float

    def scores(self, texts: Texts) -> Scores:
        """(texts,) -> (texts, columns) linear scores."""
        return sum((view.scores(texts) for view in self.views), np.zeros((len(texts), 1))) + self.bias

    @property
    def classes(self) -> int:
        """The number of classes."""
        return max(2, len(self.bias))

    def logits(self, texts: Texts) -> Floats:
        """(texts,) -> (texts, classes) log-probabilities; for a text without a known n-gram those of the bias."""
        return LINKS[self.link](self.scores(texts)).astype(np.float32)

    def describe(self) -> str:
        """Return the model in one line."""
        kinds = " and ".join(view.grams.describe() for view in self.views)
        features = sum(view.grams.size for view in self.views)
        return f"{WEIGHTINGS[self.weighting]} of {kinds}, logistic regression, C={self.regularisation:g}, {features:,} features"

    def learned(self) -> dict[str, Any]:
        """Return all but the arrays, ready for JSON."""
        return {
            "classes": self.classes,
            "views": [view.grams.learned() for view in self.views],
            "link": self.link,
            "weighting": self.weighting,
            "regularisation": self.regularisation,
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        named: dict[str, NDArray[Any]] = {"bias": self.bias}
        for number, view in enumerate(self.views):
            parts = {**view.grams.tensors(), "rarity": view.rarity, "weights": view.weights}
            named |= {f"view{number}.{name}": array for name, array in parts.items()}
        return named

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, NDArray[Any]]) -> "LinearBaseline":
        """Return the saved baseline; raise CheckpointError where its parts do not fit together."""
        damaged = "the linear model is damaged"
        kinds = {"classes": int, "views": list, "link": str, "weighting": str, "regularisation": float}
        classes, parts, link, weighting, regularisation = recorded(learned, kinds, damaged)
        if link not in LINKS or weighting not in WEIGHTINGS or classes < 2 or (link == "binary" and classes > 2):
            raise CheckpointError(f"{damaged}: {shown(classes)} classes, link {shown(link)}, weighting {shown(weighting)}")
        if not 0 < len(parts) <= MOST_VIEWS or not 0 < regularisation < np.inf:
            raise CheckpointError(f"{damaged}: {len(parts)} views, C={regularisation}")
        columns = 1 if link == "binary" else classes
        views = tuple(_restored_view(number, view, tensors, columns) for number, view in enumerate(parts))
        return cls(views, _restored_floats("bias", tensors, (columns,)), link, weighting, regularisation)


def _restored_view(number: int, learned: Any, tensors: Mapping[str, NDArray[Any]], columns: int) -> View:
    """Return one view, with its weights checked against its n-grams."""
    prefix = f"view{number}."
    own = {name.removeprefix(prefix): array for name, array in tensors.items() if name.startswith(prefix)}
    grams = NGrams.restore(learned, own)
    return View(grams, _restored_floats("rarity", own, (grams.size,)), _restored_floats("weights", own, (grams.size, columns)))


def _restored_floats(name: str, tensors: Mapping[str, NDArray[Any]], shape: tuple[int, ...]) -> Floats:
    """Return finite float32 numbers of a shape; raise CheckpointError."""
    floats = tensors.get(name)
    if floats is None or floats.dtype != np.float32 or floats.shape != shape or not np.isfinite(floats).all():
        found = "missing" if floats is None else f"{floats.dtype} {floats.shape}"
        raise CheckpointError(f"the linear model is damaged: {name} should be finite float32 {shape}, is {found}")
    return floats


def fit_baseline(
    texts: Texts, labels: ArrayLike, valid_texts: Texts, valid_labels: ArrayLike, classes: int, seed: int, unit: str = "unicode word"
) -> LinearBaseline:
    """Return the linear model with the least loss of the validation labels; raise DataError for texts that have nothing in common.

    It tries logistic regression on TF-IDF, and on TF-IDF times each n-gram's log-count ratio (Wang and Manning 2012; one class against
    the rest if there are more than two): of words, each a `unit`, for long texts of more words in a row, for short ones of characters
    too. `labels` contain at least two of the classes 0 to `classes` - 1, and there is a validation text.
    """
    truth, wanted = np.asarray(labels), np.asarray(valid_labels)
    assert len(np.unique(truth)) > 1
    assert len(wanted) > 0
    best_loss, best = np.inf, None
    for grams in _vocabularies(texts, unit):
        rarity = [_rarity(each, texts) for each in grams]
        matrix, valid = _matrix(grams, rarity, texts), _matrix(grams, rarity, valid_texts)
        for weighting in WEIGHTINGS:
            link = _link(truth, classes, weighting)
            targets = _targets(truth, classes, link)
            ratios = _log_count_ratios(matrix, targets) if weighting == "nb" else np.ones((len(targets), matrix.shape[1]), np.float32)
            before = np.inf
            for regularisation, weights, bias in _solutions(matrix, targets, ratios, seed):
                loss = -float(LINKS[link](valid @ weights + bias)[np.arange(len(wanted)), wanted].mean())
                if loss < best_loss:
                    parts = np.split(weights, np.cumsum([each.size for each in grams])[:-1])
                    views = tuple(View(*each) for each in zip(grams, rarity, parts, strict=True))
                    best_loss, best = loss, LinearBaseline(views, bias, link, weighting, regularisation)
                if loss > before:
                    break
                before = loss
    assert best is not None
    return best


def _vocabularies(texts: Texts, unit: str) -> list[tuple[NGrams, ...]]:
    """Return the sets of n-grams to try."""
    fit = partial(NGrams.fit, texts, least=1 if len(texts) < FEW_TEXTS else 2, most=MOST_FEATURES)
    words = fit(unit, 1, 2)
    is_short = np.median([len(text) for text in texts]) < SHORT_TEXT
    vocabularies = [(words,), (words, fit("character", 2, 5))] if is_short else [(words,), (fit(unit, 1, 3),)]
    usable = [grams for grams in vocabularies if any(each.size for each in grams)]
    if not usable:
        raise DataError("the texts share no word and no character, so a linear model has nothing to learn; leave it out: --no-baseline")
    return usable


def _link(labels: Ids, classes: int, weighting: str) -> str:
    """Return the name of the function from scores to probabilities."""
    if classes == 2:
        return "binary"
    return "softmax" if weighting == "tf-idf" and len(np.unique(labels)) == classes else "one-vs-rest"


def _rarity(grams: NGrams, texts: Texts) -> Floats:
    """Return (features,) inverse document frequencies, smoothed by one additional text with every n-gram."""
    frequencies = sum((np.bincount(part.features, minlength=grams.size) for part in grams.counts(texts)), np.zeros(grams.size, np.int64))
    return (np.log((1 + len(texts)) / (1 + frequencies)) + 1).astype(np.float32)


def _matrix(grams: Sequence[NGrams], rarity: Sequence[Floats], texts: Texts) -> Any:
    """Return (texts, features) TF-IDF as a sparse matrix."""
    from scipy.sparse import csr_array, hstack

    blocks = []
    for each, rare in zip(grams, rarity, strict=True):
        rows, columns, numbers = (np.concatenate(column) for column in zip(*values(each, rare, texts), strict=True))
        blocks.append(csr_array((numbers.astype(np.float32), (rows, columns)), (len(texts), each.size)))
    return hstack(blocks, format="csr")


def _solutions(matrix: Any, targets: Sequence[NDArray[Any]], ratios: Floats, seed: int) -> Iterator[tuple[float, Floats, Floats]]:
    """Yield for each regularisation (features, targets) weights and (targets,) biases, each target a binary logistic regression."""
    from scipy.sparse import diags_array
    from sklearn.linear_model import LogisticRegression

    models = [LogisticRegression(tol=TOLERANCE, max_iter=1000, warm_start=True, random_state=seed) for _ in targets]
    for regularisation in REGULARISATIONS:
        weights, bias = [], []
        for model, target, ratio in zip(models, targets, ratios, strict=True):
            if target.any():
                model.set_params(C=regularisation).fit(matrix @ diags_array(ratio), target)
                weights.append(model.coef_ * ratio)
                bias.append(model.intercept_)
            else:
                weights.append(np.zeros((1, matrix.shape[1])))
                bias.append([ABSENT])
        yield regularisation, np.concatenate(weights).T.astype(np.float32), np.concatenate(bias).astype(np.float32)


def _log_count_ratios(matrix: Any, targets: Sequence[NDArray[np.bool_]]) -> Floats:
    """Return (targets, features) log-ratios of n-gram frequencies in texts of a target and in others (Wang and Manning 2012, eq. 2)."""
    presence = (matrix > 0).astype(np.float32)
    inside = 1 + np.stack([target.astype(np.float32) @ presence for target in targets])
    outside = 1 + np.stack([(~target).astype(np.float32) @ presence for target in targets])
    ratios: Scores = np.log(inside / inside.sum(axis=1, keepdims=True)) - np.log(outside / outside.sum(axis=1, keepdims=True))
    return ratios.astype(np.float32)


def _targets(labels: Ids, classes: int, link: str) -> list[NDArray[Any]]:
    """Return the target of each regression of a link."""
    return [labels] if link == "softmax" else [labels == label for label in ([1] if link == "binary" else range(classes))]
