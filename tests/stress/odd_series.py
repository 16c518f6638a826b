"""Series that no sensor sends: numbers beyond all bounds, times that go back or end with the calendar, ragged and endless rows."""

import json
from collections.abc import Iterator
from pathlib import Path

from charnn.errors import CharnnError
from tests.runs import SERIES
from tests.stress.case import Case, Check, training
from tests.stress.desk import SIGNS
from tests.stress.running import Outcome

LONG = 10_000_000
"""Characters of a long line."""

ROWS = SERIES.split("\n")[1:-1]


def table(*cells: str, header: str = "t,x") -> bytes:
    """A table of rows."""
    return "\n".join([header, *cells, ""]).encode()


def varied(row: int) -> float:
    """A number that differs from row to row."""
    return 1 + row * 7 % 11 + row / 100


def numbered(count: int = 60, *more: str) -> list[str]:
    """Rows of days and numbers."""
    return [*(f"2020-{1 + row // 28:02}-{1 + row % 28:02},{varied(row)}" for row in range(count)), *more]


NUMBERS = {
    "1e400": "1e400", "nan": "nan", "infinity": "-inf", "a number beyond its square": "1e101", "a hexadecimal": "0x10",
    "an underscore": "1_000", "a thousands separator": '"1,000"', "digits of another script": "\u0663", "a boolean": "true",
    "a word": "many", "a million digits": "9" * 1_000_000, "signs": SIGNS.strip().replace(",", ""), "two minuses": "--1",
}  # fmt: skip
"""Cells that hold no number that can be computed with: refused with their place, in the last row of 60."""

CELLS = {
    "a large number": "1e99",
    "a small one": "1e-320",
    "a negative zero": "-0.0",
    "many digits": "0" * 50_000 + "1." + "3" * 50_000,
    "a gap": "",
}
"""Cells that are read, the last one if told so."""

TIMES = {
    "go back": [f"20{99 - row}-01,{varied(row)}" for row in range(60)],
    "stand still": [f"2020-01,{varied(row)}" for row in range(60)],
    "end with the calendar": [f"{9940 + row},{varied(row)}" for row in range(60)],
    "begin with it": [f"{1 + row:04}-01-01,{varied(row)}" for row in range(60)],
    "are before the year 1000": [f"{900 + row:04}-01,{varied(row)}" for row in range(98)],
    "are no days": [f"2020-02-{row},{varied(row)}" for row in range(60)],
    "are no times": [f"day {row},{varied(row)}" for row in range(60)],
    "are of two forms": [*numbered(30), *(f"{row}.5.2021,{varied(row)}" for row in range(1, 30))],
    "are empty": [f",{varied(row)}" for row in range(60)],
    "are long": [f"{'x' * 30_000} {row},{varied(row)}" for row in range(3000)],
    "are signs": [f"{SIGNS.strip().replace(',', '')} {row},{varied(row)}" for row in range(60)],
    "jump by 9,000 years": [f"{1 + 9997 * (row % 2):04}-01-01,{varied(row)}" for row in range(60)],
    "have seconds": [f"2020-01-01 00:{row // 60:02}:{row % 60:02},{varied(row)}" for row in range(600)],
}
"""Times that can or cannot be read, and go on or not."""

SHAPES = {
    "ragged rows": (table(*numbered(60, "2020-04-01,1,2")), (1,)),
    "a quote that is not closed": (table(*numbered(30), '"2020-04-01,1', *numbered(30)), (1,)),
    "a column twice": (table(*(f"{row},{row}" for row in range(60)), header="x,x"), (1,)),
    "nothing but a header": (b"t,x\n", (1,)),
    "one row": (table("2020-01-01,1"), (1,)),
    "two rows": (table("2020-01-01,1", "2020-01-02,2"), (1,)),
    "four rows": (table(*numbered(4)), (0, 1)),
    "one value for ever": (table(*(f"2020-01-{row:02},5" for row in range(1, 29))), (1,)),
    "one value but in the end": (table(*(f"{1900 + row}-01,{int(row > 95)}" for row in range(100))), (1,)),
    "a rounding error": (table(*(f"{1900 + row}-01,{5 + 1e-15 * (row % 2)}" for row in range(100))), (1,)),
    "a straight line": (table(*(f"{1900 + row}-01,{row}" for row in range(100))), (0, 1)),
    "a mark": (b"\xef\xbb\xbf" + table(*numbered()), (0,)),
    "Windows line ends": (table(*numbered()).replace(b"\n", b"\r\n"), (0,)),
    "blank lines": (table(*(f"{row}\n\n" for row in numbered())), (0,)),
    "semicolons": (table(*numbered()).replace(b",", b";"), (0,)),
    "a NUL": (table(*numbered(60, "2020-04-01,\0")), (1,)),
    "UTF-16": (table(*numbered()).decode().encode("utf-16"), (1,)),
    "a cell of ten million characters": (table(*numbered(60, "x" * LONG + ",1")), (0, 1)),
    "a line of ten million commas": (table(*numbered(60, "," * LONG)), (1,)),
    "2,000 columns": (table(*(",".join(f"{varied(row + column)}" for column in range(2000)) for row in range(40)),
                            header=",".join(f"x{column}" for column in range(2000))), (1,)),
    "columns of signs": (table(*numbered(), header=f"t,{SIGNS.strip().replace(',', '')}"), (0,)),
    "a column without a name": (table(*numbered(), header="t,"), (0,)),
    "a header that holds a number": (table(*numbered(), header="t,2"), (0, 1)),
}  # fmt: skip
"""Tables, and how training on them may end."""

OBJECTS = {
    "half a surrogate pair as value": ({"x": "\ud800"}, (1,)),
    "half a surrogate pair as column": ({"\ud800": 1.0}, (1,)),
    "booleans": ({"x": True}, (1,)),
    "lists": ({"x": [1]}, (1,)),
    "objects": ({"x": {"y": 1}}, (1,)),
    "null": ({"x": None}, (1,)),
    "texts that are numbers": ({"x": "1.5"}, (0,)),
    "nothing": ({}, (1,)),
}
"""The last of the rows of a JSONL file, or the first where it decides which columns there are, and how training may end."""

RAW = {
    "1e999": '{"x": 1e999}',
    "NaN": '{"x": NaN}',
    "deep lists": '{"x": ' + "[" * 100_000,
    "many digits": '{"x": ' + "9" * 5000 + "}",
    "a value twice": '{"x": 1, "x": 2}',
}
"""The last line of a JSONL file."""

CHECKING = ["data", "check", "t.csv", "--task", "forecaster", "--no-measure"]


def cases() -> Iterator[Case]:
    """Learning, predicting, measuring, reading row by row, checking."""
    learn = training(["train", "forecaster", "t.csv"])
    for name, cell in NUMBERS.items():
        files = {"t.csv": table(*numbered(60, f"2020-04-01,{cell}"))}
        yield Case(f"{name} in a series", learn, (1,), files, check=_says("t.csv:62: "))
        rows = table("2011-01," + cell, "2011-02,300")
        yield Case(f"{name} in a stream", ["predict", "forecaster", "-", "--stream"], (1,), stdin=rows.replace(b"t,x", b"month,sold"))
        held = table(*(line.rpartition(",")[0] for line in ROWS), f"2011-01,{cell}", header="month,sold")
        yield Case(f"{name} to measure on", ["evaluate", "forecaster", "t.csv"], (1,), {"t.csv": held})
    for name, cell in CELLS.items():
        files = {"t.csv": table(*numbered(60, f"2020-04-01,{cell}"))}
        yield Case(f"{name} in a series", [*learn, "--missing", "interpolate"], (0,), files, check=_loads)
        files = {"t.csv": table(f"2019-12-31,{cell}", *numbered())}
        yield Case(f"{name} at the begin of a series", [*learn, "--target", "x", "--missing", "interpolate"], (0, 1), files)
        held = table(*(line.rpartition(",")[0] for line in ROWS), f"2011-01,{cell or '1'}", header="month,sold")
        yield Case(f"{name} to measure on", ["evaluate", "forecaster", "t.csv", "--json"], (0,), {"t.csv": held}, check=_is_quiet)
        yield Case(f"{name} to go on from", ["predict", "forecaster", "t.csv", "--steps", "5"], (0,), {"t.csv": held}, check=_is_quiet)
    for name, rows in TIMES.items():
        files = {"t.csv": table(*rows)}
        yield Case(f"times that {name}", [*learn, "--time-column", "t", "--target", "x"], (0, 1), files, check=_loads)
        same = {"t.csv": table(*rows, header="month,sold")}
        yield Case(f"going on with times that {name}", ["predict", "forecaster", "t.csv", "--steps", "20"], (0, 1), same)
        yield Case(f"checking times that {name}", ["data", "check", "t.csv", "--no-measure"], (0, 1), files)
        stdin = table(*rows[:60], header="month,sold")
        yield Case(f"reading times that {name}", ["predict", "forecaster", "-", "--stream"], (0, 1), stdin=stdin)
    for name, (data, codes) in SHAPES.items():
        yield Case(f"a series of {name}", learn, codes, {"t.csv": data}, check=_loads if codes == (0,) else None)
        yield Case(f"checking a series of {name}", CHECKING, codes, {"t.csv": data})
    for name, (row, codes) in OBJECTS.items():
        whole = [json.dumps({"x": varied(number)}) for number in range(60)]
        for place, lines in {"last": [*whole, json.dumps(row)], "first": [json.dumps(row), *whole]}.items():
            files = {"t.jsonl": "\n".join(lines).encode()}
            yield Case(f"{name} {place} in objects", training(["train", "forecaster", "t.jsonl"]), codes, files)
    for name, line in RAW.items():
        data = "".join(f'{{"x": {varied(number)}}}\n' for number in range(60)) + line
        yield Case(f"{name} in objects", training(["train", "forecaster", "t.jsonl"]), (0, 1), {"t.jsonl": data.encode()})
    files = {"t.csv": table(*numbered(60, "2020-04-01,0"))}
    yield Case("a logarithm of nothing", [*learn, "--log"], (1,), files, check=_says("t.csv:62: "))
    yield Case("a logarithm of less", [*learn, "--log"], (1,), {"t.csv": table(*numbered(60, "2020-04-01,-3"))}, check=_says("t.csv:62: "))
    wide = {"t.csv": SHAPES["2,000 columns"][0]}
    yield Case("2,000 columns to read", [*learn, "--target", "x7", "--inputs", "all"], (0,), wide)
    for name, options in HOSTILE.items():
        yield Case(f"a series with {name}", [*training(["train", "forecaster", "cosine"]), *options], (0, 1, 2))
    for name, options in FAR.items():
        yield Case(f"a forecast with {name}", ["predict", "forecaster", *options], (0, 1, 2), check=_is_quiet)
    for name, options in MEASURED.items():
        yield Case(f"a measurement with {name}", ["evaluate", "forecaster", "series.csv", *options], (0, 1, 2), check=_is_quiet)


HOSTILE = {
    "a horizon of 10,000": ["--horizon", "10000"],
    "a horizon of 2,000": ["--horizon", "2000", "--held-out", "0"],
    "a window of a million": ["--window", "1000000"],
    "differences to 100,000 before": ["--difference", "100000"],
    "differences to 2,400 before": ["--difference", "2400"],
    "a season of 100,000": ["--season", "100000"],
    "a hundred million held out": ["--held-out", "100000000"],
    "all held out": ["--held-out", "3000"],
    "all quantiles of 1,000 steps": ["--horizon", "1000", "--objective", "quantile"],
}
"""Settings that ask for too much."""

FAR = {
    "20,000 steps": ["--steps", "20000"],
    "100,000 steps, beyond the calendar": ["--steps", "100000"],
    "a million steps and an interval": ["--steps", "1000000", "--interval", "0.9"],
    "1,000 steps and an interval": ["--steps", "1000", "--interval", "0.999999999"],
    "an interval of next to nothing": ["--interval", "1e-300"],
}

MEASURED = {
    "a horizon of all": ["--last", "100", "--horizon", "100"],
    "a horizon beyond all": ["--last", "5", "--horizon", "6"],
    "more than there is": ["--last", "100000"],
    "all but the first": ["--last", "119"],
    "all": ["--last", "120"],
    "wide strides": ["--stride", "1000000"],
}


def _says(words: str) -> Check:
    return lambda outcome, folder: None if words in outcome.errors else f"does not say {words!r}: {outcome.errors[-300:]!r}"


def _loads(outcome: Outcome, folder: Path) -> str | None:
    """Can what was trained be used?"""
    from charnn.tasks.load import load

    try:
        steps = load(folder / "new").predict(steps=3).values
    except CharnnError as error:
        return f"cannot be used: {error}"
    return None if steps.shape == (3, 1) else f"forecasts of shape {steps.shape}"


def _is_quiet(outcome: Outcome, folder: Path) -> str | None:
    return f"says {outcome.errors[-300:]!r}" if "Warning" in outcome.errors else None
