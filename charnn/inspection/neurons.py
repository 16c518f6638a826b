"""Features of a text, and the hidden units that follow them: found on the first half of it, measured on the second."""

import re
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import StackSettings, Unit
from charnn.errors import DataError, SettingError
from charnn.inspection.reading import NOTHING, Passage, Trace
from charnn.kernels.products import Floats
from charnn.plots.neuron_page import FoundUnit, NeuronPage
from charnn.tasks.lm.model import LanguageModel

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
        """Return where the characters are of this kind; each character is asked once."""
        kinds = {one: is_one(one) for one in set(self.text)}
        return np.fromiter(map(kinds.__getitem__, self.text), np.bool_, len(self.text))

    @cached_property
    def letter(self) -> Flags:
        """Letters of any alphabet."""
        return self.flags(str.isalpha)

    @cached_property
    def newline(self) -> Flags:
        """Line ends; each is the last character of its line."""
        return self.any_of("\n")

    @cached_property
    def column(self) -> Numbers:
        """Characters since the last newline, which itself has 0."""
        return since(self.newline)

    def any_of(self, characters: str) -> Flags:
        """Return where one of these characters is."""
        return self.flags(lambda one: one in characters)

    def of_line(self, number: Callable[[list[str], int], float]) -> Numbers:
        """Return the value of a function of the lines and a line's number, at every character of the line."""
        lines = self.text.split("\n")
        values = np.array([number(lines, line) for line in range(len(lines))], np.float64)
        return values[np.cumsum(self.newline) - self.newline]

    def in_line(self, flags: Flags) -> Numbers:
        """Return the number of flags since the beginning of the line."""
        total = np.cumsum(flags)
        before = np.where(self.newline, total, 0)
        return (total - np.maximum.accumulate(np.concatenate([[0], before[:-1]]))).astype(np.float64)


def since(marks: Flags) -> Numbers:
    """Return the distance in characters to the last mark, 0 at a mark; a text begins as if after a mark."""
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
    """Return the number of open brackets of ()[]{} ."""
    depth, values = 0, []
    for character in one.text:
        depth = max(0, depth + (character in OPENING) - (character in CLOSING))
        values.append(depth)
    return np.array(values, np.float64)


def _indentation(one: Characters) -> Numbers:
    """Spaces and tabs at the line's begin, as far as they have come."""
    return np.minimum(one.of_line(lambda lines, line: len(lines[line]) - len(lines[line].lstrip(" \t"))), one.column)


def _in_capitals(one: Characters) -> Flags:
    """In a line whose letters so far, at least two, are all capitals."""
    capital, small = one.flags(str.isupper), one.flags(lambda character: character.isalpha() and not character.isupper())
    flags: Flags = (one.in_line(capital) >= 2) & (one.in_line(small) == 0) & ~one.newline
    return flags


def _between(one: Characters, opening: str, closing: str) -> Flags:
    """From an opening character to before the closing one."""
    return (since(one.any_of(opening)) < since(one.any_of(closing))) & np.logical_or.accumulate(one.any_of(opening))


def _begins_sentence(one: Characters) -> Flags:
    """The first letter after a full stop, an exclamation mark or a question mark."""
    letters = np.cumsum(one.letter)
    at_end = np.maximum.accumulate(np.where(one.any_of(SENTENCE_ENDS), letters, 0))
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
    "letters since word began": lambda one: since(~one.letter),
    "begin of word": lambda one: since(~one.letter) == 1,
    "end of word *": lambda one: one.letter & ~np.append(one.letter[1:], False),
    "begin of sentence": _begins_sentence,
    "capital letter": lambda one: one.flags(str.isupper),
    "vowel": lambda one: one.flags(lambda character: character.lower() in "aeiou"),
    "digit": lambda one: one.flags(str.isdigit),
    "space": lambda one: one.any_of(" "),
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


LEAST = 4  # Symbols that a text needs to be halved and compared


class Found(NamedTuple):
    """A unit that follows a feature."""

    unit: Unit
    found: float  # Pearson's correlation on the first half, by which the unit was chosen
    held_out: float  # the same on the second half, which is independent of the choice
    auc: float | None  # area under the ROC curve on the second half; None for a feature that is not binary


class Feature(NamedTuple):
    """A feature of the text and the units that follow it, the best first; none where it does not vary on both halves."""

    name: str
    positions: int  # the number of positions at which it is not 0
    units: list[Found]


def activations(trace: Trace, stack: StackSettings, state: str = "hidden") -> Floats:
    """Return (layers, units, time) outputs h, or tanh of the memory cells of an lstm. Raises SettingError for cells that there are not."""
    names = stack.loaded_cell.states
    if state not in names:
        raise SettingError("state", f"must be {' or '.join(names)} in a model of {stack.cell} cells, got {state}")
    values = trace.states[0] if state == "hidden" else np.tanh(trace.states[names.index(state)])
    return np.ascontiguousarray(values.transpose(0, 2, 1))  # (layers, units, time)


def followers(values: Floats, passage: Passage, count: int = 1) -> list[Feature]:
    """Return every feature with the `count` units that follow it best, the best followed first.

    values: (layers, units, time). Raises DataError for a text that is too short.
    """
    layers, units, time = values.shape
    if time < LEAST:
        raise DataError(f"the text has {time} symbols, too few to find units by; give at least {LEAST}")
    rows = values.reshape(layers * units, time)
    features = measured([passage.pieces[part] for part in passage.texts()])
    table = np.stack(list(features.values()))  # (features, time)
    half = time // 2
    found, held_out = correlations(rows[:, :half], table[:, :half]), correlations(rows[:, half:], table[:, half:])
    results = []
    for number, (name, feature) in enumerate(features.items()):
        best = np.argsort(-np.abs(found[:, number]), kind="stable")[:count]
        followed = []
        for place in best[np.isfinite(found[best, number]) & np.isfinite(held_out[best, number])].tolist():
            area = area_under_curve(rows[place, half:], feature[half:] > 0) if is_flag(feature) else None
            unit = Unit(place // units + 1, place % units)
            followed.append(Found(unit, float(found[place, number]), float(held_out[place, number]), area))
        results.append(Feature(name, int(np.count_nonzero(feature)), followed))
    return sorted(results, key=lambda one: -abs(one.units[0].held_out) if one.units else 1)


def correlations(rows: Floats, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """(units, time), (features, time) -> (units, features): Pearson's correlation; NaN where one of the two does not vary."""
    return _standardised(rows) @ _standardised(table).T


def _standardised(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Rows of mean 0 and length 1; NaN for one that does not vary."""
    varies = rows.max(1, keepdims=True) > rows.min(1, keepdims=True)
    centred = rows - rows.mean(1, keepdims=True, dtype=np.float64)
    length = np.sqrt(np.einsum("rt,rt->r", centred, centred))[:, None]
    return np.where(varies, centred / np.where(varies, length, 1), np.nan)


def area_under_curve(values: NDArray[np.floating], flags: NDArray[np.bool_]) -> float:
    """Return the fraction of pairs in which the flagged value is larger (Mann and Whitney 1947); ties count half."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[places]
    flagged = int(flags.sum())
    return float((ranks[flags].sum() - flagged * (flagged + 1) / 2) / (flagged * (len(flags) - flagged)))


def page_of(
    trained: LanguageModel,
    title: str,
    passage: Passage,
    trace: Trace,
    values: Floats,
    features: Sequence[Feature],
    wanted: Sequence[Unit],
) -> NeuronPage:
    """Return the page of units over a text."""
    symbol, stack, mean = trained.tokenizer.symbol, trained.settings.network.stack.words(), trace.mean_nats()
    loss = "" if mean is None else f", a mean loss of {mean:.3f} nats"
    return NeuronPage(
        title=title,
        note=f"{len(passage):,} symbols, read by a {stack}{loss}. Colours: the value of one unit after each symbol.",
        pieces=passage.symbols(trained.tokenizer),
        following=[None if id == NOTHING else symbol(id) for id in passage.following.tolist()],
        candidates=[[symbol(id) for id in row] for row in trace.candidates.tolist()],
        probabilities=trace.probabilities,
        nats=trace.nats,
        values=values,
        found=[FoundUnit(one.name, one.positions, it.unit, it.held_out, it.auc) for one in features for it in one.units],
        wanted=wanted,
    )
