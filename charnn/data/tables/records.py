"""What is read from a table, header, rows and bad rows; and lines that can be looked at before they are taken."""

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, TypeAlias

from charnn.data.lines import Line, Pause


class Lookahead:
    """Lines in order, of which the next ones can be looked at, and taken ones given back."""

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
        """The next one, if there is any."""
        return self._back.popleft() if self._back else next(self._lines, None)

    def give_back(self, lines: Sequence[Line | Pause]) -> None:
        """Lines that are taken again, in their order."""
        self._back.extendleft(reversed(lines))

    def ahead(self, count: int, *, waits: bool = False) -> list[Line]:
        """The next lines, at most up to a pause unless it waits for them; they stay to be taken."""
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
    """How the cells of a row are written."""

    form: str  # csv or tsv
    delimiter: str
    has_quotes: bool  # Whether a quote around a cell is not part of it
    is_open: bool = False  # Whether the rows to come still decide about quotes, as in a TSV


@dataclass(frozen=True)
class Header:
    """The columns of the rows to come."""

    where: str
    columns: tuple[str, ...]  # As they were, white space around them included; what the first row holds where none names the columns
    line_end: str = "\n"
    dialect: Dialect | None = None  # None for what is no table
    names: tuple[str, ...] = ()  # What the columns are called: a number where one has no name, or that of another
    is_named: bool = True  # Whether the first row names the columns
    begin: str = ""  # Lines before it, as they were

    @cached_property
    def places(self) -> dict[str, int]:
        """The place of every column."""
        return {name: place for place, name in enumerate(self.names)}

    def names_of(self, count: int) -> Sequence[str]:
        """The names of so many cells; without a header line, rows may be of any length."""
        return self.names if count == len(self.names) else [str(number) for number in range(1, count + 1)]


@dataclass(slots=True)
class Row:
    """One row of a table."""

    where: str  # path:line of its first line
    cells: Sequence[str] | Mapping[str, Any]  # In the order of the header; in JSON by name, and anything that JSON can hold
    size: int = 0  # Its length in characters
    header: Header | None = None  # None in JSON

    @property
    def values(self) -> Mapping[str, Any]:
        """Its cells by column."""
        if self.header is None:
            assert isinstance(self.cells, Mapping)
            return self.cells
        return dict(zip(self.header.names_of(len(self.cells)), self.cells, strict=True))

    def cell(self, column: str) -> Any:
        """The cell of a column. Raises KeyError where there is none."""
        if self.header is None:
            return self.cells[column]  # type: ignore[call-overload]  # by name
        try:
            return self.cells[self.header.places[column]]  # type: ignore[index]  # by place
        except IndexError:
            raise KeyError(column) from None


@dataclass(frozen=True)
class BadRow:
    """A row that cannot be used."""

    message: str  # path:line and what is wrong


Item: TypeAlias = Header | Row | BadRow | Pause

HeaderRule: TypeAlias = Callable[[Sequence[str]], bool]  # Whether the cells of a first row name the columns
