import json
import warnings

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.metrics.classification import (
    COLDEST,
    EXACT,
    blend,
    classification_metrics,
    expected_calibration_error,
    fit_blend,
    fit_temperature,
    log_softmax,
    mcnemar,
    negative_log_likelihood,
    paired_line,
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


def test_equal_models_share_equally():
    scores, labels = drawn(100, 3)
    assert fit_blend(log_softmax(scores), log_softmax(scores), labels) == 0.5


@pytest.mark.parametrize(("only_a", "only_b"), [(0, 0), (1, 0), (5, 5), (61, 48), (3, 30), (2500, 2600)])
def test_mcnemar_is_scipys_binomial_test(only_a, only_b):
    from scipy.stats import binomtest

    right_a = [True] * only_a + [False] * only_b + [True, False]
    right_b = [False] * only_a + [True] * only_b + [True, False]
    found = mcnemar(right_a, right_b)
    expected = binomtest(only_a, only_a + only_b).pvalue if only_a + only_b else 1.0
    assert (found.only_a, found.only_b, found.p_value) == (only_a, only_b, pytest.approx(expected))


def test_mcnemar_of_many_is_close_to_exact():
    from scipy.stats import binomtest

    only_a, only_b = EXACT // 2 + 150, EXACT // 2 - 100
    right = np.arange(only_a + only_b) < only_a
    assert mcnemar(right, ~right).p_value == pytest.approx(binomtest(only_a, only_a + only_b).pvalue, rel=0.01)


def test_the_comparison_is_a_sentence():
    right = np.arange(109) < 61
    assert paired_line(right, ~right, ("network", "linear")) == (
        "network right and linear wrong on 61, the other way round on 48: no significant difference (McNemar p = 0.25)"
    )
    right = np.arange(1100) < 100
    assert paired_line(right, ~right, ("network", "linear")) == (
        "network right and linear wrong on 100, the other way round on 1,000: linear is better (McNemar p < 0.0001)"
    )


def test_the_calibration_error_is_the_textbooks():
    probabilities = np.array([[0.95, 0.05], [0.92, 0.08], [0.55, 0.45], [0.4, 0.6]])
    labels = [0, 1, 0, 1]
    # Bins of a tenth: (0.95, right; 0.92, wrong), (0.55, right; 0.6, right).
    expected = (abs(0.95 + 0.92 - 1) + abs(0.55 + 0.6 - 2)) / 4
    assert expected_calibration_error(probabilities, labels, 10) == pytest.approx(expected)


def test_labels_drawn_from_the_probabilities_are_calibrated():
    scores, labels = drawn(50_000, 3)
    assert expected_calibration_error(np.exp(log_softmax(scores)), labels) < 0.01
    assert expected_calibration_error(np.exp(log_softmax(3 * scores)), labels) > 0.1


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


def test_intervals_hold_what_they_are_of():
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
