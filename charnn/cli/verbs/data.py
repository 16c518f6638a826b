"""`charnn data`: the contents of files, and whether a model can be trained on them."""

import json
import multiprocessing
import os
import shlex
import shutil
import signal
import sys
import textwrap
from collections.abc import Iterator, Mapping, Sequence
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING, Any

import click

from charnn.check.contents import length_classes
from charnn.cli.options import SectionedCommand, flag, given, option_names, refuse, task_options
from charnn.cli.process import say, write_lines
from charnn.cli.progress import clock
from charnn.cli.showing import json_option
from charnn.data.readers import check_encoding
from charnn.data.settings import PairFiles, ReadSettings
from charnn.errors import CharnnError, DataError
from charnn.files import printable
from charnn.plots.letters import bar
from charnn.settings import all_settings, collect, is_several, own_settings, setting_type
from charnn.tasks.registry import TASKS
from charnn.tasks.task import Task, arranged
from charnn.training.model import Sources

if TYPE_CHECKING:
    from charnn.tasks.check import Check, Cost, Trial

COMMON = ("files", "task", "valid", "measure", "as_json")  # Parameters that have an effect on every task
MARGIN, BAR = 12, 40  # Columns of the names of rows, and of the longest bar
MEMORY = "trying out the training took more memory than there is"
LESS = "give less data, or smaller settings to `charnn train`"


@click.group()
def data() -> None:
    """Check data before training on them."""


@data.command("check", cls=SectionedCommand, short_help="Show what files contain, and what is wrong with them.")
@click.argument("files", nargs=-1)
@click.option("--task", type=click.Choice(list(TASKS)), help="Task of the model; by default guessed, and named with the reason.")
@click.option("--valid", multiple=True, help="File to validate on, instead of a fraction of FILES; several times.")
@click.option("--measure/--no-measure", default=True, show_default=True, help="Try out the training for some seconds.")
@json_option
@task_options({name: [task.inputs, task.data_settings] for name, task in TASKS.items()})
@click.pass_context
def check(ctx: click.Context, /, files: tuple[str, ...], **values: Any) -> None:
    """Show what files contain, what is wrong with them, and whether a model can be trained on them; exit code 1 if not.

    FILES: as in `charnn train`, of any task. A warning has the place of its first example. Time and memory are measured: a network
    with the default settings of `charnn train` is trained for some seconds and discarded. Symbols and lengths are those of FILES,
    including the part that would be held out.

    Examples:
    charnn data check reviews.csv
    charnn data check corpus.txt --task lm --no-measure
    """
    named = [*files, *values["source"], *values["target"]]
    if not named:
        raise click.UsageError("give a file, or --source FILE --target FILE.")
    refuse_streams([*named, *values["valid"], *values["valid_source"], *values["valid_target"]])
    trial, because = trial_of(ctx, files, values)
    from charnn.tasks.check import check_data

    found = check_data(trial, because)
    cost, reason = None, found.reason
    if reason is None and values["measure"]:
        if sys.stderr.isatty():
            say("Trying out the training ...")
        try:
            cost = try_out(trial)
        except DataError as error:
            reason = str(error)
    command = train_command(ctx, trial.task, files) if reason is None else None
    if values["as_json"]:
        outcome = {"training": cost and vars(cost), "trainable": reason is None, "reason": reason, "command": command}
        click.echo(json.dumps({"files": [*trial.sources.corpus, *trial.inputs.files], **found.facts(), **outcome}))
    else:
        write_lines(report(found, cost, reason, command))
    ctx.exit(0 if reason is None else 1)


def refuse_streams(paths: Sequence[str]) -> None:
    """Raise DataError for standard input and pipes, which can be read only once."""
    for path in paths:
        if path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)):
            name = "standard input" if path == "-" else path
            raise DataError(f"{name} can be read only once, and a check reads several times; write it to a file and give the file")


def trial_of(ctx: click.Context, files: Sequence[str], values: dict[str, Any]) -> "tuple[Trial, str | None]":
    """Return the trial, and the reason for the task if it was guessed; raise SettingError for options without effect on the task."""
    from charnn.tasks.check import Trial, guess_task

    check_encoding(values["encoding"])
    chosen = given(ctx, [name for name in ctx.params if name not in COMMON])
    data_names = option_names([task.data_settings for task in TASKS.values()])
    task_name, because = values["task"], None
    if task_name is None:
        parallel = PairFiles(files, values["source"], values["target"])
        task_name, because = guess_task(parallel, [name for name in chosen if name in data_names], collect(ReadSettings, values))
    task = TASKS[task_name]
    known = option_names([task.inputs, task.data_settings])
    unknown = [name for name in chosen if name not in known]
    refuse(ctx, unknown, f"has no effect on the task {task.name}; leave it out, or give another --task")
    options = {name: single(task, name, values[name]) for name in chosen}
    # The defaults of the task, which may differ from those of its parts.
    usual = {one.name: getattr(part, one.name) for part in all_settings(task.settings()) for one in own_settings(type(part))}
    settings, inputs = arranged(task, usual | options, chosen, files)
    return Trial(task.name, settings, Sources(files, values["valid"]), inputs), because


def single(task: Task, name: str, value: Any) -> Any:
    """Return the value of an option; several values are joined by commas for a task that takes only one."""
    parts = [part for kind in (task.inputs, task.data_settings) for part in all_settings(kind())]
    kinds = {one.name: setting_type(type(part), one.name) for part in parts for one in own_settings(type(part))}
    return ",".join(value) if isinstance(value, tuple) and not is_several(kinds[name]) else value


def train_command(ctx: click.Context, task: str, files: Sequence[str]) -> str:
    """Return the command that trains on the same files, read in the same way."""
    words = ["charnn", "train", task, *files]
    for name in given(ctx, [name for name in ctx.params if name not in COMMON or name == "valid"]):
        value = single(TASKS[task], name, ctx.params[name]) if name != "valid" else ctx.params[name]
        values = value if isinstance(value, tuple) else (value,)
        if isinstance(value, bool):
            words.append(flag(name) if value else f"--no-{flag(name)[2:]}")
        else:
            words += [word for one in values for word in (flag(name), str(one))]
    return shlex.join(words)


def report(found: "Check", cost: "Cost | None", reason: str | None, command: str | None) -> Iterator[str]:
    """Return lines with the contents, lengths, the cost of training, warnings, and the verdict."""
    yield from (line for name, value in found.rows() if name != "warning" for line in _row(name, value))
    for name, counts in found.contents.lengths.items():
        yield from _histogram(name, counts)
    if cost is not None:
        yield from _row("cost", _cost(cost))
    yield from (line for name, value in found.rows() if name == "warning" for line in _row(name, value))
    begin = "can be trained on" if cost is not None else "training was not tried, and no problem was found"
    yield from _row("verdict", f"{begin}: {command}" if reason is None else f"cannot be trained on: {reason}.")


def _row(name: str, value: str) -> Iterator[str]:
    """Return a row, which is wrapped on a terminal, with its name in the margin."""
    line = f"{name:<{MARGIN}}{printable(value)}"
    if not sys.stdout.isatty():
        yield line
        return
    width = shutil.get_terminal_size().columns
    yield from textwrap.wrap(line, width, subsequent_indent=" " * MARGIN, break_long_words=False, break_on_hyphens=False)


def _histogram(name: str, counts: Mapping[int, int]) -> Iterator[str]:
    """Return a row with a bar for each class of lengths."""
    classes = length_classes(counts)
    if not classes:
        return
    yield f"{'lengths':<{MARGIN}}{name}, at most {max(counts):,}"
    labels = [f"from {one.least:,}" if one.most is None else _span(one.least, one.most) for one in classes]
    most = max(one.total for one in classes)
    for label, one in zip(labels, classes, strict=True):
        left = f"{label:>{max(map(len, labels))}}  {one.total:>{len(f'{most:,}')},}"
        yield f"{' ' * MARGIN}{left}  {bar(one.total / most, BAR)}".rstrip()


def _span(least: int, most: int) -> str:
    return f"{least:,}" if most == least else f"{least:,}-{most:,}"


def _cost(cost: "Cost") -> str:
    where = f"{cost.device}, {cost.threads} thread{'' if cost.threads == 1 else 's'}"
    speed = f"{cost.per_second:,.0f} {cost.unit}/s on {where}"
    epoch = f"an epoch of {cost.updates:,} updates {clock(cost.epoch_seconds)}, a validation {clock(cost.validation_seconds)}"
    memory = f"{cost.peak_bytes / 2**20:,.0f} MiB of memory"
    return f"measured here, with the defaults: preparation takes {clock(cost.preparation_seconds)}, {epoch}, {speed}, {memory}"


def try_out(trial: "Trial") -> "Cost":
    """Train in another process and return the measured cost. Raises DataError with the error of training, or for lack of memory."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe(duplex=False)
    process = context.Process(target=_answer, args=(theirs, trial), daemon=True)
    process.start()
    theirs.close()
    try:
        answer = ours.recv()
    except EOFError:
        process.join()
        # Linux kills a process that takes the last memory.
        code = process.exitcode
        raise DataError(f"{MEMORY if code == -signal.SIGKILL else f'trying out the training ended with code {code}'}; {LESS}") from None
    finally:
        process.kill()
        process.join()
    if isinstance(answer, str):
        raise DataError(answer)
    found: Cost = answer
    return found


def _answer(pipe: Connection, trial: "Trial") -> None:
    signal.signal(signal.SIGINT, signal.SIG_DFL)  # The terminal interrupts both processes; only one reports it.
    from charnn.tasks.check import measure_cost

    try:
        pipe.send(measure_cost(trial))
    except CharnnError as error:
        pipe.send(str(error))
    except MemoryError:
        pipe.send(f"{MEMORY}; {LESS}")
