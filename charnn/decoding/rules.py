"""The sampling rules: each is one function that changes one row of logits in place, in compiled code and from Python alike."""

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
    """Keskar et al. 2019 (CTRL): the logits of tokens seen lately are divided by the penalty where positive, multiplied where negative."""
    is_seen = np.zeros(len(logits), np.bool_)
    for i in range(max(len(history) - PENALTY_WINDOW, 0), len(history)):
        token = history[i]
        if not is_seen[token]:
            is_seen[token] = True
            logits[token] = np.float32(logits[token] / penalty if logits[token] > 0 else logits[token] * penalty)


@compiled
def forbid_repeats(logits: Row, history: History, length: float) -> None:
    """A token that would complete a run of `length` tokens already in the text is never drawn.

    If that leaves no token at all, the rule stands back for this one draw.
    """
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
    """Logits over a temperature above 0; the largest is moved to 0 first, so that no temperature is too small."""
    top = largest(logits)
    for token in range(len(logits)):
        logits[token] = np.float32((logits[token] - top) / temperature)


@compiled_sum
def _count_within(logits: Row, top: float, gap: float) -> int:
    """How many tokens are at most `gap` nats below the top."""
    count = 0
    for value in logits:
        count += 1 if top - value <= gap else 0
    return count


@compiled
def _weights(logits: Row, top: float) -> Row:
    """Probabilities relative to the likeliest token's."""
    weights = np.empty_like(logits)
    for token in range(len(logits)):
        weights[token] = exp(logits[token] - top)
    return weights


@compiled_sum
def _weight_within(logits: Row, weights: Row, top: float, gap: float) -> float:
    """The weight of all tokens at most `gap` nats below the top."""
    total = 0.0
    for token in range(len(logits)):
        total += weights[token] if top - logits[token] <= gap else 0.0
    return total


@compiled
def _border(logits: Row, weights: Row, top: float, wanted: float) -> float:
    """The nats below the top within which tokens are of this weight, or, without weights, of this number.

    By halving, not sorting: 40 passes of vector code, for 50,000 tokens a tenth of the time of a sort.
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
    """The `count` likeliest tokens stay, and any that are as likely as the last of them."""
    top = largest(logits)
    if count < len(logits) and _count_within(logits, top, WIDEST) > count:
        _drop_beyond(logits, top, _border(logits, logits[:0], top, count))


@compiled
def keep_top_p(logits: Row, history: History, share: float) -> None:
    """Holtzman et al. 2020: the fewest likeliest tokens that together have this probability stay, and any as likely as the last of them."""
    top = largest(logits)
    weights = _weights(logits, top)
    wanted = share * _weight_within(logits, weights, top, np.inf)
    if share < 1 and _weight_within(logits, weights, top, WIDEST) >= wanted:
        _drop_beyond(logits, top, _border(logits, weights, top, wanted))


@compiled
def keep_min_p(logits: Row, history: History, share: float) -> None:
    """Nguyen et al. 2024: tokens at least `share` times as probable as the likeliest stay."""
    if share > 0:
        _drop_beyond(logits, largest(logits), -math.log(share))


RULES: dict[str, Rule] = {
    "repetition_penalty": penalise_repetition,
    "no_repeat": forbid_repeats,
    "temperature": divide_by_temperature,
    "top_k": keep_top_k,
    "top_p": keep_top_p,
    "min_p": keep_min_p,
}
"""The rules by the name of their setting, in the order in which they apply."""


def rule_numbers(settings: SamplingSettings) -> NDArray[np.float64]:
    """The settings in the order of RULES as compiled code takes them; NaN is off."""
    values = [getattr(settings, name) for name in RULES]
    return np.array([math.nan if value is None else value for value in values])


@compiled
def apply_rules(logits: Row, history: History, numbers: NDArray[np.float64]) -> None:
    """All rules that are on, in the order of RULES: (vocabulary,) logits in place; history is the text's (length,) last ids.

    At temperature 0 the rules that only cut off unlikely tokens have nothing to do.
    """
    # Spelled out: numba cannot loop over functions.
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
    """The token that a uniform number in [0, 1) picks by the inverse of the distribution function.

    At temperature 0 the likeliest, of ties the lowest id. -1 where the logits are no finite numbers.
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
    """One draw by all rules; overwrites the logits."""
    apply_rules(logits, history, numbers)
    return choose(logits, uniform, numbers[2])
