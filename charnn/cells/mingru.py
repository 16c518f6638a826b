"""The minimal GRU (Feng et al. 2024, "Were RNNs all we needed?", arXiv 2410.01201, section 3.1): gates that depend on the input alone.

With s the logistic function, h' the hidden state one step before, and * by elements:
    z = s(W_z x + b_z)                     update: how much of h' is replaced; open (1) replaces all
    n = g(W_n x + b_n),  h = (1 - z) * h' + z * n
    g(x) = x + 0.5 for x >= 0, s(x) below  (their appendix B, the variant of their experiments)

All products of a window are one large matrix product, and no step waits for a product of the previous step.
"""

from typing import TYPE_CHECKING, Any

import numpy as np

from charnn.cells.cell import CANDIDATE, Cell
from charnn.kernels.activations import sigmoid
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats

if TYPE_CHECKING:
    from torch import Tensor

one, half, nothing = np.float32(1.0), np.float32(0.5), np.float32(0.0)


def step(inputs: "Tensor", hidden: "Tensor | None", state: "tuple[Tensor, ...]") -> "tuple[Tensor, ...]":
    """Compute one step by torch; arguments as in Cell.step."""
    update, new = inputs.chunk(2, -1)  # (batch, hidden) each
    (before,) = state
    new = (new + 0.5).where(new >= 0, new.sigmoid())
    return (before + update.sigmoid() * (new - before),)


@compiled
def _positive(x: Any) -> Any:
    return x + half if x >= nothing else sigmoid(x)


@compiled
def turn(sums: Floats, states: Any, layer: int) -> None:
    """Compute one step of sampling; arguments as in Cell.turn."""
    for sample in range(len(sums)):
        row, h = sums[sample], states[0, layer, sample]
        size = len(h)
        for i in range(size):
            h[i] += sigmoid(row[i]) * (_positive(row[size + i]) - h[i])


@compiled
def forward(first: int, last: int, sums: Any, hidden: Any) -> None:
    """Read a whole sequence; arguments as in Cell.forward. Sums become update and new."""
    size = hidden.shape[2]
    for b in range(first, last):
        for step in range(len(sums)):
            kept, before, after = sums[step, b], hidden[step, b], hidden[step + 1, b]
            update, new = kept[:size], kept[size : 2 * size]
            for i in range(size):
                update[i] = sigmoid(update[i])
            for i in range(size):
                new[i] = _positive(new[i])
            for i in range(size):
                after[i] = before[i] + update[i] * (new[i] - before[i])


@compiled
def backward(first: int, last: int, sums: Any, hidden: Any, outer: Any, carried: Floats) -> None:
    """Compute the gradients of forward; arguments as in Cell.backward."""
    size = hidden.shape[2]
    for b in range(first, last):
        for step in range(len(sums) - 1, -1, -1):
            kept, before, back, out = sums[step, b], hidden[step, b], carried[b], outer[b, step]
            for i in range(size):
                z, n = kept[i], kept[size + i]
                total = out[i] + back[i]
                kept[i] = total * (n - before[i]) * z * (one - z)
                kept[size + i] = total * z * (one if n >= half else n * (one - n))  # g is at least 0.5 where its slope is 1.
                back[i] = total * (one - z)


VARIANTS = {
    "tanh": Cell(
        ("update", CANDIDATE), reads_hidden=False, keepers={"update": -1}, step=step, turn=turn, forward=forward, backward=backward
    )
}
