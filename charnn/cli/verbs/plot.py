"""`charnn plot`: the losses of runs, and what a model gets right, in the terminal and as a picture."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.forecast import OPEN_SHARE
from charnn.cli.options import SectionedCommand, given
from charnn.cli.progress import small
from charnn.cli.showing import json_option, show_chart, show_json
from charnn.cli.streams import write
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line
from charnn.plots.files import PICTURES, check_place

if TYPE_CHECKING:
    from charnn.inspection.curves import Curves
    from charnn.plots.heatmap import Heatmap
    from charnn.tasks.verdicts import Verdicts

AXES = ("updates", "minutes", "epochs", "predictions")


@dataclass(frozen=True)
class Drawing:
    """A picture that is asked for: as JSON, as a chart or a heat map, and what the terminal says below it."""

    facts: dict[str, Any]
    picture: "Chart | Heatmap"
    table: list[list[str]] = field(default_factory=list)


@dataclass(frozen=True)
class Kind:
    """Something that can be drawn of runs."""

    help: str
    options: tuple[str, ...]
    """The options that have an effect on it."""
    draw: Callable[[tuple[str, ...], Mapping[str, Any]], Drawing]
    suffixes: tuple[str, ...] = PICTURES


def kind_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """An option for each kind but the losses."""
    for name, kind in reversed(KINDS.items()):
        if name != LOSSES:
            command = click.option(f"--{name}", is_flag=True, help=kind.help)(command)
    return command


def draw_losses(runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """Losses, or other metrics, over training."""
    from charnn.inspection.curves import LOSSES as BOTH
    from charnn.inspection.curves import check_metrics, read_curves

    runs = runs or (newest(),)
    curves, metrics, over = read_curves(runs), values["metric"] or BOTH, values["over"]
    check_metrics(curves, metrics)
    lines, series = [], []
    for run in curves:
        for metric in metrics:
            if metric not in run.metrics:
                click.echo(f"Note: {run.name} reported no {metric}.", err=True)
                continue
            x, y = run.series(metric, over)
            told = [word for word, many in ((run.name, len(curves)), (words(metric), len(metrics))) if many > 1]
            lines.append(Line(" ".join(told), x, y))
            plain = [value if math.isfinite(value) else None for value in y]
            series.append({"run": run.name, "metric": metric, "x": x, "y": plain})
    unit = f"{loss_unit(runs)}{', log scale' if values['log'] else ''}"
    label = f"loss ({unit})" if set(metrics) <= {*BOTH} else ", ".join(map(words, metrics))
    chart = Chart(losses_title(curves, metrics), over, label, lines, is_log_y=values["log"])
    return Drawing({"over": over, "series": series}, chart, [] if len(curves) == 1 else best_table(curves))


def loss_unit(runs: tuple[str, ...]) -> str:
    """What the losses of the runs are counted in."""
    from charnn.checkpoint.model import MODEL_FILE, read_header

    tasks = {read_header(Path(run) / MODEL_FILE).get("task") for run in runs}
    return "error in the network's scale" if tasks == {"forecaster"} else "nats per prediction"


def losses_title(curves: "list[Curves]", metrics: tuple[str, ...]) -> str:
    """What a chart of losses shows, and of a single run how good it got."""
    what = "Losses" if all(metric.endswith("_loss") for metric in metrics) else ", ".join(map(words, metrics)).capitalize()
    if len(curves) > 1:
        return f"{what} of {len(curves)} runs"
    best = curves[0].best
    said = "" if best is None else f": lowest on validation {small(best['valid_loss'])} at update {best.get('step', math.nan):,.0f}"
    return f"{what} of {curves[0].name}{said if what == 'Losses' else ''}"


def best_table(curves: "list[Curves]") -> list[list[str]]:
    """A row a run."""
    rows = [["run", "updates", "minutes", "best validation loss", "at update"]]
    for run in curves:
        last, best = run.reports[-1], run.best or {}
        step, seconds = (last.get(name, math.nan) for name in ("step", "seconds"))
        loss, at = (best.get(name, math.nan) for name in ("valid_loss", "step"))
        rows.append([run.name, f"{step:,.0f}", f"{seconds / 60:,.1f}", small(loss), f"{at:,.0f}"])
    return rows


def draw_confusion(runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """A row a true label, a column a found one."""
    from charnn.plots.heatmap import of_confusion

    name, found = answers(runs, values, "confusion")
    counts = found.confusion
    right = f"{counts.trace() / max(counts.sum(), 1):.1%} of {counts.sum():,} {found.what} found as what they are"
    title = f"Confusion of {name}: {right}"
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "labels": list(found.labels)}
    return Drawing(facts | {"confusion": counts.tolist()}, of_confusion(counts, found.labels, title))


def draw_calibration(runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """How often it is right when it is how sure."""
    from charnn.metrics.classification import BINS, calibration_bins, calibration_error

    name, found = answers(runs, values, "calibration")
    bins = calibration_bins(found.confidence, found.is_right)
    error = calibration_error(bins)
    edges = [wilson(round(one.accuracy * one.examples), one.examples) for one in bins]
    counts = [f"{one.examples:,}" for one in bins]
    x, y = [one.confidence for one in bins], [one.accuracy for one in bins]
    measured = Line("found, with 95 % interval", x, y, [low for low, _ in edges], [high for _, high in edges], notes=counts)
    title = f"Calibration of {name} on {len(found.truth):,} {found.what}: expected calibration error {error:.4f} ({BINS} bins)"
    lines = [Line("right as often as sure", [0, 1], [0, 1]), measured]
    chart = Chart(title, "probability of what was found", f"share of {found.what} that is right", lines)
    rows = [["sure", found.what, "right", "95 % interval"]]
    rows += [
        [f"{one.confidence:.1%}", count, f"{one.accuracy:.1%}", f"{low:.1%} to {high:.1%}"]
        for one, count, (low, high) in zip(bins, counts, edges, strict=True)
    ]
    facts = {"model": name, "data": list(values["data"]), found.what: len(found.truth), "ece": error}
    return Drawing(facts | {"bins": [one._asdict() for one in bins]}, chart, rows)


def draw_forecast(runs: tuple[str, ...], values: Mapping[str, Any]) -> Drawing:
    """A series and what is predicted of it."""
    from charnn.cli.forecast import forecast_drawing
    from charnn.cli.models import open_model

    if len(runs) > 1:
        raise SettingError("forecast", f"draws one run, got {len(runs)}; name the data with --data FILE")
    return Drawing(*forecast_drawing(open_model(runs[0] if runs else None, ["forecaster"]), values))


def answers(runs: tuple[str, ...], values: Mapping[str, Any], kind: str) -> "tuple[str, Verdicts]":
    """What the one run says of the data. Raises SettingError for several, or options of another task."""
    from charnn.cli.models import open_model
    from charnn.device import use_threads
    from charnn.tasks.verdicts import VERDICTS

    if len(runs) > 1:
        raise SettingError(kind, f"draws one run, got {len(runs)}; name the data with --data FILE")
    if not values["data"]:
        raise SettingError(kind, "needs data to ask the model about; give --data FILE")
    trained = open_model(runs[0] if runs else None, VERDICTS)
    named = [name for name in COLUMNS if values[name] is not None]
    for name in named:
        if trained.task not in COLUMNS[name]:
            raise SettingError(name, f"has no effect on a {trained.task}; leave it out")
    use_threads(None)
    return trained.name, VERDICTS[trained.task](trained, values["data"], **{name: values[name] for name in named})


def wilson(right: int, count: int) -> tuple[float, float]:
    """The 95 % interval of a share (Wilson 1927)."""
    z = 1.959964
    share, spread = right / count, z * z / count
    middle = (share + spread / 2) / (1 + spread)
    half = z / (1 + spread) * math.sqrt(share * (1 - share) / count + spread / (4 * count))
    return max(0.0, middle - half), min(1.0, middle + half)


def newest() -> str:
    """The folder of the newest run, saying which."""
    from charnn.checkpoint.model import newest_run
    from charnn.cli.models import RUNS
    from charnn.tasks.load import MODELS

    run = str(newest_run(RUNS, MODELS))
    click.echo(f"Using {run}, the newest run.", err=True)
    return run


def words(metric: str) -> str:
    """`train_loss` as a person says it."""
    return {"train_loss": "training", "valid_loss": "validation"}.get(metric, metric.replace("_", " "))


COLUMNS = {"text_column": ("classifier",), "label_column": ("classifier",), "tag_column": ("tagger",)}
"""Options that name columns of the data, and the tasks that have such."""

ASKED = ("data", *COLUMNS)

FORESEEN = ("data", "steps", "horizon", "interval")

LOSSES = "losses"

KINDS: dict[str, Kind] = {
    LOSSES: Kind("", ("metric", "over", "log"), draw_losses),
    "confusion": Kind("Draw what is found as what, on --data (classifier, tagger).", ASKED, draw_confusion, (*PICTURES, ".html")),
    "calibration": Kind("Draw how often it is right when it is how sure, on --data (classifier, tagger).", ASKED, draw_calibration),
    "forecast": Kind("Draw the last values as predicted, or the next --steps (forecaster).", FORESEEN, draw_forecast),
}
"""What can be drawn; the first unless another is asked for."""


@click.command(cls=SectionedCommand)
@click.argument("runs", nargs=-1, metavar="[RUN]...")
@click.option("--metric", multiple=True, help="Draw this of the reports in place of the losses, such as accuracy; several times.")
@click.option("--over", type=click.Choice(AXES), default=AXES[0], show_default=True, help="What the axis below counts.")
@click.option("--log", is_flag=True, help="A logarithmic scale for what is drawn.")
@kind_options
@click.option("--data", multiple=True, help="File to ask the model about, read as its training data were; several times.")
@click.option("--text-column", help="Column of the text, where it differs from the training data's (classifier).")
@click.option("--label-column", help="Column of the label, where it differs from the training data's (classifier).")
@click.option("--tag-column", help="Column of the tag, where it differs from the training data's (tagger).")
@click.option("--steps", type=click.IntRange(1, 1_000_000), help="Draw so many values to come (forecaster).")
@click.option("--horizon", type=click.IntRange(1, 1_000_000), help="Predict the last values so many steps ahead (forecaster).")
@click.option("--interval", type=OPEN_SHARE, help="With an interval for this share of the values (forecaster).")
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
    for name in given(ctx, [name for one in KINDS.values() for name in one.options if name not in kind.options]):
        raise SettingError(name, f"has no effect on {f'--{chosen[0]}' if chosen else 'the losses'}; leave it out")
    if to is not None:
        check_place(to, kind.suffixes, "to")
    drawing = kind.draw(runs, values)
    if as_json:
        show_json(drawing.facts)
    else:
        show(drawing)
    if to is not None:
        save(drawing.picture, to)


def show(drawing: Drawing) -> None:
    """A drawing in the terminal."""
    from charnn.cli.results import grid

    if isinstance(drawing.picture, Chart):
        show_chart(drawing.picture)
    else:
        from charnn.plots.heatmap_terminal import drawn_heatmap

        write(drawn_heatmap(drawing.picture) + "\n")
    if drawing.table:
        write("\n" + "".join(f"{line}\n" for line in grid(drawing.table)))


def save(picture: "Chart | Heatmap", path: Path) -> None:
    """A drawing as a file, and where it lies."""
    if isinstance(picture, Chart):
        from charnn.plots.picture import write_chart

        write_chart(path, picture, "to")
    else:
        from charnn.plots.heatmap_file import write_heatmap

        write_heatmap(path, picture, "to")
    click.echo(f"Wrote {path}.", err=True)
