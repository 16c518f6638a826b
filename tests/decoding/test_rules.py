import numpy as np
import pytest

from charnn.decoding.generator import StopWatch
from charnn.decoding.rules import RULES, apply_rules, choose, choose_token, rule_numbers
from charnn.decoding.settings import PENALTY_WINDOW, SamplingSettings
from charnn.errors import SettingError

LOGITS = np.log(np.array([0.05, 0.4, 0.1, 0.2, 0.15, 0.1], np.float32))
NOTHING = np.zeros(0, np.int64)


def row(values=LOGITS):
    return np.array(values, np.float32)


def softmax(logits):
    weights = np.exp(np.asarray(logits, np.float64) - np.max(logits))
    return weights / weights.sum()


def after(name, value, logits=LOGITS, history=NOTHING):
    """The logits after one rule."""
    changed = row(logits)
    RULES[name](changed, np.asarray(history, np.int64), value)
    return changed


def kept(logits):
    return set(np.flatnonzero(np.isfinite(logits)).tolist())


# Each rule's distribution, written out: setting -> probabilities of LOGITS after the history (1, 3, 1).
HISTORY = np.array([1, 3, 1])
EXPECTED = {
    "temperature": (0.5, LOGITS / 0.5),
    "top_k": (2, np.where([0, 1, 0, 1, 0, 0], LOGITS, -np.inf)),
    "top_p": (0.7, np.where([0, 1, 0, 1, 1, 0], LOGITS, -np.inf)),
    "min_p": (0.3, np.where([0, 1, 0, 1, 1, 0], LOGITS, -np.inf)),
    "repetition_penalty": (1.5, np.where([0, 1, 0, 1, 0, 0], LOGITS * 1.5, LOGITS)),
    "no_repeat": (2, np.where([1, 1, 1, 0, 1, 1], LOGITS, -np.inf)),
}


@pytest.mark.parametrize("name", RULES)
def test_the_drawn_distribution_is_the_rules(name):
    """Chi-square with a fixed seed; the bound is the 99.9th percentile for up to 5 degrees of freedom."""
    value, logits = EXPECTED[name]
    settings = SamplingSettings(**{"temperature": 1.0, name: value})
    numbers, draws = rule_numbers(settings), 20_000
    uniforms = np.random.default_rng(3).random(draws)
    counts = np.bincount([choose_token(row(), HISTORY, numbers, uniform) for uniform in uniforms], minlength=6)
    expected = softmax(logits) * draws
    possible = expected > 0
    assert counts[~possible].sum() == 0
    assert ((counts - expected)[possible] ** 2 / expected[possible]).sum() < 20.5


def test_rules_apply_in_the_order_of_the_table():
    settings = SamplingSettings(temperature=0.7, top_k=5, top_p=0.9, min_p=0.01, repetition_penalty=1.3, no_repeat=2)
    generator = np.random.default_rng(0)
    for _ in range(50):
        logits, history = generator.standard_normal(30).astype(np.float32) * 3, generator.integers(0, 30, 200)
        together, one_by_one = row(logits), row(logits)
        apply_rules(together, history, rule_numbers(settings))
        for name, rule in RULES.items():
            rule(one_by_one, history, float(getattr(settings, name)))
        assert (together == one_by_one).all()


def test_every_rule_is_a_setting():
    assert set(RULES) == set(SamplingSettings().plain())


@pytest.mark.parametrize("name", [name for name in RULES if name != "temperature"])
def test_rules_are_off_by_default(name):
    assert getattr(SamplingSettings(), name) is None
    assert np.isnan(rule_numbers(SamplingSettings())[list(RULES).index(name)])


@pytest.mark.parametrize("count", [1, 2, 3, 5, 30, 49, 50, 99])
def test_top_k_keeps_the_k_likeliest(count):
    logits = np.random.default_rng(count).standard_normal(50).astype(np.float32) * 5
    assert kept(after("top_k", count, logits)) == set(np.argsort(-logits)[:count].tolist())


@pytest.mark.parametrize("probability", [0.01, 0.3, 0.5, 0.9, 0.999, 1.0])
def test_top_p_keeps_the_fewest_tokens_that_reach_it(probability):
    for seed in range(20):
        logits = np.random.default_rng(seed).standard_normal(50).astype(np.float32) * 3
        order = np.argsort(-logits)
        reached = np.cumsum(softmax(logits)[order])
        count = 50 if probability == 1 else int(np.searchsorted(reached, probability)) + 1
        assert kept(after("top_p", probability, logits)) == set(order[:count].tolist())


def test_equal_tokens_at_the_border_stay_together():
    logits = row([1, 3, 2, 2, 0])
    assert kept(after("top_k", 2, logits)) == {1, 2, 3}
    assert kept(after("top_k", 1, row([2, 2, 1]))) == {0, 1}
    assert kept(after("top_p", 0.7, logits)) == {1, 2, 3}


def test_min_p_is_relative_to_the_likeliest():
    assert kept(after("min_p", 0.49)) == {1, 3}
    assert kept(after("min_p", 0.0)) == set(range(6))


@pytest.mark.parametrize("name", ["top_k", "top_p", "min_p", "temperature"])
def test_forbidden_tokens_stay_forbidden(name):
    logits = np.where(np.arange(6) == 1, -np.inf, LOGITS)
    assert 1 not in kept(after(name, EXPECTED[name][0], logits))


def test_repetition_penalty_counts_a_token_once_within_a_window():
    logits, history = row([2.0, -1.0, 1.0]), [2] + [0, 1] * (PENALTY_WINDOW // 2)
    np.testing.assert_allclose(after("repetition_penalty", 2.0, logits, history), [1.0, -2.0, 1.0])


def test_no_repeat_forbids_what_would_complete_a_run_seen_before():
    assert kept(after("no_repeat", 3, history=[1, 2, 3, 1, 2])) == {0, 1, 2, 4, 5}
    assert kept(after("no_repeat", 3, history=[1, 2, 3, 1, 2, 4, 1, 2])) == {0, 1, 2, 5}
    assert kept(after("no_repeat", 1, history=[1, 2])) == {0, 3, 4, 5}
    assert kept(after("no_repeat", 4, history=[1, 2])) == set(range(6))


def test_no_repeat_has_no_effect_where_no_token_would_be_left():
    assert kept(after("no_repeat", 1, history=range(6))) == set(range(6))
    few = np.where(np.arange(6) < 2, LOGITS, -np.inf)
    assert kept(after("no_repeat", 1, few, history=[0, 1])) == {0, 1}


@pytest.mark.parametrize("temperature", [1e-30, 1e-3, 100.0])
def test_no_temperature_is_too_small_or_large(temperature):
    logits = after("temperature", temperature, [1000.0, -1000.0, 999.0])
    assert choose(logits, 0.3, temperature) == 0
    assert not np.isnan(logits).any()


def test_greedy_takes_the_likeliest_and_of_ties_the_lowest_id():
    numbers = rule_numbers(SamplingSettings(temperature=0.0, top_k=1))
    assert choose_token(row([1, 3, 3, 2]), NOTHING, numbers, 0.99) == 1


@pytest.mark.parametrize(("uniform", "token"), [(0.0, 1), (0.24, 1), (0.26, 3), (1 - 2**-53, 3)])
def test_draws_are_by_the_inverse_distribution_function(uniform, token):
    assert choose(row([-np.inf, np.log(0.25), -np.inf, np.log(0.75), -np.inf]), uniform, 1.0) == token


@pytest.mark.parametrize("bad", [np.full(4, np.nan), [np.inf, 0, 0, 0], np.full(4, -np.inf)])
def test_logits_that_are_no_numbers_are_reported(bad):
    assert choose(row(bad), 0.5, 1.0) == -1
    assert choose(row(bad), 0.5, 0.0) == -1


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("temperature", -0.1, "temperature must be at least 0 and at most 100, got -0.1"),
        ("top_k", 0, "top_k must be at least 1, got 0"),
        ("top_p", 0.0, "top_p must be above 0 and at most 1, got 0.0"),
        ("min_p", 1.5, "min_p must be at least 0 and at most 1, got 1.5"),
    ],
)
def test_settings_out_of_their_limits_are_refused(name, value, message):
    with pytest.raises(SettingError) as error:
        SamplingSettings(**{name: value})
    assert str(error.value) == message


@pytest.mark.parametrize("stops", [(), ("ab",), ("abc", "b"), ("aab", "aaab"), ("a", "ab"), ("\n\n", "c\n"), ("cab", "bc", "ca")])
def test_a_stop_watch_does_not_mind_how_the_text_is_cut(stops):
    generator = np.random.default_rng(0)
    for _ in range(200):
        text = "".join(generator.choice(list("abc\n"), 12))
        letter_by_letter = watched(stops, list(text))
        cut = int(generator.integers(0, 13))
        assert watched(stops, [text]) == letter_by_letter
        assert watched(stops, [text[:cut], text[cut:]]) == letter_by_letter
        assert text.startswith(letter_by_letter)
        assert not any(stop in letter_by_letter for stop in stops)


def watched(stops, pieces):
    watch = StopWatch(stops)
    return "".join([*map(watch.push, pieces), watch.finish()])


def test_a_stop_watch_delays_no_more_text_than_necessary():
    watch = StopWatch(("END",))
    assert [watch.push(piece) for piece in ("some E", "N", "x E", "ND and more", "more")] == ["some ", "", "ENx ", "", ""]
    assert watch.is_stopped
