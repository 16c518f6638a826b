"""The training of a model from Python: its run, its reports, its errors in the words of Python, and nothing else disturbed."""

import re
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from charnn.api.notebook import notebook_line
from charnn.api.values import Values
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import collect
from charnn.tasks.task import Task, arranged, sources_of
from charnn.training.model import Place
from charnn.training.settings import BudgetSettings, SavingSettings

if TYPE_CHECKING:
    from charnn.training.model import Report
    from charnn.training.run import Run

OnReport = Callable[["Report"], object]

FLAG = re.compile(r"(?<![\w-])--(no-)?([a-z][a-z-]*)( [A-Z]+\b)?")

TRAINING = threading.RLock()  # One training at a time in a process: all draw from torch's random numbers


def prepared(
    task: Task,
    data: Sequence[Any],
    valid: Sequence[Any],
    *,
    values: Mapping[str, Any],
    given: Sequence[str],
    place: Place,
) -> "Run":
    """Return the run of a model on paths and Values, ready to train; raise DataError or SettingError.

    values: all settings by name, of which those given differ from their defaults.
    """
    from charnn.training.folder import check_free
    from charnn.training.run import Run

    check_free(place.folder, overwrite=place.overwrite, resume=place.resume)
    budget = collect(BudgetSettings, values)  # Checked before anything is read
    settings, inputs = arranged(task, values, given, [str(one) for one in data])
    corpus, validation = ([one.source if isinstance(one, Values) else one for one in part] for part in (data, valid))
    if not any(isinstance(one, Values) for one in data):
        command = {"data": [str(one) for one in data], **{name: values[name] for name in given if values[name] is not None}}
        place = replace(place, command=command)
    model = task.model_class.prepare(sources_of(task, corpus, validation, values["valid_fraction"], inputs), settings, inputs)
    for one in data:
        vars(model).update(one.facts if isinstance(one, Values) else {})
    return Run(place, model, budget, SavingSettings())


def followed(run: "Run", on_report: OnReport | None) -> list[dict[str, Any]]:
    """Train a run to its end; show its reports to the caller, or in a notebook by a line; return a dict a validation."""
    line = notebook_line() if on_report is None else None
    history: list[dict[str, Any]] = []
    try:
        for report in run.train():
            if on_report is not None:
                on_report(report)
            elif line is not None:
                line(run.plan, report)
            if report.valid_loss is not None:
                history.append(report.facts())
        run.finish()
    except BaseException:
        run.break_off()
        raise
    return history


@contextmanager
def undisturbed() -> Iterator[None]:
    """Train alone in this process, and leave torch's random numbers and threads as they were."""
    import torch

    with TRAINING, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)


@contextmanager
def in_python() -> Iterator[None]:
    """Turn the flags in a message into keywords: --valid-fraction into valid_fraction, --valid FILE into valid=, --no-x into x=False."""
    try:
        yield
    except (CheckpointError, DataError, SettingError) as error:
        error.args = (FLAG.sub(_keyword, str(error)),)
        raise


def _keyword(flag: re.Match[str]) -> str:
    return flag[2].replace("-", "_") + ("=False" if flag[1] else "=" if flag[3] else "")
