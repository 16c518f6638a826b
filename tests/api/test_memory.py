"""Values in memory for a model that was trained on files, whatever these look like; and what went wrong with them."""

import inspect
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.model_selection import TimeSeriesSplit, cross_val_score

import charnn
from charnn.errors import ArgumentKindError
from tests.api.small import MOODS, REVIEWS, SENTENCES, SERIES, SOURCES, TAGS, TARGETS, TEXT, VALUES, answer, trained, untrained

TIMES = pd.date_range("2024-01-01", periods=len(SERIES), freq="D")


def write(path: Path, frame: pd.DataFrame, sep: str = ";") -> Path:
    frame.to_csv(path, index=False, sep=sep)
    return path


def test_a_classifier_of_other_columns_measures_values(tmp_path):
    path = write(tmp_path / "r.csv", pd.DataFrame({"review": REVIEWS, "stars": MOODS}))
    model = untrained("Classifier").fit(path, text_column="review", label_column="stars", delimiter=";")
    assert model.evaluate(REVIEWS, MOODS) == model.evaluate(path)


def test_a_tagger_of_other_columns_measures_values(tmp_path):
    rows = ("".join(f"1\t{token}\t{tag}\tx\n" for token, tag in zip(*pair, strict=True)) for pair in zip(SENTENCES, TAGS, strict=True))
    (tmp_path / "t.conll").write_text("\n".join(rows))
    model = untrained("Tagger").fit(tmp_path / "t.conll", token_column="2", tag_column="3")
    assert model.evaluate(SENTENCES, TAGS) == model.evaluate(tmp_path / "t.conll")


def test_a_translator_of_other_columns_measures_values(tmp_path):
    path = write(tmp_path / "p.csv", pd.DataFrame({"en": SOURCES, "fr": TARGETS}))
    model = untrained("Translator").fit(path, source_column="en", target_column="fr", delimiter=";")
    assert model.evaluate(SOURCES, TARGETS) == model.evaluate(path)


def test_a_forecaster_of_other_columns_goes_on_with_values(tmp_path):
    path = write(tmp_path / "s.csv", pd.DataFrame({"when": TIMES, "sold": SERIES}))
    model, series = untrained("Forecaster").fit(path, target="sold", delimiter=";"), pd.Series(SERIES, TIMES, name="anything")
    assert model.predict(3, series).tolist() == model.predict(3).tolist()
    assert model.evaluate(series) == model.evaluate(path)
    with pytest.raises(charnn.CharnnError) as caught:
        model.predict(3, SERIES)
    assert str(caught.value) == (
        "series has no times, and the model was trained with times; give a pandas object with a DatetimeIndex, or train with calendar=False"
    )


@pytest.mark.parametrize("how", ["column", "lines"])
def test_a_language_model_of_documents_in_files_measures_texts(tmp_path, how):
    path = tmp_path / ("t.csv" if how == "column" else "t.txt")
    path.write_text("\n".join([*(["poem"] if how == "column" else []), *REVIEWS]).replace(",", ""))
    model = untrained("LanguageModel").fit(path, **({"text_column": "poem"} if how == "column" else {"documents": "lines"}))
    texts = [one.replace(",", "") for one in REVIEWS]
    assert model.evaluate(texts=texts) == model.evaluate(path)
    assert model.evaluate(text=texts[0]) == model.evaluate(texts=texts[:1])


def test_a_model_of_running_text_refuses_documents():
    """Their lines of JSON were measured in place of the texts: 9.3 bits per character instead of 5.1."""
    with pytest.raises(charnn.CharnnError) as caught:
        trained("LanguageModel").score([TEXT])
    assert str(caught.value) == "texts are documents, and this model was trained on a running text; give one by text="


def test_a_model_with_labels_asks_for_them():
    model = untrained("LanguageModel").fit(texts=["one two three four", "five six seven"] * 20, labels=["a", "b"] * 20)
    with pytest.raises(charnn.CharnnError) as caught:
        model.score(["one"])
    assert str(caught.value) == "labels are missing; this model was trained with labels, so give texts= with one for each"


@pytest.mark.parametrize("texts", [["a text", "another"], np.array(["a text"]), pd.Series(["a text"]), ["x" * 300]])
def test_texts_in_place_of_paths_lead_to_their_argument(texts):
    with pytest.raises(ArgumentKindError) as caught:
        untrained("LanguageModel").fit(texts)
    assert str(caught.value) == "data must be a path or a list of paths, and none of these is one; texts in memory are given by texts="


@pytest.mark.parametrize("name", ["Classifier", "Translator"])
def test_long_texts_are_no_paths(name):
    with pytest.raises(charnn.CharnnError, match=" are missing; give a "):
        untrained(name).fit(["x" * 300, "y" * 5000])


@pytest.mark.parametrize(
    ("name", "data", "named", "place"),
    [
        ("LanguageModel", (), {"text": TEXT}, "line "),
        ("Classifier", (REVIEWS,), {"labels": MOODS}, "texts["),
        ("Tagger", (SENTENCES,), {"tags": TAGS}, "sentences["),
        ("Translator", (SOURCES,), {"targets": TARGETS}, "sources["),
        ("Forecaster", (SERIES,), {}, "series["),
    ],
)
def test_the_errors_on_values_name_their_items(name, data, named, place):
    found = trained(name).inspect("errors", *data, **named, top=2)
    assert [one["where"].startswith(place) for one in found] == [True, True]


def test_a_view_that_a_model_lacks_is_one_sentence():
    with pytest.raises(charnn.CheckpointError) as caught:
        trained("Classifier").inspect("attention", "a film")
    assert str(caught.value) == "texts was trained with pooling max; name a model that has pooling attention"


def test_a_series_in_place_of_steps_leads_to_its_argument():
    with pytest.raises(charnn.SettingError) as caught:
        trained("Forecaster").predict(SERIES)
    assert str(caught.value) == "steps must be a whole number of at least 1, got a ndarray; a series is given by series="


@pytest.mark.parametrize(
    ("name", "values", "cv"),
    [("Tagger", (SENTENCES, TAGS), 2), ("Translator", (SOURCES, TARGETS), 2), ("Forecaster", (SERIES,), TimeSeriesSplit(2))],
)
def test_every_task_with_values_is_cross_validated(name, values, cv):
    assert np.isfinite(cross_val_score(untrained(name), *values, cv=cv)).all()


def test_a_budget_is_checked_before_data_are_read():
    with pytest.raises(charnn.SettingError, match=r"^steps cannot be combined with minutes"):
        untrained("Classifier").fit("absent.csv", minutes=1)


def test_a_flag_with_a_value_is_a_keyword():
    with pytest.raises(charnn.DataError, match=r"; leave some out, or give valid=$"):
        untrained("Classifier").fit(["rain"] * 40, ["x", "y"] * 20)


def test_a_series_to_validate_on_may_have_another_name():
    series = pd.Series(SERIES, TIMES, name="sold")
    model = untrained("Forecaster").fit(series[:120], valid=series[120:].rename("newer"))
    assert model.predict(2).name == "sold"


def test_parallel_files_are_trained_on_without_other_data(here):
    """The built-in phrasebook was read beside the files that source= and target= named."""
    Path("a.txt").write_text("".join(f"{one}\n" for one in SOURCES))
    Path("b.txt").write_text("".join(f"{one}\n" for one in TARGETS))
    model = untrained("Translator", source=["a.txt"], target=["b.txt"]).fit()
    assert answer(model) == answer(trained("Translator"))


def test_a_fraction_beside_validation_data_is_refused():
    with pytest.raises(charnn.SettingError) as caught:
        untrained("Classifier", valid_fraction=0.2).fit(REVIEWS[:40], MOODS[:40], valid=(REVIEWS[40:], MOODS[40:]))
    assert str(caught.value) == "valid_fraction and data to validate on exclude each other; give one"


def test_columns_are_for_files():
    with pytest.raises(charnn.SettingError) as caught:
        untrained("Classifier").fit(REVIEWS, MOODS, text_column="review")
    assert str(caught.value) == "text_column has no effect on values in memory; leave it out"
    assert answer(untrained("Classifier", text_column="review", delimiter=";").fit(REVIEWS, MOODS)) == answer(trained("Classifier"))


def test_a_bad_validation_sentence_is_named_as_such():
    """Both parts were called sentences, so an error of the one named an item of the other."""
    with pytest.raises(charnn.DataError) as caught:
        untrained("Tagger").fit(SENTENCES, TAGS, valid=([["Mara"], ["Tom"]], [["B-PER"], ["B-DOG"]]))
    assert str(caught.value).startswith("valid[1]: the tag 'B-DOG' does not exist in this model")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"temperature": 0.5}, "temperature has no effect without sample=True"),
        ({"sample": True, "beam": 3}, "beam has no effect with sample=True; leave it out"),
    ],
)
def test_an_option_of_a_translation_without_effect_is_refused(options, said):
    with pytest.raises(charnn.SettingError) as caught:
        trained("Translator", steps=1).predict(SOURCES[:1], **options)
    assert str(caught.value) == said


def test_each_class_has_its_own_signature():
    for name in VALUES:
        assert set(inspect.signature(getattr(charnn, name)).parameters) == set(untrained(name).get_params())
