"""Which words a model looked at: a translator for each word of its translation, a classifier for its label."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from charnn.cells.rowwise import reading
from charnn.errors import CheckpointError
from charnn.metrics.alignment import merged
from charnn.plots.heatmap import Heatmap, of_alignment
from charnn.plots.letters import one_line
from charnn.tasks.encoding import spelling_of, tensors_of
from charnn.tasks.translator.interpreter import token_texts
from charnn.tokenizers.words import WordTokenizer

DIRECTIONS = ("forwards", "backwards")
"""How a classifier reads."""


@dataclass(frozen=True, eq=False)
class Look:
    """What a model says of a text, and which words it looked at."""

    heatmap: Heatmap
    facts: dict[str, Any]


def translator_look(trained: Any, text: str) -> Look:
    """The best translation, and for each of its words the words of the text. Raises CheckpointError for a model without attention."""
    if trained.settings.network.attention == "none":
        raise CheckpointError(f"{trained.name} was trained with --attention none; name a model that has attention")
    best = trained.translate([text], aligns=True)[0][0]
    heatmap = of_alignment(best.alignment, f"{text} → {best.text}")
    return Look(heatmap, {"translation": best.text, **best.alignment.plain()})


def classifier_look(trained: Any, text: str) -> Look:
    """The label, and how much each word counts, in each direction of reading. Raises CheckpointError for a model without attention."""
    pooling = trained.settings.network.pooling
    if pooling != "attention":
        raise CheckpointError(f"{trained.name} was trained with --pooling {pooling}; name a model that has --pooling attention")
    model = trained.model
    texts = model.read([text])
    batch = texts.batch(np.zeros(1, np.int64))
    device = model.network.output.weight.device
    model.network.eval()
    with reading():
        weights = model.network.looks(*tensors_of(batch, device), spelling_of(batch, device))[0].double().cpu().numpy()
    tokens = token_texts(model.tokenizer, texts.ids, text if isinstance(model.tokenizer, WordTokenizer) else "")
    directions = DIRECTIONS[: len(weights)]
    found = merged(tokens, [f" {name}" for name in directions], weights[:, : len(tokens)])
    label = trained.predict([text])[0]
    title = one_line(f"Attention of {trained.name} for {label['label']} ({label['probability']:.0%}): {text}")
    shares = found.weights.T
    cells = [[f"{share:.1%}" for share in row] for row in shares.tolist()]
    heatmap = Heatmap(title, tuple(map(one_line, found.source)), directions, shares, texts=(cells,), axes="word, read")
    columns = dict(zip(directions, found.weights.tolist(), strict=True))
    return Look(heatmap, {**label, "words": list(found.source), "weights": columns})


LOOKS: dict[str, Callable[[Any, str], Look]] = {"translator": translator_look, "classifier": classifier_look}
"""What asks a model of each task."""
