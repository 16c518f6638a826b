"""Which weights a language network has: names and shapes, checked before compiled code, which checks no index, reads them."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import GATES, STATES
from charnn.engine.settings import LanguageNetworkSettings, adaptive_cutoffs
from charnn.errors import CheckpointError
from charnn.settings import shown

Shape = tuple[int, ...]


def check_shapes(settings: LanguageNetworkSettings, tensors: Mapping[str, NDArray[np.generic]]) -> None:
    """Raises CheckpointError, naming the weight, unless all weights of these settings are there and shaped to fit."""
    vocabulary = _rows(tensors, "embedding.weight")
    labels = _rows(tensors, "label_embedding.weight") if "label_embedding.weight" in tensors else 0
    check_weights(tensors, weight_shapes(settings, vocabulary, labels))


def check_weights(tensors: Mapping[str, NDArray[np.generic]], shapes: Mapping[str, Shape]) -> None:
    """Raises CheckpointError, naming the weight, unless just these are there, of these shapes, in float32."""
    for name, shape in shapes.items():
        found = f"{tensors[name].dtype} {tensors[name].shape}" if name in tensors else "missing"
        if found != f"float32 {shape}":
            raise CheckpointError(f"the model is damaged: its weight {name} is {found}, expected float32 {shape}")
    for name in sorted(tensors.keys() - shapes.keys())[:1]:
        raise CheckpointError(f"the model is damaged: its weight {shown(name)} belongs to no network of its settings")


def weight_shapes(settings: LanguageNetworkSettings, vocabulary: int, labels: int) -> dict[str, Shape]:
    """The shape of every weight by its name."""
    stack, hidden, width = settings.stack, settings.stack.hidden_size, settings.width
    rows, states = GATES[stack.cell] * hidden, STATES[stack.cell]
    shapes: dict[str, Shape] = {"embedding.weight": (vocabulary, width)}
    for layer, size in enumerate(stack.input_sizes(width)):
        cell, norm = f"stack.cells.{layer}", f"stack.norms.{layer}"
        shapes |= {f"{cell}.input_to_gates": (rows, size), f"{cell}.hidden_to_gates": (rows, hidden)}
        shapes |= {f"{cell}.input_bias": (rows,), f"{cell}.hidden_bias": (rows,)}
        if stack.layer_norm:
            shapes |= {f"{norm}.weight": (size,), f"{norm}.bias": (size,)}
    if stack.layer_norm:
        shapes |= {"stack.output_norm.weight": (hidden,), "stack.output_norm.bias": (hidden,)}
    if stack.initial_state == "learned":
        shapes["stack.initial_state"] = (states, stack.layers, hidden)
    if labels:
        shapes |= {"label_embedding.weight": (labels, width), "label_state.weight": (labels, states * stack.layers * hidden)}
    return shapes | _output_shapes(settings, vocabulary)


def _output_shapes(settings: LanguageNetworkSettings, vocabulary: int) -> dict[str, Shape]:
    hidden = settings.stack.hidden_size
    if not settings.adaptive_softmax:
        weight: dict[str, Shape] = {} if settings.tie_weights else {"output.weight": (vocabulary, hidden)}
        return weight | {"output.bias": (vocabulary,)}
    cutoffs = [*adaptive_cutoffs(vocabulary), vocabulary]
    shapes: dict[str, Shape] = {"output.head.weight": (cutoffs[0] + len(cutoffs) - 1, hidden)}
    for tail in range(len(cutoffs) - 1):
        projected = max(hidden // 4 ** (tail + 1), 1)
        shapes[f"output.tail.{tail}.0.weight"] = (projected, hidden)
        shapes[f"output.tail.{tail}.1.weight"] = (cutoffs[tail + 1] - cutoffs[tail], projected)
    return shapes


def _rows(tensors: Mapping[str, NDArray[np.generic]], name: str) -> int:
    """The rows of a matrix. Raises CheckpointError where there is none."""
    if name not in tensors or tensors[name].ndim != 2:
        raise CheckpointError(f"the model is damaged: it has no matrix {name}")
    return len(tensors[name])
