"""All tasks, one record each; every verb, check and law goes over them."""

import importlib

from charnn.tasks.task import Task

PACKAGES = (
    "charnn.tasks.lm",
    "charnn.tasks.classifier",
    "charnn.tasks.tagger",
    "charnn.tasks.translator",
    "charnn.tasks.forecaster",
)  # fmt: skip
"""The folder of each task, in which its TASK is; a line more is a task more."""


def _tasks() -> dict[str, Task]:
    tasks: list[Task] = [importlib.import_module(package).TASK for package in PACKAGES]
    return {task.name: task for task in tasks}


TASKS = _tasks()


def able(ability: str) -> list[str]:
    """Return the names of the tasks whose models can do something: write, attention, verdicts, forecast."""
    return [name for name, task in TASKS.items() if ability in task.abilities]
