"""Metrics of translations: BLEU and chrF by sacrebleu, with bootstrap intervals, and comparisons of two systems."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sacrebleu import BLEU, CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from charnn.metrics.classification import COVERED, p_value_text, plain

Array = NDArray[np.float64]
Counts = NDArray[np.int64]
Texts = Sequence[str]

BLEU_ORDER = 4  # the longest n-grams of words
SIGNIFICANT = 0.05  # the p-value below which one system may be better


def translation_metrics(
    found: Texts, references: Texts, *, lowercase: bool = False, resamples: int = 1000, seed: int = 12345
) -> dict[str, Any]:
    """Detokenised translations and their references -> BLEU and chrF, 0 to 100, ready for JSON.

    Corpus BLEU (Papineni et al. 2002) of 13a tokens and chrF2 (Popović 2015), each with its signature (Post 2018). `intervals` are
    95 % bootstrap intervals over sentences; without resamples there are none.
    """
    assert len(found) == len(references) > 0
    scores: dict[str, Any] = {}
    intervals = {}
    for name, metric in _metrics(lowercase).items():
        scores[name] = metric.official.corpus_score(found, [references]).score
        scores[f"{name}_signature"] = str(metric.official.get_signature())
        if resamples:
            resampled = _resampled(metric, _statistics(metric, found, references), resamples, seed)
            intervals[name] = plain(np.percentile(resampled, COVERED))
    return {**scores, "intervals": intervals}


def compare_translations(
    first: Texts, second: Texts, references: Texts, *, lowercase: bool = False, resamples: int = 1000, seed: int = 12345
) -> dict[str, Any]:
    """Translations of the same sentences by two systems -> their scores, the differences, and a sentence that compares BLEU.

    By paired bootstrap resampling (Koehn 2004): `difference` is first minus second, `interval` its 95 % interval, `p` the
    probability of a difference as large by chance alone; 1 for a single sentence.
    """
    assert len(first) == len(second) == len(references) > 0
    assert resamples > 0
    found = {}
    for name, metric in _metrics(lowercase).items():
        systems = [_statistics(metric, sentences, references) for sentences in (first, second)]
        one, other = (metric.score(statistics.sum(axis=0)) for statistics in systems)
        # The same seed draws the same sentences for both systems, so the resamples are pairs.
        resampled, others = (_resampled(metric, statistics, resamples, seed) for statistics in systems)
        differences = resampled - others
        found[name] = {
            "first": one,
            "second": other,
            "difference": one - other,
            "interval": plain(np.percentile(differences, COVERED)),
            "p": _p_value(one - other, differences) if len(references) > 1 else 1.0,
        }
    return {**found, "comparison": _comparison("BLEU", found["bleu"], len(references))}


def sentence_chrf(found: Texts, references: Texts) -> list[float]:
    """Return the chrF2 of each translation by itself, 0 to 100."""
    metric = CHRF()
    return [metric.sentence_score(sentence, [reference]).score for sentence, reference in zip(found, references, strict=True)]


class _Metric(NamedTuple):
    """One of sacrebleu's metrics, and the sums from which its corpus score is computed, which sacrebleu does not make public."""

    official: Any
    statistics: Callable[[str, str], Iterable[int]]  # counts of a translation and its reference
    score: Callable[[Counts], float]  # of counts added over all sentences of a corpus


def _metrics(lowercase: bool) -> dict[str, _Metric]:
    """Return the metrics by name."""
    bleu = BLEU(lowercase=lowercase, tokenize="13a", smooth_method="exp")

    def matching_words(found: str, reference: str) -> list[int]:
        result = bleu.corpus_score([found], [[reference]])
        return [result.sys_len, result.ref_len, *result.counts, *result.totals]

    def matching_characters(found: str, reference: str) -> Iterable[int]:
        """Return the numbers of n-grams of characters in a translation, in its reference and in both, for n = 1 to 6."""
        texts = [text.lower() if lowercase else text for text in (found, reference)]
        for ours, theirs in zip(*(extract_all_char_ngrams(text, CHRF.CHAR_ORDER) for text in texts), strict=True):
            # n-grams do not count if the reference is too short for any.
            yield from (ours.total() if theirs else 0, theirs.total(), (ours & theirs).total())

    return {"bleu": _Metric(bleu, matching_words, _bleu), "chrf": _Metric(CHRF(lowercase=lowercase), matching_characters, _chrf)}


def _bleu(sums: Counts) -> float:
    """Return BLEU, 0 to 100, of summed lengths, matches and totals."""
    found, reference, *counts = sums.tolist()
    return float(BLEU.compute_bleu(counts[:BLEU_ORDER], counts[BLEU_ORDER:], found, reference, smooth_method="exp").score)


def _chrf(sums: Counts) -> float:
    """Return chrF2, 0 to 100, of summed n-grams (Popović 2015), averaged over those n for which both sides have n-grams."""
    found, reference, both = sums.reshape(-1, 3)[(sums.reshape(-1, 3)[:, :2] > 0).all(axis=1)].T
    if not both.any():
        return 0.0
    precision, recall, weight = float((both / found).mean()), float((both / reference).mean()), CHRF.BETA**2
    return 100 * ((1 + weight) * precision * recall / (weight * precision + recall))


def _statistics(metric: _Metric, found: Texts, references: Texts) -> Counts:
    """Return (sentences, numbers) lengths and n-gram counts."""
    return np.array([[*metric.statistics(*pair)] for pair in zip(found, references, strict=True)], np.int64)


def _resampled(metric: _Metric, statistics: Counts, resamples: int, seed: int) -> Array:
    """(sentences, numbers) statistics -> (resamples,) corpus scores of as many sentences, drawn with replacement."""
    generator, size = np.random.default_rng(seed), len(statistics)
    # Counts times how often each sentence is drawn: 0.03 s for 1,000 resamples of 1,000 sentences; gathering rows takes 1.5 times as long.
    drawn = (np.bincount(generator.integers(size, size=size), minlength=size) for _ in range(resamples))
    return np.array([metric.score(times @ statistics) for times in drawn])


def _p_value(difference: float, resampled: Array) -> float:
    """Return the fraction of resampled distances, moved to a mean of 0, that exceed the observed one, as in sacrebleu and Moses.

    Equal scores have a p of 1; sacrebleu gives a system compared with itself the least possible p.
    """
    distances = np.abs(resampled)
    exceeding = int(np.count_nonzero(distances - distances.mean() > abs(difference)))
    return (exceeding + 1) / (len(resampled) + 1) if difference else 1.0


def _comparison(name: str, scores: dict[str, Any], sentences: int) -> str:
    """Return the comparison of two systems by one metric as a sentence.

    One is better only if the interval excludes 0 too: for a clear difference the p-value counts one side only.
    """
    (low, high), p = scores["interval"], scores["p"]
    better = "first" if low > 0 else "second" if high < 0 else None
    if better is None or p >= SIGNIFICANT:
        result = f"no difference that {'1 sentence' if sentences == 1 else f'{sentences:,} sentences'} could show"
    else:
        low, high = sorted((abs(low), abs(high)))
        result = f"the {better} is better by {abs(scores['difference']):.1f}"
    interval = f"95 % interval {low:.1f} to {high:.1f}, {p_value_text(p)}"
    return f"{name} {scores['first']:.1f} and {scores['second']:.1f}: {result} ({interval})"
