"""What all training commands share: where a run goes, and how it is followed to its end."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import collect, given
from charnn.cli.progress import Display, choose_display
from charnn.cli.recall import said
from charnn.cli.signals import Patience, Terminated
from charnn.data.corpus import corpus_name
from charnn.training.settings import BudgetSettings, SavingSettings

if TYPE_CHECKING:
    from charnn.training.job import Job, Place
    from charnn.training.run import Run

DEVICES = ["auto", "cpu", "cuda", "mps"]


def place_options(held_out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Where a run reads, computes and writes: the same for every task but for what is held out."""
    path = click.Path(path_type=Path, exists=True)
    options = [
        click.option("--to", type=click.Path(path_type=Path), help="Folder for the run; by default checkpoints/TASK-CORPUS."),
        click.option("--overwrite", is_flag=True, help="Replace a model that is in the folder."),
        click.option(
            "--resume",
            is_flag=True,
            help="Go on with a run that was broken off, to the bit; what is not said again is as it was. By default the last run.",
        ),
        click.option("--valid", type=path, multiple=True, help="File to validate on, in place of a share; several times."),
        click.option(
            "--valid-share",
            type=click.FloatRange(0, 0.9, min_open=True),
            help=f"Share held out to validate on: {held_out}",
        ),
        click.option("--device", type=click.Choice(DEVICES), default="auto", show_default=True, help="Where to compute."),
        click.option("--threads", type=click.IntRange(1, 1024), help="CPU threads; by default all cores."),
        click.option("--quiet", is_flag=True, help="Show no progress."),
        click.option(
            "--progress",
            type=click.Choice(["auto", "bar", "plain", "json"]),
            default="auto",
            show_default=True,
            help="How progress is shown on standard error.",
        ),
    ]

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(options):
            command = option(command)
        return command

    return decorate


def parallel_options(*names: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Files that are parallel line by line, each option several times."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for name in reversed(names):
            part = "validation" if "valid" in name else "pairs"
            side = "source" if name.endswith("source") else "target"
            text = f"File with a {side} a line, of {part}, parallel to the other side's; several times."
            command = click.option(name, multiple=True, help=text)(command)
        return command

    return decorate


def train_job(ctx: click.Context, task: str, corpus: Sequence[str], values: dict[str, Any], make: "Callable[[Place], Job]") -> None:
    """Makes a task's job, trains it before the user's eyes, and says what came out."""
    if values["valid"] and values["valid_share"] is not None:
        raise click.UsageError("--valid and --valid-share exclude each other; give one.")
    if values["quiet"] and given(ctx, ["progress"]):
        raise click.UsageError("--quiet and --progress exclude each other; give one.")
    budget, saving = collect(BudgetSettings, values), collect(SavingSettings, values)
    display = choose_display(values["progress"], values["quiet"])
    from charnn.training.job import Place
    from charnn.training.run import Run

    place = Place(
        corpus=corpus,
        folder=values["to"] or free_folder(task, corpus),
        valid=values["valid"],
        valid_share=values["valid_share"],
        device=values["device"],
        threads=values["threads"],
        overwrite=values["overwrite"],
        resume=values["resume"],
        command=said(ctx),
    )
    follow(Run(place, make(place), budget, saving), display)


def follow(run: "Run", display: Display) -> None:
    """Trains a run to its end before the user's eyes, and says what came out."""
    talks = display.talks
    for note in run.notes:
        click.echo(f"Note: {note}.", err=True)
    if talks:
        compile_sampling(run)
    display.begin(run.plan)
    try:
        with Patience(lambda: run.trainer.is_validating) as patience:
            for report in run.train():
                display.report(report)
                if talks and report.valid_loss is not None and patience.received is None:
                    text = run.job.sample(run.saved_model(), report.step)
                    display.sample(text) if text is not None else None
                patience.end()
        display.end()
        finish(run, talks)
    except (KeyboardInterrupt, Terminated):
        display.end()
        click.echo(farewell(run), err=True)
        raise
    finally:
        display.end()


def finish(run: "Run", talks: bool) -> None:
    """Evaluates and saves the best model; says what came out, even where the disk does not take it."""
    try:
        run.finish()
    finally:
        if talks and run.results:
            click.echo("\n".join(run.job.table(run.results)), err=True)
    click.echo(f"Wrote {run.place.folder}. Use it: {run.job.commands(run.place.folder)[0]}", err=True)


def farewell(run: "Run") -> str:
    """Saves a run that is broken off; says where it stands and how to go on."""
    where = f"Stopped at update {run.trainer.progress.step:,} of {run.plan.steps:,}"
    folder = run.place.folder
    if not run.break_off():
        return f"{where}; nothing could be saved in {folder}."
    return f"{where}; go on with: charnn train {run.job.name} --resume --to {folder}"


def compile_sampling(run: "Run") -> None:
    """Compiles what the samples need before the clock of training starts; says so where it takes time, which is once per installation."""
    note = threading.Timer(2, click.echo, ["Compiling the sampling kernels, once; later runs load them from disk."], {"err": True})
    note.start()
    run.job.sample(run.saved_model(), 0)
    note.cancel()


def free_folder(task: str, corpus: Sequence[str]) -> Path:
    """A run folder named after task and corpus that does not exist yet."""
    name = f"{task}-{corpus_name(corpus)}"
    names = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next(path for path in (Path("checkpoints") / one for one in names) if not path.exists())
