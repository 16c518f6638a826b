"""What verbs that use a trained model share: finding and opening it, reading text from a user."""

import importlib
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import click

from charnn.errors import CheckpointError, DataError, SettingError

RUNS = Path("checkpoints")
"""Where runs are, seen from where the user is."""


def open_model(model: str | None, tasks: Collection[str]) -> Any:
    """The named model, or that of the newest run of one of the tasks, saying which. Raises CheckpointError."""
    start_numba()
    from charnn.checkpoint.model import newest_run
    from charnn.tasks.load import load

    if model is None:
        model = str(newest_run(RUNS, tasks))
        click.echo(f"Using {model}, the newest run.", err=True)
    trained = load(model)
    if trained.task not in tasks:
        raise CheckpointError(f"{model} is a {trained.task}, and this needs a {' or '.join(tasks)}; name another model")
    return trained


def start_numba() -> None:
    """Loads numba without the linear algebra of scipy, which it looks for at its start and no kernel of ours calls.

    That takes 0.13 s of the second that a first text takes. Only for a process of our own: other code might call it.
    """
    hidden = "scipy.linalg"
    if hidden in sys.modules or "numba" in sys.modules:
        return
    sys.modules[hidden] = None  # type: ignore[assignment]  # how Python is told that there is no such module
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[hidden]


def read_text(data: bytes, what: str) -> str:
    """Bytes from a user as text. Raises DataError with the place of the first byte that is no UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{what}: byte {error.start} is not valid utf-8; convert it to utf-8 first") from None


def text_of(text: str | None, file: Path | None) -> str:
    """The text of an argument, - for standard input, or of a file. Raises SettingError, DataError, UsageError where there is none."""
    if text is None and file is None:
        raise click.UsageError("give a text, - for standard input, or --file.")
    if text is not None and file is not None:
        raise SettingError("file", "cannot be combined with a text as argument; give one")
    from charnn.data.readers import standard_input

    if file is None and text != "-":
        return text or ""
    return read_text(standard_input().read() if file is None else file.read_bytes(), "standard input" if file is None else str(file))


def warn_unknown(symbols: Collection[str]) -> None:
    """Names the symbols of a text that the model has never seen."""
    if symbols:
        named = ", ".join(repr(symbol) for symbol in list(symbols)[:10])
        click.echo(f"Warning: the model does not know {named}{' and more' if len(symbols) > 10 else ''}; read as unknown.", err=True)


def texts(arguments: tuple[str, ...]) -> Iterator[str]:
    """The texts of the command line, or one a line from standard input; raises DataError for bad bytes."""
    if arguments != ("-",):
        yield from arguments
        return
    from charnn.data.readers import standard_input

    for number, line in enumerate(standard_input(), 1):
        yield read_text(line.removesuffix(b"\n"), f"standard input:{number}")
