"""The LSTM (Hochreiter and Schmidhuber 1997) with the forget gate of Gers, Schmidhuber and Cummins 2000.

With s the logistic function, h' and c' the state one step before, and * by elements:
    i = s(W_i x + b_i + U_i h' + d_i)      input: how much of the candidate g is written
    f = s(W_f x + b_f + U_f h' + d_f)      forget: how much of the memory cell is kept; open (1) keeps all
    o = s(W_o x + b_o + U_o h' + d_o)      output: how much of the memory cell is shown
    g = tanh(W_g x + b_g + U_g h' + d_g),  c = f * c' + i * g,  h = o * tanh(c)

Torch trains it, as fast as compiled code did.
"""

from typing import Any

from charnn.cells.cell import CANDIDATE, Cell
from charnn.kernels.activations import sigmoid, tanh
from charnn.kernels.compile import compiled
from charnn.kernels.products import Floats, add_product


@compiled
def _step(sums: Floats, h: Floats, c: Floats) -> None:
    size = len(h)
    for i in range(size):
        kept = sigmoid(sums[size + i]) * c[i] + sigmoid(sums[i]) * tanh(sums[2 * size + i])
        c[i] = kept
        h[i] = sigmoid(sums[3 * size + i]) * tanh(kept)


@compiled
def turn(sums: Floats, states: Any, layer: int) -> None:
    """Compute one step of sampling; arguments as in Cell.turn."""
    for sample in range(len(sums)):
        _step(sums[sample], states[0, layer, sample], states[1, layer, sample])


@compiled
def forward(first: int, last: int, sums: Any, hidden: Any, cells: Floats, weights: Floats) -> None:
    """Read a whole sequence; arguments as in Cell.forward."""
    size = hidden.shape[2]
    for step in range(len(sums)):
        add_product(sums[step, first:last], 0, hidden[step, first:last], 0, size, weights, 0, 4 * size)
        for b in range(first, last):
            _step(sums[step, b], hidden[step + 1, b], cells[b])


VARIANTS = {
    "tanh": Cell(
        ("input", "forget", CANDIDATE, "output"),
        states=("hidden", "cell"),
        biases={"forget": 1.0},  # Remember by default (Jozefowicz et al. 2015).
        keepers={"input": -1, "forget": 1},
        torch_name="lstm",
        turn=turn,
        forward=forward,
    )
}
