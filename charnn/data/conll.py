"""Sentences of tagged tokens: CoNLL columns and CoNLL-U, read and written."""

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from charnn.data.corpus import corpus_name
from charnn.data.readers import Complain, Decoding, Source, find_sources, read_lines, read_text, refuse
from charnn.data.settings import CONLLU_COLUMNS, KINDS, TaggedSettings
from charnn.data.tokenized import VALID_SHARE
from charnn.errors import DataError

_WORD_ID = re.compile(r"\d+")
_NO_WORD_ID = re.compile(r"\d+[-.]\d+")  # 3-4 is a range of words written as one, 8.1 a word that is only understood
_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Sentence:
    """Tokens, and a tag for each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    where: str  # path:line of the first token


class TaggedData:
    """Files as tagged sentences, in the order given; each reading reads them anew, in constant memory.

    Raises DataError, when made, for what is missing or unreadable; when read, for what is no text.
    """

    def __init__(self, paths: Sequence[str | Path], settings: TaggedSettings | None = None, complain: Complain = refuse) -> None:
        self.settings = settings or TaggedSettings()
        self.name = corpus_name([str(path) for path in paths])
        self.sources = find_sources(paths)
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, "keep")
        self._complain = complain

    def sentences(self) -> Iterator[Sentence]:
        """The sentences, with at least one token each; of one with a bad line it complains with path:line.

        Raises DataError when there is no sentence at all.
        """
        is_empty = True
        for source in self.sources:
            for sentence in self._read(source):
                is_empty = False
                yield sentence
        if is_empty:
            raise DataError(f"{self.sources[0].name}: holds no sentences; give lines of 'token<TAB>tag', a blank line between sentences")

    def _read(self, source: Source) -> Iterator[Sentence]:
        if KINDS.get(source.kind, "tsv") != "tsv":
            what = "CSV table" if source.kind == ".csv" else "JSON file"
            rule = "a token and its tag a line, divided by a tab or blanks, a blank line between sentences"
            raise DataError(f"{source.name}: is a {what}, and a tagger reads CoNLL: {rule}; write it so")
        places: tuple[int, int] | None = None
        text = read_lines(read_text(source, self._decoding))
        for layout, lines in _sentences(text, source.name, source.kind == ".conllu", self._complain):
            places = places or self._places(layout, lines[0].where)
            token, tag = places
            if all(_is_tagged(line, tag, layout, self._complain) for line in lines):
                yield Sentence(tuple(line.cells[token] for line in lines), tuple(line.cells[tag].strip() for line in lines), lines[0].where)

    def _places(self, layout: "_Layout", where: str) -> tuple[int, int]:
        """Which cells of this file hold the token and the tag."""
        token = _place("token_column", self.settings.token_column, layout, where)
        tag = _place("tag_column", self.settings.tag_column, layout, where)
        token = layout.first if token is None else token
        tag = layout.last if tag is None else tag
        if token == tag:
            if layout.width == 1:
                raise DataError(f"{where}: has no tag; expected a token and its tag, divided by a tab")
            raise DataError(f"{where}: column {token + 1} cannot hold both the token and the tag; say another --tag-column")
        return token, tag


def split_sentences(sentences: Sequence[Sentence], share: float | None, seed: int, name: str) -> tuple[list[Sentence], list[Sentence]]:
    """Training and validation part: a random share is held out, by default a tenth. Raises DataError where none would be left."""
    held = max(1, round(len(sentences) * (share or VALID_SHARE)))
    if held >= len(sentences):
        raise DataError(f"{name} holds one sentence, which cannot be split; give more, or --valid FILE")
    is_held = np.zeros(len(sentences), bool)
    is_held[np.random.default_rng(seed).permutation(len(sentences))[:held]] = True
    parts: tuple[list[Sentence], list[Sentence]] = ([], [])
    for one, is_valid in zip(sentences, is_held, strict=True):
        parts[int(is_valid)].append(one)
    return parts


def token_sentences(lines: Iterable[str], name: str, column: int | None = None) -> Iterator[list[str]]:
    """The tokens of text that is divided already: a token a line, a blank line between sentences; other columns are left out.

    The column counts from 0; by default it is the first, in CoNLL-U the second. Raises DataError with name:line for a bad line.
    """
    for layout, found in _sentences(lines, name, False, refuse):
        place = layout.first if column is None else column
        if place >= layout.width:
            raise DataError(f"{found[0].where}: has {_columns(layout.width)}, so there is no column {place + 1}")
        yield [line.cells[place] for line in found]


def write_conll(tokens: Sequence[str], columns: Sequence[Sequence[str]] = ()) -> str:
    """A sentence as lines of the token and, behind tabs, its cell of every column, with a blank line at the end.

    Raises DataError for a token that would not be one cell.
    """
    lines = []
    for cells in zip(tokens, *columns, strict=True):
        if not cells[0] or "\t" in cells[0] or "\n" in cells[0]:
            raise DataError(f"the token {cells[0]!r:.40} cannot be written as CoNLL: it is empty, or holds a tab or a newline")
        lines.append("\t".join(cells) + "\n")
    return "".join(lines) + "\n"


@dataclass(frozen=True)
class _Line:
    where: str
    cells: list[str]


@dataclass(frozen=True)
class _Layout:
    """How the lines of one file are divided into columns."""

    is_conllu: bool
    is_tabbed: bool
    width: int

    @property
    def first(self) -> int:
        """The column of the token, unless told."""
        return CONLLU_COLUMNS.index("form") if self.is_conllu else 0

    @property
    def last(self) -> int:
        """The column of the tag, unless told."""
        return CONLLU_COLUMNS.index("upos") if self.is_conllu else self.width - 1

    def cells(self, text: str) -> list[str]:
        """The columns of a line."""
        return [cell.strip(" ") or cell for cell in text.split("\t")] if self.is_tabbed else _BLANKS.split(text.strip(" \t"))

    def is_left_out(self, cells: Sequence[str], is_first: bool) -> bool:
        """Is this line a comment, or no word of its own?"""
        if self.is_conllu:
            return cells[0].startswith("#") or _NO_WORD_ID.fullmatch(cells[0]) is not None
        # `#` is also a token. A comment has not the columns of a token, and stands alone or before a sentence.
        return cells[0].startswith("#") and len(cells) != self.width and (is_first or len(cells) == 1)

    def fault(self, line: _Line) -> str | None:
        """What is wrong, unless the line has the columns of this file, and a token."""
        if len(line.cells) != self.width:
            begin = f"{line.where}: expected {_columns(self.width)}"
            rule = "of CoNLL-U" if self.is_conllu else "as in the first sentence"
            return f"{begin} {rule}, found {len(line.cells)}; they are divided by {'tabs' if self.is_tabbed else 'spaces'}"
        if self.is_conllu and not _WORD_ID.fullmatch(line.cells[0]):
            return f"{line.where}: expected the number of a word in the first column, got {line.cells[0]!r:.40}"
        if not line.cells[self.first]:
            return f"{line.where}: has no token in column {self.first + 1}; fill it in or remove the line"
        return None


def _sentences(lines: Iterable[str], name: str, is_conllu: bool, complain: Complain) -> Iterator[tuple[_Layout, list[_Line]]]:
    layout, lines = _find_layout(lines, is_conllu)
    found: list[_Line] = []
    is_good = True
    for number, text in enumerate(map(_without_end, itertools.chain(lines, ["\n"])), 1):
        if not _is_token(text):
            if found and is_good:
                yield layout, found
            found, is_good = [], True
            continue
        line = _Line(f"{name}:{number}", layout.cells(text))
        if layout.is_left_out(line.cells, is_first=not found):
            continue
        found.append(line)
        fault = layout.fault(line)
        if fault is not None:
            is_good = False
            complain(DataError(fault))


def _find_layout(lines: Iterable[str], is_conllu: bool) -> tuple[_Layout, Iterator[str]]:
    """What the first line that is surely no comment tells; and all the lines again."""
    lines = iter(lines)
    held: list[str] = []
    sample = ""
    for line in lines:
        held.append(line)
        if _is_token(_without_end(line)):
            sample = _without_end(line)
            if not sample.startswith("#"):
                break
    cells = sample.split("\t")
    is_numbered = any(kind.fullmatch(cells[0]) for kind in (_WORD_ID, _NO_WORD_ID))
    is_conllu = is_conllu or (is_numbered and len(cells) == len(CONLLU_COLUMNS))
    is_tabbed = is_conllu or len(cells) > 1
    width = len(CONLLU_COLUMNS) if is_conllu else len(cells) if is_tabbed else len(_BLANKS.split(sample.strip(" ")))
    return _Layout(is_conllu, is_tabbed, width), itertools.chain(held, lines)


def _is_token(text: str) -> bool:
    """Does the line belong to a sentence? A blank line parts two, and so does the mark of a new document."""
    return bool(text.strip(" \t")) and _BLANKS.split(text, maxsplit=1)[0] != "-DOCSTART-"


def _place(name: str, value: str | None, layout: _Layout, where: str) -> int | None:
    if value is None:
        return None
    option = f"--{name.replace('_', '-')}"
    if not value.isdecimal():
        if not layout.is_conllu:
            raise DataError(f"{where}: is no CoNLL-U, so its columns have no names; say {option} as a number from 1 to {layout.width}")
        return CONLLU_COLUMNS.index(value)
    if int(value) > layout.width:
        raise DataError(f"{where}: has {_columns(layout.width)}; say a smaller {option} than {value}")
    return int(value) - 1


def _is_tagged(line: _Line, tag: int, layout: _Layout, complain: Complain) -> bool:
    # In other columns of CoNLL-U the underscore says that there is nothing to say.
    is_missing = layout.is_conllu and CONLLU_COLUMNS[tag] == "upos" and line.cells[tag] == "_"
    if is_missing or not line.cells[tag].strip():
        complain(DataError(f"{line.where}: has no tag in column {tag + 1}; fill it in or leave the sentence out"))
        return False
    return True


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
