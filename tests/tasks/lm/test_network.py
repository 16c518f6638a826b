"""The engine of torch does what the compiled one does: the same numbers, the same laws, the same texts."""

import numpy as np
import pytest

from charnn.decoding.generator import Generator
from charnn.errors import SettingError
from charnn.tasks.lm.network import TorchEngine
from tests.networks import CELLS
from tests.trained import random_model

CLAMPS = {(1, 0): 0.75, (2, 3): -1.5}

OPTIONS = {"plain": (), "everything": ("x", "y")}
every_network = pytest.mark.parametrize(("cell", "option", "labels"), [(cell, *option) for cell in CELLS for option in OPTIONS.items()])


def engines(cell, option, labels):
    """The compiled one, and that of torch."""
    trained = random_model(option, cell, labels)
    return trained.generator.engine, TorchEngine(trained.network)


@every_network
@pytest.mark.parametrize("clamps", [{}, CLAMPS], ids=["free", "clamped"])
def test_its_numbers_are_those_of_the_compiled_engine(cell, option, labels, clamps):
    label, ids = 1 if labels else None, np.random.default_rng(3).integers(3, 20, (2, 15))
    compiled, by_torch = (engine.clamped(clamps) for engine in engines(cell, option, labels))
    assert (by_torch.vocabulary_size, by_torch.label_count) == (compiled.vocabulary_size, compiled.label_count)
    states = [engine.start(2, label) for engine in (compiled, by_torch)]
    np.testing.assert_allclose(by_torch.read(ids, states[1]), compiled.read(ids, states[0]), atol=1e-5)
    np.testing.assert_allclose(states[1].memory, states[0].memory, atol=1e-5)
    scores = [engine.log_probabilities(ids, engine.start(2, label)) for engine in (compiled, by_torch)]
    np.testing.assert_allclose(scores[1], scores[0], atol=1e-5)
    traces = [engine.trace(ids[0], engine.start(1, label)) for engine in (compiled, by_torch)]
    for one, other in zip(*traces, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


@every_network
def test_a_sample_has_the_same_bits_in_any_batch_and_in_any_pieces(cell, option, labels):
    _, engine = engines(cell, option, labels)
    ids, label = np.random.default_rng(3).integers(3, 20, (5, 9)), 0 if labels else None
    together = engine.start(5, label)
    whole = engine.read(ids, together)
    for row in range(5):
        alone = engine.start(1, label)
        engine.read(ids[row, :4], alone)
        assert (engine.read(ids[row, 4:], alone)[0] == whole[row]).all()
        assert (alone.memory[:, :, 0] == together.memory[:, :, row]).all()


@pytest.mark.parametrize("cell", CELLS)
def test_its_texts_are_those_of_the_compiled_engine(cell):
    trained = random_model(cell=cell)
    generator = Generator(TorchEngine(trained.network), trained.tokenizer, documents=False)
    for clamps in ({}, CLAMPS):
        expected = trained.generator.clamped(clamps).sample("The", length=40, count=3, seed=4)
        assert generator.clamped(clamps).sample("The", length=40, count=3, seed=4) == expected
    with pytest.raises(SettingError, match=r"^clamp names unit 3:0, and this model has layers 1 to 2"):
        generator.clamped({(3, 0): 1.0})
