"""The check of a corpus before training a language model: lines or documents, duplicates, overlap of the parts, symbols."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import chain
from typing import NamedTuple

from charnn.check.contents import Finding, Rows
from charnn.check.labelled import ordered, percentages
from charnn.check.symbols import SampledCounts, SymbolCounts, Symbols
from charnn.data.corpus import Corpus, Document, Stretch
from charnn.data.labelled import folded, folded_fingerprint
from charnn.data.tokenized import split_corpus, whole

LEAST_LINE = 20  # shorter lines of running text are not compared, as they repeat by chance
BLOCK = 1 << 18  # characters of running text whose symbols are counted together


@dataclass(frozen=True)
class CorpusExamination:
    """The lines of running text, or the documents, of a training and a validation part."""

    unit: str  # line or document
    train: int
    valid: int  # lines or documents of each part; a line cut by the border between the parts belongs to the validation part
    characters: tuple[int, int]  # characters of each part, with line ends in running text
    labels: Mapping[str, int]  # training documents per label, the most frequent first
    duplicates: Finding  # training units equal to an earlier one, but for white space and case, without short lines
    shared: Finding  # validation units that occur in training too
    one_in: int  # duplicates and shared are estimated from one different text in this many; 1 for exact counts
    shared_fraction: float  # the fraction of the characters of the validation part that is shared
    lengths: Mapping[int, int]  # the number of units of each length in characters
    symbols: SymbolCounts  # the symbols of all units, without those of separate validation files

    def lines(self) -> Rows:
        """Return (name, value) rows to print: numbers, labels, duplicates, warnings."""
        if self.unit == "line":
            rows = [("split", f"{self.characters[0]:,} characters to train on, {self.characters[1]:,} to validate on")]
        else:
            rows = [("documents", f"{self.train:,} to train on, {self.valid:,} to validate on")]
        if self.labels:
            rows.append(("labels", percentages(self.labels)))
        what = f" of {LEAST_LINE} characters or more" if self.unit == "line" else ""
        about = "" if self.one_in == 1 else f"; estimated from one in {self.one_in}"
        one, many = f"{self.unit}{what}", f"{self.unit}s{what}"
        fraction = f" in both splits ({100 * self.shared_fraction:.1f} % of the validation part)"
        rows += self.duplicates.rows("duplicates", f"{one} repeats an earlier one", f"{many} repeat earlier ones", after=about)
        return rows + self.shared.rows("warning", f"{one} is", f"{many} are", fraction, after=about)


class Unit(NamedTuple):
    """A line or a document, as it is compared with others."""

    length: int
    mark: int | None  # its fingerprint; None if it is not compared
    where: str
    label: str | None


class _Measured(NamedTuple):
    """Counts of symbols and lengths that grow as units are read."""

    symbols: Symbols
    lengths: Counter[int]


def examine_corpus(corpus: Corpus, valid: Corpus | None, seed: int) -> CorpusExamination:
    """Check a corpus and its validation part, by default that of split_corpus, in bounded memory; raise DataError for no text."""
    measured = _Measured(Symbols(), Counter())
    train, held_out = split_corpus(corpus, None, seed) if valid is None else (whole(corpus), whole(valid))
    if train.documents is not None and held_out.documents is not None:
        others = _documents(held_out.documents(), measured if valid is None else None)
        return _examined("document", _documents(train.documents(), measured), others, measured)
    sizes = sum(map(len, train.chunks())), sum(map(len, held_out.chunks()))
    parts = _line_parts(corpus, valid, sizes[0], measured)
    return replace(_examined("line", *parts, measured), characters=sizes)


def _examined(unit: str, train: Iterable[Unit], valid: Iterable[Unit], measured: _Measured) -> CorpusExamination:
    seen: SampledCounts[int] = SampledCounts(int)
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
        shared_fraction=min(1.0, shared_size / max(1, size)),
        lengths=measured.lengths,
        symbols=measured.symbols.counts(),
    )


def _documents(documents: Iterable[Document], measured: _Measured | None) -> Iterator[Unit]:
    for one in documents:
        if measured is not None:
            measured.lengths[len(one.text)] += 1
            measured.symbols.add(one.text, one.where)
        yield Unit(len(one.text), folded_fingerprint(folded(one.text)), one.where, one.label)


def _line_parts(corpus: Corpus, valid: Corpus | None, cut: int, measured: _Measured) -> tuple[Iterator[Unit], Iterator[Unit]]:
    """Return the lines that end within the first `cut` characters, and the other lines, which must be read after the first ones."""
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

    return before(), chain(border, (unit for _, unit in lines))


def _lines(corpus: Corpus, measured: _Measured | None) -> Iterator[tuple[int, Unit]]:
    """Return each line, and the number of characters of the corpus up to its end."""
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
    """Pass the stretches on, and count their symbols, many lines of a file together."""
    texts: list[str] = []
    where, size = "", 0
    for one in stretches:
        is_same_file = one.where.rpartition(":")[0] == where.rpartition(":")[0]
        if texts and (size > BLOCK or not is_same_file):
            symbols.add("".join(texts), where)
            texts, size = [], 0
        where = where if texts else one.where
        texts.append(one.text)
        size += len(one.text)
        yield one
    if texts:
        symbols.add("".join(texts), where)
