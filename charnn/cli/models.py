"""What verbs that use a trained model share: finding and opening it, its options, texts from a user, and the call of its task."""

import importlib
import sys
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cli.options import given, refuse
from charnn.cli.pipe import pipe
from charnn.cli.process import say, write
from charnn.data.readers import standard_input
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.tasks.task import Call, Task
from charnn.tokenizers.registry import unknown_warning

RUNS = Path("checkpoints")  # Where runs are, seen from where the user is

threads_option = click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores.")
file_option = click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File that holds the text.")
label_option = click.option("--label", help="Label to read for, of a model trained with labels.")


def open_model(model: str | None, tasks: Collection[str]) -> Any:
    """The named model, or that of the newest run of one of the tasks, saying which. Raises CheckpointError."""
    start_numba()
    from charnn.tasks.load import load

    model = newest(tasks) if model is None else model
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


def text_of(text: str | None, file: Path | None = None, option: str = "file") -> str | None:
    """Return the text of an argument, of standard input for -, or of a file that an option names; None where there is none.

    Raises SettingError for both, DataError for bytes that are no text.
    """
    if text is not None and file is not None:
        raise SettingError(option, "cannot be combined with a text as argument; give one")
    if file is not None:
        return read_text(file.read_bytes(), str(file))
    if text != "-":
        return text
    return read_text(standard_input().read(), "standard input")


def needed_text(text: str | None, file: Path | None) -> str:
    """Return what text_of() does. Raises UsageError where there is none."""
    found = text_of(text, file)
    if found is None:
        raise click.UsageError("give a text, - for standard input, or --file.")
    return found


def warn_unknown(symbols: Collection[str]) -> None:
    """Name the symbols of a text that the model has never seen."""
    if symbols:
        say(unknown_warning(symbols))


def limit_threads(count: int | None) -> int:
    """Limit torch to this number of threads, or leave its own choice; return the number in force."""
    from charnn.device import use_threads

    return use_threads(count)


def newest(tasks: Collection[str]) -> str:
    """Return the folder of the newest run of one of the tasks, and name it to the user. Raises CheckpointError."""
    from charnn.checkpoint.model import newest_run

    run = str(newest_run(RUNS, tasks))
    say(f"Using {run}, the newest run.")
    return run


def run_headers(folder: Path) -> list[dict[str, Any]]:
    """Return what a run recorded of its training, the newest record first, as far as it has the command that began it."""
    from charnn.checkpoint.model import read_header
    from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE

    headers = [read_header(folder / name) for name in (TRAINING_FILE, PREVIOUS_FILE)]
    return [header for header in headers if isinstance(header.get("command"), dict)]


def call_of(ctx: click.Context, task: Task, known: Collection[str], arguments: Sequence[str], common: Collection[str] = ()) -> Call:
    """Return the call with the options that were given; raise SettingError for one that has no effect on this task.

    known: options of this task and verb; common: those that have an effect whatever the task.
    """
    chosen = given(ctx, [name for name, value in ctx.params.items() if name not in ("model", "text", "data", *common)])
    refuse(ctx, [name for name in chosen if name not in known], f"has no effect on a {task.name}; leave it out")
    options = {name: ctx.params[name] for name in chosen}
    return Call(arguments, options, write, say, pipe)
