"""What a recurrent layer does between two matrix products of a training step: gates forwards, their gradients backwards.

Time first: (time, batch, units), so that one step is one block of memory. All arrays float32.
"""

import numpy as np
from numpy.typing import NDArray

from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled

Floats = NDArray[np.float32]

one = np.float32(1.0)
nothing = np.float32(0.0)


@compiled
def gru_forward(step: int, inputs: Floats, recurrent: Floats, hidden: Floats, gates: Floats) -> None:
    """One GRU step from (batch, 3 hidden) recurrent products to hidden[step + 1].

    inputs: (time, batch, 3 hidden) input products, the bias in them. gates: (time, batch, 4 hidden), where reset, update, new and the
    recurrent part of new are kept for the way back. Cho et al. 2014, with the reset gate applied behind the product.
    """
    batch, size = recurrent.shape[0], hidden.shape[2]
    for b in range(batch):
        x, h, before, after, kept = inputs[step, b], recurrent[b], hidden[step, b], hidden[step + 1, b], gates[step, b]
        # Three short loops: one that wrote all at once was no vector code, and four times as slow.
        for i in range(2 * size):
            kept[i] = sigmoid(x[i] + h[i])
        new, r, recurrent_new, x_new = kept[2 * size : 3 * size], kept[:size], h[2 * size :], x[2 * size :]
        for i in range(size):
            new[i] = tanh(x_new[i] + r[i] * recurrent_new[i])
        z, kept_new = kept[size : 2 * size], kept[3 * size :]
        for i in range(size):
            kept_new[i] = recurrent_new[i]
            after[i] = new[i] + z[i] * (before[i] - new[i])


@compiled
def gru_backward(step: int, outer: Floats, carried: Floats, hidden: Floats, gates: Floats, inputs: Floats, recurrent: Floats) -> None:
    """The gradients of one GRU step.

    outer: (batch, time, hidden) gradient of the outputs. carried: (batch, hidden) gradient from the step after; becomes the part that
    reaches the state before without the products. inputs, recurrent: (time, batch, 3 hidden) gradients of the two products,
    written at step.
    """
    batch, size = carried.shape
    for b in range(batch):
        kept, before, gx, gh, back, out = gates[step, b], hidden[step, b], inputs[step, b], recurrent[step, b], carried[b], outer[b, step]
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


@compiled
def rnn_forward(step: int, inputs: Floats, recurrent: Floats, hidden: Floats, is_relu: bool) -> None:
    """One step of the plain network (Elman 1990): (batch, hidden) recurrent products to hidden[step + 1]."""
    batch, size = recurrent.shape
    for b in range(batch):
        x, h, after = inputs[step, b], recurrent[b], hidden[step + 1, b]
        if is_relu:
            for i in range(size):
                after[i] = max(x[i] + h[i], nothing)
        else:
            for i in range(size):
                after[i] = tanh(x[i] + h[i])


@compiled
def rnn_backward(step: int, outer: Floats, carried: Floats, hidden: Floats, products: Floats, is_relu: bool) -> None:
    """The gradient of one plain step: of both products alike, written to products[step] (time, batch, hidden)."""
    batch, size = carried.shape
    for b in range(batch):
        after, gradient, back, out = hidden[step + 1, b], products[step, b], carried[b], outer[b, step]
        for i in range(size):
            slope = (one if after[i] > nothing else nothing) if is_relu else one - after[i] * after[i]
            gradient[i] = (out[i] + back[i]) * slope


