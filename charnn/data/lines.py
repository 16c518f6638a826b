"""Lines of a stream as they come: split at newlines only, decoded one by one, never waiting for more than the next line."""

import codecs
import select
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import AnyStr, BinaryIO

from charnn.data.readers import refuse_foreign_mark
from charnn.errors import DataError

PIECE = 1 << 16
"""Bytes that are read at a time: what a pipe holds."""

PATIENCE = 0.05
"""Seconds without input before a pause."""


@dataclass(frozen=True)
class Line:
    """One line of a file."""

    number: int
    """From 1."""
    text: str
    """With its newline."""
    problem: str | None = None
    """Why it is no text, with path:line; it then has U+FFFD where it is none."""


@dataclass(frozen=True)
class Pause:
    """Nothing more to read for now, so what came is best answered at once."""


def live_lines(name: str, stream: BinaryIO, encoding: str, errors: str) -> Iterator[Line | Pause]:
    """The lines of a stream without its byte order mark; those that are no text are marked, unless errors is `replace`.

    Raises DataError for a wrong byte order mark, and for bad bytes in an encoding such as utf-16, whose lines cannot be told apart.
    """
    if codecs.lookup(encoding).name == "utf-8-sig":
        encoding = "utf-8"  # the mark is taken off below, and from the first line only
    number = 0
    for line in _undecoded(name, stream, encoding, errors):
        if isinstance(line, Pause):
            yield line
            continue
        number += 1
        if number == 1 and isinstance(line, bytes):
            refuse_foreign_mark(name, line, encoding)
        text, problem = _decode(line, encoding, errors)
        text = text.removeprefix("\ufeff") if number == 1 else text
        yield Line(number, text, f"{name}:{number}: {problem}" if problem else None)


def _undecoded(name: str, stream: BinaryIO, encoding: str, errors: str) -> Iterator[bytes | str | Pause]:
    """Lines as bytes; as text in an encoding that does not write a newline as the byte 10."""
    if "\n".encode(encoding) == b"\n":
        yield from _split(_pieces(stream), b"\n")
    else:
        yield from _split(_texts(name, _pieces(stream), encoding, errors), "\n")


def _pieces(stream: BinaryIO) -> Iterator[bytes | Pause]:
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):  # held in memory, so there is nothing to wait for
        descriptor = None
    while True:
        if descriptor is not None and not select.select([descriptor], [], [], PATIENCE)[0]:
            yield Pause()
        piece: bytes = stream.read1(PIECE)  # type: ignore[attr-defined]  # what is there, not all that was asked for
        if not piece:
            return
        yield piece


def _split(pieces: Iterable[AnyStr | Pause], newline: AnyStr) -> Iterator[AnyStr | Pause]:
    held: list[AnyStr] = []
    for piece in pieces:
        if isinstance(piece, Pause):
            yield piece
            continue
        parts = piece.split(newline)
        for part in parts[:-1]:
            held.append(part + newline)
            yield newline[:0].join(held)
            held = []
        held.append(parts[-1])
    last = newline[:0].join(held)
    if last:
        yield last


def _texts(name: str, pieces: Iterable[bytes | Pause], encoding: str, errors: str) -> Iterator[str | Pause]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        for piece in pieces:
            yield piece if isinstance(piece, Pause) else decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise DataError(f"{name}: is not valid {encoding}; say the right --encoding, or --errors replace") from error


def _decode(line: bytes | str, encoding: str, errors: str) -> tuple[str, str | None]:
    """A line as text, and why it is none."""
    problem = None
    try:
        text = line if isinstance(line, str) else line.decode(encoding, errors)
    except UnicodeDecodeError as error:
        problem = f"byte {error.start:,} is not valid {encoding}; say the right --encoding, or --errors replace"
        text = str(line, encoding, "replace")  # type: ignore[arg-type]  # text is not decoded
    if "\0" in text:
        if errors == "strict":
            problem = problem or f"character {text.index(chr(0)):,} is NUL, so this is no text; leave it out, or say --errors replace"
        text = text.replace("\0", "\ufffd")
    return text, problem
