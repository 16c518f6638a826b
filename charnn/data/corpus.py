"""A corpus: running text in pieces, or documents with labels, read from files as often as needed and never held in memory."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from charnn.data.readers import Decoding, Source, find_sources, read_lines, read_text, refuse
from charnn.data.settings import KINDS, CorpusSettings
from charnn.data.tables.columns import find_column, header_rule, label_cell, label_wanted, text_cell, text_wanted
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Row
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import check_names

LONGEST_LINE = 1 << 20  # Characters of a line of running text that are held at once


@dataclass(frozen=True)
class Document:
    """A text with a beginning and an end."""

    text: str
    label: str | None
    where: str  # path:line


class Stretch(NamedTuple):
    """A line of running text, or a part of a line too long to be held."""

    text: str  # With the newline
    where: str  # path:line
    begins: bool  # Does the line begin with it
    ends: bool  # ... and end with it?


class Corpus:
    """Several files as one corpus, in the order given; iterating reads them anew, in constant memory.

    Raises DataError, when made, for what is missing or unreadable; when read, for what is no text or empty; complains of bad rows.
    """

    def __init__(self, paths: Sequence[str | Path], settings: CorpusSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or CorpusSettings()
        self.is_documents = self.settings.is_documents
        self.name = corpus_name([str(path) for path in paths])
        self.sources = find_sources(paths)
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, self.settings.newlines)
        self._read = self._rows if self.settings.is_table else self._lines

    def chunks(self) -> Iterator[str]:
        """The text in pieces of about a million characters; a file that does not end in a newline is given one before the next file.

        Of tables it gives the texts of the rows, a line each. Raises DataError when there is no text at all.
        """
        if self.settings.is_table:
            yield from (f"{document.text}\n" for document in self.documents())
            return
        for _, separator, piece in self._pieces():
            yield separator + piece

    def stretches(self) -> Iterator[Stretch]:
        """The lines of a running text with their places, which joined are the chunks; a longer line than LONGEST_LINE comes in parts."""
        current, number, held, begins = None, 1, "", True
        for source, separator, piece in self._pieces():
            if source is not current:
                if current is not None and (held or not begins):
                    yield Stretch(held + separator, f"{current.name}:{number}", begins, True)
                current, number, held, begins = source, 1, "", True
            *lines, held = (held + piece).split("\n")
            for line in lines:
                yield Stretch(f"{line}\n", f"{source.name}:{number}", begins, True)
                number, begins = number + 1, True
            if len(held) > LONGEST_LINE:
                cut = held.rfind(" ") + 1 or len(held)  # between two words
                yield Stretch(held[:cut], f"{source.name}:{number}", begins, False)
                held, begins = held[cut:], False
        if current is not None and (held or not begins):
            yield Stretch(held, f"{current.name}:{number}", begins, True)

    def documents(self) -> Iterator[Document]:
        """The documents: each line without its end, or the text of each row; empty ones are skipped.

        Raises DataError with path:line for a bad row or an empty label, and when no document is left.
        """
        is_empty = True
        for source in self.sources:
            for document in self._read(source):
                if document.text:
                    is_empty = False
                    yield document
        if is_empty:
            raise DataError(f"{self._names()}: holds no documents: no line or row has any text; give a file that does")

    def facts(self) -> list[tuple[str, str]]:
        """The columns that were taken and the rows left out; a warning where a table is read as running text."""
        tables = [one.name for one in self.sources if one.kind in KINDS and not self.settings.is_documents]
        warnings = [("warning", f"{tables[0]} is a table, read as it is; to train on a column of it say --text-column")] if tables else []
        return [*self.reading.facts(), *warnings]

    def labels(self) -> list[str]:
        """The distinct labels, sorted; none for a corpus without labels. Reads the whole corpus the first time."""
        return list(self._labels)

    @cached_property
    def _labels(self) -> list[str]:
        if self.settings.label_column is None and not self.settings.labels_from_files:
            return []
        found = sorted({document.label for document in self.documents() if document.label is not None})
        check_names(found, "label")
        return found

    def _pieces(self) -> Iterator[tuple[Source, str, str]]:
        """Running text: the file, the newline that the file before it lacks, and a piece that is not empty."""
        last = "\n"
        is_empty = True
        for source in self.sources:
            separator = "" if last.endswith("\n") else "\n"
            for piece in read_text(source, self._decoding):
                yield source, separator, piece
                separator, last, is_empty = "", piece, False
        if is_empty:
            raise DataError(f"{self._names()}: holds no text; give a file that does")

    def _lines(self, source: Source) -> Iterator[Document]:
        label = source.stem if self.settings.labels_from_files else None
        for number, line in enumerate(read_lines(read_text(source, self._decoding)), 1):
            yield Document(line.removesuffix("\n").removesuffix("\r"), label, f"{source.name}:{number}")

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

    def _names(self) -> str:
        first = self.sources[0].name
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"


def corpus_name(paths: Sequence[str]) -> str:
    """A short name that is fit for a folder: that of the first file, and how many more there are."""
    assert paths
    first = Path(os.path.abspath(paths[0])).name if paths[0] != "-" else "stdin"
    stem = re.sub(r"(?<=.)(\.[A-Za-z]\w{0,7})?(\.(gz|bz2|xz))?$", "", first, count=1)
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "corpus"
    return name if len(paths) == 1 else f"{name}-and-{len(paths) - 1}-more"
