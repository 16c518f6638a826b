"""`charnn inspect memory`: what is solved, what is not, and how it is told."""

import json
import math
import re

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.cli.main import main
from charnn.cli.views.cells import CELLS, ladder
from charnn.cli.views.memory import error_words
from charnn.inspection.lags import KINDS, PROBLEMS, LagBatches
from charnn.inspection.memory import SOLVED, Row, learn_lag, make_task, memory_chart, memory_facts, memory_rows
from charnn.inspection.settings import MemorySettings

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


def test_the_cells_of_the_command_line_are_those_there_are():
    assert tuple(KINDS) == CELLS


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
        (["--cell", "rnn,elman"], "Error: Invalid value for '--cell': 'elman' is no cell; the cells are rnn, rnn-relu, lstm, gru.\n"),
        (["--plot", "a.pdf"], "Error: --plot must end in .png or .svg, got a.pdf.\n"),
        (["--minutes", "0"], "Error: Invalid value for '--minutes': must be above 0 and at most 100,000, got 0.0.\n"),
    ],
)
def test_bad_input_ends_in_one_sentence(arguments, said):
    result = inspect_memory(*arguments)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.endswith(said)
