"""The sampling rules: each is a compiled function that changes a row of logits in place."""

import math
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from charnn.decoding.settings import PENALTY_WINDOW, SamplingSettings
from charnn.kernels.activations import exp, largest
from charnn.kernels.compile import compiled, compiled_sum

Row = NDArray[np.float32]
History = NDArray[np.int64]
Rule = Callable[[Row, History, float], None]

NEVER = np.float32(-np.inf)
WIDEST, HALVINGS = 100.0, 40  # Halvings of a span of 100 nats: to 1e-10, finer than neighbouring float32 logits differ


@compiled
def penalise_repetition(logits: Row, history: History, penalty: float) -> None:
    """Divide positive logits of recent tokens by the penalty, multiply negative ones (Keskar et al. 2019, CTRL)."""
    is_seen = np.zeros(len(logits), np.bool_)
    for i in range(max(len(history) - PENALTY_WINDOW, 0), len(history)):
        token = history[i]
        if not is_seen[token]:
            is_seen[token] = True
            logits[token] = np.float32(logits[token] / penalty if logits[token] > 0 else logits[token] * penalty)


@compiled
def forbid_repeats(logits: Row, history: History, length: float) -> None:
    """Exclude tokens that would complete a run of `length` tokens already in the text, unless that excludes every token."""
    overlap = int(length) - 1
    repeats = np.zeros(len(logits), np.bool_)
    for end in range(overlap, len(history)):
        same = True
        for back in range(1, overlap + 1):
            if history[end - back] != history[len(history) - back]:
                same = False
                break
        if same:
            repeats[history[end]] = True
    is_choice_left = False
    for token in range(len(logits)):
        is_choice_left |= logits[token] > NEVER and not repeats[token]
    if is_choice_left:
        for token in range(len(logits)):
            if repeats[token]:
                logits[token] = NEVER


@compiled
def divide_by_temperature(logits: Row, history: History, temperature: float) -> None:
    """Divide logits by a temperature above 0, after moving the largest to 0, so that no temperature is too small."""
    top = largest(logits)
    for token in range(len(logits)):
        logits[token] = np.float32((logits[token] - top) / temperature)


@compiled_sum
def _count_within(logits: Row, top: float, gap: float) -> int:
    """Count the tokens at most `gap` nats below the top."""
    count = 0
    for value in logits:
        count += 1 if top - value <= gap else 0
    return count


@compiled
def _weights(logits: Row, top: float) -> Row:
    """Return probabilities relative to the likeliest token's."""
    weights = np.empty_like(logits)
    for token in range(len(logits)):
        weights[token] = exp(logits[token] - top)
    return weights


@compiled_sum
def _weight_within(logits: Row, weights: Row, top: float, gap: float) -> float:
    """Return the total weight of the tokens at most `gap` nats below the top."""
    total = 0.0
    for token in range(len(logits)):
        total += weights[token] if top - logits[token] <= gap else 0.0
    return total


@compiled
def _border(logits: Row, weights: Row, top: float, wanted: float) -> float:
    """Return how many nats below the top tokens reach the wanted total weight, or without weights the wanted number.

    By bisection, not sorting: 40 passes of vector code, for 50,000 tokens a tenth of the time of a sort.
    """
    low, high, middle = 0.0, WIDEST, 0.0
    for _ in range(HALVINGS + 1):
        found = _weight_within(logits, weights, top, middle) if len(weights) else float(_count_within(logits, top, middle))
        if found >= wanted:
            high = middle
        else:
            low = middle
        middle = (low + high) / 2
    return high


@compiled
def _drop_beyond(logits: Row, top: float, gap: float) -> None:
    for token in range(len(logits)):
        if top - logits[token] > gap:
            logits[token] = NEVER


@compiled
def keep_top_k(logits: Row, history: History, count: float) -> None:
    """Keep the `count` likeliest tokens, and any with the same probability as the last of them."""
    top = largest(logits)
    if count < len(logits) and _count_within(logits, top, WIDEST) > count:
        _drop_beyond(logits, top, _border(logits, logits[:0], top, count))


@compiled
def keep_top_p(logits: Row, history: History, probability: float) -> None:
    """Keep the fewest likeliest tokens that together have this probability, and ties with the last of them (Holtzman et al. 2020)."""
    top = largest(logits)
    weights = _weights(logits, top)
    wanted = probability * _weight_within(logits, weights, top, np.inf)
    if probability < 1 and _weight_within(logits, weights, top, WIDEST) >= wanted:
        _drop_beyond(logits, top, _border(logits, weights, top, wanted))


@compiled
def keep_min_p(logits: Row, history: History, fraction: float) -> None:
    """Keep tokens with at least this fraction of the likeliest token's probability (Nguyen et al. 2024)."""
    if fraction > 0:
        _drop_beyond(logits, largest(logits), -math.log(fraction))


RULES: dict[str, Rule] = {
    "repetition_penalty": penalise_repetition,
    "no_repeat": forbid_repeats,
    "temperature": divide_by_temperature,
    "top_k": keep_top_k,
    "top_p": keep_top_p,
    "min_p": keep_min_p,
}
"""Rules by the name of their setting, in the order in which they apply."""


def rule_numbers(settings: SamplingSettings) -> NDArray[np.float64]:
    """Return the settings in the order of RULES for compiled code; NaN turns a rule off."""
    values = [getattr(settings, name) for name in RULES]
    return np.array([math.nan if value is None else value for value in values])


@compiled
def apply_rules(logits: Row, history: History, numbers: NDArray[np.float64]) -> None:
    """Apply all rules that are on, in the order of RULES, to (vocabulary,) logits; history is the text's (length,) last ids.

    At temperature 0, which takes the likeliest token, rules that only exclude unlikely tokens have no effect and are left out.
    """
    # One by one: numba cannot loop over functions.
    if not np.isnan(numbers[0]):
        penalise_repetition(logits, history, numbers[0])
    if not np.isnan(numbers[1]):
        forbid_repeats(logits, history, numbers[1])
    if numbers[2] > 0:
        divide_by_temperature(logits, history, numbers[2])
        if not np.isnan(numbers[3]):
            keep_top_k(logits, history, numbers[3])
        if not np.isnan(numbers[4]):
            keep_top_p(logits, history, numbers[4])
        if not np.isnan(numbers[5]):
            keep_min_p(logits, history, numbers[5])


@compiled
def choose(logits: Row, uniform: float, temperature: float) -> int:
    """Return the token that a uniform number in [0, 1) draws, by the inverse of the distribution function.

    At temperature 0 the likeliest token, of ties the lowest id; -1 if the logits are not finite.
    """
    top = largest(logits)
    if not np.isfinite(top):
        return -1
    if temperature == 0:
        for token in range(len(logits)):
            if logits[token] == top:
                return token
        return -1
    weights = _weights(logits, top)
    target, reached, last = uniform * _weight_within(logits, weights, top, np.inf), 0.0, -1
    for token in range(len(logits)):
        if weights[token] > 0:
            reached += weights[token]
            last = token
            if reached > target:
                return token
    return last


@compiled
def choose_token(logits: Row, history: History, numbers: NDArray[np.float64], uniform: float) -> int:
    """Apply the rules to (vocabulary,) logits in place; return the id that `uniform` in [0, 1) draws, or -1 if they are not finite."""
    apply_rules(logits, history, numbers)
    return choose(logits, uniform, numbers[2])
