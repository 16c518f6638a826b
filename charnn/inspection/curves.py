"""What training reported: the lines of metrics.jsonl, one a validation."""

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isfinite, nan
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import METRICS_FILE
from charnn.errors import CheckpointError, DataError, SettingError

OVER = {"updates": ("step", 1.0), "minutes": ("seconds", 60.0), "epochs": ("epoch", 1.0), "predictions": ("predictions", 1.0)}
"""What reports may be drawn over: their key, and what that is divided by."""

LOSSES = ("train_loss", "valid_loss")


@dataclass(frozen=True)
class Curves:
    """The reports of a run."""

    name: str
    reports: Sequence[dict[str, float]]
    """Each report's numbers; not a number where a loss was none."""

    @property
    def metrics(self) -> list[str]:
        """What was reported, in the order in which it came."""
        return list(dict.fromkeys(name for report in self.reports for name in report))

    def series(self, metric: str, over: str) -> tuple[list[float], list[float]]:
        """Where on the axis a report stands, and what it said."""
        key, unit = OVER[over]
        found = [(report.get(key, nan) / unit, report[metric]) for report in self.reports if metric in report]
        return [x for x, _ in found], [y for _, y in found]

    @property
    def best(self) -> dict[str, float] | None:
        """The report with the lowest validation loss; None where there is no such loss."""
        known = [report for report in self.reports if isfinite(report.get("valid_loss", nan))]
        return min(known, key=lambda report: report["valid_loss"], default=None)


def read_curves(runs: Sequence[str | Path]) -> list[Curves]:
    """The reports of run folders. Raises CheckpointError for what is none, DataError with path:line for a bad line."""
    return [Curves(name, list(read_reports(Path(run)))) for name, run in zip(short_names(runs), runs, strict=True)]


def read_reports(folder: Path) -> Iterator[dict[str, float]]:
    """The numbers of each line, but for a last one that is not written to its end. Raises CheckpointError, DataError."""
    path = folder / METRICS_FILE
    if folder.is_file():
        raise CheckpointError(f"{folder} is a file, and the losses of a run are in its folder; give that")
    try:
        *lines, _ = path.read_bytes().split(b"\n")
    except OSError as error:
        known = "give a run folder that charnn train wrote"
        said = f"holds no {METRICS_FILE}" if folder.is_dir() else "is no run folder"
        reason = "" if isinstance(error, FileNotFoundError | NotADirectoryError) else f": {error.strerror}"
        raise CheckpointError(f"{folder} {said}{reason}; {known}") from None
    if not lines:
        raise DataError(f"{path} holds no report yet; the first comes with the first validation")
    for number, line in enumerate(lines, 1):
        yield _report(line, f"{path}:{number}")


def check_metrics(runs: Sequence[Curves], metrics: Sequence[str]) -> None:
    """Raises SettingError for a metric that no run reported, with those that there are."""
    known = sorted({name for run in runs for name in run.metrics})
    for metric in metrics:
        if metric not in known:
            raise SettingError("metric", f"must be one of {', '.join(known)} for these runs, got {metric!r:.40}")


def short_names(runs: Sequence[str | Path]) -> list[str]:
    """The folders' names, with as much of the path before them as tells them apart."""
    parts = [Path(run).resolve().parts for run in runs]
    lengths = [1] * len(parts)
    while True:
        names = ["/".join(one[-length:]) for one, length in zip(parts, lengths, strict=True)]
        longer = [
            min(length + any(name == other and one != another for other, another in zip(names, parts, strict=True)), len(one))
            for name, one, length in zip(names, parts, lengths, strict=True)
        ]
        if longer == lengths:
            return names
        lengths = longer


def _report(line: bytes, where: str) -> dict[str, float]:
    """A line's numbers; what is true or false is none."""
    try:
        found = json.loads(line)
    except (ValueError, RecursionError):
        raise DataError(f"{where}: is no JSON; {_AGAIN}") from None
    if not isinstance(found, dict):
        raise DataError(f"{where}: is no report, which has names and numbers; {_AGAIN}")
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


_AGAIN = "copy the file anew, or take the line out"
