"""Pooling, which turns the outputs over a text into one vector, piece by piece, and attention, a weighted sum for each decoder step.

A pooling's law: whole = in chunks of any widths = each row alone without padding, values and gradients; an empty text gives zeros.
An attention's law: rows of weights sum to 1, are 0 on padding, and do not depend on how much of it there is.
"""

from collections.abc import Callable
from functools import partial
from typing import Any, NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import Linear, arrays, is_rowwise, run_on_cores, tanh
from charnn.kernels.reading import add_attended, add_outputs, additive_scores, attend, dot_scores
from charnn.layers.settings import ATTENTIONS, POOLINGS

Accumulated: TypeAlias = tuple[Any, ...]  # Tensors that a pooling keeps of the pieces so far; each (batch, ...)

LEAST = -1e30  # Below every score, yet finite: the difference of two is 0, where that of two infinities is not a number


class Reduction(NamedTuple):
    """A way to reduce (batch, time, units) outputs to (batch, units), as functions on accumulated tensors."""

    start: Callable[[Tensor], Accumulated]  # (batch, units) of any numbers -> the parts of no outputs
    add: Callable[[Accumulated, Tensor, Tensor], Accumulated]  # parts, more outputs, their (batch, time) mask -> parts
    result: Callable[..., Tensor]  # each part -> (batch, units)


def _add_last(accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
    places = (mask * torch.arange(mask.shape[1], device=mask.device)).amax(1)  # (batch,)
    found = outputs[torch.arange(len(mask), device=mask.device), places]  # (batch, units)
    return (torch.where(mask.any(1, keepdim=True), found, accumulated[0]),)


def _add_mean(accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
    total, count = accumulated
    if is_rowwise(outputs):
        total = total.clone()
        run_on_cores(add_outputs, len(outputs), *arrays(outputs.contiguous(), mask.sum(1), total))
    else:
        total = total + _weighted(mask, outputs)
    return total, count + mask.sum(1, keepdim=True)


def _add_max(accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
    greatest = outputs.masked_fill(~mask[..., None], -torch.inf).amax(1)  # (batch, units)
    return (torch.maximum(accumulated[0], greatest),)


LAST = Reduction(lambda like: (torch.zeros_like(like),), _add_last, lambda last: last)
MEAN = Reduction(
    lambda like: (torch.zeros_like(like), like.new_zeros(len(like), 1)), _add_mean, lambda total, count: total / count.clamp(min=1)
)
MAX = Reduction(lambda like: (torch.full_like(like, -torch.inf),), _add_max, lambda most: most.masked_fill(most == -torch.inf, 0))


class ReductionPool(nn.Module):
    """The results of some reductions of the outputs side by side."""

    def __init__(self, reductions: tuple[Reduction, ...], units: int) -> None:
        super().__init__()
        self.reductions, self.size = reductions, len(reductions) * units

    def start(self, like: Tensor) -> Accumulated:
        """Return what each reduction accumulates of no outputs, for a batch like (batch, units)."""
        return tuple(reduction.start(like) for reduction in self.reductions)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Return what is accumulated with (batch, time, units) more outputs and their (batch, time) mask."""
        return tuple(one.add(parts, outputs, mask) for one, parts in zip(self.reductions, accumulated, strict=True))

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, size)."""
        return torch.cat([one.result(*parts) for one, parts in zip(self.reductions, accumulated, strict=True)], -1)


class AttentionPool(nn.Module):
    """The mean of the outputs weighted by a softmax of learned scores (Yang et al. 2016, eq. 5 to 7)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units
        self.output_to_hidden = Linear(units, units)
        self.hidden_to_score = Linear(units, 1, bias=False)

    def weights(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, units) outputs of whole texts and their mask -> (batch, time) weights; zeros for an empty text."""
        return torch.softmax(self._scores(outputs).masked_fill(~mask, LEAST), -1) * mask

    def start(self, like: Tensor) -> Accumulated:
        """Return the (batch, 1) greatest score, (batch, 1) sum of weights and (batch, units) weighted sum of no outputs."""
        return like.new_full((len(like), 1), LEAST), like.new_zeros(len(like), 1), torch.zeros_like(like)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Return the three parts with more outputs; a greater score scales down all earlier weights (Milakov and Gimelshein 2018)."""
        before, weights, total = accumulated
        scores = self._scores(outputs)
        if is_rowwise(outputs):
            parts = before.clone(), weights.clone(), total.clone()
            run_on_cores(add_attended, len(outputs), *arrays(outputs.contiguous(), scores.contiguous(), mask.sum(1), *parts))
            return parts
        scores = scores.to(before.dtype).masked_fill(~mask, LEAST)
        # The greatest score, by which all weights are divided, cancels out of the result, so no gradient needs to go there.
        greatest = torch.maximum(before, scores.detach().amax(1, keepdim=True))
        scale, new = torch.exp(before - greatest), torch.exp(scores - greatest) * mask
        return greatest, weights * scale + new.sum(1, keepdim=True), total * scale + _weighted(new, outputs)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, size)."""
        _, weights, total = accumulated
        mean: Tensor = total / weights.masked_fill(weights == 0, 1)
        return mean

    def _scores(self, outputs: Tensor) -> Tensor:
        return self.hidden_to_score(tanh(self.output_to_hidden(outputs))).squeeze(-1)  # type: ignore[no-any-return]  # (batch, time)


Pool: TypeAlias = ReductionPool | AttentionPool

POOLS: dict[str, Callable[[int], Pool]] = {
    "last": partial(ReductionPool, (LAST,)),
    "mean": partial(ReductionPool, (MEAN,)),
    "max": partial(ReductionPool, (MAX,)),
    "attention": AttentionPool,
    "concat": partial(ReductionPool, (LAST, MEAN, MAX)),  # Howard and Ruder 2018, section 3.3
}
"""Poolings by name; each is made from the number of units that it pools."""

assert tuple(POOLS) == POOLINGS


class Memory(NamedTuple):
    """The encoded source that a decoder attends to, made once per source by `Attention.memory`."""

    keys: Tensor  # (batch, source, units) that queries are compared with
    values: Tensor  # (batch, source, outputs) that are summed
    mask: Tensor  # (batch, source): True where there is a token

    def pick(self, rows: Tensor) -> "Memory":
        """Return the memory of these rows."""
        return Memory(*(part[rows] for part in self))


class AdditiveAttention(nn.Module):
    """Attention that scores by a small network of query and value (Bahdanau et al. 2015, section A.1.2)."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.query_to_hidden = Linear(query_size, query_size)
        self.value_to_hidden = Linear(value_size, query_size, bias=False)
        self.hidden_to_score = Linear(query_size, 1, bias=False)

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Return the values, with their part of the hidden layer as keys."""
        return Memory(self.value_to_hidden(values), values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""
        hidden = self.query_to_hidden(queries)
        if is_rowwise(hidden):
            return _attend_rowwise(additive_scores, hidden, memory, self.hidden_to_score.weight[0])
        sums = hidden[:, :, None] + memory.keys[:, None]  # (batch, target, source, hidden)
        return _attend(self.hidden_to_score(torch.tanh(sums))[..., 0], memory)


class ProductAttention(nn.Module):
    """Attention that scores by the product of query and key (Luong et al. 2015, eq. 8): keys learned from values (general) or not (dot).

    An encoder of two directions gives twice as many units as a query has; dot's keys are the sums of both directions.
    """

    def __init__(self, query_size: int, value_size: int, *, is_learned: bool) -> None:
        super().__init__()
        assert is_learned or value_size % query_size == 0
        self.query_size = query_size
        self.value_to_key = Linear(value_size, query_size, bias=False) if is_learned else None

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Return the values with their keys."""
        if self.value_to_key is not None:
            return Memory(self.value_to_key(values), values, mask)
        return Memory(values.view(*values.shape[:-1], -1, self.query_size).sum(-2), values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""
        if is_rowwise(queries):
            return _attend_rowwise(dot_scores, queries, memory)
        return _attend(queries @ memory.keys.transpose(1, 2), memory)


class NoAttention(nn.Module):
    """No attention: the decoder knows the source only from its initial state (Sutskever et al. 2014)."""

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Return keys and values of no units."""
        return Memory(values[..., :0], values[..., :0], mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, 0) contexts and (batch, target, source) even weights."""
        even = memory.mask / memory.mask.sum(1, keepdim=True).clamp(min=1)
        return queries[..., :0], even[:, None].expand(-1, queries.shape[1], -1).to(queries.dtype)


Attention: TypeAlias = AdditiveAttention | ProductAttention | NoAttention

MAKERS: dict[str, Callable[[int, int], Attention]] = {
    "additive": AdditiveAttention,
    "general": partial(ProductAttention, is_learned=True),
    "dot": partial(ProductAttention, is_learned=False),
    "none": lambda query_size, value_size: NoAttention(),
}
"""Attentions by name; each is made from the units of a query and of a value."""

assert tuple(MAKERS) == ATTENTIONS


def _weighted(weights: Tensor, outputs: Tensor) -> Tensor:
    """(batch, time), (batch, time, units) -> (batch, units) sums."""
    return (weights[:, None].to(outputs.dtype) @ outputs)[:, 0]


def _attend_rowwise(scoring: Callable[..., None], queries: Tensor, memory: Memory, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """(batch, target, units) queries -> contexts and weights, each row by itself, as if it had no padding."""
    lengths = memory.mask.sum(1)
    scores = torch.zeros(len(queries), queries.shape[1], memory.mask.shape[1])
    contexts = torch.zeros(*queries.shape[:2], memory.values.shape[2])
    given = [one.contiguous() for one in (queries, memory.keys, *weights)]
    run_on_cores(scoring, len(queries), *arrays(*given, lengths, scores))
    run_on_cores(attend, len(queries), *arrays(scores, memory.values.contiguous(), lengths, contexts))
    return contexts, scores


def _attend(scores: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """(batch, target, source) scores -> contexts and weights."""
    # The least number, not minus infinity: a source without tokens then gives even weights, not NaN.
    weights = torch.softmax(scores.masked_fill(~memory.mask[:, None], torch.finfo(scores.dtype).min), -1)
    return weights @ memory.values, weights
