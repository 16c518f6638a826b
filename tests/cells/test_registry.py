"""A new cell is one file and one line in the registry: it trains, writes and is inspected by the command line like the others."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import charnn

PAGE = (Path(__file__).parents[2] / "docs" / "cells.md").read_text(encoding="utf-8")
LEAKY = PAGE.partition("```python\n")[2].partition("```")[0]
"""The cell that the documentation shows."""

LINE = 'CELLS["leaky"] = Place("leaky_cell")'

PROGRAM = f"""
import json
import sys
from charnn.cells import CELLS, Place
{LINE}
from click.testing import CliRunner
from charnn.cli.main import main
results = [CliRunner(env={{"COLUMNS": "100"}}).invoke(main, command) for command in json.loads(sys.argv[1])]
print(json.dumps([result.stdout if result.exit_code == 0 else result.output for result in results]))
"""

TRAIN = [
    "--cell",
    "leaky",
    "--hidden-size",
    "8",
    "--layers",
    "2",
    "--steps",
    "12",
    "--validations",
    "2",
    "--batch-size",
    "4",
    "--threads",
    "1",
    "--quiet",
]


@pytest.fixture
def run(tmp_path):
    """Runs commands of charnn with one cell more: what each wrote."""
    (tmp_path / "leaky_cell.py").write_text(LEAKY)
    environment = {**os.environ, "PYTHONPATH": f"{tmp_path}:{Path(charnn.__file__).parents[1]}"}

    def run(*commands: list[str]) -> list[str]:
        program = [sys.executable, "-c", PROGRAM, json.dumps(commands)]
        result = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
        assert result.returncode == 0, result.stderr
        return json.loads(result.stdout.splitlines()[-1])

    return run


def test_a_cell_without_compiled_code_trains_writes_and_is_inspected(run, tmp_path):
    (tmp_path / "verse.txt").write_text("The sea is wide, the sea is blue,\nthe sea has room for me and you.\n" * 20)
    start = ["--initial-memory", "9", "--initial-state", "learned"]
    sample = ["sample", "run", "The", "--length", "20", "--seed", "1"]
    usage, _, text, again, clamped, *facts, gradients = run(
        ["train", "lm", "--help"],
        ["train", "lm", "verse.txt", "--to", "run", "--window", "16", *start, *TRAIN],
        sample,
        sample,
        [*sample, "--clamp", "2:1=9"],
        ["evaluate", "run", "verse.txt", "--json"],
        ["inspect", "gates", "run", "The sea", "--json"],
        ["inspect", "unroll", "run", "The sea", "--json"],
        ["inspect", "memory", "--cell", "leaky", "--lag", "3", "--updates", "2", "--json"],
        ["inspect", "gradients", "run", "verse.txt", "--steps", "5", "--batches", "2"],
    )
    assert "rnn|lstm|gru|mingru|leaky" in usage
    assert text == again != clamped
    metrics, gates, unrolled, memory = map(json.loads, facts)
    assert metrics["nats_per_token"] > 0
    assert [(one["layer"], one["gate"]) for one in gates["gates"]] == [(1, "leak"), (2, "leak")]
    assert list(unrolled["steps"][0]["states"][0]) == ["layer", "norm", "largest", "hidden"]
    assert [row["cell"] for row in memory["rows"]] == ["leaky"]
    assert "leaky untrained" in gradients


def test_such_a_cell_labels_texts_too_and_alone_as_in_a_batch(run, tmp_path):
    rows = [f"{'good fine nice' if number % 2 else 'bad poor dull'} {number}\t{'yes' if number % 2 else 'no'}" for number in range(60)]
    (tmp_path / "table.tsv").write_text("text\tlabel\n" + "".join(f"{row}\n" for row in rows))
    texts = ["good nice 3", "dull", "a text that is longer than the other ones and has unknown words"]
    (tmp_path / "texts.txt").write_text("".join(f"{text}\n" for text in texts))
    alone = [["predict", "run", text, "--json"] for text in texts]
    _, together, *each = run(["train", "classifier", "table.tsv", "--to", "run", *TRAIN], ["predict", "run", "texts.txt", "--json"], *alone)
    assert list(map(json.loads, together.splitlines())) == list(map(json.loads, each))
