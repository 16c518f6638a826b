"""charnn.load(): the trained model of a run folder or a model file, of whatever task."""

import importlib
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import load_model, model_path, naming
from charnn.errors import CheckpointError
from charnn.settings import shown

MODELS = {
    "lm": "charnn.tasks.lm.trained:TrainedLanguageModel",
    "classifier": "charnn.tasks.classifier.trained:TrainedClassifier",
    "tagger": "charnn.tasks.tagger.trained:TrainedTagger",
    "translator": "charnn.tasks.translator.trained:TrainedTranslator",
    "forecaster": "charnn.tasks.forecaster.trained:TrainedForecaster",
}
"""Where each task's model is; a language model samples without what the others need."""


def load(model: str | Path) -> Any:
    """The model of a run folder or a model file, of one of the classes in MODELS. Raises CheckpointError."""
    path = model_path(model)
    saved = load_model(path)
    if saved.task not in MODELS:
        raise CheckpointError(f"{path} is for the task {shown(saved.task)}, which this charnn does not know; upgrade it")
    module, name = MODELS[saved.task].split(":")
    kind = getattr(importlib.import_module(module), name)
    with naming(path):
        return kind(saved, str(model))
