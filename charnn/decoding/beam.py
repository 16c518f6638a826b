"""Beam search over a step function: the likeliest sequences, best first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.decoding.settings import BeamSettings

AnyState = TypeVar("AnyState")
Step = Callable[[NDArray[np.int64], AnyState], tuple[NDArray[np.floating], AnyState]]
Pick = Callable[[AnyState, Sequence[int]], AnyState]


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that the search found."""

    tokens: tuple[int, ...]
    """Without the end token."""
    log_probability: float
    """In nats, the end token's included."""
    score: float
    """The log-probability over the length penalty; hypotheses are ranked by it."""
    is_ended: bool
    """False where the length limit cut it off."""


@dataclass(frozen=True)
class BeamSearch(Generic[AnyState]):
    """step((beam,) ids, state) -> ((beam, vocabulary) log-probabilities, state); pick(state, rows) -> these rows of a state."""

    step: Step[AnyState]
    pick: Pick[AnyState]
    settings: BeamSettings
    end: int | None = None

    def best(self, first: NDArray[np.floating], state: AnyState, length: int, count: int = 1) -> list[Hypothesis]:
        """The `count` best sequences of at most `length` tokens, from (vocabulary,) log-probabilities and their state (batch 1).

        With an end token the search stops as soon as `beam` sequences have ended (Sutskever et al. 2014), so that a beam of 1 is
        greedy decoding; sequences cut off at the length limit rank behind those that ended.
        """
        log_probabilities = np.asarray(first, np.float64)[None]
        tokens, totals = np.zeros((1, 0), np.int64), np.zeros(1)
        ended: list[Hypothesis] = []
        for time in range(length):
            rows, chosen, totals = self._extend(totals, log_probabilities)
            is_end = chosen == self.end if self.end is not None else np.zeros(len(chosen), np.bool_)
            top = np.arange(len(chosen)) < self.settings.beam
            ended += [self._hypothesis(tokens[rows[i]], totals[i], True) for i in np.flatnonzero(is_end & top)]
            alive = np.flatnonzero(~is_end)[: self.settings.beam]
            rows, chosen, totals = rows[alive], chosen[alive], totals[alive]
            tokens = np.concatenate([tokens[rows], chosen[:, None]], 1)  # (beam, time + 1)
            if time == length - 1 or not len(alive) or self._is_settled(ended, totals[0], count):
                break
            state = self.pick(state, rows.tolist())
            found, state = self.step(chosen, state)
            log_probabilities = np.asarray(found, np.float64)
        cut = [self._hypothesis(row, total, False) for row, total in zip(tokens, totals, strict=True)]
        return sorted(ended + cut, key=lambda one: (not one.is_ended and self.end is not None, -one.score))[:count]

    def _extend(
        self, totals: NDArray[np.float64], log_probabilities: NDArray[np.float64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The best continuations, best first: their rows, tokens and log-probabilities; enough of them that `beam` do not end."""
        scores = (totals[:, None] + log_probabilities).reshape(-1)  # (beam * vocabulary,)
        wanted = min(self.settings.beam + len(totals), len(scores))
        nearest = np.argpartition(-scores, wanted - 1)[:wanted]
        order = nearest[np.lexsort((nearest, -scores[nearest]))]
        order = order[np.isfinite(scores[order])]
        vocabulary = log_probabilities.shape[1]
        return order // vocabulary, order % vocabulary, scores[order]

    def _is_settled(self, ended: list[Hypothesis], best_alive: float, count: int) -> bool:
        """Can the search stop?"""
        if len(ended) >= max(count, self.settings.beam):
            return True
        # A sequence under way only loses probability, so without a length penalty it cannot overtake what is ahead of it now.
        ahead = sum(one.log_probability >= best_alive for one in ended)
        return self.settings.length_penalty == 0 and ahead >= count

    def _hypothesis(self, tokens: NDArray[np.int64], total: float, is_ended: bool) -> Hypothesis:
        # Wu et al. 2016, eq. 14; the end token counts as a token.
        penalty = ((5 + len(tokens) + is_ended) / 6) ** self.settings.length_penalty
        return Hypothesis(tuple(tokens.tolist()), float(total), float(total / penalty), is_ended)
