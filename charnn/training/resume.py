"""The saved state of a run: the newest whole one, its comparison with the run that resumes, and the fingerprint of its data."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from charnn.checkpoint.documents import Arrays, read_document_file
from charnn.checkpoint.model import MODEL_FILE, upgraded
from charnn.errors import CheckpointError, SettingError
from charnn.settings import flat
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE
from charnn.training.model import Progress, TaskSettings, Throughput

KINDS = {
    **dict.fromkeys(("task", "data", "device"), str),
    **dict.fromkeys(("steps", "threads"), int),
    **dict.fromkeys(("settings", "command", "budget", "versions", "progress"), dict),
    "throughput": list,
}
"""The values in the document of a state and their types, besides the checksum of the best model, or none."""

BLOCK = 1 << 24  # Numbers hashed at once, so that a memory-mapped text is never all in memory


@dataclass(frozen=True)
class Stored:
    """A state of training in a file."""

    path: Path
    document: Mapping[str, Any]
    tensors: Arrays

    def check(self, task: str, settings: TaskSettings, data: str) -> None:
        """Raise SettingError unless this is the same run: task, settings (a missing one has its default), data."""
        if self.document["task"] != task:
            raise SettingError(
                "resume", f"cannot continue {self.path.parent}: it is a run of train {self.document['task']}, not of train {task}"
            )
        known = type(settings).from_plain(self.document["settings"])
        theirs, ours = (flat(one.plain()) for one in (known, settings))
        # A run may continue with another patience.
        names = [name for name in {**theirs, **ours} if theirs.get(name) != ours.get(name) and name.split(".")[-1] != "patience"]
        if names:
            changes = ", ".join(f"{name.split('.')[-1]} {ours.get(name)} (the run has {theirs.get(name)})" for name in names)
            raise SettingError("resume", f"uses the settings of {self.path.parent}, and these differ: {changes}; leave them out")
        if self.document["data"] != data:
            what = "the training data, the validation data or their split are not those of the run"
            raise SettingError("resume", f"cannot continue {self.path.parent}: {what}; give the same files")

    @property
    def throughput(self) -> Throughput:
        """Return the speed measured when the run began; raise CheckpointError where the file has no three numbers for it."""
        try:
            return Throughput(*map(float, self.document["throughput"]))
        except (TypeError, ValueError):
            raise CheckpointError(f"{self.path} is damaged: its throughput should be three numbers; train it again") from None


def read_stored(folder: Path) -> tuple[Stored | None, list[str]]:
    """Return the newest whole state in a run folder, None where no run has begun, and notes on others. Raises CheckpointError."""
    notes: list[str] = []
    for name in (TRAINING_FILE, PREVIOUS_FILE):
        try:
            stored = read_state(folder / name)
        except CheckpointError as error:
            notes.append(str(error).split("; ")[0])
            continue
        if notes:
            notes.append(f"continuing from {folder / name}, which is whole, at update {stored.document['progress'].get('step')}")
        return stored, notes
    if any((folder / name).exists() for name in (TRAINING_FILE, PREVIOUS_FILE)):
        raise CheckpointError(f"{'; '.join(notes)}; there is no state to continue from: train it again with --overwrite")
    if (folder / MODEL_FILE).exists():
        raise CheckpointError(f"{folder} holds a model but no {TRAINING_FILE} to continue from; train it again with --overwrite")
    return None, [f"{folder} holds no run to continue; starting a new one"]


def read_state(path: Path) -> Stored:
    """Return a state of training. Raises CheckpointError, naming the file, unless it is whole."""
    if not path.exists():
        raise CheckpointError(f"{path} is missing")
    document, tensors = read_document_file(path)
    if not all(isinstance(document.get(name), kind) for name, kind in KINDS.items()) or "metrics" not in tensors:
        raise CheckpointError(f"{path} is no state of training")
    try:
        Progress.restore(document["progress"])
    except CheckpointError as error:
        raise CheckpointError(f"{path} is no state of training: {error}") from None
    settings = upgraded(document["task"], document["settings"])
    return Stored(path, {**document, "settings": settings}, tensors)


def fingerprint(*parts: Any) -> str:
    """Return the SHA-256 of arrays (name of type, shape, bytes), plain values, and sequences, mappings and dataclasses of them."""
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        digest.update(f"array {part.dtype} {part.shape}\n".encode())
        flat = part.reshape(-1)
        for begin in range(0, len(flat), BLOCK):
            digest.update(np.ascontiguousarray(flat[begin : begin + BLOCK]).view(np.uint8).data)
    elif is_dataclass(part) and not isinstance(part, type):
        _add(digest, {one.name: getattr(part, one.name) for one in fields(part)})
    elif isinstance(part, Mapping):
        digest.update(f"mapping {len(part)}\n".encode())
        for one in chain.from_iterable(part.items()):
            _add(digest, one)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        digest.update(f"sequence {len(part)}\n".encode())
        for value in part:
            _add(digest, value)
    else:
        digest.update(f"{json.dumps(part)}\n".encode())
