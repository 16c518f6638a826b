"""The ways through the code that `docs/architecture.md` shows are those that the code takes."""

import re
import sys
from dataclasses import replace
from pathlib import Path

import torch

from charnn.training.trainer import Trainer
from tests.models import running_text, small_model

PAGE = Path(__file__).parents[1] / "docs" / "architecture.md"
MOST_CALLS = 8

Way = list[tuple[str, str]]
"""Modules and names of functions, from the outermost call to the innermost."""


def way_here() -> Way:
    """Return the functions of charnn that wait for the caller."""
    found, frame = [], sys._getframe()
    while frame is not None:
        module = str(frame.f_globals.get("__name__"))
        if module.split(".")[0] == "charnn":
            found.append((module, frame.f_code.co_name))
        frame = frame.f_back
    return found[::-1]


def shown(heading: str) -> Way:
    """Return the calls that a section lists, a line each: - `module`: `Class.function`."""
    section = PAGE.read_text(encoding="utf-8").partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
    calls = re.findall(r"^- `([\w.]+)`: `([\w.]+)`", section, re.MULTILINE)
    return [(module, name.split(".")[-1]) for module, name in calls]


def test_a_training_step_takes_the_way_that_the_page_shows(tmp_path, monkeypatch):
    model = small_model(cell="gru", layers=1)
    (layer,) = model.network.stack.cells
    loop, ways = layer.cell.forward, []

    def recorded(*arguments: object) -> None:
        ways.append([*way_here(), (loop.__module__, loop.__name__)])
        loop(*arguments)

    monkeypatch.setattr(layer, "cell", replace(layer.cell, forward=recorded))
    trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=1, device=torch.device("cpu"))
    trainer.advance(next(model.batches_of(running_text(model, tmp_path)).since(0)))
    (way,) = ways
    assert way[0] == ("charnn.training.trainer", "advance")
    assert len(way) <= MOST_CALLS
    assert way == shown("The way of a training step")
