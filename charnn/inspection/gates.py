"""How open the gates of an lstm or a gru stand at every token of a text, computed from the weights and the states before it.

With x the layer's input, h' the output one step before, s the logistic function, and * by elements, in torch's form:

lstm (Hochreiter and Schmidhuber 1997; the forget gate is of Gers, Schmidhuber and Cummins 2000):
    i = s(W_i x + b_i + U_i h' + d_i)      input: how much of the candidate g is written
    f = s(W_f x + b_f + U_f h' + d_f)      forget: how much of the cell is kept; open (1) keeps all
    o = s(W_o x + b_o + U_o h' + d_o)      output: how much of the cell is shown
    g = tanh(W_g x + b_g + U_g h' + d_g),  c = f * c' + i * g,  h = o * tanh(c)

gru (Cho et al. 2014):
    r = s(W_r x + b_r + U_r h' + d_r)      reset: how much of h' the candidate n sees
    z = s(W_z x + b_z + U_z h' + d_z)      update: how much of h' is kept; open (1) keeps all
    n = tanh(W_n x + b_n + r * (U_n h' + d_n)),  h = (1 - z) * n + z * h'

Saturation as in Karpathy, Johnson and Fei-Fei 2015 (arXiv 1506.02078, section 4.2): left below 0.1, right above 0.9.
"""

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import GATES
from charnn.engine.network import EPSILON
from charnn.errors import CharnnError
from charnn.inspection.reading import Passage, Trace
from charnn.kernels.products import Floats
from charnn.plots.chart import Chart, Line
from charnn.tasks.lm.trained import TrainedLanguageModel

GATE_NAMES = {"lstm": ("input", "forget", "output"), "gru": ("reset", "update")}
"""What is looked at, by cell."""

_BLOCKS = {"lstm": ("input", "forget", "candidate", "output"), "gru": ("reset", "update", "candidate")}
"""The blocks of rows of the weights, by cell."""

LEFT, RIGHT = 0.1, 0.9
"""Below and above, a gate is saturated."""


class Gate(NamedTuple):
    """One gate of a layer over a text."""

    layer: int
    """From 1."""
    name: str
    values: Floats
    """(time, units), from 0, shut, to 1, open."""

    @property
    def openness(self) -> NDArray[np.float64]:
        """(time,): the mean over the units."""
        means: NDArray[np.float64] = self.values.mean(1, dtype=np.float64)
        return means

    def facts(self) -> dict[str, Any]:
        """Ready for JSON."""
        openness = self.openness
        return {
            "layer": self.layer,
            "gate": self.name,
            "mean": float(openness.mean()),
            "left": float((self.values < LEFT).mean()),
            "right": float((self.values > RIGHT).mean()),
            "openness": openness.tolist(),
        }


class Step(NamedTuple):
    """What a layer computes at every step of a text; (time, units) each."""

    gates: dict[str, Floats]
    candidate: Floats
    state: tuple[Floats, ...]
    """h, of an lstm also c, from the gates: what the engine has."""


def gates_of(trained: TrainedLanguageModel, passage: Passage, trace: Trace) -> list[Gate]:
    """Every gate of every layer, from the first layer up. Raises CharnnError for a network without gates."""
    cell = trained.settings.network.stack.cell
    if cell not in GATE_NAMES:
        raise CharnnError(
            f"this model is of plain {cell} cells, which have no gates; see its units by: charnn inspect neurons {trained.name} FILE"
        )
    steps = steps_of(trained, passage, trace)
    return [Gate(layer, name, one.gates[name]) for layer, one in enumerate(steps, 1) for name in GATE_NAMES[cell]]


def steps_of(trained: TrainedLanguageModel, passage: Passage, trace: Trace) -> list[Step]:
    """What each layer of an lstm or gru computes, from the first layer up."""
    stack, weights = trained.settings.network.stack, trained.weights
    x = _inputs(weights, passage)
    before = _states_before(trained, passage, trace)
    steps = []
    for layer in range(stack.layers):
        name = f"stack.cells.{layer}"
        read = _normalised(x, weights, f"stack.norms.{layer}") if stack.layer_norm else x
        from_input = read @ weights[f"{name}.input_to_gates"].T + weights[f"{name}.input_bias"]  # (time, gates)
        from_hidden = before[0][layer] @ weights[f"{name}.hidden_to_gates"].T + weights[f"{name}.hidden_bias"]  # (time, gates)
        parts = [np.split(one, GATES[stack.cell], axis=1) for one in (from_input, from_hidden)]
        blocks = {block: (one, two) for block, one, two in zip(_BLOCKS[stack.cell], *parts, strict=True)}
        steps.append(STEPS[stack.cell](blocks, tuple(part[layer] for part in before)))
        output = trace.states[0, layer]
        x = x + output if stack.residual and x.shape == output.shape else output
    return steps


def _lstm(blocks: Mapping[str, tuple[Floats, Floats]], before: tuple[Floats, ...]) -> Step:
    gates = {name: _logistic(sum(blocks[name])) for name in GATE_NAMES["lstm"]}
    candidate = np.tanh(sum(blocks["candidate"]))
    cell = gates["forget"] * before[1] + gates["input"] * candidate
    return Step(gates, candidate, (gates["output"] * np.tanh(cell), cell))


def _gru(blocks: Mapping[str, tuple[Floats, Floats]], before: tuple[Floats, ...]) -> Step:
    gates = {name: _logistic(sum(blocks[name])) for name in GATE_NAMES["gru"]}
    from_input, from_hidden = blocks["candidate"]
    candidate = np.tanh(from_input + gates["reset"] * from_hidden)
    return Step(gates, candidate, ((1 - gates["update"]) * candidate + gates["update"] * before[0],))


STEPS = {"lstm": _lstm, "gru": _gru}
"""What stands in a cell's weights and what it does, by cell: (input's sums, hidden's sums) of each block, the state before."""


def openness_chart(gates: list[Gate], title: str) -> Chart:
    """A line for every gate: how open it stands at each token."""
    lines = [Line(f"{one.layer} {one.name}", range(1, len(one.values) + 1), one.openness.tolist()) for one in gates]
    return Chart(title, "symbol", "mean openness", lines)


def _inputs(weights: Mapping[str, NDArray[Any]], passage: Passage) -> Floats:
    """(time, width): the first layer's inputs."""
    x = weights["embedding.weight"][passage.ids].astype(np.float32)
    if "label_embedding.weight" in weights:
        for text, label in zip(passage.texts(), passage.labels, strict=True):
            x[text] += weights["label_embedding.weight"][label]
    return x


def _states_before(trained: TrainedLanguageModel, passage: Passage, trace: Trace) -> Floats:
    """(states, layers, time, hidden): what each step began from."""
    before = np.roll(trace.states, 1, axis=2)
    for begin, label in zip(passage.starts, passage.labels, strict=True):
        before[:, :, begin] = trained.generator.engine.start(1, label).memory[:, :, 0]
    return before


def _normalised(x: Floats, weights: Mapping[str, NDArray[Any]], name: str) -> Floats:
    """Ba et al. 2016, layer normalisation of every row."""
    centred = x - x.mean(1, keepdims=True)
    scaled = centred / np.sqrt((centred**2).mean(1, keepdims=True) + EPSILON)
    result: Floats = scaled * weights[f"{name}.weight"] + weights[f"{name}.bias"]
    return result


def _logistic(x: Any) -> Floats:
    result: Floats = (np.tanh(x / 2) + 1) / 2  # overflows nowhere
    return result
