"""Standard output and error as commands need them: always there, and what cannot be written ends in a sentence."""

import io
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

import click

from charnn.errors import StorageError


class OutputError(StorageError):
    """Standard output that cannot be written."""


class Output(io.TextIOWrapper):
    """Standard output that raises OutputError, and writes `?` for what its encoding lacks."""

    def write(self, text: str) -> int:
        """Text, as every stream takes it."""
        with writing(self):
            return super().write(text)

    def flush(self) -> None:
        """What was held back."""
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
        discard(stream)  # what is held back would fail once more at exit
        raise OutputError(f"cannot write to standard output: {error.strerror or error}") from error


def write(text: str) -> None:
    """Text to standard output, at once and as it is: click.echo would take colours out of it where no terminal shows them."""
    sys.stdout.write(text)
    sys.stdout.flush()


def discard(stream: TextIO) -> None:
    """From now on, what is written to the stream goes nowhere."""
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
        click.echo(f"Error: {error}.", err=True)
        sys.exit(error.exit_code)
    finally:
        sys.stdout = before
        output.detach()
