"""Whole sequences on a CPU, in compiled code; with gradients those of the GRU and the plain network.

Training an LSTM is left to torch, whose own is as fast as ours was.

One large product for all inputs; then compiled code that each core runs over its own rows of the batch, from the first step to the
last; another large product for the inputs' gradients. Where they are large enough, both reach 160 to 220 GFLOP/s on two cores, where
torch's reach 130 to 195. The weights' gradients are torch's: ours reached 160 where torch's reached 180, for the copies they need.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.autograd.graph import increment_version

from charnn.cells.loops import gru_backward, gru_forward, input_product, lstm_forward, rnn_backward, rnn_forward
from charnn.cells.rowwise import add_inputs, arrays, pack, packed_transpose, packs, share
from charnn.cells.state import State
from charnn.kernels.products import padded

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
        _add_inputs(gates, _gru_bias(input_bias, hidden_bias), x, from_input)
        packed = [pack(part) for part in (from_hidden[: 2 * size], from_hidden[2 * size :])]
        share(gru_forward, len(state), *arrays(gates, hidden), *packed)
        ctx.save_for_backward(x, hidden, gates, from_input, from_hidden)
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> Gradients:
        """Backpropagation through time."""
        x, hidden, gates, from_input, from_hidden = ctx.saved_tensors
        size, carried = hidden.shape[2], torch.zeros(x.shape[1], padded(hidden.shape[2]))
        packed = [packed_transpose(part) for part in (from_hidden[: 2 * size], from_hidden[2 * size :])]
        increment_version(gates)  # Their gradients take their place, so that torch refuses a second way back.
        share(gru_backward, hidden.shape[1], *arrays(gates, hidden), *packed, *arrays(outer.contiguous(), carried))
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
        share(rnn_forward, len(state), *arrays(hidden), pack(from_hidden), size, ctx.is_relu)
        ctx.save_for_backward(x, hidden, from_input, from_hidden)
        return hidden[1:, :, :size].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> Gradients:
        """Backpropagation through time."""
        x, hidden, from_input, from_hidden = ctx.saved_tensors
        size = len(from_hidden)
        products, carried = torch.empty(*x.shape[:2], size), torch.zeros(x.shape[1], padded(size))
        packed = packed_transpose(from_hidden)
        share(rnn_backward, x.shape[1], *arrays(products, hidden), packed, *arrays(outer.contiguous(), carried), ctx.is_relu)
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


def read_gru(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    """(batch, time, units), a state of (1, batch, hidden) parts and the layer's four weights -> (batch, time, hidden), the state after."""
    from_input, from_hidden, input_bias, hidden_bias = weights
    size = state[0].shape[2]
    hidden, gates = _states(x.shape[1], state[0][0], size), torch.empty(x.shape[1], len(x), 3 * size + padded(size))
    add_inputs(gates.flatten(0, 1), _gru_bias(input_bias, hidden_bias), _time_first(x).flatten(0, 1), from_input)
    share(gru_forward, len(x), *arrays(gates, hidden), *packs(from_hidden, (2 * size, size)))
    return hidden[1:].transpose(0, 1), (hidden[-1:],)


def read_lstm(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    """As read_gru."""
    from_input, from_hidden, input_bias, hidden_bias = weights
    size, cells = state[0].shape[2], state[1][0].clone()
    hidden, gates = _states(x.shape[1], state[0][0], size), torch.empty(x.shape[1], len(x), padded(4 * size))
    add_inputs(gates.flatten(0, 1), input_bias + hidden_bias, _time_first(x).flatten(0, 1), from_input)
    share(lstm_forward, len(x), *arrays(gates, hidden, cells), *packs(from_hidden))
    return hidden[1:].transpose(0, 1), (hidden[-1:], cells[None])


def read_rnn(x: Tensor, state: State, weights: list[Tensor], *, is_relu: bool) -> tuple[Tensor, State]:
    """As read_gru."""
    from_input, from_hidden, input_bias, hidden_bias = weights
    size = state[0].shape[2]
    hidden = _states(x.shape[1], state[0][0], padded(size))
    add_inputs(hidden[1:].flatten(0, 1), input_bias + hidden_bias, _time_first(x).flatten(0, 1), from_input)
    share(rnn_forward, len(x), *arrays(hidden), *packs(from_hidden), size, is_relu)
    return hidden[1:, :, :size].transpose(0, 1), (hidden[-1:, :, :size],)


def _gru_bias(input_bias: Tensor, hidden_bias: Tensor) -> Tensor:
    """Of reset and update summed, of new apart."""
    two = len(input_bias) // 3 * 2
    return torch.cat([input_bias[:two] + hidden_bias[:two], input_bias[two:], hidden_bias[two:]])


def _add_inputs(sums: Tensor, bias: Tensor, x: Tensor, weight: Tensor) -> None:
    """Fills sums (time, batch, wide) with the bias, and with all input products on top."""
    flat, rows = sums.flatten(0, 1), len(weight)
    if x[:, :, 0].numel() * weight.numel() >= LEAST_WORK:
        share(input_product, len(flat), *arrays(flat, bias, x.flatten(0, 1)), x.shape[2], pack(weight), rows)
        return
    torch.addmm(bias[:rows], x.flatten(0, 1), weight.t(), out=flat[:, :rows])
    flat[:, rows : len(bias)] = bias[rows:]


def _input_gradient(x: Tensor, products: Tensor, weight: Tensor) -> Tensor:
    """(batch, time, units), from the gradients (time * batch, wide) of the input products."""
    rows, units = weight.shape
    if len(products) * weight.numel() < LEAST_WORK:
        return (products[:, :rows] @ weight).view(x.shape).transpose(0, 1)  # (batch, time, units)
    gradient = torch.empty(*x.shape[:2], padded(units))
    given = arrays(gradient.flatten(0, 1), torch.zeros(units), products)
    share(input_product, len(products), *given, rows, packed_transpose(weight), units)
    return gradient[:, :, :units].transpose(0, 1)  # (batch, time, units)


def _time_first(x: Tensor) -> Tensor:
    """(batch, time, units) -> (time, batch, units)."""
    return x.transpose(0, 1).contiguous()


def _states(steps: int, state: Tensor, width: int) -> Tensor:
    """(time + 1, batch, width), of which only the state before the first step is known."""
    states = torch.empty(steps + 1, len(state), width)
    states[0, :, : state.shape[1]] = state
    return states
