"""Models and runs of format 1, written by charnn 0.1.0, still give what they gave then."""

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import load_file

from charnn.cli.main import main
from charnn.tasks.load import load

FIXTURES = Path(__file__).parent / "format1"

EXPECTED = json.loads((FIXTURES / "expected.json").read_text(encoding="utf-8"))
"""Calls of loaded models and their results, command lines and their outputs, interrupted runs and how they ended."""

PASSING = ("seconds", "model", "data")
"""Keys of JSON lines that say when and where a command ran."""

EXACT = 1e-7
ROUNDED = 2e-6
"""Absolute differences that rounding on another machine may cause: of results, and of outputs, which are cut to six decimals."""

TRAINED = 1e-4
"""The same of weights, after the updates that were left."""


@pytest.fixture(autouse=True)
def _in_the_fixtures(monkeypatch: pytest.MonkeyPatch) -> None:
    """The paths of calls and command lines are relative."""
    monkeypatch.chdir(FIXTURES)


def numbered(examples: list[dict[str, Any]]) -> list[Any]:
    """A parameter for each example, called by its model and its number."""
    return [pytest.param(one, id=f"{one['model']} {number}") for number, one in enumerate(examples)]


@pytest.mark.parametrize("call", numbered(EXPECTED["calls"]))
def test_a_loaded_model_answers_as_it_did(call: dict[str, Any]) -> None:
    method = getattr(load(f"{call['model']}.safetensors"), call["method"])
    assert_agrees(plain(method(*call["positional"], **call["named"])), call["result"], EXACT)


@pytest.mark.parametrize("command", numbered(EXPECTED["commands"]))
def test_a_command_writes_what_it_wrote(command: dict[str, Any]) -> None:
    assert_agrees(parsed(output(command["arguments"], command["input"])), command["output"], ROUNDED)


@pytest.mark.parametrize("run", [pytest.param(one, id=one["run"]) for one in EXPECTED["runs"]])
def test_a_run_that_was_broken_off_ends_as_one_that_never_was(run: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for folder in ("data", run["run"]):
        shutil.copytree(FIXTURES / folder, tmp_path / folder)
    monkeypatch.chdir(tmp_path)
    output(["train", run["task"], "--resume", "--to", run["run"], "--threads", "1", "--quiet"])
    ended, expected = load_file(tmp_path / run["run"] / "model.safetensors"), load_file(FIXTURES / run["ended"])
    assert sorted(ended) == sorted(expected)
    for name, array in expected.items():
        np.testing.assert_allclose(ended[name], array, rtol=TRAINED, atol=TRAINED, err_msg=name)


def output(arguments: list[str], text: str | None = None) -> str:
    """Standard output of a command that must succeed."""
    result = CliRunner().invoke(main, arguments, input=text)
    assert result.exit_code == 0, result.output
    return str(result.stdout)


def parsed(text: str) -> Any:
    """Lines of JSON as objects, without PASSING keys; any other text as it is."""
    if not text.startswith("{"):
        return text
    lines = [json.loads(line) for line in text.splitlines()]
    return [{name: value for name, value in line.items() if name not in PASSING} for line in lines]


def plain(value: Any) -> Any:
    """Results as JSON would hold them: dataclasses as mappings, tuples and arrays as lists."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    if isinstance(value, dict):
        return {name: plain(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    return value.tolist() if isinstance(value, np.ndarray | np.generic) else value


def assert_agrees(found: Any, expected: Any, tolerance: float, where: str = "result") -> None:
    """Asserts that texts are the same and numbers nearly so; mappings may have keys that were not there in format 1."""
    if isinstance(expected, dict):
        assert isinstance(found, dict), where
        assert not expected.keys() - found.keys(), where
        for name, value in expected.items():
            assert_agrees(found[name], value, tolerance, f"{where}.{name}")
    elif isinstance(expected, list):
        assert isinstance(found, list), where
        assert len(found) == len(expected), where
        for number, value in enumerate(expected):
            assert_agrees(found[number], value, tolerance, f"{where}[{number}]")
    elif isinstance(expected, float):
        assert found == pytest.approx(expected, rel=1e-5, abs=tolerance, nan_ok=True), where
    else:
        assert found == expected, where
