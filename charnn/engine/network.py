"""A whole language network as compiled code, packed from named weights: from tokens and state to new state and logits."""

from collections.abc import Mapping
from itertools import pairwise
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.cell import Cell
from charnn.engine.settings import LanguageNetworkSettings, adaptive_cutoffs, check_shapes
from charnn.kernels.activations import log_softmax
from charnn.kernels.compile import call, compiled, compiled_sum, step_code
from charnn.kernels.products import Floats, add_product, aligned, copy_row, pack, padded

# Columns of Network.layers: the width of the layer's input, then the offsets of its parts in Network.weights.
WIDTH, BIAS, INPUT_WEIGHTS, HIDDEN_WEIGHTS, NORM = range(5)
# Columns of Network.hidden_parts: the number of rows, the column of the sums they are added to, their offset in the hidden weights.
ROWS, PLACE, OFFSET = range(3)
# Columns of Network.tails: the cluster's first id and the one after its last, its projected width, the offsets of its matrices.
LOW, HIGH, PROJECTED, PROJECTION, CLUSTER = range(5)
# Numbers in the largest table of first-layer sums (32 MB); a larger one would take longer to build than most texts gain from it.
TABLE_LIMIT = 8_000_000
EPSILON = np.float32(1e-5)  # layer norm, as in torch


class Network(NamedTuple):
    """A packed network, as compiled code needs it; made by `pack_network`."""

    weights: Floats  # all weights packed, 64-byte aligned
    embedding: Floats  # (vocabulary, width)
    label_embedding: Floats  # (labels or 0, width)
    table: Floats  # (labels or 1 times vocabulary, gate columns): the first layer's sums by token, or no rows
    layers: NDArray[np.int64]  # (layers, 5)
    tails: NDArray[np.int64]  # (tails, 5), no rows without adaptive softmax
    turn: int  # the address of the cell's step
    hidden_parts: NDArray[np.int64]  # (parts, 3)
    gate_columns: int
    gate_rows: int
    hidden: int
    has_norm: bool
    is_residual: bool
    output_norm: int
    output_bias: int
    output_weights: int
    head: int  # rows of the output: the vocabulary, or an adaptive softmax's head
    clamped: NDArray[np.int64]  # (clamps, 2): layer and unit, from 0, of every output fixed at a value; usually no rows
    clamp_values: Floats  # (clamps,)


class Workspace(NamedTuple):
    """Arrays that each step overwrites."""

    inputs: Floats  # (batch, widest)
    normed: Floats  # (batch, widest)
    gates: Floats  # (batch, gate columns)
    outputs: Floats  # (batch, padded head)
    projected: Floats  # (batch, padded widest tail)


@compiled
def workspace(network: Network, batch: int) -> Workspace:
    """Return the arrays for the steps of a batch."""
    widest, outputs, projected = network.hidden, network.head, 0
    for layer in range(network.layers.shape[0]):
        widest = max(widest, network.layers[layer, WIDTH])
    for tail in range(network.tails.shape[0]):
        projected = max(projected, network.tails[tail, PROJECTED])
        outputs = max(outputs, network.tails[tail, HIGH] - network.tails[tail, LOW])
    return Workspace(
        np.empty((batch, widest), np.float32),
        np.empty((batch, widest), np.float32),
        np.empty((batch, network.gate_columns), np.float32),
        np.empty((batch, outputs + 31), np.float32),
        np.empty((batch, projected + 31), np.float32),
    )


@compiled_sum
def _mean(row: Floats) -> Any:
    total = np.float32(0.0)
    for value in row:
        total += value
    return total / np.float32(len(row))


@compiled_sum
def _variance(row: Floats, mean: Any) -> Any:
    total = np.float32(0.0)
    for value in row:
        total += (value - mean) * (value - mean)
    return total / np.float32(len(row))


@compiled
def normalise(source: Floats, target: Floats, size: int, weights: Floats, place: int) -> None:
    """Normalise each row's first `size` numbers (Ba et al. 2016); the layer norm's weight and bias are at weights[place:]."""
    for sample in range(source.shape[0]):
        row = source[sample][:size]
        mean = _mean(row)
        scale = np.float32(1.0) / np.sqrt(_variance(row, mean) + EPSILON)
        weight, bias, result = weights[place : place + size], weights[place + size : place + 2 * size], target[sample]
        for i in range(size):
            result[i] = (row[i] - mean) * scale * weight[i] + bias[i]


@compiled
def embed(network: Network, tokens: Any, labels: Any, inputs: Floats) -> None:
    """Write each sample's input to the first layer: the token's embedding, plus the label's if there are labels."""
    width = network.embedding.shape[1]
    for sample in range(len(tokens)):
        row = inputs[sample]
        copy_row(network.embedding[tokens[sample]], 0, row, width)
        if network.label_embedding.shape[0]:
            label = network.label_embedding[labels[sample]]
            for i in range(width):
                row[i] += label[i]


@compiled
def input_sums(network: Network, layer: int, work: Workspace) -> None:
    """Set work.gates to the biases plus the products of work.inputs, the layer's input, which is normalised first."""
    bias, width = network.layers[layer, BIAS], network.layers[layer, WIDTH]
    for sample in range(work.gates.shape[0]):
        copy_row(network.weights, bias, work.gates[sample], network.gate_columns)
    source = work.inputs
    if network.has_norm:
        normalise(work.inputs, work.normed, width, network.weights, network.layers[layer, NORM])
        source = work.normed
    add_product(work.gates, 0, source, 0, width, network.weights, network.layers[layer, INPUT_WEIGHTS], network.gate_rows)


@compiled
def advance(network: Network, tokens: Any, labels: Any, memory: Any, work: Workspace) -> None:
    """Read one token per sample: (batch,) ids, memory (states, layers, batch, hidden) changed in place, top output in work.inputs."""
    embed(network, tokens, labels, work.inputs)
    hidden = network.hidden
    for layer in range(network.layers.shape[0]):
        if layer == 0 and network.table.shape[0]:
            vocabulary, labelled = network.embedding.shape[0], network.label_embedding.shape[0] > 0
            for sample in range(len(tokens)):
                row = tokens[sample] + (labels[sample] * vocabulary if labelled else 0)
                copy_row(network.table[row], 0, work.gates[sample], network.gate_columns)
        else:
            input_sums(network, layer, work)
        place = network.layers[layer, HIDDEN_WEIGHTS]
        for part in range(network.hidden_parts.shape[0]):
            rows, column, offset = network.hidden_parts[part, ROWS], network.hidden_parts[part, PLACE], network.hidden_parts[part, OFFSET]
            add_product(work.gates, column, memory[0, layer], 0, hidden, network.weights, place + offset, rows)
        call(network.turn, work.gates, memory, layer)
        if network.clamped.shape[0]:
            _clamp(network, memory, layer)
        is_sum = network.is_residual and network.layers[layer, WIDTH] == hidden
        for sample in range(len(tokens)):
            output, h = work.inputs[sample], memory[0, layer, sample]
            for i in range(hidden):
                output[i] = output[i] + h[i] if is_sum else h[i]


@compiled
def _clamp(network: Network, memory: Any, layer: int) -> None:
    """Set the layer's clamped outputs to their values, in the state too, so that the next step reads them."""
    for clamp in range(network.clamped.shape[0]):
        if network.clamped[clamp, 0] == layer:
            for sample in range(memory.shape[2]):
                memory[0, layer, sample, network.clamped[clamp, 1]] = network.clamp_values[clamp]


@compiled
def predict(network: Network, work: Workspace, logits: Floats) -> None:
    """Write (batch, vocabulary) logits of the top output in work.inputs; log-probabilities with an adaptive softmax."""
    source = work.inputs
    if network.has_norm:
        normalise(work.inputs, work.normed, network.hidden, network.weights, network.output_norm)
        source = work.normed
    bias = network.output_bias
    for sample in range(logits.shape[0]):
        copy_row(network.weights, bias, work.outputs[sample], network.head)
    add_product(work.outputs, 0, source, 0, network.hidden, network.weights, network.output_weights, network.head)
    if network.tails.shape[0]:
        _adaptive(network, source, work, logits)
    else:
        for sample in range(logits.shape[0]):
            copy_row(work.outputs[sample], 0, logits[sample], network.head)


@compiled
def _adaptive(network: Network, source: Floats, work: Workspace, logits: Floats) -> None:
    """Multiply each token's probability within its tail by the tail's probability in the head (Grave et al. 2017)."""
    tails = network.tails.shape[0]
    common = network.head - tails
    for sample in range(logits.shape[0]):
        head = work.outputs[sample][: network.head]
        log_softmax(head)
        copy_row(head, 0, logits[sample], common)
        for tail in range(tails):
            # Keep the tail's own log-probability at its first token until the loop below reaches the tail.
            logits[sample, network.tails[tail, LOW]] = head[common + tail]
    for tail in range(tails):
        low, high, projected = network.tails[tail, LOW], network.tails[tail, HIGH], network.tails[tail, PROJECTED]
        work.projected.fill(0)
        work.outputs.fill(0)
        add_product(work.projected, 0, source, 0, network.hidden, network.weights, network.tails[tail, PROJECTION], projected)
        add_product(work.outputs, 0, work.projected, 0, projected, network.weights, network.tails[tail, CLUSTER], high - low)
        for sample in range(logits.shape[0]):
            row = work.outputs[sample][: high - low]
            log_softmax(row)
            own = logits[sample, low]
            for i in range(high - low):
                logits[sample, low + i] = row[i] + own


def pack_network(settings: LanguageNetworkSettings, tensors: Mapping[str, NDArray[np.generic]]) -> Network:
    """Return the packed network of these settings, whose cell has a `turn`, and weights; raise CheckpointError where they disagree."""
    check_shapes(settings, tensors)
    packed: list[Floats] = []
    stack, hidden, cell = settings.stack, settings.stack.hidden_size, settings.stack.loaded_cell
    assert cell.turn is not None
    columns, parts = cell.columns(hidden), cell.parts(hidden)
    sizes = [part.rows.stop - part.rows.start for part in parts]
    offsets = np.cumsum([0, *(padded(size) * hidden for size in sizes)])
    rows = [(size, part.columns.start, offset) for size, part, offset in zip(sizes, parts, offsets, strict=False)]
    weights = {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
    embedding = weights["embedding.weight"]
    layers = [_pack_layer(packed, weights, layer, width, cell) for layer, width in enumerate(stack.input_sizes(settings.width))]
    output_norm = _pack_norm(packed, weights, "stack.output_norm") if stack.layer_norm else 0
    head_name = "output.head.weight" if settings.adaptive_softmax else "embedding.weight" if settings.tie_weights else "output.weight"
    head = weights[head_name]
    tails = _pack_tails(packed, weights, len(embedding)) if settings.adaptive_softmax else np.zeros((0, 5), np.int64)
    network = Network(
        output_bias=_place(packed, weights.get("output.bias", np.zeros(len(head), np.float32))),
        output_weights=_place(packed, pack(head)),
        weights=aligned(np.concatenate(packed)),
        embedding=np.ascontiguousarray(embedding),
        label_embedding=np.ascontiguousarray(weights.get("label_embedding.weight", np.zeros((0, settings.width), np.float32))),
        table=np.zeros((0, columns), np.float32),
        layers=np.array(layers, np.int64),
        tails=tails,
        turn=step_code(cell.turn).address,
        hidden_parts=np.array(rows, np.int64).reshape(-1, 3),
        gate_columns=columns,
        gate_rows=len(cell.blocks) * hidden,
        hidden=hidden,
        has_norm=stack.layer_norm,
        is_residual=stack.residual,
        output_norm=output_norm,
        head=len(head),
        clamped=np.zeros((0, 2), np.int64),
        clamp_values=np.zeros(0, np.float32),
    )
    return network._replace(table=_table(network))


def _place(packed: list[Floats], array: Floats) -> int:
    """Append an array to those that are packed one after the other, each at a multiple of 64 bytes; return its offset."""
    packed.append(np.pad(array.reshape(-1), (0, padded(array.size) - array.size)))
    return sum(part.size for part in packed[:-1])


def _pack_layer(packed: list[Floats], weights: Mapping[str, Floats], layer: int, width: int, cell: Cell) -> list[int]:
    """Return a row of Network.layers."""
    own = {name: weights[f"stack.cells.{layer}.{name}"] for name in cell.shapes(width, 0)}
    hidden = len(own["input_bias"]) // len(cell.blocks)
    bias = np.zeros(cell.columns(hidden), np.float32)
    cell.add_biases(bias, own["input_bias"], own.get("hidden_bias"))
    recurrent = np.concatenate([np.zeros(0, np.float32), *(pack(own["hidden_to_gates"][part.rows]) for part in cell.parts(hidden))])
    norm = _pack_norm(packed, weights, f"stack.norms.{layer}") if f"stack.norms.{layer}.weight" in weights else 0
    return [width, _place(packed, bias), _place(packed, pack(own["input_to_gates"])), _place(packed, recurrent), norm]


def _pack_norm(packed: list[Floats], weights: Mapping[str, Floats], name: str) -> int:
    return _place(packed, np.concatenate([weights[f"{name}.weight"], weights[f"{name}.bias"]]))


def _pack_tails(packed: list[Floats], weights: Mapping[str, Floats], vocabulary: int) -> NDArray[np.int64]:
    """Return Network.tails."""
    rows = []
    for tail, (low, high) in enumerate(pairwise([*adaptive_cutoffs(vocabulary), vocabulary])):
        projection, cluster = weights[f"output.tail.{tail}.0.weight"], weights[f"output.tail.{tail}.1.weight"]
        rows.append([low, high, len(projection), _place(packed, pack(projection)), _place(packed, pack(cluster))])
    return np.array(rows, np.int64)


def _table(network: Network) -> Floats:
    """Return the first layer's sums for every token (of every label); saves its input product, a quarter to a third of a step.

    The code that the table saves builds it, so a network with a table gives the same bits as one without.
    """
    labels = max(len(network.label_embedding), 1)
    rows = labels * len(network.embedding)
    if rows * network.gate_columns > TABLE_LIMIT:
        return network.table
    inputs = np.tile(network.embedding, (labels, 1))
    if len(network.label_embedding):
        inputs += np.repeat(network.label_embedding, len(network.embedding), axis=0)
    gates, nothing = np.empty((rows, network.gate_columns), np.float32), np.empty((0, 0), np.float32)
    input_sums(network, 0, Workspace(inputs, np.empty_like(inputs), gates, nothing, nothing))
    return gates
