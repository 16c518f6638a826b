"""Drawings in a terminal: charts of dots, shaded heat maps, coloured texts; each also without colours."""

import shutil
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby, pairwise

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charnn.plots.chart import Axis, Chart, Line, tick_label
from charnn.plots.heatmap import Heatmap
from charnn.plots.letters import LONGEST, cut, letters_of, one_line, symbol_lines, upright, wrapped

COLOURS = ("dodger_blue1", "orange1", "green3", "deep_pink2", "medium_purple1", "yellow3", "cyan3", "red1")
MARKS = "*+ox#@%&"  # Lines are drawn in COLOURS, or in these marks where a terminal has no colours
DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))  # The bits of a Braille character from U+2800 on, by row and column
HEIGHT, LEAST_WIDTH, MOST_WIDTH = 16, 24, 110
LEAST_CANVAS = 8  # Columns that are left for the lines beside long tick labels
BETWEEN = "   "  # The space between the names of lines
SHADES = ((0.7, "█"), (0.4, "▓"), (0.2, "▒"), (0.05, "░"), (0.0, " "))  # Without colours: the least weight of each block
KEY = (0.0, 0.1, 0.25, 0.5, 1.0)  # Weights whose colours are explained under a heat map
DARK, BRIGHT = (36, 36, 56), (255, 214, 102)  # Red, green and blue of a weight of 0 and of 1
STRONGEST = 3  # Columns listed for each row of a heat map that is too wide
RED, BLUE, PALE = (214, 40, 30), (30, 90, 220), 28  # The strongest positive and negative background; PALE is each part of the weakest

Style = tuple[str, str]  # A mark and a colour


def drawn(chart: Chart, width: int | None = None, height: int = HEIGHT) -> str:
    """Return a chart with title and key, by default as wide as the terminal."""
    console = _console()
    columns = min(max(width or shutil.get_terminal_size((100, 24)).columns, LEAST_WIDTH), MOST_WIDTH)
    return _printed(console, _chart_lines(chart, columns, height, _has_colours(console)))


def _chart_lines(chart: Chart, columns: int, height: int, is_coloured: bool) -> Iterator[Text | str]:
    x, y = chart.x, chart.y
    heights = {_row(y, tick, height) // 4: tick_label(tick, y, height // 3) for tick in y.ticks(height // 3)}
    margin = max(map(len, heights.values()), default=0)
    canvas = Canvas(max(columns - margin - 2, LEAST_CANVAS), height, is_coloured)
    for draw in (canvas.draw_band, canvas.draw):
        for number, line in enumerate(chart.lines):
            draw(line, x, y, number)
    yield from (Text(line, style="bold" if is_coloured else "") for line in wrapped(one_line(chart.title).split(" "), columns, " "))
    yield cut(one_line(chart.y_label), columns)
    for row, cells in enumerate(canvas.rows()):
        yield Text.assemble(f"{heights.get(row, ''):>{margin}} {'┤' if row in heights else '│'}", *cells)
    ticks = _ticks(x, canvas.width)
    yield " " * (margin + 1) + "└" + "".join("┬" if column in ticks else "─" for column in range(canvas.width))
    numbers = ""
    for start, label in ticks.values():
        numbers = numbers.ljust(start) + label
    yield " " * (margin + 2) + numbers[: canvas.width]
    label = cut(one_line(chart.x_label), columns)
    yield " " * (columns - cell_len(label)) + label
    yield from _chart_key(chart, is_coloured, columns)


def _chart_key(chart: Chart, is_coloured: bool, columns: int) -> Iterator[Text]:
    """Return the names of the lines, in as many rows as needed."""
    if not any(line.name for line in chart.lines):
        return
    text = Text()
    for number, line in enumerate(chart.lines):
        mark, colour = _style(line, number)
        sample, style = ("╍╍" if line.is_dashed else "━━", colour) if is_coloured else (mark, "")
        name = Text.assemble((sample, style), " ", cut(one_line(line.name), columns - len(sample) - 1))
        if text and text.cell_len + len(BETWEEN) + name.cell_len > columns:
            yield text
            text = Text()
        text = Text.assemble(text, BETWEEN if text else "", name)
    yield text


class Canvas:
    """A grid of Braille characters, each in the colour of its last line; without colours, of the marks of lines."""

    def __init__(self, width: int, height: int, is_coloured: bool) -> None:
        self.width, self.height, self.is_coloured = width, height, is_coloured
        self._bits: Counter[tuple[int, int]] = Counter()  # by row and column of characters
        self._styles: dict[tuple[int, int], Style] = {}

    def draw_band(self, line: Line, x: Axis, y: Axis, number: int) -> None:
        """Draw the edges of a line's band as dots."""
        for band in (line.low, line.high):
            for point in self._places(zip(line.x, band, strict=True), x, y) if band is not None else ():
                self._set(*point, (".", _style(line, number)[1]))

    def draw(self, line: Line, x: Axis, y: Axis, number: int) -> None:
        """Draw a line, the one of this number in its chart."""
        style = _style(line, number)
        points = list(self._places(line.points(), x, y))
        for point in points:
            self._set(*point, style)
        for first, second in pairwise(points) if line.is_joined else ():
            across, down = second[0] - first[0], second[1] - first[1]
            steps = max(abs(across), abs(down))
            for step in range(1, steps, 2 if line.is_dashed else 1):
                self._set(first[0] + round(across * step / steps), first[1] + round(down * step / steps), style)

    def rows(self) -> Iterator[list[tuple[str, str]]]:
        """Return the characters of each row with their styles, those of one style together."""
        for row in range(self.height):
            cells = [self._cell((row, column)) for column in range(self.width)]
            yield [("".join(text for text, _ in run), style) for style, run in groupby(cells, key=lambda cell: cell[1])]

    def _cell(self, place: tuple[int, int]) -> tuple[str, str]:
        if place not in self._styles:
            return " ", ""
        mark, colour = self._styles[place]
        return (chr(0x2800 + self._bits[place]), colour) if self.is_coloured else (mark, "")

    def _places(self, points: Iterator[tuple[float, float]], x: Axis, y: Axis) -> Iterator[tuple[int, int]]:
        """Return (column, row) of the dots of points, without those that are not on the axes."""
        for across, up in points:
            column, row = x.fraction(across), y.fraction(up)
            if column is not None and row is not None and 0 <= column <= 1 and 0 <= row <= 1:
                yield round(column * (2 * self.width - 1)), _row(y, up, self.height)

    def _set(self, column: int, row: int, style: Style) -> None:
        place = row // 4, column // 2
        self._bits[place] |= DOTS[row % 4][column % 2]
        self._styles[place] = style


def _style(line: Line, number: int) -> Style:
    """Return the mark and the colour of a line, the one of this number in its chart."""
    return MARKS[number % len(MARKS)], COLOURS[(number if line.colour is None else line.colour) % len(COLOURS)]


def _row(axis: Axis, value: float, height: int) -> int:
    """Return the row of dots of a number on the vertical axis."""
    return round((1 - (axis.fraction(value) or 0.0)) * (4 * height - 1))


def _ticks(axis: Axis, width: int) -> dict[int, tuple[int, str]]:
    """Return {column of a tick: (beginning of its label, label)} for the ticks whose labels do not touch."""
    found: dict[int, tuple[int, str]] = {}
    end, most = -1, max(2, width // 12)
    for tick in axis.ticks(most):
        label, column = tick_label(tick, axis, most), round((axis.fraction(tick) or 0.0) * (2 * width - 1)) // 2
        start = max(0, min(column - len(label) // 2, width - len(label)))
        if start > end:
            found[column] = start, label
            end = start + len(label)
    return found


def drawn_heatmap(heatmap: Heatmap) -> str:
    """Return a heat map, or a list of the largest weights of one wider than the terminal; "" for a map without cells."""
    console = _console()
    return _printed(console, _heatmap_lines(heatmap, console) if heatmap.weights.size else ())


def _heatmap_lines(heatmap: Heatmap, console: Console) -> Iterator[Text | str]:
    corner, *names = (cut(name, max(console.width // 3, 4)) for name in (heatmap.axes, *heatmap.rows))
    margin = max(map(cell_len, (corner, *names))) + 1
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
    """Return lines of heads of columns, the columns' width, at least `room`, and whether the heads are names."""
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
    """Return names side by side, each right-aligned in a cell of this width with a space at its end."""
    return "".join(" " * (width - 1 - cell_len(name)) + name + " " for name in names)


def _texts(heatmap: Heatmap, most: int, is_coloured: bool) -> tuple[Sequence[Sequence[str]], int]:
    """Return the first texts that fit into cells of at most this width, or none, and the width that they need."""
    for texts in heatmap.texts:
        # A space on each side, or a block in place of a colour and a space.
        room = max(cell_len(text) for row in texts for text in row) + (2 if is_coloured else 3)
        if room <= most:
            return texts, room
    return (), 0


def _cell(weight: float, width: int, is_coloured: bool, text: str = "") -> tuple[str, str]:
    """Return the text and the style of a cell."""
    if not is_coloured:
        block = next(block for least, block in SHADES if weight >= least)
        return (f" {block}{text:>{width - 2}}" if text else block * width), ""
    # The square root, since a weight of 0.1 among twenty words already matters.
    strength = weight**0.5
    colour = (round(dark + (bright - dark) * strength) for dark, bright in zip(DARK, BRIGHT, strict=True))
    ink = "black" if strength > 0.5 else "white"
    return f"{text:>{width - 1}} " if text else " " * width, f"{f'{ink} ' if text else ''}on rgb({','.join(map(str, colour))})"


def _heatmap_key(is_coloured: bool) -> Text:
    if not is_coloured:
        return Text("  ".join(f"{block} ≥{least:.0%}" for least, block in reversed(SHADES) if least))
    return Text("  ").join(Text.assemble(_cell(weight, 2, is_coloured), f" {weight:.0%}") for weight in KEY)


def _list(heatmap: Heatmap, names: Sequence[str], width: int) -> Iterator[str]:
    """Return a line for each row with its largest weights and the names of their columns."""
    margin = max(map(cell_len, names))
    for name, row in zip(names, heatmap.weights, strict=True):
        found = (f"{row[place]:.0%} {cut(heatmap.columns[place], LONGEST)}" for place in (-row).argsort(kind="stable")[:STRONGEST])
        yield cut("  ".join([set_cell_size(name, margin), *found]), width)


def coloured(symbols: Sequence[str], values: Sequence[float], scale: float, lines: int, width: int | None = None) -> str:
    """Return the first lines of a text, red where values are positive, blue where negative; scale: the value of full colour."""
    console = _console()
    is_coloured = _has_colours(console)
    shown = symbol_lines(symbols, values, max(width or console.width, 8), lines)
    key: Text | str = f"Below each line: sign and size of the values in tenths of {scale:.2f}, 9 at most."
    if is_coloured:
        key = Text(" ").join(Text.assemble(_coloured(f" {part * scale:+.2f} ", part)) for part in (-1.0, -0.5, 0.0, 0.5, 1.0))
    return _printed(console, [*(row for line in shown for row in _rows(line, scale, is_coloured)), key])


def _coloured(text: str, strength: float) -> tuple[str, str]:
    """Return a text and its style for a strength from -1, blue, to 1, red."""
    strength = max(-1.0, min(1.0, strength))
    parts = (round(PALE + (one - PALE) * abs(strength)) for one in (RED if strength > 0 else BLUE))
    return text, f"white on rgb({','.join(map(str, parts))})"


def _rows(line: Sequence[tuple[str, float]], scale: float, is_coloured: bool) -> Iterator[Text | str]:
    """Return a line in colours; without them the text, the signs of the values, and their sizes in tenths of the scale."""
    if is_coloured:
        yield Text.assemble(*(_coloured(text, value / scale) for text, value in line))
        return
    sizes = [(cell_len(text), min(9, int(10 * abs(value) / scale)), "+" if value > 0 else "-") for text, value in line]
    yield "".join(text for text, _ in line)
    yield "".join((sign if size else " ").ljust(width)[:width] for width, size, sign in sizes)
    yield "".join(str(size).ljust(width)[:width] for width, size, _ in sizes)


def _console() -> Console:
    return Console(highlight=False, markup=False, emoji=False)


def _has_colours(console: Console) -> bool:
    return not console.no_color and console.color_system is not None


def _printed(console: Console, lines: Iterable[Text | str]) -> str:
    """Print lines on the console, and return the output without spaces at the ends of lines."""
    with console.capture() as captured:
        for line in lines:
            console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))
