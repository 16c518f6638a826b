"""Header, rows and bad rows of a table; and an iterator of lines with lookahead."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from charnn.data.lines import Line, Pause


class Lookahead:
    """Iterator of lines that can show the next ones before they are taken, and take lines back."""

    def __init__(self, lines: Iterable[Line | Pause]) -> None:
        self._lines = iter(lines)
        self._back: deque[Line | Pause] = deque()

    def __iter__(self) -> Iterator[Line | Pause]:
        while True:
            while self._back:
                yield self._back.popleft()
            for line in self._lines:
                yield line
                if self._back:
                    break
            else:
                if not self._back:
                    return

    def take(self) -> Line | Pause | None:
        """Return the next one; None at the end."""
        return self._back.popleft() if self._back else next(self._lines, None)

    def give_back(self, lines: Sequence[Line | Pause]) -> None:
        """Put lines before the next ones, to be taken again in their order."""
        self._back.extendleft(reversed(lines))

    def ahead(self, count: int, *, waits: bool = False) -> list[Line]:
        """Return the next lines without taking them, up to a pause, or with `waits` beyond it."""
        taken: list[Line | Pause] = []
        found: list[Line] = []
        while len(found) < count and (one := self.take()) is not None:
            taken.append(one)
            if isinstance(one, Line):
                found.append(one)
            elif not waits:
                break
        self.give_back(taken)
        return found


@dataclass
class Dialect:
    """The format of rows of cells."""

    form: str  # csv or tsv
    delimiter: str
    has_quotes: bool  # Whether a quote around a cell is not part of it
    is_open: bool = False  # Whether following rows will decide about quotes, as in a TSV


@dataclass(frozen=True)
class Header:
    """The columns of the rows that follow."""

    where: str
    columns: tuple[str, ...]  # The cells of the first row, with white space around them
    line_end: str = "\n"
    dialect: Dialect | None = None  # None for plain lines
    names: tuple[str, ...] = ()  # Names of the columns: a number for one that has no name, or the name of another
    is_named: bool = True  # Whether the first row names the columns
    begin: str = ""  # The lines before it

    @cached_property
    def places(self) -> dict[str, int]:
        """The position of every column."""
        return {name: place for place, name in enumerate(self.names)}


@dataclass(slots=True)
class Row:
    """One row of a table."""

    where: str  # path:line of its first line
    cells: Sequence[str] | Mapping[str, Any]  # In the order of the header; for JSON any values, by name
    size: int = 0  # Characters
    header: Header | None = None  # None for JSON

    @property
    def values(self) -> Mapping[str, Any]:
        """The cells by column."""
        if self.header is None:
            assert isinstance(self.cells, Mapping)
            return self.cells
        names: Iterable[str] = self.header.names
        if len(self.cells) != len(self.header.names):  # Without a header line, rows may have any length.
            names = map(str, range(1, len(self.cells) + 1))
        return dict(zip(names, self.cells, strict=True))

    def cell(self, column: str) -> Any:
        """Return the cell of a column. Raises KeyError where there is none."""
        if self.header is None:
            return self.cells[column]  # type: ignore[call-overload]  # by name
        try:
            return self.cells[self.header.places[column]]  # type: ignore[index]  # by place
        except IndexError:
            raise KeyError(column) from None


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used."""

    message: str  # With path:line


Item: TypeAlias = Header | Row | BadRow | Pause

HeaderRule: TypeAlias = Callable[[Sequence[str]], bool]  # Whether the cells of a first row name the columns
