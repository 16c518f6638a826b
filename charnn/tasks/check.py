"""Checks of data before training: their contents and problems, whether they can be trained on, and the cost of training."""

import resource
import sys
import time
from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

from charnn.check.contents import Contents, Problems, length_classes
from charnn.check.encoding import EncodingCheck
from charnn.check.guessing import Look
from charnn.data.readers import Decoding, Source, read_text
from charnn.data.settings import PairFiles, ReadSettings
from charnn.errors import DataError
from charnn.tasks.registry import TASKS
from charnn.training.model import Sources

EVIDENCE = ("files", "options", "kind", "cells", "names", "columns", "lines")
"""Kinds of evidence for a task, the strongest first: parallel files, settings, the extension, cells, names of columns, columns, lines.

RECOGNISERS in a task's `check` has for some of them a function that returns the reason why files look like the task's data.
"""


class Guess(NamedTuple):
    """A task, and the reason for it."""

    task: str
    because: str


def guess_task(files: PairFiles, given: Collection[str], settings: ReadSettings) -> Guess:
    """Return the task that fits the files and the settings; raise DataError for unreadable files and for an unclear table."""
    look = Look(files, given, settings)
    general, *special = TASKS  # Any file may be running text, so that comes last
    for evidence in EVIDENCE:
        for task in (*special, general):
            recognise = getattr(TASKS[task].part("check"), "RECOGNISERS", {}).get(evidence)
            because = recognise and recognise(look)
            if because:
                return Guess(task, because)
    look.refuse_table()
    return Guess(general, "nothing points to labels, tags, pairs or numbers")


@dataclass(frozen=True)
class Trial:
    """A task with its settings, data and inputs, to be checked before training."""

    task: str
    settings: Any
    sources: Sources
    inputs: Any


@dataclass(frozen=True)
class Cost:
    """What training takes on this machine, measured."""

    parameters: int
    preparation_seconds: float  # From the files to the first update
    updates: int  # Of an epoch
    epoch_seconds: float
    validation_seconds: float
    per_second: float  # Units read in a second
    unit: str
    peak_bytes: int  # Most memory of the process until the first validation
    device: str
    threads: int


@dataclass(frozen=True)
class Check:
    """The results of a check of data."""

    task: str
    because: str | None  # The reason for the task, where it was guessed
    health: EncodingCheck
    contents: Contents
    problems: Problems
    reason: str | None  # The error with which training would refuse the data; None where there is none

    def rows(self) -> list[tuple[str, str]]:
        """Return (name, value) rows to print, warnings last."""
        guessed = f" ({self.because}; --task says otherwise)" if self.because else ""
        rows = [("task", f"{self.task}{guessed}"), *self.health.lines_of_text(), *self.contents.rows]
        # A single problem is the reason, which the command prints anyway.
        listed = self.problems.first if self.problems.count > 1 or self.problems.first != [self.reason] else []
        warnings = [row for row in rows if row[0] == "warning"] + [("warning", text) for text in listed]
        if self.problems.count > len(self.problems.first):
            warnings.append(("warning", f"and {self.problems.count - len(self.problems.first):,} more like these"))
        return [row for row in rows if row[0] != "warning"] + warnings

    def facts(self) -> dict[str, Any]:
        """Return the results as JSON-ready data."""
        return {
            "task": self.task,
            "because": self.because,
            "health": self.health.facts(),
            **self.contents.facts,
            "lengths": {name: _lengths(counts) for name, counts in self.contents.lengths.items()},
            "problems": {"count": self.problems.count, "first": self.problems.first},
            "warnings": [text for name, text in self.rows() if name == "warning"],
        }


def check_data(trial: Trial, because: str | None = None) -> Check:
    """Read all files to their end, running text in bounded memory; raise DataError for unreadable files, SettingError for bad settings."""
    data = getattr(trial.settings, fields(trial.settings)[0].name)
    problems = Problems()
    opened = TASKS[trial.task].part("check").open_data(trial.sources, trial.settings, trial.inputs, problems)
    health = EncodingCheck(opened.sources, data.encoding)
    contents = opened.read()
    reason = problems.first[0] if problems.first else None
    is_refused = data.errors == "strict" and not getattr(data, "skip_bad_rows", False)
    if is_refused and (health.found["invalid"].count or health.found["nul"].count):
        reason = _refusal(opened.sources, Decoding(data.encoding, "strict", "keep")) or reason
    return Check(trial.task, because, health, contents, problems, reason)


def measure_cost(trial: Trial) -> Cost:
    """Train for some seconds and write nothing; raise DataError or SettingError for data that cannot be trained on."""
    from charnn.device import choose_device, use_threads
    from charnn.training.run import measure

    before = time.monotonic()
    model = TASKS[trial.task].model_class.prepare(trial.sources, trial.settings, trial.inputs)
    preparation = time.monotonic() - before
    device, threads = choose_device("auto"), use_threads(None)
    model.network.to(device)
    throughput = measure(model, device)
    return Cost(
        parameters=sum(one.numel() for one in model.network.parameters()),
        preparation_seconds=preparation,
        updates=model.batches.epoch_steps,
        epoch_seconds=throughput.seconds_for(model.batches.epoch_steps, 0),
        validation_seconds=throughput.validation_seconds,
        per_second=throughput.per_second * model.rate,
        unit=model.rate_unit,
        peak_bytes=peak_bytes(),
        device=str(device),
        threads=threads,
    )


def peak_bytes() -> int:
    """Return the most memory that this process has used."""
    # Linux counts in units of 1,024 bytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)


def _refusal(sources: list[Source], decoding: Decoding) -> str | None:
    """Return the error message of reading the first file that is not text; None where all are."""
    try:
        for source in sources:
            for _ in read_text(source, decoding):
                pass
    except DataError as error:
        return str(error)
    return None


def _lengths(counts: Mapping[int, int]) -> dict[str, Any]:
    return {"longest": max(counts, default=0), "classes": [list(one) for one in length_classes(counts)]}
