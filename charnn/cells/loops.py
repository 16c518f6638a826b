"""Recurrent layers over whole sequences, and for training their way back: everything but the gradients of the weights.

Time first: (time, batch, units), so that one step is one block of memory. All arrays float32. Each function works on the rows
first..last of its first array's batch (of all rows of all steps for `input_product`) and on nothing else, without a word to other
threads: two cores share a batch without waiting for each other at every step, and the products run at 100 GFLOP/s a core where a
library's reach 65 to 95.

What a step needs is worked out in place: a cube of gates holds the sums, then the gates, then the gradients of the sums. That is a
third of the memory that an array for each would take, and every new page of memory costs the system time.
"""

from typing import Any

import numpy as np

from charnn.cells.turns import turn_lstm
from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, add_product, copy_row

one = np.float32(1.0)
nothing = np.float32(0.0)

Cube = Any
"""(time, batch, units) float32."""

BLOCK = 64
"""Rows of inputs that meet all weights together, few enough to stay in a core's own cache."""


@compiled
def input_product(first: int, last: int, results: Floats, bias: Floats, inputs: Floats, columns: int, weights: Floats, rows: int) -> None:
    """results[first:last] = bias, and on its first `rows` columns inputs[:, :columns] @ matrix.T, for all steps at once."""
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        for row in range(begin, end):
            copy_row(bias, 0, results[row], len(bias))
        add_product(results[begin:end], 0, inputs[begin:end], 0, columns, weights, 0, rows)


@compiled
def gru_forward(first: int, last: int, gates: Cube, hidden: Cube, weights: Floats, new_weights: Floats) -> None:
    """Cho et al. 2014, with the reset gate applied behind the product.

    gates: (time, batch, at least 4 hidden): input products of reset, update and new, and the recurrent bias of new; all biases in
    them. Becomes reset, update, new and the recurrent part of new. hidden: (time + 1, batch, hidden), the first given. weights,
    new_weights: packed recurrent matrices (2 hidden, hidden) and (hidden, hidden).
    """
    size = hidden.shape[2]
    for step in range(gates.shape[0]):
        add_product(gates[step, first:last], 0, hidden[step, first:last], 0, size, weights, 0, 2 * size)
        add_product(gates[step, first:last], 3 * size, hidden[step, first:last], 0, size, new_weights, 0, size)
        for b in range(first, last):
            kept, before, after = gates[step, b], hidden[step, b], hidden[step + 1, b]
            # Three short loops: one that wrote all at once was no vector code, and nine times as slow.
            for i in range(2 * size):
                kept[i] = sigmoid(kept[i])
            reset, update, new, recurrent_new = kept[:size], kept[size : 2 * size], kept[2 * size : 3 * size], kept[3 * size :]
            for i in range(size):
                new[i] = tanh(new[i] + reset[i] * recurrent_new[i])
            for i in range(size):
                after[i] = new[i] + update[i] * (before[i] - new[i])


@compiled
def gru_backward(
    first: int, last: int, gates: Cube, hidden: Cube, weights: Floats, new_weights: Floats, outer: Cube, carried: Floats
) -> None:
    """The gradients of all sums at every step, in the gates' place.

    weights, new_weights: the packed transposes of the recurrent matrices. outer: (batch, time, hidden) gradient of the outputs.
    carried: (batch, padded hidden), zeros; holds the first state's gradient in the end.
    """
    size = hidden.shape[2]
    for step in range(gates.shape[0] - 1, -1, -1):
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


@compiled
def lstm_forward(first: int, last: int, gates: Cube, hidden: Cube, cells: Floats, weights: Floats) -> None:
    """The forward pass alone: for training, torch's is as fast as ours was.

    gates: (time, batch, at least 4 hidden): input products, all biases in them. hidden: (time + 1, batch, hidden), the first given.
    cells: (batch, hidden), changed in place. weights: the packed recurrent matrix.
    """
    size = hidden.shape[2]
    for step in range(gates.shape[0]):
        add_product(gates[step, first:last], 0, hidden[step, first:last], 0, size, weights, 0, 4 * size)
        for b in range(first, last):
            turn_lstm(gates[step, b], hidden[step + 1, b], cells[b])


@compiled
def rnn_forward(first: int, last: int, hidden: Cube, weights: Floats, size: int, is_relu: bool) -> None:
    """The plain network (Elman 1990). hidden: (time + 1, batch, padded hidden): the first state, then input products, biases in them."""
    for step in range(hidden.shape[0] - 1):
        add_product(hidden[step + 1, first:last], 0, hidden[step, first:last], 0, size, weights, 0, size)
        for b in range(first, last):
            after = hidden[step + 1, b]
            if is_relu:
                for i in range(size):
                    after[i] = max(after[i], nothing)
            else:
                for i in range(size):
                    after[i] = tanh(after[i])


@compiled
def rnn_backward(first: int, last: int, products: Cube, hidden: Cube, weights: Floats, outer: Cube, carried: Floats, is_relu: bool) -> None:
    """The gradient of the sums, written to products (time, batch, hidden); the rest as in gru_backward."""
    size = products.shape[2]
    for step in range(products.shape[0] - 1, -1, -1):
        for b in range(first, last):
            after, gradient, back, out = hidden[step + 1, b], products[step, b], carried[b], outer[b, step]
            for i in range(size):
                slope = (one if after[i] > nothing else nothing) if is_relu else one - after[i] * after[i]
                gradient[i] = (out[i] + back[i]) * slope
                back[i] = nothing
        add_product(carried[first:last], 0, products[step, first:last], 0, size, weights, 0, size)
