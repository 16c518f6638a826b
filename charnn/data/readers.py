"""Files, folders and standard input as text, unpacked and decoded strictly, piece by piece."""

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
from typing import IO, Any, BinaryIO, TypeVar

from charnn.data.builtin import BUILTIN
from charnn.errors import DataError, SettingError, StorageError
from charnn.settings import Settings, setting, shown

T = TypeVar("T")

BLOCK = 1 << 20  # Bytes that are read and decoded at a time

MARKS = {"utf-32": (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE), "utf-16": (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)}
"""Byte order marks by encoding; utf-32 first, since its mark contains that of utf-16."""

PACKED: Mapping[str, tuple[str, Callable[..., Any]]] = {
    ".gz": ("gzip", lambda file: gzip.GzipFile(fileobj=file)),
    ".bz2": ("bzip2", bz2.BZ2File),
    ".xz": ("xz", lzma.LZMAFile),
}
"""For each extension of packed files, the name of the kind and the function that unpacks it."""

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
"""Patterns of the first bytes of files that contain no text, and what to do with each."""


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

    name: str  # The name in error messages
    stem: str  # The file name without folder and extensions
    kind: str  # The extension in lower case, without that of packing: `.csv`
    blocks: Callable[[], Iterator[Any]]  # The bytes; of a live stream also pauses
    encoding: str | None = None  # That of values in memory, whatever encoding files have

    def __str__(self) -> str:
        return self.name


Data = Sequence[str | Path | Source]  # What is read: paths, names of built-in corpora, values in memory

Complain = Callable[[DataError], None]  # Receives the error of a bad row: raises it, or returns where the row is left out


@dataclass(frozen=True)
class Decoding:
    """The encoding of text, and what to do with bad bytes and with line ends, as in TextSettings and CorpusSettings."""

    encoding: str
    errors: str
    newlines: str = "keep"


def check_encoding(encoding: str) -> None:
    """Raise SettingError unless Python knows a text encoding of this name."""
    try:
        codecs.getincrementaldecoder(encoding)
        "x".encode(encoding)
    except (LookupError, ValueError, UnicodeError) as error:
        raise SettingError("encoding", f"must name a text encoding such as utf-8, utf-16 or cp1252; got {shown(encoding)}") from error


def find_sources(paths: Data) -> list[Source]:
    """Return the files of paths, folders (all files below), `-` (standard input) and built-in corpora; raise DataError for none."""
    return [source for path in paths for source in ([path] if isinstance(path, Source) else _find(str(path)))]


def refuse(error: Exception) -> None:
    """Raise the error, of a bad row or of a folder that cannot be read."""
    raise error


def not_empty(items: Iterable[T], problem: str) -> Iterator[T]:
    """Yield the items; raise DataError with this message where there are none."""
    is_empty = True
    for item in items:
        is_empty = False
        yield item
    if is_empty:
        raise DataError(problem)


def named(sources: Sequence[Source]) -> str:
    """Return the name of the first file, and how many more there are."""
    return sources[0].name + (f" and {len(sources) - 1} more" if sources[1:] else "")


def foreign_mark(begin: bytes, encoding: str) -> str | None:
    """Return the encoding whose byte order mark the first bytes of a file are, if it should be utf-8; else None."""
    if codecs.lookup(encoding).name != "utf-8":
        return None
    return next((name for name, marks in MARKS.items() if begin.startswith(marks)), None)


def refuse_foreign(name: str, begin: bytes, encoding: str) -> None:
    """Raise DataError if the first bytes are those of an archive, a document, or the byte order mark of another encoding."""
    for pattern, what in FOREIGN:
        if re.match(pattern, begin, re.DOTALL):
            raise DataError(f"{name}: is {what}")
    foreign = foreign_mark(begin, encoding)
    if foreign is not None:
        raise DataError(f"{name}: begins with the byte order mark of {foreign}; say --encoding {foreign}")


def byte_place(before: str, start: int, encoding: str) -> int:
    """Return the byte of a file at which the text after `before` begins, where `before` begins at byte `start`."""
    # An encoder writes its byte order mark before every piece, but the file has it before the first piece only.
    mark = len("".encode(encoding)) if start else 0
    return start + len(before.encode(encoding)) - mark


def standard_input() -> BinaryIO:
    """Return the binary stream of standard input. Raises DataError where it is closed."""
    if sys.stdin is None:
        raise DataError("standard input is closed; give a file or a text")
    return sys.stdin.buffer


def read_text(source: Source, decoding: Decoding) -> Iterator[str]:
    """Yield the text of a file in pieces of whole code points, without its byte order mark; raise DataError where it is no text."""
    decoded = _decoded(source, decoding)
    pieces = filter(None, _unix(decoded) if decoding.newlines == "unix" else decoded)
    yield from filter(None, [next(pieces, "").removeprefix("\ufeff")])
    yield from pieces


def read_lines(pieces: Iterable[str]) -> Iterator[str]:
    """Yield the lines of a text given in pieces, split at newlines only, each with its newline."""
    parts: list[str] = []
    for piece in pieces:
        first, *others = piece.split("\n")
        parts.append(first)
        for other in others:
            yield "".join(parts) + "\n"
            parts = [other]
    yield from filter(None, ["".join(parts)])


def numbered_lines(source: Source, decoding: Decoding) -> Iterator[tuple[str, str]]:
    """Yield each line of a file without its end, and its path:line."""
    for number, line in enumerate(read_lines(read_text(source, decoding)), 1):
        yield without_end(line), f"{source.name}:{number}"


def without_end(line: str) -> str:
    """Return a line without its newline, or carriage return and newline."""
    return line.removesuffix("\n").removesuffix("\r")


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
    for parent, folders, files in os.walk(folder, onerror=refuse):
        folders[:] = [one for one in folders if not one.startswith(".")]
        found += [Path(parent, one) for one in files if not one.startswith(".")]
    return sorted(one for one in found if one.is_file())


def _file(path: Path) -> Source:
    path.open("rb").close()  # An unreadable file is an error before any work is done.
    kind = kind_of(path)
    packing = path.suffix if path.suffix.lower() in PACKED else ""
    stem = path.name[: len(path.name) - len(kind) - len(packing)]
    return Source(str(path), stem, kind, lambda: _blocks(path))


def kind_of(path: str | Path) -> str:
    """Return the extension of a file in lower case, without that of packing: `.csv` for `a.CSV.gz`."""
    suffixes = [suffix.lower() for suffix in Path(path).suffixes]
    return "".join(suffixes[:-1][-1:] if suffixes[-1:] and suffixes[-1] in PACKED else suffixes[-1:])


@contextmanager
def unpacked(path: str | Path, name: str, opened: Callable[[], AbstractContextManager[BinaryIO]]) -> Iterator[BinaryIO]:
    """Open a file, unpack it if its extension is in PACKED, and turn what fails while it is read into a DataError."""
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
    """Copy a stream that can be read only once to an unlinked temporary file, and return that as a source."""
    spool = tempfile.TemporaryFile()  # noqa: SIM115 (it is open as long as the source exists)
    try:
        shutil.copyfileobj(stream, spool, BLOCK)
        spool.flush()
    except OSError as error:
        raise StorageError(f"cannot keep {name} in {tempfile.gettempdir()}: {error.strerror or error}") from error

    def blocks() -> Iterator[bytes]:
        place = 0
        while block := os.pread(spool.fileno(), BLOCK, place):
            place += len(block)
            yield block

    return Source(name, stem, "", blocks)


def _decoded(source: Source, decoding: Decoding) -> Iterator[str]:
    encoding = source.encoding or decoding.encoding
    decoder = codecs.getincrementaldecoder(encoding)(decoding.errors)
    place = 0
    for block in itertools.chain(source.blocks(), [b""]):
        if place == 0:
            refuse_foreign(source.name, block, encoding)
        start = place - len(decoder.getstate()[0])  # the first byte not decoded yet
        try:
            text = decoder.decode(block, final=not block)
        except UnicodeError as error:  # For UTF-16 without a byte order mark it has no start.
            problem = f"byte {start + getattr(error, 'start', 0):,} is not valid {decoding.encoding}"
            raise DataError(f"{source.name}: {problem}; say the right --encoding, or --errors replace") from error
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
