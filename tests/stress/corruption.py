"""Damaged copies of files: a flipped bit, a file cut short or gone on, one model's arrays under another's header."""

import random
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charnn.checkpoint.documents import read_document_file
from charnn.errors import CheckpointError
from charnn.tasks.load import load
from charnn.training.resume import read_state
from tests.stress.children import apart
from tests.stress.row import Row
from tests.stress.tiny import MAKERS, model_file, state_file

FLIPS = 500
"""Bits that are flipped in a file of each kind, one at a time."""

SEED = 1


class FileKind(NamedTuple):
    """Files of a kind."""

    name: str
    make: Callable[[Path, int], Any]  # for each number other contents of the same size
    load: Callable[[Path], Any]  # raises CheckpointError


def _maker(kind: str) -> Callable[[Path, int], None]:
    return lambda path, number: model_file(kind, path, number)


FILES = [*(FileKind(kind, _maker(kind), load) for kind in MAKERS), FileKind("state of training", state_file, read_state)]
"""What is damaged."""


class Damage(NamedTuple):
    """A damaged file."""

    name: str
    data: bytes


def damages(data: bytes, other: bytes, flips: int) -> Iterator[Damage]:
    """Damaged copies of a file, given another one of the same sizes and other contents."""
    draw = random.Random(SEED)
    for _ in range(flips):
        place, bit = draw.randrange(len(data)), draw.randrange(8)
        damaged = bytearray(data)
        damaged[place] ^= 1 << bit
        yield Damage(f"bit {bit} of byte {place} flipped", bytes(damaged))
    header = _header(data)
    for length in (0, 1, 7, 8, 9, header - 1, header, header + 1, len(data) // 2, len(data) - 1):
        yield Damage(f"cut to {length} of {len(data)} bytes", data[:length])
    for more in (b"\0", b"\n", bytes(8), bytes(4096), data):
        yield Damage(f"{len(more)} bytes more", data + more)
    yield Damage("another one's arrays", data[:header] + other[_header(other) :])
    yield Damage("another one's header", other[: _header(other)] + data[header:])
    yield Damage("nothing but zeros", bytes(len(data)))
    for place in (header, len(data) - 4096, len(data) // 2):
        lost = range(max(0, place), min(len(data), place + 4096))
        yield Damage(f"a lost block at byte {lost.start}", data[: lost.start] + bytes(len(lost)) + data[lost.stop :])


def run(scale: float = 1.0) -> Row:
    """Damages a file of every kind; each copy must be refused by CheckpointError, or be read as if it were whole."""
    done, harmless, failures = 0, 0, []
    with tempfile.TemporaryDirectory() as name:
        for kind in FILES:
            whole, other, path = (Path(name) / f"{kind.name} {which}" for which in ("whole", "other", "damaged"))
            kind.make(whole, 0)
            kind.make(other, 1)
            copies = list(damages(whole.read_bytes(), other.read_bytes(), max(1, round(FLIPS * scale))))
            outcomes = apart(lambda copy, kind=kind, whole=whole, path=path: _outcome(kind, whole, path, copy), copies)
            done += len(copies)
            harmless += outcomes.count("harmless")
            wrong = zip(copies, outcomes, strict=True)
            failures += [f"{kind.name}, {copy.name}: {said}" for copy, said in wrong if said not in ("refused", "harmless")]
    note = f"{done - harmless - len(failures):,} refused, {harmless} read as if whole"
    return Row("damaged files", f"{done:,} damaged copies of {len(FILES)} kinds", len(failures), note, tuple(failures[:5]))


def _outcome(kind: FileKind, whole: Path, path: Path, copy: Damage) -> str:
    """What becomes of loading a damaged file: refused, harmless, or what is wrong."""
    path.write_bytes(copy.data)
    try:
        kind.load(path)
        return "harmless" if _is_same(path, whole) else "loaded silently"
    except CheckpointError as error:
        return "refused" if str(error).startswith(str(path)) else f"refused without its name: {error}"
    except Exception as error:  # whatever it is, it is what we look for
        return f"{type(error).__name__}: {error}"


def _is_same(path: Path, other: Path) -> bool:
    (document, arrays), (right, right_arrays) = read_document_file(path), read_document_file(other)
    is_alike = document == right and arrays.keys() == right_arrays.keys()
    return is_alike and all(np.array_equal(array, right_arrays[name]) for name, array in arrays.items())


def _header(data: bytes) -> int:
    """Where the header ends."""
    return 8 + int.from_bytes(data[:8], "little")
