"""Parallel texts: tables of pairs, or files that are parallel line by line; and their split into two parts."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from charnn.data.corpus import corpus_name
from charnn.data.labelled import folded
from charnn.data.readers import Complain, Decoding, Source, check_encoding, find_sources, read_lines, read_text, refuse
from charnn.data.tables import TABLES, Row, read_tsv, text_cell
from charnn.data.tokenized import VALID_SHARE
from charnn.errors import DataError, SettingError
from charnn.settings import Settings, setting

SOURCE_COLUMNS = ("source", "src")
"""Names by which the column of the source is known when it is not said, the surest first ..."""

TARGET_COLUMNS = ("target", "tgt", "trg")
"""... and that of the target."""


@dataclass(frozen=True)
class PairSettings(Settings):
    """How files become pairs of texts."""

    source_column: str | None = setting(
        None, "Column of a CSV, TSV or JSONL file that holds the source; by default known by its name, else the first."
    )
    target_column: str | None = setting(None, "Column that holds the target; by default known by its name, else the second.")
    reverse: bool = setting(False, "Translate the other way: source and target change places.")
    encoding: str = setting("utf-8", "Encoding of the files.")
    errors: str = setting("strict", "What to do with bytes that are no text: refuse, or replace by U+FFFD.", choices=("strict", "replace"))

    def __post_init__(self) -> None:
        super().__post_init__()
        check_encoding(self.encoding)


@dataclass(frozen=True)
class PairFiles:
    """Where pairs are: tables, or files of lines that are parallel."""

    tables: Sequence[str | Path] = ()
    source: Sequence[str | Path] = ()
    target: Sequence[str | Path] = ()


@dataclass(frozen=True)
class Pair:
    """A text and its counterpart."""

    source: str
    target: str
    where: str
    """path:line, of the source where the two stand in two files."""


class PairData:
    """Files as pairs, in the order given; each reading reads them anew, in constant memory.

    Raises SettingError for files or columns that contradict each other; DataError, when made, for what is missing or unreadable;
    when read, for what is no text, or files that are not parallel.
    """

    def __init__(self, files: PairFiles, settings: PairSettings | None = None, complain: Complain = refuse) -> None:
        self.settings = settings or PairSettings()
        _check(files, self.settings)
        self.name = corpus_name([str(path) for path in files.tables or files.source])
        self._tables, self._sources, self._targets = map(find_sources, (files.tables, files.source, files.target))
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, "keep")
        self._complain = complain

    @property
    def sources(self) -> list[Source]:
        """The files that are read."""
        return [*self._tables, *self._sources, *self._targets]

    def pairs(self) -> Iterator[Pair]:
        """Every pair, also one with an empty side; empty lines of tables are skipped.

        Complains with path:line of a bad row; raises DataError when one of parallel texts ends before the other, and when there is no pair.
        """
        is_empty = True
        for pair in itertools.chain.from_iterable(map(self._table, self._tables)) if self._tables else self._parallel():
            is_empty = False
            yield Pair(pair.target, pair.source, pair.where) if self.settings.reverse else pair
        if is_empty:
            raise DataError(f"{(self._tables or self._sources)[0].name}: holds no pairs; give sources and their targets")

    def _table(self, source: Source) -> Iterator[Pair]:
        read = TABLES.get(source.kind, read_tsv)
        if read is read_tsv and not self._has_header(source):
            return _headless(source.name, self._lines(source), self._complain)
        return self._rows(read(source.name, self._lines(source), self._complain))

    def _has_header(self, source: Source) -> bool:
        """Does the first line of a TSV name its columns?"""
        if (self.settings.source_column, self.settings.target_column) != (None, None):
            return True
        cells = next((cells for _, cells in _tab_cells(self._lines(source))), [])
        return names_pairs(cells)

    def _rows(self, rows: Iterable[Row]) -> Iterator[Pair]:
        columns: tuple[str, str] | None = None
        for row in rows:
            columns = columns or _find_columns(row, self.settings.source_column, self.settings.target_column)
            try:
                pair = Pair(text_cell(row, columns[0]), text_cell(row, columns[1]), row.where)
            except DataError as error:
                self._complain(error)
            else:
                yield pair

    def _parallel(self) -> Iterator[Pair]:
        sources, targets = self._numbered(self._sources), self._numbered(self._targets)
        ends = ("", "")
        for count, (source, target) in enumerate(itertools.zip_longest(sources, targets)):
            if source is None or target is None:
                longer = count + 1 + sum(1 for _ in itertools.chain(sources, targets))
                raise DataError(self._uneven((count, longer) if source is None else (longer, count), ends))
            yield Pair(source[0], target[0], source[1])
            ends = (source[1], target[1])

    def _uneven(self, counts: tuple[int, int], ends: tuple[str, str]) -> str:
        (one, has), (other, _) = map(_names, (self._sources, self._targets))
        lines = "1 line" if counts[0] == 1 else f"{counts[0]:,} lines"
        shorter, end = (self._sources, ends[0]) if counts[0] < counts[1] else (self._targets, ends[1])
        # In a single file the count tells the place.
        place = f"; the shorter ends at {end}" if len(shorter) > 1 and end else ""
        return f"{one} {has} {lines} and {other} {counts[1]:,}{place}; give files with a line for a line"

    def _numbered(self, sources: Sequence[Source]) -> Iterator[tuple[str, str]]:
        """The lines of several files without their ends, and path:line of each."""
        for source in sources:
            for number, line in enumerate(self._lines(source), 1):
                yield _without_end(line), f"{source.name}:{number}"

    def _lines(self, source: Source) -> Iterator[str]:
        return read_lines(read_text(source, self._decoding))


def settings_for(files: PairFiles, settings: PairSettings) -> PairSettings:
    """The settings of other data as far as they have an effect on these: files of parallel lines have no columns."""
    return settings if files.tables else replace(settings, source_column=None, target_column=None)


def names_pairs(columns: Iterable[str]) -> bool:
    """Are there a source and a target among the columns, by their names?"""
    names = list(columns)
    return _known(names, SOURCE_COLUMNS) is not None and _known(names, TARGET_COLUMNS) is not None


def usable(pairs: Sequence[Pair]) -> list[Pair]:
    """The pairs whose two sides are more than white space."""
    return [pair for pair in pairs if pair.source.strip() and pair.target.strip()]


def hold_out(pairs: Sequence[Pair], share: float | None, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Training and validation part by split_pairs, a tenth unless a share is named; what has an empty side stays in training."""
    # Held out, such a pair would leave a small corpus nothing to validate on.
    train, held = split_pairs(usable(pairs) or pairs, share or VALID_SHARE, seed)
    return [*train, *(one for one in pairs if not usable([one]))], held


def split_pairs(pairs: Sequence[Pair], share: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Training and validation part: at random the share, rounded up, is held out; pairs with the same source go together.

    Sources are the same when only white space or case tells them apart. No part is empty; where few sources have many pairs, the
    share is not met. Raises DataError when there are not two different sources.
    """
    assert 0 < share < 1
    groups: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault(folded(pair.source), []).append(number)
    if len(groups) < 2:
        found = "all pairs have the same source" if len(pairs) > 1 else "there is only one" if pairs else "there is none"
        raise DataError(f"pairs for training and others for validation need two different sources, and {found}; give more, or --valid FILE")
    together = list(groups.values())
    shuffled = [together[number] for number in np.random.default_rng(seed).permutation(len(together))]
    left = math.ceil(round(share * len(pairs), 9))  # rounded first: 0.1 * 30 is a little above 3
    held: set[int] = set()
    for group in shuffled[:-1]:  # one stays to train on
        if len(group) <= left - len(held):
            held.update(group)
    if not held:
        smallest = min(shuffled, key=lambda group: len(group))
        held.update(smallest)
    return [pair for number, pair in enumerate(pairs) if number not in held], [pairs[number] for number in sorted(held)]


def _check(files: PairFiles, settings: PairSettings) -> None:
    """Raises SettingError for files or columns that contradict each other, DataError where there are no files."""
    if not (files.tables or files.source or files.target):
        raise DataError("there are no files to read; give a table of pairs, or --source FILE --target FILE")
    side, other = ("source", "target") if files.source else ("target", "source")
    if files.tables:
        if files.source or files.target:
            raise SettingError(side, "cannot be combined with a table of pairs; give one of the two")
        return
    if not (files.source and files.target):
        raise SettingError(side, f"needs a {other} file beside it, with a line for each of its lines; give --{other} too")
    for name in ("source_column", "target_column"):
        if getattr(settings, name) is not None:
            raise SettingError(name, "has no effect on files of parallel lines, which have no columns; leave it out")


def _headless(name: str, lines: Iterable[str], complain: Complain) -> Iterator[Pair]:
    """The first two cells of every line of a TSV; what follows them, such as Tatoeba's attribution, is left out."""
    for number, cells in _tab_cells(lines):
        if len(cells) == 1:
            complain(DataError(f"{name}:{number}: expected 'source<TAB>target', found no tab"))
        else:
            yield Pair(cells[0], cells[1], f"{name}:{number}")


def _tab_cells(lines: Iterable[str]) -> Iterator[tuple[int, list[str]]]:
    """The number of every line that is not empty, and its cells."""
    for number, line in enumerate(map(_without_end, lines), 1):
        if line:
            yield number, line.split("\t")


def _find_columns(row: Row, source: str | None, target: str | None) -> tuple[str, str]:
    """The columns of source and target: as said, else known by name, else of two columns the one that is left, source first.

    Raises DataError when a column that was said is missing, or one that was not said cannot be told.
    """
    for said in (source, target):
        if said is not None:
            text_cell(row, said)
    source = _known(row.values, SOURCE_COLUMNS, other=target) if source is None else source
    target = _known(row.values, TARGET_COLUMNS, other=source) if target is None else target
    if len(row.values) == 2:
        source = next(one for one in row.values if one != target) if source is None else source
        target = next(one for one in row.values if one != source) if target is None else target
    if source is None or target is None:
        unknown = [name for name, column in (("source", source), ("target", target)) if column is None]
        asked = "which column holds the" if len(unknown) == 1 else "which columns hold the"
        options = " and ".join(f"--{name}-column" for name in unknown)
        columns = ", ".join(f"{column:.40}" for column in row.values)
        raise DataError(f"{row.where}: {asked} {' and the '.join(unknown)}? say {options}; there are {columns}")
    if source == target:
        raise DataError(f"{row.where}: the column {source} cannot hold both the source and the target; say another one")
    return source, target


def _known(columns: Iterable[str], names: Sequence[str], other: str | None = None) -> str | None:
    known = {column.strip().casefold(): column for column in reversed(list(columns)) if column != other}
    return next((known[name] for name in names if name in known), None)


def _names(sources: Sequence[Source]) -> tuple[str, str]:
    """What to call the files of one text, and the verb."""
    first = sources[0].name
    return (first, "has") if len(sources) == 1 else (f"{first} and {len(sources) - 1} more", "have")


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
