"""The model card: the data, the training and the results of a run, and how to use its model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from charnn.settings import flat
from charnn.training.model import Model, Plan, Progress


def model_card(folder: Path, model: Model, plan: Plan, progress: Progress, results: dict[str, Any]) -> str:
    """Return the README of a run folder, in Markdown."""
    best = f"at update {progress.best_step:,} of {plan.steps:,} ({plan.epochs:.2f} epochs)"
    sections = {
        "Use": [f"    {command}" for command in model.commands(folder)],
        "Data and network": [f"- {name}: {value}" for name, value in plan.facts],
        "Training": [
            f"- {plan.parameters:,} parameters, {progress.seconds / 60:.2f} minutes on {plan.device} with {plan.threads} threads",
            f"- best of {model.settings.loop.validations} validations: {best}",
        ],
        "Results on the validation part": model.table(results),
        "Settings": [f"- {name.split('.')[-1]}: {value}" for name, value in flat(model.settings.plain()).items()],
    }
    begin = f"# {folder.name}\n\n{model.title}, trained by charnn.\n"
    return "\n".join([begin, *("\n".join([f"## {head}", "", *lines, ""]) for head, lines in sections.items())])


def metrics_table(head: str, rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """Return a Markdown table: rows by title, columns by title with the metric of each."""
    lines = [f"| {' | '.join([head, *names])} |", "|---" * (len(names) + 1) + "|"]
    return lines + [f"| {' | '.join([title, *(cell(metrics[key]) for key in names.values())])} |" for title, metrics in rows.items()]


def cell(number: float | None) -> str:
    """Return a metric with four decimals, a large one with one, a missing one as a dash."""
    if number is None:
        return "-"
    return f"{number:.4f}" if number < 100 else f"{number:,.1f}"
