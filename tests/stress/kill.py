"""Runs that are killed at random moments and inside saves, or sent a signal, and resumed: do they end in the same bytes?"""

import itertools
import os
import random
import select
import shutil
import signal
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.stress.row import Row
from tests.stress.victims import CASES, Victim, command, crashes, folders, model_bytes, trained, write_data

KILLS, AIMED, SIGNALS = 40, 20, 20
"""How many at random moments, inside a save, and by a signal that may be answered."""

PATIENCE = 120
"""Seconds until a victim that waits for something is given up."""


def any_time(scale: float = 1.0) -> Row:
    """SIGKILL at random moments."""
    with _bench() as bench:
        return bench.row("kill -9 at random moments, then --resume", KILLS * scale, bench.kill_any_time)


def in_a_save(scale: float = 1.0) -> Row:
    """SIGKILL between the system calls of a save."""
    with _bench() as bench:
        return bench.row("kill -9 between two system calls of a save, then --resume", AIMED * scale, bench.kill_in_a_save)


def interrupted(scale: float = 1.0) -> Row:
    """Signals that are answered."""
    with _bench() as bench:
        return bench.row("SIGINT and SIGTERM at random moments, then --resume", SIGNALS * scale, bench.interrupt)


@contextmanager
def _bench() -> Iterator["_Bench"]:
    with tempfile.TemporaryDirectory() as name:
        write_data(Path(name))
        yield _Bench(Path(name), random.Random(1))


class _Bench:
    """Reference runs, and ways to end others."""

    def __init__(self, root: Path, random: random.Random) -> None:
        self.root, self.random = root, random
        self.runs = folders(root)
        self.references: dict[str, tuple[bytes, float]] = {}
        self.slowest = 0.0

    def row(self, title: str, count: float, end: Callable[[str, Path], str | None]) -> Row:
        """Ends so many runs, the cases by turns."""
        count, failures = max(1, round(count)), []
        for case in itertools.islice(itertools.cycle(CASES), count):
            run = next(self.runs)
            found = end(case, run) or self._check(case, run)
            failures += [f"{case}: {found}"] if found else []
            shutil.rmtree(run, ignore_errors=True)
        note = f"{count - len(failures)} ended in the bytes of a run never broken off"
        note += f"; slowest to exit {self.slowest:.2f} s" if self.slowest else ""
        return Row(title, f"{count} runs", len(failures), note, tuple(failures[:5]))

    def kill_any_time(self, case: str, run: Path) -> None:
        """SIGKILL after a random share of the time that the whole run takes."""
        seconds = self._reference(case)[1]
        victim = Victim(command(case, run), self.root)
        time.sleep(self.random.uniform(0, seconds))
        victim.send(signal.SIGKILL)
        victim.end()

    def kill_in_a_save(self, case: str, run: Path) -> str | None:
        """SIGKILL just before a system call of a save, whichever comes after a random number of them."""
        victim = Victim(command(case, run), self.root, _tell_of_saves)
        calls = self.random.randint(1, 60)
        for _ in range(calls):
            if not select.select([victim.pipe], [], [], PATIENCE)[0]:
                victim.send(signal.SIGKILL)
                return f"no save within {PATIENCE} s, {victim.end()}"
            if not os.read(victim.pipe, 1):
                break  # It has ended before.
        victim.send(signal.SIGKILL)
        victim.end()
        return None

    def interrupt(self, case: str, run: Path) -> str | None:
        """A signal that is answered: the state is saved, and the exit code is right."""
        number = self.random.choice([signal.SIGINT, signal.SIGTERM])
        victim = Victim(command(case, run), self.root)
        time.sleep(self.random.uniform(0.1, 1) * self._reference(case)[1])
        before = time.monotonic()
        victim.send(number)
        end = victim.end()
        self.slowest = max(self.slowest, time.monotonic() - before)
        return None if end.code in (0, 128 + number) and not crashes(end) else f"{number.name} ended in {end}"

    def _check(self, case: str, run: Path) -> str | None:
        """Resumes a run; what is wrong with how it ends?"""
        end = trained(command(case, run, "--resume"), self.root)
        if end.code:
            return f"--resume ended in {end}"
        if model_bytes(run) != self._reference(case)[0]:
            return "another model"
        logged = (run / "metrics.jsonl").read_bytes().count(b"\n")
        strays = [path.name for path in run.iterdir() if path.suffix == ".tmp"]
        return f"{logged} validations logged, stray files {strays}" if logged != 6 or strays else None

    def _reference(self, case: str) -> tuple[bytes, float]:
        """The model of an uninterrupted run, and how long that takes."""
        if case not in self.references:
            run, before = next(self.runs), time.monotonic()
            end = trained(command(case, run), self.root)
            assert end.code == 0, end
            self.references[case] = model_bytes(run), time.monotonic() - before
        return self.references[case]


def _tell_of_saves(pipe: int) -> None:
    """Writes a byte to the pipe before each system call of a save, and waits a moment there."""
    for name in ("fsync", "replace", "link"):
        setattr(os, name, _telling(getattr(os, name), pipe))


def _telling(call: Callable[..., object], pipe: int) -> Callable[..., object]:
    def told(*arguments: object, **options: object) -> object:
        os.write(pipe, b".")
        time.sleep(0.005)
        return call(*arguments, **options)

    return told
