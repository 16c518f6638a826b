"""Language models with random weights as `charnn.load` gives them, and a network's states written out in numpy."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.model import SavedModel
from charnn.data.settings import CorpusSettings
from charnn.engine.settings import LanguageNetworkSettings
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tokenizers.registry import TokenizerSettings, fit_tokenizer
from tests.networks import OPTIONS, random_tensors, with_cell

TEXT = 'The quick "lazy fox" (jumps)\n\tover 42 dogs;\n\nANNA: we don\'t! Ünïcode 🙂 too.\n' * 3


def random_model(
    option: str = "plain", cell: str = "gru", labels: Sequence[str] = (), tokenizer: str = "char", *, documents: bool = False
) -> LanguageModel:
    """A model of documents where there are labels, or where asked for."""
    tokens = TokenizerSettings(tokenizer=tokenizer)
    fitted = fit_tokenizer(lambda: iter([TEXT]), tokens)
    network = with_cell(OPTIONS[option], cell)
    corpus = CorpusSettings(documents="lines" if documents or labels else "whole", labels_from_files=bool(labels))
    learned = {"tokenizer": fitted.learned(), "labels": list(labels)}
    tensors = random_tensors(network, fitted.size, len(labels)) | {f"tokenizer.{name}": one for name, one in fitted.tensors().items()}
    return LanguageModel.restore(SavedModel("lm", LanguageModelSettings(corpus, tokens, network).plain(), learned, tensors), "random")


def numpy_states(
    settings: LanguageNetworkSettings,
    weights: Mapping[str, NDArray[Any]],
    ids: Sequence[int],
    label: int | None = None,
    clamps: Mapping[tuple[int, int], float] | None = None,
) -> NDArray[np.float64]:
    """(states, layers, time, hidden): one step after another, one layer after another; clamped outputs replace a layer's own."""
    stack, w = settings.stack, {name: np.asarray(one, np.float64) for name, one in weights.items()}
    shape = stack.state_shape
    state = np.array(w.get("stack.initial_state", np.zeros(shape)))
    if label is not None:
        state = state + w["label_state.weight"][label].reshape(shape)
    states = []
    for id in ids:
        x = w["embedding.weight"][id] + (0 if label is None else w["label_embedding.weight"][label])
        for layer in range(stack.layers):
            y = _normed(x, w, f"stack.norms.{layer}") if stack.layer_norm else x
            state[:, layer] = _step(stack, w, f"stack.cells.{layer}", y, state[:, layer])
            for (clamped, unit), value in (clamps or {}).items():
                if clamped == layer + 1:
                    state[0, layer, unit] = value
            h = state[0, layer]
            x = x + h if stack.residual and x.shape == h.shape else h.copy()
        states.append(state.copy())
    return np.stack(states, 2)


def _normed(x, w, name):
    centred = x - x.mean()
    return centred / np.sqrt((centred**2).mean() + 1e-5) * w[f"{name}.weight"] + w[f"{name}.bias"]


def _step(stack, w, name, x, state):
    a = w[f"{name}.input_to_gates"] @ x + w[f"{name}.input_bias"]
    if stack.cell == "mingru":
        z, n = np.split(a, 2)
        return [(1 - _logistic(z)) * state[0] + _logistic(z) * np.where(n >= 0, n + 0.5, _logistic(n))]
    b = w[f"{name}.hidden_to_gates"] @ state[0] + w[f"{name}.hidden_bias"]
    if stack.cell == "rnn":
        return [np.tanh(a + b) if stack.activation == "tanh" else np.maximum(a + b, 0)]
    if stack.cell == "lstm":
        i, f, g, o = np.split(a + b, 4)
        c = _logistic(f) * state[1] + _logistic(i) * np.tanh(g)
        return [_logistic(o) * np.tanh(c), c]
    (ar, az, an), (br, bz, bn) = np.split(a, 3), np.split(b, 3)
    n, z = np.tanh(an + _logistic(ar + br) * bn), _logistic(az + bz)
    return [(1 - z) * n + z * state[0]]


def _logistic(x):
    return 1 / (1 + np.exp(-x))
