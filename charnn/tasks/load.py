"""`charnn.load()`: the model of a run folder or a model file, of whatever task."""

from pathlib import Path
from typing import Any

from charnn.checkpoint.model import load_model, model_path, naming
from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tasks.registry import TASKS, able


def load(model: str | Path) -> Any:
    """Return the model of a run folder or a model file, of the class of its task; raise CheckpointError."""
    path = model_path(model)
    saved = load_model(path)
    if saved.task not in TASKS:
        raise CheckpointError(f"{path} is for the task {shown(saved.task)}, which this charnn does not know; upgrade it")
    with naming(path):
        return TASKS[saved.task].model_class.restore(saved, str(model))


def load_able(model: str | Path, ability: str) -> Any:
    """Return the model of a task that can do this, such as `write`; raise CheckpointError for another."""
    found, tasks = load(model), able(ability)
    if found.task not in tasks:
        raise CheckpointError(f"{model} is a {found.task}, and this needs a {' or '.join(tasks)}; name another model")
    return found
