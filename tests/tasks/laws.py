"""Laws of every task, told through the command line alone: `check(NAME, folder)` trains a tiny model and asks it everything.

Runs in any process in which the task is registered: the tests run it for the tasks of charnn, and for one that is made for the test.
"""

import json
import os
import sys
from pathlib import Path

import click
from click.testing import CliRunner, Result

import charnn
from charnn.cli.main import main
from charnn.cli.verbs.train import train_command
from charnn.data.readers import find_sources
from charnn.tasks.registry import TASKS

SMALL = {"hidden_size": "8", "embedding_size": "8", "layers": "1", "documents": "lines"}
"""Options that keep a network small, where a task has them."""


def run(*words: str, code: int = 0, text: str | None = None) -> Result:
    """Return what a command did; it must end with this exit code."""
    result = CliRunner().invoke(main, list(words), input=text)
    assert result.exit_code == code, (words, result.output)
    return result


def small(task: str) -> list[str]:
    """Return the options that make a small model of the task, trained for a moment."""
    names = {param.name for param in train_command(TASKS[task]).params}
    options = [word for name, value in SMALL.items() if name in names for word in ("--" + name.replace("_", "-"), value)]
    return [*options, "--steps", "4", "--validations", "2", "--threads", "1", "--quiet"]


def data_of(task: str, folder: Path) -> str:
    """Return a file with the first part of the task's built-in data."""
    source = find_sources([TASKS[task].corpus])[0]
    lines = b"".join(source.blocks()).decode().split("\n")
    path = folder / f"data{source.kind}"
    path.write_text("\n".join(lines[:400]) + "\n", encoding="utf-8")
    return str(path)


def check(task: str, folder: Path) -> None:
    """Train, resume, predict, evaluate, check data, list errors and load a model of the task; raise AssertionError for a broken law."""
    os.chdir(folder)
    record, data = TASKS[task], data_of(task, folder)
    page = run("train", task, "--help").output
    assert page.startswith("Usage: ")
    assert " ".join(record.summary.split()[:3]) in " ".join(page.split())
    run("train", task, data, "--to", "model", *small(task))
    run("train", task, data, "--to", "again", *small(task))
    kept, again = (Path(name, "model.safetensors").read_bytes() for name in ("model", "again"))
    assert kept == again, "the same command writes the same model"
    run("train", task, "--resume", "--to", "again", "--quiet")
    assert Path("again/model.safetensors").read_bytes() == kept, "a run that is over stays as it is"
    metrics = json.loads(run("evaluate", "model", data, "--json", "--threads", "1").stdout)
    assert list(metrics)[:5] == ["task", "model", "data", "examples", "seconds"]
    assert (metrics["task"], metrics["model"], metrics["data"]) == (task, "model", [data])
    assert run("evaluate", "model", data, "--threads", "1").stdout
    found = json.loads(run("data", "check", data, "--task", task, "--no-measure", "--json").stdout)
    assert (found["task"], found["trainable"]) == (task, True)
    assert found["command"] == f"charnn train {task} {data}"
    errors = json.loads(run("inspect", "errors", "model", data, "--top", "3", "--threads", "1", "--json").stdout)
    assert errors["task"] == task
    assert len(errors["worst"]) == 3
    assert run("inspect", "errors", "model", data, "--top", "3", "--threads", "1").stdout
    loaded = charnn.load("model")
    assert (loaded.task, type(loaded).__name__) == (task, record.model)
    assert type(loaded.model_) is record.model_class
    predictions = [run("predict", "model", *words, "--json").stdout for words in asked(task)]
    assert predictions[0] == predictions[1], "a prediction is the same alone and beside others"


def asked(task: str) -> list[list[str]]:
    """Return two ways to ask for the same predictions: one by one or together; of a series, twice."""
    if "forecast" in TASKS[task].abilities:
        return [["--steps", "3"], ["--steps", "3"]]
    texts = ["A fine day.", "What a dull, long film it was!", "2021"]
    for name, text in zip("abc", texts, strict=True):
        Path(f"{name}.txt").write_text(text + "\n", encoding="utf-8")
    return [["a.txt", "b.txt", "c.txt"], ["a.txt", "b.txt", "c.txt"]]


def help_pages(command: click.Group) -> None:
    """Check that every page of help comes."""
    for name in command.list_commands(click.Context(command)):
        run(name, "--help")


if __name__ == "__main__":
    check(sys.argv[1], Path(sys.argv[2]))
    help_pages(main)
