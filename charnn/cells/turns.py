"""One step of every cell for a whole batch, from the sums at its gates to its new state."""

from typing import Any

import numpy as np

from charnn.cells.settings import GATES
from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, padded

RNN_TANH, RNN_RELU, LSTM, GRU = 0, 1, 2, 3
KINDS = {("rnn", "tanh"): RNN_TANH, ("rnn", "relu"): RNN_RELU, ("lstm", "tanh"): LSTM, ("gru", "tanh"): GRU}
"""(cell, activation) -> the number that stands for it in compiled code."""


def gate_columns(kind: int, hidden: int) -> tuple[int, int]:
    """Columns of a row of gate sums, and the column where the product of the hidden state is added.

    A gru keeps apart what input and hidden state add to its new gate (new = tanh(input + reset * hidden), as torch has it): its row is
    (input's new, reset, update, hidden's new), the input product covers the first three quarters, the hidden product the last three.
    """
    if kind == GRU:
        return hidden + padded(3 * hidden), hidden
    return padded((GATES["lstm"] if kind == LSTM else GATES["rnn"]) * hidden), 0


def input_order(kind: int, hidden: int) -> Any:
    """Which rows of input_to_gates come in which order to stand in a row of gate sums."""
    if kind == GRU:
        return np.r_[2 * hidden : 3 * hidden, 0 : 2 * hidden]
    return slice(None)


@compiled
def turn_rnn(gates: Floats, h: Floats, is_relu: bool) -> None:
    """h = tanh(sum) or relu(sum)."""
    size = len(h)
    if is_relu:
        for i in range(size):
            h[i] = max(gates[i], np.float32(0.0))
    else:
        for i in range(size):
            h[i] = tanh(gates[i])


@compiled
def turn_lstm(gates: Floats, h: Floats, c: Floats) -> None:
    """Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000; gates in the order input, forget, candidate, output."""
    size = len(h)
    for i in range(size):
        kept = sigmoid(gates[size + i]) * c[i] + sigmoid(gates[i]) * tanh(gates[2 * size + i])
        c[i] = kept
        h[i] = sigmoid(gates[3 * size + i]) * tanh(kept)


@compiled
def turn_gru(gates: Floats, h: Floats) -> None:
    """Cho et al. 2014, in torch's form; gates in the order of `gate_columns`."""
    size = len(h)
    for i in range(size):
        new = tanh(gates[i] + sigmoid(gates[size + i]) * gates[3 * size + i])
        h[i] = new + sigmoid(gates[2 * size + i]) * (h[i] - new)


@compiled
def turn(kind: int, gates: Floats, memory: Any, layer: int) -> None:
    """(batch, gate columns) sums -> the layer's new state in memory (states, layers, batch, hidden)."""
    for sample in range(memory.shape[2]):
        if kind == LSTM:
            turn_lstm(gates[sample], memory[0, layer, sample], memory[1, layer, sample])
        elif kind == GRU:
            turn_gru(gates[sample], memory[0, layer, sample])
        else:
            turn_rnn(gates[sample], memory[0, layer, sample], kind == RNN_RELU)
