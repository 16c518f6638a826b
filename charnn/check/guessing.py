"""Which task files are for, told by their names and their first lines."""

import re
from collections import Counter
from collections.abc import Collection, Sequence
from typing import NamedTuple

from charnn.data.conll import CONLLU_COLUMNS
from charnn.data.labelled import PREFIX
from charnn.data.pairs import PairFiles, names_pairs
from charnn.data.readers import Decoding, Source, find_sources, read_text
from charnn.data.series import NUMBER, SeriesSettings, choose_columns, is_missing, read_cells
from charnn.data.tables import TABLES, guess_columns
from charnn.data.times import find_clock
from charnn.errors import CharnnError, DataError

SAMPLE_LINES = 200
"""Lines that are looked at."""

CONLL_KINDS = {".conll", ".conllu", ".iob", ".bio", ".bioes"}
"""Extensions of files with a token a line."""

_TAG = re.compile(r"O|[BIES]-\S+")


class Guess(NamedTuple):
    """A task, and what tells it."""

    task: str
    because: str


def guess_task(files: PairFiles, given: Collection[str], encoding: str) -> Guess:
    """What the files are for, told by the settings that were given too. Raises DataError for what is missing or unreadable."""
    if files.source or files.target:
        if not files.source and files.tables:
            return Guess("forecaster", "only it has a --target within a file")
        return Guess("translator", "its files are parallel")
    for task, names in TELLING.items():
        for name in names:
            if name in given:
                return Guess(task, f"only it has --{name.replace('_', '-')}")
    source = find_sources(files.tables)[0]
    if source.kind in CONLL_KINDS:
        return Guess("tagger", f"{source.kind} files hold a token and its tag a line")
    if source.kind in TABLES and "label_column" in given:
        return Guess("classifier", "it is a table with a label column")
    lines = _sample(source, encoding)
    guess = _by_numbers(source, lines) or _by_table(source, lines) or _by_lines(source, lines)
    return guess or Guess("lm", "nothing tells of labels, tags, pairs or numbers")


TELLING = {
    "tagger": ("tag_column", "token_column"),
    "translator": ("source_column", "target_column", "reverse"),
    "forecaster": ("inputs", "time_column", "missing"),
    "lm": ("documents", "labels_from_files", "newlines"),
}
"""Settings that only data of this task have."""


def _by_numbers(source: Source, lines: Sequence[str]) -> Guess | None:
    """By cells that are times and numbers, or nothing but numbers, in two rows at least."""
    text = Source(source.name, source.stem, source.kind, lambda: iter(["".join(f"{line}\n" for line in lines).encode()]))
    bad: list[DataError] = []
    try:
        rows = list(read_cells(text, Decoding("utf-8", "replace", "keep"), bad.append))
        if len(rows) < max(2, len(bad)) or not rows[0].values:
            return None
        columns = choose_columns(rows[0], SeriesSettings(target=next(reversed(rows[0].values))))
    except CharnnError:
        return None
    names = [name for name in rows[0].values if name != columns.time]
    kinds = [all(NUMBER.fullmatch(row.values.get(name, "")) or is_missing(row.values.get(name, "")) for row in rows) for name in names]
    if columns.time is None:
        return Guess("forecaster", "it holds nothing but numbers") if all(kinds) else None
    is_timed = find_clock([row.values.get(columns.time, "") for row in rows])[0] is not None
    return Guess("forecaster", f"it holds times in {columns.time} and numbers") if is_timed and any(kinds) else None


def _by_table(source: Source, lines: Sequence[str]) -> Guess | None:
    """By the names of the columns."""
    if source.kind not in TABLES:
        return None
    try:
        row = next(TABLES[source.kind](source.name, [f"{line}\n" for line in lines], lambda _: None), None)
        if row is None or names_pairs(row.values):
            return None if row is None else Guess("translator", "its columns are a source and a target")
        text, label = guess_columns(row, None, None)
    except DataError:
        return None
    return Guess("classifier", f"its columns {text} and {label} are a text and a label")


def _by_lines(source: Source, lines: Sequence[str]) -> Guess | None:
    """By what every line has; of a TSV, most lines."""
    full = [line for line in lines if line.strip()]
    if not full:
        return None
    if full[0].startswith(PREFIX):
        return Guess("classifier", f"its lines begin with {PREFIX}")
    widths = Counter(line.count("\t") + 1 for line in full if not line.startswith("#"))
    if set(widths) == {len(CONLLU_COLUMNS)} or _are_tagged(lines, full):
        return Guess("tagger", "its lines are a token and a tag each, blank lines between sentences")
    if set(widths) == {2} or (source.kind == ".tsv" and 2 * widths[2] > widths.total()):
        return Guess("translator", "its lines are two texts divided by a tab")
    return None


def _are_tagged(lines: Sequence[str], full: Sequence[str]) -> bool:
    """Have all lines the same columns of single words, ending in tags of spans or parted by blank lines?"""
    rows = [re.split(r"\t" if "\t" in full[0] else r"[ \t]+", line.strip(" ")) for line in full if not line.startswith("-DOCSTART-")]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2 or any(" " in row[0] for row in rows):
        return False
    return all(_TAG.fullmatch(row[-1]) for row in rows) or ("\t" in full[0] and len(full) < len(lines))


def _sample(source: Source, encoding: str) -> list[str]:
    """The first whole lines, without their ends; none of what is no text at all."""
    pieces = read_text(source, Decoding(encoding, "replace", "keep"))
    try:
        lines = next(pieces, "").split("\n", SAMPLE_LINES)
        if len(lines) > SAMPLE_LINES or lines[-1] == "" or next(pieces, None) is not None:
            lines.pop()  # no line, or not all of one
    except DataError:
        return []
    return [line.removesuffix("\r") for line in lines]
