"""A corpus: running text in pieces, or documents with labels, read from files as often as needed and never kept in memory."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from charnn.data.readers import Data, Decoding, Source, find_sources, named, not_empty, numbered_lines, read_text, refuse
from charnn.data.settings import KINDS, CorpusSettings
from charnn.data.tables.columns import find_column, header_rule, label_cell, label_wanted, text_cell, text_wanted
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Row
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import check_names

LONGEST_LINE = 1 << 20  # Most characters of a line of running text in memory at once


@dataclass(frozen=True)
class Document:
    """A text with a beginning and an end."""

    text: str
    label: str | None
    where: str  # path:line


class Stretch(NamedTuple):
    """A line of running text, or a part of one that is too long for memory."""

    text: str  # With the newline
    where: str  # path:line
    begins: bool  # Whether it is the first part of the line
    ends: bool  # Whether it is the last


class Corpus:
    """Files as one corpus, in order, read again each time in constant memory; raises DataError for bad files, when made or when read."""

    def __init__(self, paths: Data, settings: CorpusSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or CorpusSettings()
        self.is_documents = self.settings.is_documents
        self.name = corpus_name([str(path) for path in paths])
        self.sources = find_sources(paths)
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, self.settings.newlines)
        self._read = self._rows if self.settings.is_table else self._lines

    def chunks(self) -> Iterator[str]:
        """Yield the text in large pieces, of tables a line for each row, with newlines between files; raise DataError for no text."""
        if self.settings.is_table:
            return (f"{document.text}\n" for document in self.documents())
        return (separator + piece for _, separator, piece in self._pieces())

    def stretches(self) -> Iterator[Stretch]:
        """Yield the lines of a running text, a line over LONGEST_LINE in parts; joined they are the chunks."""
        current, number, rest, begins = None, 1, "", True
        for source, separator, piece in self._pieces():
            if source is not current:
                if current is not None and (rest or not begins):
                    yield Stretch(rest + separator, f"{current.name}:{number}", begins, True)
                current, number, rest, begins = source, 1, "", True
            *lines, rest = (rest + piece).split("\n")
            for line in lines:
                yield Stretch(f"{line}\n", f"{source.name}:{number}", begins, True)
                number, begins = number + 1, True
            if len(rest) > LONGEST_LINE:
                cut = rest.rfind(" ") + 1 or len(rest)  # between two words
                yield Stretch(rest[:cut], f"{source.name}:{number}", begins, False)
                rest, begins = rest[cut:], False
        if current is not None and (rest or not begins):
            yield Stretch(rest, f"{current.name}:{number}", begins, True)

    def documents(self) -> Iterator[Document]:
        """Yield each line without its end, or the text of each row, except empty ones; raise DataError where none is left."""
        found = (document for source in self.sources for document in self._read(source) if document.text)
        return not_empty(found, f"{named(self.sources)}: holds no documents: no line or row has any text; give a file that does")

    def facts(self) -> list[tuple[str, str]]:
        """Return (name, value) rows of the columns in use and the rows left out, and a warning if a table is read as running text."""
        tables = [one.name for one in self.sources if one.kind in KINDS and not self.settings.is_documents]
        warnings = [("warning", f"{tables[0]} is a table, read as it is; to train on a column of it say --text-column")] if tables else []
        return [*self.reading.facts(), *warnings]

    def labels(self) -> list[str]:
        """Return the distinct labels, sorted; none for a corpus without labels. The first call reads the whole corpus."""
        return list(self._labels)

    @cached_property
    def _labels(self) -> list[str]:
        if self.settings.label_column is None and not self.settings.labels_from_files:
            return []
        found = sorted({document.label for document in self.documents() if document.label is not None})
        check_names(found, "label")
        return found

    def _pieces(self) -> Iterator[tuple[Source, str, str]]:
        """Yield running text as (file, newline that the file before it lacks, piece)."""
        last = None
        for source in self.sources:
            separator = "" if last is None or last.endswith("\n") else "\n"
            for piece in read_text(source, self._decoding):
                yield source, separator, piece
                separator, last = "", piece
        if last is None:
            raise DataError(f"{named(self.sources)}: holds no text; give a file that does")

    def _lines(self, source: Source) -> Iterator[Document]:
        label = source.stem if self.settings.labels_from_files else None
        return (Document(line, label, where) for line, where in numbered_lines(source, self._decoding))

    def _rows(self, source: Source) -> Iterator[Document]:
        if self.settings.format_of(source.kind) is None:
            named = f"columns are read from files named {', '.join(KINDS)} (packed ones too), or with --input-format csv, tsv or jsonl"
            raise DataError(f"{source.name}: is no table; {named}")
        wanted = [text_wanted(self.settings.text_column)]
        wanted += [label_wanted(self.settings.label_column)] if self.settings.label_column is not None else []
        rows = self.reading.rows(source, self.settings, header_rule(self.settings, [one.given for one in wanted]))
        yield from self.reading.items(rows, lambda row: tuple(find_column(row, one) for one in wanted), self._document)

    def _document(self, row: Row, columns: tuple[str, ...]) -> Document:
        label = label_cell(row, columns[1]) if len(columns) > 1 else None
        text = text_cell(row, columns[0])
        if self.settings.newlines == "unix":
            text = text.replace("\r\n", "\n").replace("\r", "\n")
        return Document(text, label, row.where)


def corpus_name(paths: Sequence[str]) -> str:
    """Return a short name that can name a folder: that of the first file, and how many more there are."""
    assert paths
    first = Path(os.path.abspath(paths[0])).name if paths[0] != "-" else "stdin"
    stem = re.sub(r"(?<=.)(\.[A-Za-z]\w{0,7})?(\.(gz|bz2|xz))?$", "", first, count=1)
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "corpus"
    return name if len(paths) == 1 else f"{name}-and-{len(paths) - 1}-more"
