"""Which source words each target word looked at, drawn for a terminal."""

from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.text import Text

from charnn.alignment import Alignment, printable

SHADES = ((0.7, "█"), (0.4, "▓"), (0.2, "▒"), (0.05, "░"), (0.0, " "))
"""What shades a cell where there is no colour: the least weight, and its block."""

KEY = (0.0, 0.1, 0.25, 0.5, 1.0)
"""Weights whose colours are shown under a drawing."""

DARK, BRIGHT = (36, 36, 56), (255, 214, 102)
"""Red, green and blue of a weight of 0 and of 1."""

LONGEST = 16
"""Letters of a word above a column or in a list; what is longer is cut."""

STRONGEST = 3
"""Source words per target word in a list."""


def drawn(alignment: Alignment) -> str:
    """A row per target word, a column per source word, the brighter the stronger; "" where there are no words.

    Words stand above the columns where they fit into the terminal, numbers where only those do; otherwise it is a list.
    """
    console = Console(highlight=False, markup=False, emoji=False)
    with console.capture() as captured:
        if alignment.weights.size:
            for line in _lines(alignment, console):
                console.print(line, soft_wrap=True)
    return "\n".join(line.rstrip(" ") for line in captured.get().removesuffix("\n").split("\n"))


def _lines(alignment: Alignment, console: Console) -> Iterator[Text | str]:
    source = [printable(word) for word in alignment.source]
    target = [_cut(printable(word), max(console.width // 3, 4)) for word in alignment.target]
    margin = max(map(cell_len, target)) + 1
    if margin + len(source) > console.width:
        yield from _list(source, target, alignment, console.width)
        return
    heads = [_letters(word) for word in source]
    width = 1 + max(cell_len(letter) for letters in heads for letter in letters)  # two columns make a square
    is_named = margin + width * len(source) <= console.width
    if not is_named:
        heads, width = [list(str(number)) for number in range(1, len(source) + 1)], 1
    is_coloured = not console.no_color and console.color_system in ("256", "truecolor")
    yield from (" " * margin + line for line in _standing(heads, width))
    for word, row in zip(target, alignment.weights.tolist(), strict=True):
        label = " " * (margin - 1 - cell_len(word)) + word + " "
        yield Text.assemble(label, *(_cell(weight, width, is_coloured) for weight in row))
    yield ""
    yield from [] if is_named else _wrapped([f"{number} {word}" for number, word in enumerate(source, 1)], console.width)
    yield _key(is_coloured)


def _standing(words: Sequence[list[str]], width: int) -> Iterator[str]:
    """The letters of words downwards, each word in columns of this width, all ending in the last line."""
    cut = [letters if len(letters) <= LONGEST else [*letters[: LONGEST - 1], "…"] for letters in words]
    height = max(map(len, cut))
    for row in zip(*([" "] * (height - len(letters)) + letters for letters in cut), strict=True):
        yield "".join(set_cell_size(letter, width) for letter in row)


def _letters(word: str) -> list[str]:
    """The characters, each with those that take no columns of their own, such as accents."""
    letters: list[str] = []
    for character in word:
        if letters and (not cell_len(character) or cell_len(letters[-1] + character) == cell_len(letters[-1])):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def _cell(weight: float, width: int, is_coloured: bool) -> tuple[str, str]:
    """What a cell shows, and its style."""
    if not is_coloured:
        return next(block for least, block in SHADES if weight >= least) * width, ""
    # The square root, since a weight of a tenth among twenty words already says something.
    colour = (round(dark + (bright - dark) * weight**0.5) for dark, bright in zip(DARK, BRIGHT, strict=True))
    return " " * width, f"on rgb({','.join(map(str, colour))})"


def _key(is_coloured: bool) -> Text:
    if not is_coloured:
        return Text("  ".join(f"{block} ≥{least:.0%}" for least, block in reversed(SHADES) if least))
    return Text("  ").join(Text.assemble(_cell(weight, 2, is_coloured), f" {weight:.0%}") for weight in KEY)


def _list(source: Sequence[str], target: Sequence[str], alignment: Alignment, width: int) -> Iterator[str]:
    """A line per target word: the source words it looked at most, with percentages."""
    margin = max(map(cell_len, target))
    for word, row in zip(target, alignment.weights, strict=True):
        found = (f"{row[place]:.0%} {_cut(source[place], LONGEST)}" for place in (-row).argsort(kind="stable")[:STRONGEST])
        yield _cut("  ".join([set_cell_size(word, margin), *found]), width)


def _wrapped(parts: Sequence[str], width: int) -> Iterator[str]:
    """The parts, two spaces apart, in as many lines as they need."""
    line = ""
    for part in parts:
        if line and cell_len(line) + 2 + cell_len(part) > width:
            yield line
            line = ""
        line += ("  " if line else "") + _cut(part, width)
    yield line


def _cut(word: str, width: int) -> str:
    return word if cell_len(word) <= width else set_cell_size(word, width - 1).rstrip() + "…"
