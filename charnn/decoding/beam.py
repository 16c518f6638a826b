"""Beam search over a step function: the likeliest sequences, best first, of many searches at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.decoding.settings import BeamSettings

AnyState = TypeVar("AnyState")
Ids = NDArray[np.int64]
Floats = NDArray[np.float64]


class Candidates(NamedTuple):
    """The likeliest next tokens of each row; those of equal probability in the order of their ids."""

    log_probabilities: Floats  # (rows, count)
    tokens: Ids  # (rows, count)


Step = Callable[[Ids, AnyState], tuple[Candidates, AnyState]]
Pick = Callable[[AnyState, Sequence[int]], AnyState]


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that the search found."""

    tokens: tuple[int, ...]  # Without the end token
    log_probability: float  # In nats, the end token's included
    score: float  # The log-probability over the length penalty; hypotheses are ranked by it
    is_ended: bool  # False where the length limit cut it off


def likeliest(log_probabilities: NDArray[np.floating], count: int) -> Candidates:
    """(rows, vocabulary) -> the best `count` tokens of each row, or the whole vocabulary if it is smaller."""
    scores = np.asarray(log_probabilities, np.float64)
    wanted = min(count, scores.shape[1])
    nearest = np.argpartition(-scores, wanted - 1, axis=1)[:, :wanted]
    # A search does not depend on which of several equal tokens at the border are kept, but their order must not depend on the machine.
    order = np.lexsort((nearest, -np.take_along_axis(scores, nearest, 1)), axis=1)
    tokens = np.take_along_axis(nearest, order, 1)
    return Candidates(np.take_along_axis(scores, tokens, 1), tokens)


@dataclass(frozen=True)
class BeamSearch(Generic[AnyState]):
    """A beam search: step((rows,) ids, state) -> candidates of the next tokens, state; pick(state, rows) -> these rows of a state.

    A step must return at least `candidates` for each row, or the whole vocabulary if it is smaller.
    """

    step: Step[AnyState]
    pick: Pick[AnyState]
    settings: BeamSettings
    end: int | None = None

    @property
    def candidates(self) -> int:
        """Continuations of each row that can matter: `beam` that continue, and as many that end."""
        return 2 * self.settings.beam

    def search(
        self, first: Candidates, state: AnyState, lengths: Sequence[int], count: int = 1, totals: Sequence[float] = ()
    ) -> list[list[Hypothesis]]:
        """Return for each row of first candidates and state the `count` best sequences, each row with its own most tokens.

        totals: the log-probabilities of what precedes each row, 0 by default. A search stops as soon as `beam` sequences have ended
        with the end token (Sutskever et al. 2014), so a beam of 1 is greedy decoding; sequences cut off at the length rank last.
        """
        searches = [_Search(self.settings, self.end, length, count) for length in lengths]
        for one, total in zip(searches, totals, strict=False):
            one.totals[0] = total
        active, candidates = searches, first
        while True:
            rows: list[int] = []
            end = 0
            for one in active:
                begin, end = end, end + len(one.totals)
                kept = one.extend(candidates.log_probabilities[begin:end], candidates.tokens[begin:end])
                rows += [] if one.is_over else (begin + kept).tolist()
            active = [one for one in active if not one.is_over]
            if not active:
                return [one.result() for one in searches]
            tokens = np.concatenate([one.tokens[:, -1] for one in active])
            candidates, state = self.step(tokens, self.pick(state, rows))


@dataclass
class _Search:
    """The sequences of one search, those that ended and those that did not yet."""

    settings: BeamSettings
    end: int | None
    length: int
    count: int
    is_over: bool = False
    tokens: Ids = field(default_factory=lambda: np.zeros((1, 0), np.int64))  # (rows, time)
    totals: Floats = field(default_factory=lambda: np.zeros(1))  # (rows,)
    ended: list[Hypothesis] = field(default_factory=list)

    def extend(self, log_probabilities: Floats, candidates: Ids) -> Ids:
        """Replace the rows by their best continuations; return the numbers of the rows that these continue."""
        rows, chosen, totals = self._order(log_probabilities, candidates)
        is_end = chosen == self.end if self.end is not None else np.zeros(len(chosen), np.bool_)
        top = np.arange(len(chosen)) < self.settings.beam
        self.ended += [self._hypothesis(self.tokens[rows[i]], totals[i], True) for i in np.flatnonzero(is_end & top)]
        alive = np.flatnonzero(~is_end)[: self.settings.beam]
        rows, chosen, self.totals = rows[alive], chosen[alive], totals[alive]
        self.tokens = np.concatenate([self.tokens[rows], chosen[:, None]], 1)  # (rows, time + 1)
        self.is_over = self.tokens.shape[1] >= self.length or not len(alive) or self._is_settled()
        return rows

    def result(self) -> list[Hypothesis]:
        """Return the best sequences, first those that ended, then those that were cut off."""
        cut = [self._hypothesis(row, total, False) for row, total in zip(self.tokens, self.totals, strict=True)]
        return sorted(self.ended + cut, key=lambda one: (not one.is_ended and self.end is not None, -one.score))[: self.count]

    def _order(self, log_probabilities: Floats, candidates: Ids) -> tuple[Ids, Ids, Floats]:
        """Return rows, tokens and log-probabilities of the continuations, best first; enough that `beam` do not end."""
        scores = (self.totals[:, None] + log_probabilities).reshape(-1)
        rows, tokens = np.repeat(np.arange(len(self.totals)), candidates.shape[1]), candidates.reshape(-1)
        order = np.lexsort((tokens, rows, -scores))[: self.settings.beam + len(self.totals)]
        order = order[np.isfinite(scores[order])]
        return rows[order], tokens[order], scores[order]

    def _is_settled(self) -> bool:
        """Can the search stop?"""
        if len(self.ended) >= max(self.count, self.settings.beam):
            return True
        # A sequence only loses probability, so without a length penalty it cannot overtake those that are ahead of it now.
        ahead = sum(one.log_probability >= self.totals[0] for one in self.ended)
        return self.settings.length_penalty == 0 and ahead >= self.count

    def _hypothesis(self, tokens: Ids, total: float, is_ended: bool) -> Hypothesis:
        # Wu et al. 2016, eq. 14; the end token counts as a token.
        penalty = ((5 + len(tokens) + is_ended) / 6) ** self.settings.length_penalty
        return Hypothesis(tuple(tokens.tolist()), float(total), float(total / penalty), is_ended)
