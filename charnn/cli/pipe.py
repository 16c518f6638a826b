"""The pipe of `charnn predict`: rows in, answered block by block, rows out in the same order, in constant memory."""

import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import TracebackType
from typing import Protocol, TypeAlias

import click

from charnn.cli.streams import writing
from charnn.data.answers import WRITERS, Answer, RowWriter, TextFormat
from charnn.data.lines import Pause
from charnn.data.rows import BadRow, Header, Input, InputRow, Item, Meter, PredictSettings, find_inputs, read_rows
from charnn.errors import DataError

BLOCK = 1024
"""Most rows that are predicted together."""

LARGEST = 1 << 22
"""Characters after which a block is full, whatever its rows."""

SAID = 20
"""Bad rows that are told one by one."""

FORMATS = {"argument": "text", "lines": "text", "csv": "csv", "tsv": "tsv", "jsonl": "jsonl"}
"""How rows are written when nothing else is said, by how they were read."""

Predict: TypeAlias = Callable[[list[str]], list[Answer]]
"""Answers to texts, each with the same keys."""


@dataclass(frozen=True)
class PipeResult:
    """What went through a pipe."""

    rows: int
    """Answered and written."""
    bad: int
    """Left out."""


class Progress(Protocol):
    """Shows how far a pipe is."""

    def move(self, rows: int) -> None:
        """So many rows are written."""

    def say(self, line: str) -> None:
        """A line on standard error."""


class Silent:
    """Shows no progress."""

    def move(self, rows: int) -> None:
        """Nothing."""

    def say(self, line: str) -> None:
        """The line."""
        click.echo(line, err=True)


class Bar:
    """A rich progress bar over the bytes of the inputs."""

    def __init__(self, meter: Meter, total: int) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self._meter = meter
        self._bar = Progress(
            TextColumn("predicting"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[rows]:,} rows "),
            TimeElapsedColumn(),
            TextColumn("and"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("left"),
            console=Console(stderr=True, highlight=False),
        )
        self._task = self._bar.add_task("predicting", total=total, rows=0)

    def __enter__(self) -> "Bar":
        self._bar.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._bar.stop()

    def move(self, rows: int) -> None:
        """Moves the bar to the last byte read."""
        self._bar.update(self._task, completed=self._meter.position, rows=rows)

    def say(self, line: str) -> None:
        """The line, above the bar."""
        self._bar.console.print(line, markup=False, emoji=False, soft_wrap=True)


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
    with _progress(inputs, meter) as progress:
        result = run_pipe(rows, predict, writer, strict=settings.strict, progress=progress)
    return 1 if result.bad else 0


def run_pipe(
    rows: Iterable[Item], predict: Predict, writer: RowWriter, *, block: int = BLOCK, strict: bool = False, progress: Progress | None = None
) -> PipeResult:
    """Writes an answered row for every row, in order; bad ones are told and left out, or, when strict, raised as DataError.

    Blocks grow 1, 2, 4 ... up to `block` rows, so the first answer comes at once; a pause in the input ends a block.
    """
    progress = progress or Silent()
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
        checked = _check(item, writer) if isinstance(item, InputRow) else item
        if strict and isinstance(checked, BadRow):
            raise DataError(checked.message)
        yield checked


def _check(row: InputRow, writer: RowWriter) -> InputRow | BadRow:
    try:
        writer.check(row)
    except DataError as error:
        return BadRow(str(error))
    return row


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


def _progress(inputs: Sequence[Input], meter: Meter) -> AbstractContextManager[Progress]:
    """A bar when files of known size go elsewhere than to the terminal that would show it."""
    sizes = [one.size for one in inputs]
    if sys.stderr.isatty() and not sys.stdout.isatty() and None not in sizes and any(sizes):
        return Bar(meter, sum(size or 0 for size in sizes))
    return nullcontext(Silent())
