"""Pairs as token ids: side by side, by length, and in the order in which training reads them."""

from itertools import islice, pairwise

import numpy as np
import pytest

from charnn.batches.texts import MIXING, PairBatches, PairSet, by_length, text_set
from charnn.tokenizers.vocabulary import END

PAIRS = 60
BATCH_SIZE, BUDGET = 8, 90


def pairs_of(count=PAIRS, seed=0, longest=20):
    """Each side is the pair's number, repeated that many times, and an end."""
    lengths = np.random.default_rng(seed).integers(0, longest, (2, count))
    return PairSet(*(text_set([[number + 3] * length + [END] for number, length in enumerate(side)], np.array) for side in lengths))


def batches_of(seed=1, pairs=None, resample=None, budget=BUDGET):
    return PairBatches(pairs_of() if pairs is None else pairs, batch_size=BATCH_SIZE, budget=budget, seed=seed, resample=resample)


def rows_of(batch):
    """The (source, target) ids of a batch, without padding."""
    sides = ([row[:length].tolist() for row, length in zip(one.tokens, one.lengths, strict=True)] for one in (batch.source, batch.target))
    return list(zip(*sides, strict=True))


def rows_of_all(pairs):
    return rows_of(pairs.batch(np.arange(len(pairs))))


def epoch_of(batches, epoch):
    return list(islice(batches.since(epoch * batches.epoch_steps), batches.epoch_steps))


def contents(found):
    return [(rows_of(batch), batch.epoch) for batch in found]


def test_a_batch_holds_each_pair_and_zeros_behind_both_sides():
    pairs = PairSet(text_set([[5, 6, END], [7, END]], np.array), text_set([[8, END], [9, 10, 11, END]], np.array))
    batch = pairs.batch(np.array([1, 0]))
    assert len(batch.source.lengths) == 2
    assert batch.source.tokens.tolist() == [[7, END, 0], [5, 6, END]]
    assert batch.target.tokens.tolist() == [[9, 10, 11, END], [8, END, 0, 0]]
    assert batch.source.lengths.tolist() == [2, 3]
    assert batch.target.lengths.tolist() == [4, 2]
    assert pairs.lengths.tolist() == [6, 8]


@pytest.mark.parametrize(("batch_size", "budget"), [(7, 10**6), (64, 60), (1, 10**6), (8, 1)])
def test_by_length_gives_every_pair_once_under_its_number_within_the_budget(batch_size, budget):
    pairs, seen = pairs_of(), {}
    for numbers, batch in by_length(pairs, batch_size, budget):
        seen |= dict(zip(numbers.tolist(), rows_of(batch), strict=True))
        assert len(numbers) == len(batch.source.lengths) <= batch_size
        assert len(batch.source.lengths) == 1 or len(batch.source.lengths) * pairs.lengths[numbers].max() <= budget
    assert [seen[number] for number in range(PAIRS)] == rows_of_all(pairs)


def test_by_length_puts_like_lengths_side_by_side():
    pairs = pairs_of()
    spans = [pairs.lengths[numbers] for numbers, _ in by_length(pairs, BATCH_SIZE, BUDGET)]
    assert all(one.max() <= other.min() for one, other in pairwise(spans))


def test_no_pairs_hold_nothing():
    pairs = pairs_of(0)
    assert len(pairs) == 0
    assert [row for _, batch in by_length(pairs, 4, 100) for row in rows_of(batch)] == []


@pytest.mark.parametrize("epoch", [0, 1, 5])
def test_an_epoch_has_every_pair_once(epoch):
    pairs = pairs_of()
    found = [row for batch in epoch_of(batches_of(), epoch) for row in rows_of(batch)]
    assert sorted(found) == sorted(rows_of_all(pairs))


def test_batches_are_a_function_of_seed_and_epoch():
    first, again, other_seed = (contents(epoch_of(batches_of(seed), 3)) for seed in (1, 1, 2))
    other_epoch = epoch_of(batches_of(1), 4)
    assert first == again
    assert [rows for rows, _ in first] != [rows for rows, _ in other_seed]
    assert [rows for rows, _ in first] != [rows_of(batch) for batch in other_epoch]


def test_batches_can_begin_anywhere():
    batches = batches_of()
    uninterrupted = contents(islice(batches.since(0), 3 * batches.epoch_steps))
    for step in (1, batches.epoch_steps - 1, batches.epoch_steps, 2 * batches.epoch_steps + 2):
        assert contents(islice(batches_of().since(step), 3 * batches.epoch_steps - step)) == uninterrupted[step:]


def test_a_batch_knows_how_many_epochs_were_over_when_it_came():
    batches = batches_of()
    found = [batch.epoch for batch in islice(batches.since(0), 2 * batches.epoch_steps)]
    assert found == pytest.approx([step / batches.epoch_steps for step in range(2 * batches.epoch_steps)])
    assert found[batches.epoch_steps] == 1


@pytest.mark.parametrize("budget", [1, 30, 90, 10**6])
def test_a_batch_keeps_to_its_size_and_but_for_the_mixing_of_lengths_to_its_budget(budget):
    for batch in epoch_of(batches_of(budget=budget), 0):
        longest = int((batch.source.lengths + batch.target.lengths).max())
        assert len(batch.source.lengths) <= BATCH_SIZE
        assert len(batch.source.lengths) == 1 or len(batch.source.lengths) * longest <= budget / (1 - MIXING)


def sampled(calls, added=0):
    """Other ids in every epoch, of other lengths if some are added; the calls are written down."""

    def resample(epoch):
        calls.append(epoch)
        sides = (side.lengths + added * epoch for side in (pairs_of().source, pairs_of().target))
        return PairSet(*(text_set([[1000 * epoch + number] * size for number, size in enumerate(side)], np.array) for side in sides))

    return resample


def test_ids_are_sampled_anew_once_an_epoch():
    calls = []
    batches = batches_of(resample=sampled(calls))
    found = list(islice(batches.since(0), 3 * batches.epoch_steps))
    assert calls == [0, 1, 2]
    assert [{ids // 1000 for row in rows_of(batch) for side in row for ids in side} for batch in found] == [
        {int(batch.epoch)} for batch in found
    ]


def test_sampling_goes_on_in_the_epoch_in_which_it_begins():
    calls = []
    batches = batches_of(resample=sampled(calls, added=2))
    start = 2 * batches.epoch_steps - 1
    resumed = contents(islice(batches.since(start), 3))
    assert calls == [1, 2]
    assert resumed == contents(islice(batches_of(resample=sampled([], added=2)).since(0), start + 3))[start:]


def test_sampled_ids_are_grouped_as_the_pairs_were():
    numbers = [[source[0] % 1000 for source, _ in rows_of(batch)] for batch in epoch_of(batches_of(resample=sampled([], added=3)), 1)]
    given = [[source[0] - 3 if source[0] != END else None for source, _ in rows_of(batch)] for batch in epoch_of(batches_of(), 1)]
    assert all(known in (None, found) for row, other in zip(numbers, given, strict=True) for found, known in zip(row, other, strict=True))
