import itertools

import pytest
import torch

from charnn.layers.pooling import POOLS
from charnn.layers.settings import POOLINGS

LENGTHS = torch.tensor([9, 3, 1, 0, 6])
TIME, UNITS = 9, 4

every_pooling = pytest.mark.parametrize("pooling", POOLS)

WRITTEN_OUT = {
    "last": lambda pool, x: x[-1],
    "mean": lambda pool, x: x.mean(0),
    "max": lambda pool, x: x.max(0).values,
    "attention": lambda pool, x: torch.softmax(pool.hidden_to_score(torch.tanh(pool.output_to_hidden(x)))[:, 0], 0) @ x,
    "concat": lambda pool, x: torch.cat([x[-1], x.mean(0), x.max(0).values]),
}


def pool_of(pooling):
    torch.manual_seed(1)
    return POOLS[pooling](UNITS).double()


def outputs():
    return torch.randn(len(LENGTHS), TIME, UNITS, generator=torch.Generator().manual_seed(2), dtype=torch.float64)


def pooled(pool, x, lengths, cuts=()):
    """The texts pooled in pieces."""
    mask, accumulated = torch.arange(x.shape[1]) < lengths[:, None], pool.start(x[:, 0])
    for begin, end in itertools.pairwise([0, *cuts, x.shape[1]]):
        accumulated = pool.add(accumulated, x[:, begin:end], mask[:, begin:end])
    return pool.result(accumulated)


def slopes(pool, found, x):
    """Gradients by the outputs and by the weights of a number that depends on everything found."""
    total = (found * torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)).sum()
    return torch.autograd.grad(total, [x, *pool.parameters()], retain_graph=True)


def test_every_pooling_of_the_settings_is_built_and_tested():
    assert set(POOLINGS) == set(POOLS) == set(WRITTEN_OUT)


@every_pooling
@pytest.mark.parametrize("cuts", [[2, 3, 7], [4], range(1, TIME)], ids=["chunks", "halves", "steps"])
def test_whole_equals_in_chunks_with_gradients(pooling, cuts):
    pool, x = pool_of(pooling), outputs().requires_grad_()
    whole, chunked = pooled(pool, x, LENGTHS), pooled(pool, x, LENGTHS, cuts)
    torch.testing.assert_close(chunked, whole)
    torch.testing.assert_close(slopes(pool, chunked, x), slopes(pool, whole, x))


@every_pooling
def test_a_row_alone_equals_its_written_out_equation_and_the_row_in_a_batch_with_padding(pooling):
    pool, x = pool_of(pooling), outputs().requires_grad_()
    together = pooled(pool, x, LENGTHS)
    assert together.shape == (len(LENGTHS), pool.size)
    for row, length in enumerate(LENGTHS.tolist()):
        if length:
            expected = WRITTEN_OUT[pooling](pool, x[row, :length])
            torch.testing.assert_close(pooled(pool, x[row : row + 1, :length], LENGTHS[row : row + 1])[0], expected)
            torch.testing.assert_close(together[row], expected)
            torch.testing.assert_close(slopes(pool, together[row], x), slopes(pool, expected, x))


@every_pooling
def test_an_empty_text_gives_zeros_and_its_gradient_is_a_number(pooling):
    pool, x = pool_of(pooling), outputs().requires_grad_()
    found = pooled(pool, x, torch.zeros(5, dtype=torch.int64), [3])
    assert not found.any()
    assert not any(slope.any() for slope in slopes(pool, found, x))
    assert not pool.result(pool.start(x[:, 0])).any()


@every_pooling
def test_padding_does_not_matter(pooling):
    pool, x = pool_of(pooling), outputs()
    mask = torch.arange(TIME) < LENGTHS[:, None]
    other = torch.where(mask[..., None], x, 1e6)
    assert (pooled(pool, x, LENGTHS, [2, 5]) == pooled(pool, other, LENGTHS, [2, 5])).all()


@every_pooling
def test_a_piece_without_tokens_leaves_a_row_as_it_was(pooling):
    pool, x = pool_of(pooling), outputs()
    before = pool.add(pool.start(x[:, 0]), x, torch.arange(TIME) < LENGTHS[:, None])
    after = pool.add(before, outputs() + 1, torch.zeros(5, TIME, dtype=torch.bool))
    torch.testing.assert_close(after, before, atol=0, rtol=0)


def test_attention_survives_scores_far_apart():
    pool, x = pool_of("attention"), outputs()
    with torch.no_grad():
        pool.hidden_to_score.weight *= 1e4
    torch.testing.assert_close(pooled(pool, x, LENGTHS, range(1, TIME)), pooled(pool, x, LENGTHS))
    assert pooled(pool, x, LENGTHS).isfinite().all()
