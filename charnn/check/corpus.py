"""What to know of a corpus before a language model is trained on it: lines or documents, repeats, overlap of the parts, symbols."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from charnn.check.findings import Finding, counted
from charnn.check.labelled import ordered, shares
from charnn.check.symbols import SymbolCounts, Symbols
from charnn.check.tally import Tally, itself
from charnn.data.corpus import Corpus, Document, Stretch
from charnn.data.labelled import folded, folded_fingerprint
from charnn.data.tokenized import split_corpus, whole

LEAST_LINE = 20
"""Characters of a line of running text below which it says nothing that it stands there twice."""

BLOCK = 1 << 18
"""Characters of running text whose symbols are counted together."""


@dataclass(frozen=True)
class CorpusExamination:
    """What the lines of running text, or the documents, of a training and a validation part are."""

    unit: str
    """line or document"""
    train: int
    """How many there are ..."""
    valid: int
    """... and in the validation part, a line that the border between the parts cuts included ..."""
    characters: tuple[int, int]
    """... and the characters of either part, with ends of lines where they are text."""
    labels: Mapping[str, int]
    """Training documents per label, the most frequent first."""
    duplicates: Finding
    """Of the training part those that stood before, but for white space and case; short lines apart ..."""
    shared: Finding
    """... and of the validation part those that stand in training too ..."""
    one_in: int
    """... both estimated, where there are very many, from one different text in so many."""
    shared_share: float
    """The characters of what is shared, as a share of the validation part."""
    lengths: Mapping[int, int]
    """How many lines or documents have so many characters ..."""
    symbols: SymbolCounts
    """... and what all are made of; those of a validation part that is given apart."""

    def lines(self) -> list[tuple[str, str]]:
        """(name, value) rows to print: how many, labels, duplicates, warnings."""
        name = f"{self.unit}s"
        if self.unit == "line":
            rows = [("split", f"{self.characters[0]:,} characters to train on, {self.characters[1]:,} to validate on")]
        else:
            rows = [(name, f"{self.train:,} to train on, {self.valid:,} to validate on")]
        if self.labels:
            rows.append(("labels", shares(self.labels)))
        what = f" of {LEAST_LINE} characters or more" if self.unit == "line" else ""
        about = "" if self.one_in == 1 else f"; estimated from one in {self.one_in}"
        if self.duplicates.count:
            stand = counted(self.duplicates.count, f"{self.unit}{what} stands", f"{name}{what} stand")
            rows.append(("duplicates", f"{stand} there before, for example {self.duplicates.where}{about}"))
        if self.shared.count:
            stand = counted(self.shared.count, f"{self.unit}{what} stands", f"{name}{what} stand")
            share = f"{100 * self.shared_share:.1f} % of the validation part"
            rows.append(("warning", f"{stand} in both splits ({share}), for example {self.shared.where}{about}"))
        return rows


class Unit(NamedTuple):
    """A line or a document, as far as it is compared with others."""

    length: int
    mark: int | None  # its fingerprint, if it is compared
    where: str
    label: str | None


def examine_corpus(corpus: Corpus, valid: Corpus | None, seed: int) -> CorpusExamination:
    """Reads a corpus and its validation part, which is that of split_corpus unless it is given; in bounded memory.

    Raises DataError where there is nothing to read.
    """
    measured = _Measured(Symbols(), Counter())
    if corpus.is_documents:
        return _examined("document", *_document_parts(corpus, valid, seed, measured), measured)
    train, held = (whole(corpus), whole(valid)) if valid is not None else split_corpus(corpus, None, seed)
    sizes = sum(map(len, train.chunks())), sum(map(len, held.chunks()))
    parts = _line_parts(corpus, valid, sizes[0], measured)
    return replace(_examined("line", *parts, measured), characters=sizes)


class _Measured(NamedTuple):
    """What grows as units are read."""

    symbols: Symbols
    lengths: Counter[int]


def _examined(unit: str, train: Iterable[Unit], valid: Iterable[Unit], measured: _Measured) -> CorpusExamination:
    seen: Tally[int] = Tally(itself)
    labels: Counter[str] = Counter()
    repeat_where = shared_where = None
    total = count = train_size = size = shared = shared_size = 0
    for one in train:
        total, train_size = total + 1, train_size + one.length
        if one.label is not None:
            labels[one.label] += 1
        if one.mark is not None:
            if one.mark in seen.counts:
                repeat_where = repeat_where or one.where
            seen.add([one.mark])
    for one in valid:
        count, size = count + 1, size + one.length
        if one.mark is not None and one.mark in seen.counts:
            shared, shared_size = shared + seen.one_in, shared_size + seen.one_in * one.length
            shared_where = shared_where or one.where
    repeated = seen.one_in * (seen.counts.total() - len(seen.counts))
    return CorpusExamination(
        unit=unit,
        train=total,
        valid=count,
        characters=(train_size, size),
        labels=ordered(labels),
        duplicates=Finding(repeated, repeat_where),
        shared=Finding(shared, shared_where),
        one_in=seen.one_in,
        shared_share=min(1.0, shared_size / max(1, size)),
        lengths=measured.lengths,
        symbols=measured.symbols.counts(),
    )


def _document_parts(corpus: Corpus, valid: Corpus | None, seed: int, measured: _Measured) -> tuple[Iterator[Unit], Iterator[Unit]]:
    if valid is not None:
        return _documents(corpus.documents(), measured), _documents(valid.documents(), None)
    train, held = split_corpus(corpus, None, seed)
    assert train.documents is not None
    assert held.documents is not None
    return _documents(train.documents(), measured), _documents(held.documents(), measured)


def _documents(documents: Iterable[Document], measured: _Measured | None) -> Iterator[Unit]:
    for one in documents:
        if measured is not None:
            measured.lengths[len(one.text)] += 1
            measured.symbols.add(one.text, one.where)
        yield Unit(len(one.text), folded_fingerprint(folded(one.text)), one.where, one.label)


def _line_parts(corpus: Corpus, valid: Corpus | None, cut: int, measured: _Measured) -> tuple[Iterator[Unit], Iterator[Unit]]:
    """The lines that end within so many characters, and the others; the latter are to be read after the former."""
    lines = _lines(corpus, measured)
    if valid is not None:
        return (unit for _, unit in lines), (unit for _, unit in _lines(valid, None))
    border: list[Unit] = []

    def before() -> Iterator[Unit]:
        for end, unit in lines:
            if end > cut:
                border.append(unit)
                return
            yield unit

    return before(), chain.from_iterable([border, (unit for _, unit in lines)])


def _lines(corpus: Corpus, measured: _Measured | None) -> Iterator[tuple[int, Unit]]:
    """Each line, and how many characters of the corpus there are up to its end."""
    end = length = 0
    for one in corpus.stretches() if measured is None else _counted(corpus.stretches(), measured.symbols):
        text = one.text.rstrip("\r\n")
        end, length = end + len(one.text), length + len(text)
        if not one.ends:
            continue
        mark = folded_fingerprint(folded(text)) if one.begins and length >= LEAST_LINE else None
        if measured is not None:
            measured.lengths[length] += 1
        yield end, Unit(length, mark, one.where, None)
        length = 0


def _counted(stretches: Iterable[Stretch], symbols: Symbols) -> Iterator[Stretch]:
    """The same, their symbols counted, many lines of a file together."""
    held: list[str] = []
    where, size = "", 0
    for one in stretches:
        is_same_file = one.where.rpartition(":")[0] == where.rpartition(":")[0]
        if held and (size > BLOCK or not is_same_file):
            symbols.add("".join(held), where)
            held, size = [], 0
        where = where if held else one.where
        held.append(one.text)
        size += len(one.text)
        yield one
    if held:
        symbols.add("".join(held), where)
