"""Common parts of verbs that use a trained model: opening it, options, texts from a user, and the call of its task."""

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

OLDER = {"corpus": "data", "series": "data", "valid_share": "valid_fraction"}  # Options of `train` under the names of version 0.1
RUNS = Path("checkpoints")  # The folder of runs, in the working directory
threads_option = click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores.")
file_option = click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File with the text.")
label_option = click.option("--label", help="Label of the text, for a model trained with labels.")


def open_model(model: str | None, tasks: Collection[str]) -> Any:
    """Return the named model, or that of the newest run of one of the tasks, and name it. Raises CheckpointError."""
    start_numba()
    from charnn.tasks.load import load

    model = newest(tasks) if model is None else model
    trained = load(model)
    if trained.task not in tasks:
        raise CheckpointError(f"{model} is a {trained.task}, and this needs a {' or '.join(tasks)}; name another model")
    return trained


def start_numba() -> None:
    """Import numba without scipy's linear algebra, which only other code uses; it saves 0.13 s before the first text."""
    hidden = "scipy.linalg"
    if hidden in sys.modules or "numba" in sys.modules:
        return
    sys.modules[hidden] = None  # type: ignore[assignment]  # Python takes it for a missing module
    try:
        importlib.import_module("numba.np.arraymath")
    finally:
        del sys.modules[hidden]


def read_text(data: bytes, what: str) -> str:
    """Decode bytes from a user. Raises DataError with the place of the first byte that is not valid UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{what}: byte {error.start} is not valid utf-8; convert it to utf-8 first") from None


def text_of(text: str | None, file: Path | None = None, option: str = "file") -> str | None:
    """Return the text of an argument, of standard input for -, or of an option's file; None without one. Raises SettingError, DataError."""
    if text is not None and file is not None:
        raise SettingError(option, "cannot be combined with a text as argument; give one")
    if file is not None:
        return read_text(file.read_bytes(), str(file))
    if text != "-":
        return text
    return read_text(standard_input().read(), "standard input")


def needed_text(text: str | None, file: Path | None) -> str:
    """Return the text of an argument, standard input or a file. Raises UsageError if there is none."""
    found = text_of(text, file)
    if found is None:
        raise click.UsageError("give a text, - for standard input, or --file.")
    return found


def warn_unknown(symbols: Collection[str]) -> None:
    """Name the symbols of a text that the model does not know."""
    if symbols:
        say(unknown_warning(symbols))


def limit_threads(count: int | None) -> int:
    """Limit torch to this number of threads, by default to its own choice; return the number in use."""
    from charnn.device import use_threads

    return use_threads(count)


def newest(tasks: Collection[str]) -> str:
    """Return the folder of the newest run of one of the tasks, and name it to the user. Raises CheckpointError."""
    from charnn.checkpoint.model import newest_run

    run = str(newest_run(RUNS, tasks))
    say(f"Using {run}, the newest run.")
    return run


def run_headers(folder: Path) -> list[dict[str, Any]]:
    """Return the headers of a run's two files of training state that have its command, the newest first."""
    from charnn.checkpoint.model import read_header
    from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE

    headers = [read_header(folder / name) for name in (TRAINING_FILE, PREVIOUS_FILE)]
    known = [header for header in headers if isinstance(header.get("command"), dict)]
    return [{**header, "command": {OLDER.get(name, name): value for name, value in header["command"].items()}} for header in known]


def call_of(ctx: click.Context, task: Task, known: Collection[str], arguments: Sequence[str], common: Collection[str] = ()) -> Call:
    """Return the call with the given options; raise SettingError for one that is not among the known ones, nor common to all tasks."""
    chosen = given(ctx, [name for name, value in ctx.params.items() if name not in ("model", "text", "data", *common)])
    refuse(ctx, [name for name in chosen if name not in known], f"has no effect on a {task.name}; leave it out")
    options = {name: ctx.params[name] for name in chosen}
    return Call(arguments, options, write, say, pipe)
