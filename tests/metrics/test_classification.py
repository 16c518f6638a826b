import json
import math
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.metrics.classification import (
    COLDEST,
    blend,
    bootstrap,
    calibration_bins,
    calibration_error,
    classification_metrics,
    fit_blend,
    fit_temperature,
    log_softmax,
    mcnemar,
    negative_log_likelihood,
    paired_line,
    plain,
    rates,
    ratio,
    span_metrics,
    token_metrics,
    wilson_interval,
)


def drawn(examples, classes, *, scale=1.0, seed=0):
    """Scores, and labels drawn from the distribution that scores times scale mean."""
    generator = np.random.default_rng(seed)
    scores = 2 * generator.normal(size=(examples, classes))
    chances = np.exp(log_softmax(scores * scale))
    return scores, (chances.cumsum(axis=1) > generator.random((examples, 1))).argmax(axis=1)


@pytest.mark.parametrize("scale", [0.25, 1.0, 4.0])
def test_the_temperature_undoes_a_wrong_scale(scale):
    scores, labels = drawn(20_000, 3, scale=scale)
    assert fit_temperature(scores, labels) == pytest.approx(1 / scale, rel=0.05)


def test_the_temperature_is_where_the_loss_is_least():
    scores, labels = drawn(2000, 4, scale=0.5)
    best = fit_temperature(scores, labels)
    losses = [negative_log_likelihood(log_softmax(scores / (best * factor)), labels) for factor in (0.97, 1.0, 1.03)]
    assert min(losses) == losses[1]


def test_a_tiny_set_that_is_all_right_asks_for_no_certainty():
    assert COLDEST < fit_temperature([[1.0, 0.0], [0.0, 1.0]], [0, 1]) < 1
    assert fit_temperature(np.zeros((0, 2)), []) == pytest.approx(1, abs=1e-4)


@pytest.mark.parametrize("weight", [0.0, 0.3, 1.0])
def test_a_blend_adds_up_to_one(weight):
    first, second = log_softmax(drawn(50, 3)[0]), log_softmax(drawn(50, 3, seed=1)[0])
    mixed = blend(first, second, weight)
    assert np.exp(mixed).sum(axis=1) == pytest.approx(np.ones(50))
    if weight in (0, 1):
        np.testing.assert_allclose(mixed, first if weight else second)


def test_the_better_model_weighs_more():
    scores, labels = drawn(2000, 3)
    noise = np.random.default_rng(1).normal(size=scores.shape)
    assert fit_blend(log_softmax(scores), log_softmax(noise), labels) >= 0.9
    assert fit_blend(log_softmax(noise), log_softmax(scores), labels) <= 0.1


def test_equal_models_get_equal_weights():
    scores, labels = drawn(100, 3)
    assert fit_blend(log_softmax(scores), log_softmax(scores), labels) == 0.5


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (61, 48), (3, 30), (250, 290)])
def test_mcnemar_doubles_the_smaller_tail_of_fair_coins(only_a, only_b):
    right_a = [True] * only_a + [False] * only_b + [True, False]
    right_b = [False] * only_a + [True] * only_b + [True, False]
    found = mcnemar(right_a, right_b)
    count = only_a + only_b
    expected = min(1, 2 * sum(math.comb(count, k) for k in range(min(only_a, only_b) + 1)) / 2**count)
    assert found == (only_a, only_b, pytest.approx(expected))


def test_a_half_is_within_its_interval_and_certainty_is_never_certain():
    """By the formula of Wilson 1927: (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n)."""
    z, n = 1.959964, 20
    half = z * math.sqrt(0.25 / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert wilson_interval(10, 20) == pytest.approx((0.5 - half, 0.5 + half))
    assert wilson_interval(20, 20)[1] == pytest.approx(1)
    assert 0.8 < wilson_interval(20, 20)[0] < 0.9


def test_the_comparison_is_a_sentence():
    right = np.arange(109) < 61
    assert paired_line(right, ~right) == (
        "network right and baseline wrong on 61, the other way round on 48: no significant difference (McNemar p = 0.25)"
    )
    right = np.arange(1100) < 100
    assert paired_line(right, ~right) == (
        "network right and baseline wrong on 100, the other way round on 1,000: baseline is better (McNemar p < 0.0001)"
    )


def test_the_calibration_error_is_the_textbooks():
    # Bins of a tenth: (0.95, right; 0.92, wrong), (0.55, right; 0.6, right).
    expected = (abs(0.95 + 0.92 - 1) + abs(0.55 + 0.6 - 2)) / 4
    assert calibration_error([0.95, 0.92, 0.55, 0.6], [True, False, True, True], 10) == pytest.approx(expected)


def test_the_calibration_error_is_that_of_the_bins():
    scores, labels = drawn(500, 3)
    confidence, is_right = np.exp(log_softmax(scores)).max(1), scores.argmax(1) == labels
    bins = calibration_bins(confidence, is_right)
    assert sum(one.examples for one in bins) == 500
    assert all(one.least < one.confidence <= one.most for one in bins)
    expected = sum(one.examples * abs(one.confidence - one.accuracy) for one in bins) / 500
    assert calibration_error(confidence, is_right) == pytest.approx(expected)
    assert (calibration_bins([], []), calibration_error([], [])) == ([], 0)


def test_labels_drawn_from_the_probabilities_are_calibrated():
    scores, labels = drawn(50_000, 3)
    for factor, least, most in ((1, 0, 0.01), (3, 0.1, 1)):
        confidence = np.exp(log_softmax(factor * scores)).max(1)
        assert least <= calibration_error(confidence, scores.argmax(1) == labels) < most


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=1, max_size=30))
def test_scores_are_those_of_scikit_learn(pairs):
    from sklearn.metrics import accuracy_score, confusion_matrix, precision_recall_fscore_support

    true, given_labels = map(np.array, zip(*pairs, strict=True))
    found = classification_metrics(log_softmax(4 * np.eye(4)[given_labels]), true, ["a", "b", "c", "d"], resamples=0)
    assert found["accuracy"] == pytest.approx(accuracy_score(true, given_labels))
    assert found["confusion"] == confusion_matrix(true, given_labels, labels=range(4)).tolist()
    each = precision_recall_fscore_support(true, given_labels, labels=range(4), zero_division=0)
    for label, name in enumerate("abcd"):
        assert list(found["labels"][name].values()) == pytest.approx([column[label] for column in each])
    macro = precision_recall_fscore_support(true, given_labels, average="macro", zero_division=0)
    assert [found[f"macro_{rate}"] for rate in ("precision", "recall", "f1")] == pytest.approx(macro[:3])


def test_intervals_contain_their_scores():
    scores, labels = drawn(1000, 3)
    found = classification_metrics(log_softmax(scores), labels, ["x", "y", "z"], resamples=200)
    for name in ("accuracy", "macro_f1", "macro_precision", "macro_recall"):
        low, high = found["intervals"][name]
        assert low < found[name] < high
        assert high - low < 0.1
    low, high = found["labels"]["y"]["f1_interval"]
    assert low < found["labels"]["y"]["f1"] < high
    assert len(found["intervals"]["ece"]) == 2


def test_metrics_are_a_function_of_the_seed():
    scores, labels = drawn(200, 3)
    first, again, other = (classification_metrics(log_softmax(scores), labels, "xyz", resamples=50, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first["intervals"] != other["intervals"]


def test_abstaining_answers_what_is_sure():
    scores, labels = drawn(1000, 3)
    logs = log_softmax(scores)
    found = classification_metrics(logs, labels, "xyz", abstain_below=0.8, resamples=20)
    sure = np.exp(logs).max(axis=1) >= 0.8
    assert found["coverage"] == pytest.approx(sure.mean())
    assert found["answered_accuracy"] == pytest.approx((logs.argmax(axis=1) == labels)[sure].mean())
    assert found["answered_accuracy"] > found["accuracy"]
    assert set(found["intervals"]) >= {"coverage", "answered_accuracy", "answered_macro_f1"}


def test_where_nothing_is_answered_there_is_no_accuracy():
    scores, labels = drawn(20, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = classification_metrics(log_softmax(scores), labels, "xyz", abstain_below=1.0, resamples=20)
    assert (found["coverage"], found["answered_accuracy"], found["answered_macro_f1"]) == (0.0, None, None)
    assert found["intervals"]["answered_accuracy"] == [None, None]
    json.dumps(found, allow_nan=False)


def test_nothing_of_nothing_is_zero():
    assert plain(ratio([0, 1], [0, 4])) == [0.0, 0.25]
    assert {name: plain(rate) for name, rate in rates(0, 0, 0).items()} == {"precision": 0.0, "recall": 0.0, "f1": 0.0}


def test_rates_are_those_of_the_counts():
    found = rates(6, 8, 12)
    precision, recall = 6 / 8, 6 / 12
    assert (plain(found["precision"]), plain(found["recall"])) == (precision, recall)
    assert plain(found["f1"]) == pytest.approx(2 * precision * recall / (precision + recall))


def test_the_interval_of_a_mean_is_two_standard_errors_wide():
    values = np.random.default_rng(0).normal(size=400)
    [low, high] = bootstrap(lambda rows: {"mean": values[rows].mean()}, 400, 2000, 0)["mean"]
    assert high - low == pytest.approx(2 * 1.96 * values.std() / 20, rel=0.1)
    assert low < values.mean() < high


def test_an_interval_is_a_function_of_its_seed():
    values = np.random.default_rng(0).normal(size=50)
    first, again, other = (bootstrap(lambda rows: {"mean": values[rows].mean()}, 50, 20, seed) for seed in (1, 1, 2))
    assert first == again != other


def test_what_is_never_a_number_has_no_interval():
    assert bootstrap(lambda rows: {"none": [np.nan, 1.0]}, 3, 5, 0) == {"none": [[None, 1.0], [None, 1.0]]}


TAGS = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC", "I-ORG"])
SENTENCES = st.lists(st.lists(st.tuples(TAGS, TAGS), min_size=1, max_size=8), min_size=1, max_size=6)


def spans(tags):
    """The chunks of a BIO sentence as conlleval cuts them: at B-, at another type, and at O."""
    found, begin, kind = set(), 0, None
    for place, tag in enumerate([*tags, "O"]):
        prefix, _, own = tag.partition("-")
        if kind is not None and (prefix != "I" or own != kind):
            found.add((begin, place, kind))
            kind = None
        if prefix != "O" and kind is None:
            begin, kind = place, own
    return found


@settings(max_examples=50, deadline=None)
@given(SENTENCES)
def test_span_scores_are_those_of_seqeval(sentences):
    from seqeval.metrics import classification_report

    true, found = ([[pair[side] for pair in sentence] for sentence in sentences] for side in (0, 1))
    ours = span_metrics([spans(tags) for tags in true], [spans(tags) for tags in found], resamples=0)
    if not ours["per_type"]:
        assert ours["span_f1"] == 0  # seqeval raises an error
        return
    theirs = classification_report(true, found, output_dict=True, zero_division=0)
    total = theirs["micro avg"]
    assert (ours["span_precision"], ours["span_recall"], ours["span_f1"]) == pytest.approx(
        (total["precision"], total["recall"], total["f1-score"])
    )
    for kind, scores in ours["per_type"].items():
        expected = theirs[kind]
        assert list(scores.values()) == pytest.approx([expected[name] for name in ("precision", "recall", "f1-score", "support")])


def test_a_span_with_a_wrong_end_or_type_is_wrong():
    true = [{(0, 2, "PER"), (3, 4, "LOC"), (5, 6, "LOC")}]
    found = [{(0, 1, "PER"), (3, 4, "ORG"), (5, 6, "LOC")}]
    scores = span_metrics(true, found, resamples=0)
    assert scores["span_precision"] == scores["span_recall"] == scores["span_f1"] == pytest.approx(1 / 3)
    assert scores["per_type"]["LOC"] == {"precision": 1.0, "recall": 0.5, "f1": pytest.approx(2 / 3), "support": 2}
    assert scores["per_type"]["ORG"]["f1"] == 0


def test_token_scores_are_those_of_scikit_learn():
    from sklearn.metrics import precision_recall_fscore_support

    true = [["NOUN", "VERB", "NOUN"], ["DET", "NOUN"]]
    found = [["NOUN", "NOUN", "NOUN"], ["DET", "X"]]
    scores = token_metrics(true, found, resamples=0)
    assert scores["token_accuracy"] == pytest.approx(3 / 5)
    labels = sorted(scores["per_label"])
    expected = precision_recall_fscore_support([*true[0], *true[1]], [*found[0], *found[1]], labels=labels, zero_division=0)
    for number, label in enumerate(labels):
        assert list(scores["per_label"][label].values()) == pytest.approx([column[number] for column in expected])


def test_intervals_contain_their_scores_and_json_takes_them():
    sentences = [{(0, 1, "A")}, {(0, 1, "A"), (2, 3, "B")}, set()] * 10
    found = [{(0, 1, "A")}, {(0, 1, "A"), (2, 4, "B")}, set()] * 10
    scores = span_metrics(sentences, found, resamples=200)
    low, high = scores["intervals"]["span_f1"]
    assert 0 < low < scores["span_f1"] < high < 1
    tokens = token_metrics([["A", "B"], ["A"]] * 20, [["A", "A"], ["A"]] * 20, resamples=200)
    low, high = tokens["intervals"]["token_accuracy"]
    assert low < tokens["token_accuracy"] < high
    json.dumps([scores, tokens], allow_nan=False)


def test_no_sentence_scores_nothing():
    assert span_metrics([], [])["span_f1"] == 0
    assert token_metrics([], [])["token_accuracy"] == 0


def test_sentences_of_unequal_length_are_refused():
    with pytest.raises(ValueError, match="shorter"):
        token_metrics([["A", "B"]], [["A"]])
