"""The process of a command: standard streams whose errors end in a sentence, and signals."""

import io
import os
import signal
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, NoReturn, TextIO

import click

from charnn.errors import StorageError

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # 128 plus the number of the signal, as in shells


class Terminated(BaseException):
    """A signal other than an interrupt from the keyboard, as an exception."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = EXIT_CODES[signal.Signals(number)]


def unwind(number: int, _: FrameType | None = None) -> NoReturn:
    """Raise the exception of a signal: the signal handler outside training."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


class Patience:
    """A context that only stores a first signal in `received`, unless `may_throw()`; a second signal ends the command at once."""

    def __init__(self, may_throw: Callable[[], bool]) -> None:
        self.received: int | None = None
        self._may_throw = may_throw
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Patience":
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # with nohup, or as a background job, signals are ignored
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def end(self) -> None:
        """End the command if a signal was received."""
        if self.received is not None:
            unwind(self.received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first, self.received = self.received is None, number
        if not is_first or self._may_throw():
            unwind(number)


class OutputError(StorageError):
    """An error of writing to standard output."""


class Output(io.TextIOWrapper):
    """Standard output that raises OutputError, and writes `?` for characters that its encoding lacks."""

    def write(self, text: str) -> int:
        """Write a text; return the number of its characters."""
        with writing(self):
            return super().write(text)

    def flush(self) -> None:
        """Write the buffer."""
        with writing(self):
            super().flush()


@contextmanager
def writing(stream: TextIO) -> Iterator[None]:
    """Turn an OSError of writing to the stream into an OutputError, except the BrokenPipeError of a reader that has stopped."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(stream)  # else writing the buffer would fail again at exit
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def write(text: str) -> None:
    """Write to standard output at once, unchanged: click.echo would remove colours."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output."""
    write("".join(f"{line}\n" for line in lines))


def say(line: str) -> None:
    """Write a line to standard error."""
    click.echo(line, err=True)


def discard(stream: TextIO) -> None:
    """Discard everything that is written to the stream from now on."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def standard_streams() -> Iterator[None]:
    """Replace standard output by an Output; outside verbs too, an error of writing ends in a sentence and an exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by the parent process
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open as long as the process)
    before = sys.stdout
    # No encoding has half a surrogate pair, which an invalid argument or a label in a JSON file may contain.
    sys.stdout = output = Output(before.buffer, encoding=before.encoding, errors="replace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:  # from a help page, or at the very end
        say(f"Error: {error}.")
        sys.exit(error.exit_code)
    finally:
        sys.stdout = before
        output.detach()
