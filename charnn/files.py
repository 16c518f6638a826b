"""Files written whole or not at all, errors of a disk as sentences, and text that is safe to print."""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from charnn.errors import StorageError

_UNPRINTABLE = re.compile("[\\0-\\x1f\\x7f-\\x9f\\ud800-\\udfff]")


def write_whole(path: Path, data: bytes) -> None:
    """Replace a file by a whole new one: temporary name, fsync, rename, fsync of the folder. Raises StorageError."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    with storage_errors(path):
        try:
            with open(temporary, "wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            os.replace(temporary, path)
            descriptor = os.open(path.parent, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
        finally:
            temporary.unlink(missing_ok=True)


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn an OSError of writing into a StorageError that names the file."""
    try:
        yield
    except OSError as error:
        hint = "free some space" if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) else "choose another --to"
        raise StorageError(f"{path} cannot be written: {error.strerror}; {hint}") from None


def printable(word: str) -> str:
    """Return a text with U+FFFD for control characters and lone surrogates, which would command a terminal or break a file."""
    return _UNPRINTABLE.sub("\ufffd", word)
