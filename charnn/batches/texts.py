"""Texts and pairs of texts as rows of token ids, side by side by length; and words as rows of their characters."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any, Generic, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.batches.streams import group_sizes, grouped, planned
from charnn.tokenizers.vocabulary import UNKNOWN, Vocabulary

Batch = TypeVar("Batch", covariant=True)

LONGEST_WORD = 40  # Most characters of a word; of a longer one its first and last 20
MIXING = 0.2  # Fraction by which lengths vary at random before texts are grouped by length, so that each epoch has other batches


class Speller:
    """Turns words into character ids, which are stored once for each distinct word."""

    def __init__(self, characters: Vocabulary) -> None:
        self.characters = characters
        self._numbers: dict[str, int] = {}
        self._spelled: list[NDArray[np.int64]] = []

    @classmethod
    def fit(cls, words: Iterable[str]) -> "Speller":
        """Return the speller for the characters of these words."""
        return cls(Vocabulary.fit(Counter(chain.from_iterable(words))))

    @classmethod
    def restore(cls, symbols: Any) -> "Speller":
        """Return the speller of a saved list of characters. Raises CheckpointError for anything else."""
        return cls(Vocabulary.restore(symbols))

    def number(self, word: str) -> int:
        """Return the number of a word, for spell()."""
        if word not in self._numbers:
            self._numbers[word] = len(self._spelled)
            short = word if len(word) <= LONGEST_WORD else word[: LONGEST_WORD // 2] + word[-LONGEST_WORD // 2 :]
            ids = [self.characters.ids.get(character, UNKNOWN) for character in short] or [UNKNOWN]
            self._spelled.append(np.array(ids, np.int64))
        return self._numbers[word]

    def spell(self, numbers: NDArray[np.integer[Any]]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Return (words, longest) character ids, 0 behind a word's end, and (words,) lengths; for no numbers one unknown character."""
        spelled = [self._spelled[number] for number in numbers] or [np.array([UNKNOWN], np.int64)]
        lengths = np.array([len(one) for one in spelled], np.int64)
        mask = np.arange(int(lengths.max())) < lengths[:, None]
        return _spread(np.concatenate(spelled), mask), lengths


@dataclass(frozen=True)
class TextBatch:
    """Texts side by side, padded with zeros."""

    tokens: NDArray[np.int64]  # (batch, time)
    lengths: NDArray[np.int64]  # (batch,)
    labels: NDArray[np.int64] | None = None  # (batch,)
    tags: NDArray[np.int64] | None = None  # (batch, time)
    characters: NDArray[np.int64] | None = None  # (words, longest): each distinct word of the batch
    character_lengths: NDArray[np.int64] | None = None  # (words,)
    words: NDArray[np.int64] | None = None  # (batch, time): the row of each token's word in `characters`


@dataclass(frozen=True)
class TextSet:
    """Texts as token ids, one after another."""

    ids: NDArray[np.int64]
    starts: NDArray[np.int64]  # (texts + 1,)
    labels: NDArray[np.int64] | None = None  # (texts,)
    tags: NDArray[np.int64] | None = None  # as many as ids
    words: NDArray[np.int64] | None = None  # as many as ids: numbers of the speller's words
    speller: Speller | None = None

    def __len__(self) -> int:
        return len(self.starts) - 1

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The (texts,) number of tokens of each."""
        return np.diff(self.starts)

    def batch(self, texts: NDArray[np.int64]) -> TextBatch:
        """Return the batch of the texts with these numbers."""
        lengths = self.lengths[texts]
        steps = np.arange(max(1, int(lengths.max(initial=0))))
        mask = steps < lengths[:, None]  # (batch, time)
        places = (self.starts[texts][:, None] + steps)[mask]
        labels = None if self.labels is None else self.labels[texts]
        tags = None if self.tags is None else _spread(self.tags[places], mask)
        tokens = _spread(self.ids[places], mask)
        if self.words is None or self.speller is None:
            return TextBatch(tokens, lengths, labels, tags)
        numbers, index = np.unique(self.words[places], return_inverse=True)
        return TextBatch(tokens, lengths, labels, tags, *self.speller.spell(numbers), _spread(index.reshape(-1), mask))


class Lengthy(Protocol[Batch]):
    """Numbered examples with lengths, such as a TextSet."""

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The (texts,) number of tokens of each."""

    def batch(self, texts: NDArray[np.int64]) -> Batch:
        """Return the batch of the examples with these numbers."""


def by_length(texts: Lengthy[Batch], batch_size: int, budget: int) -> Iterator[tuple[NDArray[np.int64], Batch]]:
    """Yield all texts once, as (numbers, batch) of similar lengths, with at most batch_size texts and about `budget` tokens."""
    for group in grouped(np.argsort(texts.lengths, kind="stable"), group_sizes(texts.lengths, batch_size, budget)):
        yield group, texts.batch(group)


class TextBatches(Generic[Batch]):
    """The training batches of texts: an epoch has each text once, grouped by similar length, in a random order."""

    def __init__(self, texts: Lengthy[Batch], *, batch_size: int, budget: int, seed: int) -> None:
        self.texts = texts
        self.seed = seed
        self.sizes = group_sizes(texts.lengths, batch_size, budget)
        self.epoch_steps = len(self.sizes)

    def since(self, step: int) -> Iterator[Batch]:
        """Yield batches from this number on, without end."""
        return map(self.texts.batch, planned(self.plan, step, self.epoch_steps))

    def plan(self, epoch: int) -> list[NDArray[np.int64]]:
        """Return the texts of every batch of an epoch, in order: a pure function of (seed, epoch)."""
        random = np.random.default_rng((self.seed, epoch))
        lengths = self.texts.lengths * random.uniform(1 - MIXING, 1, len(self.texts.lengths))
        groups = grouped(np.lexsort((random.random(len(lengths)), lengths)), self.sizes)
        return [groups[number] for number in random.permutation(len(groups))]


@dataclass(frozen=True)
class PairBatch:
    """Sources and targets side by side."""

    source: TextBatch
    target: TextBatch
    epoch: float = 0.0  # epochs before this batch


@dataclass(frozen=True)
class PairSet:
    """Sources and their targets as token ids; both end in the end token."""

    source: TextSet
    target: TextSet

    def __len__(self) -> int:
        return len(self.source)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """The (pairs,) number of tokens with the shorter side padded: twice those of the longer side."""
        # Sorted by this, batches of captions and of short phrases contain 14 % padding; sorted by the sum, 21 and 25 %.
        lengths: NDArray[np.int64] = 2 * np.maximum(self.source.lengths, self.target.lengths)
        return lengths

    def batch(self, pairs: NDArray[np.int64]) -> PairBatch:
        """Return the batch of the pairs with these numbers."""
        return PairBatch(self.source.batch(pairs), self.target.batch(pairs))


class PairBatches:
    """The training batches of pairs, grouped as by TextBatches; `resample` returns the pairs with the ids of an epoch."""

    def __init__(
        self, pairs: PairSet, *, batch_size: int, budget: int, seed: int, resample: Callable[[int], PairSet] | None = None
    ) -> None:
        self.pairs = pairs
        self._order = TextBatches(pairs, batch_size=batch_size, budget=budget, seed=seed)
        self._resample = resample or (lambda epoch: pairs)
        self.epoch_steps = self._order.epoch_steps

    def since(self, step: int) -> Iterator[PairBatch]:
        """Yield batches from this number on, without end."""
        epoch, index = divmod(step, self.epoch_steps)
        while True:
            pairs, plan = self._resample(epoch), self._order.plan(epoch)
            for number in range(index, len(plan)):
                yield replace(pairs.batch(plan[number]), epoch=epoch + number / len(plan))
            epoch, index = epoch + 1, 0


def text_set(
    texts: Iterable[Sequence[str] | NDArray[Any]],
    encode: Callable[[Any], NDArray[Any]],
    *,
    labels: Sequence[int] | NDArray[np.int64] | None = None,
    tags: Iterable[Sequence[int]] | None = None,
    speller: Speller | None = None,
) -> TextSet:
    """Return the set of texts in the form that `encode` turns into ids; for a speller they are words, whose characters are kept too."""
    ids: list[NDArray[Any]] = []
    words: list[int] = []
    for text in texts:
        ids.append(np.asarray(encode(text), np.int64))
        if speller is not None:
            words += [speller.number(word) for word in text]
    return TextSet(
        np.concatenate([np.zeros(0, np.int64), *ids]),
        np.cumsum([0, *map(len, ids)], dtype=np.int64),
        None if labels is None else np.asarray(labels, np.int64),
        None if tags is None else np.fromiter(chain.from_iterable(tags), np.int64),
        None if speller is None else np.asarray(words, np.int64),
        speller,
    )


def _spread(values: NDArray[np.int64], mask: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Return a (batch, time) array of the values where the mask is true, and zeros elsewhere."""
    rows = np.zeros(mask.shape, np.int64)
    rows[mask] = values
    return rows
