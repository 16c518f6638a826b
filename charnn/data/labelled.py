"""Texts with labels: tables, fastText lines, a folder or a file per label; and their split into two parts."""

import math
import os
import re
from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import blake2b
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from charnn.data.corpus import corpus_name
from charnn.data.readers import Complain, Decoding, Source, find_sources, read_lines, read_text, refuse
from charnn.data.settings import KINDS, LabelledSettings
from charnn.data.tables.columns import find_columns, header_rule, label_cell, label_wanted, text_cell, text_wanted
from charnn.data.tables.reading import Reading
from charnn.data.tokenized import VALID_SHARE
from charnn.errors import DataError
from charnn.tokenizers.vocabulary import check_names

LEAST_EXAMPLES = 20  # Of fewer, none are held out unless somebody names a share
PREFIX = "__label__"  # What a label begins with in the lines that fastText reads

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
    """A source, the label that its place or name gives it, and whether it is one text as a whole."""

    source: Source
    label: str | None = None
    is_text: bool = False


class LabelledData:
    """Files as examples, in the order given; each reading reads them anew, in constant memory.

    Raises DataError, when made, for what is missing or unreadable; when read, for what is no text or has no labels at all.
    """

    def __init__(self, paths: Sequence[str | Path], settings: LabelledSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or LabelledSettings()
        self.name = corpus_name([str(path) for path in paths])
        self._files = _find_files([str(path) for path in paths], self.settings)
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, "keep")
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)

    @property
    def sources(self) -> list[Source]:
        """The files that are read."""
        return [file.source for file in self._files]

    def examples(self) -> Iterator[Example]:
        """Every text with its label, empty texts of tables too; empty lines are skipped.

        Complains with path:line of a missing label or a bad row; raises DataError when there is no example at all.
        """
        is_empty = True
        for file in self._files:
            for example in self._read(file):
                is_empty = False
                yield example
        if is_empty:
            raise DataError(f"{self._files[0].source.name}: holds no examples; give a file with texts and their labels")

    def _read(self, file: _File) -> Iterator[Example]:
        if self.settings.format_of(file.source.kind) is not None:
            return self._rows(file.source)
        self.settings.refuse_without_table(file.source.name, "text_column", "label_column")
        return self._whole(file) if file.is_text else self._lines(file)

    def _rows(self, source: Source) -> Iterator[Example]:
        wanted = text_wanted(self.settings.text_column), label_wanted(self.settings.label_column)
        rows = self.reading.rows(source, self.settings, header_rule(self.settings, [one.given for one in wanted]))
        return self.reading.items(
            rows,
            lambda row: find_columns(row, *wanted),
            lambda row, columns: Example(text_cell(row, columns[0]), label_cell(row, columns[1]), row.where),
        )

    def _whole(self, file: _File) -> Iterator[Example]:
        assert file.label is not None
        text = "".join(read_text(file.source, self._decoding))
        yield Example(_without_end(text), file.label, f"{file.source.name}:1")

    def _lines(self, file: _File) -> Iterator[Example]:
        is_fasttext: bool | None = None
        for number, line in enumerate(map(_without_end, read_lines(read_text(file.source, self._decoding))), 1):
            if not line.strip():
                continue
            where = f"{file.source.name}:{number}"
            if is_fasttext is None:
                is_fasttext = line.startswith(PREFIX)
            if is_fasttext:
                yield from _fasttext(line, where, self.reading.complain)
            elif file.label is None:
                raise DataError(f"{where}: has no label; {FORMATS}")
            else:
                yield Example(line, file.label, where)


def hold_out(examples: Sequence[Example], share: float | None, seed: int, name: str) -> tuple[list[Example], list[Example]]:
    """Training and validation part: of each label the share is held out, by default a tenth.

    Raises DataError without a share for fewer than LEAST_EXAMPLES.
    """
    if share is None and len(examples) < LEAST_EXAMPLES:
        raise DataError(f"{name} holds {len(examples)} texts, too few to hold some out; give more, or --valid FILE")
    held = split_examples([one.label for one in examples], [one.text for one in examples], share or VALID_SHARE, seed)
    return _where(examples, ~held), _where(examples, held)


def split_examples(labels: Sequence[str], texts: Iterable[str], share: float, seed: int) -> NDArray[np.bool_]:
    """(example,) True where held out: of every label the share, rounded up, but two stay; equal texts go together.

    Texts are equal when only white space or case tells them apart; they are read once and not held. Where equal texts make up
    most of a label, less of it is held out.
    """
    names = {label: number for number, label in enumerate(dict.fromkeys(labels))}
    numbers = np.array([names[label] for label in labels], np.int64)
    _, groups = np.unique(np.array(array("Q", map(fingerprint, texts)), np.uint64), return_inverse=True)
    assert len(groups) == len(numbers)
    totals = np.bincount(numbers, minlength=len(names)).tolist()
    # Rounded first: 0.1 * 30 is a little above 3.
    left = [min(math.ceil(round(share * total, 9)), max(total - 2, 0)) for total in totals]
    members = np.argsort(groups, kind="stable")
    ends = np.cumsum(np.bincount(groups)) if len(groups) else np.zeros(0, np.int64)
    held = np.zeros(len(numbers), bool)
    for group in np.random.default_rng(seed).permutation(len(ends)):
        same = members[ends[group - 1] if group else 0 : ends[group]]
        counts = Counter(numbers[same].tolist())
        if all(left[number] >= count for number, count in counts.items()):
            held[same] = True
            for number, count in counts.items():
                left[number] -= count
    return held


def label_set(counts: Mapping[str, int], where: Mapping[str, str] | None = None) -> list[str]:
    """The labels, sorted, given how often each occurs and, if known, where it does first (path:line).

    Raises DataError for fewer than two labels, for a label that is seen only once, and for one that cannot be written.
    """
    check_names(counts, "label")
    if len(counts) < 2:
        found = "there is none" if not counts else f"all examples have the label {next(iter(counts))!r}"
        raise DataError(f"a classifier needs at least two labels, and {found}; give examples of another one too")
    single = sorted(label for label, count in counts.items() if count < 2)
    if single:
        place = (where or {}).get(single[0])
        more = f" (and {len(single) - 1:,} more)" if single[1:] else ""
        begin = f"{place}: " if place else ""
        raise DataError(f"{begin}the label {single[0]!r}{more} is seen only once; give more examples of it, or leave it out")
    return sorted(counts)


def folded(text: str) -> str:
    """The text with every run of white space as one space, and in lower case: what makes two texts the same example."""
    return " ".join(text.split()).casefold()


def fingerprint(text: str) -> int:
    """64 bits that are equal for texts that are equal when folded."""
    return folded_fingerprint(folded(text))


def folded_fingerprint(text: str) -> int:
    """The fingerprint of a text that is folded already."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "little")


def _find_files(paths: Sequence[str], settings: LabelledSettings) -> list[_File]:
    found: list[_File] = []
    plain: list[int] = []  # which of the files were named one by one and hold no table
    for path in paths:
        sources = find_sources([path])
        if path != "-" and os.path.isdir(path):
            found += _in_folder(path, sources, settings)
        else:
            if path != "-" and settings.format_of(sources[0].kind) is None:
                plain.append(len(found))
            found.append(_File(sources[0]))
    if len(plain) > 1:
        labels = _file_labels([found[number].source for number in plain])
        for number, label in zip(plain, labels, strict=True):
            found[number] = replace(found[number], label=label)
    return found


def _file_labels(sources: Sequence[Source]) -> list[str]:
    """The stems, or the extensions of files such as rt-polarity.pos and rt-polarity.neg."""
    is_told_by_kind = len({source.stem for source in sources}) == 1 and len({source.kind for source in sources}) > 1
    return [source.kind.removeprefix(".") or source.stem if is_told_by_kind else source.stem for source in sources]


def _in_folder(folder: str, sources: Sequence[Source], settings: LabelledSettings) -> list[_File]:
    """Tables; and a file per text in sub-folders named as labels, or where there are none, a file of lines per label.

    What lies beside such sub-folders is not read: aclImdb keeps lists of addresses there.
    """
    places = [Path(source.name).relative_to(folder).parts for source in sources]
    texts = [(source, parts) for source, parts in zip(sources, places, strict=True) if settings.format_of(source.kind) is None]
    has_folders = any(len(parts) > 1 for _, parts in texts)
    files = [_File(source) for source in sources if settings.format_of(source.kind) is not None]
    if not has_folders:
        plain = [source for source, _ in texts]
        return files + [_File(source, label) for source, label in zip(plain, _file_labels(plain), strict=True)]
    for source, parts in texts:
        if len(parts) > 2:
            raise DataError(f"{source.name}: lies too deep to tell its label; give the folder that holds the folders of the labels")
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


def _where(examples: Sequence[Example], mask: NDArray[np.bool_]) -> list[Example]:
    return [one for one, is_in in zip(examples, mask, strict=True) if is_in]


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
