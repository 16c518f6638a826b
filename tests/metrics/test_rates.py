import numpy as np
import pytest

from charnn.metrics.rates import bootstrap, plain, rates, ratio


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
