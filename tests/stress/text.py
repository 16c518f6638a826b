"""Hostile text, wherever text is read: it is refused with a place, or it is read as what it is."""

import tempfile
from functools import partial
from pathlib import Path

from charnn.data.tokenized import scratch_folder
from tests.stress import odd_series, odd_text, rows, unreadable
from tests.stress.row import Row
from tests.stress.running import side_by_side


def run(scale: float = 1.0) -> Row:
    """All cases; fewer of them, evenly chosen, at a smaller scale."""
    groups = {"files": unreadable.cases(), "forms and prompts": odd_text.cases(), "tables": rows.cases(), "series": odd_series.cases()}
    chosen = {name: list(cases)[:: max(1, round(1 / scale))] for name, cases in groups.items()}
    cases = [case for group in chosen.values() for case in group]
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as place:
        found = side_by_side([partial(case.failure, Path(place)) for case in cases], Path(place))
    failures = tuple(one for one in found if one is not None)
    note = ", ".join(f"{len(group)} with {name}" for name, group in chosen.items())
    return Row("hostile text", f"{len(cases)} commands", len(failures), note, failures)
