"""What `charnn data check` found, as a person reads it."""

import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from charnn.check.histogram import length_classes
from charnn.cli.progress import clock
from charnn.files import printable
from charnn.plots.terminal import bar

if TYPE_CHECKING:
    from charnn.tasks.check import Check, Cost

MARGIN = 12
"""Columns of the names of rows."""

BAR = 40
"""Columns of the longest bar."""


def report(found: "Check", cost: "Cost | None", reason: str | None, command: str | None) -> Iterator[str]:
    """The lines: what there is, how long texts are, what training takes, warnings, the verdict."""
    rows = found.rows()
    for name, value in rows:
        if name != "warning":
            yield from _row(name, value)
    for name, counts in found.contents.lengths.items():
        yield from _histogram(name, counts)
    if cost is not None:
        yield from _row("cost", _cost(cost))
    for name, value in rows:
        if name == "warning":
            yield from _row(name, value)
    begin = "can be trained on" if cost is not None else "training was not tried; nothing found speaks against it"
    yield from _row("verdict", f"{begin}: {command}" if reason is None else f"cannot be trained on: {reason}.")


def _row(name: str, value: str) -> Iterator[str]:
    """A row, on a terminal wrapped behind its name."""
    line = f"{name:<{MARGIN}}{printable(value)}"
    if not sys.stdout.isatty():
        yield line
        return
    width = shutil.get_terminal_size().columns
    yield from textwrap.wrap(line, width, subsequent_indent=" " * MARGIN, break_long_words=False, break_on_hyphens=False)


def _histogram(name: str, counts: Mapping[int, int]) -> Iterator[str]:
    """A bar for each class of lengths."""
    classes = length_classes(counts)
    if not classes:
        return
    yield f"{'lengths':<{MARGIN}}{name}, at most {max(counts):,}"
    labels = [_span(one.least, one.most) for one in classes]
    totals = [f"{one.total:,}" for one in classes]
    most = max(one.total for one in classes)
    for label, total, one in zip(labels, totals, classes, strict=True):
        left = f"{label:>{max(map(len, labels))}}  {total:>{max(map(len, totals))}}"
        yield f"{' ' * MARGIN}{left}  {bar(one.total / most, BAR)}".rstrip()


def _span(least: int, most: int | None) -> str:
    if most is None:
        return f"from {least:,}"
    return f"{least:,}" if most == least else f"{least:,}-{most:,}"


def _cost(cost: "Cost") -> str:
    where = f"{cost.device}, {cost.threads} thread{'' if cost.threads == 1 else 's'}"
    speed = f"{cost.per_second:,.0f} {cost.unit}/s on {where}"
    epoch = f"an epoch of {cost.updates:,} updates {clock(cost.epoch_seconds)}, a validation {clock(cost.validation_seconds)}"
    memory = f"{cost.peak_bytes / 2**20:,.0f} MiB of memory"
    return f"measured here, with the defaults: preparation takes {clock(cost.preparation_seconds)}, {epoch}, {speed}, {memory}"
