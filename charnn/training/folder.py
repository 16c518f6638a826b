"""A run folder that one trainer owns, and its files, each written whole or not at all; a failed write is tried again."""

import fcntl
import json
import os
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from charnn.checkpoint.documents import Arrays, write_document_file
from charnn.checkpoint.model import CARD_FILE, METRICS_FILE, MODEL_FILE, SavedModel, save_model
from charnn.errors import BusyError, SettingError, StorageError
from charnn.files import storage_errors, write_whole

LOCK_FILE = ".lock"
TRAINING_FILE = "training.safetensors"
PREVIOUS_FILE = "training.previous.safetensors"

LARGEST_FRACTION = 0.01  # The largest fraction of training time for saving its state: a slow save is made less often
PAUSES = (0.2, 1.0, 3.0)  # Seconds to wait before the last files are tried again


class Lock:
    """Makes a run folder and locks it until the process ends. Raises StorageError, and BusyError with the number of its owner."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self._path)
            self._file.truncate(0)
            self._file.write(f"{os.getpid()}\n".encode())
            self._file.flush()
            for path in folder.glob(".*.tmp"):  # unfinished files of killed trainers
                path.unlink()

    def release(self) -> None:
        """Unlock the folder."""
        if not self._file.closed:
            with suppress(OSError):
                self._path.unlink()  # while it is locked, so that no other process takes it for a free one
            self._file.close()


def check_free(folder: Path, *, overwrite: bool = False, resume: bool = False) -> None:
    """Raise SettingError if a run would be overwritten or the folder is none; BusyError if another trainer writes to it."""
    if folder.exists() and not folder.is_dir():
        raise SettingError("to", f"{folder} is a file; name a folder")
    found = [name for name in (MODEL_FILE, TRAINING_FILE) if (folder / name).exists()]
    if found and not overwrite and not resume:
        what = "already holds a model; name another folder, or give --overwrite"
        if MODEL_FILE not in found:
            what = "holds an interrupted run; continue it with --resume, name another folder, or give --overwrite"
        raise SettingError("to", f"{folder} {what}")
    if (folder / CARD_FILE).exists() and not found:
        raise SettingError("to", f"{folder} holds a {CARD_FILE} that is no model card; name another folder")
    parent = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(parent, os.W_OK):
        raise SettingError("to", f"{parent} cannot be written; name another folder")
    with suppress(FileNotFoundError), open(folder / LOCK_FILE, "rb") as file:
        _try_lock(file, folder / LOCK_FILE)


class Saver:
    """Keeps the files of a run folder up to date; `trouble` is the error of the last write that failed."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder, self.seconds = folder, 60 * minutes
        self.log = b""  # all of metrics.jsonl
        self.model_sum: str | None = None  # the checksum of the model that was written last
        self.trouble: StorageError | None = None
        self._is_log_whole = True
        self._unwritten: Callable[[], SavedModel] | None = None  # the newest best model, if its write failed
        self._last, self._cost = time.monotonic(), 0.0

    def begin(self, log: bytes | None) -> None:
        """Continue a log; without one, remove state, card and log of an older run, whose model stays until there is a better one."""
        self.log = log or b""
        with storage_errors(self.folder):
            for name in (METRICS_FILE, *((TRAINING_FILE, PREVIOUS_FILE, CARD_FILE) if log is None else ())):
                (self.folder / name).unlink(missing_ok=True)
            if log:
                write_whole(self.folder / METRICS_FILE, log)

    def add(self, facts: Mapping[str, Any]) -> None:
        """Add a validation to the log; after a failure write all of the log, so that no half line stays."""
        line = (json.dumps({**facts, "time": round(time.time(), 1)}) + "\n").encode()
        self.log += line
        with self._trying():
            if not self._is_log_whole:
                write_whole(self.folder / METRICS_FILE, self.log)
            else:
                self._is_log_whole = False
                with storage_errors(self.folder / METRICS_FILE), open(self.folder / METRICS_FILE, "ab") as file:
                    file.write(line)
            self._is_log_whole = True

    def keep_model(self, make: Callable[[], SavedModel]) -> None:
        """Write a model; if that fails, keep_state() tries it again, until there is a better one."""
        self._unwritten = make
        with self._trying():
            self.model_sum = save_model(self.folder / MODEL_FILE, make())
            self._unwritten = None

    def is_due(self, *, at_report: bool) -> bool:
        """Is it time to write the state of training? At every validation and every few minutes, but not for over 1 % of the time."""
        passed = time.monotonic() - self._last
        return passed * LARGEST_FRACTION >= self._cost and (at_report or passed >= self.seconds)

    def keep_state(self, document: Mapping[str, Any], arrays: Arrays) -> bool:
        """Write the state of training and keep the older one beside it, in case the new one is damaged; return whether it was written."""
        before, is_kept = time.monotonic(), False
        if self._unwritten is not None:
            self.keep_model(self._unwritten)
        with self._trying():
            path, spare = self.folder / TRAINING_FILE, self.folder / f".{PREVIOUS_FILE}.{os.getpid()}.tmp"
            with suppress(OSError):  # Some file systems have no links; there only one state is kept.
                os.link(path, spare)
                os.replace(spare, self.folder / PREVIOUS_FILE)
            with suppress(OSError):  # If both names are one file already, replace does nothing, and the spare name stays.
                spare.unlink(missing_ok=True)
            log = np.frombuffer(self.log, np.uint8)
            write_document_file(path, {**document, "model": self.model_sum}, {**arrays, "metrics": log})
            is_kept = True
        self._last = time.monotonic()
        self._cost = self._last - before
        return is_kept

    def finish(self, model: SavedModel, card: str) -> None:
        """Write the last model, its log and card, trying again for some seconds. Raises StorageError."""
        for pause in (*PAUSES, None):
            try:
                save_model(self.folder / MODEL_FILE, model)
                write_whole(self.folder / METRICS_FILE, self.log)
                write_whole(self.folder / CARD_FILE, card.encode())
                break
            except StorageError:
                if pause is None:
                    raise
                time.sleep(pause)
        with suppress(OSError):
            (self.folder / PREVIOUS_FILE).unlink(missing_ok=True)

    @contextmanager
    def _trying(self) -> Iterator[None]:
        """Store a StorageError as `trouble`."""
        try:
            yield
        except StorageError as error:
            self.trouble = error


def _locked(path: Path) -> BinaryIO:
    """Return the lock file, open and locked; not one that its owner has just removed."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115 (it stays open until the lock is released)
        try:
            _try_lock(file, path)
            if path.exists() and os.path.samestat(os.fstat(file.fileno()), path.stat()):
                return file
        except BaseException:
            file.close()
            raise
        file.close()


def _try_lock(file: BinaryIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        file.seek(0)
        owner = file.read(20).decode("ascii", "replace").strip() or "unknown"
        raise BusyError(f"{path.parent} is in use by another trainer, process {owner}; wait for it, or name another folder") from None
