"""Samples and predictions by the ten thousand in one process: resident memory must stay flat."""

import os
import random
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from charnn.tasks.load import load
from tests.stress.desk import PROSE, SIGNS, desk
from tests.stress.row import Row

ALLOWED = 1024
"""Bytes that a call may leave behind, by a linear fit over the second half of the calls ..."""

NOISE = 2 << 20
"""... unless all of them together come to less than this: allocators keep some pages for later."""

POINTS = 400
"""Measurements of each kind of call."""

WORDS = [*PROSE.split(), *SIGNS.split(), "", "\ud800", "Anna", "Paris", "chat"]


class Kind(NamedTuple):
    """A kind of call, and how many of them are made at scale 1."""

    what: str
    model: str
    calls: int
    call: Callable[[Any, str, int], Any]  # of the model, a text and a number


KINDS = (
    Kind("samples", "lm", 10_000, lambda model, text, number: model.sample(text, length=20, seed=number, stop=["\n\n"], top_p=0.9)),
    Kind("next tokens", "lm", 52_000, lambda model, text, number: model.predict(text, top=1 + number % 9)),
    Kind("labels", "classifier", 30_000, lambda model, text, number: model.predict([text])),
    Kind("tags", "tagger", 15_000, lambda model, text, number: model.predict([text])),
    Kind("translations", "translator", 3_000, lambda model, text, number: model.predict([text])),
    Kind("forecasts", "forecaster", 10_000, lambda model, text, number: model.predict(steps=1 + number % 3)),
    Kind("values read", "forecaster", 30_000, lambda model, text, number: _stream(model).push([number % 300])),
)


@cache
def _stream(model: Any) -> Any:
    return model.stream()


def run(scale: float = 1.0) -> Row:
    """All kinds of calls, one kind after the other."""
    models = {name: load(desk() / name) for name in {kind.model for kind in KINDS}}
    notes, failures, total = [], [], 0
    for kind in KINDS:
        calls = max(20, round(kind.calls * scale))
        slope = growth(resident_sizes(lambda text, number, kind=kind: kind.call(models[kind.model], text, number), calls), calls)
        notes.append(f"{kind.what} {slope:,.0f}")
        total += calls
        if slope > ALLOWED and slope * calls / 2 > NOISE:
            failures.append(f"{calls:,} {kind.what} grew by {slope:,.0f} bytes a call")
    note = f"growth in bytes a call: {', '.join(notes)}; {resident() / 1e6:,.0f} MB at the end"
    return Row("memory of one process", f"{total:,} samples and predictions", len(failures), note, tuple(failures))


def resident_sizes(call: Callable[[str, int], Any], calls: int) -> list[int]:
    """Bytes of resident memory at evenly spread moments while calls are made, each with a text of its own."""
    generator = random.Random(6)
    sizes, every = [], max(1, calls // POINTS)
    for number in range(calls):
        call(" ".join(generator.choices(WORDS, k=generator.randrange(12))), number)
        if number % every == every - 1:
            sizes.append(resident())
    return sizes


def growth(sizes: list[int], calls: int) -> float:
    """Bytes that a call adds, by a linear fit over the second half."""
    second = np.array(sizes[len(sizes) // 2 :], float)
    return float(np.polyfit(np.linspace(0, calls / 2, len(second)), second, 1)[0])


def resident() -> int:
    """Bytes of memory of this process."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
