"""From paths to text: files, folders, standard input, gzip; decoded strictly, piece by piece."""

import bz2
import codecs
import gzip
import io
import itertools
import lzma
import os
import re
import shutil
import sys
import tempfile
import zlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, BinaryIO

from charnn.data.builtin import BUILTIN
from charnn.errors import DataError, SettingError, StorageError
from charnn.settings import Settings, setting, shown

BLOCK = 1 << 20  # Bytes that are read and decoded at a time

MARKS = {"utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}
"""Byte order marks that tell an encoding; utf-32 first, since its mark begins with that of utf-16."""

PACKED: Mapping[str, tuple[str, Callable[..., Any]]] = {
    ".gz": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    ".bz2": ("bzip2", bz2.BZ2File),
    ".xz": ("xz", lzma.LZMAFile),
}
"""Extensions of packed files, the name of each kind, and what unpacks it."""

FOREIGN = (
    (rb"PK\x03\x04.*xl/", "an Excel workbook; save it as CSV"),
    (rb"PK\x03\x04.*word/", "a Word document; save it as text"),
    (rb"PK(\x03\x04|\x05\x06)", "a zip archive; unpack it first"),
    (rb"\x1f\x8b\x08", "packed by gzip; give the file itself, with a name that ends in .gz"),
    (rb"BZh[1-9]1AY&SY", "packed by bzip2; give the file itself, with a name that ends in .bz2"),
    (rb"\xfd7zXZ\x00", "packed by xz; give the file itself, with a name that ends in .xz"),
    (rb"\x28\xb5\x2f\xfd", "packed by zstd; unpack it first"),
    (rb"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first"),
    (rb"Rar!\x1a\x07", "a rar archive; unpack it first"),
    (rb"%PDF-", "a PDF document; save it as text"),
    (rb"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an old Word or Excel file; save it as text or CSV"),
    (rb"PAR1", "a parquet table; write it as CSV"),
    (rb"SQLite format 3\x00", "a SQLite database; write its table as CSV"),
    (rb"\x89PNG|\xff\xd8\xff|GIF8[79]a", "a picture, not text; give a text file"),
)
"""What the first bytes of files that hold no text look like, and what to do with them."""


@dataclass(frozen=True)
class TextSettings(Settings):
    """How bytes become text."""

    encoding: str = setting("utf-8", "Encoding of the files.")
    errors: str = setting("strict", "What to do with bytes that are no text: refuse, or replace by U+FFFD.", choices=("strict", "replace"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)


@dataclass(frozen=True)
class Source:
    """One file of a corpus, which can be read again and again."""

    name: str  # What errors call it
    stem: str  # Its file name without folder and extensions
    kind: str  # Its extension in lower case, that of a packed file apart: `.csv`
    blocks: Callable[[], Iterator[Any]]  # Its bytes; of a stream that is read as it comes, pauses too


Complain = Callable[[DataError], None]  # Is told of a bad row: raises, or returns where the row shall be left out


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


def refuse_foreign(name: str, begin: bytes, encoding: str) -> None:
    """Raises DataError where a file begins as archives, documents and the like do, or with the byte order mark of another encoding."""
    for pattern, what in FOREIGN:
        if re.match(pattern, begin, re.DOTALL):
            raise DataError(f"{name}: is {what}")
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
    kind = kind_of(path)
    packing = path.suffix if path.suffix.lower() in PACKED else ""
    stem = path.name[: len(path.name) - len(kind) - len(packing)]
    return Source(str(path), stem, kind, lambda: _blocks(path))


def kind_of(path: str | Path) -> str:
    """The extension of a file in lower case, that of a packed file apart: `.csv` of `a.CSV.gz`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return "".join(suffixes[:-1][-1:] if suffixes[-1:] and suffixes[-1] in PACKED else suffixes[-1:])


@contextmanager
def unpacked(path: str | Path, name: str, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> Iterator[BinaryIO]:
    """The bytes of a file whose extension says whether it is packed; what fails while they are read becomes a DataError."""
    packing, unpack = PACKED.get(Path(path).suffix.lower(), ("", None))
    try:
        with opened() as file:
            yield file if unpack is None else unpack(file)
    except (OSError, EOFError, zlib.error, lzma.LZMAError) as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{name}: cannot be read: {error.strerror or error}") from error
        raise DataError(f"{name}: is not a complete {packing} file: {error}") from error


def _blocks(path: Path) -> Iterator[bytes]:
    with unpacked(path, str(path), lambda: path.open("rb")) as stream:
        while block := stream.read(BLOCK):
            yield block


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
            refuse_foreign(source.name, block, decoding.encoding)
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
