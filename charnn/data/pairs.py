"""Parallel texts: tables of pairs, or files that are parallel line by line; and their split into training and validation."""

import itertools
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from charnn.data.corpus import corpus_name
from charnn.data.labelled import folded
from charnn.data.readers import Decoding, Source, find_sources, named, not_empty, numbered_lines, refuse
from charnn.data.settings import OF_TABLES, PairFiles, PairSettings
from charnn.data.tables.columns import SOURCE_COLUMNS, TARGET_COLUMNS, Wanted, find_columns, header_rule, text_cell
from charnn.data.tables.reading import Reading
from charnn.data.tables.records import Row
from charnn.data.tokenized import VALID_FRACTION
from charnn.errors import DataError, SettingError


@dataclass(frozen=True)
class Pair:
    """A text and its translation."""

    source: str
    target: str
    where: str  # path:line, of the source where the two are in two files


class PairData:
    """Files as pairs, in order, read again each time; raises SettingError for contradictory files or columns, DataError for bad files."""

    def __init__(self, files: PairFiles, settings: PairSettings | None = None, reading: Reading | None = None) -> None:
        self.settings = settings or PairSettings()
        _check(files, self.settings)
        self.name = corpus_name([str(path) for path in files.tables or files.source])
        self._tables, self._sources, self._targets = map(find_sources, (files.tables, files.source, files.target))
        self.sources = [*self._tables, *self._sources, *self._targets]
        self._decoding = Decoding(self.settings.encoding, self.settings.errors)
        self.reading = reading or Reading(refuse, skips=self.settings.skip_bad_rows)

    def pairs(self) -> Iterator[Pair]:
        """Yield every pair, also one with an empty side; raise DataError for bad rows, files that are not parallel, and no pair."""
        found = itertools.chain.from_iterable(map(self._table, self._tables)) if self._tables else self._parallel()
        turned = (Pair(pair.target, pair.source, pair.where) if self.settings.reverse else pair for pair in found)
        return not_empty(turned, f"{(self._tables or self._sources)[0].name}: holds no pairs; give sources and their targets")

    def _table(self, source: Source) -> Iterator[Pair]:
        settings = replace(self.settings, input_format=self.settings.format_of(source.kind) or "tsv")
        given = (settings.source_column, settings.target_column)
        # The first line of a TSV is a pair like any other, unless columns are given or known by their names.
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
        lines = f"{'have' if self._sources[1:] else 'has'} {'1 line' if counts[0] == 1 else f'{counts[0]:,} lines'}"
        shorter, end = (self._sources, ends[0]) if counts[0] < counts[1] else (self._targets, ends[1])
        # In a single file the count is the place.
        place = f"; the shorter ends at {end}" if len(shorter) > 1 and end else ""
        return f"{named(self._sources)} {lines} and {named(self._targets)} {counts[1]:,}{place}; give files with a line for a line"

    def _numbered(self, sources: Sequence[Source]) -> Iterator[tuple[str, str]]:
        return itertools.chain.from_iterable(numbered_lines(source, self._decoding) for source in sources)


def settings_for(files: PairFiles, settings: PairSettings) -> PairSettings:
    """Return the settings for other files, without those of columns for files of parallel lines, which have none."""
    return settings if files.tables else replace(settings, **OF_TABLES)


def names_pairs(columns: Iterable[str]) -> bool:
    """Are there a source and a target among the columns, by their names?"""
    names = {name.strip().casefold() for name in columns}
    return not names.isdisjoint(SOURCE_COLUMNS) and not names.isdisjoint(TARGET_COLUMNS)


def usable(pairs: Sequence[Pair]) -> list[Pair]:
    """Return the pairs of which neither side is only white space."""
    return [pair for pair in pairs if pair.source.strip() and pair.target.strip()]


def hold_out(pairs: Sequence[Pair], fraction: float | None, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return training and validation part by split_pairs, by default a tenth; pairs with an empty side stay in training."""
    # Held out, such a pair would leave a small corpus nothing to validate on.
    train, valid = split_pairs(usable(pairs) or pairs, fraction or VALID_FRACTION, seed)
    return [*train, *(one for one in pairs if not usable([one]))], valid


def split_pairs(pairs: Sequence[Pair], fraction: float, seed: int) -> tuple[list[Pair], list[Pair]]:
    """Return training and validation part, a random fraction rounded up; neither is empty. Raises DataError for fewer than two sources.

    Pairs whose sources differ only in white space or case are in the same part, so the validation part may be smaller.
    """
    assert 0 < fraction < 1
    groups: dict[str, list[int]] = {}
    for number, pair in enumerate(pairs):
        groups.setdefault(folded(pair.source), []).append(number)
    if len(groups) < 2:
        found = "all pairs have the same source" if len(pairs) > 1 else "there is only one" if pairs else "there is none"
        raise DataError(f"pairs for training and others for validation need two different sources, and {found}; give more, or --valid FILE")
    together = list(groups.values())
    shuffled = [together[number] for number in np.random.default_rng(seed).permutation(len(together))]
    most = math.ceil(round(fraction * len(pairs), 9))  # rounded first: 0.1 * 30 is a little above 3
    valid: set[int] = set()
    for group in shuffled[:-1]:  # one stays to train on
        if len(valid) + len(group) <= most:
            valid.update(group)
    if not valid:
        smallest = min(shuffled, key=lambda group: len(group))
        valid.update(smallest)
    return [pair for number, pair in enumerate(pairs) if number not in valid], [pairs[number] for number in sorted(valid)]


def _check(files: PairFiles, settings: PairSettings) -> None:
    """Raise SettingError for files or columns that contradict each other, DataError where there are no files."""
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
    """Does a row without column names have a number before the source and before the target, as the pairs of tatoeba.org do?"""
    cells = list(row.values.values())
    return row.header is not None and not row.header.is_named and len(cells) == 4 and cells[0].isdecimal() and cells[2].isdecimal()
