"""What to know of pairs of texts before training on them: lengths, empty sides, duplicates, overlap, misfits."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from charnn.check.contents import Finding, Rows
from charnn.check.labelled import Lengths, word_count
from charnn.data.labelled import folded, folded_fingerprint
from charnn.data.pairs import Pair
from charnn.errors import DataError

# A pair is an outlier when its target has more, or fewer, words than its source lets expect, by both a factor and a number of words.
OUTLIER_FACTOR = 3
OUTLIER_WORDS = 5  # short texts vary too much


@dataclass(frozen=True)
class PairExamination:
    """The contents of a training part and a validation part; a pair with an empty side counts as nothing but that."""

    pairs: int
    valid: int  # pairs of each part
    source: Lengths
    target: Lengths  # lengths of the sides of training, empty ones too
    duplicates: Finding  # training pairs that occur before, but for white space and case
    ambiguous: Finding  # training sources that have several different targets; the first pair whose source had another one
    shared: Finding  # validation pairs that occur in training too
    shared_sources: Finding  # validation pairs of which only the source occurs in training, with other targets
    empty: Finding  # pairs of both parts with a side that has nothing but white space
    outliers: Finding  # training pairs whose target is far too long or too short, in words, beside the source

    def lines(self) -> Rows:
        """Return (name, value) rows to print: counts, lengths, and what there is of duplicates and warnings."""
        misfit = f" over {OUTLIER_FACTOR} times more or fewer words in the target than is usual for the source"
        other = " a source that training knows with another target"
        return [
            ("pairs", f"{self.pairs:,} to train on, {self.valid:,} to validate on"),
            ("source", str(self.source)),
            ("target", str(self.target)),
            *self.duplicates.rows("duplicates", "pair stands", "pairs stand", " there before"),
            *self.ambiguous.rows("ambiguous", "source has", "sources have", " several different targets"),
            *self.shared.rows("warning", "pair stands", "pairs stand", " in both splits"),
            *self.shared_sources.rows("warning", "validation pair has", "validation pairs have", other),
            *self.empty.rows("warning", "pair is left out, having", "pairs are left out, having", " an empty side"),
            *self.outliers.rows("warning", "pair has", "pairs have", misfit),
        ]


def examine_pairs(train: Sequence[Pair], valid: Sequence[Pair]) -> PairExamination:
    """Read each part once, with a few numbers per pair in memory; raise DataError when there is nothing to train on."""
    if not train:
        raise DataError("the training part holds no pairs; give more, or hold out a smaller share")
    seen, held = _measured(train), _measured(valid)
    source, target = (Lengths.of(seen.characters[:, side], seen.words[:, side]) for side in (0, 1))
    is_first, is_other = _firsts(seen)
    is_shared = held.is_full & np.isin(held.both, seen.both[seen.is_full])
    is_source_shared = held.is_full & np.isin(held.source, seen.source[seen.is_full]) & ~is_shared
    return PairExamination(
        pairs=len(train),
        valid=len(valid),
        source=source,
        target=target,
        duplicates=_finding(seen.is_full & ~is_first, train),
        ambiguous=_finding(is_other, train),
        shared=_finding(is_shared, valid),
        shared_sources=_finding(is_source_shared, valid),
        empty=_finding(np.concatenate([~seen.is_full, ~held.is_full]), [*train, *valid]),
        outliers=_finding(_outliers(seen), train),
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
        """(pair,) Have both sides words?"""
        return np.asarray(self.words.all(axis=1))


def _measured(pairs: Sequence[Pair]) -> _Measures:
    characters, words = np.zeros((2, len(pairs), 2), np.int64)
    marks = np.zeros((2, len(pairs)), np.uint64)
    for number, pair in enumerate(pairs):
        source, target = folded(pair.source), folded(pair.target)
        characters[number] = len(pair.source), len(pair.target)
        words[number] = word_count(source), word_count(target)
        # No text that is folded holds a newline.
        marks[:, number] = folded_fingerprint(source), folded_fingerprint(f"{source}\n{target}")
    return _Measures(characters, words, *marks)


def _firsts(part: _Measures) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(pair,) True for the first of equal pairs that are full, and for the second of different pairs with one source."""
    is_first, is_other = np.zeros((2, len(part.words)), bool)
    full = np.flatnonzero(part.is_full)
    different = np.sort(full[_first_of_each(part.both[full])])
    rest = np.setdiff1d(different, different[_first_of_each(part.source[different])])
    is_first[different] = True
    is_other[rest[_first_of_each(part.source[rest])]] = True
    return is_first, is_other


def _first_of_each(values: NDArray[np.uint64]) -> NDArray[np.int64]:
    """Return the first place of each value."""
    return np.asarray(np.unique(values, return_index=True)[1])


def _outliers(part: _Measures) -> NDArray[np.bool_]:
    """(pair,) True where the words of the target are not those that the source, at the median ratio of the corpus, lets expect."""
    if not part.is_full.any():
        return np.zeros(len(part.words), bool)
    source, target = part.words.T
    expected = np.median(target[part.is_full] / source[part.is_full]) * source
    is_far = (target > OUTLIER_FACTOR * expected) | (OUTLIER_FACTOR * target < expected)
    return np.asarray(part.is_full & is_far & (abs(target - expected) > OUTLIER_WORDS))


def _finding(is_meant: NDArray[np.bool_], pairs: Sequence[Pair]) -> Finding:
    return Finding.of([pairs[place] for place in np.flatnonzero(is_meant).tolist()])
