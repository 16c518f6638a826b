"""Texts and tables in a terminal: visible symbols, texts cut and wrapped by their columns, tables."""

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

from charnn.files import printable
from charnn.tokenizers.vocabulary import SPECIALS, START

LINE_END, TAB = "⏎", "⇥"
_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
LONGEST = 16  # Letters of a word that is written downwards or in a list; longer ones are cut


def with_intervals(metrics: Mapping[str, Any], names: Sequence[str]) -> list[str]:
    """Return metrics, each with half its 95 % interval where there is one."""
    intervals = metrics.get("intervals", {})
    halves = {name: (high - low) / 2 for name, (low, high) in intervals.items()}
    return [f"{metrics[name]:.4f} ± {halves[name]:.4f}" if name in halves else cell(metrics[name]) for name in names]


def grid(rows: list[list[str]], texts: Collection[int] = (0,)) -> list[str]:
    """Return rows as lines with aligned columns: those with these numbers, of texts, to the left, the others to the right."""
    widths = [max(map(columns, column)) for column in zip(*rows, strict=True)]
    lines = []
    for row in rows:
        spaces = [" " * (width - columns(text)) for text, width in zip(row, widths, strict=True)]
        cells = [text + space if place in texts else space + text for place, (text, space) in enumerate(zip(row, spaces, strict=True))]
        lines.append("  ".join(cells))
    return lines


def cell(value: Any) -> str:
    """Return a metric in words: a count with commas, another number with four decimals, `-` for None."""
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.4f}" if isinstance(value, float) else str(value)


def figure(value: float | None) -> str:
    """Return a number of any size in four digits, one from 1,000 on with one decimal."""
    return "-" if value is None else f"{value:,.1f}" if abs(value) >= 1000 else f"{value:.4g}"


def trimmed_grid(rows: list[list[str]], texts: Collection[int]) -> list[str]:
    """Return grid() without spaces at the ends of lines."""
    return [line.rstrip(" ") for line in grid(rows, texts)]


def visible(text: str) -> str:
    """Return a text with ⏎ for line ends and ⇥ for tabs, and U+FFFD for control characters and changes of the reading direction."""
    symbols = text.replace("\r\n", "\n").replace("\r", "\n").replace("\n", LINE_END).replace("\t", TAB)
    return _DIRECTIONS.sub("\ufffd", printable(symbols))


def one_line(text: str) -> str:
    """Return a title or a name with single spaces for white space, and U+FFFD for control characters."""
    return printable(" ".join(text.split()))


def columns(text: str) -> int:
    """Return the number of columns that a text takes in a terminal."""
    from rich.cells import cell_len

    return cell_len(text)


def resized(text: str, width: int) -> str:
    """Return a text cut to or filled up with spaces to a number of columns."""
    from rich.cells import set_cell_size

    return set_cell_size(text, width)


def terminal_width() -> int:
    """Return the number of columns of the terminal."""
    from rich.console import Console

    return Console().width


def cut(word: str, width: int) -> str:
    """Return the word, cut with an ellipsis if it has more columns than `width`."""
    return word if columns(word) <= width else resized(word, max(width - 1, 0)).rstrip() + "…"


def begins(text: str, width: int) -> str:
    """Return the first `width` columns of a text, its symbols visible."""
    return cut(visible(text), width)


def ends(text: str, width: int) -> str:
    """Return the last `width` columns of a text, its symbols visible."""
    shown = visible(text)
    if columns(shown) <= width:
        return shown
    while columns(shown) > width - 1:
        shown = shown[1 + max(0, (len(shown) - 2 * width)) :]
    return f"…{shown}"


def wrapped(parts: Sequence[str], width: int, between: str = "  ") -> Iterator[str]:
    """Return the parts side by side in as many lines as needed; a part wider than a line is cut."""
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
    """Return the characters of a word, each with the following ones that take no columns, such as accents."""
    letters: list[str] = []
    for character in word:
        if letters and (not columns(character) or columns(letters[-1] + character) == columns(letters[-1])):
            letters[-1] += character
        else:
            letters.append(character)
    return letters


def symbol_lines(symbols: Sequence[str], values: Sequence[float], width: int, lines: int) -> Iterator[list[tuple[str, float]]]:
    """Return the first lines of (visible symbol, value), at most `width` columns wide; a document begins a new line."""
    line: list[tuple[str, float]] = []
    used = count = 0
    for symbol, value in zip(symbols, values, strict=True):
        text = visible(symbol)
        if line and (used + columns(text) > width or symbol == SPECIALS[START] or LINE_END in line[-1][0]):
            yield line
            line, used, count = [], 0, count + 1
        if count == lines:
            return
        line.append((text, value))
        used += columns(text)
    if line:
        yield line


def bar(fraction: float, width: int) -> str:
    """Return a bar over a fraction of the width, to an eighth of a character; it is visible for every fraction above 0."""
    eighths = max(round(min(max(fraction, 0.0), 1.0) * width * 8), fraction > 0)
    return "█" * (eighths // 8) + (" ▏▎▍▌▋▊▉"[eighths % 8] if eighths % 8 else "")
