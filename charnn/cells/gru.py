"""The GRU (Cho et al. 2014), in the form of fast kernels: the reset gate scales the candidate's hidden product, not the state in it.

With s the logistic function, h' the hidden state one step before, and * by elements:
    r = s(W_r x + b_r + U_r h' + d_r)      reset: how much of h' the candidate n sees
    z = s(W_z x + b_z + U_z h' + d_z)      update: how much of h' is kept; open (1) keeps all
    n = tanh(W_n x + b_n + r * (U_n h' + d_n)),  h = (1 - z) * n + z * h'
"""

from typing import Any

import numpy as np

from charnn.cells.cell import CANDIDATE, Cell
from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, add_product

one = np.float32(1.0)


@compiled
def turn(sums: Floats, states: Any, layer: int) -> None:
    """Compute one step of sampling; arguments as in Cell.turn."""
    for sample in range(len(sums)):
        row, h = sums[sample], states[0, layer, sample]
        size = len(h)
        for i in range(size):
            new = tanh(row[2 * size + i] + sigmoid(row[i]) * row[3 * size + i])
            h[i] = new + sigmoid(row[size + i]) * (h[i] - new)


@compiled
def forward(first: int, last: int, sums: Any, hidden: Any, weights: Floats, new_weights: Floats) -> None:
    """Read a whole sequence; arguments as in Cell.forward. Sums become reset, update and new, but keep the hidden product of new."""
    size = hidden.shape[2]
    for step in range(len(sums)):
        add_product(sums[step, first:last], 0, hidden[step, first:last], 0, size, weights, 0, 2 * size)
        add_product(sums[step, first:last], 3 * size, hidden[step, first:last], 0, size, new_weights, 0, size)
        for b in range(first, last):
            kept, before, after = sums[step, b], hidden[step, b], hidden[step + 1, b]
            # Three short loops: a single one was not vectorised, and nine times as slow.
            for i in range(2 * size):
                kept[i] = sigmoid(kept[i])
            reset, update, new, recurrent_new = kept[:size], kept[size : 2 * size], kept[2 * size : 3 * size], kept[3 * size :]
            for i in range(size):
                new[i] = tanh(new[i] + reset[i] * recurrent_new[i])
            for i in range(size):
                after[i] = new[i] + update[i] * (before[i] - new[i])


@compiled
def backward(first: int, last: int, gates: Any, hidden: Any, weights: Floats, new_weights: Floats, outer: Any, carried: Floats) -> None:
    """Compute the gradients of forward; arguments as in Cell.backward."""
    size = hidden.shape[2]
    for step in range(len(gates) - 1, -1, -1):
        for b in range(first, last):
            kept, before, back, out = gates[step, b], hidden[step, b], carried[b], outer[b, step]
            for i in range(size):
                r, z, n = kept[i], kept[size + i], kept[2 * size + i]
                total = out[i] + back[i]
                new = total * (one - z) * (one - n * n)
                kept[i] = new * kept[3 * size + i] * r * (one - r)
                kept[size + i] = total * (before[i] - n) * z * (one - z)
                kept[2 * size + i] = new
                kept[3 * size + i] = new * r
                back[i] = total * z
        add_product(carried[first:last], 0, gates[step, first:last], 0, 2 * size, weights, 0, size)
        add_product(carried[first:last], 0, gates[step, first:last], 3 * size, size, new_weights, 0, size)


CELL = Cell(
    ("reset", "update", CANDIDATE), keeps_apart=True, keepers={"update": 1}, torch_name="gru", turn=turn, forward=forward, backward=backward
)
VARIANTS = {"tanh": CELL}
