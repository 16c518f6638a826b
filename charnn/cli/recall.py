"""A training command that resumes knows what was said when the run began."""

import json
from pathlib import Path
from typing import Any

import click

from charnn.cli.options import SectionedCommand, given
from charnn.errors import CheckpointError

OF_THE_MOMENT = ("to", "overwrite", "resume", "quiet", "progress", "device", "threads", "save_every")
"""Parameters that say nothing of what the run learns."""

BUDGET = ("minutes", "epochs", "steps")


class TrainCommand(SectionedCommand):
    """Fills in, with --resume, what was said when the run began and is not said now."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the command."""
        if ctx.params["resume"] and ctx.params["overwrite"]:
            raise click.UsageError("--resume and --overwrite exclude each other; give one.")
        if ctx.params["resume"]:
            _recall(ctx, ctx.params["to"] or _newest(ctx))
        return super().invoke(ctx)


def said(ctx: click.Context) -> dict[str, Any]:
    """What the user said, as JSON takes it, for a later command that resumes."""
    names = [name for name in ctx.params if name not in OF_THE_MOMENT]
    return {name: _plain(ctx.params[name]) for name in given(ctx, names) if ctx.params[name] not in (None, ())}


def _recall(ctx: click.Context, folder: Path) -> None:
    from charnn.checkpoint.model import read_header
    from charnn.training.folder import PREVIOUS_FILE, TRAINING_FILE

    ctx.params["to"] = folder
    commands = [read_header(folder / name).get("command") for name in (TRAINING_FILE, PREVIOUS_FILE)]
    command = next((found for found in commands if isinstance(found, dict)), {})
    if given(ctx, list(BUDGET)):
        command = {name: value for name, value in command.items() if name not in BUDGET}
    now = given(ctx, list(ctx.params))
    for param in ctx.command.params:
        name = param.name or ""
        if name in command and name not in now and name not in OF_THE_MOMENT:
            ctx.params[name] = param.process_value(ctx, command[name])
            ctx.set_parameter_source(name, click.core.ParameterSource.COMMANDLINE)


def _newest(ctx: click.Context) -> Path:
    """The run of this task that was saved last, saying which. Raises CheckpointError where there is none."""
    from charnn.checkpoint.model import read_header
    from charnn.cli.models import RUNS
    from charnn.training.folder import TRAINING_FILE

    files = sorted(RUNS.glob(f"*/{TRAINING_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in files:
        if read_header(path).get("task") == ctx.info_name:
            click.echo(f"Resuming {path.parent}, the run saved last.", err=True)
            return path.parent
    raise CheckpointError(f"{RUNS} holds no run of train {ctx.info_name} to go on with; name one with --to, or leave --resume out")


def _plain(value: Any) -> Any:
    if isinstance(value, tuple):
        return [_plain(one) for one in value]
    return json.loads(json.dumps(value, default=str))
