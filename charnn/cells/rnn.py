"""The plain recurrent network (Elman 1990): h = tanh(W x + b + U h' + d), h' the state one step before; or relu instead of tanh."""

from typing import Any

import numpy as np

from charnn.cells.cell import CANDIDATE, Cell
from charnn.kernels.activations import tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, add_product

one, nothing = np.float32(1.0), np.float32(0.0)


@compiled
def _activation(x: Any, is_relu: bool) -> Any:
    return max(x, nothing) if is_relu else tanh(x)


@compiled
def _activate(sums: Floats, h: Floats, is_relu: bool) -> None:
    for i in range(len(h)):
        h[i] = _activation(sums[i], is_relu)


@compiled
def _activate_in_place(h: Floats, is_relu: bool) -> None:
    """Do the same to sums in h: two names for one array would keep a compiler from vector code."""
    for i in range(len(h)):
        h[i] = _activation(h[i], is_relu)


def _variant(is_relu: bool, rate: float) -> Cell:
    """Return the cell with relu or tanh, a constant in its compiled functions; their arguments are as in Cell."""

    @compiled
    def turn(sums: Floats, states: Any, layer: int) -> None:
        for sample in range(len(sums)):
            _activate(sums[sample], states[0, layer, sample], is_relu)

    @compiled
    def forward(first: int, last: int, sums: Any, hidden: Any, weights: Floats) -> None:
        """Keep the states alone: the slope of either activation follows from them."""
        size, is_in_place = hidden.shape[2], sums.ctypes.data == hidden[1:].ctypes.data
        for step in range(len(sums)):
            add_product(sums[step, first:last], 0, hidden[step, first:last], 0, size, weights, 0, size)
            for b in range(first, last):
                if is_in_place:
                    _activate_in_place(hidden[step + 1, b], is_relu)
                else:
                    _activate(sums[step, b], hidden[step + 1, b], is_relu)

    @compiled
    def backward(first: int, last: int, sums: Any, hidden: Any, weights: Floats, outer: Any, carried: Floats) -> None:
        size = hidden.shape[2]
        for step in range(len(sums) - 1, -1, -1):
            for b in range(first, last):
                after, gradient, back, out = hidden[step + 1, b], sums[step, b], carried[b], outer[b, step]
                for i in range(size):
                    slope = (one if after[i] > nothing else nothing) if is_relu else one - after[i] * after[i]
                    gradient[i] = (out[i] + back[i]) * slope
                    back[i] = nothing
            add_product(carried[first:last], 0, sums[step, first:last], 0, size, weights, 0, size)

    name = "rnn_relu" if is_relu else "rnn_tanh"
    return Cell(
        (CANDIDATE,),
        torch_name=name,
        turn=turn,
        forward=forward,
        backward=backward,
        learning_rate=rate,
        is_identity=is_relu,
        is_in_place=True,
    )


VARIANTS = {"tanh": _variant(False, 1e-3), "relu": _variant(True, 3e-4)}
