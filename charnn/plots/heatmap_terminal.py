"""A heat map in a terminal: shaded cells, or a list where they have no room."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charnn.plots.heatmap import Heatmap
from charnn.plots.letters import LONGEST, cut, letters_of, standing, wrapped

SHADES = ((0.7, "█"), (0.4, "▓"), (0.2, "▒"), (0.05, "░"), (0.0, " "))
"""What shades a cell where there is no colour: the least weight, and its block."""

KEY = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Weights whose colours are shown under a drawing."""

DARK, BRIGHT = (36, 36, 56), (255, 214, 102)
"""Red, green and blue of a weight of 0 and of 1."""

STRONGEST = 3
"""Columns per row in a list."""


def drawn_heatmap(heatmap: Heatmap) -> str:
    """The rows below each other, the columns side by side, the brighter the stronger; "" where there are none.

    Names stand above the columns where they fit into the terminal, numbers where only those do; otherwise it is a list.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        if heatmap.weights.size:
            for line in _lines(heatmap, console):
                console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))


def _lines(heatmap: Heatmap, console: Console) -> Iterator[Text | str]:
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
    yield _key(is_coloured)


def _heads(names: Sequence[str], room: int, most: int) -> tuple[list[str], int, bool]:
    """What stands above columns of at least so much room, the columns' width, and whether it is their names."""
    width = max(room, 1 + max(map(cell_len, names)))
    if room and width * len(names) <= most:
        return [_lying(names, width)], width, True
    letters = [letters_of(name) for name in names]
    width = max(room, 1 + max((cell_len(letter) for word in letters for letter in word), default=1))  # two columns make a square
    # Names that are alike in what is left of them are told apart by their numbers.
    are_different = len({tuple(word[: LONGEST - 1]) for word in letters}) == len(set(names))
    if width * len(names) <= most and are_different:
        return list(standing(letters, width)), width, True
    numbers = [str(number) for number in range(1, len(names) + 1)]
    width = max(room, 1 + len(numbers[-1]))
    if width * len(names) <= most:
        return [_lying(numbers, width)], width, False
    width = max(room, 1)
    return list(standing([list(number) for number in numbers], width)), width, False


def _lying(names: Sequence[str], width: int) -> str:
    """The names side by side, each in columns of this width with a space behind it."""
    return "".join(" " * (width - 1 - cell_len(name)) + name + " " for name in names)


def _texts(heatmap: Heatmap, most: int, is_coloured: bool) -> tuple[Sequence[Sequence[str]], int]:
    """The first of the texts that fit into cells of at most so many columns, none where none does; and the columns they need."""
    for texts in heatmap.texts:
        # A space at each side, or the block that stands for a colour and a space.
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


def _key(is_coloured: bool) -> Text:
    if not is_coloured:
        return Text("  ".join(f"{block} ≥{least:.0%}" for least, block in reversed(SHADES) if least))
    return Text("  ").join(Text.assemble(_cell(weight, 2, is_coloured), f" {weight:.0%}") for weight in KEY)


def _list(heatmap: Heatmap, names: Sequence[str], width: int) -> Iterator[str]:
    """A line per row: the columns with the greatest weights, and those."""
    margin = max(map(cell_len, names))
    for name, row in zip(names, heatmap.weights, strict=True):
        found = (f"{row[place]:.0%} {cut(heatmap.columns[place], LONGEST)}" for place in (-row).argsort(kind="stable")[:STRONGEST])
        yield cut("  ".join([set_cell_size(name, margin), *found]), width)
