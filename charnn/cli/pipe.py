"""The pipe of `charnn predict`: reads rows, predicts block by block, writes rows in the same order, in constant memory."""

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

BLOCK = 1024  # Rows that are predicted together at most
LARGEST = 1 << 22  # A block with more characters is full, whatever its rows
LISTED = 20  # Bad rows that are listed one by one
FORMATS = {"argument": "text", "lines": "text", "csv": "csv", "tsv": "tsv", "jsonl": "jsonl", "json": "jsonl"}
"""The default output format for each input format."""
Predict: TypeAlias = Callable[[list[str]], list[Answer]]  # Returns an answer for each text, all with the same keys


@dataclass(frozen=True)
class Progress:
    """The display of a pipe: it receives the number of rows written, which it ignores by default, and lines for standard error."""

    move: Callable[[int], None] = lambda rows: None
    say: Callable[[str], None] = say


SILENT = Progress()


def pipe(arguments: Sequence[str], settings: PredictSettings, predict: Predict, *, text_format: TextFormat | None = None) -> int:
    """Write predictions for all texts of the arguments; return the exit code, 1 with bad rows. Raises DataError, SettingError."""
    if not arguments:
        raise click.UsageError("give a text, a file, or - for standard input.")
    inputs = find_inputs(arguments, settings)
    writer = WRITERS[settings.format or _format(inputs)](text_format)
    meter = Meter()
    rows = read_rows(inputs, settings, meter)
    for one in inputs if len(inputs) == 1 else ():
        if one.kind == "argument" and re.fullmatch(r"[\w-]+", one.value, re.ASCII):
            say(f"There is no file named {one.value}, so it is read as a text.")
    with _progress(inputs, meter) as progress:
        _, bad = run_pipe(rows, predict, writer, strict=settings.strict, progress=progress)
    return 1 if bad else 0


def run_pipe(
    rows: Iterable[Item], predict: Predict, writer: RowWriter, *, block: int = BLOCK, strict: bool = False, progress: Progress = SILENT
) -> tuple[int, int]:
    """Write every row with its answer, in order; return the numbers of rows written and of bad rows. Raises DataError when strict."""
    done = bad = 0
    for part in _blocks(_checked(rows, writer, strict), block):
        if isinstance(part, BadRow):
            bad += 1
            if bad <= LISTED:
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
    return done, bad


def _checked(rows: Iterable[Item], writer: RowWriter, strict: bool) -> Iterator[InputRow | BadRow | Pause]:
    """Return the rows, as bad ones where they cannot be written; raise DataError for a bad row when strict."""
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
    """Return rows to predict together, and bad rows alone, as soon as they are read."""
    block: list[InputRow] = []
    room, size = 1, 0  # Blocks grow from 1 over 2, 4 ... to `most` rows, so that the first answer comes at once.
    try:
        for row in rows:
            if isinstance(row, BadRow):
                yield row
                continue
            if isinstance(row, InputRow):
                block.append(row)
                size += row.size
            if block and (isinstance(row, Pause) or len(block) >= room or size >= LARGEST):
                yield block
                block, room, size = [], min(2 * room, most), 0
    except DataError:
        if block:
            yield block  # rows before the error are answered
        raise
    if block:
        yield block


def _emit(text: str) -> None:
    """Write to standard output as utf-8, unbuffered. Raises OutputError if it cannot be written."""
    if not text:
        return
    data = memoryview(text.encode("utf-8", "replace"))
    with writing(sys.stdout):
        while data:  # with PYTHONUNBUFFERED, one write may take only a part
            data = data[sys.stdout.buffer.write(data) :]
        sys.stdout.buffer.flush()


def _summary(done: int, bad: int) -> str:
    more = f"{bad - LISTED:,} more like these. " if bad > LISTED else ""
    rows = "row" if bad == 1 else "rows"
    return f"{more}{bad:,} bad {rows} of {done + bad:,} left out; --strict stops at the first."


def _format(inputs: Sequence[Input]) -> str:
    found = sorted({FORMATS[one.kind] for one in inputs})
    if len(found) > 1:
        raise DataError(f"the inputs are of different kinds ({', '.join(found)}), so give the format of the result, such as --format jsonl")
    return found[0]


@contextmanager
def _progress(inputs: Sequence[Input], meter: Meter) -> Iterator[Progress]:
    """Show a bar of the bytes read, for files of known size if standard error is a terminal and standard output is not."""
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
