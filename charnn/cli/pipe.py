"""The pipe of `charnn predict`: rows in, answered block by block, rows out in the same order, in constant memory."""

import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TypeAlias

import click

from charnn.cli.process import say, writing
from charnn.cli.progress import progress_bar
from charnn.data.answers import WRITERS, Answer, RowWriter, TextFormat
from charnn.data.lines import Pause
from charnn.data.rows import Input, InputRow, Item, Meter, find_inputs, read_rows
from charnn.data.settings import PredictSettings
from charnn.data.tables.records import BadRow, Header
from charnn.errors import DataError

BLOCK = 1024  # Most rows that are predicted together
LARGEST = 1 << 22  # Characters after which a block is full, whatever its rows
SAID = 20  # Bad rows that are told one by one

FORMATS = {"argument": "text", "lines": "text", "csv": "csv", "tsv": "tsv", "jsonl": "jsonl", "json": "jsonl"}
"""How rows are written when nothing else is said, by how they were read."""

Predict: TypeAlias = Callable[[list[str]], list[Answer]]  # Answers to texts, each with the same keys


@dataclass(frozen=True)
class PipeResult:
    """What went through a pipe."""

    rows: int  # Answered and written
    bad: int  # Left out


@dataclass(frozen=True)
class Progress:
    """Shows how far a pipe is: by default not at all."""

    move: Callable[[int], None] = lambda rows: None  # Gets the number of rows written
    say: Callable[[str], None] = say  # Writes a line to standard error


SILENT = Progress()


def pipe(arguments: Sequence[str], settings: PredictSettings, predict: Predict, *, text_format: TextFormat | None = None) -> int:
    """Answers all texts of the arguments on standard output; gives the exit code, 1 if there were bad rows.

    Raises DataError for what is wrong with an input as a whole and, when strict, for the first bad row; SettingError for settings
    without effect.
    """
    if not arguments:
        raise click.UsageError("give a text, a file, or - for standard input.")
    inputs = find_inputs(arguments, settings)
    writer = WRITERS[settings.format or _format(inputs)](text_format)
    meter = Meter()
    rows = read_rows(inputs, settings, meter)
    for one in inputs if len(inputs) == 1 else ():
        if one.kind == "argument" and re.fullmatch(r"[\w-]+", one.value, re.ASCII):
            click.echo(f"There is no file named {one.value}, so it is taken as a text.", err=True)
    with _progress(inputs, meter) as progress:
        result = run_pipe(rows, predict, writer, strict=settings.strict, progress=progress)
    return 1 if result.bad else 0


def run_pipe(
    rows: Iterable[Item], predict: Predict, writer: RowWriter, *, block: int = BLOCK, strict: bool = False, progress: Progress = SILENT
) -> PipeResult:
    """Writes an answered row for every row, in order; bad ones are told and left out, or, when strict, raised as DataError.

    Blocks grow 1, 2, 4 ... up to `block` rows, so the first answer comes at once; a pause in the input ends a block.
    """
    done = bad = 0
    for part in _blocks(_checked(rows, writer, strict), block):
        if isinstance(part, BadRow):
            bad += 1
            if bad <= SAID:
                progress.say(f"Error: {part.message}.")
            continue
        answers = predict([row.text for row in part])
        assert len(answers) == len(part)
        _emit("".join(writer.write(row, answer) for row, answer in zip(part, answers, strict=True)))
        done += len(part)
        progress.move(done)
    _emit(writer.end(lambda: predict([""])[0]))
    if bad:
        progress.say(_summary(done, bad))
    return PipeResult(done, bad)


def _checked(rows: Iterable[Item], writer: RowWriter, strict: bool) -> Iterator[InputRow | BadRow | Pause]:
    """Rows that can be written, and bad ones; the first of these ends it when strict."""
    for item in rows:
        if isinstance(item, Header):
            writer.begin(item)
            continue
        if isinstance(item, InputRow):
            try:
                writer.check(item)
            except DataError as error:
                item = BadRow(str(error))
        if strict and isinstance(item, BadRow):
            raise DataError(item.message)
        yield item


def _blocks(rows: Iterable[InputRow | BadRow | Pause], most: int) -> Iterator[list[InputRow] | BadRow]:
    """Rows to be predicted together; bad ones alone, as soon as they come."""
    held: list[InputRow] = []
    room, size = 1, 0
    try:
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            if isinstance(row, InputRow):
                held.append(row)
                size += row.size
            if held and (isinstance(row, Pause) or len(held) >= room or size >= LARGEST):
                yield held
                held, room, size = [], min(2 * room, most), 0
    except DataError:
        if held:
            yield held  # what came before the error is answered
        raise
    if held:
        yield held


def _emit(text: str) -> None:
    """Writes to standard output as utf-8 and at once. Raises OutputError when it cannot be written."""
    if not text:
        return
    data = memoryview(text.encode("utf-8", "replace"))
    with writing(sys.stdout):
        while data:  # without a buffer, as PYTHONUNBUFFERED asks, less may be written than was given
            data = data[sys.stdout.buffer.write(data) :]
        sys.stdout.buffer.flush()


def _summary(done: int, bad: int) -> str:
    more = f"{bad - SAID:,} more like these. " if bad > SAID else ""
    rows = "row" if bad == 1 else "rows"
    return f"{more}{bad:,} bad {rows} of {done + bad:,} left out; --strict stops at the first."


def _format(inputs: Sequence[Input]) -> str:
    found = sorted({FORMATS[one.kind] for one in inputs})
    if len(found) > 1:
        raise DataError(f"the inputs are of different kinds ({', '.join(found)}), so say how to write the result, such as --format jsonl")
    return found[0]


@contextmanager
def _progress(inputs: Sequence[Input], meter: Meter) -> Iterator[Progress]:
    """A bar over the bytes read, when files of known size go elsewhere than to the terminal that would show it."""
    sizes = [one.size for one in inputs]
    if not sys.stderr.isatty() or sys.stdout.isatty() or None in sizes or not any(sizes):
        yield Progress()
        return
    with progress_bar("predicting", "{task.fields[rows]:,} rows", "and") as bar:
        task = bar.add_task("predicting", total=sum(size or 0 for size in sizes), rows=0)
        yield Progress(
            lambda rows: bar.update(task, completed=meter.position, rows=rows),
            lambda line: bar.console.print(line, markup=False, emoji=False, soft_wrap=True),
        )
