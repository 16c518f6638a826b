"""Problems that need memory: their answers, their batches, their networks."""

import math

import numpy as np
import pytest
import torch

from charnn.inspection.lags import KINDS, PROBLEMS, SYMBOLS, LagBatches, LagTask

every_problem = pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)


def drawn(name: str, lag: int, rows: int = 50):
    return PROBLEMS[name].draw(lag, rows, np.random.default_rng(0))


def batches(problem, lag=6, rows=4, seed=3):
    return LagBatches(problem, lag, rows, seed)


@pytest.mark.parametrize("lag", [2, 3, 10, 11])
def test_each_half_has_one_mark_and_the_answer_is_the_sum_of_what_is_marked(lag):
    inputs, targets = drawn("adding", lag)
    assert inputs.shape == (50, lag, 2)
    numbers, marks = inputs[..., 0], inputs[..., 1]
    assert set(marks.unique().tolist()) <= {0, 1}
    assert (marks[:, : lag // 2].sum(1) == 1).all()
    assert (marks[:, lag // 2 :].sum(1) == 1).all()
    assert torch.allclose((numbers * marks).sum(1), targets)
    assert 0 <= numbers.min() < 0.2
    assert 0.8 < numbers.max() < 1


def test_marks_stand_at_every_place():
    inputs, _ = drawn("adding", 6, rows=200)
    assert inputs[..., 1].any(0).all()


def test_the_symbol_to_recall_stands_first_and_is_no_distractor():
    inputs, targets = drawn("copy", 7, rows=200)
    assert inputs.shape == (200, 8, 2 * SYMBOLS)
    assert (inputs.sum(2) == 1).all()
    ids = inputs.argmax(2)
    assert (ids[:, 0] == targets).all()
    assert set(targets.tolist()) == set(range(SYMBOLS))
    assert set(ids[:, 1:].flatten().tolist()) == set(range(SYMBOLS, 2 * SYMBOLS))


def test_the_baseline_is_the_error_of_one_answer_for_all():
    for name, answer in (("adding", torch.ones(20_000, 1)), ("copy", torch.eye(SYMBOLS)[torch.zeros(20_000, dtype=torch.long)])):
        problem = PROBLEMS[name]
        _, targets = drawn(name, 2, rows=20_000)
        assert math.isclose(problem.errors(answer, targets).mean(), problem.baseline, rel_tol=0.02)


def test_what_training_lowers_of_the_copying_problem_are_nats_of_the_right_symbol():
    answers, targets = torch.randn(5, SYMBOLS), torch.arange(5)
    shares = answers.exp() / answers.exp().sum(1, keepdim=True)
    assert torch.allclose(PROBLEMS["copy"].losses(answers, targets), -shares[range(5), targets].log(), atol=1e-5)


@every_problem
def test_a_batch_is_a_function_of_seed_and_step(problem):
    ahead, others = batches(problem).since(0), batches(problem, seed=4).since(0)
    first = [next(ahead) for _ in range(5)]
    again = batches(problem).since(3)
    assert all(torch.equal(one, other) for number in (3, 4) for one, other in zip(first[number], next(again), strict=True))
    assert not torch.equal(first[0].inputs, first[1].inputs)
    assert not torch.equal(first[0].inputs, next(others).inputs)


def test_unseen_sequences_are_in_no_batch_and_others_for_every_step():
    source = batches(PROBLEMS["adding"])
    trained = {tuple(row) for _, batch in zip(range(40), source.since(0), strict=False) for row in batch.inputs[..., 0].tolist()}
    looks = [[tuple(row) for batch in source.unseen(step, 10) for row in batch.inputs[..., 0].tolist()] for step in (0, 1, 20)]
    assert [len(look) for look in looks] == [12, 12, 12]
    assert len(trained | {row for look in looks for row in look}) == 160 + 36


@pytest.mark.parametrize("cell", KINDS)
def test_recurrent_weights_begin_scaled_and_those_of_the_relu_network_as_the_identity(cell):
    kind = KINDS[cell]
    tasks = [LagTask(PROBLEMS["adding"], kind.stack(5, None), 1) for _ in range(2)]
    for task, scale in zip(tasks, (1.0, 2.0), strict=True):
        kind.prepare(task.network.stack, scale)
    once, twice = (task.network.stack.cells[0].hidden_to_gates for task in tasks)
    assert torch.equal(2 * once, twice)
    assert torch.equal(once, torch.eye(5)) == (cell == "rnn-relu")


@every_problem
def test_a_score_is_the_mean_over_all_sequences(problem):
    task = LagTask(problem, KINDS["gru"].stack(4, 6), 1)
    found = list(batches(problem).unseen(0, 8))
    answers = torch.cat([task.network(batch.inputs) for batch in found]).detach()
    targets = torch.cat([batch.targets for batch in found])
    score = task.score(iter(found))
    assert score.loss == pytest.approx(float(problem.losses(answers, targets).mean()), rel=1e-5)
    assert score.error == pytest.approx(float(problem.errors(answers, targets).mean()), rel=1e-5)
    loss = task.loss(found[0], None)
    assert loss.total.item() / loss.count == pytest.approx(float(problem.losses(answers[:4], targets[:4]).mean()), rel=1e-5)
