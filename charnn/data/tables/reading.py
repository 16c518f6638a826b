"""The one reader of tables, which yields rows, good or bad, each with its path:line."""

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
    name: str, lines: Iterable[Line | Pause], form: str, settings: ReadSettings, is_header: HeaderRule = bool, *, is_ragged: bool = False
) -> Iterator[Item]:
    """Yield the header of a CSV or TSV, and the rows, each as soon as it is read; raise DataError for a bad header.

    Empty lines are no rows. Rows of a ragged table without column names may have any length.
    """
    if form == "jsonl":
        return read_object_lines(name, lines)
    if form == "json":
        return read_objects(name, lines)
    return read_cell_rows(name, Lookahead(lines), form, settings, is_header, is_ragged)


class Reading:
    """Reads tables for training or evaluation, and keeps the columns in use and the bad rows that were left out."""

    def __init__(self, complain: Complain, *, skips: bool = False) -> None:
        self._complain = complain
        self._skips = skips
        self._taken: dict[str, None] = {}
        self._left_out: dict[str, None] = {}  # distinct, since files are read several times

    def complain(self, error: DataError) -> None:
        """Leave a bad row out, or pass its error on."""
        if self._skips:
            self._left_out.setdefault(str(error))
        else:
            self._complain(error)

    def rows(self, source: Source, settings: ReadSettings, is_header: HeaderRule = bool, *, is_ragged: bool = False) -> Iterator[Row]:
        """Yield the good rows of a file, and complain() of bad ones."""
        form = settings.format_of(source.kind)
        assert form is not None
        lines = decoded_lines(source.name, source.blocks(), source.encoding or settings.encoding, settings.errors, takes_returns=True)
        for item in read_table(source.name, lines, form, settings, is_header, is_ragged=is_ragged):
            if isinstance(item, Row):
                yield item
            elif isinstance(item, BadRow):
                self.complain(DataError(item.message))

    def items(
        self, rows: Iterable[Row], columns: Callable[[Row], tuple[str, ...]], make: Callable[[Row, tuple[str, ...]], T]
    ) -> Iterator[T]:
        """Yield make(row, columns of the first row) for the rows of one file, and complain() where it raises DataError."""
        found: tuple[str, ...] | None = None
        for row in rows:
            if found is None:
                found = columns(row)
                self._taken.setdefault(taken(row, *found))
            try:
                item = make(row, found)
            except DataError as error:
                self.complain(error)
            else:
                yield item

    def facts(self) -> list[tuple[str, str]]:
        """Return (name, value) rows of the columns in use and the rows left out."""
        rows = [("columns", what) for what in self._taken]
        if self._left_out:
            count = len(self._left_out)
            rows.append(("left out", f"{count:,} bad {'row' if count == 1 else 'rows'}; the first: {next(iter(self._left_out))}"))
        return rows
