"""Recurrent layers over whole sequences for training, and their way back: everything that the large matrix products leave.

Time first: (time, batch, units), so that one step is one block of memory. All arrays float32. Each function works on the rows
first..last of the batch and on nothing else, from the first step to the last without a word to other threads: two cores share a batch
without waiting for each other at every step, and the small products run at 100 GFLOP/s a core where a library's reach 60 to 70.
"""

from typing import Any

import numpy as np

from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, add_product, copy_row

one = np.float32(1.0)
nothing = np.float32(0.0)

Cube = Any
"""(time, batch, units) float32."""


@compiled
def gru_forward(first: int, last: int, inputs: Cube, bias: Floats, weights: Floats, hidden: Cube, gates: Cube, sums: Floats) -> None:
    """Cho et al. 2014, with the reset gate applied behind the product.

    inputs: (time, batch, 3 hidden) input products, their bias in them. bias: (3 hidden,) of the recurrent product; weights: its packed
    (3 hidden, hidden) matrix. hidden: (time + 1, batch, hidden), the first given. gates: (time, batch, 4 hidden), where reset,
    update, new and the recurrent part of new are kept for the way back. sums: (batch, padded 3 hidden) to work in.
    """
    size = hidden.shape[2]
    for step in range(inputs.shape[0]):
        _recurrent_sums(first, last, hidden[step], bias, weights, sums)
        for b in range(first, last):
            x, h, before, after, kept = inputs[step, b], sums[b], hidden[step, b], hidden[step + 1, b], gates[step, b]
            # Three short loops: one that wrote all at once was no vector code, and nine times as slow.
            for i in range(2 * size):
                kept[i] = sigmoid(x[i] + h[i])
            new, reset, recurrent_new, x_new = kept[2 * size : 3 * size], kept[:size], h[2 * size :], x[2 * size :]
            for i in range(size):
                new[i] = tanh(x_new[i] + reset[i] * recurrent_new[i])
            update, kept_new = kept[size : 2 * size], kept[3 * size :]
            for i in range(size):
                kept_new[i] = recurrent_new[i]
                after[i] = new[i] + update[i] * (before[i] - new[i])


@compiled
def gru_backward(
    first: int, last: int, outer: Cube, weights: Floats, hidden: Cube, gates: Cube, inputs: Cube, recurrent: Cube, carried: Floats
) -> None:
    """The gradients of both products at every step.

    outer: (batch, time, hidden) gradient of the outputs. weights: the packed transpose of the recurrent matrix. inputs, recurrent:
    (time, batch, 3 hidden), written. carried: (batch, padded hidden), zeros; holds the first state's gradient in the end.
    """
    size = hidden.shape[2]
    for step in range(inputs.shape[0] - 1, -1, -1):
        for b in range(first, last):
            kept, before, back, out = gates[step, b], hidden[step, b], carried[b], outer[b, step]
            gx, gh = inputs[step, b], recurrent[step, b]
            for i in range(size):
                r, z, n = kept[i], kept[size + i], kept[2 * size + i]
                total = out[i] + back[i]
                new = total * (one - z) * (one - n * n)
                reset = new * kept[3 * size + i] * r * (one - r)
                update = total * (before[i] - n) * z * (one - z)
                gx[i] = reset
                gx[size + i] = update
                gx[2 * size + i] = new
                gh[i] = reset
                gh[size + i] = update
                gh[2 * size + i] = new * r
                back[i] = total * z
        add_product(carried[first:last], 0, recurrent[step, first:last], 3 * size, weights, 0, size)


@compiled
def rnn_forward(first: int, last: int, inputs: Cube, bias: Floats, weights: Floats, hidden: Cube, sums: Floats, is_relu: bool) -> None:
    """The plain network (Elman 1990); arguments as in gru_forward, with one gate and nothing kept but the states."""
    size = hidden.shape[2]
    for step in range(inputs.shape[0]):
        _recurrent_sums(first, last, hidden[step], bias, weights, sums)
        for b in range(first, last):
            x, h, after = inputs[step, b], sums[b], hidden[step + 1, b]
            if is_relu:
                for i in range(size):
                    after[i] = max(x[i] + h[i], nothing)
            else:
                for i in range(size):
                    after[i] = tanh(x[i] + h[i])


@compiled
def rnn_backward(first: int, last: int, outer: Cube, weights: Floats, hidden: Cube, products: Cube, carried: Floats, is_relu: bool) -> None:
    """The gradient of both products alike, written to products (time, batch, hidden); the rest as in gru_backward."""
    size = hidden.shape[2]
    for step in range(products.shape[0] - 1, -1, -1):
        for b in range(first, last):
            after, gradient, back, out = hidden[step + 1, b], products[step, b], carried[b], outer[b, step]
            for i in range(size):
                slope = (one if after[i] > nothing else nothing) if is_relu else one - after[i] * after[i]
                gradient[i] = (out[i] + back[i]) * slope
                back[i] = nothing
        add_product(carried[first:last], 0, products[step, first:last], size, weights, 0, size)


@compiled
def _recurrent_sums(first: int, last: int, hidden: Floats, bias: Floats, weights: Floats, sums: Floats) -> None:
    """sums[first:last] = bias + hidden[first:last] @ matrix.T."""
    rows = len(bias)
    for b in range(first, last):
        copy_row(bias, 0, sums[b], rows)
    add_product(sums[first:last], 0, hidden[first:last], hidden.shape[1], weights, 0, rows)
