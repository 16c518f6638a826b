"""Word vectors from the text files of GloVe, word2vec and fastText; only those of wanted words are kept in memory."""

import itertools
import mmap
import os
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charnn.data.readers import PACKED, unpacked
from charnn.errors import DataError

PEEK = 100  # Lines that are read to find the width of a file without a header

_HEADER = re.compile(rb"\d+ \d+\s*")
_NUMBER = re.compile(rb"[-+]?\d+\.\d+(e[-+]?\d+)?", re.IGNORECASE)

_MISSING, _LOWERED, _EXACT = 0, 1, 2


def read_vectors(path: str | Path, wanted: Mapping[str, int], width: int | None) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Return (rows, width) vectors, each wanted word's in the row of its number, and (rows,) which were found; the others are zeros.

    A missing word takes the first vector of its lower case. Raises DataError for an unreadable file, another width and bad lines.
    """
    found_width = vectors_width(path)
    if width is not None and width != found_width:
        raise DataError(f"{path}: holds vectors of {found_width} numbers, and {width} are wanted; say --embedding-size {found_width}")
    rows = max(wanted.values(), default=-1) + 1
    vectors, state = np.zeros((rows, found_width), np.float32), np.full(rows, _MISSING)
    exact = {_bytes(word): [row] for word, row in wanted.items()}
    lowered: dict[bytes, list[int]] = {}
    for word, row in wanted.items():
        if word.lower() != word:
            lowered.setdefault(_bytes(word.lower()), []).append(row)
    for number, line in _vector_lines(path):
        found = _word(line, found_width, f"{path}:{number}")
        for level, places in ((_EXACT, exact.get(found)), (_LOWERED, lowered.get(found))):
            takers = [row for row in places or () if state[row] < level]
            if takers:
                vectors[takers] = _numbers(line, found_width, f"{path}:{number}")
                state[takers] = level
    return vectors, state > _MISSING


def vectors_width(path: str | Path) -> int:
    """Return the number of values in each vector of a file. Raises DataError for a file without vectors as text."""
    head = list(itertools.islice(_lines(path), PEEK + 1))
    if head and _HEADER.fullmatch(head[0]):
        return int(head[0].split()[1])
    # A word may contain spaces, but most do not.
    widths = Counter(line.rstrip().count(b" ") for line in head)
    width = widths.most_common(1)[0][0] if widths else 0
    if not width:
        raise DataError(f"{path}: holds no word vectors; give a text file of GloVe, word2vec or fastText, plain or .gz")
    return width


def _vector_lines(path: str | Path) -> Iterator[tuple[int, bytes]]:
    """Yield the lines with their numbers from 1, without their ends, the header and blank lines."""
    for number, line in enumerate(_lines(path), 1):
        # fastText ends each line with a space.
        text = line.rstrip()
        if text and not (number == 1 and _HEADER.fullmatch(line)):
            yield number, text


def _lines(path: str | Path) -> Iterator[bytes]:
    with unpacked(path, str(path), lambda: open(path, "rb")) as file:
        if Path(path).suffix.lower() in PACKED:
            yield from file
        elif os.fstat(file.fileno()).st_size:  # An empty file cannot be mapped; mapped lines are three times as fast.
            with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as mapped:
                yield from iter(mapped.readline, b"")


def _word(line: bytes, width: int, where: str) -> bytes:
    """Return the word of a line, which may contain spaces. Raises DataError for a line of another width."""
    count = line.count(b" ")
    if count == width:
        return line[: line.index(b" ")]
    word = line.rsplit(b" ", width)[0] if count > width else b""
    if count < width or _NUMBER.fullmatch(word.rpartition(b" ")[2]):
        raise DataError(f"{where}: expected a word and {width:,} numbers, found {count:,}; is the file complete, and a text file?")
    return word


def _numbers(line: bytes, width: int, where: str) -> NDArray[np.float32]:
    try:
        numbers = np.array([float(one) for one in line.rsplit(b" ", width)[1:]], np.float32)
    except ValueError as error:
        raise DataError(f"{where}: expected a word and {width:,} numbers: {error}") from error
    if not np.isfinite(numbers).all():
        raise DataError(f"{where}: holds a number that is not finite; correct the line or remove it")
    return numbers


def _bytes(word: str) -> bytes:
    return word.encode("utf-8", "surrogatepass")
