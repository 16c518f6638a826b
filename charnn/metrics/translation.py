"""How good translations are: BLEU and chrF by sacrebleu with bootstrap intervals, and whether one system beats another."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sacrebleu import BLEU, CHRF
from sacrebleu.metrics.helpers import extract_all_char_ngrams

from charnn.metrics.classification import COVERED, plain

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

BLEU_ORDER = 4  # the longest n-grams of words
SIGNIFICANT = 0.05  # the p-value below which one system may be called better


def translation_metrics(
    found: Sequence[str], references: Sequence[str], *, lowercase: bool = False, resamples: int = 1000, seed: int = 12345
) -> dict[str, Any]:
    """Detokenised translations and their references -> BLEU and chrF, 0 to 100, ready for JSON.

    Corpus BLEU (Papineni et al. 2002) of 13a tokens and chrF2 (Popović 2015), each with its signature
    (Post 2018). `intervals` are 95 % bootstrap intervals over sentences; without resamples there are none.
    """
    assert len(found) == len(references) > 0
    scores: dict[str, Any] = {}
    intervals = {}
    for name, metric in _metrics(lowercase).items():
        scores |= {name: metric.official.corpus_score(found, [references]).score}
        scores |= {f"{name}_signature": str(metric.official.get_signature())}
        if resamples:
            resampled = _resampled(metric, _statistics(metric, found, references), resamples, seed)
            intervals[name] = plain(np.percentile(resampled, COVERED))
    return {**scores, "intervals": intervals}


def compare_translations(
    first: Sequence[str],
    second: Sequence[str],
    references: Sequence[str],
    *,
    lowercase: bool = False,
    resamples: int = 1000,
    seed: int = 12345,
) -> dict[str, Any]:
    """Translations of the same sentences by two systems -> their scores, the difference of these, and a sentence on BLEU.

    Paired bootstrap resampling (Koehn 2004): `difference` is first minus second, `interval` its 95 % interval, `p` the
    probability of a difference as large by chance alone; 1 for a single sentence, which shows nothing.
    """
    assert len(first) == len(second) == len(references) > 0
    assert resamples > 0
    found = {}
    for name, metric in _metrics(lowercase).items():
        systems = [_statistics(metric, sentences, references) for sentences in (first, second)]
        one, other = (metric.score(statistics.sum(axis=0)) for statistics in systems)
        # The same seed draws the same sentences for both systems: that makes the resamples pairs.
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


def sentence_chrf(found: Sequence[str], references: Sequence[str]) -> list[float]:
    """Return the chrF2 of each translation by itself, 0 to 100."""
    metric = CHRF()
    return [metric.sentence_score(sentence, [reference]).score for sentence, reference in zip(found, references, strict=True)]


class _Metric(NamedTuple):
    """One of sacrebleu's metrics, and the sums that its corpus score is made of, for which sacrebleu has no public name."""

    official: Any
    statistics: Callable[[str, str], Iterable[int]]
    """Counts of a translation and its reference; added over sentences they give the score of a corpus."""
    score: Callable[[Counts], float]


def _metrics(lowercase: bool) -> dict[str, _Metric]:
    """Return the metrics by name."""
    bleu = BLEU(lowercase=lowercase, tokenize="13a", smooth_method="exp")

    def matching_words(found: str, reference: str) -> list[int]:
        result = bleu.corpus_score([found], [[reference]])
        return [result.sys_len, result.ref_len, *result.counts, *result.totals]

    def matching_characters(found: str, reference: str) -> Iterable[int]:
        """Return the n-grams of characters in a translation, in its reference and in both, for n = 1 to 6."""
        texts = [text.lower() if lowercase else text for text in (found, reference)]
        for ours, theirs in zip(*(extract_all_char_ngrams(text, CHRF.CHAR_ORDER) for text in texts), strict=True):
            # n-grams of a text whose reference is too short for any do not count.
            yield from (ours.total() if theirs else 0, theirs.total(), (ours & theirs).total())

    return {"bleu": _Metric(bleu, matching_words, _bleu), "chrf": _Metric(CHRF(lowercase=lowercase), matching_characters, _chrf)}


def _bleu(sums: Counts) -> float:
    """Return BLEU, 0 to 100, of summed lengths, matches and totals."""
    found, reference, *counts = sums.tolist()
    return float(BLEU.compute_bleu(counts[:BLEU_ORDER], counts[BLEU_ORDER:], found, reference, smooth_method="exp").score)


def _chrf(sums: Counts) -> float:
    """Return chrF2, 0 to 100, of summed n-grams (Popović 2015), averaged over those n of which both sides have n-grams."""
    found, reference, both = sums.reshape(-1, 3)[(sums.reshape(-1, 3)[:, :2] > 0).all(axis=1)].T
    if not both.any():
        return 0.0
    precision, recall, weight = float((both / found).mean()), float((both / reference).mean()), CHRF.BETA**2
    return 100 * ((1 + weight) * precision * recall / (weight * precision + recall))


def _statistics(metric: _Metric, found: Sequence[str], references: Sequence[str]) -> Counts:
    """Return (sentences, numbers) lengths and n-gram counts."""
    return np.array([[*metric.statistics(*pair)] for pair in zip(found, references, strict=True)], np.int64)


def _resampled(metric: _Metric, statistics: Counts, resamples: int, seed: int) -> Array:
    """(sentences, numbers) statistics -> (resamples,) corpus scores of as many sentences, drawn again with replacement."""
    generator, size = np.random.default_rng(seed), len(statistics)
    # How often each sentence is drawn, times its counts: 0.03 s for 1,000 of 1,000 sentences; gathering the rows takes half as long again.
    drawn = (np.bincount(generator.integers(size, size=size), minlength=size) for _ in range(resamples))
    return np.array([metric.score(times @ statistics) for times in drawn])


def _p_value(difference: float, resampled: Array) -> float:
    """Return the fraction of resampled distances, moved to a mean of 0, that exceed the distance found; as in sacrebleu and Moses.

    Equal scores have a p of 1, where sacrebleu gives a system against itself the least p there is.
    """
    distances = np.abs(resampled)
    exceeding = int(np.count_nonzero(distances - distances.mean() > abs(difference)))
    return (exceeding + 1) / (len(resampled) + 1) if difference else 1.0


def _comparison(name: str, scores: dict[str, Any], sentences: int) -> str:
    """Return the comparison of two systems by one metric as a sentence.

    One is better only where the interval too leaves 0 out: of a clear difference the p-value counts but one side.
    """
    (low, high), p = scores["interval"], scores["p"]
    value = f"p = {p:.2g}" if p >= 0.0001 else "p < 0.0001"
    better = "first" if low > 0 else "second" if high < 0 else None
    if better is None or p >= SIGNIFICANT:
        many = "1 sentence" if sentences == 1 else f"{sentences:,} sentences"
        verdict = f"no difference that {many} could show (95 % interval {low:.1f} to {high:.1f}, {value})"
    else:
        near, far = sorted((abs(low), abs(high)))
        verdict = f"the {better} is better by {abs(scores['difference']):.1f} (95 % interval {near:.1f} to {far:.1f}, {value})"
    return f"{name} {scores['first']:.1f} and {scores['second']:.1f}: {verdict}"
