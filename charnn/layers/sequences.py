"""Whole sequences of the GRU and the plain network on a CPU, with gradients.

One large product for all inputs, one small one per step, fused gates in compiled code, one large product for the weight gradients.
"""

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from charnn.kernels.sequences import gru_backward, gru_forward, rnn_backward, rnn_forward

Products = tuple[Tensor, Tensor]
"""Gradients of the input products and of the recurrent products, both (time, batch, gates)."""


class GruSequence(Function):
    """inputs (time, batch, 3 hidden), (batch, hidden), (3 hidden, hidden), (3 hidden,) -> (batch, time, hidden) states."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, state: Tensor, weight: Tensor, bias: Tensor) -> Tensor:
        """Keeps the gates, so that the way back computes none again."""
        steps, batch, size = inputs.shape[0], *state.shape
        gates = torch.empty(steps, batch, 4 * size)
        arrays = inputs.numpy(), gates.numpy()

        def advance(step: int, recurrent: Any, hidden: Any) -> None:
            gru_forward(step, arrays[0], recurrent, hidden, arrays[1])

        hidden = _forward(steps, state, weight, bias, advance)
        ctx.save_for_backward(hidden, gates, weight)
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Backpropagation through time, one product a step."""
        hidden, gates, weight = ctx.saved_tensors
        inputs = torch.empty(*gates.shape[:2], weight.shape[0])
        recurrent = torch.empty_like(inputs)
        arrays = outer.contiguous().numpy(), hidden.numpy(), gates.numpy(), inputs.numpy(), recurrent.numpy()

        def retreat(step: int, carried: Any) -> None:
            gru_backward(step, arrays[0], carried, *arrays[1:])

        state = _backward(recurrent, weight, retreat, adds=True)
        flat = recurrent.flatten(0, 1)  # (time * batch, 3 hidden)
        return inputs, state, flat.t() @ hidden[:-1].flatten(0, 1), flat.sum(0)


class RnnSequence(Function):
    """inputs (time, batch, hidden), (batch, hidden), (hidden, hidden), (hidden,), is it relu -> (batch, time, hidden) states."""

    @staticmethod
    def forward(ctx: Any, inputs: Tensor, state: Tensor, weight: Tensor, bias: Tensor, is_relu: bool) -> Tensor:
        """Keeps the states alone: the slope of either activation follows from them."""
        array = inputs.numpy()

        def advance(step: int, recurrent: Any, hidden: Any) -> None:
            rnn_forward(step, array, recurrent, hidden, is_relu)

        hidden = _forward(len(inputs), state, weight, bias, advance)
        ctx.save_for_backward(hidden, weight)
        ctx.is_relu = is_relu
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor, None]:
        """Backpropagation through time, one product a step."""
        hidden, weight = ctx.saved_tensors
        products = torch.empty_like(hidden[1:])
        arrays = outer.contiguous().numpy(), hidden.numpy(), products.numpy()

        def retreat(step: int, carried: Any) -> None:
            rnn_backward(step, arrays[0], carried, arrays[1], arrays[2], ctx.is_relu)

        state = _backward(products, weight, retreat, adds=False)
        flat = products.flatten(0, 1)  # (time * batch, hidden)
        return products, state, flat.t() @ hidden[:-1].flatten(0, 1), flat.sum(0), None


def _forward(steps: int, state: Tensor, weight: Tensor, bias: Tensor, advance: Callable[[int, Any, Any], None]) -> Tensor:
    """(time + 1, batch, hidden): the state before the first step and after each."""
    hidden = torch.empty(steps + 1, *state.shape)
    hidden[0] = state
    recurrent = torch.empty(len(state), len(weight))
    arrays = recurrent.numpy(), hidden.numpy()
    transposed = weight.t().contiguous()
    for step, before in enumerate(hidden[:-1].unbind()):
        torch.addmm(bias, before, transposed, out=recurrent)
        advance(step, *arrays)
    return hidden


def _backward(recurrent: Tensor, weight: Tensor, retreat: Callable[[int, Any], None], *, adds: bool) -> Tensor:
    """(batch, hidden) gradient of the first state; `retreat` leaves in `carried` what reaches a state beside the product."""
    carried = torch.zeros(recurrent.shape[1], weight.shape[1])
    array = carried.numpy()
    steps = recurrent.unbind()
    for step in range(len(steps) - 1, -1, -1):
        retreat(step, array)
        torch.addmm(carried, steps[step], weight, beta=int(adds), out=carried)
    return carried
