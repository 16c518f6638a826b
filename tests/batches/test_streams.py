from dataclasses import fields
from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.batches.streams import DocumentBatches, StreamBatches, streams, windows

EPOCHS = 3

small = settings(max_examples=40, deadline=None)


@st.composite
def stream_batches(draw):
    """Batches of the text 0, 1, 2, ...: a token is its own position."""
    window = draw(st.integers(1, 9))
    length = draw(st.integers(window + 1, 200))
    options = {"batch_size": draw(st.integers(1, 12)), "state_resets": draw(st.sampled_from([0, 0.3, 1])), "seed": draw(st.integers(0, 99))}
    return StreamBatches(np.arange(length), window=window, **options)


@st.composite
def document_batches(draw):
    """Batches of documents over the tokens 0, 1, 2, ...; a document's label is its number."""
    lengths = draw(st.lists(st.integers(2, 40), min_size=1, max_size=30))
    starts = np.cumsum([0, *lengths])
    options = {"batch_size": draw(st.integers(1, 6)), "window": draw(st.integers(1, 12)), "seed": draw(st.integers(0, 99))}
    return DocumentBatches(np.arange(starts[-1]), starts, np.arange(len(lengths)), **options)


any_batches = st.one_of(stream_batches(), document_batches())


def epoch(batches, number):
    """All batches of one epoch."""
    begin, end = number * batches.epoch_steps, (number + 1) * batches.epoch_steps
    return list(islice(batches.since(begin), end - begin))


def predicted(batch):
    """The targets that count, row by row."""
    return batch.targets.flatten() if batch.mask is None else batch.targets[batch.mask]


def all_predicted(batches):
    return np.concatenate([predicted(batch) for batch in batches])


def document_of(batches, tokens):
    return np.searchsorted(batches.starts, tokens, side="right") - 1


def are_same(one, other):
    return all(np.array_equal(getattr(one, part.name), getattr(other, part.name)) for part in fields(one))


@small
@given(any_batches, st.integers(0, 60))
def test_a_run_that_begins_at_any_batch_goes_on_as_one_from_the_start(batches, step):
    whole = list(islice(batches.since(0), step + 5))
    assert all(map(are_same, whole[step:], islice(batches.since(step), 5)))


@small
@given(any_batches)
def test_targets_are_the_tokens_after_the_inputs(batches):
    for batch in islice(batches.since(0), 20):
        assert batch.inputs.shape == batch.targets.shape
        assert batch.fresh.shape == batch.inputs.shape[:1]
        assert (batch.targets == batch.inputs + 1).all()


@small
@given(any_batches)
def test_every_epoch_begins_without_a_state(batches):
    assert all(epoch(batches, number)[0].fresh.all() for number in range(EPOCHS))


@small
@given(any_batches)
def test_a_batch_stays_within_its_size(batches):
    size = batches.budget if isinstance(batches, DocumentBatches) else batches.rows * batches.window
    for batch in islice(batches.since(0), 20):
        assert 1 <= batch.inputs.shape[1] <= batches.window
        assert batch.inputs.size <= size


@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.uint32])
def test_batches_are_what_an_embedding_reads_whatever_the_store(kind):
    ids = np.arange(50, dtype=kind)
    starts = np.array([0, 20, 50])
    for batches in (
        StreamBatches(ids, batch_size=2, window=5, state_resets=0, seed=0).since(0),
        DocumentBatches(ids, starts, None, batch_size=2, window=5, seed=0).since(0),
        windows(ids, 4, 3),
        streams(ids, 4, 3),
    ):
        batch = next(batches)
        assert (batch.inputs.dtype, batch.targets.dtype) == (np.int64, np.int64)


@pytest.mark.parametrize("number", [1, 2])
def test_another_epoch_or_seed_is_another_order(number):
    starts = np.arange(0, 1001, 10)
    for make in (
        lambda seed: StreamBatches(np.arange(1001), batch_size=4, window=8, state_resets=0, seed=seed),
        lambda seed: DocumentBatches(np.arange(1000), starts, None, batch_size=4, window=8, seed=seed),
    ):
        orders = [all_predicted(epoch(make(seed), number)).tolist() for seed in (1, 1, 2)]
        assert orders[0] == orders[1]
        assert orders[0] != orders[2]
        assert orders[0] != all_predicted(epoch(make(1), 0)).tolist()


@small
@given(stream_batches())
def test_a_row_goes_on_where_it_ended(batches):
    """At the end of the text a row continues at its beginning."""
    last = batches.rows * batches.length - 1
    for number in range(EPOCHS):
        rows = np.concatenate([batch.inputs for batch in epoch(batches, number)], axis=1)
        steps = np.diff(rows, axis=1)
        assert ((steps == 1) | ((rows[:, :-1] == last) & (rows[:, 1:] == 0))).all()


@small
@given(stream_batches())
def test_an_epoch_of_a_stream_predicts_every_token_once(batches):
    """All but those at the end, fewer than there are rows, that do not fill a whole column."""
    for number in range(EPOCHS):
        tokens = np.sort(all_predicted(epoch(batches, number)))
        assert (tokens == np.arange(1, len(tokens) + 1)).all()
        assert 0 <= len(batches.ids) - 1 - len(tokens) < batches.rows


@small
@given(stream_batches())
def test_no_stream_is_shorter_than_a_window(batches):
    assert batches.window <= batches.length


@pytest.mark.parametrize("fraction", [0, 0.05, 0.5, 1])
def test_a_fraction_of_the_rows_of_a_stream_lose_their_state(fraction):
    batches = StreamBatches(np.arange(20_001), batch_size=10, window=2, state_resets=fraction, seed=0)
    later = np.array([batch.fresh for batch in epoch(batches, 0)[1:]])
    assert later.mean() == pytest.approx(fraction, abs=0.01)
    assert fraction in (0, 1) or (later.mean(axis=0) > 0).all()


@small
@given(document_batches())
def test_an_epoch_of_documents_predicts_every_token_once(batches):
    expected = np.setdiff1d(batches.ids, batches.starts)
    for number in range(EPOCHS):
        assert np.sort(all_predicted(epoch(batches, number))).tolist() == expected.tolist()


@small
@given(document_batches())
def test_a_row_never_crosses_the_border_of_its_document_and_has_its_label(batches):
    for batch in epoch(batches, 0):
        for row, mask in enumerate(batch.mask):
            read = {*document_of(batches, batch.inputs[row, mask]), *document_of(batches, batch.targets[row, mask])}
            assert read <= {batch.labels[row]}


@small
@given(document_batches())
def test_a_document_begins_at_its_start_and_a_long_one_goes_on_in_its_row(batches):
    parts = epoch(batches, 0)
    assert all((batch.inputs[batch.fresh, 0] == batches.starts[batch.labels[batch.fresh]]).all() for batch in parts)
    for before, after in pairwise(parts):
        assert after.fresh.all() or not after.fresh.any()
        if not after.fresh.any():
            assert (before.labels == after.labels).all()
            going_on = after.mask[:, 0]
            assert (after.inputs[going_on, 0] == before.targets[going_on, -1]).all()
            assert before.mask[going_on].all()


@small
@given(document_batches())
def test_a_row_that_is_over_stays_over(batches):
    for batch in epoch(batches, 0):
        assert (np.diff(batch.mask.astype(int), axis=1) <= 0).all()
    for before, after in pairwise(epoch(batches, 0)):
        assert after.fresh.all() or not (after.mask[:, 0] & ~before.mask[:, -1]).any()


@small
@given(document_batches())
def test_every_epoch_of_documents_has_equally_many_batches(batches):
    assert {len(batches.plan(number)) for number in range(EPOCHS)} == {batches.epoch_steps}


@given(any_batches)
@settings(max_examples=5)
def test_a_batch_late_in_a_long_run_is_found_at_once(batches):
    """Every report of a run on documents used to go through the order of all epochs before it."""
    step = 1_000_000 * batches.epoch_steps
    assert next(batches.since(step)).fresh.all()


def test_documents_without_labels_have_none():
    batches = DocumentBatches(np.arange(9), np.array([0, 4, 9]), None, batch_size=2, window=5, seed=0)
    assert next(batches.since(0)).labels is None


def test_documents_side_by_side_are_of_similar_length():
    """Grouped by length, hardly anything is padding."""
    lengths = np.random.default_rng(0).integers(2, 60, 2000)
    starts = np.cumsum([0, *lengths])
    batches = DocumentBatches(np.arange(starts[-1]), starts, None, batch_size=16, window=64, seed=0)
    counted = sum(int(batch.mask.sum()) for batch in epoch(batches, 0))
    assert counted / sum(batch.inputs.size for batch in epoch(batches, 0)) > 0.95


@small
@given(st.integers(2, 200), st.integers(1, 20), st.integers(1, 8))
def test_windows_predict_every_token_once_and_in_order_each_cold(length, width, rows):
    batches = list(windows(np.arange(length), width, rows))
    assert all_predicted(batches).tolist() == list(range(1, length))
    assert all(batch.fresh.all() and batch.inputs.shape[1] <= width and len(batch.inputs) <= rows for batch in batches)
    assert all((np.diff(batch.inputs, axis=1) == 1).all() for batch in batches)


@small
@given(st.integers(2, 200), st.integers(1, 20), st.integers(1, 8))
def test_streams_predict_every_token_once_and_go_on_where_they_ended(length, width, rows):
    batches = list(streams(np.arange(length), width, rows))
    assert np.sort(all_predicted(batches)).tolist() == list(range(1, length))
    assert batches[0].fresh.all()
    for before, after in pairwise(batches):
        assert after.fresh.all() or (after.inputs[:, 0] == before.targets[:, -1]).all()


@small
@given(st.integers(2, 200), st.integers(1, 20))
def test_one_stream_reads_a_text_from_its_beginning_to_its_end(length, width):
    batches = list(streams(np.arange(length), width, 1))
    assert all_predicted(batches).tolist() == list(range(1, length))
    assert [bool(batch.fresh) for batch in batches] == [True] + [False] * (len(batches) - 1)


@small
@given(st.integers(20, 200), st.integers(1, 20), st.integers(2, 8), st.integers(1, 30))
def test_warm_streams_predict_every_token_once_and_none_while_they_warm_up(length, width, rows, warm):
    batches = list(streams(np.arange(length), width, rows, warm))
    assert np.sort(all_predicted(batches)).tolist() == list(range(1, length))
    assert batches[0].fresh.all()
    assert not batches[0].mask.any()
    first = next(batch for batch in batches if batch.mask is None)
    assert first.fresh.tolist() == [True] + [False] * (rows - 1)
    last = [batch for batch in batches if batch.mask is not None][-1]
    assert (first.inputs[1:, 0] == last.targets[1:, -1]).all()
