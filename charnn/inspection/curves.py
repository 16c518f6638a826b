"""Learning curves of runs, from metrics.jsonl, which has a line per validation."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import METRICS_FILE
from charnn.errors import CheckpointError, DataError, SettingError

OVER = {"updates": ("step", 1.0), "minutes": ("seconds", 60.0), "epochs": ("epoch", 1.0), "predictions": ("predictions", 1.0)}
"""Horizontal axes: the key in a report, and the divisor of its value."""
_AGAIN = "copy the file again, or remove the line"


@dataclass(frozen=True)
class Curves:
    """The validation reports of a run."""

    name: str
    reports: Sequence[dict[str, float]]  # the numbers of each report; NaN for a loss that was not finite

    @property
    def metrics(self) -> list[str]:
        """Return the names of all metrics, in the order of their first report."""
        return list(dict.fromkeys(name for report in self.reports for name in report))

    def series(self, metric: str, over: str) -> tuple[list[float], list[float]]:
        """Return the positions of reports on an axis, and their values of a metric."""
        key, unit = OVER[over]
        found = [(report.get(key, nan) / unit, report[metric]) for report in self.reports if metric in report]
        return [x for x, _ in found], [y for _, y in found]

    @property
    def best(self) -> dict[str, float] | None:
        """Return the report with the lowest validation loss, None if there is none."""
        known = [report for report in self.reports if isfinite(report.get("valid_loss", nan))]
        return min(known, key=lambda report: report["valid_loss"], default=None)


def read_curves(runs: Sequence[str | Path]) -> list[Curves]:
    """Return the reports of run folders; raise CheckpointError for another folder, DataError with path:line for a bad line."""
    return [Curves(name, _reports(Path(run))) for name, run in zip(short_names(runs), runs, strict=True)]


def _reports(folder: Path) -> list[dict[str, float]]:
    """Return the numbers of each line, without an unfinished last line."""
    path = folder / METRICS_FILE
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file, and losses are in the run folder; give that")
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        lack = f"has no {METRICS_FILE}" if folder.is_dir() else "is no run folder"
        reason = "" if isinstance(error, FileNotFoundError | NotADirectoryError) else f": {error.strerror}"
        raise CheckpointError(f"{folder} {lack}{reason}; give a run folder that charnn train wrote") from None
    if not lines:
        raise DataError(f"{path} has no report yet; wait for the first validation")
    return [_report(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]


def check_metrics(runs: Sequence[Curves], metrics: Sequence[str]) -> None:
    """Raise SettingError for a metric that no run reported."""
    known = sorted({name for run in runs for name in run.metrics})
    for metric in metrics:
        if metric not in known:
            raise SettingError("metric", f"must be one of {', '.join(known)} for these runs, got {metric!r:.40}")


def short_names(runs: Sequence[str | Path]) -> list[str]:
    """Return the names of folders, with as many parent folders as make them different."""
    parts = [Path(run).resolve().parts for run in runs]
    lengths = [1] * len(parts)
    while True:
        names = ["/".join(one[-length:]) for one, length in zip(parts, lengths, strict=True)]
        runs_of = {name: {one for other, one in zip(names, parts, strict=True) if other == name} for name in names}
        longer = [min(length + (len(runs_of[name]) > 1), len(one)) for name, one, length in zip(names, parts, lengths, strict=True)]
        if longer == lengths:
            return names
        lengths = longer


def _report(line: bytes, where: str) -> dict[str, float]:
    """Return the numbers of a line, without booleans."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{where}: is no JSON; {_AGAIN}") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: is no report, an object of names and numbers; {_AGAIN}")
    return {name: _number(value, name, where) for name, value in found.items() if not isinstance(value, bool)}


def _number(value: Any, name: str, where: str) -> float:
    if value is None:
        return nan
    if not isinstance(value, int | float):
        raise DataError(f"{where}: {name!r:.40} should be a number, got {value!r:.40}; {_AGAIN}")
    try:
        return float(value)
    except OverflowError:
        raise DataError(f"{where}: {name!r:.40} should be a number, got one that is too large; {_AGAIN}") from None
