"""What can be measured of a text at each of its characters: quotes, brackets, places in line and word, kinds of letters."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

Numbers = NDArray[np.float64]
Flags = NDArray[np.bool_]

OPENING, CLOSING = "([{", ")]}"
QUOTES = {'"': 0, "“": 1, "”": -1}
SINGLE_QUOTED = re.compile(r"(?<!\w)['‘](?=\w)(?:(?!\n\n).){1,1000}?(?<=\S)['’](?!\w)", re.DOTALL)
SENTENCE_ENDS = ".!?"


class Characters:
    """A text as arrays with a number or a flag for each of its characters."""

    def __init__(self, text: str) -> None:
        self.text = text

    def flags(self, is_one: Callable[[str], bool]) -> Flags:
        """Where the characters are of this kind; each character is asked once."""
        kinds = {one: is_one(one) for one in set(self.text)}
        return np.fromiter((kinds[one] for one in self.text), np.bool_, len(self.text))

    @cached_property
    def letter(self) -> Flags:
        """Letters of any alphabet."""
        return self.flags(str.isalpha)

    @cached_property
    def newline(self) -> Flags:
        """Line ends."""
        return self.flags(lambda one: one == "\n")

    @cached_property
    def line(self) -> NDArray[np.int64]:
        """The number of the line; a newline is the last character of its line."""
        return np.cumsum(self.newline) - self.newline

    @cached_property
    def column(self) -> Numbers:
        """Characters since the last newline, which itself has 0."""
        return since(self.newline)

    @cached_property
    def lines(self) -> list[str]:
        """The lines, without their ends."""
        return self.text.split("\n")

    def of_line(self, number: Callable[[list[str], int], float]) -> Numbers:
        """What a function of the lines and a line's number gives, at every character of the line."""
        values = [number(self.lines, line) for line in range(len(self.lines))]
        return np.array(values, np.float64)[self.line]


def since(marks: Flags) -> Numbers:
    """How many characters ago the last mark was, 0 at a mark; before the first as if there were one before the text."""
    places = np.arange(len(marks))
    return (places - np.maximum.accumulate(np.where(marks, places, -1))).astype(np.float64)


def _in_double_quotes(one: Characters) -> Numbers:
    """1 from an opening quote to before its closing one; a blank line ends a quote that nobody closed."""
    inside, values, before = False, [], ""
    for character in one.text:
        if character in QUOTES:
            inside = QUOTES[character] > 0 or (QUOTES[character] == 0 and not inside)
        elif character == before == "\n":
            inside = False
        values.append(inside)
        before = character
    return np.array(values, np.float64)


def _in_single_quotes(one: Characters) -> Numbers:
    """The same with single quotes; an apostrophe, which no other closes before a blank line, is none."""
    inside = np.zeros(len(one.text))
    for found in SINGLE_QUOTED.finditer(one.text):
        inside[found.start() : found.end() - 1] = 1
    return inside


def _bracket_depth(one: Characters) -> Numbers:
    """How many brackets of ()[]{} are open."""
    depth, values = 0, []
    for character in one.text:
        depth = max(0, depth + (character in OPENING) - (character in CLOSING))
        values.append(depth)
    return np.array(values, np.float64)


def _indentation(one: Characters) -> Numbers:
    """Spaces and tabs at the line's begin, as far as they have come."""
    return np.minimum(one.of_line(lambda lines, line: len(lines[line]) - len(lines[line].lstrip(" \t"))), one.column)


def _words(one: Characters) -> Numbers:
    """Letters since the word began, the first being 1; 0 outside of words."""
    return since(~one.letter)


def _ends_word(one: Characters) -> Flags:
    flags: Flags = one.letter & ~np.append(one.letter[1:], False)
    return flags


def _in_capitals(one: Characters) -> Flags:
    """In a line whose letters so far, at least two, are all capitals."""
    capital, small = one.flags(str.isupper), one.flags(lambda character: character.isalpha() and not character.isupper())
    flags: Flags = (_in_line(one, capital) >= 2) & (_in_line(one, small) == 0) & ~one.newline
    return flags


def _in_line(one: Characters, flags: Flags) -> Numbers:
    """How many flags the line has so far."""
    total = np.cumsum(flags)
    before = np.where(one.newline, total, 0)
    return (total - np.maximum.accumulate(np.concatenate([[0], before[:-1]]))).astype(np.float64)


def _between(one: Characters, opening: str, closing: str) -> Flags:
    """From an opening character to before the closing one."""
    open_, close = one.flags(lambda character: character in opening), one.flags(lambda character: character in closing)
    return (since(open_) < since(close)) & np.logical_or.accumulate(open_)


def _begins_sentence(one: Characters) -> Flags:
    """The first letter after a full stop, an exclamation mark or a question mark."""
    ends = one.flags(lambda character: character in SENTENCE_ENDS)
    letters = np.cumsum(one.letter)
    at_end = np.maximum.accumulate(np.where(ends, letters, 0))
    return one.letter & (letters - at_end == 1)


FEATURES: dict[str, Callable[[Characters], NDArray[np.generic]]] = {
    "in double quotes": _in_double_quotes,
    "in single quotes": _in_single_quotes,
    "depth of brackets": _bracket_depth,
    "in a tag <...>": lambda one: _between(one, "<", ">"),
    "in a comment # ...": lambda one: _between(one, "#", "\n"),
    "indentation": _indentation,
    "place in line": lambda one: one.column,
    "begin of line, fading": lambda one: np.exp(-one.column / 10),
    "newline": lambda one: one.newline,
    "line after a blank one": lambda one: one.of_line(lambda lines, line: line > 0 and not lines[line - 1].strip() and lines[line] != ""),
    "line in capitals so far": _in_capitals,
    "line that ends in a colon *": lambda one: one.of_line(lambda lines, line: lines[line].rstrip().endswith(":")),
    "in a word": lambda one: one.letter,
    "letters since word began": _words,
    "begin of word": lambda one: _words(one) == 1,
    "end of word *": _ends_word,
    "begin of sentence": _begins_sentence,
    "capital letter": lambda one: one.flags(str.isupper),
    "vowel": lambda one: one.flags(lambda character: character.lower() in "aeiou"),
    "digit": lambda one: one.flags(str.isdigit),
    "space": lambda one: one.flags(lambda character: character == " "),
    "punctuation": lambda one: one.flags(lambda character: not character.isalnum() and not character.isspace()),
}
"""Name -> (characters,) numbers or flags; a star says that it depends on what comes later, which a network can only guess."""


def measured(texts: Sequence[Sequence[str]]) -> dict[str, Numbers]:
    """The features of texts, each in pieces: (pieces of all texts,) numbers.

    A piece has a number of its last character, and a flag where any of its characters has it; one without text, such as a start
    symbol or a byte within a character, has what the piece before it has, or 0.
    """
    values: dict[str, list[Numbers]] = {name: [] for name in FEATURES}
    for pieces in texts:
        one = Characters("".join(pieces))
        ends = np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)  # (1 + pieces,)
        for name, feature in FEATURES.items():
            values[name].append(_of_pieces(feature(one) if one.text else np.zeros(0), ends))
    return {name: np.concatenate(parts) for name, parts in values.items()}


def _of_pieces(values: NDArray[np.generic], ends: NDArray[np.int64]) -> Numbers:
    """(characters,) -> (pieces,), from where pieces end; the first end is where the first begins."""
    last = np.concatenate([[0.0], values.astype(np.float64)])
    if values.dtype != np.bool_:
        return last[ends[1:]]
    marks = np.concatenate([[0], np.cumsum(values)])
    any_ = (marks[ends[1:]] > marks[ends[:-1]]).astype(np.float64)
    filled = np.maximum.accumulate(np.where(np.diff(ends) > 0, np.arange(len(any_)), -1))  # the last piece with text
    return np.where(filled < 0, 0.0, any_[filled])


def is_flag(values: Numbers) -> bool:
    """Is the feature one that a position has or has not?"""
    return bool(np.isin(values, (0.0, 1.0)).all())
