"""Rows to predict for: texts from arguments, lines and tables, one at a time, with all cells of the input."""

import os
import re
import stat
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from charnn.data.lines import Line, Pause, decoded_lines, live_pieces
from charnn.data.readers import kind_of, standard_input, unpacked, without_end
from charnn.data.settings import KINDS, PredictSettings
from charnn.data.tables.columns import find_column, header_rule, text_cell, text_wanted
from charnn.data.tables.reading import read_table
from charnn.data.tables.records import BadRow, Header, Row
from charnn.errors import DataError, SettingError
from charnn.tokenizers.vocabulary import is_unicode


@dataclass(frozen=True)
class Input:
    """A source of texts: a file, standard input, or an argument that is a text itself."""

    name: str  # The name in error messages
    kind: str  # argument, or the name of its format: lines, csv, tsv, jsonl, json
    value: str  # A path, `-`, or the text
    size: int | None  # Bytes on disk, where that is known


@dataclass(frozen=True)
class InputRow:
    """One row to predict for."""

    where: str  # path:line of its first line
    values: Mapping[str, Any]  # Cells by column, in order: strings, or any values of JSONL; a plain line has the one column `text`
    text: str
    size: int  # Characters in all columns


Item: TypeAlias = Header | InputRow | BadRow | Pause


@dataclass
class Meter:
    """Counts the bytes on disk of the inputs that have been read."""

    done: int = 0
    file: BinaryIO | None = None

    @property
    def position(self) -> int:
        """Bytes read so far."""
        return self.done + (self.file.tell() if self.file is not None else 0)


def find_inputs(arguments: Sequence[str], settings: PredictSettings) -> list[Input]:
    """Return the input of each argument: `-`, a file, or a text; raise DataError for other paths, SettingError for idle settings."""
    inputs = [_find(number, one, settings) for number, one in enumerate(arguments, 1)]
    kinds = {one.kind for one in inputs}
    if [one.value for one in inputs if one.kind != "argument"].count("-") > 1:
        raise DataError("standard input can be read only once; give one - only")
    if settings.input_format is not None and kinds == {"argument"}:
        raise SettingError("input_format", "has no effect, since no argument is a file or -; leave it out")
    for name in ("text_column", "delimiter", "header") if kinds <= {"argument", "lines"} else ():
        if getattr(settings, name) is not None:
            raise SettingError(name, "has no effect on plain text; leave it out, or say --input-format csv, tsv or jsonl")
    return inputs


def read_rows(inputs: Iterable[Input], settings: PredictSettings, meter: Meter | None = None) -> Iterator[Item]:
    """Yield the rows of the shard in all inputs, in order, each as soon as it is read; raise DataError for an unreadable input."""
    first, step = settings.part
    number = 0
    for one in inputs:
        for item in _items(one, settings, meter or Meter()):
            if isinstance(item, InputRow | BadRow):
                number += 1
                if (number - 1) % step != first:
                    continue
            yield item


def _find(number: int, argument: str, settings: PredictSettings) -> Input:
    if argument == "-":
        return Input("standard input", settings.input_format or "lines", "-", _size(lambda: os.fstat(sys.stdin.fileno())))
    if os.path.isdir(argument):
        raise DataError(f"{argument}: is a folder; give the files in it, or write this very word on standard input and give -")
    if os.path.exists(argument):
        form = settings.input_format or KINDS.get(kind_of(argument), "lines")
        return Input(argument, form, argument, _size(lambda: os.stat(argument)))
    if re.fullmatch(r"\S*(\.(?=\d*[A-Za-z])[A-Za-z0-9]{1,5}|/\S*)", argument):
        raise DataError(f"{argument}: no such file; if it is a text, write it on standard input and give -")
    return Input(f"argument {number}", "argument", argument, 0)


def _size(status: Callable[[], os.stat_result]) -> int | None:
    """Return the size of a regular file; None for a pipe, a terminal, or no file."""
    try:
        found = status()
    except (OSError, ValueError, AttributeError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _items(one: Input, settings: PredictSettings, meter: Meter) -> Iterator[Item]:
    if one.kind == "argument":
        yield Header(one.name, ("text",))
        yield _row(Row(one.name, {"text": one.value}, len(one.value)), "text", settings)
        return
    with unpacked(one.value, one.name, lambda: _opened(one, meter)) as stream:
        pieces = live_pieces(stream)
        lines = decoded_lines(one.name, pieces, settings.encoding, settings.errors, takes_returns=one.kind != "lines")
        yield from _read_lines(one.name, lines, settings) if one.kind == "lines" else _read_table(one, lines, settings)


@contextmanager
def _opened(one: Input, meter: Meter) -> Iterator[BinaryIO]:
    """Open a file or standard input, which stays open afterwards, and let the meter count its bytes."""
    source: AbstractContextManager[BinaryIO] = nullcontext(standard_input()) if one.value == "-" else Path(one.value).open("rb")  # noqa: SIM115
    try:
        with source as file:
            meter.file = file if one.size is not None else None
            yield file
    finally:
        meter.file = None
        meter.done += one.size or 0


def _read_lines(name: str, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """Yield each line as a text, the empty ones too."""
    yield Header(name, ("text",))
    for line in lines:
        if isinstance(line, Pause):
            yield line
        elif line.problem is not None:
            yield BadRow(line.problem)
        else:
            text = without_end(line.text)
            yield _row(Row(f"{name}:{line.number}", {"text": text}, len(text)), "text", settings)


def _read_table(one: Input, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """Yield the rows of a table with their text, which is in one column."""
    wanted = text_wanted(settings.text_column)
    column: str | None = None
    for item in read_table(one.name, lines, one.kind, settings, header_rule(settings, [settings.text_column])):
        if isinstance(item, Header):
            column = find_column(Row(item.where, [""] * len(item.names), 0, item), wanted)
        if isinstance(item, Row):
            # Each object of JSON has its own names.
            column = column or wanted.given or find_column(item, wanted)
            yield _row(item, column, settings)
        else:
            yield item


def _row(row: Row, column: str, settings: PredictSettings) -> InputRow | BadRow:
    try:
        text = text_cell(row, column)
    except DataError as error:
        return BadRow(str(error))
    if not is_unicode(text):
        if settings.errors == "strict":
            half = "the text holds half of a surrogate pair, which is no character; correct it, or say --errors replace"
            return BadRow(f"{row.where}: {half}")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return InputRow(row.where, row.values, text, row.size)
