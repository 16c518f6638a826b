"""A small model of each task by its public class, and values in memory to train it on."""

from typing import Any

import numpy as np

import charnn

TINY: dict[str, Any] = {"hidden_size": 8, "steps": 6, "validations": 2, "threads": 1}

TEXT = "the cat sat on the mat. the dog ran to the door.\n" * 30
REVIEWS = [f"{'a good and warm' if number % 2 else 'a bad and cold'} film, number {number}" for number in range(60)]
MOODS = ["good" if number % 2 else "bad" for number in range(60)]
SENTENCES = [["Mara", "lives", "in", "Lyon", "."], ["Tom", "left", "Rome", f"day{1}"]] * 15
TAGS = [["B-PER", "O", "O", "B-LOC", "O"], ["B-PER", "O", "B-LOC", "O"]] * 15
SOURCES = [f"the {noun} {verb}" for noun in ("cat", "dog", "man", "boy", "girl") for verb in ("runs", "eats", "sleeps", "sings")]
TARGETS = [f"le {text.split()[1]} {text.split()[2]}" for text in SOURCES]
SERIES = np.sin(np.arange(160) / 5) + 2

VALUES: dict[str, tuple[tuple[Any, ...], dict[str, Any]]] = {
    "LanguageModel": ((), {"text": TEXT}),
    "Classifier": ((REVIEWS, MOODS), {}),
    "Tagger": ((SENTENCES, TAGS), {}),
    "Translator": ((SOURCES, TARGETS), {}),
    "Forecaster": ((SERIES,), {}),
}
"""For each public class what its fit() takes."""

SETTINGS: dict[str, dict[str, Any]] = {
    "LanguageModel": {"window": 16, "batch_size": 4},
    "Classifier": {"embedding_size": 8},
    "Tagger": {"embedding_size": 8},
    "Translator": {"embedding_size": 8},
    "Forecaster": {"window": 20, "horizon": 3},
}


def untrained(name: str, **changes: Any) -> Any:
    """An untrained model of a public class."""
    return getattr(charnn, name)(**{**TINY, **SETTINGS[name], **changes})


def trained(name: str, **changes: Any) -> Any:
    """The same after fit() on values in memory."""
    positional, named = VALUES[name]
    return untrained(name, **changes).fit(*positional, **named)


def answer(model: Any) -> Any:
    """What a trained model says of something."""
    return {
        "LanguageModel": lambda: model.sample("the", length=30, seed=3),
        "Classifier": lambda: model.predict_proba(REVIEWS[:40]).tolist(),
        "Tagger": lambda: model.predict(SENTENCES[:20]),
        "Translator": lambda: model.predict(SOURCES[:8]),
        "Forecaster": lambda: model.predict(5).tolist(),
    }[type(model).__name__]()
