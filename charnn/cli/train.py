"""`charnn train`: a task's data and settings in, a run folder out."""

import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import SectionedCommand, collect, given, settings_options
from charnn.cli.progress import Display, choose_display
from charnn.errors import SettingError
from charnn.tasks.settings import LanguageModelSettings
from charnn.text.corpus import corpus_name
from charnn.training.settings import BudgetSettings

if TYPE_CHECKING:
    from charnn.run import Run

DEVICES = ["auto", "cpu", "cuda", "mps"]
SAMPLE_LENGTH = 160
"""Tokens of the samples shown while training."""


@click.group()
def train() -> None:
    """Train a model on your data."""


def place_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Where a run reads, computes and writes: the same for every task."""
    options = [
        click.option("--to", type=click.Path(path_type=Path), help="Folder for the run; by default checkpoints/TASK-CORPUS."),
        click.option("--overwrite", is_flag=True, help="Replace a model that is in the folder."),
        click.option("--valid", type=click.Path(path_type=Path, exists=True), help="File to validate on, in place of a share."),
        click.option(
            "--valid-share",
            type=click.FloatRange(0, 0.9, min_open=True),
            help="Share held out to validate on: the end of a text, random documents.  [default: 0.1, at most 1,000,000 characters]",
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
    for option in reversed(options):
        command = option(command)
    return command


@train.command("lm", cls=SectionedCommand)
@click.argument("corpus", nargs=-1)
@place_options
@settings_options(BudgetSettings)
@settings_options(LanguageModelSettings)
@click.pass_context
def train_lm(ctx: click.Context, /, corpus: tuple[str, ...], **values: Any) -> None:
    """Train a language model: the next character, byte, word or subword of a text.

    CORPUS: text files, folders, .gz files, tables with --text-column, or - for standard input; by default python-docs,
    the language reference that comes with Python (python-code, the standard library's sources, is there too).
    """
    settings = collect(LanguageModelSettings, values)
    budget = collect(BudgetSettings, values)
    display = choose_display(values["progress"], values["quiet"])
    if values["valid"] is not None and values["valid_share"] is not None:
        raise click.UsageError("--valid and --valid-share exclude each other; give one.")
    if values["quiet"] and given(ctx, ["progress"]):
        raise click.UsageError("--quiet and --progress exclude each other; give one.")
    if settings.corpus.is_documents and given(ctx, ["restarts"]):
        raise SettingError("restarts", "has no effect on documents, each of which starts anew; leave it out")
    from charnn.run import Place, Run

    paths = corpus or ("python-docs",)
    place = Place(
        corpus=paths,
        folder=values["to"] or free_folder("lm", paths),
        valid=values["valid"],
        valid_share=values["valid_share"],
        device=values["device"],
        threads=values["threads"],
        overwrite=values["overwrite"],
    )
    follow(Run(place, settings, budget), display)


def follow(run: "Run", display: Display) -> None:
    """Trains a run to its end before the user's eyes, and says what came out."""
    from charnn.card import results_table

    talks = display.talks
    folder = run.place.folder
    if talks:
        compile_sampling(run)
    display.begin(run.plan)
    try:
        for report in run.train():
            display.report(report)
            if talks and report.valid_loss is not None:
                display.sample(sample_of(run, report.step))
    except KeyboardInterrupt:
        display.end()
        kept = f"the best model so far is in {folder}" if run.is_saved else "no model was kept yet"
        click.echo(f"Stopped at update {run.trainer.step:,} of {run.plan.steps:,}; {kept}.", err=True)
        raise
    finally:
        display.end()
    results = run.finish()
    if talks:
        click.echo("\n".join(results_table(results)), err=True)
    click.echo(f"Wrote {folder}. Write with it: charnn sample {folder}", err=True)


def compile_sampling(run: "Run") -> None:
    """Compiles what the samples need before the clock of training starts; says so where it takes time, which is once per installation."""
    note = threading.Timer(2, click.echo, ["Compiling the sampling kernels, once; later runs load them from disk."], {"err": True})
    note.start()
    sample_of(run, 0, length=1)
    note.cancel()


def sample_of(run: "Run", seed: int, length: int = SAMPLE_LENGTH) -> str:
    """A short text by the model as it stands."""
    from charnn.model import TrainedModel

    return TrainedModel(run.saved_model()).sample(length=length, seed=seed)


def free_folder(task: str, corpus: Sequence[str]) -> Path:
    """A run folder named after task and corpus that does not exist yet."""
    name = f"{task}-{corpus_name(corpus)}"
    names = [name, *(f"{name}-{number}" for number in range(2, 10_000))]
    return next(path for path in (Path("checkpoints") / one for one in names) if not path.exists())
