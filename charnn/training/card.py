"""The model card: what a run was trained on, how, what it reaches, and how to use it."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from charnn.training.run import Run


def model_card(run: "Run") -> str:
    """The README of a run folder, in Markdown."""
    job, plan, progress = run.job, run.plan, run.trainer.progress
    lines = [
        f"# {run.place.folder.name}",
        "",
        f"{job.title}, trained by charnn.",
        "",
        "## Use",
        "",
        *(f"    {command}" for command in job.commands(run.place.folder)),
        "",
        "## Data and network",
        "",
        *(f"- {name}: {value}" for name, value in plan.facts),
        "",
        "## Training",
        "",
        f"- {plan.parameters:,} parameters, {progress.seconds / 60:.2f} minutes on {plan.device} with {plan.threads} threads",
        f"- best of {job.settings.loop.reports} validations: at update {progress.best_step:,} of {plan.steps:,} ({plan.epochs:.2f} epochs)",
        "",
        "## Results on the validation part",
        "",
        *job.table(run.results),
        "",
        "## Settings",
        "",
        *(f"- {name}: {value}" for name, value in flat(job.settings.plain()).items()),
        "",
    ]
    return "\n".join(lines)


def metrics_table(head: str, rows: Mapping[str, Mapping[str, Any]], names: Mapping[str, str]) -> list[str]:
    """A Markdown table: rows by title, columns by title with the metric each shows."""
    lines = [f"| {' | '.join([head, *names])} |", "|---" * (len(names) + 1) + "|"]
    for title, metrics in rows.items():
        lines.append(f"| {' | '.join([title, *(cell(metrics[key]) for key in names.values())])} |")
    return lines


def cell(number: float | None) -> str:
    """A metric with four decimals, a large one with one, none as a dash."""
    if number is None:
        return "-"
    return f"{number:.4f}" if number < 100 else f"{number:,.1f}"


def flat(plain: dict[str, Any]) -> dict[str, Any]:
    """Nested settings as one level, by their last names."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found.update(flat(value) if isinstance(value, dict) else {name: value})
    return found
