"""Runs the stress suites, `python -m tests.stress [NAME...] [--scale X]`; ends in a table, and exit code 1 where anything failed."""

import argparse
import importlib
import sys
import time
from collections.abc import Callable, Mapping, Sequence

from tests.stress.row import Row

SUITES = {
    "line": "tests.stress.line:run",
    "text": "tests.stress.text:run",
    "laws": "tests.stress.laws:run",
    "commands": "tests.stress.commands:run",
    "memory": "tests.stress.memory:run",
}
"""Where each suite is: a function that takes the scale, 1 for all of the work, and gives a row."""

HEAD = "| suite | done | failures | figures | seconds |\n|---|---|---|---|---|"


def main(arguments: Sequence[str] | None = None, suites: Mapping[str, str] = SUITES) -> int:
    """Runs the suites that the arguments name, by default all; gives the exit code."""
    parser = argparse.ArgumentParser("python -m tests.stress", description="Runs stress suites and prints what they found.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"suites to run, by default all: {', '.join(suites)}")
    parser.add_argument("--scale", type=float, default=1.0, metavar="X", help="share of the work, 1 by default")
    chosen = parser.parse_args(arguments)
    if unknown := [name for name in chosen.names if name not in suites]:
        parser.error(f"there is no suite {unknown[0]}; there are {', '.join(suites)}")
    if not chosen.scale > 0:
        parser.error("the scale must be above 0")
    rows: list[Row] = []
    lines: list[str] = []
    for name in chosen.names or suites:
        print(f"{name} ...", file=sys.stderr, flush=True)
        started = time.monotonic()
        rows.append(suite(suites[name])(chosen.scale))
        lines.append(line(rows[-1], time.monotonic() - started))
        print(lines[-1], file=sys.stderr, flush=True)
    print("\n".join([HEAD, *lines]))
    for row in rows:
        for example in row.examples:
            print(f"{row.suite}: {example}", file=sys.stderr)
    return int(any(row.failures for row in rows))


def suite(place: str) -> Callable[[float], Row]:
    """The function at `module:name`; the module is loaded only now."""
    module, name = place.split(":")
    function: Callable[[float], Row] = getattr(importlib.import_module(module), name)
    return function


def line(row: Row, seconds: float) -> str:
    """A row in Markdown."""
    return f"| {row.suite} | {row.done} | {row.failures} | {row.note} | {seconds:,.0f} |"


if __name__ == "__main__":
    sys.exit(main())
