"""The process of a command: standard streams that are always there and fail in a sentence, and signals that end it."""

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

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}  # 128 and the signal's number, as shells have it


class Terminated(BaseException):
    """A signal other than an interrupt from the keyboard, as an exception that unwinds the stack."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = EXIT_CODES[signal.Signals(number)]


def unwind(number: int, _: FrameType | None = None) -> NoReturn:
    """End the command at once: the handler outside of training."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


class Patience:
    """While it is entered, a first signal only shows in `received`, unless `may_throw()`; a second one ends everything at once."""

    def __init__(self, may_throw: Callable[[], bool]) -> None:
        self.received: int | None = None
        self._may_throw = may_throw
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Patience":
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # nohup, or a job in the background: to be ignored
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *_: object) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def end(self) -> None:
        """Ends everything, where a signal came."""
        if self.received is not None:
            unwind(self.received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first, self.received = self.received is None, number
        if not is_first or self._may_throw():
            unwind(number)


class OutputError(StorageError):
    """Standard output that cannot be written."""


class Output(io.TextIOWrapper):
    """Standard output that raises OutputError, and writes `?` for what its encoding lacks."""

    def write(self, text: str) -> int:
        """Text, as every stream takes it."""
        with writing(self):
            return super().write(text)

    def flush(self) -> None:
        """Write what is buffered."""
        with writing(self):
            super().flush()


@contextmanager
def writing(stream: TextIO) -> Iterator[None]:
    """Turns an OSError of writing to the stream into an OutputError; a reader that has seen enough is no error of that kind."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        discard(stream)  # what is buffered would fail once more at exit
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def write(text: str) -> None:
    """Write to standard output, at once and as it is: click.echo would take colours out of it where no terminal shows them."""
    sys.stdout.write(text)
    sys.stdout.flush()


def write_lines(lines: Iterable[str]) -> None:
    """Write lines to standard output."""
    write("".join(f"{line}\n" for line in lines))


def say(line: str) -> None:
    """Write a line to standard error."""
    click.echo(line, err=True)


def discard(stream: TextIO) -> None:
    """Send everything that is written to the stream from now on nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


@contextmanager
def standard_streams() -> Iterator[None]:
    """Within this, commands write to an Output; where that fails outside of a verb, it ends in a sentence and an exit code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # closed by who started us, who does not want to see it
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: SIM115 (open as long as the process)
    before = sys.stdout
    # Half a surrogate pair, in an argument that is no text or a label in a JSON file, cannot be written in any encoding.
    sys.stdout = output = Output(before.buffer, encoding=before.encoding, errors="replace")
    try:
        try:
            yield
        finally:
            sys.stdout.flush()
    except OutputError as error:  # of a help page, which no verb's errors are caught around, or at the very end
        say(f"Error: {error}.")
        sys.exit(error.exit_code)
    finally:
        sys.stdout = before
        output.detach()
