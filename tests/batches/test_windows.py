"""Tests of charnn.batches.streams."""

import numpy as np

from charnn.batches.streams import WindowBatches


def test_windows_are_those_of_the_series_and_of_no_other_part():
    inputs = np.arange(50, dtype=np.float32)[:, None]
    targets = np.arange(1, 51, dtype=np.float32)[:, None, None]
    targets[-1] = np.nan
    batches = WindowBatches(inputs, targets, batch_size=7, window=10, is_last=False, seed=3)
    begins = set()
    for step in range(60):
        batch = batches.batch(step)
        assert batch.inputs.shape == (7, 10, 1)
        assert np.array_equal(batch.inputs[:, 1:, 0], batch.inputs[:, :-1, 0] + 1)
        assert np.array_equal(batch.targets[:, :, 0, 0], batch.inputs[:, :, 0] + 1)
        begins |= set(batch.inputs[:, 0, 0].tolist())
    assert begins == set(range(40))  # all but the one after whose last value nobody knows what comes
    later = next(batches.since(5))
    assert np.array_equal(later.inputs, batches.batch(5).inputs)
    assert not np.array_equal(batches.batch(5).inputs, batches.batch(6).inputs)


def test_only_the_last_value_of_a_window_counts_where_that_is_asked_for():
    targets = np.ones((50, 2, 1), np.float32)
    batch = WindowBatches(np.ones((50, 1), np.float32), targets, batch_size=3, window=10, is_last=True, seed=3).batch(0)
    assert np.isnan(batch.targets[:, :-1]).all()
    assert (batch.targets[:, -1] == 1).all()
    assert (targets == 1).all()
