"""What files of a series hold: read to the end whatever is wrong with them, examined, and summed up."""

import numpy as np

from charnn.check.contents import Contents, Opened, Problems
from charnn.check.series import examine_series, numbers_of
from charnn.data.pairs import PairFiles
from charnn.data.readers import Decoding, Source, find_sources
from charnn.data.series import Cells, Columns, Series, SeriesSettings, choose_columns, filled, no_rows, read_cells, read_row, read_times
from charnn.tasks.forecaster.division import VALID_SHARE, divided, known_season
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.forecaster.settings import ForecasterSettings


def open_series(files: PairFiles, valid: PairFiles | None, settings: ForecasterSettings, problems: Problems) -> Opened:
    """For a forecaster. Raises DataError for what is missing or unreadable."""
    sources = find_sources(files.tables)
    others = [] if valid is None else find_sources(valid.tables)

    def read() -> Contents:
        contents = Contents()
        rows = _rows(sources, settings.data, problems)
        if not rows:
            problems.add(no_rows(files.tables))
            return contents
        columns = _chosen(rows, settings.data, problems)
        _tell(contents, rows, columns)
        if columns is None:
            return contents
        held = _rows(others, settings.data, problems)
        if valid is not None and not held:
            problems.add(no_rows(valid.tables))
        known = _chosen(held, settings.data, problems) if held else None
        with problems.caught():
            # Without what is no number, which has been told by now.
            series = _series(rows, columns)
            if known is not None:
                _series(held, known)
            _tell_parts(contents, series, settings, None if valid is None else len(held))
        return contents

    return Opened([*sources, *others], read)


def _rows(sources: list[Source], settings: SeriesSettings, problems: Problems) -> list[Cells]:
    decoding = Decoding(settings.encoding, "replace", "keep")
    return [row for source in sources for row in problems.all_of(read_cells(source, decoding, problems.add))]


def _chosen(rows: list[Cells], settings: SeriesSettings, problems: Problems) -> Columns | None:
    """The columns to be used, every cell of which has been looked at; None where they cannot be told."""
    columns = None
    with problems.caught():
        columns = choose_columns(rows[0], settings)
    for row in rows if columns is not None else []:
        for name in columns.names if columns is not None else ():
            with problems.caught():
                read_row(row, [name], settings.missing)
    return columns


def _series(rows: list[Cells], columns: Columns) -> Series:
    """The rows as training reads them. Raises DataError for a column without a number."""
    values = np.stack([filled(numbers_of(rows, name), name, rows[0].where.rpartition(":")[0]) for name in columns.names], 1)
    times, clock, irregular = read_times(rows, columns.time)
    places = tuple(row.where for row in rows)
    return Series(columns.names, columns.targets, values, places, columns.time, times, clock=clock, irregular=irregular)


def _tell(contents: Contents, rows: list[Cells], columns: Columns | None) -> None:
    found = examine_series(rows, columns)
    contents.rows += found.lines()
    contents.facts |= {
        "unit": "value",
        "values": found.rows,
        "duplicates": vars(found.repeated),
        "columns": {name: column.facts() for name, column in found.columns.items()},
        "times": None if found.first is None else {"first": found.first, "last": found.last, "every": found.clock and found.clock.words},
        "late": vars(found.late),
    }


def _tell_parts(contents: Contents, series: Series, settings: ForecasterSettings, given: int | None) -> None:
    """How the series is divided, its season, and whether there is anything to learn. Raises DataError where not."""
    train, valid, held = divided(len(series), settings, None if given is not None else VALID_SHARE)
    parts = f"{train:,} to train on, {valid if given is None else given:,} to validate on, {held:,} held out"
    part = series.first(train)
    with np.errstate(all="ignore"):
        season = known_season(series, part, settings)
    contents.rows[:0] = [("values", parts)]
    contents.rows.append(("season", f"{season:,} values" if season else "none found"))
    contents.facts |= {"train": train, "valid": valid if given is None else given, "held_out": held, "season": season}
    Scaling.fit(part, settings.scaling, settings.network.horizon)
