"""A corpus: running text in pieces, or documents with labels, read from files as often as needed and never held in memory."""

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import NamedTuple

from charnn.data.readers import Complain, Decoding, Source, check_encoding, find_sources, read_lines, read_text, refuse
from charnn.data.tables import TABLES, label_cell, text_cell, text_column
from charnn.errors import DataError, SettingError
from charnn.settings import Settings, setting
from charnn.tokenizers.vocabulary import check_names

LONGEST_LINE = 1 << 20
"""Characters of a line of running text that are held at once."""


@dataclass(frozen=True)
class CorpusSettings(Settings):
    """How files become text."""

    documents: str = setting("whole", "What a document is: the whole text, or each line.", choices=("whole", "lines"))
    text_column: str | None = setting(None, "Column of a CSV, TSV or JSONL file that holds the text; each row is a document.")
    label_column: str | None = setting(None, "Column that holds the label of each row.")
    labels_from_files: bool = setting(False, "Take each file's name as the label of its lines.")
    encoding: str = setting("utf-8", "Encoding of the text files.")
    errors: str = setting("strict", "What to do with bytes that are no text: refuse, or replace by U+FFFD.", choices=("strict", "replace"))
    newlines: str = setting("keep", "Ends of lines: as they are, or all turned into a newline.", choices=("keep", "unix"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)
        if self.is_table and self.labels_from_files:
            raise SettingError("labels_from_files", "cannot be combined with text_column or label_column; choose one")
        if self.is_table and self.documents == "lines":
            raise SettingError("documents", "cannot be lines when text_column or label_column is given: there each row is a document")

    @property
    def is_table(self) -> bool:
        """Do the files hold rows with named columns?"""
        return self.text_column is not None or self.label_column is not None

    @property
    def is_documents(self) -> bool:
        """Does the corpus hold documents, each with a beginning and an end?"""
        return self.is_table or self.labels_from_files or self.documents == "lines"


@dataclass(frozen=True)
class Document:
    """A text with a beginning and an end."""

    text: str
    label: str | None
    where: str
    """path:line"""


class Stretch(NamedTuple):
    """A line of running text, or a part of a line too long to be held."""

    text: str
    """With the newline."""
    where: str
    """path:line"""
    begins: bool
    """Does the line begin with it ..."""
    ends: bool
    """... and end with it?"""


class Corpus:
    """Several files as one corpus, in the order given; iterating reads them anew, in constant memory.

    Raises DataError, when made, for what is missing or unreadable; when read, for what is no text or empty; complains of bad rows.
    """

    def __init__(self, paths: Sequence[str | Path], settings: CorpusSettings | None = None, complain: Complain = refuse) -> None:
        self.settings = settings or CorpusSettings()
        self.is_documents = self.settings.is_documents
        self.name = corpus_name([str(path) for path in paths])
        self.sources = find_sources(paths)
        self._complain = complain
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
        if source.kind not in TABLES:
            raise DataError(f"{source.name}: is no table; columns are read from files named {', '.join(TABLES)} (or one of them and .gz)")
        column, label_column = self.settings.text_column, self.settings.label_column
        for row in TABLES[source.kind](source.name, read_lines(read_text(source, self._decoding)), self._complain):
            column = column or text_column(row)
            try:
                label = None if label_column is None else label_cell(row, label_column)
                document = Document(text_cell(row, column), label, row.where)
            except DataError as error:
                self._complain(error)
            else:
                yield document

    def _names(self) -> str:
        first = self.sources[0].name
        return first if len(self.sources) == 1 else f"{first} and {len(self.sources) - 1} more"


def corpus_name(paths: Sequence[str]) -> str:
    """A short name that is fit for a folder: that of the first file, and how many more there are."""
    assert paths
    first = Path(os.path.abspath(paths[0])).name if paths[0] != "-" else "stdin"
    stem = re.sub(r"(?<=.)(\.[A-Za-z]\w{0,7})?(\.gz)?$", "", first, count=1)
    name = re.sub(r"[^\w.-]+", "-", stem).strip("-.") or "corpus"
    return name if len(paths) == 1 else f"{name}-and-{len(paths) - 1}-more"
