"""From named weights to the packed Network that compiled code reads."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from charnn.cells.turns import KINDS, gate_columns, input_order
from charnn.engine.network import Network, Workspace, input_sums
from charnn.engine.settings import LanguageNetworkSettings, adaptive_cutoffs
from charnn.engine.shapes import check_shapes
from charnn.kernels.products import Floats, aligned, pack, padded

TABLE_LIMIT = 8_000_000
"""Numbers in the largest table of first-layer sums (32 MB); a larger one would take longer to build than most texts gain from it."""

Tensors = Mapping[str, NDArray[np.generic]]


class _Packer:
    """Lays arrays one after the other into one array; each begins at a multiple of 64 bytes."""

    def __init__(self) -> None:
        self.parts: list[Floats] = []
        self.size = 0

    def add(self, array: Floats) -> int:
        """Where the array begins."""
        place, room = self.size, padded(array.size)
        self.parts.append(np.pad(array.reshape(-1), (0, room - array.size)))
        self.size += room
        return place

    def whole(self) -> Floats:
        """All arrays, the first at a multiple of 64 bytes, which aligned vector loads need."""
        return aligned(np.concatenate(self.parts))


def pack_network(settings: LanguageNetworkSettings, tensors: Tensors) -> Network:
    """The network of these settings and weights, named as the torch network names them. Raises CheckpointError where they disagree."""
    check_shapes(settings, tensors)
    stack, packer = settings.stack, _Packer()
    hidden, kind = stack.hidden_size, KINDS[stack.cell, stack.activation]
    columns, hidden_place = gate_columns(kind, hidden)
    weights = {name: np.asarray(tensor, np.float32) for name, tensor in tensors.items()}
    embedding = weights["embedding.weight"]
    widths = stack.input_sizes(settings.width)
    layers = np.array([_pack_layer(packer, weights, layer, width, kind, hidden) for layer, width in enumerate(widths)], np.int64)
    output_norm = _pack_norm(packer, weights, "stack.output_norm") if stack.layer_norm else 0
    head_name = "output.head.weight" if settings.adaptive_softmax else "embedding.weight" if settings.tie_weights else "output.weight"
    head = weights[head_name]
    tails = _pack_tails(packer, weights, len(embedding)) if settings.adaptive_softmax else np.zeros((0, 5), np.int64)
    network = Network(
        output_bias=packer.add(weights.get("output.bias", np.zeros(len(head), np.float32))),
        output_weights=packer.add(pack(head)),
        weights=packer.whole(),
        embedding=np.ascontiguousarray(embedding),
        label_embedding=np.ascontiguousarray(weights.get("label_embedding.weight", np.zeros((0, settings.width), np.float32))),
        table=np.zeros((0, columns), np.float32),
        layers=layers,
        tails=tails,
        kind=kind,
        gate_columns=columns,
        hidden_place=hidden_place,
        gate_rows=len(weights["stack.cells.0.hidden_bias"]),
        hidden=hidden,
        has_norm=stack.layer_norm,
        is_residual=stack.residual,
        output_norm=output_norm,
        head=len(head),
        clamped=np.zeros((0, 2), np.int64),
        clamp_values=np.zeros(0, np.float32),
    )
    return network._replace(table=_table(network))


def _pack_layer(packer: _Packer, weights: Mapping[str, Floats], layer: int, width: int, kind: int, hidden: int) -> list[int]:
    """A row of Network.layers."""
    names = ("input_to_gates", "hidden_to_gates", "input_bias", "hidden_bias")
    from_input, from_hidden, input_bias, hidden_bias = (weights[f"stack.cells.{layer}.{name}"] for name in names)
    columns, place = gate_columns(kind, hidden)
    order, rows = input_order(kind, hidden), len(input_bias)
    bias = np.zeros(columns, np.float32)
    bias[:rows] += input_bias[order]
    bias[place : place + rows] += hidden_bias
    norm = _pack_norm(packer, weights, f"stack.norms.{layer}") if f"stack.norms.{layer}.weight" in weights else 0
    return [width, packer.add(bias), packer.add(pack(from_input[order])), packer.add(pack(from_hidden)), norm]


def _pack_norm(packer: _Packer, weights: Mapping[str, Floats], name: str) -> int:
    return packer.add(np.concatenate([weights[f"{name}.weight"], weights[f"{name}.bias"]]))


def _pack_tails(packer: _Packer, weights: Mapping[str, Floats], vocabulary: int) -> NDArray[np.int64]:
    """The rows of Network.tails."""
    cutoffs = [*adaptive_cutoffs(vocabulary), vocabulary]
    rows = []
    for tail, (low, high) in enumerate(pairwise(cutoffs)):
        projection, cluster = weights[f"output.tail.{tail}.0.weight"], weights[f"output.tail.{tail}.1.weight"]
        rows.append([low, high, len(projection), packer.add(pack(projection)), packer.add(pack(cluster))])
    return np.array(rows, np.int64)


def _table(network: Network) -> Floats:
    """The first layer's sums for every token (of every label), which saves its input product: a quarter to a third of a step.

    Built by the very code that it saves, so that a network with a table gives the same bits as one without.
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
