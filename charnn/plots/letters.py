"""Words in drawings: on one line, cut to a width, letter under letter; all by the columns that a terminal gives them."""

import textwrap
from collections.abc import Iterator, Sequence

from rich.cells import cell_len, set_cell_size

from charnn.files import printable

LONGEST = 16
"""Letters of a word that stands upright or in a list; what is longer is cut."""


def one_line(text: str) -> str:
    """What a title or a name looks like: white space as single spaces, U+FFFD for what would command a terminal or break a file."""
    return printable(" ".join(text.split()))


def visible(text: str) -> str:
    """A text on one line, every character of it: signs for line ends and tabs, U+FFFD for what else cannot be seen."""
    return printable(text.replace("\n", "↵").replace("\t", "⇥"))


def cut(word: str, width: int) -> str:
    """The word, with an ellipsis where it has more columns than that."""
    return word if cell_len(word) <= width else set_cell_size(word, max(width - 1, 0)).rstrip() + "…"


def folded(text: str, width: int) -> list[str]:
    """A text in lines of about so many letters, at least one."""
    return textwrap.wrap(text, width) or [""]


def wrapped(parts: Sequence[str], width: int, between: str = "  ") -> Iterator[str]:
    """The parts, side by side, in as many lines as they need; one that is wider than a line is cut."""
    line = ""
    for part in parts:
        if line and cell_len(line) + len(between) + cell_len(part) > width:
            yield line
            line = ""
        line += (between if line else "") + cut(part, width)
    yield line


def standing(words: Sequence[list[str]], width: int) -> Iterator[str]:
    """The letters of words downwards, each word in columns of this width, all ending in the last line."""
    short = [letters if len(letters) <= LONGEST else [*letters[: LONGEST - 1], "…"] for letters in words]
    height = max(map(len, short), default=0)
    for row in zip(*([" "] * (height - len(letters)) + letters for letters in short), strict=True):
        yield "".join(set_cell_size(letter, width) for letter in row)


def letters_of(word: str) -> list[str]:
    """The characters, each with those that take no columns of their own, such as accents."""
    letters: list[str] = []
    for character in word:
        if letters and (not cell_len(character) or cell_len(letters[-1] + character) == cell_len(letters[-1])):
            letters[-1] += character
        else:
            letters.append(character)
    return letters
