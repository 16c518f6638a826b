"""Problems that need memory, and `charnn inspect memory`: their answers and batches; what is solved, what is not, and how it is told."""

import json
import math
import re

import numpy as np
import pytest
import torch
from click.testing import CliRunner

from charnn.cli.main import main
from charnn.cli.views.memory import error_words, ladder
from charnn.errors import SettingError
from charnn.inspection.memory import (
    PROBLEMS,
    SOLVED,
    SYMBOLS,
    LagBatches,
    LagTask,
    Row,
    lag_stack,
    learn_lag,
    make_task,
    memory_chart,
    memory_facts,
    memory_rows,
    prepare,
)
from charnn.inspection.settings import MemorySettings
from tests.networks import CELLS

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


@pytest.mark.parametrize("cell", [cell for cell in CELLS if CELLS[cell].loaded_cell.reads_hidden])
def test_recurrent_weights_begin_scaled_and_those_of_the_relu_network_as_the_identity(cell):
    tasks = [LagTask(PROBLEMS["adding"], lag_stack(cell, 5, None), 1) for _ in range(2)]
    for task, scale in zip(tasks, (1.0, 2.0), strict=True):
        prepare(task.network.stack, scale)
    once, twice = (task.network.stack.cells[0].hidden_to_gates for task in tasks)
    assert torch.equal(2 * once, twice)
    assert torch.equal(once, torch.eye(5)) == (cell == "rnn-relu")


def test_a_scale_without_recurrent_weights_is_refused():
    task = LagTask(PROBLEMS["adding"], lag_stack("mingru", 5, None), 1)
    prepare(task.network.stack, 1.0)
    with pytest.raises(SettingError, match=r"^scale has no effect on mingru, which has no recurrent weights; leave it out$"):
        prepare(task.network.stack, 2.0)


@every_problem
def test_a_score_is_the_mean_over_all_sequences(problem):
    task = LagTask(problem, lag_stack("gru", 4, 6), 1)
    found = list(batches(problem).unseen(0, 8))
    answers = torch.cat([task.network(batch.inputs) for batch in found]).detach()
    targets = torch.cat([batch.targets for batch in found])
    score = task.score(iter(found))
    assert score.loss == pytest.approx(float(problem.losses(answers, targets).mean()), rel=1e-5)
    assert score.error == pytest.approx(float(problem.errors(answers, targets).mean()), rel=1e-5)
    loss = task.loss(found[0], None)
    assert loss.total.item() / loss.count == pytest.approx(float(problem.losses(answers[:4], targets[:4]).mean()), rel=1e-5)


ADDING, COPY = PROBLEMS["adding"], PROBLEMS["copy"]


def inspect_memory(*arguments: object):
    return CliRunner().invoke(main, ["inspect", "memory", *map(str, arguments)])


def learned(problem, cell, lag, **changes):
    settings = MemorySettings(**changes)
    task = make_task(problem, cell, lag, settings)
    return task, learn_lag(task, LagBatches(problem, lag, settings.batch_size, settings.seed), cell, settings)


@pytest.mark.parametrize("problem", PROBLEMS.values(), ids=PROBLEMS)
def test_what_is_solved_is_solved_on_other_sequences_too(problem):
    task, row = learned(problem, "gru", 10, hidden_size=32)
    assert row.outcome == "solved"
    assert row.error < SOLVED
    assert row.updates % 100 == 0
    inputs, targets = problem.draw(10, 2000, np.random.default_rng(99))
    assert problem.errors(task.network(inputs), targets).mean().item() < 1.5 * SOLVED


def test_updates_are_a_limit_and_the_same_seed_gives_the_same_error():
    rows = [learned(ADDING, "lstm", 20, updates=30, seed=seed)[1] for seed in (1, 1, 2)]
    assert [row.updates for row in rows] == [30, 30, 30]
    assert {row.outcome for row in rows} == {"not solved"}
    assert rows[0].error == rows[1].error != rows[2].error
    assert 0.05 < rows[0].error < 1


def test_minutes_are_a_limit_and_even_then_an_error_is_measured():
    _, row = learned(ADDING, "rnn", 50, minutes=0.005)
    assert row.outcome == "not solved"
    assert 0 < row.updates < 2000
    assert 0.05 < row.error < 2


@pytest.mark.parametrize("cell", ["rnn", "rnn-relu"])
def test_a_network_that_diverges_is_told_of(cell):
    """Its loss is far from any answer (rnn) or no number at all (rnn-relu), and the others of the table are still to come."""
    settings = MemorySettings(learning_rate=500, clip_norm=None, updates=200, hidden_size=8)
    rows = list(memory_rows(ADDING, [cell], [40, 100], settings))
    assert [(row.outcome, row.lag) for row in rows] == [("diverged", 40), ("diverged", 100)]
    assert [math.isnan(row.error) for row in rows] == [cell == "rnn-relu"] * 2


def test_a_line_of_the_table_holds_any_error():
    shown = [error_words(error) for error in (0.00321, 12.5, 33117.4, 1e30, math.nan)]
    assert shown == ["0.0032", "12.5000", "3e+04", "1e+30", "-"]


def test_a_chart_has_a_line_a_cell_and_what_errors_mean():
    rows = [Row("gru", 10, 100, 1.0, 1.0, 0.005, "solved"), Row("rnn", 10, 5, 1.0, 1.0, float("nan"), "diverged")]
    chart = memory_chart(ADDING, rows)
    assert [line.name for line in chart.lines] == ["gru", "rnn", "always answering 1", "solved below"]
    assert list(chart.lines[0].points()) == [(10, 0.005)]
    assert not list(chart.lines[1].points())
    assert [row["error"] for row in memory_facts(ADDING, rows, MemorySettings())["rows"]] == [0.005, None]


@pytest.mark.parametrize(
    ("ends", "lags"),
    [((10, 1000), [10, 20, 50, 100, 200, 500, 1000]), ((7, 60), [7, 10, 20, 50, 60]), ((30, 30), [30]), ((2, 3), [2, 3])],
)
def test_a_range_of_lags_is_its_ends_and_round_numbers_between(ends, lags):
    assert ladder(*ends) == lags


def test_the_table_and_the_chart(tmp_path):
    result = inspect_memory("--lag", "2..5", "--cell", "rnn,gru", "--updates", 3, "--hidden-size", 8, "--plot", tmp_path / "a.png")
    assert result.exit_code == 0, result.output
    table, chart = result.stdout.split("\n\n", 1)
    rows = [re.sub(r"0\.\d", "-", line).split() for line in table.splitlines()]
    assert [len(line) for line in table.splitlines()] == [len(table.splitlines()[0])] * 5
    assert rows[0] == ["cell", "lag", "updates", "seconds", "CPU", "seconds", "error", "outcome"]
    assert [row[:3] for row in rows[1:]] == [["rnn", "2", "3"], ["rnn", "5", "3"], ["gru", "2", "3"], ["gru", "5", "3"]]
    assert chart.startswith("What a cell still learns over a lag: the sum of two marked numbers\nmean squared error\n")
    assert result.stderr == f"Wrote {tmp_path / 'a.png'}.\n"
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_json_is_one_object_with_the_documented_keys():
    result = inspect_memory("--task", "copy", "--lag", 5, "--lag", "5,3", "--cell", "lstm", "--updates", 2, "--json")
    facts = json.loads(result.stdout)
    assert list(facts) == ["problem", "error", "baseline", "solved_below", "settings", "rows"]
    assert (facts["problem"], facts["baseline"], facts["settings"]["updates"]) == ("copy", 0.875, 2)
    assert [(row["cell"], row["lag"], row["outcome"]) for row in facts["rows"]] == [("lstm", 3, "not solved"), ("lstm", 5, "not solved")]
    assert list(facts["rows"][0]) == ["cell", "lag", "updates", "seconds", "cpu_seconds", "error", "outcome"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--lag", "1"], "Error: Invalid value for '--lag': must be at least 2 and at most 10,000 steps, got 1.\n"),
        (["--lag", "9..3"], "Error: Invalid value for '--lag': 9..3 goes down; name the shortest lag first.\n"),
        (
            ["--lag", "ten"],
            "Error: Invalid value for '--lag': 'ten' is no lag; give a number of steps such as 200, or a range such as 10..1000.\n",
        ),
        (
            ["--cell", "rnn,elman"],
            "Error: Invalid value for '--cell': 'elman' is no cell; the cells are rnn, rnn-relu, lstm, gru, mingru.\n",
        ),
        (["--plot", "a.pdf"], "Error: --plot must end in .png or .svg, got a.pdf.\n"),
        (["--minutes", "0"], "Error: Invalid value for '--minutes': must be above 0 and at most 100,000, got 0.0.\n"),
    ],
)
def test_bad_input_ends_in_one_sentence(arguments, said):
    result = inspect_memory(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.endswith(said)
