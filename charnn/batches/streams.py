"""Token ids in the order training reads them: a pure function of (seed, epoch, step), so that any step can be found again."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Batch:
    """Rows of consecutive tokens, and for each the token that follows it."""

    inputs: NDArray[np.int64]  # (batch, time)
    targets: NDArray[np.int64]  # (batch, time)
    mask: NDArray[np.bool_] | None  # (batch, time): False where a shorter document is over; None where all counts
    labels: NDArray[np.int64] | None  # (batch,)
    fresh: NDArray[np.bool_]  # (batch,): rows that start anew, without the state of the batch before


Kind = TypeVar("Kind", covariant=True)


class Batches(Protocol[Kind]):
    """All batches of a training run, by number."""

    def steps(self, epochs: int) -> int:
        """How many batches the first so many epochs have."""

    def epoch_of(self, step: int) -> float:
        """How many epochs are over after so many batches."""

    def since(self, step: int) -> Iterator[Kind]:
        """The batches from this number on, without end."""


class StreamBatches:
    """One long text as parallel streams, read window by window, so that the recurrent state can be carried on.

    Row r of the next batch goes on where row r of this one ends. Each epoch starts at another offset. `restarts` is the
    share of rows that start anew all the same, so that the network learns to do without a past.
    """

    def __init__(self, ids: Ids, *, batch_size: int, window: int, restarts: float, seed: int) -> None:
        self.ids = ids
        self.window = window
        self.restarts = restarts
        self.seed = seed
        self.rows = max(1, min(batch_size, (len(ids) - 1) // window))
        self.length = (len(ids) - 1) // self.rows
        self.epoch_steps = -(-self.length // window)

    def steps(self, epochs: int) -> int:
        """How many batches the first so many epochs have."""
        return epochs * self.epoch_steps

    def epoch_of(self, step: int) -> float:
        """How many epochs are over after so many batches."""
        return step / self.epoch_steps

    def since(self, step: int) -> Iterator[Batch]:
        """The batches from this number on, without end."""
        while True:
            yield self.batch(*divmod(step, self.epoch_steps))
            step += 1

    def batch(self, epoch: int, index: int) -> Batch:
        """Batch `index` of an epoch."""
        total = self.rows * self.length
        shift = int(np.random.default_rng((self.seed, epoch)).integers(total)) if epoch else 0
        width = min(self.window, self.length - index * self.window)
        begins = np.arange(self.rows) * self.length + index * self.window + shift
        places = (begins[:, None] + np.arange(width)) % total  # (batch, time); a shifted row runs on at the start of the text
        fresh = np.random.default_rng((self.seed, epoch, index)).random(self.rows) < (self.restarts if index else 1)
        return _batch(self.ids, places, fresh)


class DocumentBatches:
    """Documents side by side, each from its own start, grouped by length; long ones are read window by window."""

    def __init__(
        self, ids: Ids, starts: NDArray[np.int64], labels: NDArray[np.int64] | None, *, batch_size: int, window: int, seed: int
    ) -> None:
        self.ids = ids
        self.starts = starts  # (documents + 1,)
        self.labels = labels
        self.budget = batch_size * window
        self.window = window
        self.seed = seed
        self._plans: dict[int, list[tuple[NDArray[np.int64], int]]] = {}
        # The same lengths make groups of the same sizes, so all epochs have equally many batches.
        self.epoch_steps = len(self.plan(0))

    def steps(self, epochs: int) -> int:
        """How many batches the first so many epochs have."""
        return epochs * self.epoch_steps

    def epoch_of(self, step: int) -> float:
        """How many epochs are over after so many batches."""
        return step / self.epoch_steps

    def since(self, step: int) -> Iterator[Batch]:
        """The batches from this number on, without end."""
        epoch, index = divmod(step, self.epoch_steps)
        while True:
            for documents, begin in self.plan(epoch)[index:]:
                yield self.batch(documents, begin)
            epoch, index = epoch + 1, 0

    def batch(self, documents: NDArray[np.int64], begin: int) -> Batch:
        """The tokens of these documents from `begin` on, a window wide at most."""
        lengths = np.clip(self._lengths(documents) - begin, 0, self.window)
        steps = np.arange(lengths.max())
        mask = steps < lengths[:, None]  # (batch, time)
        places = np.where(mask, self.starts[documents][:, None] + begin + steps, self.starts[documents][:, None])
        labels = None if self.labels is None else self.labels[documents]
        return _batch(self.ids, places, np.full(len(documents), begin == 0), mask, labels)

    def plan(self, epoch: int) -> list[tuple[NDArray[np.int64], int]]:
        """The (documents, first position) of every batch of an epoch, in order."""
        if epoch not in self._plans:
            self._plans = {kept: plan for kept, plan in self._plans.items() if kept == epoch - 1}
            self._plans[epoch] = self._make_plan(epoch)
        return self._plans[epoch]

    def _make_plan(self, epoch: int) -> list[tuple[NDArray[np.int64], int]]:
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(len(self.starts) - 1)
        order = order[np.argsort(self._lengths(order), kind="stable")]
        groups = self._groups(order)
        plan = []
        for number in random.permutation(len(groups)):
            longest = int(self._lengths(groups[number]).max())
            # Rows stay in place while their state is carried; those that are over are masked.
            plan += [(groups[number], begin) for begin in range(0, longest, self.window)]
        return plan

    def _groups(self, order: NDArray[np.int64]) -> list[NDArray[np.int64]]:
        """Cuts documents sorted by length so that a batch holds at most the token budget, padding included."""
        widths = np.minimum(self._lengths(order), self.window)
        groups, begin = [], 0
        for end in range(1, len(order) + 1):
            if end == len(order) or (end + 1 - begin) * widths[end] > self.budget:
                groups.append(order[begin:end])
                begin = end
        return groups

    def _lengths(self, documents: NDArray[np.int64]) -> NDArray[np.int64]:
        """Predictions each document asks for: its tokens less the first."""
        return self.starts[documents + 1] - self.starts[documents] - 1


def windows(ids: Ids, width: int, rows: int) -> Iterator[Batch]:
    """Every window of a text, each to be read without context: (rows, width) ids; the last ones come as they are."""
    whole = (len(ids) - 1) // width
    for begin in range(0, whole, rows):
        starts = np.arange(begin, min(begin + rows, whole)) * width
        yield _batch(ids, starts[:, None] + np.arange(width), np.full(len(starts), True))
    yield from _rest(ids, whole * width)


def streams(ids: Ids, width: int, rows: int, warm: int = 0) -> Iterator[Batch]:
    """A text as so many parallel streams, each token predicted once, the state to be carried; rows=1 is one pass in order.

    Each stream but the first reads the `warm` tokens before its own first, masked, so that it begins with the state that one
    pass would have brought it, nearly: what lies further back has faded.
    """
    length = (len(ids) - 1) // rows
    first = np.arange(rows) * length
    for begin in range(-min(warm, length) if rows > 1 else 0, 0, width):
        places = np.maximum(first + begin, 0)[:, None] + np.arange(min(width, -begin))
        yield _batch(ids, places, np.full(rows, begin == -min(warm, length)), np.zeros(places.shape, bool))
    is_cold = np.arange(rows) == 0 if warm else np.full(rows, True)
    for begin in range(0, length, width):
        places = (first + begin)[:, None] + np.arange(min(width, length - begin))
        yield _batch(ids, places, is_cold & (begin == 0))
    yield from _rest(ids, rows * length)


def _rest(ids: Ids, begin: int) -> Iterator[Batch]:
    """What is left of a text behind its even rows, as one row that starts anew."""
    if begin < len(ids) - 1:
        yield _batch(ids, np.arange(begin, len(ids) - 1)[None], np.full(1, True))


def _batch(
    ids: Ids,
    places: NDArray[np.int64],
    fresh: NDArray[np.bool_],
    mask: NDArray[np.bool_] | None = None,
    labels: NDArray[np.int64] | None = None,
) -> Batch:
    """The tokens at (batch, time) places, and those that follow them."""
    return Batch(ids[places].astype(np.int64), ids[places + 1].astype(np.int64), mask, labels, fresh)
