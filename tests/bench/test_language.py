"""The benchmarks measure what they say; no test depends on how fast anything is."""

import json

import pytest
import torch
from click.testing import CliRunner

from charnn.bench.language import bench_sampling, bench_training, weight_bytes
from charnn.cells.settings import StackSettings
from charnn.cli.main import main
from charnn.engine.settings import LanguageNetworkSettings
from charnn.tasks.lm.network import LanguageNetwork

TINY = ["--hidden-size", "8", "--batch", "2", "--rounds", "1", "--json"]


@pytest.mark.parametrize(("verb", "cells"), [("sample", ["gru", "mingru"]), ("train", ["rnn", "mingru"])])
def test_a_benchmark_has_a_row_per_cell_with_its_ratios(verb: str, cells: list[str]) -> None:
    result = CliRunner().invoke(main, ["bench", verb, *TINY, *(word for cell in cells for word in ("--cell", cell))])
    assert result.exit_code == 0, result.output
    facts = json.loads(result.stdout)
    assert (facts["bench"], facts["unit"]) == (verb, "tokens/s" if verb == "sample" else "steps/s")
    assert [row["cell"] for row in facts["rows"]] == cells
    for row in facts["rows"]:
        assert (row["ratio"] is None) == (row["torch"] is None) == (row["cell"] == "mingru")
        assert row["ratio"] == (row["torch"] and pytest.approx(row["charnn"] / row["torch"]))
        assert row["share"] == pytest.approx(row["charnn"] / row["limit"])


def test_a_benchmark_is_a_markdown_table_for_people() -> None:
    result = CliRunner().invoke(main, ["bench", "train", "--cell", "gru", *TINY[:-1]])
    header, rule, row = result.stdout.rstrip("\n").split("\n")
    assert header.count("|") == rule.count("|") == row.count("|") == 10
    assert row.startswith("| gru | 1 | 8 | 2 | ")


@pytest.mark.parametrize(("layers", "expected"), [(1, 4 * (3 * 8 * 8 + 5 * 8)), (2, 4 * (3 * 3 * 8 * 8 + 5 * 8))])
def test_weight_bytes_leave_out_the_first_input_product(layers: int, expected: int) -> None:
    assert weight_bytes(StackSettings(cell="gru", hidden_size=8, layers=layers), 5) == expected


def test_a_model_of_the_user_can_be_measured() -> None:
    settings = LanguageNetworkSettings(StackSettings(hidden_size=8))
    network = LanguageNetwork(settings, vocabulary_size=9, labels=2)
    tensors = {name: tensor.numpy() for name, tensor in network.state_dict().items()}
    row = bench_sampling(settings, 1, 1, tensors)
    assert (row.cell, row.layers, row.hidden_size, row.batch) == ("gru", 1, 8, 1)
    assert row.charnn > 0


def test_a_network_beside_a_model_is_refused() -> None:
    result = CliRunner().invoke(main, ["bench", "sample", "--model", "x", "--layers", "3"])
    assert result.exit_code == 2
    assert result.stderr.endswith("Error: --model brings its own network; leave out layers.\n")


def test_training_rows_are_measured_on_the_layer_that_training_uses() -> None:
    torch.manual_seed(0)
    assert bench_training("rnn", 8, 2, 1).charnn > 0
