"""Pictures in files, drawn by matplotlib: where they can be written, their fonts, and charts."""

import io
import os
import textwrap
import warnings
from collections.abc import Callable, Collection
from functools import cache
from importlib.resources import files
from pathlib import Path
from string import Template
from typing import Any

from charnn.errors import SettingError, StorageError
from charnn.files import write_whole
from charnn.plots.chart import Axis, Chart, Line, has_place, tick_label
from charnn.plots.letters import one_line

FONTS = (
    *("DejaVu Sans", "Noto Sans", "Noto Sans CJK SC", "Noto Sans CJK JP", "WenQuanYi Zen Hei", "PingFang SC", "Hiragino Sans"),
    *("Microsoft YaHei", "Yu Gothic", "Malgun Gothic", "Arial Unicode MS", "Noto Emoji", "Segoe UI Emoji"),
)
"""Fonts to use, as far as they are installed: matplotlib's own has no Chinese and few emoji."""
PICTURES = (".png", ".svg")
SIZE = (8.0, 4.5)  # Inches within the axes
TITLE, NAME = 95, 40  # Letters of a line of the title, and of a name in the key
COLOURS = ("#1f77b4", "#e07b00", "#2a9d3a", "#d6278a", "#7b5fd0", "#9a8a00", "#00a0a8", "#d62728")
STROKES = ("-", "--", ":", "-.")  # Strokes of lines of the same colour


def write_chart(path: Path, chart: Chart, option: str = "plot") -> None:
    """Draw a chart into a .png or .svg file. Raises SettingError for another suffix or without matplotlib, StorageError."""
    check_place(path, PICTURES, option)
    write_whole(path, picture(lambda figure: _fill(figure, chart), SIZE, path.suffix.lower()[1:], option))


def check_place(path: Path, suffixes: Collection[str], option: str) -> None:
    """Raise SettingError for another suffix, StorageError for an impossible place, before anything long is computed."""
    if path.suffix.lower() not in suffixes:
        raise SettingError(option, f"must end in {listed(suffixes)}, got {path}")
    if not path.parent.is_dir():
        raise StorageError(f"{path} cannot be written: there is no folder {path.parent}; make it, or name another file")
    if path.is_dir():
        raise StorageError(f"{path} cannot be written: it is a folder; name a file in it")
    if not os.access(path.parent, os.W_OK):
        raise StorageError(f"{path} cannot be written: you have no permission to write to {path.parent}; name another file")


def picture(fill: Callable[[Any], None], size: tuple[float, float], kind: str, option: str, instead: str = "") -> bytes:
    """Return the bytes of a picture of this kind; instead: what to do where matplotlib is missing, besides installing it."""
    try:
        from matplotlib import font_manager  # first: the package itself is what may be missing
        from matplotlib.figure import Figure
    except ImportError:
        raise SettingError(option, f"needs matplotlib; install charnn[plot]{instead}") from None
    from matplotlib import rc_context

    installed = set(font_manager.get_font_names())
    file = io.BytesIO()
    # A letter that no font has is drawn as a box, which needs no warning. Not by pyplot, which would choose a display for the process.
    with rc_context({"font.family": [font for font in FONTS if font in installed]}), warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from font")
        figure = Figure(figsize=size)
        fill(figure)
        figure.savefig(file, format=kind, dpi=150, bbox_inches="tight", pad_inches=0.15, facecolor="white")
    return file.getvalue()


@cache
def page_template(name: str) -> Template:
    """Return the HTML template of this name."""
    return Template(files("charnn.plots").joinpath(f"{name}.html").read_text(encoding="utf-8"))


def listed(names: Collection[str]) -> str:
    """Return names as a phrase: `.png, .svg or .html`."""
    *first, last = names
    return f"{', '.join(first)} or {last}" if first else last


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
    axes.set_title(textwrap.fill(one_line(chart.title), TITLE), loc="left", fontsize=12, **letters)
    _add_key(axes, [(one_line(line.name), artist) for line, artist in zip(chart.lines, drawn, strict=True) if line.name])


def _add_key(axes: Any, lines: list[tuple[str, Any]]) -> None:
    """Add the names of the lines, to the right of the axes."""
    if not lines:
        return
    # Names are set afterwards, since matplotlib ignores those that begin with an underscore.
    artists, numbers = [artist for _, artist in lines], [str(number) for number in range(len(lines))]
    key = axes.legend(artists, numbers, frameon=False, loc="upper left", bbox_to_anchor=(1.0, 1.0))
    for text, (name, _) in zip(key.get_texts(), lines, strict=True):
        text.set_parse_math(False)
        text.set_text(textwrap.fill(name, NAME))


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
    """Set scale, limits with a little room beyond them, and ticks."""
    room = 0.02 * (place.most - place.least)
    first, last = place.least - room, place.most + room
    if place.is_log:
        # Masked, since matplotlib would draw numbers up to 0 far below.
        getattr(axis.axes, f"set_{axis.axis_name}scale")("log", nonpositive="mask")
        stretch = (place.most / place.least) ** 0.02
        first, last = place.least / stretch, place.most * stretch
    set_limits(first, last)
    ticks = place.ticks()
    axis.set_ticks(ticks, [tick_label(tick, place) for tick in ticks])
    axis.set_ticks([], minor=True)
