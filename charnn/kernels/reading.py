"""Attention, pooling and probabilities of tags without gradients.

Each function computes the rows first to last (exclusive) of a batch, and each row up to its own length, so other rows and padding
change no bit of a result. Arrays are float32 unless specified otherwise, with padding last.
"""

import math
from typing import Any

import numpy as np

from charnn.kernels.activations import exp, largest, tanh
from charnn.kernels.compile import compiled, compiled_sum
from charnn.kernels.products import Floats, copy_row

nothing = np.float32(0.0)

Cube = Any  # (batch, time, units) float32
Lengths = Any  # (batch,) int64
Doubles = Any  # float64


@compiled
def tanh_rows(first: int, last: int, rows: Floats) -> None:
    """Replace each number by its hyperbolic tangent."""
    for row in range(first, last):
        numbers = rows[row]
        for i in range(len(numbers)):
            numbers[i] = tanh(numbers[i])


@compiled_sum
def _dot(query: Floats, key: Floats) -> Any:
    total = nothing
    for i in range(len(query)):
        total += query[i] * key[i]
    return total


@compiled_sum
def _additive(query: Floats, key: Floats, weights: Floats) -> Any:
    total = nothing
    for i in range(len(query)):
        total += weights[i] * tanh(query[i] + key[i])
    return total


@compiled
def dot_scores(first: int, last: int, queries: Cube, keys: Cube, lengths: Lengths, scores: Cube) -> None:
    """(batch, target, units), (batch, source, units) -> scores (batch, target, source), written within each source's length."""
    for b in range(first, last):
        for time in range(queries.shape[1]):
            for place in range(lengths[b]):
                scores[b, time, place] = _dot(queries[b, time], keys[b, place])


@compiled
def additive_scores(first: int, last: int, queries: Cube, keys: Cube, weights: Floats, lengths: Lengths, scores: Cube) -> None:
    """Write the scores of Bahdanau et al. 2015, section A.1.2; shapes as in dot_scores, weights: (units,) from hidden units to a score."""
    for b in range(first, last):
        for time in range(queries.shape[1]):
            for place in range(lengths[b]):
                scores[b, time, place] = _additive(queries[b, time], keys[b, place], weights)


@compiled
def attend(first: int, last: int, scores: Cube, values: Cube, lengths: Lengths, contexts: Cube) -> None:
    """Turn scores into weights, zero after a source's end, and contexts (batch, target, outputs), zeros, into weighted sums of values."""
    for b in range(first, last):
        for time in range(scores.shape[1]):
            weights, context = scores[b, time][: lengths[b]], contexts[b, time]
            top, total = largest(weights), nothing
            for place in range(len(weights)):
                weights[place] = exp(weights[place] - top)
                total += weights[place]
            for place in range(len(weights)):
                weights[place] /= total
                _add(context, weights[place], values[b, place])
            for place in range(lengths[b], scores.shape[2]):
                scores[b, time, place] = nothing


@compiled
def _add(target: Floats, weight: Any, source: Floats) -> None:
    for i in range(len(target)):
        target[i] += weight * source[i]


@compiled
def add_outputs(first: int, last: int, outputs: Cube, lengths: Lengths, totals: Floats) -> None:
    """Add each row's outputs, in order, to totals (batch, units)."""
    for b in range(first, last):
        for time in range(lengths[b]):
            _add(totals[b], np.float32(1.0), outputs[b, time])


@compiled
def add_attended(
    first: int, last: int, outputs: Cube, scores: Floats, lengths: Lengths, greatest: Floats, weights: Floats, totals: Floats
) -> None:
    """Continue a softmax over time: (batch, 1) greatest score, (batch, 1) sum of weights, (batch, units) weighted sum of outputs.

    A greater score scales down all earlier weights (Milakov and Gimelshein 2018).
    """
    for b in range(first, last):
        for time in range(lengths[b]):
            if scores[b, time] > greatest[b, 0]:
                scale = exp(greatest[b, 0] - scores[b, time])
                greatest[b, 0] = scores[b, time]
                weights[b, 0] *= scale
                for i in range(totals.shape[1]):
                    totals[b, i] *= scale
            weight = exp(scores[b, time] - greatest[b, 0])
            weights[b, 0] += weight
            _add(totals[b], weight, outputs[b, time])


@compiled
def chain_marginals(
    first: int, last: int, scores: Any, lengths: Lengths, transitions: Doubles, start: Doubles, end: Doubles, found: Any
) -> None:
    """Write each tag's probability in a linear chain to `found`, zeros, by the forward-backward algorithm (Rabiner 1989), in float64.

    scores, found: (batch, time, tags); transitions: (from, to) factors, the exponentials of scores; start, end: (tags,) scores.
    """
    tags = scores.shape[2]
    flipped, sums, after = transitions.T.copy(), np.empty(tags), np.empty(tags)
    for b in range(first, last):
        for time in range(lengths[b]):
            if time == 0:
                copy_row(start, 0, sums, tags)
            else:
                _step(found[b, time - 1], transitions, sums)
            for tag in range(tags):
                found[b, time, tag] = sums[tag] + scores[b, time, tag]
        copy_row(end, 0, after, tags)
        for time in range(lengths[b] - 1, -1, -1):
            for tag in range(tags):
                found[b, time, tag] += after[tag]
                sums[tag] = after[tag] + scores[b, time, tag]
            _normalise(found[b, time])
            _step(sums, flipped, after)


@compiled
def _step(logs: Doubles, factors: Doubles, sums: Doubles) -> None:
    """(from,) logarithms, (from, to) factors -> (to,) logarithms of the sums over `from`."""
    top = largest(logs)
    for tag in range(len(sums)):
        sums[tag] = 0.0
    for origin in range(len(logs)):
        weight = math.exp(logs[origin] - top)
        for tag in range(len(sums)):
            sums[tag] += weight * factors[origin, tag]
    for tag in range(len(sums)):
        sums[tag] = math.log(sums[tag]) + top


@compiled
def _normalise(logs: Doubles) -> None:
    """Turn logarithms into probabilities."""
    top, total = largest(logs), 0.0
    for tag in range(len(logs)):
        logs[tag] = math.exp(logs[tag] - top)
        total += logs[tag]
    for tag in range(len(logs)):
        logs[tag] /= total
