"""Whole sequences of the GRU and the plain network on a CPU, with gradients; torch's own LSTM is as fast as ours was.

One large product for all inputs; then compiled code that each core runs over its own rows of the batch, from the first step to the
last; one large product for the weight gradients.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from charnn.kernels.products import aligned, pack, padded
from charnn.kernels.sequences import gru_backward, gru_forward, rnn_backward, rnn_forward

LEAST_ROWS = 4
"""Rows of a batch that a core must have to itself: fewer would not share their loads of the weights."""


class GruSequence(Function):
    """inputs (time, batch, 3 hidden), (batch, hidden), (3 hidden, hidden), (3 hidden,) -> (batch, time, hidden) states."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Keeps the gates, so that the way back computes none again."""
        hidden = _states(len(inputs), state)
        gates = torch.empty(*inputs.shape[:2], 4 * state.shape[1])
        _share(gru_forward, len(state), *_arrays(inputs, bias), _packed(weight), *_arrays(hidden, gates, _room(state, weight)))
        ctx.save_for_backward(hidden, gates, weight)
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Backpropagation through time."""
        hidden, gates, weight = ctx.saved_tensors
        inputs = torch.empty(*gates.shape[:2], len(weight))
        recurrent, carried = torch.empty_like(inputs), _carried(hidden[0])
        outer_array, *kept = _arrays(outer.contiguous(), hidden, gates, inputs, recurrent, carried)
        _share(gru_backward, hidden.shape[1], outer_array, _packed(weight.t()), *kept)
        return inputs, carried[:, : hidden.shape[2]], *_weight_gradients(recurrent, hidden)


class RnnSequence(Function):
    """inputs (time, batch, hidden), (batch, hidden), (hidden, hidden), (hidden,), is it relu -> (batch, time, hidden) states."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, state: Tensor, weight: Tensor, bias: Tensor, is_relu: bool) -> Tensor:
        """Keeps the states alone: the slope of either activation follows from them."""
        hidden = _states(len(inputs), state)
        _share(rnn_forward, len(state), *_arrays(inputs, bias), _packed(weight), *_arrays(hidden, _room(state, weight)), is_relu)
        ctx.save_for_backward(hidden, weight)
        ctx.is_relu = is_relu
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        """Backpropagation through time."""
        hidden, weight = ctx.saved_tensors
        products, carried = torch.empty_like(hidden[1:]), _carried(hidden[0])
        outer_array, *kept = _arrays(outer.contiguous(), hidden, products, carried)
        _share(rnn_backward, hidden.shape[1], outer_array, _packed(weight.t()), *kept, ctx.is_relu)
        return products, carried[:, : hidden.shape[2]], *_weight_gradients(products, hidden), None


def _share(kernel: Callable[..., None], batch: int, *arguments: Any) -> None:
    """Runs a kernel over all rows of a batch, a part of them on each core."""
    parts = max(1, min(torch.get_num_threads(), batch // LEAST_ROWS))
    if parts == 1:
        kernel(0, batch, *arguments)
        return
    # Whole groups of rows that share a load of weights; the last part takes what is left.
    bounds = [batch * part // parts // LEAST_ROWS * LEAST_ROWS for part in range(parts)] + [batch]
    others = [_pool(parts).submit(kernel, bounds[part], bounds[part + 1], *arguments) for part in range(1, parts)]
    kernel(0, bounds[1], *arguments)
    for other in others:
        other.result()


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1)


def _arrays(*tensors: Tensor) -> list[Any]:
    return [tensor.detach().numpy() for tensor in tensors]


def _packed(weight: Tensor) -> Any:
    """A matrix in the order in which the small products read it."""
    return aligned(pack(weight.detach().numpy()))


def _states(steps: int, state: Tensor) -> Tensor:
    """(time + 1, batch, hidden), of which only the state before the first step is known."""
    states = torch.empty(steps + 1, *state.shape)
    states[0] = state
    return states


def _room(state: Tensor, weight: Tensor) -> Tensor:
    """(batch, gates, rounded up) to sum in."""
    return torch.empty(len(state), padded(len(weight)))


def _carried(state: Tensor) -> Tensor:
    """(batch, hidden, rounded up) zeros: the gradient of a state that nothing reads after the last step."""
    return torch.zeros(len(state), padded(state.shape[1]))


def _weight_gradients(products: Tensor, hidden: Tensor) -> tuple[Tensor, Tensor]:
    """The gradients of the recurrent matrix and its bias, for all steps at once."""
    flat = products.flatten(0, 1)  # (time * batch, gates)
    return flat.t() @ hidden[:-1].flatten(0, 1), flat.sum(0)
