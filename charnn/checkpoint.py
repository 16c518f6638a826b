"""The model file: weights, settings, vocabulary and metrics in one safetensors file with a checksum; written whole or not at all."""

import errno
import hashlib
import json
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from charnn import __version__
from charnn.errors import CheckpointError, SettingError, StorageError
from charnn.settings import Settings

Kind = TypeVar("Kind", bound=Settings)

FORMAT = 1
"""The number of this layout; another one is refused."""

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
    document = {"task": model.task, "settings": model.settings, "learned": model.learned, "metrics": model.metrics}
    return write_document_file(path, document, model.tensors)


def write_document_file(path: Path, document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """Writes JSON-ready data and arrays as one safetensors file, with their checksum, which it returns; raises StorageError."""
    arrays = {name: np.asarray(array, order="C") for name, array in tensors.items()}
    whole = {"format": FORMAT, "charnn": __version__, **document}
    whole["sha256"] = checksum(whole, arrays)
    # Surrogates in a vocabulary are escaped by JSON's ASCII form; raw UTF-8 could not hold them.
    write_whole(path, save(arrays, metadata={"charnn": json.dumps(whole)}))
    return str(whole["sha256"])


def load_model(model: str | Path) -> SavedModel:
    """The model of a run folder or a model file; raises CheckpointError, naming the file, unless it is whole and of this format."""
    path = model_path(model)
    document, tensors = read_document_file(path)
    if "progress" in document:
        raise CheckpointError(f"{path} is the state of a training run; its model is {MODEL_FILE} beside it")
    kinds = {"task": str, "settings": dict, "learned": dict, "metrics": dict}
    if not all(isinstance(document.get(name), kind) for name, kind in kinds.items()):
        raise CheckpointError(f"{path} is damaged: its header is incomplete; train it again or copy it anew")
    return SavedModel(document["task"], document["settings"], document["learned"], tensors, document["metrics"])


def read_document_file(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """What write_document_file() wrote; raises CheckpointError, naming the file, unless it is whole and of this format."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}") from None
    document = _document(path, data)
    try:
        tensors = load(data)
    except (SafetensorError, KeyError, ValueError) as error:
        raise CheckpointError(f"{path} is damaged: {error}; train it again or copy it anew") from None
    if checksum(document, tensors) != document["sha256"]:
        raise CheckpointError(f"{path} is damaged: its checksum does not match; train it again or copy it anew")
    return document, tensors


def settings_of(saved: SavedModel, kind: type[Kind], name: str) -> Kind:
    """The settings of a model; raises CheckpointError, naming the file, where they are none of this class."""
    try:
        return kind.from_plain(saved.settings)
    except SettingError as error:
        raise CheckpointError(f"{name} is damaged: {error}; train it again or copy it anew") from None


def restored_strings(values: Any, complaint: str) -> list[str]:
    """A saved list of strings; raises CheckpointError where it is none."""
    if not isinstance(values, list) or not values or not all(isinstance(one, str) for one in values):
        raise CheckpointError(f"{complaint}; train it again or copy it anew")
    return values


def tensors_below(saved: SavedModel, part: str) -> dict[str, NDArray[Any]]:
    """The tensors of a part of the model, by their names in it: those that begin with `part.`."""
    return {name.removeprefix(f"{part}."): array for name, array in saved.tensors.items() if name.startswith(f"{part}.")}


def model_path(model: str | Path) -> Path:
    """The model file of a run folder, or the file itself; raises CheckpointError where there is neither."""
    path = Path(model)
    if path.is_dir():
        path = path / MODEL_FILE
    if not path.is_file():
        raise CheckpointError(f"{model} holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to {model}")
    return path


def newest_run(root: Path, tasks: Collection[str]) -> Path:
    """The run of one of the tasks whose model was written last; raises CheckpointError where there is none."""
    files = sorted(root.glob(f"*/{MODEL_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        if read_header(path).get("task") in tasks:
            return path.parent
    raise CheckpointError(f"{root} holds no trained {' or '.join(tasks)}; make one: charnn train {next(iter(tasks))}")


def checksum(document: Mapping[str, Any], tensors: Mapping[str, NDArray[Any]]) -> str:
    """SHA-256 over the document but for its own entry, and over names, types, shapes and bytes of the tensors, sorted by name."""
    digest = hashlib.sha256(json.dumps({name: value for name, value in document.items() if name != "sha256"}).encode())
    for name in sorted(tensors):
        array = tensors[name]
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return digest.hexdigest()


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file by a whole new one: temporary name, fsync, rename, fsync of the folder; raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of writing into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "choose another --to"
        raise StorageError(f"{path} cannot be written: {error.strerror}; {hint}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _document(path: Path, data: bytes) -> dict[str, Any]:
    """The JSON document in the header, checked for what every reader relies on."""
    length = int.from_bytes(data[:8], "little")
    if not 2 <= length <= min(len(data) - 8, 100_000_000):
        raise CheckpointError(f"{path} is no model file; give a run folder or a model.safetensors that charnn wrote")
    try:
        document = json.loads(json.loads(data[8 : 8 + length])["__metadata__"]["charnn"])
        found = document["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{path} is no charnn model; give a run folder or a model.safetensors that charnn wrote") from None
    if found != FORMAT:
        raise CheckpointError(f"{path} has format {found}, this charnn reads {FORMAT}; train it again or upgrade")
    if not isinstance(document.get("sha256"), str):
        raise CheckpointError(f"{path} is damaged: its header is incomplete; train it again or copy it anew")
    return dict(document)


def read_header(path: Path) -> dict[str, Any]:
    """The document in a file's header, without reading its tensors; empty for a file that is none of ours, or is missing."""
    try:
        with open(path, "rb") as file:
            prefix = file.read(8)
            data = prefix + file.read(min(int.from_bytes(prefix, "little"), 100_000_000))
        return _document(path, data)
    except (OSError, CheckpointError):
        return {}
