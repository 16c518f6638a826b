"""How good translations are: BLEU and chrF by sacrebleu with bootstrap intervals, and whether one system beats another."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sacrebleu import BLEU, CHRF

from charnn.metrics.rates import COVERED, plain

Array = NDArray[np.float64]
Counts = NDArray[np.int64]

SIGNIFICANT = 0.05
"""The p-value below which one system may be called better."""


def translation_metrics(
    found: Sequence[str], references: Sequence[str], *, lowercase: bool = False, resamples: int = 1000, seed: int = 12345
) -> dict[str, Any]:
    """Detokenised translations and their references -> what JSON holds of how good they are, 0 to 100.

    Corpus BLEU (Papineni et al. 2002) of 13a tokens and chrF2 (Popović 2015), each with the signature that says how it was counted
    (Post 2018). `intervals` are 95 % bootstrap intervals over sentences; without resamples there are none.
    """
    assert len(found) == len(references) > 0
    scores: dict[str, Any] = {}
    intervals = {}
    for name, metric in _metrics(references, lowercase).items():
        statistics = _statistics(metric, found)
        scores |= {name: _score(metric, statistics.sum(axis=0)), f"{name}_signature": str(metric.get_signature())}
        if resamples:
            intervals[name] = _interval(_resampled(metric, statistics, resamples, seed))
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

    Paired bootstrap resampling (Koehn 2004): `difference` is first minus second, `interval` its 95 % interval, `p` how often chance
    alone makes so large a difference; 1 for a single sentence, which shows nothing.
    """
    assert len(first) == len(second) == len(references) > 0
    assert resamples > 0
    found = {}
    for name, metric in _metrics(references, lowercase).items():
        systems = [_statistics(metric, sentences) for sentences in (first, second)]
        one, other = (_score(metric, statistics.sum(axis=0)) for statistics in systems)
        # The same seed draws the same sentences for both systems: that makes the resamples pairs.
        resampled, others = (_resampled(metric, statistics, resamples, seed) for statistics in systems)
        differences = resampled - others
        found[name] = {
            "first": one,
            "second": other,
            "difference": one - other,
            "interval": _interval(differences),
            "p": _p_value(one - other, differences) if len(references) > 1 else 1.0,
        }
    return {**found, "comparison": _comparison("BLEU", found["bleu"], len(references))}


def sentence_chrf(found: Sequence[str], references: Sequence[str]) -> list[float]:
    """The chrF2 of each translation by itself, 0 to 100."""
    metric = CHRF()
    return [metric.sentence_score(sentence, [reference]).score for sentence, reference in zip(found, references, strict=True)]


def _metrics(references: Sequence[str], lowercase: bool) -> dict[str, Any]:
    """sacrebleu's metrics by name, the n-grams of the references counted."""
    return {
        "bleu": BLEU(lowercase=lowercase, tokenize="13a", smooth_method="exp", references=[references]),
        "chrf": CHRF(lowercase=lowercase, references=[references]),
    }


def _statistics(metric: Any, found: Sequence[str]) -> Counts:
    """(sentences, numbers) lengths and n-gram counts, the sums of which are all that a corpus score is made of."""
    return np.array(metric._extract_corpus_statistics(found, None), np.int64)


def _score(metric: Any, sums: Counts) -> float:
    """(numbers,) summed statistics -> the corpus score, 0 to 100."""
    return float(metric._compute_score_from_stats(sums.tolist()).score)


def _resampled(metric: Any, statistics: Counts, resamples: int, seed: int) -> Array:
    """(sentences, numbers) statistics -> (resamples,) corpus scores of as many sentences, drawn again with replacement."""
    generator, size = np.random.default_rng(seed), len(statistics)
    # How often each sentence is drawn, times its counts: 0.03 s for 1,000 of 1,000 sentences; gathering the rows takes half as long again.
    drawn = (np.bincount(generator.integers(size, size=size), minlength=size) for _ in range(resamples))
    return np.array([_score(metric, times @ statistics) for times in drawn])


def _interval(scores: Array) -> Any:
    """95 % percentile interval of resampled scores: [low, high]."""
    return plain(np.percentile(scores, COVERED))


def _p_value(difference: float, resampled: Array) -> float:
    """How often the resampled distances, moved to a mean of 0, exceed the distance found; as sacrebleu and Moses count it.

    Equal scores have a p of 1, where sacrebleu gives a system against itself the least p there is.
    """
    distances = np.abs(resampled)
    exceeding = int(np.count_nonzero(distances - distances.mean() > abs(difference)))
    return (exceeding + 1) / (len(resampled) + 1) if difference else 1.0


def _comparison(name: str, scores: dict[str, Any], sentences: int) -> str:
    """The comparison of two systems by one metric, as a sentence.

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
