"""The state of a run on disk: read from what is whole, and held against the run that wants to go on from it."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from charnn.checkpoint.documents import read_document_file
from charnn.checkpoint.model import MODEL_FILE
from charnn.errors import CheckpointError, SettingError
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE
from charnn.training.probe import Throughput
from charnn.training.progress import Progress

MAY_CHANGE = ("patience",)
"""Settings of a model that may be others when a run is resumed."""

KINDS = {
    "task": str,
    "settings": dict,
    "data": str,
    "command": dict,
    "budget": dict,
    "steps": int,
    "throughput": list,
    "threads": int,
    "device": str,
    "versions": dict,
    "progress": dict,
}
"""What the document of a state holds besides the checksum of the best model, or none."""


@dataclass(frozen=True)
class Stored:
    """A state of training as it was written."""

    path: Path
    document: Mapping[str, Any]
    tensors: Mapping[str, NDArray[Any]]

    def check(self, task: str, settings: Mapping[str, Any], data: str) -> None:
        """Raises SettingError unless this is the same run: task, settings, data."""
        if self.document["task"] != task:
            raise SettingError("resume", f"cannot go on: {self.path.parent} is a run of train {self.document['task']}, not of train {task}")
        theirs, ours = (_flat(one) for one in (self.document["settings"], settings))
        names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name) and name.split(".")[-1] not in MAY_CHANGE]
        if names:
            said = ", ".join(f"{name.split('.')[-1]} {ours.get(name)} (the run has {theirs.get(name)})" for name in names)
            raise SettingError("resume", f"goes on with the settings of {self.path.parent}, and these differ: {said}; leave them out")
        if self.document["data"] != data:
            what = "the training data, the validation data or their split are not those of the run"
            raise SettingError("resume", f"cannot go on with {self.path.parent}: {what}; give the same files")

    @property
    def throughput(self) -> Throughput:
        """The speed that was measured when the run began. Raises CheckpointError."""
        try:
            return Throughput(*map(float, self.document["throughput"]))
        except (TypeError, ValueError):
            raise CheckpointError(f"{self.path} is damaged: its throughput is no three numbers; train it anew") from None

    @property
    def log(self) -> bytes:
        """metrics.jsonl as it was."""
        return self.tensors["metrics"].tobytes()


def read_stored(folder: Path) -> tuple[Stored | None, list[str]]:
    """The newest whole state in a run folder, and what to say of the others; None where no run has begun.

    Raises CheckpointError where there are states, or a model, but nothing to go on from.
    """
    notes: list[str] = []
    for name in (TRAINING_FILE, PREVIOUS_FILE):
        try:
            stored = read_state(folder / name)
        except CheckpointError as error:
            notes.append(str(error).split("; ")[0])
            continue
        if notes:
            notes.append(f"going on from {folder / name}, which is whole, of update {stored.document['progress'].get('step')}")
        return stored, notes
    if any((folder / name).exists() for name in (TRAINING_FILE, PREVIOUS_FILE)):
        raise CheckpointError(f"{'; '.join(notes)}; nothing to go on from: train it anew with --overwrite")
    if (folder / MODEL_FILE).exists():
        raise CheckpointError(f"{folder} holds a model but no {TRAINING_FILE} to go on from; train it anew with --overwrite")
    return None, [f"{folder} holds nothing to go on from; beginning at the beginning"]


def read_state(path: Path) -> Stored:
    """A state of training. Raises CheckpointError, naming the file, unless it is whole."""
    if not path.exists():
        raise CheckpointError(f"{path} is missing")
    document, tensors = read_document_file(path)
    if not all(isinstance(document.get(name), kind) for name, kind in KINDS.items()) or "metrics" not in tensors:
        raise CheckpointError(f"{path} is no state of training")
    try:
        Progress.restore(document["progress"])
    except CheckpointError as error:
        raise CheckpointError(f"{path} is no state of training: {error}") from None
    return Stored(path, document, tensors)


def _flat(plain: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Nested settings as one level, by their paths."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found.update(_flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value})
    return found
