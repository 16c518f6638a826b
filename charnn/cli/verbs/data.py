"""`charnn data`: what files hold, and whether they can be trained on."""

import json
import os
import shlex
import sys
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import SectionedCommand, collect, flag, given, settings_options
from charnn.cli.training import parallel_options
from charnn.cli.verbs.train import small_batches
from charnn.data.conll import TaggedSettings
from charnn.data.corpus import CorpusSettings
from charnn.data.labelled import LabelledSettings
from charnn.data.pairs import PairFiles, PairSettings
from charnn.data.readers import check_encoding
from charnn.data.series import SeriesSettings
from charnn.errors import DataError, SettingError
from charnn.settings import own_settings

if TYPE_CHECKING:
    from charnn.tasks.check import Cost, Trial

READ_BY = {
    "lm": CorpusSettings,
    "classifier": LabelledSettings,
    "tagger": TaggedSettings,
    "translator": PairSettings,
    "forecaster": SeriesSettings,
}
"""How the files of each task are read."""

PARALLEL = ["source", "target", "valid_source", "valid_target"]
"""Options of a translator's files; a series has a --target, too: the column to predict."""


@click.group()
def data() -> None:
    """Check data before training on them."""


@data.command("check", cls=SectionedCommand, short_help="Say what files hold, and what is wrong with them.")
@click.argument("files", nargs=-1)
@click.option("--task", type=click.Choice(list(READ_BY)), help="What to train on them; by default guessed, and the guess is told.")
@click.option("--valid", multiple=True, help="File to validate on, in place of a share; several times.")
@parallel_options("--source", "--target", "--valid-source", "--valid-target")
@click.option("--measure/--no-measure", default=True, show_default=True, help="Try the training out for some seconds.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object in place of rows.")
@settings_options(*READ_BY.values(), without=PARALLEL)
@click.pass_context
def check(ctx: click.Context, /, files: tuple[str, ...], **values: Any) -> None:
    """Say what files hold, what is wrong with them, and whether they can be trained on; exit code 1 if not.

    FILES: as in `charnn train`, of any task. What hurts is a warning with the place of the first example. Time and memory are
    measured: the network is made with the settings that `charnn train` has by default, trained for some seconds, and dropped.
    Symbols and lengths are those of FILES, the part that would be held out included.

    JSON keys: files, task, because (what told the task), health, unit (line, document, text, sentence, pair, value), train, valid
    (how many), duplicates, shared (of the validation part, in training too), symbols, lengths, problems (what training would refuse:
    count, and the first ones told), warnings, training, trainable, reason, command (to train). Where a count has a place, it is
    {count, where}; one_in, if above 1, says that a count is estimated from one different thing in so many.

    health: files, bytes, characters, beyond_ascii, lines, encoding, invalid_byte (bytes before the first that is no text), and
    what was found, by name: invalid (bytes), foreign and mark (files that begin with a byte order mark), nul, replaced (U+FFFD),
    inner_mark, encoded_twice, separator, lone_cr, lf, crlf, mixed, unterminated (files). symbols: under text, or source and
    target, characters {total, different, once, twice}, words (the same and one_in), strange {control, private, unassigned,
    surrogate}. lengths: by what was measured, longest and classes [least, most, count]. training: parameters,
    preparation_seconds, updates (of an epoch), epoch_seconds, validation_seconds, per_second, unit, peak_bytes, device, threads.

    Language model: characters (of either part), labels. Classifier: labels, contradictions, empty. Tagger: tokens, valid_tokens,
    unknown, scheme, tags, spans, contradictions. Translator: ambiguous, shared_sources, empty, outliers. Forecaster, which has no
    shared and no symbols: values, held_out, season (values, or null), times {first, last, every}, late (times that do not come when
    they should), columns: of each kind (time, number, text), use (target, input, or null), least, most, missing, other (no number),
    outliers, jumps (sudden changes of the level); its duplicates are times.
    """
    pairs = PairFiles(files, values["source"], values["target"])
    if not (files or values["source"] or values["target"]):
        raise click.UsageError("give a file, or --source FILE --target FILE.")
    refuse_streams([path for name in ("files", "valid", *PARALLEL) for path in ctx.params[name]])
    trial, because = trial_of(ctx, pairs, values)
    named = [*trial.files.tables, *trial.files.source, *trial.files.target]
    from charnn.tasks.check import check_data

    found = check_data(trial, because)
    cost, reason = (None, found.reason) if found.reason or not values["measure"] else tried_out(trial)
    command = train_command(ctx, trial.task, files) if reason is None else None
    if values["as_json"]:
        said = {"training": cost and vars(cost), "trainable": reason is None, "reason": reason, "command": command}
        click.echo(json.dumps({"files": named, **found.facts(), **said}))
    else:
        from charnn.cli.checked import report

        click.echo("\n".join(report(found, cost, reason, command)))
    ctx.exit(0 if reason is None else 1)


def refuse_streams(paths: Sequence[str]) -> None:
    """Raises DataError for what can be read only once."""
    for path in paths:
        if path == "-" or (os.path.exists(path) and not os.path.isfile(path) and not os.path.isdir(path)):
            name = "standard input" if path == "-" else path
            raise DataError(f"{name} can be read only once, and a check reads several times; write it to a file and give that")


def trial_of(ctx: click.Context, files: PairFiles, values: dict[str, Any]) -> "tuple[Trial, str | None]":
    """What is to be trained on, and what told a task that was guessed. Raises SettingError for options that have no effect on that."""
    from charnn.check.guessing import guess_task
    from charnn.tasks.check import Trial

    check_encoding(values["encoding"])
    names = {task: [one.name for one in own_settings(read_by)] for task, read_by in READ_BY.items()}
    said = given(ctx, list(dict.fromkeys(name for several in names.values() for name in several)))
    task, because = (values["task"], None) if values["task"] else guess_task(files, said, values["encoding"])
    for name in [*said, *given(ctx, PARALLEL)]:
        if name not in (*names[task], *(PARALLEL if task == "translator" else ())):
            raise SettingError(name, f"has no effect where the task is {task}; leave it out, or say another --task")
    if task == "forecaster":
        files, values = PairFiles(files.tables), {**values, "target": ",".join(map(str, files.target)) or None}
    valid = PairFiles(values["valid"], values["valid_source"], values["valid_target"])
    is_held_out = not (valid.tables or valid.source or valid.target)
    return Trial(task, settings_of(task, files, values), files, None if is_held_out else valid), because


def settings_of(task: str, files: PairFiles, values: dict[str, Any]) -> Any:
    """The settings that `charnn train` has by default, of data read as was said."""
    from charnn.tasks.check import SETTINGS

    settings: Any = SETTINGS[task]()
    loop = replace(settings.loop, **small_batches(files))
    return replace(settings, loop=loop, **{"corpus" if task == "lm" else "data": collect(READ_BY[task], values)})


def tried_out(trial: "Trial") -> "tuple[Cost | None, str | None]":
    """What training takes, or why it is refused."""
    from charnn.cli.trial import try_out

    if sys.stderr.isatty():
        click.echo("Trying the training out ...", err=True)
    try:
        return try_out(trial), None
    except DataError as error:
        return None, str(error)


def train_command(ctx: click.Context, task: str, files: Sequence[str]) -> str:
    """The command that trains on the same files, read in the same way."""
    words = ["charnn", "train", task, *files]
    for name in given(ctx, list(ctx.params)):
        value = ctx.params[name]
        if task == "forecaster" and name == "target":
            words += [flag(name), ",".join(value)]
        elif name in ("valid", *PARALLEL):
            words += [word for path in value for word in (flag(name), path)]
        elif isinstance(value, bool):
            words += [flag(name)] if name not in ("measure", "as_json") else []
        elif name not in ("files", "task"):
            words += [flag(name), str(value)]
    return shlex.join(words)
