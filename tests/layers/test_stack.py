import itertools

import pytest
import torch
from torch import nn

from charnn.cells.layer import detach
from charnn.cells.settings import StackSettings
from charnn.errors import SettingError
from charnn.layers.stack import Dropout, RecurrentStack
from charnn.tasks.lm.network import LanguageNetwork
from tests.networks import CELLS, OPTIONS, random_tensors, reference, with_cell

LABELS = 3
TIME = 7

CLOSE = {torch.float64: {"atol": 1e-9, "rtol": 1e-9}, torch.float32: {"atol": 1e-4, "rtol": 1e-3}}
"""Single precision runs on other kernels than double precision, so the laws are tested on both."""

every_cell = pytest.mark.parametrize("cell", CELLS)
every_precision = pytest.mark.parametrize("kind", CLOSE, ids=["double", "single"])
every_network = pytest.mark.parametrize(
    ("cell", "option", "labels"),
    [(cell, option, 0) for option in OPTIONS for cell in CELLS if cell == "gru" or "adaptive" not in option]
    + [(cell, option, LABELS) for option in ("plain", "everything") for cell in CELLS],
)


def build(cell, option, labels=0, kind=torch.float64):
    """A network whose every weight matters, as after some training."""
    torch.manual_seed(1)
    settings = with_cell(OPTIONS[option], cell)
    network = LanguageNetwork(settings, vocabulary_size=4001 if settings.adaptive_softmax else 23, labels=labels).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.05 * torch.randn_like(weight)
    return network.to(kind)


def inputs(network, batch=3, labels=0):
    generator = torch.Generator().manual_seed(2)
    ids = torch.randint(network.embedding.num_embeddings, (batch, TIME), generator=generator)
    return ids, torch.arange(batch) % labels if labels else None


def read(network, ids, labels, cuts):
    """(batch, time, vocabulary) logits and the state at the end, the ids read in pieces."""
    state, pieces = None, []
    for begin, end in itertools.pairwise([0, *cuts, TIME]):
        hidden, state = network(ids[:, begin:end], state, labels)
        pieces.append(network.logits(hidden))
    return torch.cat(pieces, 1), state


def summed(logits, state):
    """A number that depends on every output."""
    return (logits * torch.linspace(-1, 1, logits.numel(), dtype=logits.dtype).view_as(logits)).sum() + sum(part.sum() for part in state)


@every_network
@every_precision
@pytest.mark.parametrize("cuts", [[2, 4], range(1, TIME)], ids=["chunks", "steps"])
def test_whole_equals_in_chunks_equals_step_by_step(cell, option, labels, kind, cuts):
    network = build(cell, option, labels, kind)
    ids, label = inputs(network, labels=labels)
    whole, chunked = read(network, ids, label, []), read(network, ids, label, cuts)
    torch.testing.assert_close(chunked, whole, **CLOSE[kind])
    weights = list(network.parameters())
    expected = torch.autograd.grad(summed(*whole), weights)
    torch.testing.assert_close(torch.autograd.grad(summed(*chunked), weights), expected, **CLOSE[kind])


@every_network
@every_precision
def test_a_row_does_not_depend_on_the_rows_beside_it(cell, option, labels, kind):
    network = build(cell, option, labels, kind)
    ids, label = inputs(network, batch=5, labels=labels)
    together, state = read(network, ids, label, [])
    for row in range(5):
        alone, own = read(network, ids[row : row + 1], None if label is None else label[row : row + 1], [])
        torch.testing.assert_close(alone[0], together[row], **CLOSE[kind])
        torch.testing.assert_close(own, tuple(part[:, row : row + 1] for part in state), **CLOSE[kind])


@every_network
def test_the_network_is_the_documented_composition_of_named_weights(cell, option, labels):
    settings = with_cell(OPTIONS[option], cell)
    vocabulary = 4001 if settings.adaptive_softmax else 23
    tensors = random_tensors(settings, vocabulary, labels)
    network = LanguageNetwork(settings, vocabulary_size=vocabulary, labels=labels).eval()
    tied = {"output.weight": tensors["embedding.weight"]} if settings.tie_weights else {}
    network.load_state_dict({name: torch.from_numpy(tensor) for name, tensor in (tensors | tied).items()})
    ids, label = inputs(network, labels=labels)
    expected, after = reference(settings, tensors, ids, label)
    logits, state = read(network, ids, label, [])
    torch.testing.assert_close(logits.detach(), torch.from_numpy(expected), atol=1e-5, rtol=1e-5)
    torch.testing.assert_close(torch.stack(state).detach(), torch.from_numpy(after), atol=1e-5, rtol=1e-5)


@every_network
def test_gradients_equal_finite_differences(cell, option, labels):
    """Along a random direction through all weights at once."""
    network = build(cell, option, labels)
    ids, label = inputs(network, labels=labels)
    weights = list(network.parameters())
    gradients = torch.autograd.grad(summed(*read(network, ids, label, [])), weights)
    directions = [torch.randn_like(weight) / weight.numel() ** 0.5 for weight in weights]
    slope = sum((gradient * direction).sum() for gradient, direction in zip(gradients, directions, strict=True))
    step, values = 1e-6, []  # small enough to meet no kink of relu or of mingru
    with torch.no_grad():
        for move in (step, -2 * step):
            torch._foreach_add_(weights, directions, alpha=move)
            values.append(summed(*read(network, ids, label, [])))
    torch.testing.assert_close((values[0] - values[1]) / (2 * step), slope, atol=1e-6, rtol=1e-6)


@every_network
def test_gradients_in_single_precision_equal_those_in_double_precision(cell, option, labels):
    found = []
    for kind in CLOSE:
        network = build(cell, option, labels, kind)
        ids, label = inputs(network, labels=labels)
        gradients = torch.autograd.grad(summed(*read(network, ids, label, [3])), list(network.parameters()))
        found.append([gradient.double() for gradient in gradients])
    torch.testing.assert_close(found[1], found[0], **CLOSE[torch.float32])


@every_cell
def test_an_initial_state_is_zero_unless_learned(cell):
    stack = RecurrentStack(4, StackSettings(cell=CELLS[cell].cell, activation=CELLS[cell].activation, layers=2, hidden_size=5))
    state = stack.start(3)
    assert [part.shape for part in state] == [(2, 3, 5)] * len(CELLS[cell].loaded_cell.states)
    assert not any(part.any() for part in state)


def test_a_learned_initial_state_is_the_same_for_every_row_and_has_a_gradient():
    network = build("lstm", "learned start")
    state = network.start(4)
    assert all((part == part[:, :1]).all() and part.any() for part in state)
    ids, _ = inputs(network)
    summed(*read(network, ids, None, [])).backward()
    assert network.stack.initial_state.grad.abs().min() > 0


def test_detach_cuts_the_history_and_keeps_the_numbers():
    stack = RecurrentStack(4, StackSettings(cell="lstm", hidden_size=5))
    first, second = torch.randn(2, 2, 3, 4, requires_grad=True).unbind()
    _, state = stack(first)
    assert torch.autograd.grad(stack(second, state)[0].sum(), first, retain_graph=True)[0].any()
    assert torch.autograd.grad(stack(second, detach(state))[0].sum(), first, allow_unused=True) == (None,)
    torch.testing.assert_close(detach(state), state, atol=0, rtol=0)


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_does_nothing_in_evaluation(variational):
    x = torch.randn(3, 4, 5)
    assert (Dropout(0.5, variational=variational).eval()(x) == x).all()


@pytest.mark.parametrize("variational", [False, True])
def test_dropout_keeps_the_expectation(variational):
    torch.manual_seed(4)
    dropped = Dropout(0.3, variational=variational)(torch.ones(2000, 2, 50))
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.7], rel=1e-4)
    assert float(dropped.mean()) == pytest.approx(1, abs=0.01)


def test_a_variational_mask_is_the_same_over_time_and_another_in_each_row():
    torch.manual_seed(5)
    mask = Dropout(0.5, variational=True)(torch.ones(4, 9, 64))
    assert (mask == mask[:, :1]).all()
    assert len(mask[:, 0].unique(dim=0)) == 4


def test_a_mask_that_is_not_variational_changes_over_time():
    torch.manual_seed(5)
    assert len(Dropout(0.5)(torch.ones(1, 9, 64))[0].unique(dim=0)) == 9


def test_a_stack_drops_at_its_input_between_its_layers_and_at_its_output(monkeypatch):
    seen = []
    monkeypatch.setattr(Dropout, "forward", lambda self, x: seen.append(x.shape[-1]) or x)
    RecurrentStack(4, StackSettings(layers=3, hidden_size=5, dropout=0.5))(torch.randn(2, 3, 4))
    assert seen == [4, 5, 5, 5]


def test_a_residual_sum_adds_a_layers_input_to_its_output():
    """With all recurrent weights zero a gru halves its state, which is zero: what is left is the input."""
    stack = RecurrentStack(5, StackSettings(layers=2, hidden_size=5, residual=True))
    for weight in stack.parameters():
        nn.init.zeros_(weight)
    x = torch.randn(2, 3, 5)
    torch.testing.assert_close(stack(x)[0], x)


def test_layer_norm_makes_outputs_of_mean_zero_and_variance_one():
    stack = RecurrentStack(4, StackSettings(layers=2, hidden_size=50, layer_norm=True))
    outputs, _ = stack(10 * torch.randn(2, 3, 4))
    torch.testing.assert_close(outputs.mean(-1), torch.zeros(2, 3), atol=1e-5, rtol=0)
    torch.testing.assert_close(outputs.var(-1, correction=0), torch.ones(2, 3), atol=0.05, rtol=0)


def test_tied_weights_are_one_parameter():
    tied, plain = build("gru", "tied"), build("gru", "learned start")
    assert tied.output.weight is tied.embedding.weight
    numbers = [sum(weight.numel() for weight in network.parameters()) for network in (tied, plain)]
    assert numbers[1] - numbers[0] == plain.output.weight.numel() + plain.stack.initial_state.numel()


@every_network
def test_losses_are_the_negative_log_probabilities_of_the_logits(cell, option, labels):
    network = build(cell, option, labels)
    ids, label = inputs(network, labels=labels)
    hidden, _ = network(ids, None, label)
    expected = -network.logits(hidden).log_softmax(-1).gather(-1, ids[:, :, None]).flatten()
    torch.testing.assert_close(network.losses(hidden, ids).double(), expected, atol=1e-5, rtol=1e-5)


def test_adaptive_probabilities_sum_to_one():
    network = build("gru", "adaptive softmax")
    ids, _ = inputs(network)
    logits, _ = read(network, ids, None, [])
    torch.testing.assert_close(logits.exp().sum(-1), torch.ones(3, TIME, dtype=torch.float64), atol=1e-10, rtol=0)


@every_cell
def test_a_label_moves_the_initial_state_and_every_input(cell):
    network = build(cell, "plain", LABELS)
    labels = torch.tensor([0, 1])
    assert all((part[:, 0] != part[:, 1]).all() for part in network.start(2, labels))
    same = network.start(2)
    outputs, _ = network(torch.tensor([[7], [7]]), same, labels)
    assert (outputs[0] != outputs[1]).any()


def test_an_untrained_label_has_no_effect_on_the_state():
    network = LanguageNetwork(OPTIONS["plain"], vocabulary_size=9, labels=2)
    assert not any(part.any() for part in network.start(2, torch.tensor([0, 1])))


def test_a_stack_that_is_too_large_to_train_here_is_refused_before_memory_is_taken():
    """The process was killed for its memory, without a word."""
    with pytest.raises(SettingError, match="hidden_size is too large: 64 x 16,384 units take 2,199 GB to train, and this machine has"):
        RecurrentStack(16384, StackSettings(cell="lstm", layers=64, hidden_size=16384))
    with torch.device("meta"):
        RecurrentStack(8, StackSettings(layers=2, hidden_size=16))
