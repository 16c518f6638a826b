"""An untrained model of every task, small enough to be made in a moment."""

from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import torch

from charnn.baselines.linear import LinearBaseline, View
from charnn.baselines.ngrams import NGrams
from charnn.batches.texts import Speller
from charnn.checkpoint.documents import write_document_file
from charnn.checkpoint.model import SavedModel, save_model
from charnn.data.series import Series
from charnn.data.times import find_clock
from charnn.tasks.classifier.model import Classifier
from charnn.tasks.forecaster.data import History
from charnn.tasks.forecaster.model import Forecaster
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.load import load
from charnn.tasks.tagger.check import Tags
from charnn.tasks.tagger.model import Tagger
from charnn.tasks.translator.languages import Languages
from charnn.tasks.translator.model import Translator
from charnn.tokenizers.registry import fit_tokenizer
from charnn.tokenizers.vocabulary import Vocabulary
from charnn.training.trainer import Trainer, state_of
from tests.models import small_model
from tests.runs import PAIRS, SERIES, TABLE, classifier_settings, forecaster_settings, tagger_settings, translator_settings


def saved(model: Any) -> SavedModel:
    """A model as a model file holds it."""
    return SavedModel(model.task, model.settings.plain(), model.learned(), model.tensors())


def _characters() -> SavedModel:
    return saved(small_model(layers=2, layer_norm=True))


def _subwords() -> SavedModel:
    """A language model of lines with labels."""
    return saved(small_model(PAIRS, labels=("x", "y"), tokenizer="subword", documents="lines"))


def _classifier() -> SavedModel:
    """With a linear model and the characters of words."""
    settings = classifier_settings(word_characters=True, character_size=4, character_hidden_size=4, lowercase=False)
    texts = [line.partition("\t")[2] for line in TABLE.split("\n")[1:] if line]
    model = Classifier(settings, fit_tokenizer(lambda: texts, settings.tokens), ["bad", "good"], Speller.fit(texts))
    grams = [NGrams.fit(texts, "word", 1, 2, least=5, most=1000), NGrams.fit(texts, "character", 2, 3, least=20, most=1000)]
    views = (View(one, np.ones(one.size, np.float32), np.ones((one.size, 1), np.float32)) for one in grams)
    model.baseline = LinearBaseline(tuple(views), np.zeros(1, np.float32), "binary", "tf-idf", 1.0)
    return saved(model)


def _tagger() -> SavedModel:
    words = Vocabulary(["ann", "paris", "went", "to"])
    return saved(Tagger(tagger_settings(), words, Speller(Vocabulary("Anpis")), Tags.of([["B-person", "O"]], "BIO")))


def _translator() -> SavedModel:
    """With a vocabulary for each language."""
    settings = translator_settings(tokenizer="subword", min_count=1, shared_vocabulary=False)
    return saved(Translator(settings, Languages(*(fit_tokenizer(lambda: [PAIRS], settings.tokens) for _ in range(2)), placeholders=2)))


def _forecaster() -> SavedModel:
    """Of months, with a further column to read, a season, and errors to draw from."""
    settings = forecaster_settings(horizon=2, difference=1, log=True, inputs="rain")
    series = _series()
    residuals = np.random.default_rng(1).normal(size=(7, 2, 2))
    scaling = Scaling.fit(series, settings.scaling, settings.network.horizon)
    return saved(Forecaster(settings, History(series, 12, (3.0,)), scaling, residuals))


def _quantiles() -> SavedModel:
    """A forecaster without times."""
    settings = forecaster_settings(objective="quantile", cell="lstm")
    series = replace(_series(), time_column=None, times=None, clock=None)
    return saved(Forecaster(settings, History(series, None, (3.0,)), Scaling.fit(series, settings.scaling, 1)))


def _series() -> Series:
    values = np.array([[float(cell) for cell in line.split(",")[1:]] for line in SERIES.split("\n")[1:-1]])
    times = tuple(line.split(",")[0] for line in SERIES.split("\n")[1:-1])
    return Series(("sold", "rain"), 1, values, times, "month", times, clock=find_clock(times)[0])


MAKERS: dict[str, Callable[[], SavedModel]] = {
    "lm of characters": _characters,
    "lm of subwords": _subwords,
    "classifier": _classifier,
    "tagger": _tagger,
    "translator": _translator,
    "forecaster": _forecaster,
    "forecaster of quantiles": _quantiles,
}
"""By what the model is."""


@cache
def tiny(kind: str) -> SavedModel:
    """A model of this kind, always the same one: not to be changed."""
    return MAKERS[kind]()


def state_file(path: Path, shift: int = 0) -> None:
    """The state of a run that has just begun; with a shift that of another one of the same sizes."""
    model = small_model(ema=0.9)
    trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=10, device=torch.device("cpu"))
    arrays, progress = state_of(trainer)
    moved = {name: array + np.float32(shift) if array.dtype.kind == "f" else array for name, array in arrays.items()}
    plain: dict[str, Any] = {"task": "lm", "settings": model.settings.plain(), "data": "", "command": {}, "budget": {}, "steps": 10}
    plain |= {"throughput": [1.0, 1.0, 1.0], "threads": 1, "device": "cpu", "versions": {}, "progress": progress, "model": None}
    write_document_file(path, plain, {**moved, "metrics": np.zeros(0, np.uint8)})


def load_all(folder: Path) -> None:
    """Loads a model of every kind: what that imports is then in memory, and counts for no file that is loaded later."""
    for kind in MAKERS:
        model_file(kind, folder / "whole")
        load(folder / "whole")


def model_file(kind: str, path: Path, shift: int = 0) -> None:
    """The file of a kind of model; with a shift that of another model of the same sizes."""
    model = tiny(kind)
    tensors = {name: array + np.float32(shift) if array.dtype.kind == "f" else array for name, array in model.tensors.items()}
    save_model(path, SavedModel(model.task, model.settings, model.learned, tensors))
