"""A disk that is really full: a small file system of its own where that can be mounted, and a limit on the size of files."""

import resource
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from charnn.checkpoint.model import load_model
from charnn.errors import CharnnError
from charnn.training.folder import TRAINING_FILE
from charnn.training.resume import read_stored
from tests.stress.row import Row
from tests.stress.victims import End, Victim, command, crashes, model_bytes, trained, write_data

MEGABYTES = 8


def full(scale: float = 1.0) -> Row:
    """A small file system that runs full; a single case, which does not scale."""
    with _prepared() as (root, whole), _mounted(root / "small") as disk:
        title = "a file system of 8 MB that runs full while training"
        return Row(title, "none", 0, "nothing can be mounted here") if disk is None else _row(title, _fill(root, disk, whole))


def limited(scale: float = 1.0) -> Row:
    """A limit on the size of files; a single case, which does not scale."""
    with _prepared() as (root, whole):
        return _row("files limited to a size (RLIMIT_FSIZE)", _limit(root, whole))


def _row(title: str, failures: list[str]) -> Row:
    return Row(title, "1 run", len(failures), "exit code 5, the old checkpoint whole, resumed to the same bytes", tuple(failures))


@contextmanager
def _prepared() -> Iterator[tuple[Path, bytes]]:
    """A folder with data, and the model of a run that nothing befell."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_data(root)
        assert trained(command("lm gru", root / "whole"), root).code == 0
        yield root, model_bytes(root / "whole")


def _fill(root: Path, disk: Path, whole: bytes) -> list[str]:
    """Fills the disk once there is a state; makes room again for the resumed run."""
    run = disk / "run"
    victim = Victim(command("lm gru", run), root)
    while not (run / "model.safetensors").exists():
        time.sleep(0.001)
    with open(disk / "filler", "wb", buffering=0) as filler:
        while not victim.is_over:  # What a replaced file leaves free is filled again.
            with suppress(OSError):
                while not victim.is_over:
                    filler.write(b"x" * 4096)
            time.sleep(0.001)
    failures = _after(victim.end(), run)
    (disk / "filler").unlink()
    return failures + _resumed(root, run, whole)


def _limit(root: Path, whole: bytes) -> list[str]:
    """A limit below the size of the state: what was saved before it stays."""
    run = root / "limited"
    victim = Victim(command("lm gru", run), root, lambda _: None)
    while not (run / "model.safetensors").exists():
        time.sleep(0.001)
    # prlimit reaches a process that is under way.
    resource.prlimit(victim.pid, resource.RLIMIT_FSIZE, (1000, 1000))
    failures = _after(victim.end(), run)
    return failures + _resumed(root, run, whole)


def _after(end: End, run: Path) -> list[str]:
    """What is wrong when the disk was full."""
    failures = []
    if end.code != 5 or crashes(end) or "cannot be written" not in end.errors:
        failures.append(f"ended in {end}")
    try:
        load_model(run)
        read_stored(run)
    except CharnnError as error:
        failures.append(f"not whole: {error}")
    return failures + ([] if (run / TRAINING_FILE).exists() else ["no state of training"])


def _resumed(root: Path, run: Path, whole: bytes) -> list[str]:
    end = trained(command("lm gru", run, "--resume"), root)
    return [f"--resume ended in {end}"] if end.code else [] if model_bytes(run) == whole else ["resumed to another model"]


@contextmanager
def _mounted(place: Path) -> Iterator[Path | None]:
    """A small file system in memory; None where this process may not mount one."""
    place.mkdir()
    tool = shutil.which("mount")
    words = ["-t", "tmpfs", "-o", f"size={MEGABYTES}m", "charnn-stress", str(place)]
    is_there = tool is not None and subprocess.run([tool, *words], capture_output=True).returncode == 0
    try:
        yield place if is_there else None
    finally:
        if is_there:
            subprocess.run(["umount", place], check=True)


assert signal.getsignal(signal.SIGXFSZ) == signal.SIG_IGN, "Python ignores the signal of a file that grows too large"
