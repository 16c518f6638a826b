"""Rates from counts, and how far a sample may have moved them: the bootstrap."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]

COVERED = (2.5, 97.5)
"""Percentiles between which an interval reaches: 95 %."""


def ratio(part: ArrayLike, whole: ArrayLike) -> Array:
    """Part by whole, element by element; 0 of nothing is 0."""
    parts, wholes = np.asarray(part, np.float64), np.asarray(whole, np.float64)
    return np.divide(parts, wholes, out=np.zeros(np.broadcast_shapes(parts.shape, wholes.shape)), where=wholes > 0)


def rates(hits: ArrayLike, found: ArrayLike, wanted: ArrayLike) -> dict[str, Array]:
    """Precision, recall and F1 from counts of what is right, what was found, and what there is to find."""
    return {
        "precision": ratio(hits, found),
        "recall": ratio(hits, wanted),
        "f1": ratio(2 * np.asarray(hits), np.asarray(found) + np.asarray(wanted)),
    }


def bootstrap(score: Callable[[NDArray[np.int64]], Mapping[str, ArrayLike]], size: int, resamples: int, seed: int) -> dict[str, list[Any]]:
    """95 % percentile intervals (Efron 1979) of each score of `size` rows, drawn again with replacement: [low, high].

    `score` gets the drawn rows and answers numbers or arrays; the low and high of an array are lists. What is not a number in a
    resample counts for nothing; what is none in all is None.
    """
    generator = np.random.default_rng(seed)
    drawn = [score(generator.integers(size, size=size)) for _ in range(resamples)]
    return {name: [plain(edge) for edge in _edges(np.array([each[name] for each in drawn]))] for name in (drawn[0] if drawn else ())}


def plain(value: ArrayLike) -> Any:
    """A number or array as JSON writes it: None for what is not a number."""
    array = np.asarray(value, np.float64)
    return [plain(row) for row in array] if array.ndim else None if np.isnan(array) else float(array)


def _edges(values: Array) -> Array:
    """(resamples, ...) -> (2, ...) percentiles; without warning where nothing is a number."""
    known = ~np.isnan(values).all(axis=0)
    edges = np.full((2, *values.shape[1:]), np.nan)
    edges[:, known] = np.nanpercentile(values[:, known], COVERED, axis=0)
    return edges
