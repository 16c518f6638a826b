"""The data of a forecaster, a series: recognised and checked."""

from dataclasses import replace
from itertools import product

import numpy as np

from charnn.check.contents import Contents, Opened, Problems
from charnn.check.guessing import Look
from charnn.check.series import examine_series, numbers_of
from charnn.data.readers import Source, find_sources
from charnn.data.series import NUMBER, Cells, Columns, Series, choose_columns, filled, is_missing, no_rows, read_cells, read_row, read_times
from charnn.data.settings import SeriesSettings
from charnn.data.tables.reading import Reading
from charnn.data.times import find_clock
from charnn.errors import CharnnError
from charnn.tasks.forecaster.data import VALID_FRACTION, divided, season_of
from charnn.tasks.forecaster.scaling import Scaling
from charnn.tasks.forecaster.settings import ForecasterInputs, ForecasterSettings
from charnn.training.model import Sources


def _by_cells(look: Look) -> str | None:
    """Return the reason where a table contains times and numbers, or nothing but numbers."""
    rows = look.cells
    if not rows or not rows[0].values:
        return None
    try:
        time = choose_columns(rows[0], SeriesSettings(target=next(reversed(rows[0].values)))).time
    except CharnnError:
        return None
    columns = [[row.values.get(name, "") for row in rows] for name in rows[0].values if name != time]
    are_numbers = [all(NUMBER.fullmatch(cell) or is_missing(cell) for cell in column) for column in columns]
    if time is None:
        return "it contains nothing but numbers" if all(are_numbers) else None
    is_timed = find_clock([row.values.get(time, "") for row in rows])[0] is not None
    return f"it contains times in {time} and numbers" if is_timed and any(are_numbers) else None


RECOGNISERS = {
    "files": lambda look: "only it has a --target within a file" if look.files.target and not look.files.source else None,
    "options": lambda look: look.option("inputs", "time_column", "missing"),
    "cells": _by_cells,
}


def open_data(sources: Sources, settings: ForecasterSettings, inputs: ForecasterInputs, problems: Problems) -> Opened:
    """Return the files and a function that reads them; raise DataError for missing or unreadable files."""
    files, others = (find_sources(paths) for paths in (sources.corpus, sources.valid))

    def read() -> Contents:
        contents, reading = Contents(), Reading(problems.add, skips=settings.data.skip_bad_rows)
        rows = _rows(files, settings.data, reading, problems)
        if not rows:
            problems.add(no_rows(sources.corpus))
            return contents
        columns = _chosen(rows, settings.data, problems)
        contents.rows += reading.facts()
        _describe(contents, rows, columns)
        if columns is None:
            return contents
        valid = _rows(others, settings.data, reading, problems)
        if sources.valid and not valid:
            problems.add(no_rows(sources.valid))
        known = _chosen(valid, settings.data, problems) if valid else None
        with problems.caught():
            # Cells that are not numbers are missing values here, and among the problems already.
            series = _series(rows, columns)
            if known is not None:
                _series(valid, known)
            _add_parts(contents, series, settings, len(valid) if sources.valid else None)
        return contents

    return Opened([*files, *others], read)


def _rows(sources: list[Source], settings: SeriesSettings, reading: Reading, problems: Problems) -> list[Cells]:
    settings = replace(settings, errors="replace")
    return [row for source in sources for row in problems.all_of(read_cells(source, settings, reading))]


def _chosen(rows: list[Cells], settings: SeriesSettings, problems: Problems) -> Columns | None:
    """Return the columns to train on, and add problems in their cells; None where the columns are not clear."""
    with problems.caught():
        columns = choose_columns(rows[0], settings)
        for row, name in product(rows, columns.names):
            with problems.caught():
                read_row(row, [name], settings.missing)
        return columns
    return None


def _series(rows: list[Cells], columns: Columns) -> Series:
    """Return the rows as training reads them; raise DataError for a column without a number."""
    values = np.stack([filled(numbers_of(rows, name), name, rows[0].where.rpartition(":")[0]) for name in columns.names], 1)
    times, clock, irregular = read_times(rows, columns.time)
    places = tuple(row.where for row in rows)
    return Series(columns.names, columns.targets, values, places, columns.time, times, clock=clock, irregular=irregular)


def _describe(contents: Contents, rows: list[Cells], columns: Columns | None) -> None:
    found = examine_series(rows, columns)
    contents.rows += found.lines()
    facts = {name: column.facts() for name, column in found.columns.items()}
    times = None if found.first is None else {"first": found.first, "last": found.last, "every": found.clock and found.clock.words}
    contents.facts |= {"unit": "value", "values": found.rows, "duplicates": vars(found.repeated), "columns": facts}
    contents.facts |= {"times": times, "late": vars(found.late)}


def _add_parts(contents: Contents, series: Series, settings: ForecasterSettings, given: int | None) -> None:
    """Add the sizes of the parts, `given` for validation files, and the season; raise DataError where there is nothing to learn."""
    train, valid, held_out = divided(len(series), settings, None if given is not None else VALID_FRACTION)
    valid = valid if given is None else given
    part = series.first(train)
    with np.errstate(all="ignore"):
        season = season_of(series, part, settings)
    contents.rows.insert(0, ("values", f"{train:,} to train on, {valid:,} to validate on, {held_out:,} held out"))
    contents.rows.append(("season", f"{season:,} values" if season else "none found"))
    contents.facts |= {"train": train, "valid": valid, "held_out": held_out, "season": season}
    Scaling.fit(part, settings.scaling, settings.network.horizon)
