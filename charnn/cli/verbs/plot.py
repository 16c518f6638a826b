"""`charnn plot`: the losses of runs, and the results of a model, in the terminal and as a picture."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import limit_threads, newest, open_model
from charnn.cli.options import SectionedCommand, given, option_names, refuse, task_options, together
from charnn.cli.process import say
from charnn.cli.progress import small
from charnn.cli.showing import check_plot, json_option, save_picture, show
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line
from charnn.plots.letters import grid
from charnn.plots.picture import PICTURES
from charnn.tasks.registry import TASKS, able

if TYPE_CHECKING:
    from charnn.inspection.curves import Curves
    from charnn.plots.heatmap import Heatmap
    from charnn.tasks.views import Predictions

OPEN = click.FloatRange(0, 1, min_open=True, max_open=True)
IN_WORDS = {"train_loss": "training", "valid_loss": "validation"}  # The losses, which are the default metrics
AXES = ("updates", "minutes", "epochs", "predictions")
COLUMNS = option_names([TASKS[name].reading for name in able("predictions")])  # Options that name columns of the data


@dataclass(frozen=True)
class Drawing:
    """A picture as JSON, as a chart or a heat map, and the table below it in a terminal."""

    facts: dict[str, Any]
    picture: "Chart | Heatmap"
    table: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """A kind of picture of runs."""

    help: str
    options: tuple[str, ...]  # Options with an effect on it
    draw: Callable[[click.Context, tuple[str, ...], Mapping[str, Any]], Drawing]
    suffixes: tuple[str, ...] = PICTURES


def draw_losses(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Draw losses, or other metrics, over training."""
    from charnn.inspection.curves import check_metrics, read_curves

    runs = runs or (newest(TASKS),)
    curves, metrics, over = read_curves(runs), values["metric"] or tuple(IN_WORDS), values["over"]
    check_metrics(curves, metrics)
    lines, series = [], []
    for run in curves:
        for metric in metrics:
            if metric not in run.metrics:
                say(f"Note: {run.name} reported no {metric}.")
                continue
            x, y = run.series(metric, over)
            names = [word for word, many in ((run.name, len(curves)), (words(metric), len(metrics))) if many > 1]
            lines.append(Line(" ".join(names), x, y))
            plain = [value if math.isfinite(value) else None for value in y]
            series.append({"run": run.name, "metric": metric, "x": x, "y": plain})
    unit = f"{loss_unit(runs)}{', log scale' if values['log'] else ''}"
    label = f"loss ({unit})" if set(metrics) <= IN_WORDS.keys() else ", ".join(map(words, metrics))
    chart = Chart(losses_title(curves, metrics), over, label, lines, is_log_y=values["log"])
    return Drawing({"over": over, "series": series}, chart, [] if len(curves) == 1 else best_table(curves))


def loss_unit(runs: tuple[str, ...]) -> str:
    """Return the unit of the losses of the runs."""
    from charnn.checkpoint.model import MODEL_FILE, read_header

    tasks = {read_header(Path(run) / MODEL_FILE).get("task") for run in runs}
    return "error in the network's scale" if tasks <= {*able("forecast")} else "nats per prediction"


def losses_title(curves: "list[Curves]", metrics: tuple[str, ...]) -> str:
    """Return the title of a chart of losses, with the lowest loss of a single run."""
    what = "Losses" if all(metric.endswith("_loss") for metric in metrics) else ", ".join(map(words, metrics)).capitalize()
    if len(curves) > 1:
        return f"{what} of {len(curves)} runs"
    best = curves[0].best
    lowest = "" if best is None else f": lowest on validation {small(best['valid_loss'])} at update {best.get('step', math.nan):,.0f}"
    return f"{what} of {curves[0].name}{lowest if what == 'Losses' else ''}"


def best_table(curves: "list[Curves]") -> list[list[str]]:
    """Return a table with a row for each run."""
    rows = [["run", "updates", "minutes", "best validation loss", "at update"]]
    for run in curves:
        last, best = run.reports[-1], run.best or {}
        step, seconds = (last.get(name, math.nan) for name in ("step", "seconds"))
        loss, at = (best.get(name, math.nan) for name in ("valid_loss", "step"))
        rows.append([run.name, f"{step:,.0f}", f"{seconds / 60:,.1f}", small(loss), f"{at:,.0f}"])
    return rows


def draw_confusion(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Draw a confusion matrix: a row for each true label, a column for each predicted one."""
    from charnn.plots.heatmap import of_confusion

    name, found = answers(ctx, runs, values, "confusion")
    counts = found.confusion
    right = f"{counts.trace() / max(counts.sum(), 1):.1%} of {counts.sum():,} {found.what} found as what they are"
    title = f"Confusion of {name}: {right}"
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "labels": list(found.labels)}
    return Drawing(facts | {"confusion": counts.tolist()}, of_confusion(counts, found.labels, title))


def draw_calibration(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Draw the accuracy at each confidence."""
    from charnn.metrics.classification import BINS, calibration_bins, calibration_error, wilson_interval

    name, found = answers(ctx, runs, values, "calibration")
    bins = calibration_bins(found.confidence, found.is_right)
    error = calibration_error(found.confidence, found.is_right)
    edges = [wilson_interval(round(one.accuracy * one.examples), one.examples) for one in bins]
    counts = [f"{one.examples:,}" for one in bins]
    x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
    measured = Line("found, with 95 % interval", x, y, [low for low, _ in edges], [high for _, high in edges], notes=counts)
    title = f"Calibration of {name} on {len(found.truth):,} {found.what}: expected calibration error {error:.4f} ({BINS} bins)"
    lines = [Line("right as often as sure", [0, 1], [0, 1]), measured]
    chart = Chart(title, "probability of what was found", f"fraction of {found.what} that is right", lines)
    rows = [["sure", found.what, "right", "95 % interval"]]
    for one, count, (low, high) in zip(bins, counts, edges, strict=True):
        rows.append([f"{one.confidence:.1%}", count, f"{one.accuracy:.1%}", f"{low:.1%} to {high:.1%}"])
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "ece": error}
    return Drawing(facts | {"bins": [one._asdict() for one in bins]}, chart, rows)


def draw_forecast(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Draw a series and its forecast."""
    trained = opened(runs, "forecast", "forecast")
    return Drawing(*TASKS[trained.task].part("commands").drawing(trained, values))


def answers(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any], kind: str) -> "tuple[str, Predictions]":
    """Return the name of the run and its predictions for the data; raise SettingError for several runs or options of another task."""
    if len(runs) < 2 and not values["data"]:
        raise SettingError(kind, "needs data to predict; give --data FILE")
    trained = opened(runs, kind, "predictions")
    known = option_names([TASKS[trained.task].reading])
    refuse(ctx, [name for name in COLUMNS if name not in known], f"has no effect on a {trained.task}; leave it out")
    limit_threads(None)
    return trained.name, trained.predictions(values["data"], **{name: values[name] for name in given(ctx, COLUMNS)})


def opened(runs: tuple[str, ...], kind: str, ability: str) -> Any:
    """Return the model of the only run, by default of the newest run of a task with the ability; raise SettingError for several."""
    if len(runs) > 1:
        raise SettingError(kind, f"draws one run, got {len(runs)}; name the data with --data FILE")
    return open_model(runs[0] if runs else None, able(ability))


def words(metric: str) -> str:
    """Return a metric in words: `training` for `train_loss`."""
    return IN_WORDS.get(metric, metric.replace("_", " "))


LOSSES, ASKED, FORESEEN = "losses", ("data", *COLUMNS), ("data", "steps", "horizon", "interval")  # The default kind; options

KINDS: dict[str, Kind] = {
    LOSSES: Kind("", ("metric", "over", "log"), draw_losses),
    "confusion": Kind("Draw true against predicted labels, on --data (classifier, tagger).", ASKED, draw_confusion, (*PICTURES, ".html")),
    "calibration": Kind("Draw accuracy against confidence, on --data (classifier, tagger).", ASKED, draw_calibration),
    "forecast": Kind("Draw the last values as predicted, or the next --steps (forecaster).", FORESEEN, draw_forecast),
}
kind_options = together([click.option(f"--{name}", is_flag=True, help=one.help) for name, one in KINDS.items() if one.help])


@click.command(cls=SectionedCommand)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--metric", multiple=True, help="Metric to draw instead of the losses, such as accuracy; several times.")
@click.option("--over", type=click.Choice(AXES), default=AXES[0], show_default=True, help="Unit of the horizontal axis.")
@click.option("--log", is_flag=True, help="Logarithmic vertical axis.")
@kind_options
@click.option("--data", multiple=True, help="File to predict, read as the training data were; several times.")
@task_options({name: [TASKS[name].reading] for name in able("predictions")})
@click.option("--steps", type=click.IntRange(1, 1_000_000), help="Future values to draw (forecaster).")
@click.option("--horizon", type=click.IntRange(1, 1_000_000), help="Steps ahead for which the last values are predicted (forecaster).")
@click.option("--interval", type=OPEN, help="Draw an interval for this fraction of the values (forecaster).")
@click.option("--to", "--plot", "to", type=click.Path(path_type=Path), help="Also draw it into this file: .png, .svg; --confusion .html.")
@json_option
@click.pass_context
def plot(ctx: click.Context, /, runs: tuple[str, ...], to: Path | None, as_json: bool, **values: Any) -> None:
    """Draw the losses of runs, or the results of a model.

    RUN: run folders, by default the newest; several are drawn into one picture, even while they train. Losses are from
    metrics.jsonl, a point per validation, in nats per prediction.
    """
    chosen = [name for name in KINDS if values.get(name)]
    if len(chosen) > 1:
        raise SettingError(chosen[1], f"cannot be combined with --{chosen[0]}; draw one after the other")
    kind = KINDS[chosen[0] if chosen else LOSSES]
    idle = [name for one in KINDS.values() for name in one.options if name not in kind.options]
    refuse(ctx, idle, f"has no effect on {f'--{chosen[0]}' if chosen else 'the losses'}; leave it out")
    check_plot(to, kind.suffixes, "to")
    drawing = kind.draw(ctx, runs, values)
    show(drawing.facts, drawing.picture, as_json, lines=["", *grid(drawing.table)] if drawing.table else [])
    save_picture(drawing.picture, to, "to")
