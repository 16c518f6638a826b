"""A chart as a .png or .svg file."""

from pathlib import Path
from typing import Any

from charnn.plots.chart import Axis, Chart, Line, tick_label
from charnn.plots.files import write_picture

SIZE = (8.0, 4.5)
"""Inches of what is inside the axes."""

COLOURS = ("#1f77b4", "#e07b00", "#2a9d3a", "#d6278a", "#7b5fd0", "#9a8a00", "#00a0a8", "#d62728")


def write_chart(path: Path, chart: Chart, option: str = "plot") -> None:
    """Draws a chart into a file. Raises SettingError, StorageError as `write_picture` does."""
    write_picture(path, lambda figure: _fill(figure, chart), SIZE, option)


def _fill(figure: Any, chart: Chart) -> None:
    axes = figure.add_axes((0, 0, 1, 1))
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="0.9", linewidth=0.6)
    axes.set_axisbelow(True)
    for number, line in enumerate(chart.lines):
        _draw(axes, line, COLOURS[number % len(COLOURS)])
    for axis, place, is_log in ((axes.xaxis, chart.x, chart.is_log_x), (axes.yaxis, chart.y, chart.is_log_y)):
        _set_ticks(axis, place, is_log)
    letters = {"parse_math": False}
    axes.set_xlabel(chart.x_label, **letters)
    axes.set_ylabel(chart.y_label, **letters)
    axes.set_title(chart.title, loc="left", fontsize=12, **letters)
    if any(line.name for line in chart.lines):
        legend = axes.legend(frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
        for text in legend.get_texts():
            text.set_parse_math(False)


def _draw(axes: Any, line: Line, colour: str) -> None:
    points = list(line.points())
    style = {"linewidth": 1.5} if line.is_joined else {"linestyle": "none", "marker": ".", "markersize": 4}
    axes.plot([x for x, _ in points], [y for _, y in points], color=colour, label=line.name, **style)
    if line.low is not None and line.high is not None:
        axes.fill_between(line.x, line.low, line.high, color=colour, alpha=0.18, linewidth=0)


def _set_ticks(axis: Any, place: Axis, is_log: bool) -> None:
    if is_log:
        axis.axes.set(**{f"{axis.axis_name}scale": "log"})
    ticks = place.ticks()
    axis.set_ticks(ticks, [tick_label(tick, place) for tick in ticks])
    axis.set_ticks([], minor=True)
