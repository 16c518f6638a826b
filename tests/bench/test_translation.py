"""The benchmark of a translator measures what it says."""

import json

from click.testing import CliRunner

from charnn.cli.main import main

TINY = ["--hidden-size", "8", "--layers", "1", "--batch", "2", "--rounds", "1"]


def test_a_row_has_the_rates_of_training_and_of_both_searches():
    result = CliRunner().invoke(main, ["bench", "translate", "--cell", "gru", "--cell", "lstm", *TINY, "--json"])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["bench"], facts["unit"]) == ("translate", "source tokens/s")
    assert [row["cell"] for row in facts["rows"]] == ["gru", "lstm"]
    assert all(row[name] > 0 for row in facts["rows"] for name in ("train", "greedy", "beam"))


def test_it_is_a_markdown_table_for_people():
    result = CliRunner().invoke(main, ["bench", "translate", "--cell", "rnn", "--attention", "additive", *TINY])
    header, rule, row = result.stdout.rstrip("\n").split("\n")
    assert header.count("|") == rule.count("|") == row.count("|") == 9
    assert row.startswith("| rnn | 1 | 8 | additive | 2 | ")
