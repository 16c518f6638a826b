"""Attention as a layer: the laws of all kinds."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from charnn.layers.pooling import MAKERS, Attention
from charnn.layers.settings import ATTENTIONS

LENGTHS, SOURCE, TARGET, UNITS = torch.tensor([6, 1, 4]), 6, 5, 4
"""Tokens of each source, places with padding, queries, units of a query; a value has twice as many, of two directions."""

every_attention = pytest.mark.parametrize("kind", MAKERS)

SCORES: dict[str, Callable[..., Tensor]] = {
    "additive": lambda one, query, value: (
        one.hidden_to_score.weight[0]
        @ torch.tanh(one.query_to_hidden.weight @ query + one.query_to_hidden.bias + one.value_to_hidden.weight @ value)
    ),
    "general": lambda one, query, value: query @ (one.value_to_key.weight @ value),
    "dot": lambda one, query, value: query @ (value[:UNITS] + value[UNITS:]),
}
"""How well one query and one value go together, as the papers write it."""


def attention_of(kind: str) -> nn.Module:
    """One whose scores are far enough apart that they matter."""
    torch.manual_seed(1)
    made = MAKERS[kind](UNITS, 2 * UNITS)
    assert isinstance(made, nn.Module)
    made.double()
    with torch.no_grad():
        for weight in made.parameters():
            weight.normal_(std=0.7)
    return made


def queries_and_values() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(2)
    shapes = (len(LENGTHS), TARGET, UNITS), (len(LENGTHS), SOURCE, 2 * UNITS)
    queries, values = (torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_() for shape in shapes)
    return queries, values


def attended(attention: Attention, queries: Tensor, values: Tensor, lengths: Tensor = LENGTHS) -> tuple[Tensor, Tensor]:
    return attention(queries, attention.memory(values, torch.arange(values.shape[1]) < lengths[:, None]))


def slopes(attention: nn.Module, found: Tensor, *inputs: Tensor) -> tuple[Tensor | None, ...]:
    """Gradients by inputs and weights of a number that depends on everything found."""
    total = (found * torch.linspace(-1, 1, found.numel(), dtype=found.dtype).view_as(found)).sum()
    return torch.autograd.grad(total, [*inputs, *attention.parameters()], allow_unused=True, retain_graph=True)


def test_every_attention_of_the_settings_is_built_and_tested() -> None:
    assert set(ATTENTIONS) == set(MAKERS) == {*SCORES, "none"}


@every_attention
def test_weights_sum_to_one_and_are_zero_on_padding(kind: str) -> None:
    _, weights = attended(attention_of(kind), *queries_and_values())
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, TARGET, dtype=torch.float64))
    is_padding = (torch.arange(SOURCE) >= LENGTHS[:, None])[:, None].expand_as(weights)
    assert not weights[is_padding].any()
    assert (weights[~is_padding] > 0).all()


@pytest.mark.parametrize("kind", SCORES)
def test_contexts_and_weights_equal_their_written_out_equations(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = attended(attention, queries, values)
    for row, length in enumerate(LENGTHS.tolist()):
        for time in range(TARGET):
            scores = torch.stack([SCORES[kind](attention, queries[row, time], values[row, place]) for place in range(length)])
            expected = scores.exp() / scores.exp().sum()
            torch.testing.assert_close(weights[row, time, :length], expected)
            torch.testing.assert_close(
                contexts[row, time], sum(weight * value for weight, value in zip(expected, values[row], strict=False))
            )


@every_attention
def test_more_padding_changes_neither_values_nor_gradients(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = attended(attention, queries, values)
    padding = torch.full((3, 4, 2 * UNITS), 1e6, dtype=torch.float64)
    more_contexts, more_weights = attended(attention, queries, torch.cat([values, padding], 1))
    torch.testing.assert_close(more_contexts, contexts)
    torch.testing.assert_close(more_weights, nn.functional.pad(weights, (0, 4)))
    if kind != "none":
        for found, more in (contexts, more_contexts), (weights, more_weights[..., :SOURCE]):
            torch.testing.assert_close(slopes(attention, more, queries, values), slopes(attention, found, queries, values))


@every_attention
def test_a_source_alone_equals_the_source_in_a_batch(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = attended(attention, queries, values)
    for row, length in enumerate(LENGTHS):
        alone = slice(row, row + 1)
        own_contexts, own_weights = attended(attention, queries[alone], values[alone, :length], LENGTHS[alone])
        torch.testing.assert_close(own_contexts[0], contexts[row])
        torch.testing.assert_close(own_weights[0], weights[row, :, :length])


@pytest.mark.parametrize("kind", SCORES)
def test_padding_has_no_part_in_any_gradient(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, _ = attended(attention, queries, values)
    found = slopes(attention, contexts, values)[0]
    assert found is not None
    assert found.any(-1).tolist() == (torch.arange(SOURCE) < LENGTHS[:, None]).tolist()


@every_attention
def test_one_query_at_a_time_finds_what_all_find_together(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    memory = attention.memory(values, torch.arange(SOURCE) < LENGTHS[:, None])
    together = attention(queries, memory)
    steps = [attention(queries[:, time : time + 1], memory) for time in range(TARGET)]
    torch.testing.assert_close(tuple(torch.cat(parts, 1) for parts in zip(*steps, strict=True)), together)


@every_attention
def test_rows_picked_from_a_memory_find_what_they_found_before(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    memory, rows = attention.memory(values, torch.arange(SOURCE) < LENGTHS[:, None]), torch.tensor([2, 0, 0, 1])
    contexts, weights = attention(queries, memory)
    torch.testing.assert_close(attention(queries[rows], memory.pick(rows)), (contexts[rows], weights[rows]))


@every_attention
def test_a_source_without_any_token_gives_numbers_and_gradients_that_are_numbers(kind: str) -> None:
    attention, (queries, values) = attention_of(kind), queries_and_values()
    contexts, weights = attended(attention, queries, values, torch.tensor([6, 0, 4]))
    assert contexts.isfinite().all()
    assert weights.isfinite().all()
    if kind != "none":
        found = [one for one in slopes(attention, contexts, queries, values) if one is not None]
        assert found
        assert all(one.isfinite().all() for one in found)


@pytest.mark.parametrize("kind", SCORES)
@pytest.mark.parametrize("precision", [torch.float64, torch.float32, torch.bfloat16], ids=str)
def test_scores_far_apart_overflow_in_no_precision(kind: str, precision: torch.dtype) -> None:
    attention, (queries, values) = attention_of(kind).to(precision), queries_and_values()
    with torch.no_grad():
        for weight in attention.parameters():
            weight *= 100
        contexts, weights = attended(attention, 100 * queries.to(precision), 100 * values.to(precision))
    assert contexts.isfinite().all()
    assert not weights[(torch.arange(SOURCE) >= LENGTHS[:, None])[:, None].expand_as(weights)].any()
    torch.testing.assert_close(weights.sum(-1), torch.ones(3, TARGET, dtype=precision), atol=1e-2, rtol=0)


def test_no_attention_has_no_units_and_even_weights() -> None:
    contexts, weights = attended(attention_of("none"), *queries_and_values())
    assert contexts.shape == (3, TARGET, 0)
    assert weights[:, 0].tolist() == [pytest.approx([1 / length] * length + [0] * (SOURCE - length)) for length in LENGTHS.tolist()]
    assert (weights == weights[:, :1]).all()


def test_an_encoder_of_one_direction_is_compared_as_it_is() -> None:
    queries, values = queries_and_values()
    attention = MAKERS["dot"](UNITS, UNITS)
    mask = torch.ones(3, SOURCE, dtype=torch.bool)
    _, weights = attention(queries, attention.memory(values[..., :UNITS], mask))
    torch.testing.assert_close(weights, torch.softmax(queries @ values[..., :UNITS].transpose(1, 2), -1))
