"""`charnn plot`: the losses of runs, and what a model gets right, in the terminal and as a picture."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.models import limit_threads, newest, open_model
from charnn.cli.options import SectionedCommand, given, option_names, refuse, task_options, together
from charnn.cli.process import say, write_lines
from charnn.cli.progress import small
from charnn.cli.showing import check_plot, json_option, save_picture, show_json, show_picture
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line
from charnn.plots.letters import grid
from charnn.plots.picture import PICTURES
from charnn.tasks.registry import TASKS, able

if TYPE_CHECKING:
    from charnn.inspection.curves import Curves
    from charnn.plots.heatmap import Heatmap
    from charnn.tasks.views import Verdicts

OPEN = click.FloatRange(0, 1, min_open=True, max_open=True)

IN_WORDS = {"train_loss": "training", "valid_loss": "validation"}  # The losses, which are drawn unless other metrics are asked for

AXES = ("updates", "minutes", "epochs", "predictions")


@dataclass(frozen=True)
class Drawing:
    """A picture as JSON, as a chart or a heat map, and the table below it in a terminal."""

    facts: dict[str, Any]
    picture: "Chart | Heatmap"
    table: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """Something that can be drawn of runs."""

    help: str
    options: tuple[str, ...]  # The options that have an effect on it
    draw: Callable[[click.Context, tuple[str, ...], Mapping[str, Any]], Drawing]
    suffixes: tuple[str, ...] = PICTURES


def draw_losses(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Losses, or other metrics, over training."""
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
            told = [word for word, many in ((run.name, len(curves)), (words(metric), len(metrics))) if many > 1]
            lines.append(Line(" ".join(told), x, y))
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
    """Return the title of a chart of losses, for a single run with its lowest loss."""
    what = "Losses" if all(metric.endswith("_loss") for metric in metrics) else ", ".join(map(words, metrics)).capitalize()
    if len(curves) > 1:
        return f"{what} of {len(curves)} runs"
    best = curves[0].best
    said = "" if best is None else f": lowest on validation {small(best['valid_loss'])} at update {best.get('step', math.nan):,.0f}"
    return f"{what} of {curves[0].name}{said if what == 'Losses' else ''}"


def best_table(curves: "list[Curves]") -> list[list[str]]:
    """Return a table with a row a run."""
    rows = [["run", "updates", "minutes", "best validation loss", "at update"]]
    for run in curves:
        last, best = run.reports[-1], run.best or {}
        step, seconds = (last.get(name, math.nan) for name in ("step", "seconds"))
        loss, at = (best.get(name, math.nan) for name in ("valid_loss", "step"))
        rows.append([run.name, f"{step:,.0f}", f"{seconds / 60:,.1f}", small(loss), f"{at:,.0f}"])
    return rows


def draw_confusion(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """A row a true label, a column a found one."""
    from charnn.plots.heatmap import of_confusion

    name, found = answers(ctx, runs, values, "confusion")
    counts = found.confusion
    right = f"{counts.trace() / max(counts.sum(), 1):.1%} of {counts.sum():,} {found.what} found as what they are"
    title = f"Confusion of {name}: {right}"
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "labels": list(found.labels)}
    return Drawing(facts | {"confusion": counts.tolist()}, of_confusion(counts, found.labels, title))


def draw_calibration(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """How often it is right when it is how sure."""
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
    chart = Chart(title, "probability of what was found", f"share of {found.what} that is right", lines)
    rows = [["sure", found.what, "right", "95 % interval"]]
    for one, count, (low, high) in zip(bins, counts, edges, strict=True):
        rows.append([f"{one.confidence:.1%}", count, f"{one.accuracy:.1%}", f"{low:.1%} to {high:.1%}"])
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "ece": error}
    return Drawing(facts | {"bins": [one._asdict() for one in bins]}, chart, rows)


def draw_forecast(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """A series and what is predicted of it."""
    trained = opened(runs, "forecast", "forecast")
    return Drawing(*TASKS[trained.task].part("commands").drawing(trained, values))


def answers(ctx: click.Context, runs: tuple[str, ...], values: Mapping[str, Any], kind: str) -> "tuple[str, Verdicts]":
    """Return what the one run answers for the data; raise SettingError for several runs, or options of another task."""
    if len(runs) < 2 and not values["data"]:
        raise SettingError(kind, "needs data to ask the model about; give --data FILE")
    trained = opened(runs, kind, "verdicts")
    known = option_names([TASKS[trained.task].reading])
    refuse(ctx, [name for name in COLUMNS if name not in known], f"has no effect on a {trained.task}; leave it out")
    limit_threads(None)
    return trained.name, trained.verdicts(values["data"], **{name: values[name] for name in given(ctx, COLUMNS)})


def opened(runs: tuple[str, ...], kind: str, ability: str) -> Any:
    """Return the model of the one run, or of the newest one of an able task; raise SettingError for several."""
    if len(runs) > 1:
        raise SettingError(kind, f"draws one run, got {len(runs)}; name the data with --data FILE")
    return open_model(runs[0] if runs else None, able(ability))


def words(metric: str) -> str:
    """Return a metric in words: `training` for `train_loss`."""
    return IN_WORDS.get(metric, metric.replace("_", " "))


COLUMNS = option_names([TASKS[name].reading for name in able("verdicts")])  # Options that name columns of the data

LOSSES, ASKED, FORESEEN = "losses", ("data", *COLUMNS), ("data", "steps", "horizon", "interval")
"""The kind that is drawn by default, and options of the others."""

KINDS: dict[str, Kind] = {
    LOSSES: Kind("", ("metric", "over", "log"), draw_losses),
    "confusion": Kind("Draw what is found as what, on --data (classifier, tagger).", ASKED, draw_confusion, (*PICTURES, ".html")),
    "calibration": Kind("Draw how often it is right when it is how sure, on --data (classifier, tagger).", ASKED, draw_calibration),
    "forecast": Kind("Draw the last values as predicted, or the next --steps (forecaster).", FORESEEN, draw_forecast),
}
"""What can be drawn; the first unless another is asked for."""

kind_options = together([click.option(f"--{name}", is_flag=True, help=one.help) for name, one in KINDS.items() if one.help])


@click.command(cls=SectionedCommand)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--metric", multiple=True, help="Draw this of the reports in place of the losses, such as accuracy; several times.")
@click.option("--over", type=click.Choice(AXES), default=AXES[0], show_default=True, help="What the axis below counts.")
@click.option("--log", is_flag=True, help="A logarithmic scale for what is drawn.")
@kind_options
@click.option("--data", multiple=True, help="File to ask the model about, read as its training data were; several times.")
@task_options({name: [TASKS[name].reading] for name in able("verdicts")})
@click.option("--steps", type=click.IntRange(1, 1_000_000), help="Draw so many values to come (forecaster).")
@click.option("--horizon", type=click.IntRange(1, 1_000_000), help="Predict the last values so many steps ahead (forecaster).")
@click.option("--interval", type=OPEN, help="With an interval for this share of the values (forecaster).")
@click.option(
    "--to", "--plot", "to", type=click.Path(path_type=Path), help="Draw it into this file as well: .png, .svg; --confusion .html too."
)
@json_option
@click.pass_context
def plot(ctx: click.Context, /, runs: tuple[str, ...], to: Path | None, as_json: bool, **values: Any) -> None:
    """Draw the losses of runs, or what a model gets right.

    RUN: run folders, by default the newest; several are drawn into one picture, also while they train. Losses come from
    metrics.jsonl, a point a validation, in nats per prediction. JSON keys: over, series: [{run, metric, x, y}]; of --confusion
    model, data, texts or tokens (their count), labels, confusion (rows are the true labels); of --calibration model, data, texts
    or tokens, ece (expected calibration error, 15 bins), bins: [{least, most, examples, confidence, accuracy}]; of --forecast
    model, targets, lines: [{name, x, y}].
    """
    chosen = [name for name in KINDS if values.get(name)]
    if len(chosen) > 1:
        raise SettingError(chosen[1], f"cannot be combined with --{chosen[0]}; draw one after the other")
    kind = KINDS[chosen[0] if chosen else LOSSES]
    idle = [name for one in KINDS.values() for name in one.options if name not in kind.options]
    refuse(ctx, idle, f"has no effect on {f'--{chosen[0]}' if chosen else 'the losses'}; leave it out")
    check_plot(to, kind.suffixes, "to")
    drawing = kind.draw(ctx, runs, values)
    if as_json:
        show_json(drawing.facts)
    else:
        show_picture(drawing.picture)
        write_lines(["", *grid(drawing.table)] if drawing.table else [])
    save_picture(drawing.picture, to, "to")
