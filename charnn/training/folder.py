"""A run folder that one trainer owns: may it be used, whose is it, and nothing left over from trainers that were killed."""

import fcntl
import os
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from charnn.checkpoint.model import CARD_FILE, MODEL_FILE
from charnn.errors import BusyError, SettingError
from charnn.files import storage_errors

LOCK_FILE = ".lock"
TRAINING_FILE = "training.safetensors"
PREVIOUS_FILE = "training.previous.safetensors"


class Lock:
    """The right to write to a run folder, until it is released or the process ends, however it ends.

    Makes the folder. Raises BusyError, naming the process that has the right, and StorageError where nothing can be written.
    """

    def __init__(self, folder: Path) -> None:
        self._path = folder / LOCK_FILE
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            self._file = _locked(self._path)
            _write_owner(self._file)
            _sweep(folder)

    def release(self) -> None:
        """Gives the right up."""
        if not self._file.closed:
            with suppress(OSError):
                self._path.unlink()  # while it is locked: nobody can mistake it for a free one
            self._file.close()


def check_free(folder: Path, *, overwrite: bool = False, resume: bool = False) -> None:
    """Raises SettingError where a run folder would be overwritten, or is no folder; BusyError where a trainer is at work in it."""
    if folder.exists() and not folder.is_dir():
        raise SettingError("to", f"{folder} is a file; name a folder")
    found = [name for name in (MODEL_FILE, TRAINING_FILE) if (folder / name).exists()]
    if found and not overwrite and not resume:
        what = "already holds a model; name another folder, or give --overwrite"
        if MODEL_FILE not in found:
            what = "holds a run that was broken off; go on with --resume, name another folder, or give --overwrite"
        raise SettingError("to", f"{folder} {what}")
    if (folder / CARD_FILE).exists() and not found:
        raise SettingError("to", f"{folder} holds a {CARD_FILE} that is no model card; name another folder")
    parent = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(parent, os.W_OK):
        raise SettingError("to", f"{parent} cannot be written; name another folder")
    with suppress(FileNotFoundError), open(folder / LOCK_FILE, "rb") as file:
        _try_lock(file, folder / LOCK_FILE)


def clear(folder: Path) -> None:
    """Removes the state and the card of an older run; its model stays until there is a better one than none. Raises StorageError."""
    with storage_errors(folder):
        for name in (TRAINING_FILE, PREVIOUS_FILE, CARD_FILE):
            (folder / name).unlink(missing_ok=True)


def _locked(path: Path) -> BinaryIO:
    """The lock file, open and locked: that file which has the name, not one that its owner has just removed."""
    while True:
        file = open(path, "a+b")  # noqa: SIM115 (it stays open as long as the lock is held)
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
        raise BusyError(f"{path.parent} is in the hands of another trainer, process {owner}; wait for it, or name another folder") from None


def _write_owner(file: BinaryIO) -> None:
    file.truncate(0)
    file.write(f"{os.getpid()}\n".encode())
    file.flush()


def _sweep(folder: Path) -> None:
    """Removes what killed trainers left half-written."""
    for path in folder.glob(".*.tmp"):
        path.unlink()
