"""The model file: weights, settings, vocabulary and metrics in one safetensors file with a checksum; written whole or not at all."""

from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.documents import AGAIN, KNOWN, read_document, read_document_file, write_document_file
from charnn.errors import CheckpointError, SettingError
from charnn.settings import shown
from charnn.tokenizers.vocabulary import is_unicode

MODEL_FILE = "model.safetensors"
METRICS_FILE = "metrics.jsonl"
CARD_FILE = "README.md"


@dataclass(frozen=True)
class SavedModel:
    """What a model file holds: enough to sample, predict, evaluate."""

    task: str
    settings: Mapping[str, Any]
    learned: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]
    metrics: Mapping[str, Any] = field(default_factory=dict)


def save_model(path: Path, model: SavedModel) -> str:
    """Writes a model file and returns its checksum; raises StorageError and leaves an older file whole when the disk does not take it."""
    parts = {"task": model.task, "settings": model.settings, "learned": model.learned, "metrics": model.metrics}
    return write_document_file(path, parts, model.tensors)


def load_model(model: str | Path) -> SavedModel:
    """The model of a run folder or a model file; raises CheckpointError, naming the file, unless it is whole and of this format."""
    path = model_path(model)
    document, tensors = read_document_file(path)
    if "progress" in document:
        raise CheckpointError(f"{path} is the state of a training run; its model is {MODEL_FILE} beside it")
    _check_kinds(path, document)
    for name, array in tensors.items():
        # The least and the greatest tell: NaN is both.
        if array.dtype.kind == "f" and array.size and not np.isfinite([array.min(), array.max()]).all():
            raise CheckpointError(f"{path} is damaged: its weight {shown(name)} holds numbers that are not finite; {AGAIN}")
    return SavedModel(document["task"], document["settings"], document["learned"], tensors, document["metrics"])


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Names the file in what is said of its contents: whatever makes no model of them is a CheckpointError."""
    try:
        yield
    except SettingError as error:
        raise CheckpointError(f"{path}: the settings are damaged: {error}; {AGAIN}") from None
    except CheckpointError as error:
        raise CheckpointError(f"{path}: {error}; {AGAIN}") from None


def restored_strings(values: Any, what: str, least: int) -> list[str]:
    """A saved list of at least so many distinct strings; raises CheckpointError where it is none."""
    if not isinstance(values, list) or not all(isinstance(one, str) and is_unicode(one) for one in values):
        raise CheckpointError(f"the model is damaged: its {what} should be a list of words, got {shown(values)}")
    if len(values) < least or len(set(values)) < len(values):
        raise CheckpointError(f"the model is damaged: its {what} should be at least {least}, all different, got {shown(values)}")
    return values


def tensors_below(saved: SavedModel, part: str) -> dict[str, NDArray[Any]]:
    """The tensors of a part of the model, by their names in it: those that begin with `part.`."""
    return {name.removeprefix(f"{part}."): array for name, array in saved.tensors.items() if name.startswith(f"{part}.")}


def model_path(model: str | Path) -> Path:
    """The model file of a run folder, or the file itself; raises CheckpointError where there is neither."""
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
    """The run of one of the tasks whose model was written last; raises CheckpointError where there is none."""
    ages = {path: age for path in root.glob(f"*/{MODEL_FILE}") if (age := _age(path)) is not None}
    for path in sorted(ages, key=lambda path: ages[path], reverse=True):
        if read_header(path).get("task") in tuple(tasks):
            return path.parent
    raise CheckpointError(f"{root} holds no trained {' or '.join(tasks)}; make one: charnn train {next(iter(tasks))}")


def _check_kinds(path: Path, document: Mapping[str, Any]) -> None:
    """Raises CheckpointError unless the document is that of a model."""
    kinds = {"task": str, "settings": dict, "learned": dict, "metrics": dict}
    if not all(isinstance(document.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{path} is damaged: its header is incomplete; {AGAIN}")


def _age(path: Path) -> float | None:
    """When a file was written; None for one that is gone."""
    try:
        return path.stat().st_mtime
    except OSError:
        return None


def read_header(path: Path) -> dict[str, Any]:
    """The document in a file's header, without reading its tensors; empty for a file that is none of ours, or is missing."""
    try:
        return read_document(path)
    except CheckpointError:
        return {}
