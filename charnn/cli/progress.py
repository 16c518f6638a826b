"""How a run is shown while it goes: a live bar on a terminal, plain lines elsewhere, or JSON; all on standard error."""

import json
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING, Protocol

import click

if TYPE_CHECKING:
    from charnn.training.job import Plan
    from charnn.training.trainer import Report


SAMPLE_LINES = 4
"""Lines shown of a sample."""


class Display(Protocol):
    """Shows a plan, reports and samples."""

    talks: bool  # does it show anything at all?

    def begin(self, plan: "Plan") -> None:
        """Before the first update."""

    def report(self, report: "Report") -> None:
        """A sign of life, or a validation."""

    def sample(self, text: str) -> None:
        """A text written by the model as it stands."""

    def end(self) -> None:
        """After the last update, or when training stops early."""


class Quiet:
    """Shows nothing."""

    talks = False

    def begin(self, plan: "Plan") -> None:
        """Nothing."""

    def report(self, report: "Report") -> None:
        """Nothing."""

    def sample(self, text: str) -> None:
        """Nothing."""

    def end(self) -> None:
        """Nothing."""


class Plain(Quiet):
    """A line per validation, for logs and pipes."""

    talks = True

    def begin(self, plan: "Plan") -> None:
        """The plan, a line a fact."""
        self.unit = plan.loss_unit
        for name, value in plan_rows(plan):
            click.echo(f"{name:<12}{value}", err=True)

    def report(self, report: "Report") -> None:
        """A line for a validation, or for something one should know; nothing in between."""
        if report.note is not None:
            click.echo(f"Note: {report.note}.", err=True)
        if report.valid_loss is not None:
            click.echo(report_line(report, self.unit), err=True)

    def sample(self, text: str) -> None:
        """The text, set in."""
        click.echo("".join(f"    | {line}\n" for line in first_lines(text)), err=True, nl=False)


class Json(Quiet):
    """One JSON object per validation."""

    talks = True

    def report(self, report: "Report") -> None:
        """The report's fields; something one should know as an object of its own."""
        if report.note is not None:
            click.echo(json.dumps({"note": report.note, "step": report.step}), err=True)
        if report.valid_loss is not None:
            click.echo(json.dumps(report.facts()), err=True)

    def sample(self, text: str) -> None:
        """The text as a JSON object."""
        click.echo(json.dumps({"sample": text}), err=True)


class Live(Quiet):
    """A rich progress bar with the time left, the rate and the loss; a line per validation above it."""

    talks = True

    def __init__(self) -> None:
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn

        self.console = Console(stderr=True, highlight=False)
        self.bar = Progress(
            TextColumn("training"),
            BarColumn(),
            TextColumn("{task.percentage:>3.0f}%  {task.fields[rate]}  loss {task.fields[loss]} "),
            TimeElapsedColumn(),
            TextColumn("of"),
            TimeRemainingColumn(elapsed_when_finished=True),
            TextColumn("left"),
            console=self.console,
        )

    def begin(self, plan: "Plan") -> None:
        """The plan as a table, then the bar."""
        from rich.table import Table

        table = Table.grid(padding=(0, 2))
        for name, value in plan_rows(plan):
            table.add_row(f"[bold]{name}[/]", value)
        self.console.print(table)
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


DISPLAYS: dict[str, Callable[[], Display]] = {"bar": Live, "plain": Plain, "json": Json, "none": Quiet}


def choose_display(name: str, quiet: bool) -> Display:
    """The display of a --progress choice; `auto` is a bar on a terminal and plain lines elsewhere."""
    if quiet:
        return Quiet()
    if name == "auto":
        name = "bar" if sys.stderr.isatty() else "plain"
    return DISPLAYS[name]()


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
