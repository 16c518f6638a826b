"""What a run writes to its folder while it trains, each file whole or not at all; a disk that does not take it is tried again."""

import json
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.documents import write_document_file
from charnn.checkpoint.model import CARD_FILE, METRICS_FILE, MODEL_FILE, SavedModel, save_model
from charnn.errors import StorageError
from charnn.files import storage_errors, write_whole
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE
from charnn.training.trainer import Report

LARGEST_SHARE = 0.01
"""Of the time of training that writing its state may take: what takes longer is written less often."""

PAUSES = (0.2, 1.0, 3.0)
"""Seconds to wait before a last file is tried again."""

Arrays = Mapping[str, NDArray[Any]]


class Saver:
    """Keeps the files of a run folder up to date. `trouble` is what went wrong with the last file that is still owed."""

    def __init__(self, folder: Path, minutes: float) -> None:
        self.folder = folder
        self.seconds = 60 * minutes
        self.log = b""
        """All of metrics.jsonl."""
        self.model_sum: str | None = None
        """The checksum of the model that was written last."""
        self.trouble: StorageError | None = None
        self._is_log_whole = True
        self._owed: Callable[[], SavedModel] | None = None
        self._last, self._cost = time.monotonic(), 0.0

    def begin(self, log: bytes) -> None:
        """Starts from the log as it was, and forgets what else an older run may have left there."""
        self.log = log
        with storage_errors(self.folder):
            (self.folder / METRICS_FILE).unlink(missing_ok=True)
            if log:
                write_whole(self.folder / METRICS_FILE, log)

    def add(self, report: Report) -> None:
        """Adds a validation to the log; after a failure the log is written anew, so that no half line stays."""
        line = (json.dumps(report.facts() | {"time": round(time.time(), 1)}) + "\n").encode()
        self.log += line

        def write() -> None:
            if not self._is_log_whole:
                write_whole(self.folder / METRICS_FILE, self.log)
            else:
                self._is_log_whole = False
                with storage_errors(self.folder / METRICS_FILE), open(self.folder / METRICS_FILE, "ab") as file:
                    file.write(line)
            self._is_log_whole = True

        self._attempt(write)

    def keep_model(self, make: Callable[[], SavedModel]) -> None:
        """Writes a model; one that could not be written is owed until it is, or until there is a better one."""
        self._owed = make

        def write() -> None:
            self.model_sum = save_model(self.folder / MODEL_FILE, make())
            self._owed = None

        self._attempt(write)

    def is_due(self, *, at_report: bool) -> bool:
        """Is it time to write the state of training? At every report and every so many minutes, but not for over 1 % of the time."""
        passed = time.monotonic() - self._last
        return passed * LARGEST_SHARE >= self._cost and (at_report or passed >= self.seconds)

    def keep_state(self, document: Mapping[str, Any], arrays: Arrays) -> bool:
        """Writes the state of training; the one before it stays beside it. False where the disk did not take it."""
        before = time.monotonic()
        if self._owed is not None:
            self.keep_model(self._owed)

        def write() -> None:
            whole = {**document, "model": self.model_sum}
            write_state(self.folder, whole, {**arrays, "metrics": np.frombuffer(self.log, np.uint8)})

        is_kept = self._attempt(write)
        self._last = time.monotonic()
        self._cost = self._last - before
        return is_kept

    def finish(self, model: SavedModel, card: str) -> None:
        """Writes the last model and its card, and tries again for some seconds. Raises StorageError."""
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

    def _attempt(self, write: Callable[[], None]) -> bool:
        try:
            write()
        except StorageError as error:
            self.trouble = error
            return False
        return True


def write_state(folder: Path, document: Mapping[str, Any], arrays: Arrays) -> None:
    """Replaces the state of training; the old one stays under another name, in case the new one is damaged. Raises StorageError."""
    path, spare = folder / TRAINING_FILE, folder / f".{PREVIOUS_FILE}.{os.getpid()}.tmp"
    with suppress(OSError):  # Some file systems know no links; there only one state is kept.
        os.link(path, spare)
        os.replace(spare, folder / PREVIOUS_FILE)
    with suppress(OSError):  # Where both names are one file already, replacing does nothing, and the spare name stays.
        spare.unlink(missing_ok=True)
    write_document_file(path, document, arrays)
