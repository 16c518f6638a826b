"""Texts and tables in a terminal: which signs symbols get; cut, wrapped, or column under column."""

import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from charnn.files import printable
from charnn.tokenizers.vocabulary import SPECIALS, START


def with_intervals(metrics: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return metrics, each with half its 95 % interval where there is one."""
    intervals = metrics.get("intervals", {})
    return [
        f"{metrics[name]:.4f} ± {(intervals[name][1] - intervals[name][0]) / 2:.4f}" if name in intervals else cell(metrics[name])
        for name in names
    ]


def grid(rows: list[list[str]], texts: Collection[int] = (0,)) -> list[str]:
    """Return rows as lines, columns under each other: those of texts to the left, of numbers to the right."""
    widths = [max(columns(row[place]) for row in rows) for place in range(len(rows[0]))]
    filled = ([_filled(text, width, place in texts) for place, (text, width) in enumerate(zip(row, widths, strict=True))] for row in rows)
    return ["  ".join(row) for row in filled]


def _filled(text: str, width: int, is_text: bool) -> str:
    space = " " * (width - columns(text))
    return text + space if is_text else space + text


def cell(value: Any) -> str:
    """Return a metric as a person reads it."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if isinstance(value, float) else str(value)


def figure(value: float | None) -> str:
    """Return a number of any size in four digits, a large one with one decimal."""
    return "-" if value is None else f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def trimmed_grid(rows: list[list[str]], texts: Collection[int]) -> list[str]:
    """Return rows as lines, as grid() does, without spaces at their ends."""
    return [line.rstrip(" ") for line in grid(rows, texts)]


LINE_END, TAB = "⏎", "⇥"

_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")

LONGEST = 16  # Letters of a word that is written downwards or in a list; what is longer is cut


def visible(text: str) -> str:
    """Return a text with signs for line ends and tabs, and U+FFFD for what would command a terminal or change the reading direction."""
    signs = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", LINE_END).replace("\t", TAB)
    return _DIRECTIONS.sub("\ufffd", printable(signs))


def one_line(text: str) -> str:
    """Return a title or a name with single spaces for white space, and U+FFFD for what would command a terminal or break a file."""
    return printable(" ".join(text.split()))


def columns(text: str) -> int:
    """Return the number of columns that a terminal gives a text."""
    from rich.cells import cell_len

    return cell_len(text)


def resized(text: str, width: int) -> str:
    """Return a text cut or filled up to a number of columns."""
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def terminal_width() -> int:
    """Return the number of columns of the terminal."""
    from rich.console import Console

    return Console().width


def cut(word: str, width: int) -> str:
    """Return the word, with an ellipsis where it has more columns than that."""
    return word if columns(word) <= width else resized(word, max(width - 1, 0)).rstrip() + "…"


def begins(text: str, width: int) -> str:
    """Return the first columns of a text."""
    return cut(visible(text), width)


def ends(text: str, width: int) -> str:
    """Return the last columns of a text."""
    shown = visible(text)
    if columns(shown) <= width:
        return shown
    while columns(shown) > width - 1:
        shown = shown[1 + max(0, (len(shown) - 2 * width)) :]
    return f"…{shown}"


def folded(text: str, width: int) -> list[str]:
    """Return a text in lines of about `width` letters, at least one."""
    return textwrap.wrap(text, width) or [""]


def wrapped(parts: Sequence[str], width: int, between: str = "  ") -> Iterator[str]:
    """Return the parts side by side in as many lines as they need; one that is wider than a line is cut."""
    line = ""
    for part in parts:
        if line and columns(line) + len(between) + columns(part) > width:
            yield line
            line = ""
        line += (between if line else "") + cut(part, width)
    yield line


def upright(words: Sequence[list[str]], width: int) -> Iterator[str]:
    """Return lines with the letters of words downwards, each word in columns of this width, all ending in the last line."""
    short = [letters if len(letters) <= LONGEST else [*letters[: LONGEST - 1], "…"] for letters in words]
    height = max(map(len, short), default=0)
    for row in zip(*([" "] * (height - len(letters)) + letters for letters in short), strict=True):
        yield "".join(resized(letter, width) for letter in row)


def letters_of(word: str) -> list[str]:
    """Return the characters, each with those that take no columns of their own, such as accents."""
    letters: list[str] = []
    for character in word:
        if letters and (not columns(character) or columns(letters[-1] + character) == columns(letters[-1])):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def symbol_lines(symbols: Sequence[str], values: Sequence[float], width: int, lines: int) -> Iterator[list[tuple[str, float]]]:
    """The first lines as they fit into the width, each symbol as it can be seen, with its value; a document begins a line."""
    line: list[tuple[str, float]] = []
    used = count = 0
    for symbol, value in zip(symbols, values, strict=True):
        text = visible(symbol)
        if line and (used + columns(text) > width or symbol == SPECIALS[START]):
            yield line
            line, used, count = [], 0, count + 1
        if count == lines:
            return
        line.append((text, value))
        used += columns(text)
        if LINE_END in text:
            yield line
            line, used, count = [], 0, count + 1
    if line and count < lines:
        yield line


def bar(share: float, width: int) -> str:
    """Return a bar over a fraction of the width, to an eighth of a character; above 0 it is always visible."""
    eighths = max(round(min(max(share, 0.0), 1.0) * width * 8), share > 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")


def filled(words: Sequence[str], width: int) -> list[str]:
    """Words cut or filled to a width that they all have."""
    return [resized(word, width) if columns(word) <= width else resized(word, width - 1) + "…" for word in words]
