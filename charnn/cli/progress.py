"""The progress of a run on standard error: a live bar on a terminal, plain lines elsewhere, or JSON."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from charnn.cli.process import say

if TYPE_CHECKING:
    from rich.progress import Progress

    from charnn.training.model import Plan, Report

SAMPLE_LINES = 4  # Lines shown of a sample


class Display:
    """Shows the plan, reports and samples of a run; this base class shows nothing."""

    talks = False  # whether it shows anything

    def begin(self, plan: "Plan") -> None:
        """Show the plan of a run."""

    def report(self, report: "Report") -> None:
        """Show the state of training, or a validation."""

    def sample(self, text: str) -> None:
        """Show a text written by the current model."""

    def end(self) -> None:
        """Clear the display, after the last update or when training stops early."""


class Plain(Display):
    """A line per validation, for logs and pipes."""

    talks = True

    def begin(self, plan: "Plan") -> None:
        """Write the plan, a line per fact."""
        self.unit = plan.loss_unit
        for name, value in plan_rows(plan):
            say(f"{name:<12}{value}")

    def report(self, report: "Report") -> None:
        """Write a line for a validation or a note."""
        if report.note is not None:
            say(f"Note: {report.note}.")
        if report.valid_loss is not None:
            say(report_line(report, self.unit))

    def sample(self, text: str) -> None:
        """Write the first lines of the text, indented."""
        for line in first_lines(text):
            say(f"    | {line}")


class Json(Display):
    """One JSON object per validation."""

    talks = True

    def report(self, report: "Report") -> None:
        """Write the report's fields, and a note as a separate object."""
        if report.note is not None:
            say(json.dumps({"note": report.note, "step": report.step}))
        if report.valid_loss is not None:
            say(json.dumps(report.facts()))

    def sample(self, text: str) -> None:
        """Write the text as a JSON object."""
        say(json.dumps({"sample": text}))


class Live(Display):
    """A rich progress bar with the time left, the rate and the loss; a line per validation above it."""

    talks = True

    def __init__(self) -> None:
        self.bar = progress_bar("training", "{task.fields[rate]}  loss {task.fields[loss]}", "of")

    def begin(self, plan: "Plan") -> None:
        """Write the plan as a table, and start the bar."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for name, value in plan_rows(plan):
            table.add_row(f"[bold]{name}[/]", value)
        self.bar.console.print(table)
        self.plan = plan
        self.task = self.bar.add_task("training", total=plan.steps, rate="", loss="-")
        self.bar.start()

    def report(self, report: "Report") -> None:
        """Move the bar to the report's update, and print a line above it for a validation or a note."""
        rate = self.plan.rate * report.predictions / max(report.seconds, 1e-9)
        self.bar.update(self.task, completed=report.step, rate=f"{rate:,.0f} {self.plan.rate_unit}/s", loss=f"{report.train_loss:.3f}")
        if report.note is not None:
            self.bar.console.print(f"Note: {report.note}.", markup=False)
        if report.valid_loss is not None:
            self.bar.console.print(report_line(report, self.plan.loss_unit), markup=False)

    def sample(self, text: str) -> None:
        """Write the first lines of the text, indented and dim."""
        self.bar.console.print("".join(f"    │ {line}\n" for line in first_lines(text)), style="dim", markup=False, end="")

    def end(self) -> None:
        """Remove the bar."""
        self.bar.stop()


DISPLAYS: dict[str, Callable[[], Display]] = {"bar": Live, "plain": Plain, "json": Json, "none": Display}


def choose_display(name: str, quiet: bool) -> Display:
    """Return the display of a --progress choice; `auto` is a bar on a terminal and plain lines elsewhere."""
    automatic = "bar" if sys.stderr.isatty() else "plain"
    return Display() if quiet else DISPLAYS[automatic if name == "auto" else name]()


def progress_bar(what: str, numbers: str, between: str) -> "Progress":
    """Return a rich bar on standard error: what is done, percentage, numbers, time elapsed, the word `between`, time left."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    percentage = TextColumn("{task.percentage:>3.0f}%  " + numbers + " ")
    times = TimeElapsedColumn(), TextColumn(between), TimeRemainingColumn(elapsed_when_finished=True), TextColumn("left")
    return Progress(TextColumn(what), BarColumn(), percentage, *times, console=Console(stderr=True, highlight=False))


def plan_rows(plan: "Plan") -> list[tuple[str, str]]:
    """Return the plan of a run as (name, value) rows."""
    return [
        *plan.facts,
        ("parameters", f"{plan.parameters:,}"),
        ("speed", f"{plan.per_second:,.0f} {plan.rate_unit}/s on {plan.device}, {plan.threads} threads"),
        ("training", f"{plan.steps:,} updates, {plan.epochs:.2f} epochs, about {clock(plan.expected_seconds)}"),
    ]


def report_line(report: "Report", unit: str) -> str:
    """Return a validation in one line."""
    best = "  best" if report.is_best else ""
    metrics = "".join(f"  {name} {small(value)}" for name, value in report.metrics.items())
    return (
        f"{clock(report.seconds):>8}  update {report.step:>7,}/{report.steps:,}  epoch {report.epoch:6.2f}"
        f"  train {small(report.train_loss)}  valid {small(report.valid_loss or 0.0)} {unit}{metrics}{best}"
    )


def small(number: float) -> str:
    """Return a loss with four decimals, a very small one with three digits."""
    return f"{number:.4f}" if not 0 < abs(number) < 0.01 else f"{number:.3g}"


def first_lines(text: str) -> list[str]:
    """Return the first lines of a sample, without empty ones at its beginning."""
    return text.strip("\n").split("\n")[:SAMPLE_LINES]


def clock(seconds: float) -> str:
    """Return seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
