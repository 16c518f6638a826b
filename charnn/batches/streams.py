"""Batches of running text, documents and series, each a pure function of (seed, epoch, step), so that training can resume at any."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

Ids = NDArray[np.integer[Any]]


@dataclass(frozen=True)
class Batch:
    """Rows of consecutive tokens, and the next token of each."""

    inputs: NDArray[np.int64]  # (batch, time)
    targets: NDArray[np.int64]  # (batch, time)
    mask: NDArray[np.bool_] | None  # (batch, time): False behind the end of a shorter document; None for all True
    labels: NDArray[np.int64] | None  # (batch,)
    fresh: NDArray[np.bool_]  # (batch,): rows that do not take the state of the batch before


Kind = TypeVar("Kind", covariant=True)
Part = TypeVar("Part")


class Batches(Protocol[Kind]):
    """All batches of a training run, by number; each epoch has `epoch_steps` of them."""

    @property
    def epoch_steps(self) -> int: ...

    def since(self, step: int) -> Iterator[Kind]:
        """Yield batches from this number on, without end."""


class StreamBatches:
    """One long text as parallel streams, read window by window, so that the recurrent state can be carried on.

    Row r of each batch continues row r of the batch before. Each epoch starts at another offset. `state_resets` is the fraction
    of rows that lose their state all the same, so that the network learns to predict without one.
    """

    def __init__(self, ids: Ids, *, batch_size: int, window: int, state_resets: float, seed: int) -> None:
        self.ids, self.window, self.state_resets, self.seed = ids, window, state_resets, seed
        self.rows = max(1, min(batch_size, (len(ids) - 1) // window))
        self.length = (len(ids) - 1) // self.rows
        self.epoch_steps = -(-self.length // window)

    def since(self, step: int) -> Iterator[Batch]:
        return (self.batch(*divmod(number, self.epoch_steps)) for number in count(step))

    def batch(self, epoch: int, index: int) -> Batch:
        """Return batch `index` of an epoch."""
        total = self.rows * self.length
        shift = int(np.random.default_rng((self.seed, epoch)).integers(total)) if epoch else 0
        width = min(self.window, self.length - index * self.window)
        begins = np.arange(self.rows) * self.length + index * self.window + shift
        places = (begins[:, None] + np.arange(width)) % total  # (batch, time); after the end of the text follows its start
        fresh = np.random.default_rng((self.seed, epoch, index)).random(self.rows) < (self.state_resets if index else 1)
        return _batch(self.ids, places, fresh)


class DocumentBatches:
    """Documents side by side, each from its own start, grouped by length; long ones are read window by window."""

    def __init__(
        self, ids: Ids, starts: NDArray[np.int64], labels: NDArray[np.int64] | None, *, batch_size: int, window: int, seed: int
    ) -> None:
        self.ids, self.starts, self.labels = ids, starts, labels  # starts: (documents + 1,)
        self.budget, self.window, self.seed = batch_size * window, window, seed
        self.lengths = np.diff(starts) - 1  # the predictions of each document: its tokens but the first
        # The same lengths make groups of the same sizes, so all epochs have the same number of batches.
        self.sizes = group_sizes(np.minimum(self.lengths, window), len(self.lengths), self.budget)
        self.epoch_steps = len(self.plan(0))

    def since(self, step: int) -> Iterator[Batch]:
        return (self.batch(*part) for part in planned(self.plan, step, self.epoch_steps))

    def batch(self, documents: NDArray[np.int64], begin: int) -> Batch:
        """Return the tokens of these documents from `begin` on, at most a window of them."""
        lengths = np.clip(self.lengths[documents] - begin, 0, self.window)
        steps = np.arange(lengths.max())
        mask = steps < lengths[:, None]  # (batch, time)
        starts = self.starts[documents][:, None]
        places = np.where(mask, starts + begin + steps, starts)
        labels = None if self.labels is None else self.labels[documents]
        return _batch(self.ids, places, np.full(len(documents), begin == 0), mask, labels)

    def plan(self, epoch: int) -> list[tuple[NDArray[np.int64], int]]:
        """Return the (documents, first position) of every batch of an epoch, in order."""
        random = np.random.default_rng((self.seed, epoch))
        order = random.permutation(len(self.lengths))
        groups = grouped(order[np.argsort(self.lengths[order], kind="stable")], self.sizes)
        # Rows stay in place while their state is carried; documents that have ended are masked.
        shuffled = [groups[number] for number in random.permutation(len(groups))]
        return [(group, begin) for group in shuffled for begin in range(0, int(self.lengths[group].max()), self.window)]


@dataclass(frozen=True)
class Window:
    """Windows of a series, and the values to predict after each step."""

    inputs: NDArray[np.float32]  # (batch, time, inputs)
    targets: NDArray[np.float32]  # (batch, time, horizon, columns), NaN where unknown


class WindowBatches:
    """Random windows, a pure function of (seed, step); with `is_last` only the targets after a window's last value are known."""

    def __init__(
        self, inputs: NDArray[np.float32], targets: NDArray[np.float32], *, batch_size: int, window: int, is_last: bool, seed: int
    ) -> None:
        self.inputs, self.targets = inputs, targets
        self.rows, self.width, self.is_last, self.seed = batch_size, min(window, len(inputs)), is_last, seed
        # Nothing can be learned from a window without known values after it.
        self.places = len(inputs) - self.width + 1 - (len(inputs) > self.width)
        self.epoch_steps = max(1, len(inputs) // (self.rows * self.width))

    def since(self, step: int) -> Iterator[Window]:
        return map(self.batch, count(step))

    def batch(self, step: int) -> Window:
        """Return the batch of a number."""
        begins = np.random.default_rng((self.seed, step)).integers(self.places, size=self.rows)
        places = begins[:, None] + np.arange(self.width)  # (batch, time)
        targets: NDArray[Any] = self.targets[places]
        if self.is_last:
            targets[:, :-1] = np.nan
        return Window(self.inputs[places], targets)


def group_sizes(lengths: NDArray[np.int64], batch_size: int, budget: int) -> list[int]:
    """Return the sizes of groups of texts sorted by length: at most batch_size texts, and budget tokens with padding."""
    ordered = np.sort(lengths)
    sizes, begin = [], 0
    for end in range(1, len(ordered) + 1):
        if end == len(ordered) or end - begin == batch_size or (end + 1 - begin) * ordered[end] > budget:
            sizes.append(end - begin)
            begin = end
    return sizes


def grouped(order: NDArray[np.int64], sizes: Sequence[int]) -> list[NDArray[np.int64]]:
    """Cut an order into groups of these sizes."""
    return np.split(order, np.cumsum(sizes)[:-1]) if sizes else []


def planned(plan: Callable[[int], Sequence[Part]], step: int, epoch_steps: int) -> Iterator[Part]:
    """Yield the parts of the plans of all epochs, from this step on, without end."""
    epoch, index = divmod(step, epoch_steps)
    while True:
        yield from plan(epoch)[index:]
        epoch, index = epoch + 1, 0


def windows(ids: Ids, width: int, rows: int) -> Iterator[Batch]:
    """Yield all windows of a text, each to be read without context, as batches of (rows, width); the last may be smaller."""
    whole = (len(ids) - 1) // width
    for begin in range(0, whole, rows):
        starts = np.arange(begin, min(begin + rows, whole)) * width
        yield _batch(ids, starts[:, None] + np.arange(width), np.full(len(starts), True))
    yield from _rest(ids, whole * width)


def streams(ids: Ids, width: int, rows: int, warm: int = 0) -> Iterator[Batch]:
    """Yield a text as parallel streams whose state is carried, with a prediction of each token; rows=1 is one pass in order.

    Each stream but the first begins with the `warm` tokens before its own, masked, so that its state is nearly that of one pass.
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
    """Yield the rest of a text from `begin` as one row without a state before it."""
    if begin < len(ids) - 1:
        yield _batch(ids, np.arange(begin, len(ids) - 1)[None], np.full(1, True))


def _batch(ids: Ids, places: NDArray[np.int64], fresh: NDArray[np.bool_], mask: Any = None, labels: Any = None) -> Batch:
    """Return the batch of the tokens at (batch, time) places and the tokens after them."""
    return Batch(ids[places].astype(np.int64), ids[places + 1].astype(np.int64), mask, labels, fresh)
