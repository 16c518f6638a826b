import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.tokenized import TextCounts
from charnn.metrics.language import CODE_POINTS, SEGMENT, LossSums, exp, language_metrics, standard_error


def sums_of(*pieces):
    sums = LossSums()
    for piece in pieces:
        sums.add(np.asarray(piece, np.float32))
    return sums


@given(st.lists(st.integers(0, 3000), max_size=6))
def test_sums_do_not_depend_on_how_losses_arrive(sizes):
    losses = np.random.default_rng(0).random(sum(sizes)).astype(np.float32)
    whole, parts = sums_of(losses), sums_of(*np.split(losses, np.cumsum(sizes)[:-1]) if sizes else [])
    assert parts.total == pytest.approx(whole.total)
    assert parts.symbols == whole.symbols == len(losses)
    assert parts.standard_error() == pytest.approx(whole.standard_error())


def test_a_sum_of_many_small_losses_is_exact():
    """A sum in single precision of ten million losses of 0.1 is off by a hundredth."""
    sums = sums_of(*[np.full(1_000_000, 0.1, np.float32)] * 10)
    assert sums.total == pytest.approx(1_000_000 * 10 * float(np.float32(0.1)), rel=1e-12)


def test_the_standard_error_is_taken_over_segments():
    losses = np.random.default_rng(0).random(5 * SEGMENT + 700).astype(np.float32)
    means = [losses[begin : begin + SEGMENT].mean() for begin in range(0, 5 * SEGMENT, SEGMENT)]
    assert sums_of(losses).standard_error() == pytest.approx(np.std(means, ddof=1) / math.sqrt(5), rel=1e-5)


@pytest.mark.parametrize("symbols", [0, 1, 2 * SEGMENT - 1])
def test_under_two_segments_there_is_no_standard_error(symbols):
    assert sums_of(np.ones(symbols)).standard_error() is None


def test_the_standard_error_of_equal_values_is_zero():
    assert standard_error([2.0, 2.0, 2.0]) == 0


def test_metrics_are_one_loss_in_the_units_of_the_field():
    counts = TextCounts(characters=100, bytes=120, words=20)
    found = language_metrics(sums_of(np.full(50, 2.0)), counts)
    assert found == {
        "symbols": 50,
        "unknown": 0,
        "nats_per_token": 2.0,
        "nats_per_character": 1.0,
        "bits_per_character": pytest.approx(1 / math.log(2)),
        "bits_per_byte": pytest.approx(100 / 120 / math.log(2)),
        "perplexity": pytest.approx(math.exp(2)),
        "word_perplexity": pytest.approx(math.exp(5)),
        "standard_error": None,
    }


def test_an_unknown_symbol_is_charged_for_naming_each_of_its_characters():
    counts = TextCounts(characters=10, bytes=10, words=2, unknown=2, unknown_characters=7)
    found = language_metrics(sums_of(np.ones(10)), counts)
    assert CODE_POINTS == 0x110000
    assert found["nats_per_token"] == pytest.approx((10 + 7 * math.log(CODE_POINTS)) / 10)
    assert found["unknown"] == 2


def test_an_empty_text_has_metrics_of_zero():
    found = language_metrics(LossSums(), TextCounts())
    assert (found["symbols"], found["nats_per_token"], found["bits_per_byte"], found["perplexity"]) == (0, 0, 0, 1)


@pytest.mark.parametrize(("nats", "expected"), [(0, 1.0), (1, math.e), (5000, None), (math.inf, None), (math.nan, None)])
def test_a_perplexity_beyond_all_numbers_is_none(nats, expected):
    assert exp(nats) == expected
