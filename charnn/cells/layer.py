"""One recurrent layer over a whole sequence, for each cell: our kernels for gru and rnn on a CPU, torch's elsewhere."""

from collections.abc import Callable
from functools import partial
from math import sqrt

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import is_ours, is_rowwise
from charnn.cells.sequences import GruSequence, RnnSequence, read_gru, read_lstm, read_rnn
from charnn.cells.settings import GATES, STATES, StackSettings
from charnn.cells.state import State


class RecurrentLayer(nn.Module):
    """Shared weights applied at every time step, in torch's gate order.

    lstm: Hochreiter and Schmidhuber 1997 with the forget gate of Gers et al. 2000. gru: Cho et al. 2014, in the form
    n = tanh(W x + b + r * (U h + c)) that fast kernels use. rnn: Elman 1990.
    """

    def __init__(self, input_size: int, settings: StackSettings) -> None:
        super().__init__()
        size, rows = settings.hidden_size, GATES[settings.cell] * settings.hidden_size
        self.sequence = SEQUENCES[settings.cell, settings.activation]
        self.step = STEPS[settings.cell, settings.activation]
        self.read = READERS[settings.cell, settings.activation]
        self.input_to_gates = nn.Parameter(torch.empty(rows, input_size))
        self.hidden_to_gates = nn.Parameter(torch.empty(rows, size))
        self.input_bias = nn.Parameter(torch.zeros(rows))
        self.hidden_bias = nn.Parameter(torch.zeros(rows))
        self._initialise(settings)

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(batch, time, units) and a state of (1, batch, hidden) parts -> (batch, time, hidden), the state after the last step."""
        weights: list[Tensor] = [self.input_to_gates, self.hidden_to_gates, self.input_bias, self.hidden_bias]
        if is_rowwise(x):
            return self.read(x, state, weights)
        # A sequence's preparations do not pay for one step: torch's lstm packs its weights anew each time, our kernels too.
        return (self.step if x.shape[1] == 1 else self.sequence)(x, state, weights)

    def _initialise(self, settings: StackSettings) -> None:
        bound = 1 / sqrt(settings.hidden_size)
        nn.init.uniform_(self.input_to_gates, -bound, bound)
        # Orthogonal recurrent weights keep the state's length over many steps (Saxe et al. 2014); each gate gets its own.
        for block in self.hidden_to_gates.data.view(-1, settings.hidden_size, settings.hidden_size):
            nn.init.orthogonal_(block)
        biases = self.input_bias.data.view(-1, settings.hidden_size)  # (gates, hidden)
        if settings.initial_memory is not None:
            # Each unit keeps its state for another number of steps, up to the given one (Tallec and Ollivier 2018, section 2).
            spans = torch.empty(settings.hidden_size).uniform_(1, settings.initial_memory - 1).log()
            for gate, sign in KEEPERS[settings.cell].items():
                biases[gate] = sign * spans
        elif settings.cell == "lstm":  # Forget bias 1: remember by default (Jozefowicz et al. 2015).
            nn.init.ones_(biases[1])


KEEPERS = {"lstm": {0: -1, 1: 1}, "gru": {1: 1}}
"""The gates, by number, that decide what is kept, and whether open is to keep or to replace."""


def _gru(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    if not is_ours(x):
        outputs, hidden = torch.gru(x, state[0], weights, True, 1, 0.0, False, False, True)
        return outputs, (hidden,)
    outputs = GruSequence.apply(x, state[0][0], *weights)  # type: ignore[no-untyped-call]
    return outputs, (outputs[None, :, -1],)


def _lstm(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    outputs, hidden, cell = torch.lstm(x, state, weights, True, 1, 0.0, False, False, True)
    return outputs, (hidden, cell)


def _rnn_tanh(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    if not is_ours(x):
        outputs, hidden = torch.rnn_tanh(x, state[0], weights, True, 1, 0.0, False, False, True)
        return outputs, (hidden,)
    return _rnn(x, state, weights, is_relu=False)


def _rnn_relu(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    if not is_ours(x):
        outputs, hidden = torch.rnn_relu(x, state[0], weights, True, 1, 0.0, False, False, True)
        return outputs, (hidden,)
    return _rnn(x, state, weights, is_relu=True)


def _rnn(x: Tensor, state: State, weights: list[Tensor], *, is_relu: bool) -> tuple[Tensor, State]:
    outputs = RnnSequence.apply(x, state[0][0], *weights, is_relu)  # type: ignore[no-untyped-call]
    return outputs, (outputs[None, :, -1],)


Sequence = Callable[[Tensor, State, list[Tensor]], tuple[Tensor, State]]

SEQUENCES: dict[tuple[str, str], Sequence] = {
    ("rnn", "tanh"): _rnn_tanh,
    ("rnn", "relu"): _rnn_relu,
    ("lstm", "tanh"): _lstm,
    ("gru", "tanh"): _gru,
}
"""The sequence function of each (cell, activation)."""


def _lstm_step(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
    hidden, cell = torch.lstm_cell(x[:, 0], (state[0][0], state[1][0]), *weights)
    return hidden[:, None], (hidden[None], cell[None])


def _plain_step(step: Callable[..., Tensor]) -> Sequence:
    """A step of a cell whose state is its output."""

    def turn(x: Tensor, state: State, weights: list[Tensor]) -> tuple[Tensor, State]:
        hidden = step(x[:, 0], state[0][0], *weights)
        return hidden[:, None], (hidden[None],)

    return turn


STEPS: dict[tuple[str, str], Sequence] = {
    ("rnn", "tanh"): _plain_step(torch.rnn_tanh_cell),
    ("rnn", "relu"): _plain_step(torch.rnn_relu_cell),
    ("lstm", "tanh"): _lstm_step,
    ("gru", "tanh"): _plain_step(torch.gru_cell),
}
"""The same for one step."""

READERS: dict[tuple[str, str], Sequence] = {
    ("rnn", "tanh"): partial(read_rnn, is_relu=False),
    ("rnn", "relu"): partial(read_rnn, is_relu=True),
    ("lstm", "tanh"): read_lstm,
    ("gru", "tanh"): read_gru,
}
"""The same for any number of steps where no gradients are asked for, row by row."""

assert SEQUENCES.keys() == STEPS.keys() == READERS.keys()
assert {cell for cell, _ in SEQUENCES} == set(GATES) == set(STATES)
