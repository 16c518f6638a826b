"""Drawings in a terminal: charts as lines of dots, heat maps as shaded cells, texts in colours; with other signs where there are none."""

import shutil
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charnn.plots.chart import Axis, Chart, Line, tick_label
from charnn.plots.heatmap import Heatmap
from charnn.plots.letters import LONGEST, cut, letters_of, one_line, symbol_lines, upright, wrapped

COLOURS = ("dodger_blue1", "orange1", "green3", "deep_pink2", "medium_purple1", "yellow3", "cyan3", "red1")
MARKS = "*+ox#@%&"
"""What the lines are drawn in, one after another: with colours, and without."""

DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""The bits of a Braille character, by row and column; the characters begin at U+2800."""

HEIGHT, LEAST_WIDTH, MOST_WIDTH = 16, 24, 110
LEAST_CANVAS = 8  # Characters that are left for lines beside however long numbers
BETWEEN = "   "  # What parts the names of lines


def drawn(chart: Chart, width: int | None = None, height: int = HEIGHT) -> str:
    """Return title, chart and key, by default as wide as the terminal."""
    console = _console()
    columns = min(max(width or shutil.get_terminal_size((100, 24)).columns, LEAST_WIDTH), MOST_WIDTH)
    return _printed(console, _chart_lines(chart, columns, height, _has_colours(console)))


def _chart_lines(chart: Chart, columns: int, height: int, is_coloured: bool) -> Iterator[Text | str]:
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
    yield from _chart_key(chart, canvas, columns)


def _chart_key(chart: Chart, canvas: "Canvas", columns: int) -> Iterator[Text]:
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


SHADES = ((0.7, "█"), (0.4, "▓"), (0.2, "▒"), (0.05, "░"), (0.0, " "))
"""What shades a cell where there is no colour: the least weight, and its block."""

KEY = (0.0, 0.1, 0.25, 0.5, 1.0)  # Weights whose colours are shown under a drawing

DARK, BRIGHT = (36, 36, 56), (255, 214, 102)  # Red, green and blue of a weight of 0 and of 1

STRONGEST = 3  # Columns per row in a list


def drawn_heatmap(heatmap: Heatmap) -> str:
    """The rows below each other, the columns side by side, the brighter the stronger; "" where there are none.

    Names stand above the columns where they fit into the terminal, numbers where only those do; otherwise it is a list.
    """
    console = _console()
    return _printed(console, _heatmap_lines(heatmap, console) if heatmap.weights.size else ())


def _heatmap_lines(heatmap: Heatmap, console: Console) -> Iterator[Text | str]:
    rows = [cut(name, max(console.width // 3, 4)) for name in (heatmap.axes, *heatmap.rows)]
    corner, *names = rows
    margin = max(map(cell_len, rows)) + 1
    is_coloured = not console.no_color and console.color_system in ("256", "truecolor")
    columns = len(heatmap.columns)
    yield from wrapped(heatmap.title.split(" "), console.width, " ") if heatmap.title else []
    if margin + columns > console.width:
        yield from _list(heatmap, names, console.width)
        return
    texts, room = _texts(heatmap, (console.width - margin) // columns, is_coloured)
    heads, width, is_named = _heads(heatmap.columns, room, console.width - margin)
    if heatmap.axes:
        yield corner
    yield from (" " * margin + line for line in heads)
    for number, (name, row) in enumerate(zip(names, heatmap.weights.tolist(), strict=True)):
        label = " " * (margin - 1 - cell_len(name)) + name + " "
        written = texts[number] if texts else [""] * columns
        yield Text.assemble(label, *(_cell(weight, width, is_coloured, text) for weight, text in zip(row, written, strict=True)))
    yield ""
    if not is_named:
        yield from wrapped([f"{number} {name}" for number, name in enumerate(heatmap.columns, 1)], console.width)
    yield _heatmap_key(is_coloured)


def _heads(names: Sequence[str], room: int, most: int) -> tuple[list[str], int, bool]:
    """Return the heads of columns of at least this width, the columns' width, and whether the heads are names."""
    width = max(room, 1 + max(map(cell_len, names)))
    if room and width * len(names) <= most:
        return [_lying(names, width)], width, True
    letters = [letters_of(name) for name in names]
    width = max(room, 1 + max((cell_len(letter) for word in letters for letter in word), default=1))  # two columns make a square
    # Names that are equal after the cut are distinguished by their numbers.
    are_different = len({tuple(word[: LONGEST - 1]) for word in letters}) == len(set(names))
    if width * len(names) <= most and are_different:
        return list(upright(letters, width)), width, True
    numbers = [str(number) for number in range(1, len(names) + 1)]
    width = max(room, 1 + len(numbers[-1]))
    if width * len(names) <= most:
        return [_lying(numbers, width)], width, False
    width = max(room, 1)
    return list(upright([list(number) for number in numbers], width)), width, False


def _lying(names: Sequence[str], width: int) -> str:
    """The names side by side, each in columns of this width with a space behind it."""
    return "".join(" " * (width - 1 - cell_len(name)) + name + " " for name in names)


def _texts(heatmap: Heatmap, most: int, is_coloured: bool) -> tuple[Sequence[Sequence[str]], int]:
    """Return the first of the texts that fit into cells of at most this width, or none, and the columns that they need."""
    for texts in heatmap.texts:
        # A space at each side, or the block that replaces a colour and a space.
        room = max(cell_len(text) for row in texts for text in row) + (2 if is_coloured else 3)
        if room <= most:
            return texts, room
    return (), 0


def _cell(weight: float, width: int, is_coloured: bool, text: str = "") -> tuple[str, str]:
    """What a cell shows, and its style."""
    if not is_coloured:
        block = next(block for least, block in SHADES if weight >= least)
        return (f" {block}{text:>{width - 2}}" if text else block * width), ""
    # The square root, since a weight of a tenth among twenty words already says something.
    share = weight**0.5
    colour = (round(dark + (bright - dark) * share) for dark, bright in zip(DARK, BRIGHT, strict=True))
    ink = "black" if share > 0.5 else "white"
    return f"{text:>{width - 1}} " if text else " " * width, f"{f'{ink} ' if text else ''}on rgb({','.join(map(str, colour))})"


def _heatmap_key(is_coloured: bool) -> Text:
    if not is_coloured:
        return Text("  ".join(f"{block} ≥{least:.0%}" for least, block in reversed(SHADES) if least))
    return Text("  ").join(Text.assemble(_cell(weight, 2, is_coloured), f" {weight:.0%}") for weight in KEY)


def _list(heatmap: Heatmap, names: Sequence[str], width: int) -> Iterator[str]:
    """A line per row: the columns with the greatest weights, and those."""
    margin = max(map(cell_len, names))
    for name, row in zip(names, heatmap.weights, strict=True):
        found = (f"{row[place]:.0%} {cut(heatmap.columns[place], LONGEST)}" for place in (-row).argsort(kind="stable")[:STRONGEST])
        yield cut("  ".join([set_cell_size(name, margin), *found]), width)


RED, BLUE, PALE = (214, 40, 30), (30, 90, 220), 28  # The strongest positive and negative background; PALE is each part of the weakest


def coloured(symbols: Sequence[str], values: Sequence[float], scale: float, lines: int, width: int | None = None) -> str:
    """The first lines of a text, red where the values are positive, blue where negative; scale: the value of the strongest colour."""
    console = _console()
    is_coloured = _has_colours(console)
    shown = symbol_lines(symbols, values, max(width or console.width, 8), lines)
    return _printed(console, [*(row for line in shown for row in _rows(line, scale, is_coloured)), _scale_key(scale, is_coloured)])


def _style(share: float) -> Style:
    share = max(-1.0, min(1.0, share))
    strong = RED if share > 0 else BLUE
    parts = (round(PALE + (one - PALE) * abs(share)) for one in strong)
    return Style(color="white", bgcolor=f"rgb({','.join(map(str, parts))})")


def _rows(line: Sequence[tuple[str, float]], scale: float, is_coloured: bool) -> Iterator[Text]:
    """A line in colours; or the text, the signs of the values, and their size in tenths of the scale, 9 at most."""
    if is_coloured:
        yield Text.assemble(*((text, _style(value / scale)) for text, value in line))
        return
    sizes = [(cell_len(text), min(9, int(10 * abs(value) / scale)), "+" if value > 0 else "-") for text, value in line]
    yield Text("".join(text for text, _ in line))
    yield Text("".join((sign if size else " ").ljust(width)[:width] for width, size, sign in sizes))
    yield Text("".join(str(size).ljust(width)[:width] for width, size, _ in sizes))


def _scale_key(scale: float, is_coloured: bool) -> Text:
    if not is_coloured:
        return Text(f"Below each line: sign and size of the values in tenths of {scale:.2f}, 9 at most.")
    shares = (-1.0, -0.5, 0.0, 0.5, 1.0)
    return Text(" ").join(Text(f" {share * scale:+.2f} ", _style(share)) for share in shares)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _has_colours(console: Console) -> bool:
    return not console.no_color and console.color_system is not None


def _printed(console: Console, lines: Iterable[Text | str]) -> str:
    """Return what the console makes of the lines, without spaces at their ends."""
    with console.capture() as captured:
        for line in lines:
            console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))
