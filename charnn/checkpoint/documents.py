"""Files of one JSON document and named arrays: safetensors with a checksum; any foreign file is refused without harm."""

import json
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from charnn import __version__
from charnn.errors import CheckpointError, DataError
from charnn.files import write_whole
from charnn.settings import shown

FORMAT = 1  # The number of this layout; files of another one are refused
MOST_HEADER = 80_000_000  # Bytes of a header: a million words of ten Cyrillic letters
MOST_ROOM = 204_000_000  # Bytes in memory of a JSON text and its contents, as _room() estimates them, up to a tenth too high
MOST_ARRAYS = 10_000
LARGE = 64_000_000  # Bytes of arrays that are read without a check of disk and memory

KNOWN = "give a run folder or a model.safetensors that charnn wrote"
AGAIN = "train it again or copy it anew"

_BEGIN = '{"__metadata__":{"charnn":"'
_SIGNATURE = re.compile(r', "sha256": "([0-9a-f]{64})"\}')
_SIGNATURE_LENGTH = 79
_PIECE = 1 << 20

Arrays = Mapping[str, NDArray[Any]]


def write_document_file(path: Path, document: Mapping[str, Any], arrays: Mapping[str, NDArray[Any]]) -> str:
    """Write JSON-ready data and arrays, and return their checksum. Raises StorageError, and DataError for too much data."""
    data, checksum = packed(document, arrays)
    write_whole(path, data)
    return checksum


def packed(document: Mapping[str, Any], arrays: Arrays) -> tuple[bytes, str]:
    """Return the bytes of a file of JSON-ready data and arrays, and its checksum. Raises DataError for data too large to read again."""
    assert len(arrays) <= MOST_ARRAYS
    arrays = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    # JSON's ASCII form escapes surrogates in a vocabulary, which UTF-8 cannot encode.
    text = json.dumps({"format": FORMAT, "charnn": __version__, **document})[:-1]
    checksum = _with_arrays(_digest(text, len(text)), arrays)
    text += f', "sha256": "{checksum}"}}'
    data = save(arrays, metadata={"charnn": text})
    if int.from_bytes(data[:8], "little") > MOST_HEADER or _room(text) > MOST_ROOM:
        raise DataError("the vocabulary is too large for a model file; give a smaller --vocabulary-size or a larger --min-count")
    return data, checksum


def read_document_file(path: Path) -> tuple[dict[str, Any], dict[str, NDArray[Any]]]:
    """Return the data and arrays of a file of packed(); raise CheckpointError, naming the file, unless it is whole.

    A bad file is refused before it takes more than 200 MB of memory, or twice the size of its arrays where they are larger.
    """
    with _opened(path) as file:  # Once, so that a writer may replace the file meanwhile.
        header = _read_header(path, file)
        arrays = _read_arrays(path, file, header, _checked_size(path, file, header))
    if _with_arrays(header.digest, arrays) != header.checksum:
        raise CheckpointError(f"{path} is damaged: its checksum does not match; {AGAIN}")
    return header.document, arrays


def read_document(path: Path) -> dict[str, Any]:
    """Return the data alone, without their checksum verified; raise CheckpointError, naming the file."""
    with _opened(path) as file:
        return _read_header(path, file).document


class _Header(NamedTuple):
    """The parts of a header."""

    document: dict[str, Any]
    entries: dict[str, Any]  # of the arrays, as safetensors describes them
    begin: int  # of the arrays in the file
    digest: Any  # SHA-256 of the document, to be continued with the arrays
    checksum: str  # the SHA-256 of both


@contextmanager
def _opened(path: Path) -> Iterator[BinaryIO]:
    """Open a file for reading; raise CheckpointError where it is no plain file or cannot be read."""
    try:
        # Only a plain file is opened: a pipe would wait for ever, and opening a device may have an effect.
        _check_plain(path, os.stat(path))
        with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NONBLOCK)) as file:
            _check_plain(path, os.fstat(file.fileno()))
            yield file
    except OSError as error:
        raise CheckpointError(f"{path} cannot be read: {error.strerror}; {KNOWN}") from None
    except MemoryError:
        raise CheckpointError(f"{path} needs more memory than there is; use it on a larger machine") from None


def _check_plain(path: Path, found: os.stat_result) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise CheckpointError(f"{path} is no plain file; {KNOWN}")


def _read_header(path: Path, file: BinaryIO) -> _Header:
    """Return the header, with its form checked."""
    size, length = os.fstat(file.fileno()).st_size, int.from_bytes(file.read(8), "little")
    if not 2 <= length <= MOST_HEADER:
        raise CheckpointError(f"{path} is no model file; {KNOWN}")
    if length > size - 8:
        raise CheckpointError(f"{path} is damaged: it ends after {size:,} bytes; {AGAIN}")
    try:
        text, entries = _parts(file.read(length).decode("ascii"))
        document = _parsed(text)
        found = document["format"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CheckpointError(f"{path} is no charnn model; {KNOWN}") from None
    if found != FORMAT:
        raise CheckpointError(f"{path} has format {shown(found)}, this charnn reads {FORMAT}; train it again or upgrade")
    signature = _SIGNATURE.fullmatch(text, max(0, len(text) - _SIGNATURE_LENGTH))
    if signature is None:
        raise CheckpointError(f"{path} is damaged: its header is incomplete; {AGAIN}")
    return _Header(document, entries, 8 + length, _digest(text, signature.start()), signature[1])


def _parts(header: str) -> tuple[str, dict[str, Any]]:
    """Return the document's text and the entries of the arrays; raise ValueError for what packed() did not write."""
    # An escape such as \u1234, which only a document contains, would make every character beside it take four bytes.
    if not header.startswith(_BEGIN) or "\\u" in header.replace("\\\\", ""):
        raise ValueError("foreign")
    text, end = json.JSONDecoder().raw_decode(header, len(_BEGIN) - 1)
    return text, _parsed("{" + header[end:].removeprefix("}").removeprefix(","))


def _parsed(text: str) -> Any:
    """Parse JSON; raise ValueError before it takes more than MOST_ROOM, and for a repeated name."""
    if _room(text) > MOST_ROOM:
        raise ValueError("too large")
    return json.loads(text, object_pairs_hook=_distinct, parse_int=_short)


def _room(text: str) -> int:
    """Return an upper bound of the bytes that a JSON text and its contents take in memory."""
    escapes = text.count("\\u")
    # Python stores all characters of a string with the width of the widest.
    width = 4 if "\\ud" in text or "\\uD" in text else 2 if escapes else 1
    containers = text.count("[") + text.count("{")
    items = 80 * text.count(",") + 400 * containers + 300 * text.count(":")
    return len(text) + width * (len(text) - 5 * escapes) + items


def _distinct(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise ValueError("a name occurs twice")
    return found


def _short(digits: str) -> int:
    if len(digits) > 40:  # a number of 4,000 digits takes as long as 10,000 short ones
        raise ValueError("too many digits")
    return int(digits)


def _checked_size(path: Path, file: BinaryIO, header: _Header) -> int:
    """Return the size of the arrays; raise CheckpointError unless they end with the file, are on disk, and fit into memory."""
    try:
        promised = max((entry["data_offsets"][1] for entry in header.entries.values()), default=0)
        expected = header.begin + int(promised)
    except (KeyError, TypeError, ValueError, IndexError, OverflowError):
        raise CheckpointError(f"{path} is damaged: its header is incomplete; {AGAIN}") from None
    if len(header.entries) > MOST_ARRAYS:
        raise CheckpointError(f"{path} is damaged: it holds {len(header.entries):,} arrays, more than {MOST_ARRAYS:,}; {AGAIN}")
    found = os.fstat(file.fileno())
    size, on_disk = found.st_size, 512 * found.st_blocks
    if size != expected:
        raise CheckpointError(f"{path} is damaged: it should have {shown(expected)} bytes and has {size}; {AGAIN}")
    # No compression makes weights that small; some file systems report 0 for every file.
    if size > LARGE and 0 < on_disk < size // 16:
        raise CheckpointError(f"{path} is damaged: only {on_disk:,} of its {size:,} bytes were ever written; {AGAIN}")
    if size > LARGE and 2 * size > os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"):
        raise CheckpointError(f"{path} needs more memory than there is: twice its {size:,} bytes; use it on a larger machine")
    return size - header.begin


def _read_arrays(path: Path, file: BinaryIO, header: _Header, size: int) -> dict[str, NDArray[Any]]:
    """Return the arrays, read by safetensors."""
    # With a header of the arrays alone, so that the document, which may be large, is not parsed again.
    entries = json.dumps(header.entries).encode()
    try:
        return load(len(entries).to_bytes(8, "little") + entries + file.read(size))
    except (SafetensorError, KeyError, ValueError) as error:
        reason = str(error).removeprefix("Error while deserializing: ")
        raise CheckpointError(f"{path} is damaged: its arrays do not fit its header, {shown(reason)}; {AGAIN}") from None


def _digest(text: str, end: int) -> Any:
    """Return the SHA-256 object of the first `end` characters of a document and a closing brace."""
    digest = sha256()
    for begin in range(0, end, _PIECE):
        digest.update(text[begin : min(begin + _PIECE, end)].encode())
    digest.update(b"}")
    return digest


def _with_arrays(digest: Any, arrays: Arrays) -> str:
    """Return the checksum of the digest's bytes and the names, types, shapes and bytes of the arrays, sorted by name."""
    for name, array in sorted(arrays.items()):
        digest.update(f"{name} {array.dtype} {array.shape}\n".encode())
        digest.update(array.reshape(-1).view(np.uint8).data)
    return str(digest.hexdigest())
