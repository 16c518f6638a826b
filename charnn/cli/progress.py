"""How a run is shown while it goes: a live bar on a terminal, plain lines elsewhere, or JSON; all on standard error."""

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
    """Shows a plan, reports and samples; this one shows nothing."""

    talks = False

    def begin(self, plan: "Plan") -> None:
        """Show what a run is about to do."""

    def report(self, report: "Report") -> None:
        """Show a sign of life, or a validation."""

    def sample(self, text: str) -> None:
        """Show a text written by the current model."""

    def end(self) -> None:
        """Show that the last update is over, or that training stops early."""


class Plain(Display):
    """A line per validation, for logs and pipes."""

    talks = True

    def begin(self, plan: "Plan") -> None:
        """The plan, a line a fact."""
        self.unit = plan.loss_unit
        for name, value in plan_rows(plan):
            say(f"{name:<12}{value}")

    def report(self, report: "Report") -> None:
        """A line for a validation, or for something one should know; nothing in between."""
        if report.note is not None:
            say(f"Note: {report.note}.")
        if report.valid_loss is not None:
            say(report_line(report, self.unit))

    def sample(self, text: str) -> None:
        """The text, set in."""
        for line in first_lines(text):
            say(f"    | {line}")


class Json(Display):
    """One JSON object per validation."""

    talks = True

    def report(self, report: "Report") -> None:
        """The report's fields; something one should know as an object of its own."""
        if report.note is not None:
            say(json.dumps({"note": report.note, "step": report.step}))
        if report.valid_loss is not None:
            say(json.dumps(report.facts()))

    def sample(self, text: str) -> None:
        """The text as a JSON object."""
        say(json.dumps({"sample": text}))


class Live(Display):
    """A rich progress bar with the time left, the rate and the loss; a line per validation above it."""

    talks = True

    def __init__(self) -> None:
        self.bar = progress_bar("training", "{task.fields[rate]}  loss {task.fields[loss]}", "of")

    def begin(self, plan: "Plan") -> None:
        """The plan as a table, then the bar."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for name, value in plan_rows(plan):
            table.add_row(f"[bold]{name}[/]", value)
        self.bar.console.print(table)
        self.plan = plan
        self.task = self.bar.add_task("training", total=plan.steps, rate="", loss="-")
        self.bar.start()

    def report(self, report: "Report") -> None:
        """Moves the bar; a validation leaves a line."""
        rate = self.plan.rate * report.predictions / max(report.seconds, 1e-9)
        self.bar.update(self.task, completed=report.step, rate=f"{rate:,.0f} {self.plan.rate_unit}/s", loss=f"{report.train_loss:.3f}")
        if report.note is not None:
            self.bar.console.print(f"Note: {report.note}.", markup=False)
        if report.valid_loss is not None:
            self.bar.console.print(report_line(report, self.plan.loss_unit), markup=False)

    def sample(self, text: str) -> None:
        """The text, set in and dim."""
        self.bar.console.print("".join(f"    │ {line}\n" for line in first_lines(text)), style="dim", markup=False, end="")

    def end(self) -> None:
        """Takes the bar away."""
        self.bar.stop()


DISPLAYS: dict[str, Callable[[], Display]] = {"bar": Live, "plain": Plain, "json": Json, "none": Display}


def choose_display(name: str, quiet: bool) -> Display:
    """The display of a --progress choice; `auto` is a bar on a terminal and plain lines elsewhere."""
    if quiet:
        return Display()
    if name == "auto":
        name = "bar" if sys.stderr.isatty() else "plain"
    return DISPLAYS[name]()


def progress_bar(what: str, numbers: str, between: str) -> "Progress":
    """Return a rich bar on standard error: what goes on, how much of it, the numbers, the time taken and left with a word between."""
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

    percentage = TextColumn("{task.percentage:>3.0f}%  " + numbers + " ")
    times = TimeElapsedColumn(), TextColumn(between), TimeRemainingColumn(elapsed_when_finished=True), TextColumn("left")
    return Progress(TextColumn(what), BarColumn(), percentage, *times, console=Console(stderr=True, highlight=False))


def plan_rows(plan: "Plan") -> list[tuple[str, str]]:
    """What a run is about to do, as names and values."""
    return [
        *plan.facts,
        ("parameters", f"{plan.parameters:,}"),
        ("speed", f"{plan.per_second:,.0f} {plan.rate_unit}/s on {plan.device}, {plan.threads} threads"),
        ("training", f"{plan.steps:,} updates, {plan.epochs:.2f} epochs, about {clock(plan.expected_seconds)}"),
    ]


def report_line(report: "Report", unit: str) -> str:
    """A validation in one line."""
    best = "  best" if report.is_best else ""
    metrics = "".join(f"  {name} {small(value)}" for name, value in report.metrics.items())
    return (
        f"{clock(report.seconds):>8}  update {report.step:>7,}/{report.steps:,}  epoch {report.epoch:6.2f}"
        f"  train {small(report.train_loss)}  valid {small(report.valid_loss or 0.0)} {unit}{metrics}{best}"
    )


def small(number: float) -> str:
    """A loss with four decimals, or with three digits where those would be none."""
    return f"{number:.4f}" if not 0 < abs(number) < 0.01 else f"{number:.3g}"


def first_lines(text: str) -> list[str]:
    """The first lines of a sample, without empty ones at its start."""
    return text.strip("\n").split("\n")[:SAMPLE_LINES]


def clock(seconds: float) -> str:
    """Seconds as h:mm:ss or m:ss."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"
