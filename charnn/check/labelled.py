"""The check of labelled texts before training: labels, duplicates, overlap of the parts, lengths."""

from array import array
from collections import Counter
from collections.abc import Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.check.contents import Finding, Rows
from charnn.data.conll import Sentence
from charnn.data.labelled import Example, folded, folded_fingerprint
from charnn.errors import DataError

Item = TypeVar("Item", Example, Sentence)
PERCENTILES = (5, 50, 95, 100)  # reported percentiles of lengths
MOST_LABELS = 20  # labels that are listed one by one


@dataclass(frozen=True)
class Examination:
    """The contents of a training part and perhaps a validation part; the most frequent labels come first."""

    train: Mapping[str, int]
    valid: Mapping[str, int] | None  # examples per label in each part
    where: Mapping[str, str]  # path:line of each label's first example in training
    duplicates: Finding  # training texts equal to an earlier one, but for white space and case; at the first contradiction, if any
    contradictions: int  # duplicates with another label than the first
    shared: Finding  # validation texts that occur in training too
    empty: Finding  # texts of both parts with nothing but white space; they are not compared
    lengths: str  # the result of length_words() for training texts
    unseen: Mapping[str, str]  # labels of the validation part that training lacks, and path:line of the first example of each

    def lines(self) -> Rows:
        """Return (name, value) rows to print: labels, lengths, duplicates, warnings."""
        parts = {"labels": self.train, "validation": self.valid}
        label = f"{self.contradictions:,} of them with another label" if self.contradictions else "always with the same label"
        return [
            *((name, percentages(counts)) for name, counts in parts.items() if counts is not None),
            ("lengths", self.lengths),
            *self.duplicates.rows("duplicates", "text repeats an earlier one", "texts repeat earlier ones", f", {label}"),
            *self.shared.rows("warning", "text is", "texts are", " in both splits"),
            *self.empty.rows("warning", "text is", "texts are", " empty"),
            *unseen_rows("label", self.unseen),
        ]


def examine(train: Iterable[Example], valid: Iterable[Example] | None) -> Examination:
    """Read each part once, with a few numbers per text in memory; raise DataError when there is nothing to train on."""
    seen, held_out = _Part(), _Part()
    first, repeats, contradictions = repeats_of((seen.add(one), one.label, one) for one in train)
    if not seen.counts:
        raise DataError("the training part holds no examples; give more, or hold out a smaller fraction")
    shared = [one for one in valid or () if held_out.add(one) in first]
    return Examination(
        train=ordered(seen.counts),
        valid=None if valid is None else ordered(held_out.counts),
        where=seen.where,
        duplicates=Finding(len(repeats), Finding.of(contradictions or repeats).where),
        contradictions=len(contradictions),
        shared=Finding.of(shared),
        empty=Finding.of([*seen.empty, *held_out.empty]),
        lengths=length_words(seen.characters, seen.words),
        unseen={label: where for label, where in held_out.where.items() if label not in seen.where},
    )


@dataclass
class _Part:
    """Labels, lengths and empty texts of one part."""

    counts: Counter[str] = field(default_factory=Counter)
    where: dict[str, str] = field(default_factory=dict)
    characters: "array[int]" = field(default_factory=lambda: array("L"))
    words: "array[int]" = field(default_factory=lambda: array("L"))
    empty: list[Example] = field(default_factory=list)

    def add(self, example: Example) -> int | None:
        """Count a text and return its fingerprint; None for an empty one."""
        text = folded(example.text)
        self.counts[example.label] += 1
        self.where.setdefault(example.label, example.where)
        self.characters.append(len(example.text))
        self.words.append(word_count(text))
        if text:
            return folded_fingerprint(text)
        self.empty.append(example)
        return None


def ordered(counts: Mapping[str, int]) -> dict[str, int]:
    """Return the counts with the most frequent first, ties by name."""
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def percentages(counts: Mapping[str, int]) -> str:
    """Return the count and the percentage of each label, in words; of very many labels the first."""
    total = sum(counts.values())
    percents = {label: "under 1 %" if count / total < 0.005 else f"{100 * count / total:.0f} %" for label, count in counts.items()}
    shown = [f"{label} {counts[label]:,} ({percent})" for label, percent in list(percents.items())[:MOST_LABELS]]
    if len(counts) > MOST_LABELS:
        shown.append(f"and {len(counts) - MOST_LABELS:,} more labels")
    return ", ".join(shown) or "none"


def length_words(*lengths: "NDArray[np.int64] | array[int]") -> str:
    """Return the PERCENTILES of lengths in characters and of lengths in words, in words."""
    found = (np.percentile(one, PERCENTILES, method="inverted_cdf") for one in lengths)
    characters, words = (", ".join(f"{int(number):,}" for number in numbers) for numbers in found)
    return f"{characters} characters; {words} words (at {', '.join(map(str, PERCENTILES))} % of the texts)"


def word_count(text: str) -> int:
    """Return the number of words of a folded text."""
    return text.count(" ") + 1 if text else 0


def repeats_of(items: Iterable[tuple[Hashable, Any, Item]]) -> tuple[dict[Any, Any], list[Item], list[Item]]:
    """Return the first answer to each key but None, the items of repeated keys, and those among them with another answer."""
    first: dict[Any, Any] = {}
    repeats: list[Item] = []
    contradictions: list[Item] = []
    for key, answer, item in items:
        if key in first:
            repeats.append(item)
        if key is not None and first.setdefault(key, answer) != answer:
            contradictions.append(item)
    return first, repeats, contradictions


def unseen_rows(what: str, unseen: Mapping[str, str]) -> Rows:
    """Return a warning for each label or tag that only the validation part has, with its first place."""
    rows = unseen.items()
    return [("warning", f"training never saw the {what} {name!r} of the validation part, for example {where}") for name, where in rows]
