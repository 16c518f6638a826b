"""A first look at files: their names, the options given with them, and their first lines."""

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from charnn.data.readers import Decoding, Source, find_sources, read_text
from charnn.data.series import Cells, read_cells
from charnn.data.settings import PairFiles, ReadSettings, SeriesSettings
from charnn.data.tables.columns import columns_of
from charnn.data.tables.dialects import DELIMITERS, divided_by
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Row
from charnn.errors import CharnnError, DataError

SAMPLE_LINES = 200  # lines that are looked at
LEAST_LINES = 10  # lines from which it tells something that they have as many signs, or few values


@dataclass(frozen=True)
class Look:
    """Files as a task recognises them; a file is read only when it is asked for. Raises DataError for what cannot be read."""

    files: PairFiles
    given: Collection[str]  # settings of data that were given
    settings: ReadSettings

    def option(self, *names: str) -> str | None:
        """Return the first of these settings that was given, as the reason for the only task that has it."""
        return next((f"only it has --{name.replace('_', '-')}" for name in names if name in self.given), None)

    @cached_property
    def source(self) -> Source:
        """Return the first file."""
        return find_sources(self.files.tables)[0]

    @property
    def kind(self) -> str:
        """Return the extension of the first file."""
        return self.source.kind

    @property
    def is_table(self) -> bool:
        """Is the first file a table, by its name or by what was given?"""
        return self.settings.format_of(self.kind) is not None

    @cached_property
    def lines(self) -> list[str]:
        """Return the first whole lines, without their ends; none of what is no text at all."""
        pieces = read_text(self.source, Decoding(self.settings.encoding, "replace", "unix"))
        try:
            text, rest = next(pieces, ""), next(pieces, None)
            lines = (text if rest != "\n" else text + rest).split("\n", SAMPLE_LINES)
            if len(lines) > SAMPLE_LINES or lines[-1] == "" or rest is not None:
                lines.pop()  # no line, or not all of one
        except DataError:
            return []
        return [line.removesuffix("\r") for line in lines]

    @cached_property
    def full(self) -> list[str]:
        """Return the lines that are not blank."""
        return [line for line in self.lines if line.strip()]

    @cached_property
    def widths(self) -> Counter[int]:
        """Count the lines of each number of columns between tabs, comments apart."""
        return Counter(line.count("\t") + 1 for line in self.full if not line.startswith("#"))

    @cached_property
    def cells(self) -> list[Cells]:
        """Return the lines as rows of cells; none where fewer than two, or than half of them, are rows."""
        told, bad = self.settings, list[DataError]()
        how = SeriesSettings(input_format=told.input_format, delimiter=told.delimiter, header=told.header)
        try:
            rows = list(read_cells(self._head, how, Reading(bad.append)))
        except CharnnError:
            return []
        return rows if len(rows) >= max(2, len(bad)) else []

    @cached_property
    def row(self) -> Row | None:
        """Return the first row of a table."""
        return self.first_row() if self.is_table else None

    def first_row(self, *, has_header: bool = True) -> Row | None:
        """Return the first good row of the lines as a table, whatever the file is."""
        form, header = self.settings.format_of(self.kind) or "csv", self.settings.header
        how = ReadSettings(input_format=form, delimiter=self.settings.delimiter)
        try:
            return next(Reading(lambda _: None).rows(self._head, how, lambda _: has_header if header is None else header), None)
        except DataError:
            return None

    def refuse_table(self) -> None:
        """Raise DataError for a table, by its name or by signs that are as many in nearly all lines, with what to say of it."""
        full = self.full if len(self.full) >= LEAST_LINES else []
        counts = [Counter(line.count(sign) for line in full).most_common(1)[0] for sign in DELIMITERS if full]
        row = self.first_row() if self.is_table or any(signs and 20 * often >= 19 * len(full) for signs, often in counts) else None
        if row is None:
            return
        dialect = row.header and row.header.dialect
        divided = f" divided by {divided_by(dialect.delimiter)}" if dialect else ""
        how = "say what it is for with --task" if self.is_table else "say --input-format csv or tsv; or --task lm, if it is running text"
        raise DataError(f"{self.source.name}: looks like a table{divided} with the columns {columns_of(row)}; {how}")

    def refuse_labels(self) -> None:
        """Raise DataError where one of two columns has a few values again and again, as labels without a header line."""
        rows = [line.split("\t") for line in self.full if not line.startswith("#")]
        for label, text in ((0, 1), (1, 0)) if len(self.full) >= LEAST_LINES else ():
            found = Counter(row[label] for row in rows)
            if len(found) > 1 and 5 * len(found) <= len(rows) and 5 * len({row[text] for row in rows}) > len(rows):
                columns = f"--text-column {text + 1} --label-column {label + 1}{'' if self.kind else ' --input-format tsv'}"
                seems = f"seems to hold labels ({', '.join(f'{name:.20}' for name in list(found)[:3])})"
                raise DataError(f"{self.source.name}: column {label + 1} {seems}, and no line names the columns; say {columns}")

    @property
    def _head(self) -> Source:
        """Return the lines as a file of their own."""
        text = "".join(f"{line}\n" for line in self.lines)
        return Source(self.source.name, self.source.stem, self.kind, lambda: iter([text.encode()]))
