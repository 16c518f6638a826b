"""A network unrolled over the first tokens of a text: what it reads, holds, predicts and loses at each step."""

from typing import Any

import numpy as np

from charnn.inspection.reading import NOTHING, Passage, Trace
from charnn.kernels.products import Floats
from charnn.tasks.lm.trained import TrainedLanguageModel

LARGEST = 3
"""Units that are named of every state."""


def unrolled(trained: TrainedLanguageModel, passage: Passage, trace: Trace) -> dict[str, Any]:
    """The steps of a passage of one text, ready for JSON.

    start: the layers' states before the first step. steps: each with its number from 1, the symbol read, the layers' states,
    the likeliest next symbols, the one that came (None at the end of a running text), its probability and nats.
    """
    symbol = trained.tokenizer.symbol
    start = trained.generator.engine.start(1, passage.labels[0]).memory[:, :, 0]  # (states, layers, hidden)
    steps = []
    for time, (id, after) in enumerate(zip(passage.ids.tolist(), passage.following.tolist(), strict=True)):
        likeliest = zip(trace.candidates[time].tolist(), trace.probabilities[time].tolist(), strict=True)
        nats = None if after == NOTHING else float(trace.nats[time])
        steps.append(
            {
                "step": time + 1,
                "symbol": symbol(id),
                "states": _states(trace.states[:, :, time]),
                "predictions": [{"symbol": symbol(one), "probability": probability} for one, probability in likeliest],
                "next": None if after == NOTHING else symbol(after),
                "probability": None if nats is None else float(np.exp(-nats)),
                "nats": nats,
            }
        )
    return {"start": _states(start), "steps": steps, "mean_nats": trace.mean_nats()}


def _states(states: Floats) -> list[dict[str, Any]]:
    """(states, layers, hidden) -> per layer from 1 the norm of h, its largest units, all of h, and of an lstm all of c."""
    return [_state(layer, states[:, layer - 1]) for layer in range(1, states.shape[1] + 1)]


def _state(layer: int, parts: Floats) -> dict[str, Any]:
    hidden = parts[0]
    order = np.argsort(-np.abs(hidden), kind="stable")[:LARGEST]
    facts: dict[str, Any] = {"layer": layer, "norm": float(np.linalg.norm(hidden))}
    facts |= {"largest": [{"unit": unit, "value": float(hidden[unit])} for unit in order.tolist()], "hidden": hidden.tolist()}
    return facts if len(parts) == 1 else facts | {"cell": parts[1].tolist()}
