"""A chart in a terminal: lines of dots, eight to a character, or of one mark each where there are no colours."""

import shutil
from collections.abc import Iterator, Sequence
from itertools import groupby, pairwise

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charnn.plots.chart import Axis, Chart, Line, tick_label
from charnn.plots.letters import cut, one_line, wrapped

COLOURS = ("dodger_blue1", "orange1", "green3", "deep_pink2", "medium_purple1", "yellow3", "cyan3", "red1")
MARKS = "*+ox#@%&"
"""What the lines are drawn in, one after another: with colours, and without."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character, by row and column; the characters begin at U+2800."""

HEIGHT, LEAST_WIDTH, MOST_WIDTH = 16, 24, 110
LEAST_CANVAS = 8
"""Characters that are left for lines beside however long numbers."""

BETWEEN = "   "
"""What parts the names of lines."""


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
    heights = {_row(y, tick, height) // 4: tick_label(tick, y, height // 3) for tick in y.ticks(height // 3)}
    margin = max(map(len, heights.values()), default=0)
    canvas = Canvas(max(columns - margin - 2, LEAST_CANVAS), height, is_coloured)
    for number, line in enumerate(chart.lines):
        canvas.draw_band(line, x, y, number)
    for number, line in enumerate(chart.lines):
        canvas.draw(line, x, y, number)
    yield from (Text(line, style="bold" if is_coloured else "") for line in wrapped(one_line(chart.title).split(" "), columns, " "))
    yield cut(one_line(chart.y_label), columns)
    for row, cells in enumerate(canvas.rows()):
        yield Text.assemble(f"{heights.get(row, ''):>{margin}} {'┤' if row in heights else '│'}", *cells)
    ticks = _ticks(x, canvas.width)
    yield " " * (margin + 1) + "└" + "".join("┬" if column in ticks else "─" for column in range(canvas.width))
    yield " " * (margin + 2) + _numbers(ticks, canvas.width)
    said = cut(one_line(chart.x_label), columns)
    yield " " * (columns - cell_len(said)) + said
    yield from _key(chart, canvas, columns)


def _key(chart: Chart, canvas: "Canvas", columns: int) -> Iterator[Text]:
    """The names of the lines, in as many lines as they need."""
    if not any(line.name for line in chart.lines):
        return
    text, used = Text(), 0
    for number, line in enumerate(chart.lines):
        sign = canvas.key(line, number, columns)
        if used and used + len(BETWEEN) + sign.cell_len > columns:
            yield text
            text, used = Text(), 0
        text = Text.assemble(text, BETWEEN if used else "", sign)
        used = text.cell_len
    yield text


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
                    self._set(*point, (".", _colour(line, number)))

    def draw(self, line: Line, x: Axis, y: Axis, number: int) -> None:
        """A line of the axes' chart."""
        style = MARKS[number % len(MARKS)], _colour(line, number)
        points = list(self._places(line.points(), x, y))
        for point in points:
            self._set(*point, style)
        if line.is_joined:
            for first, second in pairwise(points):
                self._join(first, second, style, line.is_dashed)

    def rows(self) -> Iterator[list[tuple[str, str]]]:
        """Each row's characters, those of one style together."""
        for bits, styles in zip(self._bits, self._styles, strict=True):
            cells = [self._cell(one, style) for one, style in zip(bits, styles, strict=True)]
            yield [("".join(text for text, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]

    def key(self, line: Line, number: int, columns: int) -> Text:
        """What a line's name looks like below the chart, at most so wide."""
        dash = "╍╍" if line.is_dashed else "━━"
        sign, style = (dash, _colour(line, number)) if self.is_coloured else (MARKS[number % len(MARKS)], "")
        return Text.assemble((sign, style), " ", cut(one_line(line.name), columns - len(sign) - 1))

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
                yield round(column * (2 * self.width - 1)), _row(y, up, self.height)

    def _join(self, first: tuple[int, int], second: tuple[int, int], style: tuple[str, str], is_dashed: bool) -> None:
        across, down = second[0] - first[0], second[1] - first[1]
        steps = max(abs(across), abs(down))
        for step in range(1, steps, 2 if is_dashed else 1):
            self._set(first[0] + round(across * step / steps), first[1] + round(down * step / steps), style)

    def _set(self, column: int, row: int, style: tuple[str, str]) -> None:
        self._bits[row // 4][column // 2] |= DOTS[row % 4][column % 2]
        self._styles[row // 4][column // 2] = style


def _colour(line: Line, number: int) -> str:
    """That of a line, which is this one of its chart."""
    return COLOURS[(number if line.colour is None else line.colour) % len(COLOURS)]


def _row(axis: Axis, value: float, height: int) -> int:
    """The row of dots of a number that the axis has."""
    return round((1 - (axis.share(value) or 0.0)) * (4 * height - 1))


def _ticks(axis: Axis, width: int) -> dict[int, tuple[int, str]]:
    """By the columns of the ticks below a chart: where their numbers begin, and those, as far as they can stand apart."""
    found: dict[int, tuple[int, str]] = {}
    end, most = -1, max(2, width // 12)
    for tick in axis.ticks(most):
        label, column = tick_label(tick, axis, most), round((axis.share(tick) or 0.0) * (2 * width - 1)) // 2
        start = max(0, min(column - len(label) // 2, width - len(label)))
        if start > end:
            found[column] = start, label
            end = start + len(label)
    return found


def _numbers(ticks: dict[int, tuple[int, str]], width: int) -> str:
    line = ""
    for start, label in ticks.values():
        line = line.ljust(start) + label
    return line[:width]


def bar(share: float, width: int) -> str:
    """A bar of a share of the width, to the eighth of a character; what is there shows."""
    eighths = max(round(min(max(share, 0.0), 1.0) * width * 8), share > 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def columns_of(words: Sequence[str], width: int) -> list[str]:
    """Words cut or filled to a width that they all have."""
    return [word + " " * (width - cell_len(word)) if cell_len(word) <= width else set_cell_size(word, width - 1) + "…" for word in words]
