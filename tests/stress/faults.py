"""A file system that fails: the n-th call of a run that touches its folder raises an error, for every n."""

import builtins
import errno
import os
import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import load_model
from charnn.errors import CharnnError
from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE
from charnn.training.resume import read_stored
from tests.stress.row import Row
from tests.stress.victims import End, Victim, command, crashes, model_bytes, trained, write_data

CASE = ("--steps", "20", "--validations", "2")
"""A run so short that each of its calls can fail once."""

CALLS = ("fsync", "replace", "rename", "unlink", "link", "mkdir")
"""Calls of the module os that change something; writing and opening to write come on top."""

ERRORS = (errno.EIO, errno.ENOSPC, errno.EPERM)


def once(scale: float = 1.0) -> Row:
    """Each call fails once, the errors by turns."""
    title = "the n-th open, write, fsync, rename, link or unlink fails (EIO, ENOSPC and EPERM by turns), for every n"
    return _row(title, scale, lambda number: (ERRORS[number % len(ERRORS)], False))


def from_then_on(scale: float = 1.0) -> Row:
    """Each call is the first that fails."""
    return _row("the disk is full from the n-th such call on, for every n", scale, lambda _: (errno.ENOSPC, True))


def _row(title: str, scale: float, fault: Callable[[int], tuple[int, bool]]) -> Row:
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_data(root)
        whole = root / "whole"
        assert trained(command("lm gru", whole, *CASE), root).code == 0
        numbers = range(1, _counted(root) + 1)[:: max(1, round(1 / scale))]
        faults = [(number, *fault(number)) for number in numbers]
        return _found(title, root, model_bytes(whole), faults)


def _found(title: str, root: Path, whole: bytes, faults: list[tuple[int, int, bool]]) -> Row:
    failures, codes = [], {0: 0, 5: 0}
    for number, error, goes_on in faults:
        run = root / "run"
        faulty = Faulty(run, number, error, goes_on)
        end = Victim(command("lm gru", run, *CASE), root, faulty.install).end()
        found = _wrong(end, run, root, whole)
        codes[end.code] = codes.get(end.code, 0) + 1
        failures += [f"call {number} with {errno.errorcode[error]}: {found}"] if found else []
        shutil.rmtree(run, ignore_errors=True)
    note = f"{codes[0]} ended well all the same, {codes[5]} with exit code 5; all resumed to the same bytes"
    return Row(title, f"{len(faults)} runs", len(failures), note, tuple(failures[:5]))


def _wrong(end: End, run: Path, root: Path, whole: bytes) -> str | None:
    """What is wrong with what a run left behind, if anything."""
    if crashes(end) or end.code not in (0, 5):
        return f"ended in {end}"
    if end.code == 0 and model_bytes(run) != whole:
        return "ended well with another model"
    if any((run / name).exists() for name in (TRAINING_FILE, PREVIOUS_FILE)):
        try:
            read_stored(run)
        except CharnnError as error:
            return f"no whole state: {error}"
    if (run / "model.safetensors").exists():
        try:
            load_model(run)
        except CharnnError as error:
            return f"a broken model: {error}"
    again = trained(command("lm gru", run, *CASE, "--resume"), root)
    if again.code or model_bytes(run) != whole:
        return f"--resume ended in {again}" if again.code else "resumed to another model"
    strays = [path.name for path in run.iterdir() if path.name.endswith(".tmp")]
    return f"stray files {strays}" if strays else None


def _counted(root: Path) -> int:
    """How many calls a run makes."""
    count = root / "count"
    run = root / "counted"

    faulty = Faulty(run, 0, 0, False)
    faulty.count_file = count
    assert Victim(command("lm gru", run, *CASE), root, faulty.install).end().code == 0
    return len(count.read_bytes())


class Faulty:
    """Stands between the process and its calls to the file system; one of those that touch a folder fails, or all from it on."""

    def __init__(self, folder: Path, number: int, error: int, goes_on: bool) -> None:
        self.folder, self.number, self.error, self.goes_on = folder, number, error, goes_on
        self.calls = 0
        self.count_file: Path | None = None
        self._open = builtins.open

    def install(self, _: int) -> None:
        """For the rest of the process's life."""
        for name in CALLS:
            setattr(os, name, self._guarded(getattr(os, name)))
        builtins.open = self.open
        os.open = self._guarded(os.open)

    def open(self, file: Any, mode: str = "r", *arguments: Any, **options: Any) -> Any:
        """open(), whose files fail to be written when it is their turn."""
        if not self._is_ours(file) or mode.startswith("r"):
            return self._open(file, mode, *arguments, **options)
        self._count()
        return _File(self._open(file, mode, *arguments, **options), self._count)

    def _guarded(self, call: Callable[..., Any]) -> Callable[..., Any]:
        def guarded(*arguments: Any, **options: Any) -> Any:
            # What has no path is fsync, which only saves call.
            if not isinstance(arguments[0], str | os.PathLike) or self._is_ours(arguments[0]):
                self._count()
            return call(*arguments, **options)

        return guarded

    def _is_ours(self, path: Any) -> bool:
        return isinstance(path, str | os.PathLike) and str(path).startswith(str(self.folder))

    def _count(self) -> None:
        self.calls += 1
        if self.count_file is not None:
            with self._open(self.count_file, "ab") as file:
                file.write(b".")
        if self.calls == self.number or (self.goes_on and self.calls > self.number):
            raise OSError(self.error, os.strerror(self.error))


class _File:
    """A file whose every write counts."""

    def __init__(self, file: Any, count: Callable[[], None]) -> None:
        self._file, self._count = file, count

    def write(self, data: bytes) -> int:
        """Writes, or half of it and an error."""
        try:
            self._count()
        except OSError:
            self._file.write(data[: len(data) // 2])
            raise
        written: int = self._file.write(data)
        return written

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> "_File":
        return self

    def __exit__(self, *error: object) -> None:
        self._file.close()
