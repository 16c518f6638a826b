"""From paths to text: files, folders, standard input, gzip; decoded strictly, piece by piece."""

import codecs
import gzip
import io
import itertools
import os
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, BinaryIO

from charnn.data.builtin import BUILTIN
from charnn.errors import DataError, SettingError, StorageError
from charnn.settings import shown

BLOCK = 1 << 20
"""Bytes that are read and decoded at a time."""

MARKS = {"utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}
"""Byte order marks that tell an encoding; utf-32 first, since its mark begins with that of utf-16."""


@dataclass(frozen=True)
class Source:
    """One file of a corpus, which can be read again and again."""

    name: str
    """What errors call it."""
    stem: str
    """Its file name without folder and extensions."""
    kind: str
    """Its extension in lower case, `.gz` apart: `.csv`."""
    blocks: Callable[[], Iterator[bytes]]


Complain = Callable[[DataError], None]
"""Is told of a bad row: raises, or returns where the row shall be left out."""


@dataclass(frozen=True)
class Decoding:
    """How bytes become text."""

    encoding: str
    errors: str
    newlines: str


def check_encoding(encoding: str) -> None:
    """Raises SettingError unless Python knows a text encoding of this name."""
    try:
        codecs.getincrementaldecoder(encoding)
        "x".encode(encoding)
    except (LookupError, ValueError, UnicodeError) as error:
        raise SettingError("encoding", f"must name a text encoding such as utf-8, utf-16 or cp1252; got {shown(encoding)}") from error


def find_sources(paths: Sequence[str | Path]) -> list[Source]:
    """The files of a corpus: a folder gives all files below it, `-` is standard input, a built-in corpus answers to its name.

    Raises DataError for what is missing, unreadable, or a folder without files.
    """
    return [source for path in paths for source in _find(str(path))]


def refuse(error: DataError) -> None:
    """Raises it: what is done with a bad row unless somebody wants to hear of them all."""
    raise error


def foreign_mark(begin: bytes, encoding: str) -> str | None:
    """The encoding whose byte order mark stands at the begin of what should be utf-8; None where there is none."""
    if codecs.lookup(encoding).name != "utf-8":
        return None
    return next((name for name, marks in MARKS.items() if begin.startswith(marks)), None)


def refuse_foreign_mark(name: str, begin: bytes, encoding: str) -> None:
    """Raises DataError where a file begins with the byte order mark of another encoding."""
    foreign = foreign_mark(begin, encoding)
    if foreign is not None:
        raise DataError(f"{name}: begins with the byte order mark of {foreign}; say --encoding {foreign}")


def byte_place(before: str, start: int, encoding: str) -> int:
    """How many bytes of a file stand before a place in its text, given the text before it, of which the first byte is at start."""
    # An encoder that writes a byte order mark writes it before every piece; only the first piece has one in the file.
    mark = len("".encode(encoding)) if start else 0
    return start + len(before.encode(encoding)) - mark


def standard_input() -> BinaryIO:
    """The bytes of standard input. Raises DataError where it is closed."""
    if sys.stdin is None:
        raise DataError("standard input is closed; give a file or a text")
    return sys.stdin.buffer


def read_text(source: Source, decoding: Decoding) -> Iterator[str]:
    """The text of a file in pieces of whole code points, without its byte order mark; raises DataError where it is no text."""
    pieces = _decoded(source, decoding)
    if decoding.newlines == "unix":
        pieces = _unix(pieces)
    is_first = True
    for piece in pieces:
        text = piece.removeprefix("\ufeff") if is_first else piece
        if piece:
            is_first = False
        if text:
            yield text


def read_lines(pieces: Iterable[str]) -> Iterator[str]:
    """The lines of a text in pieces, split at newlines only, each with its newline."""
    held: list[str] = []
    for piece in pieces:
        first, *others = piece.split("\n")
        held.append(first)
        for other in others:
            yield "".join(held) + "\n"
            held = [other]
    last = "".join(held)
    if last:
        yield last


def _find(path: str) -> list[Source]:
    if path == "-":
        return [_spooled(standard_input(), "standard input", "stdin")]
    place = Path(path)
    try:
        if place.is_dir():
            files = _files_below(place)
            if not files:
                raise DataError(f"{path}: the folder has no files; name one that holds text")
            return [_file(file) for file in files]
        if place.is_file():
            return [_file(place)]
        if place.exists():  # a pipe, such as the shell's <(...)
            with place.open("rb") as pipe:
                return [_spooled(pipe, path, place.name)]
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error
    if path in BUILTIN:
        return [Source(path, path, *BUILTIN[path])]
    raise DataError(f"{path}: no such file; give a file, a folder, - for standard input, or a built-in corpus: {', '.join(BUILTIN)}")


def _files_below(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, files in os.walk(folder, onerror=_reraise):
        folders[:] = [one for one in folders if not one.startswith(".")]
        found += [Path(parent, one) for one in files if not one.startswith(".")]
    return sorted(one for one in found if one.is_file())


def _reraise(error: OSError) -> None:
    raise error


def _file(path: Path) -> Source:
    path.open("rb").close()  # an unreadable file is told before any work is done
    suffixes = [suffix.lower() for suffix in path.suffixes]
    is_packed = suffixes[-1:] == [".gz"]
    kind = "".join(suffixes[:-1][-1:] if is_packed else suffixes[-1:])
    stem = path.name[: len(path.name) - len(kind) - (len(".gz") if is_packed else 0)]
    return Source(str(path), stem, kind, lambda: _blocks(path, is_packed))


def _blocks(path: Path, is_packed: bool) -> Iterator[bytes]:
    try:
        with gzip.open(path) if is_packed else path.open("rb") as file:
            while block := file.read(BLOCK):
                yield block
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{path}: is not a complete gzip file: {error}") from error
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}") from error


def _spooled(stream: IO[bytes], name: str, stem: str) -> Source:
    """A stream that can be read only once, kept in an unlinked temporary file."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 (it lives as long as the source)
    try:
        shutil.copyfileobj(stream, spool, BLOCK)
        spool.flush()
    except OSError as error:
        raise StorageError(f"cannot keep {name} in {tempfile.gettempdir()}: {error.strerror or error}") from error

    def blocks() -> Iterator[bytes]:
        # Every reader has a place of its own in the one file.
        place = 0
        while True:
            spool.seek(place)
            block = spool.read(BLOCK)
            if not block:
                return
            place += len(block)
            yield block

    return Source(name, stem, "", blocks)


def _decoded(source: Source, decoding: Decoding) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder(decoding.encoding)(decoding.errors)
    place = 0
    for block in itertools.chain(source.blocks(), [b""]):
        if place == 0:
            refuse_foreign_mark(source.name, block, decoding.encoding)
        held: bytes = decoder.getstate()[0]
        start = place - len(held)  # where the bytes begin that the decoder looks at
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:  # of UTF-16 without a byte order mark one that does not say where
            offset = f"{start + getattr(error, 'start', 0):,}"
            raise DataError(
                f"{source.name}: byte {offset} is not valid {decoding.encoding}; say the right --encoding, or --errors replace"
            ) from error
        place += len(block)
        yield _without_nul(source, text, start, decoding) if "\0" in text else text


def _without_nul(source: Source, text: str, start: int, decoding: Decoding) -> str:
    if decoding.errors == "replace":
        return text.replace("\0", "\ufffd")
    place = byte_place(text[: text.index("\0")], start, decoding.encoding)
    raise DataError(f"{source.name}: byte {place:,} is NUL, so this is no text file; leave it out, or say --errors replace")


def _unix(pieces: Iterator[str]) -> Iterator[str]:
    decoder = io.IncrementalNewlineDecoder(None, translate=True)
    for piece in pieces:
        yield decoder.decode(piece)
    yield decoder.decode("", final=True)
