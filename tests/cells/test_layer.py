"""Every registered cell as a layer: its equations, its gradients, how it starts; and what a new cell needs."""

import pytest
import torch
from torch import nn

from charnn.cells import layer as sequence
from charnn.cells.layer import RecurrentLayer, by_torch
from charnn.cells.settings import StackSettings
from tests.networks import CELLS, mingru

TIME = 7

CLOSE = {torch.float64: {"atol": 1e-9, "rtol": 1e-9}, torch.float32: {"atol": 1e-4, "rtol": 1e-3}}
"""Single precision runs on other kernels than double precision."""

every_cell = pytest.mark.parametrize("cell", CELLS)
every_precision = pytest.mark.parametrize("kind", CLOSE, ids=["double", "single"])


def summed(outputs, state):
    """A number that depends on every output."""
    return (outputs * torch.linspace(-1, 1, outputs.numel(), dtype=outputs.dtype).view_as(outputs)).sum() + sum(map(torch.sum, state))


def layer_of(cell, kind=torch.float64, input_size=4, hidden_size=5):
    torch.manual_seed(3)
    settings = CELLS[cell]
    layer = RecurrentLayer(input_size, StackSettings(cell=settings.cell, activation=settings.activation, hidden_size=hidden_size)).to(kind)
    for weight in layer.weights:
        if weight.dim() == 1:
            nn.init.normal_(weight, std=0.3)
    x = torch.randn(2, TIME, input_size, dtype=kind)
    state = tuple(torch.randn(1, 2, hidden_size, dtype=kind) for _ in layer.cell.states)
    return layer, x, state


@every_cell
def test_every_gradient_of_a_cell_equals_finite_differences(cell):
    layer, x, state = layer_of(cell, input_size=2, hidden_size=3)
    parts = [x, *state, *(weight.detach() for weight in layer.weights)]

    def outputs(x, *rest):
        hidden, after = by_torch(layer.cell, x, rest[: len(state)], list(rest[len(state) :]))
        return hidden, *after

    assert torch.autograd.gradcheck(outputs, [part.clone().requires_grad_() for part in parts])


def rnn_step(x, state, weights, activation):
    w, u, b, c = weights
    return (activation(x @ w.T + b + state[0] @ u.T + c),)


def lstm_step(x, state, weights):
    w, u, b, c = weights
    hidden, memory = state
    into, forget, candidate, out = (x @ w.T + b + hidden @ u.T + c).chunk(4, -1)
    memory = torch.sigmoid(forget) * memory + torch.sigmoid(into) * torch.tanh(candidate)
    return torch.sigmoid(out) * torch.tanh(memory), memory


def gru_step(x, state, weights):
    w, u, b, c = weights
    (hidden,) = state
    from_x, from_hidden = (x @ w.T + b).chunk(3, -1), (hidden @ u.T + c).chunk(3, -1)
    reset, update = torch.sigmoid(from_x[0] + from_hidden[0]), torch.sigmoid(from_x[1] + from_hidden[1])
    new = torch.tanh(from_x[2] + reset * from_hidden[2])
    return ((1 - update) * new + update * hidden,)


EQUATIONS = {
    "rnn": lambda x, state, weights: rnn_step(x, state, weights, torch.tanh),
    "rnn-relu": lambda x, state, weights: rnn_step(x, state, weights, torch.relu),
    "lstm": lstm_step,
    "gru": gru_step,
    "mingru": lambda x, state, weights: (mingru(x[:, None], state[0][None], weights)[1][0],),
}


@every_cell
@every_precision
def test_a_cell_equals_its_written_out_equations(cell, kind):
    layer, x, state = layer_of(cell, kind)
    outputs, after = layer(x, state)
    expected, weights = state, layer.weights
    for time in range(TIME):
        expected = EQUATIONS[cell](x[:, time], [part.view(2, -1) for part in expected], weights)
        torch.testing.assert_close(outputs[:, time], expected[0], atol=1e-12 if kind == torch.float64 else 1e-6, rtol=0)
    torch.testing.assert_close(tuple(part[0] for part in after), expected, **CLOSE[kind])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("batch", [1, 3, 17])
@pytest.mark.parametrize(("input_size", "hidden_size"), [(5, 37), (64, 32), (37, 3)])
@pytest.mark.parametrize("least_work", [0, sequence.LEAST_WORK], ids=["ours", "torch"])
@every_cell
def test_single_precision_keeps_five_digits_whatever_the_sizes(monkeypatch, cell, least_work, input_size, hidden_size, batch, threads):
    """Sizes that fill no tile, batches that fill no group, parts of a batch on each of two cores, either maker of the large products."""
    monkeypatch.setattr(sequence, "LEAST_WORK", least_work)
    found, before = [], torch.get_num_threads()
    torch.set_num_threads(threads)
    for kind in (torch.float64, torch.float32):
        layer, *_ = layer_of(cell, torch.float64, input_size, hidden_size)
        x = torch.randn(batch, TIME, input_size, dtype=torch.float64).to(kind).requires_grad_()
        state = tuple(torch.randn(1, batch, hidden_size, dtype=torch.float64).to(kind).requires_grad_() for _ in layer.cell.states)
        outputs, after = layer.to(kind)(x, state)
        gradients = torch.autograd.grad(summed(outputs, after), [x, *state, *layer.parameters()])
        found.append([part.detach().double() for part in (outputs, *after, *gradients)])
    torch.set_num_threads(before)
    for exact, single in zip(*found, strict=True):
        assert (single - exact).norm() <= 1e-5 * exact.norm()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].loaded_cell.backward])
def test_a_second_way_back_is_refused(cell):
    """The first one leaves gradients where the sums were."""
    layer, x, state = layer_of(cell, torch.float32)
    total = layer(x, state)[0].sum()
    total.backward(retain_graph=True)
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        total.backward()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].loaded_cell.reads_hidden])
def test_recurrent_weights_are_initialised_orthogonal_gate_by_gate(cell):
    layer = RecurrentLayer(4, StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation, hidden_size=16))
    blocks = layer.hidden_to_gates.detach().split(16)
    assert len(blocks) == len(layer.cell.blocks)
    for block in blocks:
        torch.testing.assert_close(block @ block.T, torch.eye(16), atol=1e-5, rtol=0)


def test_an_untrained_lstm_remembers():
    layer = RecurrentLayer(4, StackSettings(cell="lstm", hidden_size=5))
    biases = (layer.input_bias + layer.hidden_bias).detach().split(5)
    assert [block.unique().tolist() for block in biases] == [[0], [1], [0], [0]]


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].loaded_cell.keepers])
def test_gates_with_an_initial_memory_keep_a_state_for_up_to_that_many_steps(cell):
    """A unit left alone loses all but 1/e of its state after as many steps as its span, all spans up to the memory being as likely."""
    torch.manual_seed(0)
    layer = RecurrentLayer(4, StackSettings(cell=cell, hidden_size=500, initial_memory=101))
    biases = dict(zip(layer.cell.blocks, layer.input_bias.detach().view(-1, 500), strict=True))
    for gate, sign in layer.cell.keepers.items():  # What comes in is as much as what is forgotten.
        spans = 1 / (1 - torch.sigmoid(sign * biases.pop(gate)))
        assert 2 <= spans.min() < 5
        assert 97 < spans.max() <= 101
        assert abs(spans.mean() - 51) < 5
    assert not any(bias.any() for bias in biases.values())
    assert not layer.cell.reads_hidden or not layer.hidden_bias.any()


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].loaded_cell.keepers])
def test_an_initial_memory_of_a_hundred_steps_outlasts_fifty(cell):
    """Whichever way a cell's gates keep: of a state of one, units that wait longest have lost little."""
    torch.manual_seed(0)
    layer = RecurrentLayer(4, StackSettings(cell=cell, hidden_size=50, initial_memory=101))
    with torch.no_grad():
        for weight in layer.weights:
            if weight.dim() == 2:
                weight.zero_()
        _, after = layer(torch.zeros(1, 50, 4), tuple(torch.full((1, 1, 50), 100.0) for _ in layer.cell.states))
    assert after[-1].max() > 55
    assert after[-1].min() < 1


@every_cell
@every_precision
@pytest.mark.parametrize("batch", [1, 2, 17])
def test_one_step_equals_the_first_step_of_a_sequence_with_gradients(cell, kind, batch):
    """One step goes by a function of its own, which needs no preparations."""
    layer, *_ = layer_of(cell, kind)
    weights = layer.weights
    x = torch.randn(batch, 1, 4, dtype=kind).requires_grad_()
    state = tuple(torch.randn(1, batch, 5, dtype=kind).requires_grad_() for _ in layer.cell.states)
    found, by = layer(x, state), [x, *state, *weights]
    outputs, _ = layer(torch.cat([x, x], 1), state)
    torch.testing.assert_close(found[0], outputs[:, :1], **CLOSE[kind])
    expected = torch.autograd.grad(outputs[:, 0].sum(), by, allow_unused=True)
    torch.testing.assert_close(torch.autograd.grad(found[0].sum(), by, allow_unused=True), expected, **CLOSE[kind])
