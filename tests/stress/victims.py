"""Training commands in forked processes that may be killed, and small data for each task to train on."""

import contextlib
import os
import signal
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

# What every victim needs is loaded once; a fork has it for nothing. None of it computes anything before the fork.
import charnn.tasks.classifier.model
import charnn.tasks.forecaster.model
import charnn.tasks.lm.model
import charnn.tasks.lm.network
import charnn.tasks.tagger.model
import charnn.tasks.translator.model
import charnn.training.run  # noqa: F401
from charnn.checkpoint.model import MODEL_FILE
from charnn.cli.main import main
from tests.models import TEXT
from tests.runs import PAIRS, SENTENCES, SERIES, TABLE

CRASHED = 70
"""Exit code of a victim that ended in a traceback."""

COMMON = ("--quiet", "--device", "cpu", "--threads", "1", "--dropout", "0.1", "--save-every", "0.001", "--learning-rate", "0.01")
SMALL = ("--batch-size", "8", "--validations", "6")

CASES: dict[str, tuple[str, ...]] = {
    "lm gru": ("lm", "foxes.txt", *SMALL, "--steps", "300", "--hidden-size", "24", "--window", "16", "--ema", "0.9"),
    "lm lstm": ("lm", "foxes.txt", *SMALL, "--steps", "300", "--hidden-size", "24", "--window", "16", "--cell", "lstm", "--layers", "2"),
    "lm rnn": ("lm", "foxes.txt", *SMALL, "--steps", "300", "--hidden-size", "24", "--window", "16", "--cell", "rnn", "--optimizer", "sgd"),
    "classifier": ("classifier", "table.tsv", *SMALL, "--steps", "150", "--hidden-size", "16", "--embedding-size", "16"),
    "tagger": ("tagger", "sentences.conll", *SMALL, "--steps", "120", "--hidden-size", "16", "--embedding-size", "16"),
    "translator": (
        "translator", "pairs.tsv", *SMALL, "--steps", "100", "--hidden-size", "16", "--embedding-size", "16", "--tokenizer", "word",
        "--scheduled-sampling", "constant",
    ),
    "forecaster": (
        "forecaster", "series.csv", *SMALL, "--steps", "200", "--hidden-size", "16", "--target", "sold", "--inputs", "rain",
        "--horizon", "3", "--window", "24",
    ),
}  # fmt: skip
"""What to train, but for the folder."""


class End(NamedTuple):
    """How a victim ended."""

    code: int  # exit code; minus the signal for one that was killed
    errors: str  # its standard error


def write_data(folder: Path) -> None:
    """The files that the cases read."""
    texts = {"foxes.txt": TEXT * 4, "table.tsv": TABLE, "sentences.conll": SENTENCES, "pairs.tsv": PAIRS, "series.csv": SERIES}
    for name, text in texts.items():
        (folder / name).write_text(text, encoding="utf-8")


def command(case: str, run: Path, *more: str) -> list[str]:
    """A case as a command line."""
    return ["train", *CASES[case], *COMMON, "--to", str(run), *more]


class Victim:
    """A command in a process of its own, forked from this one. `prepare` runs in it first, with the writing end of a pipe to this one."""

    def __init__(self, arguments: Sequence[str], folder: Path, prepare: Callable[[int], None] | None = None) -> None:
        self._errors = folder / f"errors.{len(list(folder.glob('errors.*')))}"
        self.pipe, writing = os.pipe()
        sys.stdout.flush()
        sys.stderr.flush()
        self.pid = os.fork()
        if self.pid == 0:
            os.close(self.pipe)
            _serve(arguments, folder, self._errors, lambda: prepare(writing) if prepare else None)
        os.close(writing)

    def send(self, number: int) -> None:
        """Sends a signal; one that has ended does not mind."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.pid, number)

    @property
    def is_over(self) -> bool:
        """Has it ended? It can still be waited for."""
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def end(self) -> End:
        """Waits for it."""
        status = os.waitpid(self.pid, 0)[1]
        os.close(self.pipe)
        errors = self._errors.read_text(errors="replace") if self._errors.exists() else ""
        self._errors.unlink(missing_ok=True)
        return End(os.waitstatus_to_exitcode(status), errors)


def trained(arguments: Sequence[str], folder: Path) -> End:
    """Runs a command to its end."""
    return Victim(arguments, folder).end()


def model_bytes(run: Path) -> bytes:
    """The model that a run has made."""
    return (run / MODEL_FILE).read_bytes()


def crashes(end: End) -> bool:
    """Did it end in a traceback, or by a signal that nobody sent?"""
    return end.code == CRASHED or (end.code < 0 and end.code != -signal.SIGKILL) or "Traceback" in end.errors


def _serve(arguments: Sequence[str], folder: Path, errors: Path, prepare: Callable[[], None]) -> None:
    """Runs the command and never returns."""
    code = CRASHED
    try:
        os.chdir(folder)
        file = os.open(errors, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
        os.dup2(file, 2)
        sys.stderr = open(2, "w", closefd=False)  # noqa: SIM115 (whatever stands in its place: pytest's, say)
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, signal.default_int_handler)
        prepare()
        from charnn.cli.process import unwind

        signal.signal(signal.SIGTERM, unwind)
        main.main(args=list(arguments), prog_name="charnn")
        code = 0
    except SystemExit as end:
        code = end.code if isinstance(end.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        with contextlib.suppress(BaseException):
            sys.stderr.flush()
        os._exit(code)


def folders(root: Path) -> Iterator[Path]:
    """Run folders that do not exist yet."""
    number = 0
    while True:
        yield root / f"run-{number}"
        number += 1
