"""Attention: for each output step, a weighted sum of what an encoder said about each place of the source.

An attention's law: rows of weights sum to 1, are 0 on padding, and do not depend on how much of it there is.
"""

from collections.abc import Callable
from typing import NamedTuple, Protocol

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import Linear, arrays, is_rowwise, share
from charnn.kernels.reading import additive_scores, dot_scores, look
from charnn.layers.settings import ATTENTIONS


class Memory(NamedTuple):
    """What a decoder looks at; made once per source by `Attention.memory`."""

    keys: Tensor  # (batch, source, units) that queries are compared with
    values: Tensor  # (batch, source, outputs) that are summed
    mask: Tensor  # (batch, source): True where a token stands

    def pick(self, rows: Tensor) -> "Memory":
        """The memory of these rows."""
        return Memory(self.keys[rows], self.values[rows], self.mask[rows])


class Attention(Protocol):
    """Queries of so many units over outputs of so many units."""

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """(batch, source, outputs) and (batch, source) -> all that does not depend on the query."""

    def __call__(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""


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


class GeneralAttention(nn.Module):
    """Scores by a bilinear form (Luong et al. 2015, eq. 8, general)."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        self.value_to_key = Linear(value_size, query_size, bias=False)

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """The keys are the values as queries see them."""
        return Memory(self.value_to_key(values), values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""
        return _look_by_products(queries, memory)


class DotAttention(nn.Module):
    """Scores by the product of query and value as they are (Luong et al. 2015, eq. 8, dot).

    An encoder of two directions gives twice as many units as a query has; its directions are added up, as its keys.
    """

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()
        assert value_size % query_size == 0
        self.query_size = query_size

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """The keys are the values, the directions added up."""
        return Memory(values.view(*values.shape[:-1], -1, self.query_size).sum(-2), values, mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, outputs) contexts and (batch, target, source) weights."""
        return _look_by_products(queries, memory)


class NoAttention(nn.Module):
    """Looks at nothing: all a decoder knows of the source is the state it starts from (Sutskever et al. 2014)."""

    def __init__(self, query_size: int, value_size: int) -> None:
        super().__init__()

    def memory(self, values: Tensor, mask: Tensor) -> Memory:
        """Neither keys nor values."""
        return Memory(values[..., :0], values[..., :0], mask)

    def forward(self, queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
        """(batch, target, hidden) -> (batch, target, 0) contexts and (batch, target, source) even weights."""
        even = memory.mask / memory.mask.sum(1, keepdim=True).clamp(min=1)
        return queries[..., :0], even[:, None].expand(-1, queries.shape[1], -1).to(queries.dtype)


Maker = Callable[[int, int], Attention]

MAKERS: dict[str, Maker] = {"additive": AdditiveAttention, "general": GeneralAttention, "dot": DotAttention, "none": NoAttention}
"""By name; each is made from the units of a query and of a value."""

assert tuple(MAKERS) == ATTENTIONS


def _look_by_products(queries: Tensor, memory: Memory) -> tuple[Tensor, Tensor]:
    """(batch, target, units) -> contexts and weights by the products of queries and keys."""
    if is_rowwise(queries):
        return _look_rowwise(dot_scores, queries, memory)
    return _look(queries @ memory.keys.transpose(1, 2), memory)


def _look_rowwise(scoring: Callable[..., None], queries: Tensor, memory: Memory, *weights: Tensor) -> tuple[Tensor, Tensor]:
    """The same, each source by itself, as if it had no padding."""
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
