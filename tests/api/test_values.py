"""Values in memory: what is taken, and the one sentence for what is not."""

import numpy as np
import pandas as pd
import pytest

import charnn
from charnn.api.values import as_labels, as_paths, as_texts, as_tokens, rows_of, sentences_of, series_of, text_of
from charnn.data.conll import TaggedData
from charnn.data.corpus import Corpus
from charnn.data.labelled import LabelledData
from charnn.data.series import read_series
from charnn.data.settings import SeriesSettings
from charnn.errors import ArgumentKindError, ArgumentValueError, DataError
from tests.api.small import untrained


@pytest.mark.parametrize(
    "values",
    [["a", "b"], ("a", "b"), np.array(["a", "b"]), pd.Series(["a", "b"], [7, 3]), (one for one in "ab"), np.array(["a", "b"], object)],
    ids=["list", "tuple", "array", "column", "generator", "objects"],
)
def test_any_iterable_of_texts_is_taken(values):
    assert as_texts(values) == ["a", "b"]


def test_a_string_is_one_text():
    assert as_texts("What a day!") == ["What a day!"]


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        (["a", None], ArgumentValueError, "texts[1] is missing (None); leave it out, or fill it in"),
        (["a", float("nan")], ArgumentValueError, "texts[1] is missing (nan); leave it out, or fill it in"),
        (pd.Series(["a", pd.NA], dtype=object), ArgumentValueError, "texts[1] is missing (<NA>); leave it out, or fill it in"),
        ([3], ArgumentKindError, "texts[0] must be a text, got a whole number; turn it into one by str()"),
        ([b"a"], ArgumentKindError, "texts[0] must be a text, got bytes; decode them first; turn it into one by str()"),
        (None, ArgumentKindError, "texts must be a list of texts, got None"),
        ({"a": 1}, ArgumentKindError, "texts must be a list of texts, got a dict"),
        (np.array([["a"]]), ArgumentKindError, "texts must have one dimension, got an array of shape (1, 1)"),
        (
            pd.DataFrame({"text": ["a"]}),
            ArgumentKindError,
            "texts must be a list of texts, got a DataFrame; give one column of it, such as frame['text']",
        ),
        (["a\ud800"], ArgumentValueError, "texts[0] contains half of a surrogate pair, which is no character; correct it"),
    ],
)
def test_what_is_no_text_is_named(values, kind, said):
    with pytest.raises(kind) as caught:
        as_texts(values)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("labels", "kind", "said"),
    [
        (["x"], ArgumentValueError, "texts and labels must be equally many, got 2 and 1"),
        (["x", None], ArgumentValueError, "labels[1] is missing (None); leave it out, or fill it in"),
        ([1, "x"], ArgumentKindError, "labels must be of one kind, got int and str; turn them all into str, say"),
        ([True, 1], ArgumentKindError, "labels must be of one kind, got bool and int; turn them all into str, say"),
        ([0.5, 1.0], ArgumentValueError, "labels[0] is 0.5; a classifier needs labels, and the Forecaster predicts numbers"),
        ([["x"], ["y"]], ArgumentKindError, "labels[0] must be a text, a whole number or a truth value, got a list"),
        (pd.DataFrame({"y": [1, 2]}), ArgumentKindError, "labels must be a list of labels, got a DataFrame; give one column of it, such as "
         "frame['text']"),
    ],
)  # fmt: skip
def test_what_is_no_label_is_named(labels, kind, said):
    with pytest.raises(kind) as caught:
        as_labels(labels, 2)
    assert str(caught.value) == said


@pytest.mark.parametrize("labels", [[1, 2], np.array([1, 2]), pd.Series([True, False]), ["x", "y"], np.array([1.0, 2.0])])
def test_labels_of_one_kind_stay_as_python_has_them(labels):
    assert as_labels(labels, 2) == [one.item() if hasattr(one, "item") else one for one in labels]


@pytest.mark.parametrize(
    ("data", "kind", "said"),
    [
        ("a text\nof lines", ArgumentValueError, "data must be a path, got a text ('a text\\nof lines' ...); give it by its own argument"),
        ([], ArgumentValueError, "data is an empty list; name at least one file"),
        (3, ArgumentKindError, "data must be a path or a list of paths, got a whole number"),
        (["a", 3], ArgumentKindError, "data must be a path or a list of paths, got a list"),
    ],
)
def test_what_is_no_path_is_named(data, kind, said):
    with pytest.raises(kind) as caught:
        as_paths(data, "data")
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("sentences", "kind", "said"),
    [
        ("John left", ArgumentKindError, "sentences must be a list of lists of tokens, got a text"),
        (["John left"], ArgumentKindError, "sentences[0] must be a list of tokens, got a text; divide it, or take annotate()"),
        ([["John", ""]], ArgumentValueError, "sentences[0][1] is ''; a token is not blank and has no tab or newline"),
        ([["John", "a\tb"]], ArgumentValueError, "sentences[0][1] is 'a\\tb'; a token is not blank and has no tab or newline"),
        ([["John", None]], ArgumentValueError, "sentences[0][1] is missing (None); leave it out, or fill it in"),
    ],
)
def test_what_is_no_token_is_named(sentences, kind, said):
    with pytest.raises(kind) as caught:
        as_tokens(sentences, "sentences")
    assert str(caught.value) == said


def test_texts_come_back_whatever_they_contain():
    texts = ["a\nb", "c\r\nd", '"e", f', "g\th", "\u2028i\x85j", "नमस्ते", "", " k "]
    found = list(LabelledData([rows_of("texts", text=texts, label=["x"] * len(texts)).source]).examples())
    assert [one.text for one in found] == texts


def test_a_running_text_comes_back_whole():
    text = "a\r\nb\u2028c\x85d\n\ne"
    assert "".join(Corpus([text_of(text).source]).chunks()) == text


def test_sentences_come_back_with_their_tags():
    found = list(TaggedData([sentences_of([["a b", "c"], ["d"]], [["X", "Y"], ["Z"]], "sentences").source]).sentences())
    assert [(one.tokens, one.tags) for one in found] == [(("a b", "c"), ("X", "Y")), (("d",), ("Z",))]


def test_numbers_come_back_to_the_bit():
    values = np.random.default_rng(0).normal(size=200) * 1e-7
    found = read_series([series_of(values).source], SeriesSettings())
    assert np.array_equal(found.values[:, 0], values)


def test_a_pandas_series_brings_its_name_and_its_times():
    values = pd.Series([1.0, 2.0, 4.0], pd.date_range("2024-01-31", periods=3, freq="ME"), name="sales")
    found = read_series([series_of(values).source], SeriesSettings())
    assert found.columns == ("sales",)
    assert found.times == ("2024-01-31", "2024-02-29", "2024-03-31")
    by_month = read_series([series_of(values.to_period("M")).source], SeriesSettings())
    assert by_month.times == ("2024-01-01", "2024-02-01", "2024-03-01")


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ("abc\n", ArgumentKindError, "series must be a list of numbers, an array, a pandas Series or a path, got a text"),
        (["a", "b"], ArgumentKindError, "series must contain numbers only, equally many in each row"),
        ([], ArgumentValueError, "series must have the shape (time,) or (time, columns), got (0,)"),
        ([1, float("inf")], ArgumentValueError, "series[1] is infinite; correct it"),
        (np.zeros((2, 2, 2)), ArgumentValueError, "series must have the shape (time,) or (time, columns), got (2, 2, 2)"),
    ],
)
def test_what_is_no_series_is_named(values, kind, said):
    with pytest.raises(kind) as caught:
        series_of(values)
    assert str(caught.value) == said


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("Classifier", ([], []), "texts is empty; give at least 1"),
        ("Classifier", (["a b", "c d"] * 9,), "labels are missing; give a label for each text, or paths of labelled files"),
        (
            "Classifier",
            (["a b"] * 27, ["x"] * 27),
            "a classifier needs at least two labels, and all examples have the label 'x'; give examples of another one too",
        ),
        ("Classifier", (["a", "b"], ["x", " "]), "labels[1] is blank; give it a name"),
        ("Classifier", (["a", "b"], ["x", "x "]), "the labels 'x' and 'x ' differ only by white space; make them one"),
        ("Classifier", (["a"] * 19 + ["b"], ["x"] * 19 + ["y"]), "texts[19]: the label 'y' is seen only once; give more examples of it, or "
         "leave it out"),
        ("Tagger", ([["a", "b"]], [["X"]]), "sentences[0] has 2 tokens and tags[0] 1; give one for each"),
        ("Tagger", ([["a", "b"]],), "tags are missing; give a list of tags for each sentence, or paths of CoNLL files"),
        ("Translator", (["a", "b"], ["c"]), "sources and targets must be equally many, got 2 and 1"),
        ("Translator", (["a", "b"],), "targets are missing; give a target for each source, or paths of tables of pairs"),
        ("LanguageModel", ("no.txt",), "no.txt: no such file; give a file, a folder, - for standard input, or a built-in corpus: "
         "python-docs, python-code, sentiment, entities, phrasebook, cosine"),
    ],
)  # fmt: skip
def test_what_cannot_be_trained_on_is_one_sentence(name, arguments, said):
    with pytest.raises(charnn.CharnnError) as caught:
        untrained(name).fit(*arguments)
    assert str(caught.value) == said


def test_an_iterator_that_fails_half_way_is_passed_on():
    with pytest.raises(ZeroDivisionError):
        untrained("Classifier").fit((str(1 // (5 - number)) for number in range(9)), ["x"] * 9)


def test_errors_of_values_are_what_their_users_expect():
    assert issubclass(DataError, ValueError)
    assert issubclass(charnn.SettingError, ValueError)
    assert issubclass(ArgumentKindError, TypeError)
    assert issubclass(ArgumentValueError, ValueError)
