"""Files written whole or not at all, errors of a disk as sentences, and text that no terminal or file stumbles over."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charnn.errors import StorageError

_UNPRINTABLE = re.compile("[\\0-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


def write_whole(path: Path, data: bytes) -> None:
    """Replaces a file by a whole new one: temporary name, fsync, rename, fsync of the folder; raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            _sync_folder(path.parent)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turns an OSError of writing into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "choose another --to"
        raise StorageError(f"{path} cannot be written: {error.strerror}; {hint}") from None


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def printable(word: str) -> str:
    """The word, with U+FFFD for what would command a terminal or break a file: control characters and lone surrogates."""
    return _UNPRINTABLE.sub("\ufffd", word)
