"""The evidence for the task that files are for: their names, the options given with them, and their first lines."""

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

SAMPLE_LINES = 200  # lines that are read
LEAST_LINES = 10  # with fewer lines, equal numbers of delimiters or few values may be chance


@dataclass(frozen=True)
class Look:
    """The first lines of files, which are read when they are first used. Raises DataError for unreadable files."""

    files: PairFiles
    given: Collection[str]  # names of the settings that were given
    settings: ReadSettings

    def option(self, *names: str) -> str | None:
        """Return the reason for the only task that has these settings, if one of them was given."""
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
        """Return whether the first file is a table, by its name or by a given format."""
        return self.settings.format_of(self.kind) is not None

    @cached_property
    def lines(self) -> list[str]:
        """Return the first complete lines, without line ends; none of a file that is not text."""
        pieces = read_text(self.source, Decoding(self.settings.encoding, "replace", "unix"))
        try:
            text, rest = next(pieces, ""), next(pieces, None)
            lines = (text if rest != "\n" else text + rest).split("\n", SAMPLE_LINES)
            if len(lines) > SAMPLE_LINES or lines[-1] == "" or rest is not None:
                lines.pop()  # empty or incomplete
        except DataError:
            return []
        return [line.removesuffix("\r") for line in lines]

    @cached_property
    def full(self) -> list[str]:
        """Return the lines that are not blank."""
        return [line for line in self.lines if line.strip()]

    @cached_property
    def widths(self) -> Counter[int]:
        """Return the number of lines, except comments, by their number of tab-separated columns."""
        return Counter(line.count("\t") + 1 for line in self.full if not line.startswith("#"))

    @cached_property
    def cells(self) -> list[Cells]:
        """Return the lines as rows of cells; none where fewer than two lines, or than half of them, are rows."""
        given, bad = self.settings, list[DataError]()
        how = SeriesSettings(input_format=given.input_format, delimiter=given.delimiter, header=given.header)
        try:
            rows = list(read_cells(self._head, how, Reading(bad.append)))
        except CharnnError:
            return []
        return rows if len(rows) >= max(2, len(bad)) else []

    @cached_property
    def row(self) -> Row | None:
        """Return the first row of a table, None for another file."""
        return self.first_row() if self.is_table else None

    def first_row(self, *, has_header: bool = True) -> Row | None:
        """Read the lines as a table, whatever the file is, and return the first valid row."""
        form, header = self.settings.format_of(self.kind) or "csv", self.settings.header
        how = ReadSettings(input_format=form, delimiter=self.settings.delimiter)
        try:
            return next(Reading(lambda _: None).rows(self._head, how, lambda _: has_header if header is None else header), None)
        except DataError:
            return None

    def refuse_table(self) -> None:
        """Raise DataError for a table, recognised by its name or by equal numbers of a delimiter in nearly all lines."""
        full = self.full if len(self.full) >= LEAST_LINES else []
        counts = [Counter(line.count(one) for line in full).most_common(1)[0] for one in DELIMITERS if full]
        row = self.first_row() if self.is_table or any(count and 20 * often >= 19 * len(full) for count, often in counts) else None
        if row is None:
            return
        dialect = row.header and row.header.dialect
        divided = f" divided by {divided_by(dialect.delimiter)}" if dialect else ""
        how = "say what it is for with --task" if self.is_table else "say --input-format csv or tsv; or --task lm, if it is running text"
        raise DataError(f"{self.source.name}: looks like a table{divided} with the columns {columns_of(row)}; {how}")

    def refuse_labels(self) -> None:
        """Raise DataError where one of two columns repeats a few values, like labels without a header line."""
        rows = [line.split("\t") for line in self.full if not line.startswith("#")]
        for label, text in ((0, 1), (1, 0)) if len(self.full) >= LEAST_LINES else ():
            found = Counter(row[label] for row in rows)
            if len(found) > 1 and 5 * len(found) <= len(rows) and 5 * len({row[text] for row in rows}) > len(rows):
                columns = f"--text-column {text + 1} --label-column {label + 1}{'' if self.kind else ' --input-format tsv'}"
                seems = f"seems to contain labels ({', '.join(f'{name:.20}' for name in list(found)[:3])})"
                raise DataError(f"{self.source.name}: column {label + 1} {seems}, and no line names the columns; say {columns}")

    @property
    def _head(self) -> Source:
        """Return the first lines as a file."""
        text = "".join(f"{line}\n" for line in self.lines)
        return Source(self.source.name, self.source.stem, self.kind, lambda: iter([text.encode()]))
