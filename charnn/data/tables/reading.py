"""The one reader of tables: rows as they come, good or bad, each with its place."""

from collections.abc import Callable, Iterable, Iterator
from typing import TypeVar

from charnn.data.lines import Line, Pause, decoded_lines
from charnn.data.readers import Complain, Source
from charnn.data.settings import ReadSettings
from charnn.data.tables.cells import read_cell_rows, read_object_lines, read_objects
from charnn.data.tables.columns import taken
from charnn.data.tables.records import BadRow, HeaderRule, Item, Lookahead, Row
from charnn.errors import DataError

T = TypeVar("T")


def read_table(
    name: str,
    lines: Iterable[Line | Pause],
    form: str,
    settings: ReadSettings,
    is_header: HeaderRule = bool,
    *,
    is_ragged: bool = False,
) -> Iterator[Item]:
    """The rows of a table as they come; of CSV and TSV the header first. Empty lines are no rows.

    It reads no further than the row that is asked for, unless the first lines leave open how they are written. Rows of a ragged
    table without column names may be of any length. Raises DataError for a header that cannot be read.
    """
    if form == "jsonl":
        return read_object_lines(name, lines)
    if form == "json":
        return read_objects(name, lines)
    return read_cell_rows(name, Lookahead(lines), form, settings, is_header, is_ragged)


class Reading:
    """How files are read for training or measuring: what was taken, and which bad rows were left out."""

    def __init__(self, complain: Complain, *, skips: bool = False) -> None:
        self._complain = complain
        self._skips = skips
        self._taken: dict[str, None] = {}
        self._left_out: dict[str, None] = {}  # distinct, since files are read several times

    def complain(self, error: DataError) -> None:
        """Leaves a bad row out, or complains."""
        if self._skips:
            self._left_out.setdefault(str(error))
        else:
            self._complain(error)

    def take(self, what: str) -> None:
        """Notes what was taken."""
        self._taken.setdefault(what)

    def rows(self, source: Source, settings: ReadSettings, is_header: HeaderRule = bool, *, is_ragged: bool = False) -> Iterator[Row]:
        """The good rows of a file. Complains of bad ones."""
        form = settings.format_of(source.kind)
        assert form is not None
        lines = decoded_lines(source.name, source.blocks(), settings.encoding, settings.errors, takes_returns=True)
        for item in read_table(source.name, lines, form, settings, is_header, is_ragged=is_ragged):
            if isinstance(item, Row):
                yield item
            elif isinstance(item, BadRow):
                self.complain(DataError(item.message))

    def items(
        self,
        rows: Iterable[Row],
        columns: Callable[[Row], tuple[str, ...]],
        make: Callable[[Row, tuple[str, ...]], T],
    ) -> Iterator[T]:
        """What is made of the rows of one file and the columns that are found by its first row. Complains where that cannot be made."""
        found: tuple[str, ...] | None = None
        for row in rows:
            if found is None:
                found = columns(row)
                self.take(taken(row, *found))
            try:
                item = make(row, found)
            except DataError as error:
                self.complain(error)
            else:
                yield item

    def facts(self) -> list[tuple[str, str]]:
        """What was taken and left out, a name and a value each."""
        rows = [("columns", what) for what in self._taken]
        if self._left_out:
            count = len(self._left_out)
            rows.append(("left out", f"{count:,} bad {'row' if count == 1 else 'rows'}; the first: {next(iter(self._left_out))}"))
        return rows
