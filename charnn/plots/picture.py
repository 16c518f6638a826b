"""A chart as a .png or .svg file."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from charnn.plots.chart import Axis, Chart, Line, has_place, tick_label
from charnn.plots.files import write_picture
from charnn.plots.letters import folded, one_line

SIZE = (8.0, 4.5)
"""Inches of what is inside the axes."""

TITLE, NAME = 95, 40
"""Letters of a line of the title, and of a name in the key."""

COLOURS = ("#1f77b4", "#e07b00", "#2a9d3a", "#d6278a", "#7b5fd0", "#9a8a00", "#00a0a8", "#d62728")
STROKES = ("-", "--", ":", "-.")
"""What tells lines apart: first their colours, then how they are drawn."""


def write_chart(path: Path, chart: Chart, option: str = "plot") -> None:
    """Draws a chart into a file. Raises SettingError, StorageError as `write_picture` does."""
    write_picture(path, lambda figure: _fill(figure, chart), SIZE, option)


def _fill(figure: Any, chart: Chart) -> None:
    axes = figure.add_axes((0, 0, 1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    _set_axis(axes.xaxis, axes.set_xlim, chart.x)
    _set_axis(axes.yaxis, axes.set_ylim, chart.y)
    drawn = [_draw(axes, line, number) for number, line in enumerate(chart.lines)]
    letters = {"parse_math": False}
    axes.set_xlabel(one_line(chart.x_label), **letters)
    axes.set_ylabel(one_line(chart.y_label), **letters)
    axes.set_title("\n".join(folded(one_line(chart.title), TITLE)), loc="left", fontsize=12, **letters)
    _add_key(axes, [(one_line(line.name), artist) for line, artist in zip(chart.lines, drawn, strict=True) if line.name])


def _add_key(axes: Any, lines: list[tuple[str, Any]]) -> None:
    """The names of the lines, to the right of all."""
    if not lines:
        return
    # Set afterwards: of a name that begins with an underscore matplotlib takes no notice.
    signs, names = [artist for _, artist in lines], [str(number) for number in range(len(lines))]
    key = axes.legend(signs, names, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for text, (name, _) in zip(key.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        text.set_text("\n".join(folded(name, NAME)))


def _draw(axes: Any, line: Line, number: int) -> Any:
    shade, points = number if line.colour is None else line.colour, list(line.points())
    colour, stroke = COLOURS[shade % len(COLOURS)], (shade // len(COLOURS) + line.is_dashed) % len(STROKES)
    style: dict[str, Any] = {"linewidth": 1.5, "linestyle": STROKES[stroke]}
    if len(points) == 1:
        style["marker"] = "."
    if not line.is_joined:
        style = {"linestyle": "none", "marker": ".", "markersize": 4}
    (artist,) = axes.plot([x for x, _ in points], [y for _, y in points], color=colour, **style)
    for x, y, note in zip(line.x, line.y, line.notes or (), strict=False):
        if has_place(x) and has_place(y):
            place: dict[str, Any] = {"xytext": (0, 5), "textcoords": "offset points", "ha": "center", "fontsize": 8, "color": colour}
            axes.annotate(one_line(note), (x, y), parse_math=False, **place)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)
    return artist


def _set_axis(axis: Any, set_limits: Callable[[float, float], Any], place: Axis) -> None:
    """Scale, limits with a little room behind them, and ticks."""
    room = 0.02 * (place.most - place.least)
    first, last = place.least - room, place.most + room
    if place.is_log:
        # What is not above 0 has no place: else it would be drawn far below.
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log", nonpositive="mask")
        stretch = (place.most / place.least) ** 0.02
        first, last = place.least / stretch, place.most * stretch
    set_limits(first, last)
    ticks = place.ticks()
    axis.set_ticks(ticks, [tick_label(tick, place) for tick in ticks])
    axis.set_ticks([], minor=True)
