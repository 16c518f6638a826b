"""The check of pairs of texts before training: lengths, empty sides, duplicates, overlap of the parts, outliers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charnn.check.contents import Finding, Rows
from charnn.check.labelled import length_words, word_count
from charnn.data.labelled import folded, folded_fingerprint
from charnn.data.pairs import Pair
from charnn.errors import DataError

# An outlier's target has more, or fewer, words than expected from its source, by both a factor and a number of words.
OUTLIER_FACTOR, OUTLIER_WORDS = 3, 5


@dataclass(frozen=True)
class PairExamination:
    """The contents of a training part and a validation part; pairs with an empty side are not compared."""

    pairs: int
    valid: int  # pairs of each part
    source: str
    target: str  # results of length_words() for the sides of training, empty ones too
    duplicates: Finding  # training pairs equal to an earlier one, but for white space and case
    ambiguous: Finding  # training sources with several different targets; at the first pair with another target
    shared: Finding  # validation pairs that occur in training too
    shared_sources: Finding  # validation pairs whose source occurs in training, with other targets
    empty: Finding  # pairs of both parts with a side of nothing but white space
    outliers: Finding  # training pairs whose target has far too many or too few words for the source

    def lines(self) -> Rows:
        """Return (name, value) rows to print: counts, lengths, duplicates, warnings."""
        misfit = f" over {OUTLIER_FACTOR} times more or fewer words in the target than is usual for the source"
        other = " a source that has another target in training"
        return [
            ("pairs", f"{self.pairs:,} to train on, {self.valid:,} to validate on"),
            ("source", self.source),
            ("target", self.target),
            *self.duplicates.rows("duplicates", "pair repeats an earlier one", "pairs repeat earlier ones"),
            *self.ambiguous.rows("ambiguous", "source has", "sources have", " several different targets"),
            *self.shared.rows("warning", "pair is", "pairs are", " in both splits"),
            *self.shared_sources.rows("warning", "validation pair has", "validation pairs have", other),
            *self.empty.rows("warning", "pair with an empty side is", "pairs with an empty side are", " left out"),
            *self.outliers.rows("warning", "pair has", "pairs have", misfit),
        ]


def examine_pairs(train: Sequence[Pair], valid: Sequence[Pair]) -> PairExamination:
    """Read each part once, with a few numbers per pair in memory; raise DataError when there is nothing to train on."""
    if not train:
        raise DataError("the training part holds no pairs; give more, or hold out a smaller fraction")
    seen, held_out = _measured(train), _measured(valid)
    source, target = (length_words(seen.characters[:, side], seen.words[:, side]) for side in (0, 1))
    is_first, is_other = _firsts(seen)
    is_shared = held_out.is_full & np.isin(held_out.both, seen.both[seen.is_full])
    is_source_shared = held_out.is_full & np.isin(held_out.source, seen.source[seen.is_full]) & ~is_shared
    return PairExamination(
        pairs=len(train),
        valid=len(valid),
        source=source,
        target=target,
        duplicates=Finding.at(train, np.flatnonzero(seen.is_full & ~is_first)),
        ambiguous=Finding.at(train, np.flatnonzero(is_other)),
        shared=Finding.at(valid, np.flatnonzero(is_shared)),
        shared_sources=Finding.at(valid, np.flatnonzero(is_source_shared)),
        empty=Finding.at([*train, *valid], np.flatnonzero(~np.concatenate([seen.is_full, held_out.is_full]))),
        outliers=Finding.at(train, np.flatnonzero(_outliers(seen))),
    )


@dataclass(frozen=True)
class _Measures:
    """Numbers of the pairs of one part, in their order."""

    characters: NDArray[np.int64]  # (pair, side)
    words: NDArray[np.int64]  # (pair, side)
    source: NDArray[np.uint64]  # (pair,) fingerprints of the sources ...
    both: NDArray[np.uint64]  # (pair,) ... and of source and target

    @property
    def is_full(self) -> NDArray[np.bool_]:
        """Return (pair,) flags of pairs with words on both sides."""
        return np.asarray(self.words.all(axis=1))


def _measured(pairs: Sequence[Pair]) -> _Measures:
    characters, words = np.zeros((2, len(pairs), 2), np.int64)
    marks = np.zeros((2, len(pairs)), np.uint64)
    for number, pair in enumerate(pairs):
        source, target = folded(pair.source), folded(pair.target)
        characters[number] = len(pair.source), len(pair.target)
        words[number] = word_count(source), word_count(target)
        # A folded text contains no newline.
        marks[:, number] = folded_fingerprint(source), folded_fingerprint(f"{source}\n{target}")
    return _Measures(characters, words, *marks)


def _firsts(part: _Measures) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (pair,) flags of the first of equal full pairs, and of the second of different full pairs with the same source."""

    def firsts(places: NDArray[np.intp], values: NDArray[np.uint64]) -> NDArray[np.intp]:
        return np.sort(places[np.unique(values[places], return_index=True)[1]])

    is_first, is_other = np.zeros((2, len(part.words)), bool)
    different = firsts(np.flatnonzero(part.is_full), part.both)
    is_first[different] = True
    is_other[firsts(np.setdiff1d(different, firsts(different, part.source)), part.source)] = True
    return is_first, is_other


def _outliers(part: _Measures) -> NDArray[np.bool_]:
    """Return (pair,) flags of outliers; the expected number of words is that of the source times the median ratio."""
    if not part.is_full.any():
        return np.zeros(len(part.words), bool)
    source, target = part.words.T
    expected = np.median(target[part.is_full] / source[part.is_full]) * source
    is_far = (target > OUTLIER_FACTOR * expected) | (OUTLIER_FACTOR * target < expected)
    return np.asarray(part.is_full & is_far & (abs(target - expected) > OUTLIER_WORDS))
