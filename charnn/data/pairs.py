"""Parallel texts: tables of pairs, or files that are parallel line by line; and their split into two parts."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from charnn.data.corpus import corpus_name
from charnn.data.labelled import folded
from charnn.data.readers import Decoding, Source, find_sources, read_lines, read_text, refuse
from charnn.data.settings import OF_TABLES, PairFiles, PairSettings
from charnn.data.tables.columns import SOURCE_COLUMNS, TARGET_COLUMNS, Wanted, find_columns, header_rule, text_cell
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Row
from charnn.data.tokenized import VALID_SHARE
from charnn.errors import DataError, SettingError


@dataclass(frozen=True)
class Pair:
    """A text and its counterpart."""

    source: str
    target: str
    where: str  # path:line, of the source where the two stand in two files


class PairData:
    """Files as pairs, in the order given; each reading reads them anew, in constant memory.

    Raises SettingError for files or columns that contradict each other; DataError, when made, for what is missing or unreadable;
    when read, for what is no text, or files that are not parallel.
    """

    def __init__(self, files: PairFiles, settings: PairSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or PairSettings()
        _check(files, self.settings)
        self.name = corpus_name([str(path) for path in files.tables or files.source])
        self._tables, self._sources, self._targets = map(find_sources, (files.tables, files.source, files.target))
        self._decoding = Decoding(self.settings.encoding, self.settings.errors, "keep")
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)

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
        settings = replace(self.settings, input_format=self.settings.format_of(source.kind) or "tsv")
        given = (settings.source_column, settings.target_column)
        # Of a TSV the first line is a pair like any other, unless its columns are asked for or known by their names.
        is_plain = settings.input_format == "tsv" and given == (None, None) and settings.header is None
        rule = names_pairs if is_plain else header_rule(settings, given)
        return self.reading.items(self.reading.rows(source, settings, rule, is_ragged=True), self._columns, _pair)

    def _columns(self, row: Row) -> tuple[str, str]:
        given = (self.settings.source_column, self.settings.target_column)
        if given != (None, None) or row.header is None or row.header.is_named:
            source, target = Wanted("source", given[0], SOURCE_COLUMNS), Wanted("target", given[1], TARGET_COLUMNS)
            return find_columns(row, source, target, in_order=True)
        return ("2", "4") if is_tatoeba(row) else ("1", "2")

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
    return settings if files.tables else replace(settings, **OF_TABLES)


def names_pairs(columns: Iterable[str]) -> bool:
    """Are there a source and a target among the columns, by their names?"""
    names = {name.strip().casefold() for name in columns}
    return not names.isdisjoint(SOURCE_COLUMNS) and not names.isdisjoint(TARGET_COLUMNS)


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
    for name in OF_TABLES:
        if getattr(settings, name) != OF_TABLES[name]:
            raise SettingError(name, "has no effect on files of parallel lines, which have no columns; leave it out")


def _pair(row: Row, columns: tuple[str, ...]) -> Pair:
    if len(row.cells) < 2 and row.header is not None and not row.header.is_named:
        raise DataError(f"{row.where}: expected 'source<TAB>target', found no tab")
    return Pair(text_cell(row, columns[0]), text_cell(row, columns[1]), row.where)


def is_tatoeba(row: Row) -> bool:
    """Does a row without column names hold a number before the source and before the target, as the pairs of tatoeba.org do?"""
    cells = list(row.values.values())
    return row.header is not None and not row.header.is_named and len(cells) == 4 and cells[0].isdecimal() and cells[2].isdecimal()


def _names(sources: Sequence[Source]) -> tuple[str, str]:
    """What to call the files of one text, and the verb."""
    first = sources[0].name
    return (first, "has") if len(sources) == 1 else (f"{first} and {len(sources) - 1} more", "have")


def _without_end(line: str) -> str:
    return line.removesuffix("\n").removesuffix("\r")
