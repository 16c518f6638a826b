"""What all training commands share: where a run goes, and how it is followed to its end."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import collect, given
from charnn.cli.progress import Display, choose_display
from charnn.text.corpus import corpus_name
from charnn.training.settings import BudgetSettings

if TYPE_CHECKING:
    from charnn.runs.run import Job, Place, Run

DEVICES = ["auto", "cpu", "cuda", "mps"]


def place_options(held_out: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Where a run reads, computes and writes: the same for every task but for what is held out."""
    path = click.Path(path_type=Path, exists=True)
    options = [
        click.option("--to", type=click.Path(path_type=Path), help="Folder for the run; by default checkpoints/TASK-CORPUS."),
        click.option("--overwrite", is_flag=True, help="Replace a model that is in the folder."),
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
    budget = collect(BudgetSettings, values)
    display = choose_display(values["progress"], values["quiet"])
    from charnn.runs.run import Place, Run

    place = Place(
        corpus=corpus,
        folder=values["to"] or free_folder(task, corpus),
        valid=values["valid"],
        valid_share=values["valid_share"],
        device=values["device"],
        threads=values["threads"],
        overwrite=values["overwrite"],
    )
    follow(Run(place, make(place), budget), display)


def follow(run: "Run", display: Display) -> None:
    """Trains a run to its end before the user's eyes, and says what came out."""
    talks = display.talks
    folder = run.place.folder
    if talks:
        compile_sampling(run)
    display.begin(run.plan)
    try:
        for report in run.train():
            display.report(report)
            if talks and report.valid_loss is not None:
                text = run.job.sample(run.saved_model(), report.step)
                display.sample(text) if text is not None else None
    except KeyboardInterrupt:
        display.end()
        kept = f"the best model so far is in {folder}" if run.is_saved else "no model was kept yet"
        click.echo(f"Stopped at update {run.trainer.step:,} of {run.plan.steps:,}; {kept}.", err=True)
        raise
    finally:
        display.end()
    results = run.finish()
    if talks:
        click.echo("\n".join(run.job.table(results)), err=True)
    click.echo(f"Wrote {folder}. Use it: {run.job.commands(folder)[0]}", err=True)


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
