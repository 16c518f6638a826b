"""Beam search over a step function: the likeliest sequences, best first; for many searches at once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Generic, NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.decoding.settings import BeamSettings

AnyState = TypeVar("AnyState")


class Candidates(NamedTuple):
    """The likeliest next tokens of every row; those of equal probability in the order of their ids."""

    log_probabilities: NDArray[np.float64]  # (rows, count)
    tokens: NDArray[np.int64]  # (rows, count)


Step = Callable[[NDArray[np.int64], AnyState], tuple[Candidates, AnyState]]
Pick = Callable[[AnyState, Sequence[int]], AnyState]


@dataclass(frozen=True)
class Hypothesis:
    """A sequence that the search found."""

    tokens: tuple[int, ...]  # Without the end token
    log_probability: float  # In nats, the end token's included
    score: float  # The log-probability over the length penalty; hypotheses are ranked by it
    is_ended: bool  # False where the length limit cut it off


def likeliest(log_probabilities: NDArray[np.floating], count: int) -> Candidates:
    """(rows, vocabulary) -> the best `count` of each row, or all there are."""
    scores = np.asarray(log_probabilities, np.float64)
    wanted = min(count, scores.shape[1])
    nearest = np.argpartition(-scores, wanted - 1, axis=1)[:, :wanted]
    # Which of several tokens at the border are kept does not matter to a search, but their order must not depend on the machine.
    order = np.lexsort((nearest, -np.take_along_axis(scores, nearest, 1)), axis=1)
    tokens = np.take_along_axis(nearest, order, 1)
    return Candidates(np.take_along_axis(scores, tokens, 1), tokens)


@dataclass(frozen=True)
class BeamSearch(Generic[AnyState]):
    """step((rows,) ids, state) -> the candidates of the tokens after them, state; pick(state, rows) -> these rows of a state.

    A step must give at least `candidates` of each row, or all there are.
    """

    step: Step[AnyState]
    pick: Pick[AnyState]
    settings: BeamSettings
    end: int | None = None

    @property
    def candidates(self) -> int:
        """The continuations of each row that can matter: `beam` that go on, beside as many that end."""
        return 2 * self.settings.beam

    def best(self, first: Candidates, state: AnyState, length: int, count: int = 1) -> list[Hypothesis]:
        """The `count` best sequences of at most `length` tokens, from the candidates of one row and their state (batch 1)."""
        return self.search(first, state, [length], count)[0]

    def search(
        self, first: Candidates, state: AnyState, lengths: Sequence[int], count: int = 1, totals: Sequence[float] | None = None
    ) -> list[list[Hypothesis]]:
        """A search from each row, with a length of its own and the nats of what stood before; they leave the batch as they end.

        With an end token a search stops as soon as `beam` sequences have ended (Sutskever et al. 2014), so that a beam of 1 is
        greedy decoding; sequences cut off at the length limit rank behind those that ended.
        """
        searches = [_Search(self.settings, self.end, length, count) for length in lengths]
        for one, total in zip(searches, totals or (), strict=False):
            one.totals[0] = total
        under_way, candidates = searches, first
        while True:
            rows: list[int] = []
            end = 0
            for one in under_way:
                begin, end = end, end + len(one.totals)
                kept = one.extend(candidates.log_probabilities[begin:end], candidates.tokens[begin:end])
                rows += [] if one.is_over else (begin + kept).tolist()
            under_way = [one for one in under_way if not one.is_over]
            if not under_way:
                return [one.result() for one in searches]
            tokens = np.concatenate([one.tokens[:, -1] for one in under_way])
            candidates, state = self.step(tokens, self.pick(state, rows))


@dataclass
class _Search:
    """The sequences of one search, under way and ended."""

    settings: BeamSettings
    end: int | None
    length: int
    count: int
    is_over: bool = False
    tokens: NDArray[np.int64] = field(default_factory=lambda: np.zeros((1, 0), np.int64))  # (rows, time)
    totals: NDArray[np.float64] = field(default_factory=lambda: np.zeros(1))  # (rows,)
    ended: list[Hypothesis] = field(default_factory=list)

    def extend(self, log_probabilities: NDArray[np.float64], candidates: NDArray[np.int64]) -> NDArray[np.int64]:
        """Takes the best continuations of the rows; gives the rows they come from."""
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
        """The best sequences, those that ended before those that were cut off."""
        cut = [self._hypothesis(row, total, False) for row, total in zip(self.tokens, self.totals, strict=True)]
        return sorted(self.ended + cut, key=lambda one: (not one.is_ended and self.end is not None, -one.score))[: self.count]

    def _order(
        self, log_probabilities: NDArray[np.float64], candidates: NDArray[np.int64]
    ) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]:
        """The continuations, best first: their rows, tokens and log-probabilities; enough of them that `beam` do not end."""
        scores = (self.totals[:, None] + log_probabilities).reshape(-1)
        rows, tokens = np.repeat(np.arange(len(self.totals)), candidates.shape[1]), candidates.reshape(-1)
        order = np.lexsort((tokens, rows, -scores))[: self.settings.beam + len(self.totals)]
        order = order[np.isfinite(scores[order])]
        return rows[order], tokens[order], scores[order]

    def _is_settled(self) -> bool:
        """Can the search stop?"""
        if len(self.ended) >= max(self.count, self.settings.beam):
            return True
        # A sequence under way only loses probability, so without a length penalty it cannot overtake what is ahead of it now.
        ahead = sum(one.log_probability >= self.totals[0] for one in self.ended)
        return self.settings.length_penalty == 0 and ahead >= self.count

    def _hypothesis(self, tokens: NDArray[np.int64], total: float, is_ended: bool) -> Hypothesis:
        # Wu et al. 2016, eq. 14; the end token counts as a token.
        penalty = ((5 + len(tokens) + is_ended) / 6) ** self.settings.length_penalty
        return Hypothesis(tuple(tokens.tolist()), float(total), float(total / penalty), is_ended)
