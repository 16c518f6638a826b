"""How open the gates of a recurrent cell are at every token of a text, from the weights and the states before the token.

Saturation as in Karpathy, Johnson and Fei-Fei 2015 (arXiv 1506.02078, section 4.2): left below 0.1, right above 0.9.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.engine.network import EPSILON
from charnn.errors import CharnnError
from charnn.inspection.reading import Passage, Trace
from charnn.kernels.products import Floats
from charnn.tasks.lm.model import LanguageModel

LEFT, RIGHT = 0.1, 0.9  # Below and above, a gate is saturated


class Gate(NamedTuple):
    """One gate of a layer over a text."""

    layer: int  # from 1
    name: str
    values: Floats  # (time, units), from 0, shut, to 1, open

    @property
    def openness(self) -> NDArray[np.float64]:
        """Return (time,) means over the units."""
        means: NDArray[np.float64] = self.values.mean(1, dtype=np.float64)
        return means

    def facts(self) -> dict[str, Any]:
        """Return mean, saturated fractions and openness, ready for JSON."""
        openness = self.openness
        saturated = {"left": float((self.values < LEFT).mean()), "right": float((self.values > RIGHT).mean())}
        return {"layer": self.layer, "gate": self.name, "mean": float(openness.mean()), **saturated, "openness": openness.tolist()}


def gates_of(trained: LanguageModel, passage: Passage, trace: Trace) -> list[Gate]:
    """Return every gate of every layer, from the first layer up. Raises CharnnError for a network without gates."""
    stack, weights = trained.settings.network.stack, trained.weights
    cell, found = stack.loaded_cell, []
    if not cell.gates:
        advice = f"look at its units with: charnn inspect neurons {trained.name} FILE"
        raise CharnnError(f"this model has {stack.cell} cells, which have no gates; {advice}")
    x = _inputs(weights, passage)
    for layer, own in enumerate(_outputs_before(trained, passage, trace)):
        name, output = f"stack.cells.{layer}", trace.states[0, layer]
        read = _normalised(x, weights, f"stack.norms.{layer}") if stack.layer_norm else x
        sums = read @ weights[f"{name}.input_to_gates"].T + weights[f"{name}.input_bias"]  # (time, rows)
        if cell.reads_hidden:
            sums += own @ weights[f"{name}.hidden_to_gates"].T + weights[f"{name}.hidden_bias"]
        blocks = zip(cell.blocks, np.split(sums, len(cell.blocks), axis=1), strict=True)
        found += [Gate(layer + 1, block, _logistic(values)) for block, values in blocks if block in cell.gates]
        x = x + output if stack.residual and x.shape == output.shape else output
    return found


def _inputs(weights: Mapping[str, NDArray[Any]], passage: Passage) -> Floats:
    """Return the (time, width) inputs of the first layer."""
    x = weights["embedding.weight"][passage.ids].astype(np.float32)
    if "label_embedding.weight" in weights:
        for text, label in zip(passage.texts(), passage.labels, strict=True):
            x[text] += weights["label_embedding.weight"][label]
    return x


def _outputs_before(trained: LanguageModel, passage: Passage, trace: Trace) -> Floats:
    """Return the (layers, time, hidden) outputs before each step."""
    before: Floats = np.roll(trace.states[0], 1, axis=1)
    for begin, label in zip(passage.starts, passage.labels, strict=True):
        before[:, begin] = trained.generator.engine.start(1, label).memory[0, :, 0]
    return before


def _normalised(x: Floats, weights: Mapping[str, NDArray[Any]], name: str) -> Floats:
    """Return rows after layer normalisation (Ba et al. 2016)."""
    centred = x - x.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + EPSILON)
    result: Floats = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result


def _logistic(x: Any) -> Floats:
    result: Floats = (np.tanh(x / 2) + 1) / 2  # overflows nowhere
    return result
