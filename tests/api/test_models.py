"""What the public classes of the other tasks give back."""

import numpy as np
import pandas as pd
import pytest

import charnn
from tests.api.small import SENTENCES, SERIES, SOURCES, TAGS, TARGETS, TEXT, trained, untrained


@pytest.fixture(scope="module")
def poet():
    return trained("LanguageModel")


@pytest.fixture(scope="module")
def names():
    return trained("Tagger", steps=40)


def test_a_language_model_writes_and_stops(poet):
    assert poet.sample("the", length=20, seed=1) == poet.samples("the", count=2, length=20, seed=1)[0]
    assert poet.sample("the", length=200, seed=1, stop="a").count("a") <= 1
    assert len(poet.predict("the", top=3)) == 3


def test_a_language_model_measures_texts(poet):
    assert poet.score(TEXT) == -poet.evaluate(text=TEXT)["bits_per_character"]
    assert poet.evaluate()["protocol"] == "streamed"


def test_documents_in_memory_may_have_labels():
    model = untrained("LanguageModel").fit(texts=["one two three four", "five six seven"] * 20, labels=["a", "b"] * 20)
    assert model.sample(label="b", length=10, seed=1)
    assert model.evaluate(texts=["one two"], labels=["a"])["protocol"] == "documents"
    with pytest.raises(charnn.SettingError, match="label"):
        model.sample(label="c")


@pytest.mark.parametrize(
    ("named", "said"),
    [
        ({"text": TEXT, "texts": [TEXT]}, "give one of data (paths), text (a running text) and texts (documents)"),
        ({"text": TEXT, "labels": ["a"]}, "labels belong to texts; give texts, or name the column of files by label_column"),
        ({"text": [TEXT]}, "text must be one text, got a list; a list of documents is given by texts="),
        ({"texts": []}, "texts is empty; give at least 1"),
    ],
)
def test_what_a_language_model_cannot_be_trained_on_is_one_sentence(named, said):
    with pytest.raises(charnn.CharnnError) as caught:
        untrained("LanguageModel").fit(**named)
    assert str(caught.value) == said


def test_the_inside_of_a_language_model_is_arrays(poet):
    text = TEXT[:300]
    states, gates = poet.inspect("states", text), poet.inspect("gates", text)
    assert states["hidden"].shape == (1, 300, 8)
    assert "".join(states["tokens"]) == text
    assert states["nats"].shape == (300,)
    assert {name: gates[name].shape for name in ("reset", "update")} == {"reset": (1, 300, 8), "update": (1, 300, 8)}
    assert ((gates["update"] >= 0) & (gates["update"] <= 1)).all()
    followed = poet.inspect("neurons", text, count=2)
    assert all(1 <= len(units) <= 2 for units in followed.values())
    reach = poet.inspect("gradients", text, steps=20, sequences=2)
    assert reach["trained"].shape == reach["untrained"].shape
    assert reach["trained"].shape[0] >= 20


def test_a_tagger_takes_tokens_or_texts(names):
    assert [len(tags) for tags in names.predict(SENTENCES)] == [len(one) for one in SENTENCES]
    assert {"spans"} == set(names.annotate("Mara left Rome.")[0])
    assert names.score(SENTENCES, TAGS) == names.evaluate(SENTENCES, TAGS)["span_f1"]


def test_a_translator_gives_texts_or_candidates():
    model = trained("Translator")
    assert [type(one) for one in model.predict(SOURCES[:3])] == [str] * 3
    assert [len(one) for one in model.predict(SOURCES[:2], n_best=3, beam=4)] == [3, 3]
    assert model.predict(SOURCES[0], sample=True, temperature=0.5, seed=2) == model.predict(
        SOURCES[0], sample=True, temperature=0.5, seed=2
    )
    assert model.score(SOURCES, TARGETS) == model.evaluate(SOURCES, TARGETS)["bleu"]
    with pytest.raises(TypeError, match=r"^predict\(\) has no argument 'beams'; it has beam, length_penalty"):
        model.predict(SOURCES[0], beams=3)


def test_a_forecaster_gives_back_what_it_was_given():
    model = trained("Forecaster")
    assert model.predict().shape == (3,)
    interval = model.predict(4, interval=0.8)
    assert (interval.low <= interval.high).all()
    assert np.array_equal(model.predict(3, series=list(SERIES)), model.predict(3))
    dated = pd.Series(SERIES, pd.date_range("2024-01-01", periods=len(SERIES), freq="D"), name="level")
    model = untrained("Forecaster").fit(dated)
    found = model.predict(2)
    assert found.index.tolist() == pd.date_range(dated.index[-1], periods=3, freq="D")[1:].tolist()
    assert found.name == "level"
    assert model.predict(1, series=dated).index[0] == found.index[0]


def test_a_forecaster_of_several_columns():
    table = np.stack([SERIES, SERIES[::-1]], 1)
    assert untrained("Forecaster").fit(table).predict(2).shape == (2, 2)
    frame = pd.DataFrame({"a": SERIES, "b": SERIES[::-1]}, pd.date_range("2024-01-01", periods=len(SERIES), freq="h"))
    found = untrained("Forecaster").fit(frame, target="a", inputs="b").predict(2)
    assert found.name == "a"
    assert list(untrained("Forecaster").fit(frame).predict(2).columns) == ["a", "b"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"steps": -1}, "steps must be a whole number of at least 1, got -1"),
        ({"steps": 2.5}, "steps must be a whole number of at least 1, got 2.5"),
        ({"interval": 1.5}, "interval must be above 0 and below 1, got 1.5"),
    ],
)
def test_a_forecast_that_cannot_be_is_one_sentence(options, said):
    with pytest.raises(charnn.SettingError) as caught:
        trained("Forecaster").predict(**options)
    assert str(caught.value) == said
