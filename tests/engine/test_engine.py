import numpy as np
import pytest

from charnn.engine.engine import Engine
from charnn.errors import CheckpointError
from charnn.kernels.activations import exp, sigmoid, tanh
from tests.networks import CELLS, OPTIONS, random_tensors, reference, with_cell

CASES = [(cell, option) for option in OPTIONS for cell in (["gru"] if "adaptive" in option else CELLS)]
every_network = pytest.mark.parametrize(("cell", "option"), CASES)


def build(cell, option, labels=0):
    settings = with_cell(OPTIONS[option], cell)
    vocabulary = 4001 if settings.adaptive_softmax else 23
    tensors = random_tensors(settings, vocabulary, labels)
    return settings, tensors, Engine(settings, tensors)


def ids_for(engine, batch, time, seed=1):
    return np.random.default_rng(seed).integers(0, engine.vocabulary_size, (batch, time))


@every_network
def test_logits_equal_torch_over_a_thousand_steps(cell, option):
    settings, tensors, engine = build(cell, option)
    time = 60 if settings.adaptive_softmax else 1000
    ids = ids_for(engine, 1, time)
    expected, after = reference(settings, tensors, ids)
    state = engine.start(1)
    logits = np.stack([engine.step(ids[:, t], state) for t in range(time)], 1)
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)
    np.testing.assert_allclose(state.memory, after, atol=1e-4, rtol=0)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("option", ["plain", "everything"])
def test_labels_equal_torch(cell, option):
    settings, tensors, engine = build(cell, option, labels=3)
    ids, labels = ids_for(engine, 3, 50), [2, 0, 1]
    expected, _ = reference(settings, tensors, ids, labels)
    state = engine.start(3, labels)
    logits = np.stack([engine.step(ids[:, t], state) for t in range(50)], 1)
    np.testing.assert_allclose(logits, expected, atol=1e-4, rtol=0)


@every_network
def test_a_sample_has_the_same_bits_whatever_is_beside_it(cell, option):
    _, _, engine = build(cell, option)
    ids = ids_for(engine, 11, 20)
    together = engine.start(11)
    logits = engine.read(ids, together)
    for sample in range(11):
        alone = engine.start(1)
        assert (engine.read(ids[sample], alone) == logits[sample]).all()
        assert (alone.memory[:, :, 0] == together.memory[:, :, sample]).all()


@every_network
def test_whole_equals_in_chunks_equals_step_by_step(cell, option):
    _, _, engine = build(cell, option)
    ids = ids_for(engine, 3, 12)
    whole, chunks, steps = engine.start(3), engine.start(3), engine.start(3)
    expected = engine.read(ids, whole)
    engine.read(ids[:, :5], chunks)
    assert (engine.read(ids[:, 5:], chunks) == expected).all()
    logits = [engine.step(ids[:, t], steps) for t in range(12)]
    assert (logits[-1] == expected).all()
    assert (whole.memory == chunks.memory).all()
    assert (whole.memory == steps.memory).all()


@every_network
def test_scores_are_the_log_softmax_of_the_steps(cell, option):
    _, _, engine = build(cell, option)
    ids = ids_for(engine, 2, 9)
    state = engine.start(2)
    logits = np.stack([engine.step(ids[:, t], state) for t in range(8)], 1).astype(np.float64)
    expected = np.take_along_axis(logits, ids[:, 1:, None], 2)[:, :, 0] - np.log(np.exp(logits).sum(2))
    scores = engine.log_probabilities(ids, engine.start(2))
    np.testing.assert_allclose(scores, expected, atol=1e-5)


@pytest.mark.parametrize("option", ["plain", "everything"])
@pytest.mark.parametrize("labels", [0, 2])
def test_the_first_layers_table_changes_no_bit(monkeypatch, option, labels):
    _, _, engine = build("gru", option, labels)
    monkeypatch.setattr("charnn.engine.network.TABLE_LIMIT", 0)
    _, _, without = build("gru", option, labels)
    assert len(engine.network.table)
    assert not len(without.network.table)
    ids, label = ids_for(engine, 2, 9), [0, 1] if labels else None
    assert (engine.read(ids, engine.start(2, label)) == without.read(ids, without.start(2, label))).all()


@pytest.mark.parametrize("name", ["embedding.weight", "stack.cells.1.hidden_to_gates", "output.bias"])
def test_weights_that_do_not_fit_are_refused(name):
    settings, tensors, _ = build("gru", "plain")
    without = {other: tensor for other, tensor in tensors.items() if other != name}
    with pytest.raises(CheckpointError, match=f"^the model is damaged: .*{name}"):
        Engine(settings, without)
    with pytest.raises(CheckpointError, match=r"^the model is damaged: its weight .* is float32 .*, expected float32 "):
        Engine(settings, {**tensors, name: tensors[name][:-1]})
    with pytest.raises(CheckpointError, match=r"^the model is damaged: its weight .* is float64 .*, expected float32 "):
        Engine(settings, {**tensors, name: tensors[name].astype(np.float64)})
    with pytest.raises(CheckpointError, match=r"^the model is damaged: its weight 'more' belongs to no network of its settings$"):
        Engine(settings, {**tensors, "more": tensors[name]})


def test_picked_rows_go_on_by_themselves():
    _, _, engine = build("lstm", "plain")
    state = engine.start(4)
    engine.read(ids_for(engine, 4, 5), state)
    picked = state.pick([2, 2, 0])
    before = state.memory.copy()
    logits = engine.step([7, 7, 7], picked)
    assert (logits[0] == logits[1]).all()
    assert (state.memory == before).all()


@pytest.mark.parametrize(("ours", "exact"), [(tanh, np.tanh), (sigmoid, lambda x: 1 / (1 + np.exp(-x)))])
def test_activations_are_exact_to_single_precision(ours, exact):
    x = np.concatenate([np.linspace(-30, 30, 5001), np.geomspace(1e-6, 1, 200)]).astype(np.float32)
    found = np.array([ours(value) for value in x])
    assert np.abs(found - exact(x.astype(np.float64))).max() < 4e-7


def test_exp_is_exact_to_single_precision_and_zero_at_minus_infinity():
    x = np.linspace(-86, 0, 5001).astype(np.float32)
    found = np.array([exp(value) for value in x])
    assert np.abs(found / np.exp(x.astype(np.float64)) - 1).max() < 4e-7
    assert exp(np.float32(-np.inf)) == 0
    assert exp(np.float32(0)) == 1
