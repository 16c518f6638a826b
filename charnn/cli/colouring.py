"""A text in a terminal with numbers to its symbols: in colours, or with signs and digits below."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len
from rich.console import Console
from rich.style import Style
from rich.text import Text

from charnn.plots.symbols import shown
from charnn.tokenizers.vocabulary import SPECIALS, START

RED, BLUE, PALE = (214, 40, 30), (30, 90, 220), 28
"""The strongest positive and negative background; PALE is each part of the weakest."""


def coloured(symbols: Sequence[str], values: Sequence[float], scale: float, lines: int, width: int | None = None) -> str:
    """The first lines of a text, red where the values are positive, blue where negative; scale: the value of the strongest colour."""
    console = Console(highlight=False, markup=False, emoji=False)
    columns = max(width or console.width, 8)
    is_coloured = not console.no_color and console.color_system is not None
    with console.capture() as captured:
        for line in wrapped(symbols, values, columns, lines):
            for row in _rows(line, scale, is_coloured):
                console.print(row, soft_wrap=True)
        console.print(_key(scale, is_coloured), soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))


def wrapped(symbols: Sequence[str], values: Sequence[float], columns: int, lines: int) -> Iterator[list[tuple[str, float]]]:
    """The first lines as they fit into the columns, each symbol as it can be seen, with its value; a document begins a line."""
    line: list[tuple[str, float]] = []
    used = count = 0
    for symbol, value in zip(symbols, values, strict=True):
        text = shown(symbol)
        if line and (used + cell_len(text) > columns or symbol == SPECIALS[START]):
            yield line
            line, used, count = [], 0, count + 1
        if count == lines:
            return
        line.append((text, value))
        used += cell_len(text)
        if "⏎" in text:
            yield line
            line, used, count = [], 0, count + 1
    if line and count < lines:
        yield line


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


def _key(scale: float, is_coloured: bool) -> Text:
    if not is_coloured:
        return Text(f"Below each line: sign and size of the values in tenths of {scale:.2f}, 9 at most.")
    shares = (-1.0, -0.5, 0.0, 0.5, 1.0)
    return Text(" ").join(Text(f" {share * scale:+.2f} ", _style(share)) for share in shares)
