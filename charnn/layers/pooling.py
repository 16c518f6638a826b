"""The outputs over a text as one vector: pooled, piece by piece, or by attention, for each output step of a decoder another sum.

A pooling's law: whole = in chunks of any widths = each row alone without padding, values and gradients; nothing gives zeros.
An attention's law: rows of weights sum to 1, are 0 on padding, and do not depend on how much of it there is.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple, TypeAlias

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import Linear, arrays, is_rowwise, share, tanh
from charnn.kernels.reading import add_attended, add_outputs, additive_scores, dot_scores, look
from charnn.layers.settings import ATTENTIONS, POOLINGS

Accumulated: TypeAlias = tuple[Tensor, ...]  # What a pooling keeps of the pieces so far; each part (batch, ...)

LEAST = -1e30  # Below every score, and yet a number: the difference of two is 0, where that of two infinities is not a number


class LastPool(nn.Module):
    """The output at the last token."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """((batch, units) zeros,)."""
        return (torch.zeros_like(like),)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The output at the last place that the mask has, if it has any."""
        steps = torch.arange(mask.shape[1], device=mask.device)
        places = (mask * steps).amax(1)  # (batch,)
        found = outputs[torch.arange(len(mask), device=mask.device), places]  # (batch, units)
        return (torch.where(mask.any(1, keepdim=True), found, accumulated[0]),)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        return accumulated[0]


class MeanPool(nn.Module):
    """The mean of the outputs."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """(batch, units) sums and (batch, 1) counts, all zero."""
        return torch.zeros_like(like), like.new_zeros(len(like), 1)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The sums and counts with these."""
        total, count = accumulated
        if is_rowwise(outputs):
            total = total.clone()
            share(add_outputs, len(outputs), *arrays(outputs.contiguous(), mask.sum(1), total))
        else:
            total = total + _weighted(mask, outputs)
        return total, count + mask.sum(1, keepdim=True)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        total, count = accumulated
        return total / count.clamp(min=1)


class MaxPool(nn.Module):
    """The greatest output of each unit."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """((batch, units) of minus infinity,)."""
        return (torch.full_like(like, -torch.inf),)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The greater of what was and what is."""
        greatest = outputs.masked_fill(~mask[..., None], -torch.inf).amax(1)  # (batch, units)
        return (torch.maximum(accumulated[0], greatest),)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        return accumulated[0].masked_fill(accumulated[0] == -torch.inf, 0)


class AttentionPool(nn.Module):
    """The mean of the outputs weighted by a softmax of learned scores (Yang et al. 2016, eq. 5 to 7)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units
        self.output_to_hidden = Linear(units, units)
        self.hidden_to_score = Linear(units, 1, bias=False)

    def weights(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, units) outputs of whole texts and their mask -> (batch, time): how much each counts; zeros for an empty text."""
        scores = self.hidden_to_score(tanh(self.output_to_hidden(outputs))).squeeze(-1)  # (batch, time)
        return torch.softmax(scores.masked_fill(~mask, LEAST), -1) * mask

    def start(self, like: Tensor) -> Accumulated:
        """The (batch, 1) greatest score, (batch, 1) sum of weights and (batch, units) weighted sum of outputs of nothing."""
        return like.new_full((len(like), 1), LEAST), like.new_zeros(len(like), 1), torch.zeros_like(like)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Weights are relative to the greatest score so far; a greater one scales down all before it (Milakov and Gimelshein 2018)."""
        before, weights, total = accumulated
        scores = self.hidden_to_score(tanh(self.output_to_hidden(outputs))).squeeze(-1)  # (batch, time)
        if is_rowwise(outputs):
            parts = before.clone(), weights.clone(), total.clone()
            share(add_attended, len(outputs), *arrays(outputs.contiguous(), scores.contiguous(), mask.sum(1), *parts))
            return parts
        scores = scores.to(before.dtype).masked_fill(~mask, LEAST)
        # The result does not depend on what the weights are relative to, so no gradient needs to go there.
        greatest = torch.maximum(before, scores.detach().amax(1, keepdim=True))
        scale, new = torch.exp(before - greatest), torch.exp(scores - greatest) * mask
        return greatest, weights * scale + new.sum(1, keepdim=True), total * scale + _weighted(new, outputs)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        _, weights, total = accumulated
        return total / weights.masked_fill(weights == 0, 1)


class ConcatPool(nn.Module):
    """Last, mean and max side by side (Howard and Ruder 2018, section 3.3)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = 3 * units
        self.last, self.mean, self.max = LastPool(units), MeanPool(units), MaxPool(units)

    def start(self, like: Tensor) -> Accumulated:
        """The parts of all three, in a row."""
        return *self.last.start(like), *self.mean.start(like), *self.max.start(like)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Each of the three adds to its own parts."""
        return tuple(part for pool, own in self._parts(accumulated) for part in pool.add(own, outputs, mask))

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, 3 * units)."""
        return torch.cat([pool.result(own) for pool, own in self._parts(accumulated)], -1)

    def _parts(self, accumulated: Accumulated) -> "tuple[tuple[Pool, Accumulated], ...]":
        return (self.last, accumulated[:1]), (self.mean, accumulated[1:3]), (self.max, accumulated[3:])


Pool: TypeAlias = LastPool | MeanPool | MaxPool | AttentionPool | ConcatPool

POOLS: dict[str, type[Pool]] = {
    "last": LastPool,
    "mean": MeanPool,
    "max": MaxPool,
    "attention": AttentionPool,
    "concat": ConcatPool,
}
"""By name; each is made from the number of units it pools."""

assert tuple(POOLS) == POOLINGS


class Memory(NamedTuple):
    """What a decoder looks at; made once per source by `Attention.memory`."""

    keys: Tensor  # (batch, source, units) that queries are compared with
    values: Tensor  # (batch, source, outputs) that are summed
    mask: Tensor  # (batch, source): True where a token stands

    def pick(self, rows: Tensor) -> "Memory":
        """The memory of these rows."""
        return Memory(self.keys[rows], self.values[rows], self.mask[rows])


class AdditiveAttention(nn.Module):
    """Scores by a small network of query and value (Bahdanau et al. 2015, section A.1.2)."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.query_to_hidden = Linear(query_size, query_size)
        self.value_to_hidden = Linear(value_size, query_size, bias=False)
        self.hidden_to_score = Linear(query_size, 1, bias=False)

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """The keys are the values' part of the hidden layer."""
        return Memory(self.value_to_hidden(values), values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""
        hidden = self.query_to_hidden(queries)
        if is_rowwise(hidden):
            return _look_rowwise(additive_scores, hidden, memory, self.hidden_to_score.weight[0])
        sums = hidden[:, :, None] + memory.keys[:, None]  # (batch, target, source, hidden)
        return _look(self.hidden_to_score(torch.tanh(sums))[..., 0], memory)


class ProductAttention(nn.Module):
    """Scores by the product of query and key (Luong et al. 2015, eq. 8): keys are learned from values (general), or the values (dot).

    An encoder of two directions gives twice as many units as a query has; dot adds up the directions of the values, as their keys.
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
            return _look_rowwise(dot_scores, queries, memory)
        return _look(queries @ memory.keys.transpose(1, 2), memory)


class NoAttention(nn.Module):
    """Looks at nothing: all a decoder knows of the source is the state it starts from (Sutskever et al. 2014)."""

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Neither keys nor values."""
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


def _look_rowwise(scoring: Callable[..., None], queries: Tensor, memory: Memory, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """(batch, target, units) -> contexts and weights, each source by itself, as if it had no padding."""
    lengths = memory.mask.sum(1)
    scores = torch.zeros(len(queries), queries.shape[1], memory.mask.shape[1])
    contexts = torch.zeros(*queries.shape[:2], memory.values.shape[2])
    given = [one.contiguous() for one in (queries, memory.keys, *weights)]
    share(scoring, len(queries), *arrays(*given, lengths, scores))
    share(look, len(queries), *arrays(scores, memory.values.contiguous(), lengths, contexts))
    return contexts, scores


def _look(scores: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """(batch, target, source) scores -> contexts and weights."""
    # The least number instead of minus infinity: a source without tokens then gives even weights, and no NaN.
    masked = scores.masked_fill(~memory.mask[:, None], torch.finfo(scores.dtype).min)
    weights = torch.softmax(masked, -1)
    return weights @ memory.values, weights
