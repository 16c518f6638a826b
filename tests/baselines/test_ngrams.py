import sys
from itertools import chain

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.baselines.ngrams import CHUNK, OLDER_WORD, WORD, NGrams, lower, older_words, words
from charnn.errors import CheckpointError

TEXTS = ["Not good, not GOOD at all!!!", "good :) isn't it?", "a bad, bad film <br />not good", "", "  ", "žluťoučký kůň 😀"] * 2
KINDS = [("word", 1, 1), ("word", 1, 3), ("word", 2, 2), ("character", 2, 5), ("character", 1, 2)]


def fitted(texts=TEXTS, kind=("word", 1, 2), least=1, most=100_000):
    return NGrams.fit(texts, *kind, least=least, most=most)


def names(grams):
    """What each feature is, written out."""
    space = "" if grams.unit == "character" else " "
    levels = [grams.symbols]
    for level in grams.levels:
        levels.append([levels[-1][prefix] + space + grams.symbols[last] for prefix, last in zip(*level, strict=True)])
    return list(chain.from_iterable(levels[grams.shortest - 1 :]))


def counted(grams, texts):
    """{n-gram: count} of each text."""
    found, known = [{} for _ in texts], names(grams)
    for part in grams.counts(texts):
        for text, feature, count in zip(*part, strict=True):
            found[text][known[feature]] = count
    return found


def reference(texts, kind, least):
    """The same from scikit-learn."""
    from sklearn.feature_extraction.text import CountVectorizer

    unit, shortest, longest = kind
    how = {"tokenizer": words, "token_pattern": None} if unit == "word" else {"analyzer": "char_wb"}
    vectorizer = CountVectorizer(ngram_range=(shortest, longest), min_df=least, **how)
    matrix, known = vectorizer.fit_transform(texts), vectorizer.get_feature_names_out()
    return [{known[feature]: count for feature, count in zip(row.indices, row.data, strict=True)} for row in matrix]


@pytest.mark.parametrize("least", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_counts_are_those_of_scikit_learn(kind, least):
    assert counted(fitted(kind=kind, least=least), TEXTS) == reference(TEXTS, kind, least)


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab c!'", max_size=12), min_size=2, max_size=6), st.sampled_from(KINDS), st.integers(1, 2))
def test_any_texts_are_counted_as_scikit_learn_does(texts, kind, least):
    grams = fitted(texts, kind, least)
    if grams.size:
        assert counted(grams, texts) == reference(texts, kind, least)
    else:
        assert counted(grams, texts) == [{} for _ in texts]


@pytest.mark.parametrize("kind", KINDS)
def test_a_text_is_counted_as_if_it_were_alone(kind):
    grams = fitted(kind=kind)
    texts = TEXTS * (CHUNK // len(TEXTS) + 1)
    assert counted(grams, texts) == [found for text in texts for found in counted(grams, [text])]


@pytest.mark.parametrize("kind", KINDS)
def test_too_many_features_leave_the_commonest(kind):
    all_of_them = fitted(kind=kind)
    most = all_of_them.size // 2
    grams = fitted(kind=kind, most=most)
    assert 0 < grams.size <= most
    frequency = {name: sum(name in found for found in counted(all_of_them, TEXTS)) for name in names(all_of_them)}
    kept = set(names(grams))
    assert min(frequency[name] for name in kept) > max(count for name, count in frequency.items() if name not in kept)
    expected = [{name: count for name, count in found.items() if name in kept} for found in counted(all_of_them, TEXTS)]
    assert counted(grams, TEXTS) == expected


def test_marks_of_mood_are_words():
    assert words("Isn't it GREAT?! :-) don’t... <br />so-so") == [
        "isn't", "it", "great", "?!", ":-)", "don’t", "...", "<br />", "so", "-", "so",
    ]  # fmt: skip


def test_lower_case_is_as_long_as_the_text():
    every = [chr(code) for code in range(sys.maxunicode + 1)]
    assert [character for character in every if len(lower(character)) != 1] == []


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_restored_counts_the_same(kind):
    texts = [*TEXTS, "a lone \ud800 surrogate"]
    grams = fitted(texts, kind)
    assert counted(NGrams.restore(grams.learned(), grams.tensors()), texts) == counted(grams, texts)


def test_nothing_learned_is_restored_too():
    grams = fitted(["", " "])
    assert grams.size == 0
    assert counted(NGrams.restore(grams.learned(), grams.tensors()), TEXTS) == [{}] * len(TEXTS)


MISSING = "expected the entries unit, shortest, longest"
LEARNED_DAMAGE = [
    (None, MISSING),
    ([], MISSING),
    ({"unit": "word", "shortest": 1}, MISSING),
    ({"unit": ["word"], "shortest": 1, "longest": 2}, MISSING),
    ({"unit": "syllable", "shortest": 1, "longest": 2}, "unit 'syllable', 1 to 2 symbols"),
    ({"unit": "word", "shortest": 3, "longest": 2}, "unit 'word', 3 to 2 symbols"),
    ({"unit": "word", "shortest": 1, "longest": 999}, "unit 'word', 1 to 999 symbols"),
]


@pytest.mark.parametrize(("learned", "message"), LEARNED_DAMAGE)
def test_damaged_words_are_refused(learned, message):
    with pytest.raises(CheckpointError) as caught:
        NGrams.restore(learned, fitted().tensors())
    assert str(caught.value) == f"the n-grams are damaged: {message}"


TENSOR_DAMAGE = [
    ("symbols", None, "their symbols are not an array of bytes"),
    ("symbols", np.zeros(3, np.float32), "their symbols are not an array of bytes"),
    ("symbols", np.array([0xFF], np.uint8), "their symbols are not UTF-8"),
    ("symbols", np.frombuffer(b"a\na", np.uint8), "a symbol occurs twice"),
    ("symbols", np.full(500_000, 10, np.uint8), "they have more than 500,000 symbols"),
    ("prefixes2", None, "prefixes2 is not an array of numbers below 17"),
    ("lasts2", np.zeros(2, np.int64), "lasts2 is not an array of numbers below 17"),
    ("lasts2", np.array([99], np.int32), "lasts2 is not an array of numbers below 17"),
    ("lasts2", np.array([1], np.int32), "those of 2 symbols are not in order"),
]


@pytest.mark.parametrize(("name", "array", "message"), TENSOR_DAMAGE)
def test_damaged_arrays_are_refused(name, array, message):
    grams = fitted()
    tensors = {key: value for key, value in grams.tensors().items() if key != name}
    if array is not None:
        tensors[name] = array
    with pytest.raises(CheckpointError) as caught:
        NGrams.restore(grams.learned(), tensors)
    assert str(caught.value) == f"the n-grams are damaged: {message}"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("नमस्ते दुनिया।", ["नमस्ते", "दुनिया", "।"]),
        ("WOW 5€ :) don't!! 日本", ["wow", "5", "€", ":)", "don't", "!!", "日", "本"]),
        ("nai\u0308ve 👍🏽👍🏽 snake_case", ["nai\u0308ve", "👍🏽", "👍🏽", "snake_case"]),
    ],
)
def test_words_are_those_of_any_script(text, parts):
    assert words(text) == parts


def test_models_of_older_files_find_the_words_that_they_found():
    assert older_words("नमस्ते 5€") == ["नमस", "्", "त", "े", "5", "€"]


@given(st.text(st.characters(codec="ascii")))
def test_in_ascii_words_are_what_they_were(text):
    """The quick way that ASCII takes is the older pattern; the slow one must find the same."""
    assert WORD.findall(text) == OLDER_WORD.findall(text)
