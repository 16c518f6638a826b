"""Lines of a stream of bytes, split at line ends only and decoded one by one; no more is read than the next line needs."""

import codecs
import select
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from typing import AnyStr, BinaryIO

from charnn.data.readers import refuse_foreign
from charnn.errors import DataError

PIECE = 1 << 16  # Bytes that are read at a time: the buffer of a pipe
PATIENCE = 0.05  # Seconds without input before a pause


@dataclass(slots=True)
class Line:
    """One line of a file."""

    number: int  # From 1
    text: str  # With its line end
    problem: str | None = None  # Why it is no text, with path:line; the text then has U+FFFD for bad bytes


@dataclass(frozen=True)
class Pause:
    """Nothing to read for now, so the lines before it should be answered at once."""


def decoded_lines(
    name: str, pieces: Iterable[bytes | Pause], encoding: str, errors: str, *, takes_returns: bool = False
) -> Iterator[Line | Pause]:
    """Yield the lines of pieces of bytes; a line that is no text has a problem, unless errors is `replace`.

    With `takes_returns` a line may also end in a carriage return alone. Raises DataError for a file that is no text at all, and for
    bad bytes in an encoding such as utf-16, where no line end is certain.
    """
    # The byte order mark is removed below, from the first line only.
    encoding = "utf-8" if codecs.lookup(encoding).name in ("utf-8", "utf-8-sig") else encoding
    checked = _checked(name, pieces, encoding)
    parts: Iterator[tuple[bytes | str, str] | Pause]
    if "\n".encode(encoding) == b"\n":
        parts = _whole_lines(checked, b"\n", b"\r" if takes_returns else None)
    else:
        parts = _whole_lines(_texts(name, checked, encoding, errors), "\n", "\r" if takes_returns else None)
    number = 0
    for part in parts:
        if isinstance(part, Pause):
            yield part
            continue
        text, newline = part
        lines = _decoded(text, newline, encoding, errors)
        if number == 0:
            lines[0].text = lines[0].text.removeprefix("\ufeff")
        for line in lines:
            line.number = number = number + 1
            if line.problem is not None:
                line.problem = f"{name}:{number}: {line.problem}"
            yield line


def live_pieces(stream: BinaryIO) -> Iterator[bytes | Pause]:
    """Yield the bytes of a stream as they arrive, and a pause whenever none do."""
    try:
        descriptor = stream.fileno()
    except (OSError, ValueError, AttributeError):  # a stream in memory, so there is nothing to wait for
        descriptor = None
    while True:
        if descriptor is not None and not select.select([descriptor], [], [], PATIENCE)[0]:
            yield Pause()
        piece: bytes = stream.read1(PIECE)  # type: ignore[attr-defined]  # the bytes that are there already, PIECE at most
        if not piece:
            return
        yield piece


def _checked(name: str, pieces: Iterable[bytes | Pause], encoding: str) -> Iterator[bytes | Pause]:
    """Yield the pieces cut to PIECE bytes; raise DataError if the first bytes are those of no text file."""
    is_first = True
    for piece in pieces:
        if isinstance(piece, Pause):
            yield piece
            continue
        if is_first:
            refuse_foreign(name, piece, encoding)
            is_first = False
        yield from (piece[begin : begin + PIECE] for begin in range(0, len(piece), PIECE))


def _whole_lines(pieces: Iterable[AnyStr | Pause], newline: AnyStr, other: AnyStr | None) -> Iterator[tuple[AnyStr, str] | Pause]:
    """Yield pieces of whole lines, with the character that ends them: `other` where the first piece contains it and no newline."""
    parts: list[AnyStr] = []
    for piece in pieces:
        if isinstance(piece, Pause):
            yield piece
            continue
        if other is not None and (newline in piece or other in piece[:-1]):
            newline, other = (newline if newline in piece else other), None
        parts.append(piece)
        if newline in piece:
            whole, end, rest = newline[:0].join(parts).rpartition(newline)
            yield whole + end, "\n" if end in ("\n", b"\n") else "\r"
            parts = [rest]
    last = newline[:0].join(parts)
    if last:
        yield last, "\n" if newline in ("\n", b"\n") else "\r"


def _texts(name: str, pieces: Iterable[bytes | Pause], encoding: str, errors: str) -> Iterator[str | Pause]:
    decoder = codecs.getincrementaldecoder(encoding)(errors)
    try:
        for piece in pieces:
            yield piece if isinstance(piece, Pause) else decoder.decode(piece)
        yield decoder.decode(b"", final=True)
    except UnicodeError as error:
        raise DataError(f"{name}: is not valid {encoding}; say the right --encoding, or --errors replace") from error


def _decoded(part: bytes | str, newline: str, encoding: str, errors: str) -> list[Line]:
    """Return the lines of a part, not numbered yet."""
    text = part if isinstance(part, str) else None
    if isinstance(part, bytes) and encoding == "utf-8":
        # All lines at once take a third of the time; other encodings may have a state that passes from one to the next.
        with suppress(UnicodeDecodeError):
            text = part.decode(encoding)
    if text is None or "\0" in text:
        lines = _split(part, newline) if isinstance(part, str) else _split(part, newline.encode("ascii"))
        return [Line(0, *_decode(line, encoding, errors)) for line in lines]
    return [Line(0, line) for line in _split(text, newline)]


def _split(text: AnyStr, newline: AnyStr) -> list[AnyStr]:
    """Return the lines, each with its end."""
    parts = text.split(newline)
    whole: list[AnyStr] = [part + newline for part in parts[:-1]]
    return whole + parts[-1:] if parts[-1] else whole


def _decode(line: bytes | str, encoding: str, errors: str) -> tuple[str, str | None]:
    """Return a line as text, and what is wrong with it."""
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
