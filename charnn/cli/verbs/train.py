"""`charnn train`: a task's data and settings in, a run folder out; a command for each task, derived from its record."""

import inspect
import json
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import RUNS, run_headers, threads_option
from charnn.cli.options import Decorator, LazyGroup, RenamedOption, SectionedCommand, Where, given, settings_options, summary_of, together
from charnn.cli.process import Patience, Terminated, say
from charnn.cli.progress import Display, choose_display
from charnn.data.corpus import corpus_name
from charnn.errors import CheckpointError
from charnn.settings import collect
from charnn.tasks.registry import TASKS
from charnn.tasks.task import Inputs, Task, arranged, sources_of
from charnn.training.model import Place
from charnn.training.settings import BudgetSettings, SavingSettings

if TYPE_CHECKING:
    from charnn.training.run import Run

OF_THE_MOMENT = ("to", "overwrite", "resume", "quiet", "progress", "device", "threads", "save_every")
"""Parameters that do not change what the run learns."""

BUDGET = ("minutes", "epochs", "steps")


class TaskGroup(LazyGroup):
    """A command for each task, made when it is used."""

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this task."""
        return train_command(TASKS[cmd_name]) if cmd_name in TASKS else None


class TrainCommand(SectionedCommand):
    """A command that, with --resume, restores the options of the run's first command that are not given now."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        if ctx.params["resume"]:
            if ctx.params["overwrite"]:
                raise click.UsageError("--resume and --overwrite exclude each other; give one.")
            _recall(ctx, ctx.params["to"] or _newest(ctx))
        return super().invoke(ctx)


@click.group(cls=TaskGroup, table={name: Where("", summary_of(task.summary)) for name, task in TASKS.items()})
def train() -> None:
    """Train a model on your data."""


def train_command(task: Task) -> click.Command:
    """Return the command that trains a model of the task."""

    @click.command(task.name, cls=TrainCommand, help=inspect.cleandoc(task.summary))
    @click.argument("data", nargs=-1)
    @place_options(task.held_out)
    @settings_options(task.inputs)
    @settings_options(BudgetSettings)
    @settings_options(SavingSettings)
    @settings_options(task.settings)
    @click.pass_context
    def train_task(ctx: click.Context, /, data: tuple[str, ...], **values: Any) -> None:
        chosen = given(ctx, values)
        settings, inputs = arranged(task, values, chosen, data)
        train_model(ctx, task, settings, inputs, data, values)

    return train_task


def place_options(held_out: str) -> Decorator:
    """Return the options of where a run reads, computes and writes; held_out: the help of the validation part of the task."""
    path = click.Path(path_type=Path, exists=True)
    resume = "Continue an interrupted run, to the bit, with the options it began with. By default the last run."
    held = f"Fraction held out to validate on: {held_out}"
    progress = "How progress is shown on standard error."
    chosen: dict[str, Any] = {"default": "auto", "show_default": True}
    return together(
        [
            click.option("--to", type=click.Path(path_type=Path), help="Folder for the run; by default checkpoints/TASK-CORPUS."),
            click.option("--overwrite", is_flag=True, help="Replace a model that is in the folder."),
            click.option("--resume", is_flag=True, help=resume),
            click.option("--valid", type=path, multiple=True, help="File to validate on, in place of a fraction; several times."),
            click.option("--valid-fraction", cls=RenamedOption, was="valid_share", type=click.FloatRange(0, 0.9, min_open=True), help=held),
            click.option("--device", type=click.Choice(["auto", "cpu", "cuda", "mps"]), help="Where to compute.", **chosen),
            threads_option,
            click.option("--quiet", is_flag=True, help="Show no progress."),
            click.option("--progress", type=click.Choice(["auto", "bar", "plain", "json"]), help=progress, **chosen),
        ]
    )


def train_model(ctx: click.Context, task: Task, settings: Any, inputs: Inputs, data: Sequence[str], values: dict[str, Any]) -> None:
    """Make a model of a task, train it, and show progress and results."""
    sources = sources_of(task, data, values["valid"], values["valid_fraction"], inputs)
    if values["quiet"] and given(ctx, ["progress"]):
        raise click.UsageError("--quiet and --progress exclude each other; give one.")
    budget, saving = collect(BudgetSettings, values), collect(SavingSettings, values)
    display = choose_display(values["progress"], values["quiet"])
    from charnn.training.folder import check_free
    from charnn.training.run import Run

    place = Place(
        folder=values["to"] or free_folder(task.name, data or inputs.files or (task.corpus,)),
        device=values["device"],
        threads=values["threads"],
        overwrite=values["overwrite"],
        resume=values["resume"],
        command=given_values(ctx),
    )
    check_free(place.folder, overwrite=place.overwrite, resume=place.resume)
    model = task.model_class.prepare(sources, settings, inputs)
    follow(Run(place, model, budget, saving), display)


def follow(run: "Run", display: Display) -> None:
    """Train a run to its end, and show progress and results."""
    for note in run.notes:
        say(f"Note: {note}.")
    if display.talks:
        compile_sampling(run)
    display.begin(run.plan)
    try:
        with Patience(lambda: run.trainer.is_validating) as patience:
            for report in run.train():
                display.report(report)
                if display.talks and report.valid_loss is not None and patience.received is None:
                    text = run.model.example(run.saved_model(), report.step)
                    display.sample(text) if text is not None else None
                patience.end()
        display.end()
        finish(run, display.talks)
    except (KeyboardInterrupt, Terminated):
        display.end()
        say(farewell(run))
        raise
    finally:
        display.end()


def finish(run: "Run", talks: bool) -> None:
    """Evaluate and save the best model; show the results even if saving fails."""
    try:
        run.finish()
    finally:
        if talks and run.results:
            say("\n".join(run.model.table(run.results)))
    say(f"Wrote {run.place.folder}. Use it: {run.model.commands(run.place.folder)[0]}")


def farewell(run: "Run") -> str:
    """Save an interrupted run; return a sentence with its state and the command that continues it."""
    where = f"Stopped at update {run.trainer.progress.step:,} of {run.plan.steps:,}"
    folder = run.place.folder
    if not run.break_off():
        return f"{where}; nothing could be saved in {folder}."
    return f"{where}; go on with: charnn train {run.model.task} --resume --to {folder}"


def compile_sampling(run: "Run") -> None:
    """Compile the sampling kernels before the time of training starts; report it if it takes long, once per installation."""
    note = threading.Timer(2, say, ["Compiling the sampling kernels, once; later runs load them from disk."])
    note.start()
    run.model.example(run.saved_model(), 0)
    note.cancel()


def free_folder(task: str, corpus: Sequence[str]) -> Path:
    """Return a run folder named after task and corpus that does not exist yet."""
    name = f"{task}-{corpus_name(corpus)}"
    names = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next(path for path in (Path("checkpoints") / one for one in names) if not path.exists())


def given_values(ctx: click.Context) -> dict[str, Any]:
    """Return the values that the user gave, ready for JSON, for a later command that resumes."""
    names = given(ctx, [name for name in ctx.params if name not in OF_THE_MOMENT])
    plain: dict[str, Any] = json.loads(json.dumps({name: ctx.params[name] for name in names}, default=str))
    return {name: value for name, value in plain.items() if value not in (None, [])}


def _recall(ctx: click.Context, folder: Path) -> None:
    """Restore the options of the first command of the run in the folder that are not given now."""
    ctx.params["to"] = folder
    header = next(iter(run_headers(folder)), {})
    command = header.get("command", {})
    if given(ctx, list(BUDGET)):
        command = {name: value for name, value in command.items() if name not in BUDGET}
    renamed = {getattr(param, "was", None): param.name for param in ctx.command.params}
    command = {renamed.get(name) or name: value for name, value in command.items()}
    now = given(ctx, list(ctx.params))
    for param in ctx.command.params:
        name = param.name or ""
        if name in command and name not in now and name not in OF_THE_MOMENT:
            ctx.params[name] = param.process_value(ctx, command[name])
            ctx.set_parameter_source(name, click.core.ParameterSource.COMMANDLINE)
    if isinstance(header.get("settings"), dict):
        from charnn.checkpoint.model import recalled

        earlier = recalled(str(header.get("task")), header["settings"])
        ctx.params |= {name: value for name, value in earlier.items() if name in ctx.params and name not in {*command, *now}}


def _newest(ctx: click.Context) -> Path:
    """Return the run of this task that was saved last, and name it. Raises CheckpointError if there is none."""
    from charnn.checkpoint.model import read_header
    from charnn.training.folder import TRAINING_FILE

    for path in sorted(RUNS.glob(f"*/{TRAINING_FILE}"), key=lambda path: path.stat().st_mtime, reverse=True):
        if read_header(path).get("task") == ctx.info_name:
            say(f"Resuming {path.parent}, the run saved last.")
            return path.parent
    raise CheckpointError(f"{RUNS} holds no run of train {ctx.info_name} to go on with; name one with --to, or leave --resume out")
