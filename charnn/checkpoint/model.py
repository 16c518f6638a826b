"""The model file: weights, settings, vocabulary and metrics in one safetensors file with a checksum; written whole or not at all."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.documents import AGAIN, KNOWN, Arrays, read_document, read_document_file, write_document_file
from charnn.errors import CheckpointError, SettingError
from charnn.settings import shown
from charnn.tokenizers.registry import TOKENIZERS, idle_settings
from charnn.tokenizers.vocabulary import is_unicode

MODEL_FILE = "model.safetensors"
METRICS_FILE = "metrics.jsonl"
CARD_FILE = "README.md"

ADDED = {"classifier": ("objective", "ngram_split", "punctuation"), "tagger": ("words", "word_split", "punctuation")}
"""For each task a setting that older files do not have: its part, its name, and the value that has the effect of that time."""


@dataclass(frozen=True)
class SavedModel:
    """The contents of a model file: enough to sample, predict, evaluate."""

    task: str
    settings: Mapping[str, Any]
    learned: Mapping[str, Any]
    tensors: Arrays
    metrics: Mapping[str, Any] = field(default_factory=dict)


def save_model(path: Path, model: SavedModel) -> str:
    """Write a model file and return its checksum; raise StorageError, and keep an older file whole, where that fails."""
    parts = {"task": model.task, "settings": model.settings, "learned": model.learned, "metrics": model.metrics}
    return write_document_file(path, parts, model.tensors)


def load_model(model: str | Path) -> SavedModel:
    """Return the model of a run folder or a model file; raise CheckpointError, naming the file, unless it is whole and of this format."""
    path = model_path(model)
    document, tensors = read_document_file(path)
    if "progress" in document:
        raise CheckpointError(f"{path} is the state of a training run; its model is {MODEL_FILE} beside it")
    kinds = {"task": str, "settings": dict, "learned": dict, "metrics": dict}
    if not all(isinstance(document.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{path} is damaged: its header is incomplete; {AGAIN}")
    for name, array in tensors.items():
        # Minimum and maximum are enough: both are NaN if any number is.
        if array.dtype.kind == "f" and array.size and not np.isfinite([array.min(), array.max()]).all():
            raise CheckpointError(f"{path} is damaged: its weight {shown(name)} holds numbers that are not finite; {AGAIN}")
    return SavedModel(document["task"], upgraded(document["task"], document["settings"]), document["learned"], tensors, document["metrics"])


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Turn every error about the contents of a file into a CheckpointError that names the file."""
    try:
        yield
    except SettingError as error:
        raise CheckpointError(f"{path}: the settings are damaged: {error}; {AGAIN}") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}; {AGAIN}") from None


def restored_strings(values: Any, what: str, least: int) -> list[str]:
    """Return a saved list of at least `least` distinct strings. Raises CheckpointError for anything else."""
    if not isinstance(values, list) or not all(isinstance(one, str) and is_unicode(one) for one in values):
        raise CheckpointError(f"the model is damaged: its {what} should be a list of words, got {shown(values)}")
    if len(values) < least or len(set(values)) < len(values):
        raise CheckpointError(f"the model is damaged: its {what} should be at least {least}, all different, got {shown(values)}")
    return values


def below(tensors: Arrays, part: str) -> dict[str, NDArray[Any]]:
    """Return the tensors whose names begin with `part.`, by the rest of their names."""
    return {name.removeprefix(f"{part}."): array for name, array in tensors.items() if name.startswith(f"{part}.")}


def model_path(model: str | Path) -> Path:
    """Return the model file of a run folder, or the file itself; raise CheckpointError where there is neither."""
    path = Path(model)
    try:
        if path.is_dir():
            path = path / MODEL_FILE
        if path.is_file():
            return path
    except OSError as error:
        raise CheckpointError(f"{model} cannot be read: {error.strerror}; {KNOWN}") from None
    raise CheckpointError(f"{model} holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to {model}")


def newest_run(root: Path, tasks: Collection[str]) -> Path:
    """Return the run of one of the tasks whose model was written last; raise CheckpointError where there is none."""
    ages: dict[Path, float] = {}
    for path in root.glob(f"*/{MODEL_FILE}"):
        with suppress(OSError):  # removed meanwhile
            ages[path] = path.stat().st_mtime
    for path in sorted(ages, key=lambda path: ages[path], reverse=True):
        if read_header(path).get("task") in tuple(tasks):
            return path.parent
    raise CheckpointError(f"{root} holds no trained {' or '.join(tasks)}; make one: charnn train {next(iter(tasks))}")


def read_header(path: Path) -> dict[str, Any]:
    """Return the document of a file without reading its tensors; empty for a foreign or missing file."""
    try:
        return read_document(path)
    except CheckpointError:
        return {}


def upgraded(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings of a file, new or old, in today's form; damaged ones are not repaired."""
    parts = dict(settings)
    if task in ADDED:
        section, name, value = ADDED[task]
        if isinstance(parts.get(section), Mapping):
            parts[section] = {name: value, **parts[section]}
    tokens = parts.get("tokens")
    if isinstance(tokens, Mapping) and isinstance(tokens.get("tokenizer"), str) and tokens["tokenizer"] in TOKENIZERS:
        idle = idle_settings(tokens["tokenizer"])
        if "word_split" in idle and tokens.get("word_split") == "punctuation":  # the default in older files
            parts["tokens"] = {**tokens, "word_split": idle["word_split"]}
    return parts


def recalled(task: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings, by name, that had other defaults when a stored run began."""
    parts = [part for part in upgraded(task, settings).values() if isinstance(part, Mapping)]
    return {name: part[name] for part in parts for name in ("word_split", "ngram_split") if name in part}
