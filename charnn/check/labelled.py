"""What to know of labelled texts before training on them: counts, duplicates, overlap of the parts, lengths."""

from array import array
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charnn.check.findings import counted
from charnn.data.labelled import Example, folded, folded_fingerprint
from charnn.errors import DataError

PERCENTILES = (5, 50, 95, 100)
"""Shares of the texts, shortest first, whose greatest length is told."""

MOST_LABELS = 20
"""Labels that are told one by one."""


@dataclass(frozen=True)
class Examination:
    """What a training part, and maybe a validation part, hold."""

    train: Mapping[str, int]
    """Examples per label, the most frequent first ..."""
    valid: Mapping[str, int] | None
    """... and in the validation part."""
    where: Mapping[str, str]
    """path:line of each label's first example in training."""
    duplicates: int
    """Training texts that stood before, but for white space and case; empty ones apart ..."""
    contradictions: int
    """... and those of them whose label is not that of the first ..."""
    duplicate_where: str | None
    """... and path:line of the first of these, or of those."""
    shared: int
    """Validation texts that stand in training too ..."""
    shared_where: str | None
    """... and path:line of the first of them."""
    empty: int
    """Texts without anything but white space, in both parts ..."""
    empty_where: str | None
    """... and path:line of the first."""
    characters: tuple[int, ...]
    """Lengths of training texts at the PERCENTILES, in characters ..."""
    words: tuple[int, ...]
    """... and in words."""
    unseen: Mapping[str, str]
    """Labels of the validation part that training lacks, and path:line of the first example of each."""

    def lines(self) -> list[tuple[str, str]]:
        """(name, value) rows to print: labels, lengths, and what there is of duplicates and warnings."""
        rows = [("labels", shares(self.train))]
        if self.valid is not None:
            rows.append(("validation", shares(self.valid)))
        points = ", ".join(map(str, PERCENTILES))
        rows.append(("lengths", f"{_list(self.characters)} characters; {_list(self.words)} words (at {points} % of the texts)"))
        if self.duplicates:
            begin = counted(self.duplicates, "text stands", "texts stand")
            rows.append(("duplicates", f"{begin} there before, {self._contradicting()}, for example {self.duplicate_where}"))
        return rows + [("warning", text) for text in self._warnings()]

    def _contradicting(self) -> str:
        return f"{self.contradictions:,} of them with another label" if self.contradictions else "always with the same label"

    def _warnings(self) -> Iterator[str]:
        if self.shared:
            yield f"{counted(self.shared, 'text stands', 'texts stand')} in both splits, for example {self.shared_where}"
        if self.empty:
            yield f"{counted(self.empty, 'text is', 'texts are')} empty, for example {self.empty_where}"
        for label, where in self.unseen.items():
            yield f"training never saw the label {label!r} of the validation part, for example {where}"


def examine(train: Iterable[Example], valid: Iterable[Example] | None) -> Examination:
    """Reads each part once; memory holds a few numbers per text. Raises DataError when there is nothing to train on."""
    seen = _Part()
    for example in train:
        seen.add(example)
    if not seen.counts:
        raise DataError("the training part holds no examples; give more, or hold out a smaller share")
    is_repeated, is_contradiction = _repeated(seen)
    repeats = np.flatnonzero(is_contradiction if is_contradiction.any() else is_repeated)
    known = set(seen.marks)
    held, shared, shared_where = _Part(), 0, None
    for example in valid or ():
        mark = held.add(example)
        if mark is not None and mark in known:
            shared += 1
            shared_where = shared_where or example.where
    return Examination(
        train=ordered(seen.counts),
        valid=None if valid is None else ordered(held.counts),
        where=seen.where,
        duplicates=int(is_repeated.sum()),
        contradictions=int(is_contradiction.sum()),
        duplicate_where=seen.places[repeats[0]] if len(repeats) else None,
        shared=shared,
        shared_where=shared_where,
        empty=seen.empty + held.empty,
        empty_where=seen.empty_where or held.empty_where,
        characters=_percentiles(seen.characters),
        words=_percentiles(seen.words),
        unseen={label: where for label, where in held.where.items() if label not in seen.where},
    )


@dataclass
class _Part:
    """Numbers of the texts of one part."""

    counts: Counter[str] = field(default_factory=Counter)
    where: dict[str, str] = field(default_factory=dict)
    marks: "array[int]" = field(default_factory=lambda: array("Q"))  # of texts that are not empty
    labels: "array[int]" = field(default_factory=lambda: array("L"))  # beside them ...
    places: list[str] = field(default_factory=list)  # ... and these
    numbers: dict[str, int] = field(default_factory=dict)  # of the labels
    characters: "array[int]" = field(default_factory=lambda: array("L"))
    words: "array[int]" = field(default_factory=lambda: array("L"))
    empty: int = 0
    empty_where: str | None = None

    def add(self, example: Example) -> int | None:
        """The fingerprint of the text; None for an empty one."""
        text = folded(example.text)
        self.counts[example.label] += 1
        self.where.setdefault(example.label, example.where)
        self.characters.append(len(example.text))
        self.words.append(text.count(" ") + 1 if text else 0)
        if not text:
            self.empty += 1
            self.empty_where = self.empty_where or example.where
            return None
        mark = folded_fingerprint(text)
        self.marks.append(mark)
        self.places.append(example.where)
        self.labels.append(self.numbers.setdefault(example.label, len(self.numbers)))
        return mark


def _repeated(part: _Part) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(text,) which of the texts that are not empty stood before, and which of them with another label."""
    labels = np.array(part.labels, np.int64)
    _, first, group = np.unique(np.array(part.marks, np.uint64), return_index=True, return_inverse=True)
    return first[group] != np.arange(len(labels)), labels != labels[first][group]


def _percentiles(lengths: "array[int]") -> tuple[int, ...]:
    values = np.percentile(np.array(lengths, np.int64), PERCENTILES, method="inverted_cdf")
    return tuple(map(int, values))


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """The most frequent first, ties by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def shares(counts: Mapping[str, int]) -> str:
    """How often each label occurs, and which share of all that is; of very many labels the first."""
    total = sum(counts.values())
    told = [f"{label} {count:,} ({_percent(count / total)})" for label, count in list(counts.items())[:MOST_LABELS]]
    if len(counts) > MOST_LABELS:
        told.append(f"and {len(counts) - MOST_LABELS:,} more labels")
    return ", ".join(told) or "none"


def _percent(share: float) -> str:
    return "under 1 %" if share < 0.005 else f"{100 * share:.0f} %"


def _list(numbers: tuple[int, ...]) -> str:
    return ", ".join(f"{number:,}" for number in numbers)
