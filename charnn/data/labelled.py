"""Texts with labels: tables, fastText lines, a folder or a file per label; and their split into training and validation."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from itertools import chain, compress
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charnn.data.corpus import corpus_name
from charnn.data.readers import Complain, Data, Decoding, Source, find_sources, not_empty, numbered_lines, read_text, refuse, without_end
from charnn.data.settings import KINDS, LabelledSettings
from charnn.data.tables.columns import find_columns, header_rule, label_cell, label_wanted, text_cell, text_wanted
from charnn.data.tables.reading import Reading
from charnn.data.tokenized import VALID_FRACTION
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import check_names

LEAST_EXAMPLES = 20  # Fewer examples are not split unless a fraction is given
PREFIX = "__label__"  # Marks a label in the lines that fastText reads

_LABEL = re.compile(rf"(?:^|(?<=[ \t])){PREFIX}([^ \t]*)[ \t]*")

FORMATS = (
    f"give a table ({', '.join(KINDS)}, or --input-format csv, tsv or jsonl), lines such as '{PREFIX}good a fine film', "
    "a folder with a folder or a file per label, or several files, one per label"
)


@dataclass(frozen=True)
class Example:
    """A text and its label."""

    text: str
    label: str
    where: str  # path:line


@dataclass(frozen=True)
class _File:
    """A source, the label that its folder or name gives it, and whether it is a single text."""

    source: Source
    label: str | None = None
    is_text: bool = False


class LabelledData:
    """Files as examples, in order, read again each time in constant memory; raises DataError for bad files, when made or when read."""

    def __init__(self, paths: Data, settings: LabelledSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or LabelledSettings()
        self.name = corpus_name([str(path) for path in paths])
        self._files = _find_files(paths, self.settings)
        self.sources = [file.source for file in self._files]
        self._decoding = Decoding(self.settings.encoding, self.settings.errors)
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)

    def examples(self) -> Iterator[Example]:
        """Yield every text with its label, except empty lines; raise DataError with path:line for bad rows, and where there is none."""
        found = chain.from_iterable(map(self._read, self._files))
        return not_empty(found, f"{self._files[0].source.name}: holds no examples; give a file with texts and their labels")

    def _read(self, file: _File) -> Iterator[Example]:
        if self.settings.format_of(file.source.kind) is not None:
            return self._rows(file.source)
        self.settings.refuse_without_table(file.source.name, "text_column", "label_column")
        if file.label is not None and file.is_text:
            text = "".join(read_text(file.source, self._decoding))
            return iter([Example(without_end(text), file.label, f"{file.source.name}:1")])
        return self._lines(file)

    def _rows(self, source: Source) -> Iterator[Example]:
        wanted = text_wanted(self.settings.text_column), label_wanted(self.settings.label_column)
        rows = self.reading.rows(source, self.settings, header_rule(self.settings, [one.given for one in wanted]))
        return self.reading.items(
            rows,
            lambda row: find_columns(row, *wanted),
            lambda row, columns: Example(text_cell(row, columns[0]), label_cell(row, columns[1]), row.where),
        )

    def _lines(self, file: _File) -> Iterator[Example]:
        is_fasttext: bool | None = None
        for line, where in numbered_lines(file.source, self._decoding):
            if not line.strip():
                continue
            if is_fasttext is None:
                is_fasttext = line.startswith(PREFIX)
            if is_fasttext:
                yield from _fasttext(line, where, self.reading.complain)
            elif file.label is None:
                raise DataError(f"{where}: has no label; {FORMATS}")
            else:
                yield Example(line, file.label, where)


def hold_out(examples: Sequence[Example], fraction: float | None, seed: int, name: str) -> tuple[list[Example], list[Example]]:
    """Return training and validation part, a fraction of each label, by default a tenth; raise DataError for too few examples."""
    if fraction is None and len(examples) < LEAST_EXAMPLES:
        raise DataError(f"{name} holds {len(examples)} texts, too few to hold some out; give more, or --valid FILE")
    is_valid = split_examples([one.label for one in examples], [one.text for one in examples], fraction or VALID_FRACTION, seed)
    return list(compress(examples, ~is_valid)), list(compress(examples, is_valid))


def split_examples(labels: Sequence[str], texts: Iterable[str], fraction: float, seed: int) -> NDArray[np.bool_]:
    """Return (example,) True where held out: the fraction of every label, rounded up, except the last two; less where texts repeat.

    Texts that differ only in white space or case are on the same side. The texts are read once and not kept.
    """
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([names[label] for label in labels], np.int64)
    _, groups = np.unique(np.array(array("Q", map(folded_fingerprint, map(folded, texts))), np.uint64), return_inverse=True)
    assert len(groups) == len(numbers)
    totals = np.bincount(numbers, minlength=len(names)).tolist()
    # Rounded first: 0.1 * 30 is a little above 3.
    left = [min(math.ceil(round(fraction * total, 9)), max(total - 2, 0)) for total in totals]
    members = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups)) if len(groups) else np.zeros(0, np.int64)
    is_valid = np.zeros(len(numbers), bool)
    for group in np.random.default_rng(seed).permutation(len(ends)):
        same = members[ends[group - 1] if group else 0 : ends[group]]
        counts = Counter(numbers[same].tolist())
        if all(left[number] >= count for number, count in counts.items()):
            is_valid[same] = True
            for number, count in counts.items():
                left[number] -= count
    return is_valid


def label_set(counts: Mapping[str, int], where: Mapping[str, str] | None = None) -> list[str]:
    """Return the labels, sorted, given counts and first places (path:line); raise DataError unless there are two, each twice."""
    check_names(counts, "label")
    if len(counts) < 2:
        found = "there is none" if not counts else f"all examples have the label {next(iter(counts))!r}"
        raise DataError(f"a classifier needs at least two labels, and {found}; give examples of another one too")
    single = sorted(label for label, count in counts.items() if count < 2)
    if single:
        more = f" (and {len(single) - 1:,} more)" if single[1:] else ""
        begin = f"{where[single[0]]}: " if where and single[0] in where else ""
        raise DataError(f"{begin}the label {single[0]!r}{more} is seen only once; give more examples of it, or leave it out")
    return sorted(counts)


def folded(text: str) -> str:
    """Return a text in lower case with every run of white space as one space; texts with the same result are the same example."""
    return " ".join(text.split()).casefold()


def folded_fingerprint(text: str) -> int:
    """Return 64 bits of hash of a text, which has been through folded()."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _find_files(paths: Data, settings: LabelledSettings) -> list[_File]:
    found: list[_File] = []
    plain: list[int] = []  # the files that were named one by one and are no tables
    for path in paths:
        sources = find_sources([path])
        if not isinstance(path, Source) and str(path) != "-" and os.path.isdir(path):
            found += _in_folder(str(path), sources, settings)
        else:
            if str(path) != "-" and settings.format_of(sources[0].kind) is None:
                plain.append(len(found))
            found.append(_File(sources[0]))
    if len(plain) > 1:
        for number, label in zip(plain, _file_labels([found[number].source for number in plain]), strict=True):
            found[number] = replace(found[number], label=label)
    return found


def _file_labels(sources: Sequence[Source]) -> list[str]:
    """Return the stems, or the extensions of files such as rt-polarity.pos and rt-polarity.neg."""
    is_extension = len({source.stem for source in sources}) == 1 and len({source.kind for source in sources}) > 1
    return [source.kind.removeprefix(".") or source.stem if is_extension else source.stem for source in sources]


def _in_folder(folder: str, sources: Sequence[Source], settings: LabelledSettings) -> list[_File]:
    """Return the tables, and files of one text in sub-folders named as labels; without sub-folders, files of lines named as labels."""
    places = [Path(source.name).relative_to(folder).parts for source in sources]
    texts = [(source, parts) for source, parts in zip(sources, places, strict=True) if settings.format_of(source.kind) is None]
    files = [_File(source) for source in sources if settings.format_of(source.kind) is not None]
    if all(len(parts) == 1 for _, parts in texts):
        plain = [source for source, _ in texts]
        return files + [_File(source, label) for source, label in zip(plain, _file_labels(plain), strict=True)]
    for source, parts in texts:  # Those beside the sub-folders are not read: aclImdb keeps lists of addresses there.
        if len(parts) > 2:
            raise DataError(
                f"{source.name}: is too deep in its folder to have a label; give the folder that contains the folders of the labels"
            )
        if len(parts) == 2:
            files.append(_File(source, parts[0], is_text=True))
    return files


def _fasttext(line: str, where: str, complain: Complain) -> Iterator[Example]:
    labels = list(_LABEL.finditer(line))
    if len(labels) > 1:
        complain(DataError(f"{where}: has several labels, {labels[0][1]} and {labels[1][1]}; a text can have only one, leave one"))
    elif labels and not labels[0].start() and "," in labels[0][1]:
        label = labels[0][1].partition(",")[0]
        complain(DataError(f"{where}: has a comma in its label {labels[0][1]!r:.40}; put a blank between '{PREFIX}{label}' and the text"))
    elif not labels or labels[0].start() or not labels[0][1]:
        complain(DataError(f"{where}: has no label; expected '{PREFIX}' and a label before the text, got {line:.40}"))
    else:
        yield Example(line[labels[0].end() :], labels[0][1], where)
