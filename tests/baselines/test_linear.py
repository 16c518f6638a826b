import json
import subprocess
import sys

import numpy as np
import pytest

from charnn.baselines.linear import ABSENT, LINKS, REGULARISATIONS, LinearBaseline, View, fit_baseline
from charnn.baselines.ngrams import words
from charnn.errors import CheckpointError, DataError
from tests.baselines.test_ngrams import names

WORDS = {0: "dull bad awful", 1: "fine great lovely", 2: "table chair window"}
FILLER = "the film was a thing of it and so on :)"


def corpus(size, classes, *, length=8, seed=0):
    """Texts in which each class has its own words, a few of them in the wrong place."""
    generator = np.random.default_rng(seed)
    labels = np.arange(size) % classes
    texts = []
    for label in labels:
        own = WORDS[int(label) if generator.random() < 0.85 else int(generator.integers(classes))].split()
        texts.append(" ".join(generator.permutation([*generator.choice(FILLER.split(), length - 2), *generator.choice(own, 2)])))
    return texts, labels.tolist()


def fitted(classes=2, **choices):
    return fit_baseline(*corpus(160, classes, **choices), *corpus(60, classes, seed=1), classes, 0)


def by_hand(link, weighting, classes):
    """A small baseline with given weights, not fitted."""
    chosen = fitted(classes)
    generator = np.random.default_rng(0)
    columns = 1 if link == "binary" else classes
    views = tuple(View(v.grams, v.rarity, generator.normal(size=(v.grams.size, columns)).astype(np.float32)) for v in chosen.views)
    return LinearBaseline(views, generator.normal(size=columns).astype(np.float32), link, weighting, 1.0)


def scikit_learns(baseline, texts, training):
    """The log-probabilities of scikit-learn's vectorizer and regression with the baseline's weights."""
    from scipy.sparse import hstack
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.preprocessing import LabelBinarizer

    blocks, weights = [], []
    for view in baseline.views:
        grams = view.grams
        how = {"tokenizer": words, "token_pattern": None} if grams.unit == "unicode word" else {"analyzer": "char_wb"}
        vectorizer = TfidfVectorizer(ngram_range=(grams.shortest, grams.longest), sublinear_tf=True, **how).fit(training)
        number = {name: feature for feature, name in enumerate(names(grams))}
        weights.append(view.weights[[number[name] for name in vectorizer.get_feature_names_out()]])
        blocks.append(vectorizer.transform(texts))

    def regression(coefficients, bias, classes):
        model = LogisticRegression()
        model.coef_, model.intercept_, model.classes_ = coefficients, bias, np.arange(classes)
        return model

    matrix, weights = hstack(blocks, format="csr"), np.concatenate(weights).T
    if baseline.link != "one-vs-rest":
        return regression(weights, baseline.bias, max(2, len(weights))).predict_log_proba(matrix)
    model = OneVsRestClassifier(LogisticRegression())
    model.estimators_ = [regression(weights[[k]], baseline.bias[[k]], 2) for k in range(len(weights))]
    model.classes_, model.label_binarizer_ = np.arange(len(weights)), LabelBinarizer().fit(range(len(weights)))
    return np.log(model.predict_proba(matrix))


@pytest.mark.parametrize(("link", "classes"), [("binary", 2), ("softmax", 3), ("one-vs-rest", 3)])
def test_probabilities_are_those_of_scikit_learn(link, classes):
    assert link in LINKS
    texts, training = corpus(50, classes, seed=2)[0], corpus(160, classes)[0]
    baseline = by_hand(link, "nb", classes)
    assert [view.grams.unit for view in baseline.views] == ["unicode word", "character"]
    np.testing.assert_allclose(baseline.logits(texts), scikit_learns(baseline, texts, training), atol=1e-4)


def test_the_fit_is_as_good_as_a_careful_one():
    """Each fit starts from the last one's weights: a lax tolerance left it there."""
    from scipy.sparse import diags_array
    from sklearn.linear_model import LogisticRegression

    from charnn.baselines.linear import _log_count_ratios, _matrix, _rarity, _solutions, _targets

    texts, labels = corpus(160, 2)
    grams = [view.grams for view in fitted().views]
    matrix, targets = _matrix(grams, [_rarity(each, texts) for each in grams], texts), _targets(np.array(labels), 2, "binary")
    ratios = _log_count_ratios(matrix, targets)
    for regularisation, weights, bias in _solutions(matrix, targets, ratios, 0):
        scaled = (matrix @ diags_array(ratios[0])).astype(np.float64)
        careful = LogisticRegression(C=regularisation, tol=1e-9, max_iter=10_000).fit(scaled, targets[0])
        np.testing.assert_allclose(matrix @ weights[:, 0] + bias, careful.decision_function(scaled), rtol=0.02, atol=0.02)
    assert regularisation == REGULARISATIONS[-1]


def test_log_count_ratios_are_the_papers():
    """p = 1 + texts of the class with the n-gram, q likewise of the others: log((p / |p|) / (q / |q|))."""
    from scipy.sparse import csr_array

    from charnn.baselines.linear import _log_count_ratios

    matrix = csr_array(np.array([[0.5, 0.0], [0.7, 0.2], [0.0, 0.9]], np.float32))
    found = _log_count_ratios(matrix, [np.array([True, True, False])])
    p, q = np.array([3, 2]), np.array([1, 2])
    np.testing.assert_allclose(found[0], np.log((p / p.sum()) / (q / q.sum())), rtol=1e-6)


@pytest.mark.parametrize("classes", [2, 3])
def test_typical_words_are_learned(classes):
    baseline = fitted(classes)
    texts, labels = corpus(100, classes, seed=2)
    logits = baseline.logits(texts)
    assert (logits.argmax(axis=1) == labels).mean() > 0.7
    assert logits.dtype == np.float32
    np.testing.assert_allclose(np.exp(logits).sum(axis=1), 1, rtol=1e-5)


def test_a_fit_is_repeatable():
    first, second = fitted(3), fitted(3)
    assert first.learned() == second.learned()
    assert all(np.array_equal(array, second.tensors()[name]) for name, array in first.tensors().items())


def test_texts_that_have_nothing_in_common_are_refused():
    with pytest.raises(DataError) as caught:
        fit_baseline(["", " "], [0, 1], [""], [0], 2, 0)
    reason = "the texts share no word and no character, so a linear model has nothing to learn"
    assert str(caught.value) == f"{reason}; leave it out: --no-baseline"


def test_one_source_without_n_grams_does_not_spoil_the_other():
    """Each word occurs in one text only, so only characters repeat."""
    generator = np.random.default_rng(0)
    labels = [number % 2 for number in range(1000)]
    texts = ["".join(generator.choice(list("abcdefghijkl" if label else "mnopqrstuvwx"), 12)) for label in labels]
    baseline = fit_baseline(texts, labels, texts[:100], labels[:100], 2, 0)
    assert [view.grams.unit for view in baseline.views if view.grams.size] == ["character"]
    assert (baseline.logits(texts).argmax(axis=1) == labels).all()


def test_long_texts_are_read_by_words_alone():
    assert {view.grams.unit for view in fitted(length=60).views} == {"unicode word"}


def test_a_text_is_judged_as_if_it_were_alone():
    baseline = fitted(3)
    texts = [*corpus(300, 3, seed=3)[0], "", "nothing known of this"]
    alone = np.concatenate([baseline.logits([text]) for text in texts])
    assert np.array_equal(baseline.logits(texts), alone)
    assert np.array_equal(baseline.logits(texts[::-1]), alone[::-1])


def test_without_a_known_n_gram_the_bias_decides():
    baseline = fitted()
    expected = LINKS[baseline.link](baseline.bias[None].astype(np.float64))
    np.testing.assert_allclose(baseline.logits(["", "%%%"]), np.repeat(expected, 2, axis=0), rtol=1e-6)
    assert baseline.logits([]).shape == (0, 2)


def test_a_class_without_a_text_is_never_the_answer():
    texts, labels = corpus(160, 2)
    baseline = fit_baseline(texts, labels, *corpus(60, 2, seed=1), 4, 0)
    logits = baseline.logits(corpus(50, 2, seed=2)[0])
    assert logits.shape == (50, 4)
    assert set(logits.argmax(axis=1)) == {0, 1}
    assert (logits[:, 2:] < ABSENT / 2).all()


@pytest.mark.parametrize("classes", [2, 3])
def test_what_is_restored_answers_the_same(classes):
    baseline = fitted(classes)
    again = LinearBaseline.restore(json.loads(json.dumps(baseline.learned())), baseline.tensors())
    texts = corpus(50, classes, seed=2)[0]
    assert np.array_equal(again.logits(texts), baseline.logits(texts))
    assert again.describe() == baseline.describe()


def test_a_restored_baseline_needs_no_scikit_learn():
    program = """
import sys
import numpy as np
from charnn.baselines.linear import LinearBaseline
view = {"unit": "word", "shortest": 1, "longest": 1}
learned = {"classes": 2, "views": [view], "link": "binary", "weighting": "nb", "regularisation": 1.0}
tensors = {"view0.symbols": np.frombuffer(b"good", np.uint8), "view0.rarity": np.ones(1, np.float32)}
tensors |= {"view0.weights": np.ones((1, 1), np.float32), "bias": np.zeros(1, np.float32)}
assert LinearBaseline.restore(learned, tensors).logits(["good"])[0].argmax() == 1
assert not {"sklearn", "scipy", "torch"} & sys.modules.keys()
"""
    run = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (run.returncode, run.stderr) == (0, "")


def test_the_description_says_what_it_is():
    text = by_hand("binary", "nb", 2).describe()
    assert text.startswith("NB-weighted TF-IDF of word 1-2-grams and character 2-5-grams, logistic regression, C=1, ")
    assert text.endswith(" features")


DAMAGE = [
    ({"classes": None}, {}, "expected the entries classes, views, link, weighting, regularisation"),
    ({"views": {}}, {}, "expected the entries classes, views, link, weighting, regularisation"),
    ({"link": "probit"}, {}, "2 classes, link 'probit', weighting 'nb'"),
    ({"classes": 3}, {}, "3 classes, link 'binary', weighting 'nb'"),
    ({"link": "x" * 1000}, {}, f"2 classes, link '{'x' * 56}..., weighting 'nb'"),
    ({"regularisation": float("nan")}, {}, "2 views, C=nan"),
    ({"views": []}, {}, "0 views, C=1.0"),
    ({"views": [{}] * 9}, {}, "9 views, C=1.0"),
    ({}, {"bias": None}, "bias should be finite float32 (1,), is missing"),
    ({}, {"bias": np.zeros(2, np.float32)}, "bias should be finite float32 (1,), is float32 (2,)"),
    ({}, {"bias": np.array([np.nan], np.float32)}, "bias should be finite float32 (1,), is float32 (1,)"),
    ({}, {"view0.weights": np.zeros((3, 1), np.float64)}, "weights should be finite float32 (SIZE, 1), is float64 (3, 1)"),
    ({}, {"view0.rarity": None}, "rarity should be finite float32 (SIZE,), is missing"),
]


@pytest.mark.parametrize(("learned", "tensors", "message"), DAMAGE)
def test_a_damaged_model_is_refused(learned, tensors, message):
    baseline = by_hand("binary", "nb", 2)
    arrays = {name: array for name, array in (baseline.tensors() | tensors).items() if array is not None}
    with pytest.raises(CheckpointError) as caught:
        LinearBaseline.restore(baseline.learned() | learned, arrays)
    assert str(caught.value) == "the linear model is damaged: " + message.replace("SIZE", str(baseline.views[0].grams.size))
