"""`charnn.Classifier` as a scikit-learn estimator: what `check_estimator` would ask of one that reads texts."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

import charnn
from tests.api.small import MOODS, REVIEWS, trained, untrained


@pytest.fixture(scope="module")
def mood():
    return trained("Classifier", steps=30)


def test_probabilities_sum_to_one_and_follow_classes(mood):
    chances = mood.predict_proba(REVIEWS)
    assert mood.classes_.tolist() == ["bad", "good"]
    np.testing.assert_allclose(chances.sum(1), 1)
    assert mood.predict(REVIEWS).tolist() == mood.classes_[chances.argmax(1)].tolist()
    assert mood.score(REVIEWS, MOODS) > 0.9


@pytest.mark.parametrize(
    "values", [[3, 10, 2], [True, False, True], ["x", "y", "z"], [1.0, 2.0, 10.0]], ids=["int", "bool", "str", "float"]
)
def test_labels_come_back_as_they_were(values, tmp_path):
    labels = [values[number % 3] for number in range(60)]
    model = untrained("Classifier").fit(REVIEWS, labels, to=tmp_path / "run")
    assert model.classes_.tolist() == sorted(set(values))
    assert model.classes_.dtype == np.array(values).dtype
    assert set(model.predict(REVIEWS).tolist()) <= set(values)
    loaded = charnn.load(tmp_path / "run")
    assert loaded.classes_.tolist() == model.classes_.tolist()
    assert loaded.predict(REVIEWS).tolist() == model.predict(REVIEWS).tolist()


def test_containers_of_texts_give_the_same_model():
    expected = trained("Classifier").predict_proba(REVIEWS).tolist()
    frame = pd.DataFrame({"text": REVIEWS, "mood": MOODS})
    for texts, labels in ((np.array(REVIEWS), np.array(MOODS)), (frame["text"], frame["mood"]), (iter(REVIEWS), tuple(MOODS))):
        assert untrained("Classifier").fit(texts, labels).predict_proba(REVIEWS).tolist() == expected


def test_order_and_subset_of_texts_change_nothing(mood):
    whole = mood.predict_proba(REVIEWS)
    assert np.array_equal(mood.predict_proba(REVIEWS[::-1])[::-1], whole)
    assert np.array_equal(mood.predict_proba(REVIEWS[7:9]), whole[7:9])
    assert np.array_equal(mood.predict_proba(REVIEWS[3]), whole[3:4])
    assert mood.predict([]).shape == (0,)


def test_it_may_abstain(mood):
    assert mood.predict(REVIEWS[:4], abstain_below=1.0).tolist() == [None] * 4
    assert mood.predict(REVIEWS[:4], abstain_below=0.0).tolist() == mood.predict(REVIEWS[:4]).tolist()


def test_each_word_is_explained(mood):
    found = mood.explain("a good film")
    assert [word for word, _ in found] == ["a", "good", "film"]


def test_evaluate_takes_values_files_or_nothing(mood, tmp_path):
    (tmp_path / "r.tsv").write_text("text\tlabel\n" + "".join(f"{one}\t{two}\n" for one, two in zip(REVIEWS, MOODS, strict=True)))
    assert mood.evaluate(REVIEWS, MOODS) == mood.evaluate(tmp_path / "r.tsv")
    assert {"accuracy", "network", "blend"} <= mood.evaluate().keys()
    with pytest.raises(charnn.DataError, match=r"^texts\[1\]: the label 'odd' does not exist in this model; it has bad, good$"):
        mood.evaluate(REVIEWS[:2], ["good", "odd"])


def test_validation_data_may_be_given():
    model = untrained("Classifier").fit(REVIEWS[:40], MOODS[:40], valid=(REVIEWS[40:], MOODS[40:]))
    assert model.evaluate()["blend"]["confusion"] is not None
    assert sum(map(sum, model.evaluate()["blend"]["confusion"])) == 20


def test_it_is_a_classifier_for_scikit_learn():
    assert is_classifier(charnn.Classifier())
    assert clone(untrained("Classifier", dropout=0.3)).dropout == 0.3


def test_cross_validation_in_processes_that_are_spawned():
    scores = cross_val_score(untrained("Classifier", steps=20), REVIEWS, MOODS, cv=2, n_jobs=2)
    assert scores.shape == (2,)
    assert (scores > 0.6).all()


def test_a_pipeline_and_a_grid_search_take_it():
    lower = FunctionTransformer(lambda texts: [one.lower() for one in texts])
    pipe = Pipeline([("lower", lower), ("mood", untrained("Classifier"))])
    search = GridSearchCV(pipe, {"mood__hidden_size": [4, 8]}, cv=2, scoring="f1_macro").fit(REVIEWS, np.array(MOODS))
    assert search.best_params_["mood__hidden_size"] in (4, 8)
    assert search.predict(REVIEWS[:2]).shape == (2,)
    assert search.classes_.tolist() == ["bad", "good"]
