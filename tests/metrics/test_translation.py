import json
import random

import pytest
import sacrebleu
from hypothesis import given, settings
from hypothesis import strategies as st
from sacrebleu.significance import PairedTest

from charnn.metrics.translation import compare_translations, sentence_chrf, translation_metrics

WORDS = ["The", "cat", "sat", "on", "a", "mat", "while", "two", "old", "dogs", "slept", "near", "their", "warm", "house", "in", "Rome"]
TEXT = st.text(alphabet="abA .,é", max_size=12)


def written(sentences, seed=0):
    """Sentences of seven to twelve words."""
    generator = random.Random(seed)
    return [" ".join(generator.choices(WORDS, k=generator.randint(7, 12))) + "." for _ in range(sentences)]


def garbled(sentences, fraction, seed):
    """Sentences with a fraction of their words replaced."""
    generator = random.Random(seed)
    return [" ".join(generator.choice(WORDS) if generator.random() < fraction else word for word in line.split()) for line in sentences]


def test_a_perfect_translation_scores_100():
    references = written(20)
    scores = translation_metrics(references, references, resamples=50)
    assert (scores["bleu"], scores["chrf"]) == pytest.approx((100, 100))
    assert scores["intervals"] == {"bleu": pytest.approx([100, 100]), "chrf": pytest.approx([100, 100])}
    assert sentence_chrf(references, references) == pytest.approx([100] * 20)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(TEXT, TEXT), min_size=1, max_size=5), st.booleans())
def test_scores_are_those_of_sacrebleu(pairs, lowercase):
    found, references = map(list, zip(*pairs, strict=True))
    scores = translation_metrics(found, references, lowercase=lowercase, resamples=3)
    assert scores["bleu"] == sacrebleu.corpus_bleu(found, [references], lowercase=lowercase).score
    assert scores["chrf"] == sacrebleu.CHRF(lowercase=lowercase).corpus_score(found, [references]).score
    assert sentence_chrf(found, references) == [sacrebleu.sentence_chrf(sentence, [reference]).score for sentence, reference in pairs]


def test_scores_of_long_texts_are_those_of_sacrebleu():
    references = written(100)
    found = garbled(references, 0.3, 1)
    scores = translation_metrics(found, references, resamples=0)
    assert scores["bleu"] == sacrebleu.corpus_bleu(found, [references]).score
    assert scores["chrf"] == sacrebleu.corpus_chrf(found, [references]).score


@pytest.mark.parametrize(("lowercase", "case_of_bleu"), [(False, "mixed"), (True, "lc")])
def test_signatures_say_how_it_was_counted(lowercase, case_of_bleu):
    scores = translation_metrics(["a"], ["a"], lowercase=lowercase, resamples=0)
    version = sacrebleu.__version__
    assert scores["bleu_signature"] == f"nrefs:1|case:{case_of_bleu}|eff:no|tok:13a|smooth:exp|version:{version}"
    assert scores["chrf_signature"] == f"nrefs:1|case:{case_of_bleu}|eff:yes|nc:6|nw:0|space:no|version:{version}"


def test_lowercase_forgives_the_case():
    references = written(10)
    found = [line.upper() for line in references]
    cased, uncased = (translation_metrics(found, references, lowercase=lowercase, resamples=0) for lowercase in (False, True))
    assert (uncased["bleu"], uncased["chrf"]) == pytest.approx((100, 100))
    assert cased["bleu"] < 10
    assert cased["chrf"] < 10


@pytest.mark.parametrize("metric", ["bleu", "chrf"])
def test_intervals_contain_the_score_and_narrow_with_more_sentences(metric):
    widths = []
    for sentences in (20, 320):
        references = written(sentences)
        scores = translation_metrics(garbled(references, 0.3, 1), references, resamples=300)
        low, high = scores["intervals"][metric]
        assert low < scores[metric] < high
        widths.append(high - low)
    assert widths[1] < widths[0] / 2


def test_the_interval_is_that_of_sacrebleu():
    references = written(100)
    found = garbled(references, 0.3, 1)
    low, high = translation_metrics(found, references, seed=7)["intervals"]["bleu"]
    theirs = sacrebleu.BLEU().corpus_score(found, [references], n_bootstrap=1000)
    assert (low, high) == pytest.approx((theirs._mean - theirs._ci, theirs._mean + theirs._ci), abs=0.5)


def test_one_sentence_and_empty_ones_have_scores():
    assert translation_metrics(["a cat sat"], ["a cat sat"], resamples=5)["intervals"]["chrf"] == pytest.approx([100, 100])
    for found, references in ([""], ["a"]), (["a"], [""]), ([""], [""]):
        scores = translation_metrics(found, references, resamples=5)
        assert (scores["bleu"], scores["chrf"]) == (0, 0)
        assert scores["intervals"] == {"bleu": [0, 0], "chrf": [0, 0]}


def test_without_resamples_there_are_no_intervals():
    assert translation_metrics(["a"], ["a"], resamples=0)["intervals"] == {}


@pytest.mark.parametrize(("found", "references"), [([], []), (["a"], []), (["a"], ["a", "b"])])
def test_nothing_and_lists_of_unequal_length_are_refused(found, references):
    with pytest.raises(AssertionError):
        translation_metrics(found, references)
    with pytest.raises(AssertionError):
        compare_translations(found, found, references)


def test_metrics_are_a_function_of_the_seed_and_json_takes_them():
    references = written(30)
    found, worse = garbled(references, 0.3, 1), garbled(references, 0.4, 2)
    first, again, other = (translation_metrics(found, references, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["intervals"] != other["intervals"]
    first, again, other = (compare_translations(found, worse, references, resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["bleu"]["interval"] != other["bleu"]["interval"]
    json.dumps([translation_metrics(found, references, resamples=5), first], allow_nan=False)


@pytest.mark.parametrize("fraction", [0.3, 0.31, 0.33, 0.5])
def test_p_values_are_those_of_sacrebleu(fraction):
    references = written(100)
    first, second = garbled(references, 0.3, 1), garbled(references, fraction, 2)
    ours = compare_translations(first, second, references, seed=7)
    systems = [("first", first), ("second", second)]
    metrics = {"bleu": sacrebleu.BLEU(references=[references]), "chrf": sacrebleu.CHRF(references=[references])}
    _, theirs = PairedTest(systems, metrics, None, test_type="bs", n_samples=1000)()
    for name, official in (("bleu", "BLEU"), ("chrf", "chrF2")):
        one, other = theirs[official]
        assert (ours[name]["first"], ours[name]["second"]) == (one.score, other.score)
        assert ours[name]["difference"] == one.score - other.score
        assert ours[name]["p"] == pytest.approx(other.p_value, abs=0.07)


def test_a_system_is_no_better_than_itself():
    references = written(50)
    found = garbled(references, 0.3, 1)
    compared = compare_translations(found, found, references, resamples=100)
    for name in ("bleu", "chrf"):
        assert (compared[name]["difference"], compared[name]["interval"], compared[name]["p"]) == (0, [0, 0], 1)
    score = compared["bleu"]["first"]
    assert compared["comparison"] == (
        f"BLEU {score:.1f} and {score:.1f}: no difference that 50 sentences could show (95 % interval 0.0 to 0.0, p = 1)"
    )


def test_swapping_the_systems_changes_the_sign():
    references = written(60)
    first, second = garbled(references, 0.3, 1), garbled(references, 0.35, 2)
    there, back = (compare_translations(*pair, references, resamples=100) for pair in ((first, second), (second, first)))
    for name in ("bleu", "chrf"):
        assert back[name]["difference"] == -there[name]["difference"]
        assert back[name]["interval"] == pytest.approx([-edge for edge in reversed(there[name]["interval"])])
        assert back[name]["p"] == there[name]["p"]


def test_pairs_show_more_than_two_intervals_do():
    references = written(200)
    first = garbled(references, 0.3, 1)
    second = garbled(first, 0.03, 2)
    low, high = compare_translations(first, second, references, resamples=300)["bleu"]["interval"]
    alone_low, alone_high = translation_metrics(first, references, resamples=300)["intervals"]["bleu"]
    assert high - low < (alone_high - alone_low) / 2


def test_the_comparison_says_which_is_better():
    references = written(200)
    first, second = garbled(references, 0.2, 1), garbled(references, 0.4, 2)
    compared = compare_translations(first, second, references, resamples=99)["bleu"]
    low, high = compared["interval"]
    better = f"better by {compared['difference']:.1f} (95 % interval {low:.1f} to {high:.1f}, p = 0.01)"
    scores = (compared["first"], compared["second"])
    assert low > 0
    for pair, (one, other), name in (((first, second), scores, "first"), ((second, first), scores[::-1], "second")):
        comparison = compare_translations(*pair, references, resamples=99)["comparison"]
        assert comparison == f"BLEU {one:.1f} and {other:.1f}: the {name} is {better}"


def test_one_sentence_shows_no_difference():
    compared = compare_translations(["a cat sat on it"], ["a dog lay by me"], ["a cat sat on it"], resamples=99)
    assert compared["bleu"]["p"] == compared["chrf"]["p"] == 1
    assert "no difference that 1 sentence could show" in compared["comparison"]
