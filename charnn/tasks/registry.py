"""All tasks, one record each; every verb, check and law iterates over them."""

import importlib

from charnn.tasks.task import Task

PACKAGES = (
    "charnn.tasks.lm",
    "charnn.tasks.classifier",
    "charnn.tasks.tagger",
    "charnn.tasks.translator",
    "charnn.tasks.forecaster",
)  # fmt: skip
"""The package of each task, which contains its TASK; a new task is one more line."""

TASKS: dict[str, Task] = {task.name: task for task in (importlib.import_module(package).TASK for package in PACKAGES)}


def able(ability: str) -> list[str]:
    """Return the names of the tasks whose models have an ability: write, attention, predictions or forecast."""
    return [name for name, task in TASKS.items() if ability in task.abilities]
