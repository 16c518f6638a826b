"""A trained classifier: it labels texts, says how sure it is and why, and is evaluated."""

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.baselines.linear import Referee
from charnn.batches.texts import Speller
from charnn.checkpoint.model import SavedModel, restored_strings, tensors_below
from charnn.data.labelled import LabelledData
from charnn.errors import CheckpointError, DataError
from charnn.tasks.classifier.model import Blending, Classifier, evaluate, label_numbers
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tokenizers.registry import restore_tokenizer
from charnn.tokenizers.words import WordTokenizer

PIECES = 200
"""Parts of a text at most that are left out one by one to explain its label: words, of a longer text several together."""


class Contribution(NamedTuple):
    """What a part of a text does for its label: the nats by which the label is less likely without it."""

    text: str
    begin: int
    end: int
    nats: float


class TrainedClassifier:
    """Labels of texts, from the network, the linear referee, or the blend of both that ships."""

    task = "classifier"

    def __init__(self, saved: SavedModel, name: str = "model") -> None:
        """Raises CheckpointError or SettingError for a file whose contents make no model."""
        self.saved = saved
        self.name = name
        self.settings = ClassifierSettings.from_plain(saved.settings)
        learned = saved.learned
        self.labels = restored_strings(learned.get("labels"), "labels", least=2)
        tokenizer = restore_tokenizer(self.settings.tokens.tokenizer, learned.get("tokenizer"), tensors_below(saved, "tokenizer"))
        speller = None if learned.get("characters") is None else Speller.restore(learned["characters"])
        if (speller is not None) != self.settings.network.encoder.word_characters or (speller and not isinstance(tokenizer, WordTokenizer)):
            raise CheckpointError("the model is damaged: its characters do not fit its settings")
        self.model = Classifier.restore(self.settings, tokenizer, self.labels, speller, saved.tensors)
        self.model.blending = Blending.restore(learned.get("blending"))
        if learned.get("referee") is not None:
            self.model.referee = Referee.restore(learned["referee"], tensors_below(saved, "referee"))
            if self.model.referee.classes != len(self.labels):
                raise CheckpointError(f"the linear model is damaged: it knows {self.model.referee.classes} labels, not {len(self.labels)}")

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """(texts, labels) of the model that ships."""
        return list(self.model.log_probabilities(texts).values())[-1]

    def predict(self, texts: Sequence[str], *, abstain_below: float | None = None) -> list[dict[str, Any]]:
        """For each text its `label`, None where it is less likely than abstain_below, and the label's `probability`."""
        likeliest = np.exp(self.log_probabilities(texts))
        rows = zip(likeliest.argmax(axis=1).tolist(), likeliest.max(axis=1).tolist(), strict=True)
        sure = abstain_below or 0.0
        return [{"label": self.labels[number] if share >= sure else None, "probability": share} for number, share in rows]

    def explain(self, text: str) -> tuple[str, float, list[Contribution]]:
        """The label of a text, its probability, and what each word does for it, found by leaving it out (Li et al. 2016)."""
        words = list(re.finditer(r"\S+", text))
        size = -(-len(words) // PIECES) or 1
        places = [(group[0].start(), group[-1].end()) for group in (words[begin : begin + size] for begin in range(0, len(words), size))]
        found = self.log_probabilities([text, *(text[:begin] + text[end:] for begin, end in places)])
        label = int(found[0].argmax())
        nats = found[0, label] - found[1:, label]
        parts = [Contribution(text[begin:end], begin, end, float(one)) for (begin, end), one in zip(places, nats, strict=True)]
        return self.labels[label], float(np.exp(found[0, label])), parts

    def evaluate(self, paths: Sequence[str | Path], *, abstain_below: float | None = None, **columns: str) -> dict[str, Any]:
        """Metrics on labelled files: of what ships at the top, and of `network`, `linear` and `blend` below. Raises DataError.

        columns: text_column, label_column, where they differ from those of the training data.
        """
        examples = list(LabelledData(paths, replace(self.settings.data, **columns)).examples())
        if not examples:
            raise DataError(f"{paths[0]} holds no labelled texts; give a file that does")
        numbers = label_numbers(examples, self.labels)
        found = self.model.log_probabilities([one.text for one in examples])
        results = evaluate(found, numbers, self.labels, abstain_below)
        ships = results["blend"] if "blend" in results else results["network"]
        return {"examples": len(examples), **ships, **results}
