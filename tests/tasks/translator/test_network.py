"""The network of a translator: a whole target at once equals it step by step, padding means nothing, every weight learns."""

import itertools
from dataclasses import replace
from functools import partial

import pytest
import torch
from torch.nn.functional import layer_norm

from charnn.cells.settings import StackSettings
from charnn.layers.settings import ATTENTIONS
from charnn.tasks.translator.network import BRIDGES, TranslatorNetwork
from charnn.tasks.translator.settings import TranslatorNetworkSettings
from tests.networks import CELLS, mingru

LENGTHS = torch.tensor([6, 1, 4])
ENDS = torch.tensor([5, 7, 2])
SOURCE, TARGET = 6, 7
SOURCE_SIZE, TARGET_SIZE = 11, 13

CLOSE = partial(torch.testing.assert_close, atol=1e-5, rtol=1e-5)
EXACT = partial(torch.testing.assert_close, atol=1e-10, rtol=1e-10)

PLAIN = TranslatorNetworkSettings(StackSettings(layers=2, hidden_size=6), embedding_size=6, tie_weights=False)

OPTIONS = {
    "residual": replace(PLAIN, stack=replace(PLAIN.stack, layers=3, residual=True)),
    "layer norm": replace(PLAIN, stack=replace(PLAIN.stack, layer_norm=True)),
    "forwards": replace(PLAIN, bidirectional=False),
    "tied": replace(PLAIN, tie_weights=True),
    "learned start": replace(PLAIN, stack=replace(PLAIN.stack, initial_state="learned")),
    "everything": replace(
        PLAIN, stack=replace(PLAIN.stack, residual=True, layer_norm=True, initial_state="learned"), tie_weights=True, input_feeding=True
    ),
}

every_cell = pytest.mark.parametrize("cell", CELLS)
every_attention = pytest.mark.parametrize("attention", ATTENTIONS)
with_and_without_feeding = pytest.mark.parametrize("feeding", [False, True], ids=["free", "fed"])


def settings_of(cell="gru", attention="general", feeding=False, bridge="encoder", settings=PLAIN, **stack):
    kind = {"cell": CELLS[cell].cell, "activation": CELLS[cell].activation}
    return replace(
        settings,
        stack=replace(settings.stack, **kind, **stack),
        attention=attention,
        input_feeding=feeding or settings.input_feeding,
        bridge=bridge,
    )


def network_of(settings, precision=torch.float32):
    """A network whose every weight matters, as after some training."""
    torch.manual_seed(1)
    network = TranslatorNetwork(settings, source_size=SOURCE_SIZE, target_size=TARGET_SIZE, is_shared=False).double().eval()
    with torch.no_grad():
        for weight in network.parameters():
            weight += 0.2 * torch.randn_like(weight)
    return network.to(precision)


def texts():
    """(batch, source) and (batch, target) ids."""
    generator = torch.Generator().manual_seed(2)
    shapes = (SOURCE_SIZE, SOURCE), (TARGET_SIZE, TARGET)
    return tuple(torch.randint(3, size, (len(LENGTHS), time), generator=generator) for size, time in shapes)


def read(network, sources, targets, lengths=LENGTHS, cuts=()):
    """Logits, weights and the state at the end, the targets read in pieces."""
    memory, state = network.encode(sources, lengths)
    found = []
    for begin, end in itertools.pairwise([0, *cuts, targets.shape[1]]):
        readouts, weights, state = network.decode(targets[:, begin:end], memory, state)
        found.append((network.logits(readouts), weights))
    return (*(torch.cat(parts, 1) for parts in zip(*found, strict=True)), *state.hidden, state.feed)


def summed(*parts):
    """A number that depends on every part of every tensor."""
    return sum((one * torch.linspace(-1, 1, one.numel(), dtype=one.dtype).view_as(one)).sum() for one in parts)


def slopes(network, total):
    return torch.autograd.grad(total, list(network.parameters()), retain_graph=True, materialize_grads=True, allow_unused=True)


@every_cell
@every_attention
@with_and_without_feeding
@pytest.mark.parametrize("layers", [1, 2])
def test_whole_equals_in_chunks_equals_step_by_step(cell, attention, feeding, layers):
    network = network_of(settings_of(cell, attention, feeding, layers=layers))
    whole = read(network, *texts())
    assert whole[0].shape == (3, TARGET, TARGET_SIZE)
    assert whole[1].shape == (3, TARGET, SOURCE)
    CLOSE(read(network, *texts(), cuts=range(1, TARGET)), whole)
    CLOSE(read(network, *texts(), cuts=[1, 5]), whole)


@pytest.mark.parametrize("option", OPTIONS)
@pytest.mark.parametrize("cell", ["gru", "lstm"])
@with_and_without_feeding
def test_whole_equals_step_by_step_with_every_option_gradients_too(option, cell, feeding):
    network = network_of(settings_of(cell, feeding=feeding, settings=OPTIONS[option]), torch.float64)
    whole, steps = read(network, *texts()), read(network, *texts(), cuts=range(1, TARGET))
    EXACT(steps, whole)
    EXACT(slopes(network, summed(*steps)), slopes(network, summed(*whole)))


@every_cell
@every_attention
@pytest.mark.parametrize("option", ["layer norm", "everything"])
def test_a_pair_alone_equals_the_pair_in_a_batch_with_padding(cell, attention, option):
    network, (sources, targets) = network_of(settings_of(cell, attention, settings=OPTIONS[option])), texts()
    logits, weights, *_ = read(network, sources, targets)
    for row, (length, end) in enumerate(zip(LENGTHS, ENDS, strict=True)):
        alone = slice(row, row + 1)
        own_logits, own_weights, *_ = read(network, sources[alone, :length], targets[alone, :end], LENGTHS[alone])
        CLOSE(own_logits[0], logits[row, :end])
        CLOSE(own_weights[0], weights[row, :end, :length])
        assert not weights[row, :, length:].any()


@every_attention
@with_and_without_feeding
def test_neither_the_amount_nor_the_contents_of_padding_change_anything(attention, feeding):
    network, (sources, targets) = network_of(settings_of("lstm", attention, feeding), torch.float64), texts()
    is_token = torch.arange(TARGET) < ENDS[:, None]
    other_sources, other_targets = (torch.cat([ids, torch.full((3, 2), 5)], 1) for ids in (sources, targets))
    other_sources[torch.arange(SOURCE + 2) >= LENGTHS[:, None]] = 7
    other_targets[torch.arange(TARGET + 2) >= ENDS[:, None]] = 7
    logits, other = read(network, sources, targets)[0], read(network, other_sources, other_targets)[0]
    EXACT(other[:, :TARGET][is_token], logits[is_token])
    EXACT(slopes(network, summed(other[:, :TARGET][is_token])), slopes(network, summed(logits[is_token])))


@pytest.mark.parametrize("bridge", BRIDGES)
@every_cell
def test_whole_equals_step_by_step_from_every_bridge(bridge, cell):
    network = network_of(settings_of(cell, bridge=bridge), torch.float64)
    _, state = network.encode(texts()[0], LENGTHS)
    assert [part.shape for part in state.hidden] == [(2, 3, 6)] * len(CELLS[cell].loaded_cell.states)
    EXACT(read(network, *texts(), cuts=[2, 3]), read(network, *texts()))


def starts(bridge, cell="lstm"):
    """The network and (states, layers, batch, hidden)."""
    network = network_of(settings_of(cell, bridge=bridge), torch.float64)
    return network, torch.stack(network.encode(texts()[0], LENGTHS)[1].hidden)


def test_the_bridge_of_the_encoder_is_a_layer_over_the_last_outputs_of_both_directions():
    network, state = starts("encoder")
    sources = texts()[0]
    outputs = network.encoder(network.source_embedding(sources), LENGTHS)
    for row, length in enumerate(LENGTHS):
        ends = torch.cat([outputs[row, length - 1, :6], outputs[row, 0, 6:]])
        expected = torch.tanh(network.bridge.ends_to_state.weight @ ends + network.bridge.ends_to_state.bias)
        EXACT(state[:, :, row].flatten(), expected)


def test_the_bridge_of_zero_is_zero():
    assert not starts("zero")[1].any()


def test_a_learned_bridge_is_the_same_for_every_source_and_learns():
    network, state = starts("learned")
    assert (state == network.bridge.state[:, :, None]).all()
    (slope,) = torch.autograd.grad(summed(read(network, *texts())[0]), network.bridge.state)
    assert slope.abs().min() > 0


@pytest.mark.parametrize("option", OPTIONS)
@every_attention
@with_and_without_feeding
def test_gradients_reach_every_weight(option, attention, feeding):
    network = network_of(settings_of("lstm", attention, feeding, settings=OPTIONS[option]), torch.float64)
    total = summed(read(network, *texts())[0])
    assert [name for (name, _), slope in zip(network.named_parameters(), slopes(network, total), strict=True) if not slope.any()] == []


@pytest.mark.parametrize("bridge", ["zero", "learned"])
@pytest.mark.parametrize("attention", ["additive", "general", "dot"])
def test_gradients_reach_every_weight_through_attention_alone(bridge, attention):
    network = network_of(settings_of("gru", attention, bridge=bridge), torch.float64)
    total = summed(read(network, *texts())[0])
    assert [name for (name, _), slope in zip(network.named_parameters(), slopes(network, total), strict=True) if not slope.any()] == []


def test_without_attention_all_that_is_known_of_a_source_is_the_first_state():
    network, (sources, targets) = network_of(settings_of("lstm", "none"), torch.float64), texts()
    memory, state = network.encode(sources, LENGTHS)
    other, _ = network.encode(sources.flip(0), LENGTHS)
    EXACT(network.decode(targets, other, state)[0], network.decode(targets, memory, state)[0])
    assert memory.values.shape == (3, SOURCE, 0)


@pytest.mark.parametrize("attention", ["additive", "general", "dot"])
def test_where_to_look_depends_on_the_first_layer_alone_unless_it_is_fed(attention):
    looks = {}
    for feeding, is_changed in itertools.product([False, True], repeat=2):
        network = network_of(settings_of("gru", attention, feeding, layers=3), torch.float64)
        with torch.no_grad():
            for above in (*network.decoder.cells[1:], network.decoder.readout) if is_changed else ():
                for weight in above.parameters():
                    weight += 1
        looks[feeding, is_changed] = read(network, *texts())[1]
    EXACT(looks[False, True], looks[False, False])
    EXACT(looks[True, True][:, 0], looks[True, False][:, 0])
    assert (looks[True, True][1:, 1:, 1:] != looks[True, False][1:, 1:, 1:]).any()


@with_and_without_feeding
def test_no_step_knows_what_follows(feeding):
    network, (sources, targets) = network_of(settings_of("lstm", feeding=feeding), torch.float64), texts()
    other = targets.clone()
    other[:, 4:] = 3
    logits, changed = read(network, sources, targets)[0], read(network, sources, other)[0]
    EXACT(changed[:, :4], logits[:, :4])
    assert (changed[:, 4:] != logits[:, 4:]).any()


@with_and_without_feeding
def test_rows_picked_go_on_as_they_would_have(feeding):
    network, (sources, targets), rows = network_of(settings_of("lstm", feeding=feeding)), texts(), torch.tensor([2, 0, 0])
    memory, state = network.encode(sources, LENGTHS)
    _, _, state = network.decode(targets[:, :3], memory, state)
    readouts, weights, _ = network.decode(targets[:, 3:], memory, state)
    CLOSE(network.decode(targets[rows, 3:], memory.pick(rows), state.pick(rows))[:2], (readouts[rows], weights[rows]))


STEPS = {
    "rnn": lambda x, state, weights: (torch.rnn_tanh_cell(x, state[0], *weights),),
    "rnn-relu": lambda x, state, weights: (torch.rnn_relu_cell(x, state[0], *weights),),
    "lstm": lambda x, state, weights: torch.lstm_cell(x, state, *weights),
    "gru": lambda x, state, weights: (torch.gru_cell(x, state[0], *weights),),
    "mingru": lambda x, state, weights: (mingru(x[:, None], state[0][None], weights)[1][0],),
}


def written_out(network, settings, cell, source, target):
    """(target, vocabulary) logits of one pair, the decoder one step and one layer at a time."""
    decoder, hidden_size = network.decoder, settings.stack.hidden_size
    memory, state = network.encode(source[None], torch.tensor([len(source)]))
    values, logits = memory.values[0], []
    hidden, feed = [[part[layer] for part in state.hidden] for layer in range(settings.stack.layers)], torch.zeros(1, 0).double()
    if settings.input_feeding:
        feed = torch.zeros(1, settings.embedding_size).double()
    for token in target:
        x, context = torch.cat([network.target_embedding.embedding.weight[token][None], feed], -1), None
        for layer, (one, norm) in enumerate(zip(decoder.cells, decoder.norms, strict=True)):
            into = x if layer == 0 else torch.cat([x, context], -1)
            into = layer_norm(into, into.shape[-1:], norm.weight, norm.bias) if settings.stack.layer_norm else into
            hidden[layer] = STEPS[cell](into, hidden[layer], one.weights)
            x = hidden[layer][0] + x if settings.stack.residual and layer else hidden[layer][0]
            if layer == 0:  # the products of the query with the directions' sum
                keys = values[:, :hidden_size] + values[:, hidden_size:]
                context = torch.softmax(x @ keys.T, -1) @ values
        readout = torch.tanh(decoder.readout(torch.cat([x, context], -1)))
        logits.append(readout @ network.output.weight.T + network.output.bias)
        feed = readout if settings.input_feeding else feed
    return torch.cat(logits)


@every_cell
@pytest.mark.parametrize("option", [name for name in OPTIONS if name != "forwards"])
@with_and_without_feeding
def test_the_network_equals_its_written_out_equations(cell, option, feeding):
    settings = settings_of(cell, "dot", feeding, settings=OPTIONS[option])
    network, (sources, targets) = network_of(settings, torch.float64), texts()
    logits = read(network, sources, targets)[0]
    for row, length in enumerate(LENGTHS):
        EXACT(logits[row], written_out(network, settings, cell, sources[row, :length], targets[row]))


def test_dropout_is_at_work_in_training_and_nowhere_else():
    network = network_of(settings_of(dropout=0.5))
    EXACT(read(network, *texts()), read(network, *texts()))
    network.train()
    assert (read(network, *texts())[0] != read(network, *texts())[0]).any()


@pytest.mark.parametrize("is_tied", [False, True], ids=["untied", "tied"])
@pytest.mark.parametrize("is_shared", [False, True], ids=["separate", "shared"])
def test_what_is_shared_or_tied_is_one_parameter(is_tied, is_shared):
    network = TranslatorNetwork(replace(PLAIN, tie_weights=is_tied), source_size=9, target_size=9, is_shared=is_shared)
    tables = network.source_embedding.embedding.weight, network.target_embedding.embedding.weight, network.output.weight
    assert len({id(one) for one in tables}) == 3 - is_tied - is_shared
    assert (tables[0] is tables[1]) == is_shared
    assert (tables[1] is tables[2]) == is_tied
