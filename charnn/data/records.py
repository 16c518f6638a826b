"""Records of CSV and TSV, one at a time; a bad one is told and does not stop the rest."""

import csv
import sys
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass

from charnn.data.lines import Line, Pause

LARGEST = 1 << 26
"""Characters of a CSV record; a quote that is never closed would else take in the rest of the file."""


@dataclass(frozen=True)
class Record:
    """The cells of one row."""

    where: str
    """path:line of its first line."""
    cells: list[str]
    size: int
    """Its length in characters."""
    line_end: str
    problem: str | None
    """Why it cannot be used, with path:line."""


def read_csv_records(name: str, lines: Iterator[Line | Pause]) -> Iterator[Record | Pause]:
    """The rows of a CSV, its header like any other; empty lines are none. Quoted cells may hold newlines."""
    csv.field_size_limit(min(sys.maxsize, 2**31 - 1))
    source = _RowLines(lines)
    reader = csv.reader(source, strict=True)
    while (ahead := source.begin()) is not None:
        if isinstance(ahead, Pause):
            yield ahead
            continue
        where = f"{name}:{ahead.number}"
        try:
            cells = next(reader)
            problem = next((line.problem for line in source.taken if line.problem is not None), None)
        except csv.Error as error:
            # A quote too many takes good rows in up to the next quote: only the first line is given up.
            cells, problem = [], ahead.problem or f"{where}: is not valid csv: {error}"
            source.go_back()
        if cells or problem is not None:
            yield Record(where, cells, source.size, _line_end(source.taken[-1]), problem)


def read_tsv_records(name: str, lines: Iterator[Line | Pause]) -> Iterator[Record | Pause]:
    """The rows of a TSV, its header like any other; empty lines are none. Quotes are ordinary characters."""
    for line in lines:
        if isinstance(line, Pause):
            yield line
            continue
        cells = line.text.removesuffix("\n").removesuffix("\r").split("\t")
        if cells != [""]:
            yield Record(f"{name}:{line.number}", cells, len(line.text), _line_end(line), line.problem)


class _RowLines:
    """The lines of a CSV as csv.reader takes them, row by row; those of a bad row can be taken again."""

    def __init__(self, lines: Iterator[Line | Pause]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self.taken: list[Line] = []
        self.size = 0

    def begin(self) -> Line | Pause | None:
        """The first line of the next row, which stays to be taken; a pause before it; None at the end."""
        self.taken, self.size = [], 0
        ahead = self._again.popleft() if self._again else next(self._lines, None)
        if isinstance(ahead, Line):
            self._again.appendleft(ahead)
        return ahead

    def go_back(self) -> None:
        """Gives back all lines of the row but its first."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def __iter__(self) -> "_RowLines":
        return self

    def __next__(self) -> str:
        if self.size > LARGEST:
            raise csv.Error("a quote that is opened here is not closed")
        line = self._again.popleft() if self._again else next(line for line in self._lines if isinstance(line, Line))
        self.taken.append(line)
        self.size += len(line.text)
        return line.text


def _line_end(line: Line) -> str:
    return "\r\n" if line.text.endswith("\r\n") else "\n"
