"""`charnn.load()`: the model of a run folder or a model file, of any task."""

from pathlib import Path
from typing import Any

from charnn.checkpoint.model import SavedModel, load_model, model_path, naming
from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tasks.registry import TASKS, able


def load(model: str | Path) -> Any:
    """Return the model of a run folder or a model file, of the class of its task; raise CheckpointError."""
    return read(model)[1]


def read(model: str | Path) -> tuple[SavedModel, Any]:
    """Return the contents of a model file, and the model made of them; raise CheckpointError."""
    path = model_path(model)
    saved = load_model(path)
    if saved.task not in TASKS:
        raise CheckpointError(f"{path} is for the task {shown(saved.task)}, which this charnn does not know; upgrade it")
    with naming(path):
        return saved, restored(saved, str(model))


def restored(saved: SavedModel, name: str) -> Any:
    """Return the model of a model file's contents, with the results of its training; raise CheckpointError or SettingError."""
    model = TASKS[saved.task].model_class.restore(saved, name)
    model.results = results_of(saved)
    return model


def results_of(saved: SavedModel) -> dict[str, Any]:
    """Return the metrics of the validation part at the end of training, as evaluate() gives them; none for a model without a last one."""
    valid = saved.metrics.get("valid") or {}
    evaluated = getattr(TASKS[saved.task].part("report"), "evaluated", dict)
    return evaluated(valid) if valid else {}


def load_able(model: str | Path, ability: str) -> Any:
    """Return a model whose task has this ability, such as `write`; raise CheckpointError for another task's."""
    found, tasks = load(model), able(ability)
    if found.task not in tasks:
        raise CheckpointError(f"{model} is a {found.task}, and this needs a {' or '.join(tasks)}; name another model")
    return found
