"""Rows to predict for: texts from arguments, lines, CSV, TSV and JSONL, one at a time, each with its cells as they were."""

import gzip
import json
import os
import re
import stat
import sys
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, BinaryIO, TypeAlias

from charnn.data.corpus import CorpusSettings
from charnn.data.lines import Line, Pause, live_lines
from charnn.data.readers import check_encoding, standard_input
from charnn.data.records import Record, read_csv_records, read_tsv_records
from charnn.data.tables import Row, text_cell, text_column
from charnn.errors import DataError, SettingError
from charnn.settings import Settings, setting
from charnn.tokenizers.vocabulary import is_unicode

KINDS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl"}
"""What a file holds, by its extension; every other one, and standard input, holds lines."""


def _as_in_corpus(name: str) -> Any:
    """A setting of a corpus, with its default, help and limits."""
    one = next(one for one in fields(CorpusSettings) if one.name == name)
    return field(default=one.default, metadata=one.metadata)


@dataclass(frozen=True)
class PredictSettings(Settings):
    """Rows in and out."""

    text_column: str | None = setting(None, "Column of a CSV, TSV or JSONL that holds the text; by default known by its name.")
    format: str | None = setting(None, "How to write the result; by default as the input is.", choices=("text", "jsonl", "csv", "tsv"))
    input_format: str | None = setting(
        None, "What files and standard input hold; by default told by the extension, else lines.", choices=("lines", "csv", "tsv", "jsonl")
    )
    strict: bool = setting(False, "Stop at the first bad row, instead of leaving it out.")
    shard: str | None = setting(None, "Predict only every n-th row from the i-th on, given as i/n, so that n machines share the input.")
    encoding: str = _as_in_corpus("encoding")
    errors: str = _as_in_corpus("errors")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)
        _ = self.part  # raises what is wrong with it

    @property
    def part(self) -> tuple[int, int]:
        """The first row of this shard, from 0, and the step from a row to the next."""
        found = re.fullmatch(r"([0-9]{1,9})/([0-9]{1,9})", "1/1" if self.shard is None else self.shard)
        if not found or not 1 <= int(found[1]) <= int(found[2]):
            raise SettingError("shard", f"must be i/n with i from 1 to n, such as 1/4; got {self.shard!r}")
        return int(found[1]) - 1, int(found[2])


@dataclass(frozen=True)
class Input:
    """One thing that holds texts: a file, standard input, or an argument that is a text itself."""

    name: str
    """What errors call it."""
    kind: str
    """argument, or the name of its reader: lines, csv, tsv, jsonl."""
    value: str
    """A path, `-`, or the text."""
    size: int | None
    """Its bytes on disk, where that is known."""


@dataclass(frozen=True)
class Header:
    """The columns of the rows to come."""

    where: str
    columns: tuple[str, ...]
    """As they were, white space around them included."""
    line_end: str = "\n"


@dataclass(frozen=True)
class InputRow:
    """One row to predict for."""

    where: str
    """path:line of its first line."""
    values: Mapping[str, Any]
    """Its cells by column, in order: strings, or anything JSON in JSONL; a plain line has the one column `text`."""
    text: str
    size: int
    """Its length in characters, all columns together."""


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be predicted for."""

    message: str
    """path:line and what is wrong."""


Item: TypeAlias = Header | InputRow | BadRow | Pause


@dataclass
class Meter:
    """How much of the inputs has been read, in bytes on disk."""

    done: int = 0
    file: BinaryIO | None = None

    @property
    def position(self) -> int:
        """The bytes before the next one that is read."""
        return self.done + (self.file.tell() if self.file is not None else 0)


def find_inputs(arguments: Sequence[str], settings: PredictSettings) -> list[Input]:
    """What each argument is: `-`, an existing file, or else a text.

    Raises DataError for a folder or a file that is not there, SettingError for a setting without effect.
    """
    inputs = [_find(number, one, settings) for number, one in enumerate(arguments, 1)]
    kinds = {one.kind for one in inputs}
    if [one.value for one in inputs if one.kind != "argument"].count("-") > 1:
        raise DataError("standard input can be read only once; give one - only")
    if settings.input_format is not None and kinds == {"argument"}:
        raise SettingError("input_format", "has no effect, since no argument is a file or -; leave it out")
    if settings.text_column is not None and kinds <= {"argument", "lines"}:
        raise SettingError("text_column", "has no effect on plain text; leave it out, or say --input-format csv, tsv or jsonl")
    return inputs


def read_rows(inputs: Iterable[Input], settings: PredictSettings, meter: Meter | None = None) -> Iterator[Item]:
    """The rows of all inputs in order, those of the shard; before them the header of each input that has one.

    Reads no further than the row that is asked for. Raises DataError for what is wrong with an input as a whole.
    """
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
    suffixes = [suffix.lower() for suffix in Path(argument).suffixes]
    if os.path.isdir(argument):
        raise DataError(f"{argument}: is a folder; give the files in it, or write this very word on standard input and give -")
    if os.path.exists(argument):
        kind = KINDS.get("".join(suffixes[:-1][-1:] if suffixes[-1:] == [".gz"] else suffixes[-1:]), "lines")
        return Input(argument, settings.input_format or kind, argument, _size(lambda: os.stat(argument)))
    if suffixes and suffixes[-1] in {*KINDS, ".txt", ".gz"} and not re.search(r"\s", argument):
        raise DataError(f"{argument}: no such file; if it is a text, write it on standard input and give -")
    return Input(f"argument {number}", "argument", argument, 0)


def _size(status: Callable[[], os.stat_result]) -> int | None:
    """The size of a regular file; None for a pipe, a terminal, or what is no file."""
    try:
        found = status()
    except (OSError, ValueError, AttributeError):
        return None
    return found.st_size if stat.S_ISREG(found.st_mode) else None


def _items(one: Input, settings: PredictSettings, meter: Meter) -> Iterator[Item]:
    if one.kind == "argument":
        yield Header(one.name, ("text",))
        yield _row(one.name, {"text": one.value}, "text", len(one.value), settings)
        return
    with _opened(one, meter) as stream:
        yield from READERS[one.kind](one.name, live_lines(one.name, stream, settings.encoding, settings.errors), settings)


@contextmanager
def _opened(one: Input, meter: Meter) -> Iterator[BinaryIO]:
    """The bytes of a file, unpacked, or of standard input; what fails while they are read becomes a DataError."""
    file: BinaryIO | None = None
    try:
        file = standard_input() if one.value == "-" else open(one.value, "rb")  # noqa: SIM115 (standard input stays open)
        meter.file = file if one.size is not None else None
        yield gzip.GzipFile(fileobj=file) if one.value.lower().endswith(".gz") else file  # type: ignore[misc]  # reads as any file
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{one.name}: is not a complete gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{one.name}: cannot be read: {error.strerror or error}") from error
    finally:
        meter.file = None
        meter.done += one.size or 0
        if file is not None and one.value != "-":
            file.close()


def _read_lines(name: str, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """Each line is a text, the empty ones too."""
    yield Header(name, ("text",))
    for line in lines:
        if isinstance(line, Pause):
            yield line
        elif line.problem is not None:
            yield BadRow(line.problem)
        else:
            text = line.text.removesuffix("\n").removesuffix("\r")
            yield _row(f"{name}:{line.number}", {"text": text}, "text", len(text), settings)


def _read_jsonl(name: str, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """Each line is a JSON object."""
    column = settings.text_column
    for line in lines:
        if isinstance(line, Pause):
            yield line
            continue
        if not line.text.strip():
            continue
        where = f"{name}:{line.number}"
        try:
            values = _parsed(where, line)
        except DataError as error:
            yield BadRow(str(error))
            continue
        column = column if column is not None else text_column(Row(where, values))
        yield _row(where, values, column, len(line.text), settings)


def _parsed(where: str, line: Line) -> dict[str, Any]:
    if line.problem is not None:
        raise DataError(line.problem)
    try:
        values = json.loads(line.text)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{where}: is not valid JSON: {error}") from error
    if not isinstance(values, dict):
        raise DataError(f"{where}: expected a JSON object such as {{\"text\": ...}}, got {line.text.strip():.40}")
    return values


def _read_csv(name: str, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """The first row names the columns."""
    return _read_table(read_csv_records(name, lines), settings)


def _read_tsv(name: str, lines: Iterator[Line | Pause], settings: PredictSettings) -> Iterator[Item]:
    """The first line names the columns."""
    return _read_table(read_tsv_records(name, lines), settings)


READERS: dict[str, Callable[[str, Iterator[Line | Pause], PredictSettings], Iterator[Item]]] = {
    "lines": _read_lines,
    "csv": _read_csv,
    "tsv": _read_tsv,
    "jsonl": _read_jsonl,
}
"""Readers by what a file holds."""


def _read_table(records: Iterator[Record | Pause], settings: PredictSettings) -> Iterator[Item]:
    columns: tuple[str, ...] | None = None
    column = ""
    for record in records:
        if isinstance(record, Pause):
            yield record
        elif columns is None:
            columns = tuple(record.cells)
            column = columns[_text_place(record, settings.text_column)]
            yield Header(record.where, columns, record.line_end)
        elif record.problem is not None:
            yield BadRow(record.problem)
        elif len(record.cells) != len(columns):
            named = ", ".join(one.strip() for one in columns)
            yield BadRow(f"{record.where}: expected {len(columns)} columns ({named}), found {len(record.cells)}")
        else:
            yield _row(record.where, dict(zip(columns, record.cells, strict=True)), column, record.size, settings)


def _text_place(header: Record, column: str | None) -> int:
    """Where among the columns the text is; raises DataError when there is no telling."""
    if header.problem is not None:
        raise DataError(header.problem)
    names = [cell.strip() for cell in header.cells]
    if len(set(names)) != len(names):
        raise DataError(f"{header.where}: the header line names a column twice: {', '.join(names)}")
    row = Row(header.where, dict.fromkeys(names, ""))
    column = text_column(row) if column is None else column
    text_cell(row, column)  # raises when it is missing
    return names.index(column)


def _row(where: str, values: Mapping[str, Any], column: str, size: int, settings: PredictSettings) -> InputRow | BadRow:
    try:
        text = text_cell(Row(where, values), column)
    except DataError as error:
        return BadRow(str(error))
    if not is_unicode(text):
        if settings.errors == "strict":
            return BadRow(f"{where}: the text holds half of a surrogate pair, which is no character; correct it, or say --errors replace")
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return InputRow(where, values, text, size)
