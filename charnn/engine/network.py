"""A whole network as compiled code: tokens in, new state and logits out."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.turns import turn
from charnn.kernels.activations import log_softmax
from charnn.kernels.compile import compiled, compiled_sum
from charnn.kernels.products import Floats, add_product, copy_row

WIDTH, BIAS, INPUT_WEIGHTS, HIDDEN_WEIGHTS, NORM = range(5)
"""Columns of Network.layers: the width of the layer's input, then where in Network.weights its parts begin."""

LOW, HIGH, PROJECTED, PROJECTION, CLUSTER = range(5)
"""Columns of Network.tails: the cluster's ids, the width it is projected to, where projection and weights begin."""

EPSILON = np.float32(1e-5)  # layer norm, as torch has it


class Network(NamedTuple):
    """All that the compiled code needs to know of a network; made by `packing.pack_network`."""

    weights: Floats  # everything packed, 64-byte aligned
    embedding: Floats  # (vocabulary, width)
    label_embedding: Floats  # (labels or 0, width)
    table: Floats  # (labels or 1 times vocabulary, gate columns): the first layer's sums by token, or no rows
    layers: NDArray[np.int64]  # (layers, 5)
    tails: NDArray[np.int64]  # (tails, 5), no rows without adaptive softmax
    kind: int
    gate_columns: int
    hidden_place: int
    gate_rows: int
    hidden: int
    has_norm: bool
    is_residual: bool
    output_norm: int
    output_bias: int
    output_weights: int
    head: int  # rows of the output: the vocabulary, or an adaptive softmax's head
    clamped: NDArray[np.int64]  # (clamps, 2): layer and unit, from 0, of every output held at a value; usually no rows
    clamp_values: Floats  # (clamps,)


class Workspace(NamedTuple):
    """Arrays that every step overwrites."""

    inputs: Floats  # (batch, widest)
    normed: Floats  # (batch, widest)
    gates: Floats  # (batch, gate columns)
    outputs: Floats  # (batch, padded head)
    projected: Floats  # (batch, padded widest tail)


@compiled
def workspace(network: Network, batch: int) -> Workspace:
    """Room for the steps of a batch."""
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
    """Ba et al. 2016, layer normalisation of every row's first `size` numbers; its weight and bias stand at weights[place:]."""
    for sample in range(source.shape[0]):
        row = source[sample][:size]
        mean = _mean(row)
        scale = np.float32(1.0) / np.sqrt(_variance(row, mean) + EPSILON)
        weight, bias, result = weights[place : place + size], weights[place + size : place + 2 * size], target[sample]
        for i in range(size):
            result[i] = (row[i] - mean) * scale * weight[i] + bias[i]


@compiled
def embed(network: Network, tokens: Any, labels: Any, inputs: Floats) -> None:
    """The first layer's input of every sample: the token's embedding, plus the label's where there are labels."""
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
    """work.gates = biases + the product of the layer's (normalised) input work.inputs."""
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
    """One token for every sample: (batch,) ids, memory (states, layers, batch, hidden) changed in place, top output in work.inputs."""
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
        add_product(work.gates, network.hidden_place, memory[0, layer], 0, hidden, network.weights, place, network.gate_rows)
        turn(network.kind, work.gates, memory, layer)
        if network.clamped.shape[0]:
            _hold(network, memory, layer)
        keep = network.is_residual and network.layers[layer, WIDTH] == hidden
        for sample in range(len(tokens)):
            output, h = work.inputs[sample], memory[0, layer, sample]
            for i in range(hidden):
                output[i] = output[i] + h[i] if keep else h[i]


@compiled
def _hold(network: Network, memory: Any, layer: int) -> None:
    """The layer's clamped outputs take their values, in the state too, so that the next step reads them."""
    for clamp in range(network.clamped.shape[0]):
        if network.clamped[clamp, 0] == layer:
            for sample in range(memory.shape[2]):
                memory[0, layer, sample, network.clamped[clamp, 1]] = network.clamp_values[clamp]


@compiled
def predict(network: Network, work: Workspace, logits: Floats) -> None:
    """Top output in work.inputs -> logits (batch, vocabulary); log-probabilities for an adaptive softmax."""
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
    """Grave et al. 2017: a tail's token has its probability within the tail times the tail's probability in the head."""
    tails = network.tails.shape[0]
    common = network.head - tails
    for sample in range(logits.shape[0]):
        head = work.outputs[sample][: network.head]
        log_softmax(head)
        copy_row(head, 0, logits[sample], common)
        for tail in range(tails):
            # The tail's own share waits in the place of its first token until the tail's turn.
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
            share = logits[sample, low]
            for i in range(high - low):
                logits[sample, low + i] = row[i] + share
