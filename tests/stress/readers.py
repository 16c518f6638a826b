"""One trainer that saves as often as it can, and twenty readers of its model, for half a minute."""

import os
import signal
import tempfile
import time
from pathlib import Path

import charnn.training.folder
from charnn.checkpoint.model import load_model
from charnn.tasks.load import load
from tests.stress.row import Row
from tests.stress.victims import Victim, command, write_data

READERS, SECONDS = 20, 30


def run(scale: float = 1.0) -> Row:
    """One row."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        write_data(root)
        place, seconds, readers = root / "run", max(1.0, SECONDS * scale), max(2, round(READERS * scale))

        def hurry(_: int) -> None:
            charnn.training.folder.LARGEST_FRACTION = 1e9

        more = ("--steps", "1000000", "--validations", "20000")
        trainer = Victim(command("lm gru", place, *more), root, hurry)
        while not (place / "model.safetensors").exists():
            time.sleep(0.01)
        pipes = [_reader(place, time.monotonic() + seconds) for _ in range(readers)]
        found = [_result(*one) for one in pipes]
        trainer.send(signal.SIGTERM)
        code = trainer.end().code
        reads, failures = sum(one[0] for one in found), [one[1] for one in found if one[1]]
        failures += [] if code == 143 else [f"the trainer ended with {code}"]
        written = (place / "metrics.jsonl").read_bytes().count(b"\n")
        note = f"{reads:,} reads, {written:,} reports written meanwhile"
        return Row("one trainer, many readers", f"{readers} readers for {seconds:.0f} s", len(failures), note, tuple(failures[:5]))


def _reader(place: Path, until: float) -> tuple[int, int]:
    """Loads the model again and again in a process of its own; the pipe tells how often, and what went wrong."""
    reading, writing = os.pipe()
    pid = os.fork()
    if pid:
        os.close(writing)
        return pid, reading
    reads, trouble = 0, ""
    try:
        while time.monotonic() < until and not trouble:
            load_model(place)
            reads += 1
            if reads % 50 == 0:
                load(place).sample(length=5, seed=1)
    except BaseException as error:
        trouble = repr(error)
    os.write(writing, f"{reads} {trouble}".encode())
    os._exit(0)


def _result(pid: int, pipe: int) -> tuple[int, str]:
    said = os.read(pipe, 10_000).decode()
    os.close(pipe)
    os.waitpid(pid, 0)
    reads, _, trouble = said.partition(" ")
    return int(reads or 0), trouble if said else "a reader died"
