"""The corpora that every installation has: some come with Python itself, some with charnn."""

import math
import os
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import NamedTuple

from charnn.errors import DataError

CODE_BYTES = 4_000_000  # Most bytes of `python-code`

SKIPPED = {"site-packages", "dist-packages", "__pycache__", "test", "tests", "idle_test", "encodings", "pydoc_data"}
"""Folders of the standard library that do not belong to it, or contain tables."""


def python_docs() -> Iterator[bytes]:
    """Yield the topics of the language reference that `help()` shows, sorted by name. Raises DataError where Python lacks them."""
    try:
        from pydoc_data.topics import topics
    except ImportError as error:
        raise DataError("python-docs: this Python came without pydoc_data; give a text file of your own") from error
    texts: Mapping[str, str] = topics
    for name in sorted(texts):
        yield texts[name].strip().encode() + b"\n\n\n"


def python_code() -> Iterator[bytes]:
    """Yield the standard library's modules, sorted by path, up to CODE_BYTES. Raises DataError where there are none."""
    folder = Path(sysconfig.get_path("stdlib"))
    used = 0
    for path in _modules(folder):
        if used + path.stat().st_size <= CODE_BYTES and _is_utf8(source := path.read_bytes()):
            used += len(source)
            yield source
    if not used:
        raise DataError(f"python-code: found no Python modules in {folder}; give a text file of your own")


def own_file(name: str) -> Iterator[bytes]:
    """Yield a file of `data/`, which is beside the package in a checkout and inside it where it is installed."""
    package = Path(__file__).parents[1]
    path = next((folder / name for folder in (package / "data", package.parent / "data") if (folder / name).is_file()), None)
    if path is None:
        raise DataError(f"{name}: this installation lacks its data folder; install charnn again, or give a file of your own")
    yield path.read_bytes()


def cosine() -> Iterator[bytes]:
    """Yield a table with the cosine of 3,000 evenly spaced points from 1 to 100, as in tutorials of recurrent networks."""
    yield b"cosine\n" + b"".join(f"{math.cos(1 + 99 * number / 2999):.9f}\n".encode() for number in range(3000))


class Builtin(NamedTuple):
    """A corpus with a name instead of a path."""

    kind: str  # the extension its file would have
    blocks: Callable[[], Iterator[bytes]]


BUILTIN = {
    "python-docs": Builtin(".txt", python_docs),
    "python-code": Builtin(".txt", python_code),
    "sentiment": Builtin(".tsv", partial(own_file, "sentiment.tsv")),
    "entities": Builtin(".conll", partial(own_file, "entities.conll")),
    "phrasebook": Builtin(".tsv", partial(own_file, "phrasebook.tsv")),
    "cosine": Builtin(".csv", cosine),
}
"""Built-in corpora by name; a file of the same name comes first."""


def _modules(folder: Path) -> list[Path]:
    found: list[Path] = []
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in SKIPPED]
        found += [Path(parent, name) for name in files if name.endswith(".py")]
    return sorted(found, key=lambda path: path.relative_to(folder).as_posix())


def _is_utf8(source: bytes) -> bool:
    try:
        return "\0" not in source.decode()
    except UnicodeDecodeError:
        return False
