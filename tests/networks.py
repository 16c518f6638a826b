"""Random weights for every kind of language network, named as the torch network names them, and its forward pass written out in torch."""

from collections.abc import Mapping
from dataclasses import replace
from math import prod

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.cells import variants
from charnn.cells.settings import StackSettings
from charnn.engine.settings import LanguageNetworkSettings, adaptive_cutoffs

Tensors = dict[str, NDArray[np.float32]]

CELLS = {name: StackSettings(cell=cell, activation=activation) for name, (cell, activation) in variants().items()}
"""Every cell with each of its activations."""

OPTIONS = {
    "plain": LanguageNetworkSettings(StackSettings(layers=2, hidden_size=37), embedding_size=19),
    "one layer": LanguageNetworkSettings(StackSettings(layers=1, hidden_size=32)),
    "residual": LanguageNetworkSettings(StackSettings(layers=3, hidden_size=21, residual=True)),
    "residual, narrow embedding": LanguageNetworkSettings(StackSettings(layers=3, hidden_size=21, residual=True), embedding_size=9),
    "layer norm": LanguageNetworkSettings(StackSettings(layers=2, hidden_size=24, layer_norm=True), embedding_size=40),
    "tied": LanguageNetworkSettings(StackSettings(layers=2, hidden_size=24), tie_weights=True),
    "learned start": LanguageNetworkSettings(StackSettings(layers=2, hidden_size=24, initial_state="learned")),
    "everything": LanguageNetworkSettings(
        StackSettings(layers=3, hidden_size=25, residual=True, layer_norm=True, initial_state="learned"), tie_weights=True
    ),
    "adaptive softmax": LanguageNetworkSettings(StackSettings(layers=1, hidden_size=33, layer_norm=True), adaptive_softmax=True),
}


def with_cell(settings: LanguageNetworkSettings, cell: str) -> LanguageNetworkSettings:
    """The same network made of another cell."""
    kind = CELLS[cell]
    return replace(settings, stack=replace(settings.stack, cell=kind.cell, activation=kind.activation))


def random_tensors(settings: LanguageNetworkSettings, vocabulary: int, labels: int = 0, seed: int = 0) -> Tensors:
    """Weights of about the size that training leaves."""
    generator = np.random.default_rng(seed)
    stack, width = settings.stack, settings.width
    hidden = stack.hidden_size

    def weights(*shape: int, scale: float | None = None) -> NDArray[np.float32]:
        return (generator.standard_normal(shape) * (scale or shape[-1] ** -0.5)).astype(np.float32)

    tensors = {"embedding.weight": weights(vocabulary, width, scale=0.5)}
    for layer, size in enumerate(stack.input_sizes(width)):
        for name, shape in stack.loaded_cell.shapes(size, hidden).items():
            scale = 0.3 if len(shape) == 1 else 0.5 * hidden**-0.5 if name == "hidden_to_gates" else None
            tensors[f"stack.cells.{layer}.{name}"] = weights(*shape, scale=scale)
        if stack.layer_norm:
            tensors[f"stack.norms.{layer}.weight"] = 1 + weights(size, scale=0.1)
            tensors[f"stack.norms.{layer}.bias"] = weights(size, scale=0.1)
    if stack.layer_norm:
        tensors["stack.output_norm.weight"], tensors["stack.output_norm.bias"] = 1 + weights(hidden, scale=0.1), weights(hidden, scale=0.1)
    if stack.initial_state == "learned":
        tensors["stack.initial_state"] = weights(*stack.state_shape)
    if labels:
        tensors["label_embedding.weight"] = weights(labels, width, scale=0.5)
        tensors["label_state.weight"] = weights(labels, prod(stack.state_shape), scale=0.5)
    return tensors | _output_tensors(settings, vocabulary, weights)


def _output_tensors(settings, vocabulary, weights) -> Tensors:
    hidden = settings.stack.hidden_size
    if not settings.adaptive_softmax:
        output = {} if settings.tie_weights else {"output.weight": weights(vocabulary, hidden)}
        return output | {"output.bias": weights(vocabulary, scale=1.0)}
    cutoffs = [*adaptive_cutoffs(vocabulary), vocabulary]
    tensors = {"output.head.weight": weights(cutoffs[0] + len(cutoffs) - 1, hidden)}
    for tail in range(len(cutoffs) - 1):
        projected = max(hidden // 4 ** (tail + 1), 1)
        tensors[f"output.tail.{tail}.0.weight"] = weights(projected, hidden)
        tensors[f"output.tail.{tail}.1.weight"] = weights(cutoffs[tail + 1] - cutoffs[tail], projected)
    return tensors


def reference(settings: LanguageNetworkSettings, tensors: Mapping[str, NDArray[np.float32]], ids, labels=None):
    """(batch, time) ids -> (batch, time, vocabulary) logits and the state after the last, by torch's own recurrences."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # on a busy machine two threads spend a hundred times as long waiting for each other as computing
    try:
        return _reference(settings, tensors, ids, labels)
    finally:
        torch.set_num_threads(threads)


def _reference(settings, tensors, ids, labels):
    stack, w = settings.stack, {name: torch.from_numpy(tensor) for name, tensor in tensors.items()}
    ids = torch.as_tensor(ids)
    states, layers, hidden = stack.state_shape
    state = torch.zeros(states, layers, len(ids), hidden)
    if "stack.initial_state" in w:
        state = state + w["stack.initial_state"][:, :, None]
    x = w["embedding.weight"][ids]
    if labels is not None:
        x = x + w["label_embedding.weight"][labels][:, None]
        state = state + w["label_state.weight"][labels].reshape(len(ids), *state.shape[:2], -1).permute(1, 2, 0, 3)
    after = []
    for layer in range(stack.layers):
        parts = [w[f"stack.cells.{layer}.{part}"] for part in stack.loaded_cell.shapes(1, hidden)]
        y = _normed(x, w, f"stack.norms.{layer}") if stack.layer_norm else x
        before = tuple(part[layer : layer + 1].contiguous() for part in state)
        run = {"lstm": torch.lstm, "gru": torch.gru, "rnn": getattr(torch, f"rnn_{stack.activation}"), "mingru": mingru}[stack.cell]
        h, *last = run(y, before if len(before) > 1 else before[0], parts, True, 1, 0.0, False, False, True)
        after.append(torch.cat(last))
        x = h + x if stack.residual and x.shape[-1] == h.shape[-1] else h
    x = _normed(x, w, "stack.output_norm") if stack.layer_norm else x
    return _logits(settings, w, x).numpy(), torch.stack(after, 1).numpy()


def mingru(x, state, weights, *_):
    """Feng et al. 2024, with the arguments of torch.gru."""
    update, new = (x @ weights[0].T + weights[1]).chunk(2, -1)
    new, outputs = torch.where(new >= 0, new + 0.5, torch.sigmoid(new)), [state[0]]
    for time in range(x.shape[1]):
        gate = torch.sigmoid(update[:, time])
        outputs.append((1 - gate) * outputs[-1] + gate * new[:, time])
    return torch.stack(outputs[1:], 1), outputs[-1][None]


def _normed(x, w, name):
    return torch.nn.functional.layer_norm(x, x.shape[-1:], w[f"{name}.weight"], w[f"{name}.bias"], 1e-5)


def _logits(settings, w, x):
    if not settings.adaptive_softmax:
        return x @ (w["embedding.weight"] if settings.tie_weights else w["output.weight"]).T + w["output.bias"]
    vocabulary = len(w["embedding.weight"])
    module = torch.nn.AdaptiveLogSoftmaxWithLoss(x.shape[-1], vocabulary, adaptive_cutoffs(vocabulary), div_value=4.0)
    module.load_state_dict({name.removeprefix("output."): tensor for name, tensor in w.items() if name.startswith("output.")})
    with torch.no_grad():
        return module.log_prob(x.reshape(-1, x.shape[-1])).reshape(*x.shape[:-1], vocabulary)
