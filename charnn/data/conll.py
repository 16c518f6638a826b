"""Sentences of tagged tokens: CoNLL columns and CoNLL-U, read and written."""

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import chain, compress

import numpy as np

from charnn.data.corpus import corpus_name
from charnn.data.readers import Complain, Data, Decoding, Source, find_sources, not_empty, read_lines, read_text, refuse, without_end
from charnn.data.settings import CONLLU_COLUMNS, KINDS, TaggedSettings
from charnn.data.tokenized import VALID_FRACTION
from charnn.errors import DataError

_WORD_ID = re.compile(r"\d+")
_NO_WORD_ID = re.compile(r"\d+[-.]\d+")  # 3-4 is a range of words written as one, 8.1 a word that is not written
_BLANKS = re.compile(r"[ \t]+")


@dataclass(frozen=True)
class Sentence:
    """Tokens, with a tag for each."""

    tokens: tuple[str, ...]
    tags: tuple[str, ...]
    where: str  # path:line of the first token


class TaggedData:
    """Files as tagged sentences, in order, read again each time in constant memory; raises DataError for bad files."""

    def __init__(self, paths: Data, settings: TaggedSettings | None = None, complain: Complain = refuse) -> None:
        self.settings = settings or TaggedSettings()
        self.name = corpus_name([str(path) for path in paths])
        self.sources = find_sources(paths)
        self._decoding = Decoding(self.settings.encoding, self.settings.errors)
        self._complain = complain

    def sentences(self) -> Iterator[Sentence]:
        """Yield the sentences with at least one token; raise DataError with path:line for bad lines, and where there is no sentence."""
        rule = "give lines of 'token<TAB>tag', a blank line between sentences"
        return not_empty(chain.from_iterable(map(self._read, self.sources)), f"{self.sources[0].name}: holds no sentences; {rule}")

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
        """Return the columns of the token and of the tag in this file, from 0."""
        token = _place("token_column", self.settings.token_column, layout, where, default=layout.first)
        tag = _place("tag_column", self.settings.tag_column, layout, where, default=layout.last)
        if token == tag:
            if layout.width == 1:
                raise DataError(f"{where}: has no tag; expected a token and its tag, divided by a tab")
            raise DataError(f"{where}: column {token + 1} cannot hold both the token and the tag; say another --tag-column")
        return token, tag


def split_sentences(sentences: Sequence[Sentence], fraction: float | None, seed: int, name: str) -> tuple[list[Sentence], list[Sentence]]:
    """Return training and validation part, a random fraction, by default a tenth. Raises DataError where no training part is left."""
    count = max(1, round(len(sentences) * (fraction or VALID_FRACTION)))
    if count >= len(sentences):
        raise DataError(f"{name} holds one sentence, which cannot be split; give more, or --valid FILE")
    is_valid = np.zeros(len(sentences), bool)
    is_valid[np.random.default_rng(seed).permutation(len(sentences))[:count]] = True
    return list(compress(sentences, ~is_valid)), list(compress(sentences, is_valid))


def token_sentences(lines: Iterable[str], name: str, column: int | None = None) -> Iterator[list[str]]:
    """Yield the tokens of each sentence in lines of CoNLL, from a column, by default that of the token; raise DataError for bad lines."""
    for layout, found in _sentences(lines, name, False, refuse):
        place = layout.first if column is None else column
        if place >= layout.width:
            raise DataError(f"{found[0].where}: has {_columns(layout.width)}, so there is no column {place + 1}")
        yield [line.cells[place] for line in found]


def write_conll(tokens: Sequence[str], columns: Sequence[Sequence[str]] = ()) -> str:
    """Return a sentence as lines of a token and its cells, between tabs, with a blank line at the end; raise DataError for a bad token."""
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
    """How the lines of one file are divided into columns; `first` and `last` are the default columns of token and tag."""

    is_conllu: bool
    is_tabbed: bool
    width: int

    @property
    def first(self) -> int:
        return CONLLU_COLUMNS.index("form") if self.is_conllu else 0

    @property
    def last(self) -> int:
        return CONLLU_COLUMNS.index("upos") if self.is_conllu else self.width - 1

    def cells(self, text: str) -> list[str]:
        return [cell.strip(" ") or cell for cell in text.split("\t")] if self.is_tabbed else _BLANKS.split(text.strip(" \t"))

    def is_left_out(self, cells: Sequence[str], is_first: bool) -> bool:
        """Is this line a comment, or a range or omitted word of CoNLL-U?"""
        if self.is_conllu:
            return cells[0].startswith("#") or _NO_WORD_ID.fullmatch(cells[0]) is not None
        # `#` is also a token. A comment does not have the columns of a token, and is alone or before a sentence.
        return cells[0].startswith("#") and len(cells) != self.width and (is_first or len(cells) == 1)

    def fault(self, line: _Line) -> str | None:
        """Return what is wrong with a line; None if it has the columns of this file and a token."""
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
    for number, text in enumerate(map(without_end, chain(lines, ["\n"])), 1):
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
    """Return the layout by the first line that cannot be a comment, and all the lines again."""
    lines = iter(lines)
    seen: list[str] = []
    sample = ""
    for line in lines:
        seen.append(line)
        if _is_token(without_end(line)):
            sample = without_end(line)
            if not sample.startswith("#"):
                break
    cells = sample.split("\t")
    is_numbered = any(kind.fullmatch(cells[0]) for kind in (_WORD_ID, _NO_WORD_ID))
    is_conllu = is_conllu or (is_numbered and len(cells) == len(CONLLU_COLUMNS))
    is_tabbed = is_conllu or len(cells) > 1
    width = len(CONLLU_COLUMNS) if is_conllu else len(cells) if is_tabbed else len(_BLANKS.split(sample.strip(" ")))
    return _Layout(is_conllu, is_tabbed, width), chain(seen, lines)


def _is_token(text: str) -> bool:
    """Does the line belong to a sentence? Blank lines and -DOCSTART- lines divide sentences."""
    return bool(text.strip(" \t")) and _BLANKS.split(text, maxsplit=1)[0] != "-DOCSTART-"


def _place(name: str, value: str | None, layout: _Layout, where: str, default: int) -> int:
    if value is None:
        return default
    option = f"--{name.replace('_', '-')}"
    if not value.isdecimal():
        if not layout.is_conllu:
            raise DataError(f"{where}: is no CoNLL-U, so its columns have no names; say {option} as a number from 1 to {layout.width}")
        return CONLLU_COLUMNS.index(value)
    if int(value) > layout.width:
        raise DataError(f"{where}: has {_columns(layout.width)}; say a smaller {option} than {value}")
    return int(value) - 1


def _is_tagged(line: _Line, tag: int, layout: _Layout, complain: Complain) -> bool:
    # Only in this column of CoNLL-U is an underscore a missing tag: elsewhere it means that there are no values.
    is_missing = layout.is_conllu and CONLLU_COLUMNS[tag] == "upos" and line.cells[tag] == "_"
    if is_missing or not line.cells[tag].strip():
        complain(DataError(f"{line.where}: has no tag in column {tag + 1}; fill it in or leave the sentence out"))
        return False
    return True


def _columns(number: int) -> str:
    return "1 column" if number == 1 else f"{number} columns"
