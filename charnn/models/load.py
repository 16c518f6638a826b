"""charnn.load(): the trained model of a run folder or a model file, of whatever task."""

import importlib
from pathlib import Path
from typing import Any

from charnn.checkpoint import load_model
from charnn.errors import CheckpointError

MODELS = {
    "lm": "charnn.models.lm:TrainedLanguageModel",
    "classifier": "charnn.models.classifier:TrainedClassifier",
    "tagger": "charnn.models.tagger:TrainedTagger",
    "translator": "charnn.models.translator:TrainedTranslator",
}
"""Where each task's model is; a language model samples without what the others need."""


def load(model: str | Path) -> Any:
    """The model of a run folder or a model file, of one of the classes in MODELS. Raises CheckpointError."""
    saved = load_model(model)
    if saved.task not in MODELS:
        raise CheckpointError(f"{model} holds a {saved.task}, which this charnn does not know; upgrade it")
    module, name = MODELS[saved.task].split(":")
    return getattr(importlib.import_module(module), name)(saved, str(model))
