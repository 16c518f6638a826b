"""A chart in a terminal: lines of dots, eight to a character, or of one mark each where there are no colours."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charnn.plots.chart import Axis, Chart, Line, tick_label

COLOURS = ("dodger_blue1", "orange1", "green3", "deep_pink2", "medium_purple1", "yellow3", "cyan3", "red1")
MARKS = "*+ox#@%&"
"""What the lines are drawn in, one after another: with colours, and without."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character, by row and column; the characters begin at U+2800."""

HEIGHT, LEAST_WIDTH, MOST_WIDTH = 16, 40, 110


def drawn(chart: Chart, width: int | None = None, height: int = HEIGHT) -> str:
    """Title, chart and key, as wide as the terminal unless told otherwise."""
    console = Console(highlight=False, markup=False, emoji=False)
    columns = min(max(width or shutil.get_terminal_size((100, 24)).columns, LEAST_WIDTH), MOST_WIDTH)
    is_coloured = not console.no_color and console.color_system is not None
    with console.capture() as captured:
        for line in _lines(chart, columns, height, is_coloured):
            console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))


def _lines(chart: Chart, columns: int, height: int, is_coloured: bool) -> Iterator[Text | str]:
    x, y = chart.x, chart.y
    shares = {tick: y.share(tick) for tick in y.ticks(height // 3)}
    heights = {round((1 - share) * (height - 1)): tick_label(tick, y) for tick, share in shares.items() if share is not None}
    margin = max(map(len, heights.values()), default=0)
    canvas = Canvas(columns - margin - 2, height, is_coloured)
    for number, line in enumerate(chart.lines):
        canvas.draw_band(line, x, y, number)
    for number, line in enumerate(chart.lines):
        canvas.draw(line, x, y, number)
    yield Text(chart.title, style="bold" if is_coloured else "")
    yield f"{chart.y_label}"
    for row, cells in enumerate(canvas.rows()):
        yield Text.assemble(f"{heights.get(row, ''):>{margin}} {'┤' if row in heights else '│'}", *cells)
    yield " " * (margin + 1) + "└" + _below(x, canvas.width)
    yield " " * (margin + 2) + _numbers(x, canvas.width)
    yield chart.x_label.rjust(columns)
    if len(chart.lines) > 1 or chart.lines[0].name:
        yield Text("   ").join(canvas.key(line, number) for number, line in enumerate(chart.lines))


class Canvas:
    """Characters of 2 x 4 dots, each in the colour of the line that came last; or of one mark each, bands then of points."""

    def __init__(self, width: int, height: int, is_coloured: bool) -> None:
        self.width, self.height, self.is_coloured = width, height, is_coloured
        self._bits = [[0] * width for _ in range(height)]
        self._styles: list[list[tuple[str, str] | None]] = [[None] * width for _ in range(height)]

    def draw_band(self, line: Line, x: Axis, y: Axis, number: int) -> None:
        """The edges of a line's band, as dots."""
        for band in (line.low, line.high):
            if band is not None:
                for point in self._places(zip(line.x, band, strict=True), x, y):
                    self._set(*point, (".", COLOURS[number % len(COLOURS)]))

    def draw(self, line: Line, x: Axis, y: Axis, number: int) -> None:
        """A line of the axes' chart."""
        style = MARKS[number % len(MARKS)], COLOURS[number % len(COLOURS)]
        points = list(self._places(line.points(), x, y))
        for point in points:
            self._set(*point, style)
        if line.is_joined:
            for first, second in pairwise(points):
                self._join(first, second, style)

    def rows(self) -> Iterator[list[tuple[str, str]]]:
        """Each row's characters, those of one style together."""
        for bits, styles in zip(self._bits, self._styles, strict=True):
            cells = [self._cell(one, style) for one, style in zip(bits, styles, strict=True)]
            yield [("".join(text for text, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]

    def key(self, line: Line, number: int) -> Text:
        """What a line's name looks like below the chart."""
        sign, style = ("━━", COLOURS[number % len(COLOURS)]) if self.is_coloured else (MARKS[number % len(MARKS)], "")
        return Text.assemble((sign, style), " ", line.name)

    def _cell(self, bits: int, style: tuple[str, str] | None) -> tuple[str, str]:
        if style is None:
            return " ", ""
        mark, colour = style
        return (chr(0x2800 + bits), colour) if self.is_coloured else (mark, "")

    def _places(self, points: Iterator[tuple[float, float]], x: Axis, y: Axis) -> Iterator[tuple[int, int]]:
        """(column, row) of dots."""
        for across, up in points:
            column, row = x.share(across), y.share(up)
            if column is not None and row is not None and 0 <= column <= 1 and 0 <= row <= 1:
                yield round(column * (2 * self.width - 1)), round((1 - row) * (4 * self.height - 1))

    def _join(self, first: tuple[int, int], second: tuple[int, int], style: tuple[str, str]) -> None:
        across, down = second[0] - first[0], second[1] - first[1]
        steps = max(abs(across), abs(down))
        for step in range(1, steps):
            self._set(first[0] + round(across * step / steps), first[1] + round(down * step / steps), style)

    def _set(self, column: int, row: int, style: tuple[str, str]) -> None:
        self._bits[row // 4][column // 2] |= DOTS[row % 4][column % 2]
        self._styles[row // 4][column // 2] = style


def _ticks(axis: Axis, width: int) -> list[tuple[int, str]]:
    """The columns of the ticks below a chart and what stands there, far enough apart to be read."""
    found: list[tuple[int, str]] = []
    for tick in axis.ticks(max(2, width // 12)):
        share, label = axis.share(tick), tick_label(tick, axis)
        column = 0 if share is None else round(share * (width - 1))
        if not found or column - len(label) // 2 > found[-1][0] + len(found[-1][1]) // 2 + 1:
            found.append((column, label))
    return found


def _below(axis: Axis, width: int) -> str:
    columns = {column for column, _ in _ticks(axis, width)}
    return "".join("┬" if column in columns else "─" for column in range(width))


def _numbers(axis: Axis, width: int) -> str:
    line = ""
    for column, label in _ticks(axis, width):
        start = min(max(column - len(label) // 2, 0), width - len(label))
        line = line.ljust(start) + label
    return line


def bar(share: float, width: int) -> str:
    """A bar of a share of the width, to the eighth of a character."""
    eighths = round(min(max(share, 0.0), 1.0) * width * 8)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def columns_of(words: Sequence[str], width: int) -> list[str]:
    """Words cut or filled to a width that they all have."""
    return [word + " " * (width - cell_len(word)) if cell_len(word) <= width else set_cell_size(word, width - 1) + "…" for word in words]
