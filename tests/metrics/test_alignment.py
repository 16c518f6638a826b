"""Words for tokens: what is merged, and that no attention is lost."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.files import printable
from charnn.metrics.alignment import Alignment, merged

TOKENS = st.lists(
    st.sampled_from([" A", " ma", "n", "walk", "s", ".", ", ", " ", "\n", "", "'", "!", " (", "\ufffd", "中", "é", "  "]), max_size=9
)


def words(tokens: list[str]) -> list[str]:
    return list(merged(tokens, [], np.zeros((0, len(tokens)))).source)


@pytest.mark.parametrize(
    ("tokens", "expected"),
    [
        ([" A", " ma", "n", " walk", "s", "."], ["A", "man", "walks", "."]),
        (["walk", " ", "home", ", ", "then", " rest"], ["walk", "home", ",", "then", "rest"]),
        (list("3.5 m, ok..."), ["3.5", "m", ",", "ok", "..."]),
        (["don", "'", "t", " go"], ["don't", "go"]),
        ([" (", "home", ")", ".", " Go"], ["(home", ").", "Go"]),
        ([" -", " walk."], ["-", "walk."]),
        (["caf", "\ufffd", "\ufffd", "!"], ["caf\ufffd\ufffd", "!"]),
        (["क", "ी", "।"], ["की", "।"]),
        (["\n", " a", "", "b", "\n\n", "c", " "], ["ab", "c"]),
        (["\u3000", " "], []),
        ([], []),
    ],
)
def test_words_end_at_spaces_and_before_the_marks_that_end_them(tokens: list[str], expected: list[str]) -> None:
    assert words(tokens) == expected


def test_a_source_word_gets_the_sum_and_a_target_word_the_mean() -> None:
    weights = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8], [0.0, 1.0, 0.0]])
    found = merged([" ma", "n", "."], [" Ma", "nn", "."], weights)
    assert (found.source, found.target) == (("man", "."), ("Mann", "."))
    np.testing.assert_allclose(found.weights, [[(0.8 + 0.2) / 2, (0.2 + 0.8) / 2], [1.0, 0.0]])


def test_white_space_goes_with_the_word_before_or_with_the_first() -> None:
    weights = np.array([[0.1, 0.2, 0.3, 0.4]])
    np.testing.assert_allclose(merged(["\n", "a", " ", "b"], ["x"], weights).weights, [[0.6, 0.4]])


def test_no_words_are_no_columns_and_no_rows() -> None:
    assert merged([], ["a", " b"], np.zeros((2, 0))).plain() == {"source": [], "target": ["a", "b"], "weights": [[], []]}
    assert merged([" "], ["a"], np.ones((1, 1))).weights.shape == (1, 0)
    assert merged(["a"], ["\n"], np.ones((1, 1))).plain() == {"source": ["a"], "target": [], "weights": []}


@given(TOKENS, TOKENS, st.integers(0, 99))
def test_rows_still_sum_to_one_and_every_letter_is_in_a_word(source: list[str], target: list[str], seed: int) -> None:
    weights = np.random.default_rng(seed).dirichlet(np.ones(len(source)), len(target)) if source else np.zeros((len(target), 0))
    found = merged(source, target, weights.astype(np.float32))
    assert found.weights.shape == (len(found.target), len(found.source))
    assert found.weights.dtype == np.float64
    if found.source:
        np.testing.assert_allclose(found.weights.sum(1), 1, rtol=1e-6)
    for tokens, merged_words in ((source, found.source), (target, found.target)):
        assert "".join(merged_words) == "".join("".join(tokens).split())
        assert all(merged_words)


def test_plain_is_ready_for_json() -> None:
    plain = merged(["a"], ["b", " c"], np.ones((2, 1), np.float32)).plain()
    assert json.loads(json.dumps(plain)) == plain == {"source": ["a"], "target": ["b", "c"], "weights": [[1.0], [1.0]]}


def test_what_commands_a_terminal_is_not_printed() -> None:
    assert printable("a\x1b[31m\x07é中\udcff\x9b") == "a\ufffd[31m\ufffdé中\ufffd\ufffd"


@pytest.mark.parametrize(("target", "source"), [(2, 3), (0, 3), (2, 0), (0, 0)])
def test_what_is_plain_becomes_the_alignment_again(target: int, source: int) -> None:
    """An empty translation has no rows, and a list of none does not say of how many columns."""
    weights = np.arange(target * source, dtype=float).reshape(target, source)
    one = Alignment(tuple("xyz"[:source]), tuple("ab"[:target]), weights)
    found = Alignment.restore(json.loads(json.dumps(one.plain())))
    assert (found.source, found.target, found.weights.shape) == (one.source, one.target, (target, source))
    np.testing.assert_array_equal(found.weights, weights)
