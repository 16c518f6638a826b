"""Features of a text, and the hidden units that follow them: chosen on the first half of the text, measured on the second."""

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
LEAST = 4  # Symbols of a text that can be halved and compared
OPENING, CLOSING = "([{", ")]}"
QUOTES = {'"': 0, "“": 1, "”": -1}
SINGLE_QUOTED = re.compile(r"(?<!\w)['‘](?=\w)(?:(?!\n\n).){1,1000}?(?<=\S)['’](?!\w)", re.DOTALL)


class Characters:
    """A text, and arrays with a number or a flag for each of its characters."""

    def __init__(self, text: str) -> None:
        self.text = text

    def flags(self, is_one: Callable[[str], bool]) -> Flags:
        """Return a flag for each character; the function is called once for each different character."""
        kinds = {one: is_one(one) for one in set(self.text)}
        return np.fromiter(map(kinds.__getitem__, self.text), np.bool_, len(self.text))

    @cached_property
    def letter(self) -> Flags:
        """Return flags of letters, of any alphabet."""
        return self.flags(str.isalpha)

    @cached_property
    def newline(self) -> Flags:
        """Return flags of newlines; each is the last character of its line."""
        return self.any_of("\n")

    @cached_property
    def column(self) -> Numbers:
        """Return the number of characters since the last newline, which itself has 0."""
        return since(self.newline)

    def any_of(self, characters: str) -> Flags:
        """Return flags of these characters."""
        return self.flags(lambda one: one in characters)

    def of_line(self, number: Callable[[list[str], int], float]) -> Numbers:
        """Return for each character the value of a function of (lines, number of its line)."""
        lines = self.text.split("\n")
        values = np.array([number(lines, line) for line in range(len(lines))], np.float64)
        return values[np.cumsum(self.newline) - self.newline]

    def in_line(self, flags: Flags) -> Numbers:
        """Return for each character the number of flags since the beginning of its line."""
        total = np.cumsum(flags)
        before = np.where(self.newline, total, 0)
        return (total - np.maximum.accumulate(np.concatenate([[0], before[:-1]]))).astype(np.float64)


def since(marks: Flags) -> Numbers:
    """Return the distance in characters to the last mark, 0 at a mark; the beginning counts as a mark before the text."""
    places = np.arange(len(marks))
    return (places - np.maximum.accumulate(np.where(marks, places, -1))).astype(np.float64)


def _in_double_quotes(one: Characters) -> Numbers:
    """Return (characters,) flags, 1 from an opening double quote up to its closing one; a blank line ends an unclosed quote."""
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
    """Return 1 from an opening single quote to before its closing one; without a closing one it is an apostrophe."""
    inside = np.zeros(len(one.text))
    for found in SINGLE_QUOTED.finditer(one.text):
        inside[found.start() : found.end() - 1] = 1
    return inside


def _bracket_depth(one: Characters) -> Numbers:
    """Return the number of open brackets, of ()[]{}."""
    depth, values = 0, []
    for character in one.text:
        depth = max(0, depth + (character in OPENING) - (character in CLOSING))
        values.append(depth)
    return np.array(values, np.float64)


def _indentation(one: Characters) -> Numbers:
    """Return the number of spaces and tabs at the beginning of the line that were read so far."""
    return np.minimum(one.of_line(lambda lines, line: len(lines[line]) - len(lines[line].lstrip(" \t"))), one.column)


def _in_capitals(one: Characters) -> Flags:
    """Return flags of characters in a line whose letters so far, at least two, are all capitals."""
    capital, small = one.flags(str.isupper), one.flags(lambda character: character.isalpha() and not character.isupper())
    flags: Flags = (one.in_line(capital) >= 2) & (one.in_line(small) == 0) & ~one.newline
    return flags


def _between(one: Characters, opening: str, closing: str) -> Flags:
    """Return flags from an opening character to before the closing one."""
    return (since(one.any_of(opening)) < since(one.any_of(closing))) & np.logical_or.accumulate(one.any_of(opening))


def _begins_sentence(one: Characters) -> Flags:
    """Return flags of the first letter after a full stop, an exclamation mark or a question mark."""
    letters = np.cumsum(one.letter)
    at_end = np.maximum.accumulate(np.where(one.any_of(".!?"), letters, 0))
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
"""Name -> (characters,) numbers or flags; those with a star depend on later characters, which a network can only guess."""


def measured(texts: Sequence[Sequence[str]]) -> dict[str, Numbers]:
    """Return each feature of texts, given in pieces: (pieces of all texts,) numbers.

    A piece gets the number of its last character, or a flag if any of its characters has one; a piece without text, such as a
    start symbol or a byte within a character, gets the value of the piece before it, or 0.
    """
    values: dict[str, list[Numbers]] = {name: [] for name in FEATURES}
    for pieces in texts:
        one = Characters("".join(pieces))
        ends = np.cumsum([0, *(len(piece) for piece in pieces)], dtype=np.int64)  # (1 + pieces,)
        for name, feature in FEATURES.items():
            values[name].append(_of_pieces(feature(one) if one.text else np.zeros(0), ends))
    return {name: np.concatenate(parts) for name, parts in values.items()}


def _of_pieces(values: NDArray[np.generic], ends: NDArray[np.int64]) -> Numbers:
    """Return (characters,) values as (pieces,) values; ends: (1 + pieces,), where the first piece begins and each one ends."""
    last = np.concatenate([[0.0], values.astype(np.float64)])
    if values.dtype != np.bool_:
        return last[ends[1:]]
    marks = np.concatenate([[0], np.cumsum(values)])
    any_ = (marks[ends[1:]] > marks[ends[:-1]]).astype(np.float64)
    filled = np.maximum.accumulate(np.where(np.diff(ends) > 0, np.arange(len(any_)), -1))  # the last piece with text
    return np.where(filled < 0, 0.0, any_[filled])


def is_flag(values: Numbers) -> bool:
    """Return whether the feature is binary."""
    return bool(np.isin(values, (0.0, 1.0)).all())


class Feature(NamedTuple):
    """A feature of the text and the units that follow it, the best first; none where it does not vary on both halves."""

    name: str
    positions: int  # the number of positions at which it is not 0
    units: list[FoundUnit]


def activations(trace: Trace, stack: StackSettings, state: str = "hidden") -> Floats:
    """Return (layers, units, time) outputs h, or tanh of the memory cells of an lstm; raise SettingError for a missing state."""
    names = stack.loaded_cell.states
    if state not in names:
        raise SettingError("state", f"must be {' or '.join(names)} in a model of {stack.cell} cells, got {state}")
    values = trace.states[0] if state == "hidden" else np.tanh(trace.states[names.index(state)])
    return np.ascontiguousarray(values.transpose(0, 2, 1))  # (layers, units, time)


def followers(values: Floats, passage: Passage, count: int = 1) -> list[Feature]:
    """Return every feature with the `count` (layers, units, time) values that follow it best. Raises DataError for a short text."""
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
        best, positions = np.argsort(-np.abs(found[:, number]), kind="stable")[:count], int(np.count_nonzero(feature))
        followed = []
        for place in best[np.isfinite(found[best, number]) & np.isfinite(held_out[best, number])].tolist():
            area = area_under_curve(rows[place, half:], feature[half:] > 0) if is_flag(feature) else None
            unit = Unit(place // units + 1, place % units)
            followed.append(FoundUnit(name, positions, unit, float(found[place, number]), float(held_out[place, number]), area))
        results.append(Feature(name, positions, followed))
    return sorted(results, key=lambda one: -abs(one.units[0].correlation) if one.units else 1)


def correlations(rows: Floats, table: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return Pearson's correlations, (units, time), (features, time) -> (units, features); NaN where one does not vary."""
    return _standardised(rows) @ _standardised(table).T


def _standardised(rows: NDArray[np.floating]) -> NDArray[np.float64]:
    """Return rows of mean 0 and Euclidean norm 1; NaN for one that does not vary."""
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
    trained: LanguageModel, title: str, passage: Passage, trace: Trace, values: Floats, features: Sequence[Feature], wanted: Sequence[Unit]
) -> NeuronPage:
    """Return the page of units over a text; wanted: units to show besides those that follow a feature."""
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
        found=[unit for one in features for unit in one.units],
        wanted=wanted,
    )
