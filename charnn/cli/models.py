"""What verbs that use a trained model share: finding and opening it, reading text from a user."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from charnn.errors import DataError

if TYPE_CHECKING:
    from charnn.model import TrainedModel

RUNS = Path("checkpoints")
"""Where runs are, seen from where the user is."""


def open_model(model: str | None, task: str = "lm") -> "TrainedModel":
    """The named model, or that of the newest run of the task, saying which. Raises CheckpointError."""
    from charnn.checkpoint import newest_run
    from charnn.model import load

    if model is None:
        model = str(newest_run(RUNS, task))
        click.echo(f"Using {model}, the newest run.", err=True)
    return load(model)


def read_text(data: bytes, what: str) -> str:
    """Bytes from a user as text. Raises DataError with the place of the first byte that is no UTF-8."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{what}: byte {error.start} is not valid utf-8; convert it to utf-8 first") from None
