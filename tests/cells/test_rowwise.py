"""Without gradients every row is computed by itself: the numbers of the way with gradients, and the same bits in any batch."""

import numpy as np
import pytest
import torch
from torch import nn

from charnn.cells.layer import RecurrentLayer
from charnn.cells.rowwise import Linear, is_rowwise, packs, reading, tanh
from charnn.cells.settings import StackSettings
from charnn.layers.pooling import MAKERS, POOLS
from charnn.layers.stack import RecurrentStack
from tests.networks import CELLS

LENGTHS = torch.tensor([11, 3, 1, 7, 11, 2, 5])
ROWS, TIME, UNITS = len(LENGTHS), 11, 24
MASK = torch.arange(TIME) < LENGTHS[:, None]

CLOSE = {"atol": 2e-6, "rtol": 1e-5}


def numbers(*shape: int) -> torch.Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(sum(shape)))


def agree(function, *inputs: torch.Tensor) -> None:
    """With and without gradients it finds the same, and of one row or of two what it finds of all."""
    with torch.enable_grad():
        expected = function(*inputs)
    with torch.no_grad():
        found = function(*inputs)
        torch.testing.assert_close(found, tuple(part.detach() for part in expected), **CLOSE)
        for row in range(len(inputs[0])):
            for rows in ([row], [row, 0], [1, row, 2]):
                part = function(*(one[rows] for one in inputs))
                assert all(torch.equal(one[rows.index(row)], whole[row]) for one, whole in zip(part, found, strict=True))


@pytest.mark.parametrize(("units", "rows"), [(24, 40), (7, 1), (64, 32), (1, 33)])
def test_a_product_is_that_of_torch_row_by_row(units, rows):
    layer = Linear(units, rows)
    agree(lambda x: (layer(x), layer(x[:, 0]), tanh(layer(x))), numbers(ROWS, TIME, units))


def test_a_product_of_no_rows_has_no_rows():
    with torch.no_grad():
        assert Linear(5, 3)(torch.zeros(0, 5)).shape == (0, 3)
        assert tanh(torch.zeros(0, 5)).shape == (0, 5)


@pytest.mark.parametrize("cell", CELLS)
@pytest.mark.parametrize("time", [1, 2, TIME])
def test_a_layer_is_that_of_training_row_by_row(cell, time):
    layer = RecurrentLayer(UNITS, StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation, hidden_size=37))
    states = numbers(ROWS, len(CELLS[cell].loaded_cell.states), 37)

    def read(x: torch.Tensor, state: torch.Tensor) -> tuple[torch.Tensor, ...]:
        outputs, after = layer(x, tuple(part[None] for part in state.unbind(1)))
        return outputs, *(part[0] for part in after)

    agree(read, numbers(ROWS, time, UNITS), states)


@pytest.mark.parametrize("cell", CELLS)
def test_whole_equals_step_by_step_to_the_bit(cell):
    settings = StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation, hidden_size=20, layers=2, layer_norm=True)
    stack, x = RecurrentStack(UNITS, settings).eval(), numbers(ROWS, TIME, UNITS)
    with torch.no_grad():
        whole, last = stack(x)
        state, steps = None, []
        for time in range(TIME):
            outputs, state = stack(x[:, time : time + 1], state)
            steps.append(outputs)
    assert torch.equal(torch.cat(steps, 1), whole)
    assert all(torch.equal(one, other) for one, other in zip(state, last, strict=True))


@pytest.mark.parametrize("kind", MAKERS)
def test_attention_is_that_of_training_source_by_source(kind):
    attention = MAKERS[kind](UNITS, 2 * UNITS)

    def attended(queries: torch.Tensor, values: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        return attention(queries, attention.memory(values, mask))

    agree(attended, numbers(ROWS, 4, UNITS), numbers(ROWS, TIME, 2 * UNITS), MASK)


@pytest.mark.parametrize("kind", MAKERS)
def test_padding_changes_no_bit_of_attention(kind):
    attention, queries, values = MAKERS[kind](UNITS, 2 * UNITS), numbers(ROWS, 4, UNITS), numbers(ROWS, TIME, 2 * UNITS)
    with torch.no_grad():
        contexts, weights = attention(queries, attention.memory(values, MASK))
        for row, length in enumerate(LENGTHS.tolist()):
            memory = attention.memory(values[row : row + 1, :length], MASK[row : row + 1, :length])
            alone, weights_alone = attention(queries[row : row + 1], memory)
            assert torch.equal(alone[0], contexts[row])
            assert torch.equal(weights_alone[0], weights[row, :, :length])
            assert not weights[row, :, length:].any()


def pooled(pool, x: torch.Tensor, mask: torch.Tensor, cut: int = TIME) -> torch.Tensor:
    accumulated = pool.start(x[:, 0])
    for part in (slice(0, cut), slice(cut, None)) if cut < TIME else (slice(None),):
        accumulated = pool.add(accumulated, x[:, part], mask[:, part])
    return pool.result(accumulated)


@pytest.mark.parametrize("pooling", POOLS)
def test_pooling_is_that_of_training_text_by_text_and_piece_by_piece(pooling):
    pool, x = POOLS[pooling](UNITS), numbers(ROWS, TIME, UNITS)
    agree(lambda x, mask: (pooled(pool, x, mask), pooled(pool, x, mask, 4)), x, MASK)
    with torch.no_grad():
        whole = pooled(pool, x, MASK)
        assert torch.equal(pooled(pool, x, MASK, 4), whole)
        for row, length in enumerate(LENGTHS.tolist()):
            assert torch.equal(pooled(pool, x[row : row + 1, :length], MASK[row : row + 1, :length])[0], whole[row])


def test_weights_are_packed_once_within_a_reading_and_otherwise_every_time():
    """A fused optimizer changes weights without a trace, so nothing packed may outlive a reading."""
    layer, x = Linear(5, 3), numbers(4, 5)
    with reading():
        first = packs(layer.weight)[0]
        with reading():
            assert packs(layer.weight)[0] is first
        assert packs(layer.weight)[0] is first
    optimizer = torch.optim.AdamW(layer.parameters(), fused=True)
    before = layer(x)
    before.sum().backward()
    optimizer.step()
    with reading():
        assert not np.array_equal(packs(layer.weight)[0], first)
        torch.testing.assert_close(layer(x), nn.functional.linear(x, layer.weight, layer.bias))


def test_other_precisions_and_gradients_use_torchs_products():
    x = torch.zeros(2, 3)
    assert not is_rowwise(x)
    with torch.no_grad():
        assert is_rowwise(x)
        assert not is_rowwise(x.double())
        with torch.autocast("cpu", torch.bfloat16):
            assert not is_rowwise(x)
