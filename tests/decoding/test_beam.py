from itertools import product

import numpy as np
import pytest

from charnn.decoding.beam import BeamSearch, likeliest
from charnn.decoding.settings import BeamSettings
from charnn.engine.engine import Engine
from tests.networks import OPTIONS, random_tensors, with_cell

VOCABULARY, LENGTH, FINISH = 4, 4, 3


def chain(seed=0):
    """A model whose next token depends on the last two: (first log-probabilities, state, search parts)."""
    table = np.random.default_rng(seed).standard_normal((VOCABULARY, VOCABULARY, VOCABULARY)) * 2
    table -= np.log(np.exp(table).sum(2, keepdims=True))

    def step(tokens, last):
        return likeliest(table[last, tokens], VOCABULARY), np.asarray(tokens)

    return table, likeliest(table[0, :1], VOCABULARY), np.zeros(1, np.int64), step


def log_probability(table, tokens):
    before = (0, 0, *tokens)
    return sum(table[before[i], before[i + 1], token] for i, token in enumerate(tokens))


def search(beam, *, seed=0, end=None, count=1, penalty=0.0, length=LENGTH):
    _, first, state, step = chain(seed)
    parts = BeamSearch(step, lambda last, rows: last[rows], BeamSettings(beam, penalty), end)
    return parts.search(first, state, [length], count)[0]


@pytest.mark.parametrize("seed", range(5))
def test_a_wide_beam_finds_the_best_sequences(seed):
    table = chain(seed)[0]
    every = sorted(product(range(VOCABULARY), repeat=LENGTH), key=lambda tokens: -log_probability(table, tokens))
    found = search(300, seed=seed, count=5)
    assert [one.tokens for one in found] == every[:5]
    for one in found:
        assert one.score == one.log_probability == pytest.approx(log_probability(table, one.tokens))
        assert not one.is_ended


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("penalty", [0.0, 0.6, 2.0])
def test_a_wide_beam_finds_the_best_ended_sequences(seed, penalty):
    table = chain(seed)[0]
    open_sequences = [tokens for length in range(LENGTH) for tokens in product(range(FINISH), repeat=length)]

    def score(tokens):
        return log_probability(table, (*tokens, FINISH)) / ((5 + len(tokens) + 1) / 6) ** penalty

    every = sorted(open_sequences, key=lambda tokens: -score(tokens))
    found = search(300, seed=seed, end=FINISH, penalty=penalty, count=5)
    assert [one.tokens for one in found] == every[:5]
    assert [one.score for one in found] == pytest.approx([score(tokens) for tokens in every[:5]])
    assert all(one.is_ended for one in found)


@pytest.mark.parametrize("seed", range(10))
@pytest.mark.parametrize("end", [None, FINISH])
@pytest.mark.parametrize("penalty", [0.0, 1.0])
def test_a_beam_of_one_is_greedy(seed, end, penalty):
    table, (last, token), tokens = chain(seed)[0], (0, 0), []
    while len(tokens) < 20:
        last, token = token, int(np.argmax(table[last, token]))
        if token == end:
            break
        tokens.append(token)
    (found,) = search(1, seed=seed, end=end, penalty=penalty, length=20)
    assert list(found.tokens) == tokens
    assert found.is_ended == (token == end)


def test_sequences_cut_off_rank_behind_those_that_ended():
    found = search(4, end=FINISH, count=8, length=2, seed=1)
    assert [one.is_ended for one in found] == sorted((one.is_ended for one in found), reverse=True)


def test_impossible_tokens_are_never_in_a_sequence():
    def step(tokens, state):
        rows = np.full((len(tokens), 5), -np.inf)
        rows[:, [2, 4]] = np.log([0.3, 0.7])
        return likeliest(rows, 5), state

    start = np.full((1, 5), -np.inf)
    start[0, 2] = 0.0
    found = BeamSearch(step, lambda state, rows: state, BeamSettings(5)).search(likeliest(start, 5), None, [3], 5)[0]
    assert {one.tokens for one in found} == {(2, a, b) for a in (2, 4) for b in (2, 4)}


@pytest.mark.parametrize("cell", ["gru", "lstm"])
def test_scores_equal_forced_decoding(cell):
    settings = with_cell(OPTIONS["plain"], cell)
    engine = Engine(settings, random_tensors(settings, 23))

    def log_probabilities(logits):
        logits = logits.astype(np.float64)
        return logits - np.log(np.exp(logits).sum(-1, keepdims=True))

    def step(tokens, state):
        return likeliest(log_probabilities(engine.step(tokens, state)), 14), state

    state = engine.start(1)
    first = likeliest(log_probabilities(engine.read([1], state)), 14)
    found = BeamSearch(step, lambda state, rows: state.pick(rows), BeamSettings(7), end=2).search(first, state, [30], 7)[0]
    assert len(found) == 7
    for one in found:
        ids = [1, *one.tokens, *([2] if one.is_ended else [])]
        forced = engine.log_probabilities(ids, engine.start(1)).astype(np.float64).sum()
        assert one.log_probability == pytest.approx(forced, abs=1e-4)


@pytest.mark.parametrize("beam", [1, 3])
def test_many_searches_at_once_find_what_each_finds_alone(beam):
    table, _, _, step = chain(4)
    parts = BeamSearch(step, lambda last, rows: last[rows], BeamSettings(beam, 0.6), FINISH)
    lasts, lengths = np.array([0, 1, 2, 3, 1]), [6, 1, 3, 9, 2]
    first = likeliest(table[lasts, lasts], VOCABULARY)
    together = parts.search(first, lasts, lengths, 2)
    for row, length in enumerate(lengths):
        alone = type(first)(first.log_probabilities[row : row + 1], first.tokens[row : row + 1])
        assert together[row] == parts.search(alone, lasts[row : row + 1], [length], 2)[0]


def test_earlier_log_probabilities_count_in_every_score():
    _, first, state, step = chain(2)
    parts = BeamSearch(step, lambda last, rows: last[rows], BeamSettings(3), FINISH)
    (plain,), (moved,) = parts.search(first, state, [5]), parts.search(first, state, [5], totals=[-2.5])
    assert [one.tokens for one in plain] == [one.tokens for one in moved]
    assert [one.log_probability - 2.5 for one in plain] == pytest.approx([one.log_probability for one in moved])
