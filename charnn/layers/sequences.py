"""Whole sequences of the GRU and the plain network on a CPU, with gradients; torch's own LSTM is as fast as ours was.

One large product for all inputs; then compiled code that each core runs over its own rows of the batch, from the first step to the
last; another large product for the inputs' gradients. Where they are large enough, both reach 160 to 220 GFLOP/s on two cores, where
torch's reach 130 to 195. The weights' gradients are torch's: ours reached 160 where torch's reached 180, for the copies they need.
"""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.autograd.graph import increment_version

from charnn.kernels.products import pack_transpose, padded
from charnn.kernels.sequences import gru_backward, gru_forward, input_product, rnn_backward, rnn_forward

LEAST_ROWS = 4
"""Rows of a batch that a core must have to itself: fewer would not share their loads of the weights."""

LEAST_WORK = 300_000_000
"""Multiply-adds of a large product from which on ours is the faster: with 16 rows of 128 or 256 units torch's saves 5 to 15 % of an
update, for it needs no packed weights; with 50 rows ours saves up to 10 %."""

Gradients = tuple[Tensor | None, ...]


class GruSequence(Function):
    """x (batch, time, units), a state (batch, hidden) and the layer's four weights -> (batch, time, hidden) states."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, *weights: Tensor) -> Tensor:
        """Keeps the gates, so that the way back computes none again."""
        from_input, from_hidden, input_bias, hidden_bias = weights
        size = state.shape[1]
        x, hidden = _time_first(x), _states(x.shape[1], state, size)
        gates = torch.empty(*x.shape[:2], 3 * size + padded(size))
        bias = torch.cat([input_bias[: 2 * size] + hidden_bias[: 2 * size], input_bias[2 * size :], hidden_bias[2 * size :]])
        _add_inputs(gates, bias, x, from_input)
        packed = [_packed(part) for part in (from_hidden[: 2 * size], from_hidden[2 * size :])]
        _share(gru_forward, len(state), *_arrays(gates, hidden), *packed)
        ctx.save_for_backward(x, hidden, gates, from_input, from_hidden)
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> Gradients:
        """Backpropagation through time."""
        x, hidden, gates, from_input, from_hidden = ctx.saved_tensors
        size, carried = hidden.shape[2], torch.zeros(x.shape[1], padded(hidden.shape[2]))
        packed = [_packed_transpose(part) for part in (from_hidden[: 2 * size], from_hidden[2 * size :])]
        increment_version(gates)  # Their gradients take their place, so that torch refuses a second way back.
        _share(gru_backward, hidden.shape[1], *_arrays(gates, hidden), *packed, *_arrays(outer.contiguous(), carried))
        flat, before = gates.flatten(0, 1), hidden[:-1].flatten(0, 1)  # (time * batch, gates), (time * batch, hidden)
        sums = flat.sum(0)
        hidden_weights = torch.empty_like(from_hidden)
        torch.mm(flat[:, : 2 * size].t(), before, out=hidden_weights[: 2 * size])
        torch.mm(flat[:, 3 * size : 4 * size].t(), before, out=hidden_weights[2 * size :])
        return (
            _input_gradient(x, flat, from_input) if ctx.needs_input_grad[0] else None,
            carried[:, :size],
            flat[:, : 3 * size].t() @ x.flatten(0, 1),
            hidden_weights,
            sums[: 3 * size],
            torch.cat([sums[: 2 * size], sums[3 * size : 4 * size]]),
        )


class RnnSequence(Function):
    """Arguments as of GruSequence, and is it relu."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, state: Tensor, *weights: Any) -> Tensor:
        """Keeps the states alone: the slope of either activation follows from them."""
        from_input, from_hidden, input_bias, hidden_bias, ctx.is_relu = weights
        size = state.shape[1]
        x, hidden = _time_first(x), _states(x.shape[1], state, padded(size))
        _add_inputs(hidden[1:], input_bias + hidden_bias, x, from_input)
        _share(rnn_forward, len(state), *_arrays(hidden), _packed(from_hidden), size, ctx.is_relu)
        ctx.save_for_backward(x, hidden, from_input, from_hidden)
        return hidden[1:, :, :size].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> Gradients:
        """Backpropagation through time."""
        x, hidden, from_input, from_hidden = ctx.saved_tensors
        size = len(from_hidden)
        products, carried = torch.empty(*x.shape[:2], size), torch.zeros(x.shape[1], padded(size))
        packed = _packed_transpose(from_hidden)
        _share(rnn_backward, x.shape[1], *_arrays(products, hidden), packed, *_arrays(outer.contiguous(), carried), ctx.is_relu)
        flat = products.flatten(0, 1)  # (time * batch, hidden)
        sums = flat.sum(0)
        return (
            _input_gradient(x, flat, from_input) if ctx.needs_input_grad[0] else None,
            carried[:, :size],
            flat.t() @ x.flatten(0, 1),
            flat.t() @ hidden[:-1, :, :size].flatten(0, 1),
            sums,
            sums,
            None,
        )


def _add_inputs(sums: Tensor, bias: Tensor, x: Tensor, weight: Tensor) -> None:
    """Fills sums (time, batch, wide) with the bias, and with all input products on top."""
    flat, rows = sums.flatten(0, 1), len(weight)
    if x[:, :, 0].numel() * weight.numel() >= LEAST_WORK:
        _share(input_product, len(flat), *_arrays(flat, bias, x.flatten(0, 1)), x.shape[2], _packed(weight), rows)
        return
    torch.addmm(bias[:rows], x.flatten(0, 1), weight.t(), out=flat[:, :rows])
    flat[:, rows : len(bias)] = bias[rows:]


def _input_gradient(x: Tensor, products: Tensor, weight: Tensor) -> Tensor:
    """(batch, time, units), from the gradients (time * batch, wide) of the input products."""
    rows, units = weight.shape
    if len(products) * weight.numel() < LEAST_WORK:
        return (products[:, :rows] @ weight).view(x.shape).transpose(0, 1)  # (batch, time, units)
    gradient = torch.empty(*x.shape[:2], padded(units))
    arrays = _arrays(gradient.flatten(0, 1), torch.zeros(units), products)
    _share(input_product, len(products), *arrays, rows, _packed_transpose(weight), units)
    return gradient[:, :, :units].transpose(0, 1)  # (batch, time, units)


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
    """A matrix in the order in which the products read it."""
    return _packed_transpose(weight.detach().t().contiguous())


def _packed_transpose(weight: Tensor) -> Any:
    """The transpose in that order."""
    columns, rows = weight.shape
    packed = torch.zeros(padded(rows) * columns).numpy()
    pack_transpose(weight.detach().numpy(), packed)
    return packed


def _time_first(x: Tensor) -> Tensor:
    """(batch, time, units) -> (time, batch, units)."""
    return x.transpose(0, 1).contiguous()


def _states(steps: int, state: Tensor, width: int) -> Tensor:
    """(time + 1, batch, width), of which only the state before the first step is known."""
    states = torch.empty(steps + 1, len(state), width)
    states[0, :, : state.shape[1]] = state
    return states
