"""Tests of charnn.check.series."""

import numpy as np
import pytest

from charnn.check.contents import Finding
from charnn.check.series import Column, examine_series, standing_out
from charnn.data.series import Cells, Columns
from charnn.data.times import Clock

NONE = Finding(0, None)


def rows(*cells: str, names: str = "day,sold,rain,place") -> list[Cells]:
    return [Cells(f"a:{number}", dict(zip(names.split(","), row.split(","), strict=True))) for number, row in enumerate(cells, 2)]


ROWS = rows(
    "2020-01-01,1,0.5,Oslo",
    "2020-01-02,NA,,Rome",
    "2020-01-02,x,0.5,1",
    "2020-01-04,-7e2,.5,?",
    "2020-01-05,1e999,.50,Oslo",
    "2020-01-06,3,.50,Oslo",
)


def test_everything_is_counted() -> None:
    found = examine_series(ROWS, Columns(("sold", "rain"), 1, "day"))
    assert dict(found.columns) == {
        "day": Column("time", None, NONE, NONE, None, None, NONE, NONE),
        "sold": Column("number", "target", Finding(1, "a:3"), Finding(2, "a:4"), -700, 3, NONE, NONE),
        "rain": Column("number", "input", Finding(1, "a:3"), NONE, 0.5, 0.5, NONE, NONE),
        "place": Column("text", None, Finding(1, "a:5"), NONE, None, None, NONE, NONE),
    }
    assert (found.rows, found.first, found.last, found.clock) == (6, "2020-01-01", "2020-01-06", Clock("%Y-%m-%d", 0, 86_400.0))
    assert (found.late, found.repeated) == (Finding(2, "a:4"), Finding(1, "a:4"))


def test_the_rows_say_it_in_words() -> None:
    assert examine_series(ROWS, Columns(("sold", "rain"), 1, "day")).lines() == [
        ("times", "every day, from 2020-01-01 to 2020-01-06"),
        ("column", "sold, to predict: -700 to 3; 1 missing, first at a:3"),
        ("column", "rain, to predict from: always 0.5; 1 missing, first at a:3"),
        ("column", "place: text"),
        ("warning", "1 time repeats an earlier one, for example a:4"),
        ("warning", "2 times do not come when they should, and are read as if they did, first a:4"),
    ]


def test_times_that_do_not_rise_are_told() -> None:
    found = examine_series(rows("b,1", "a,2", names="t,x"), Columns(("x",), 1, "t"))
    assert found.lines()[-1] == ("warning", "the times cannot be read or do not rise, and are left out; the first is 'b'")


def test_where_no_columns_are_chosen_the_times_are_found() -> None:
    found = examine_series(ROWS, None)
    assert (found.columns["day"].kind, found.columns["sold"].use, found.clock is None) == ("time", None, False)
    assert examine_series(rows("b,1", "a,2", names="t,x"), None).columns["t"].kind == "text"


def test_of_very_many_columns_the_first_are_told() -> None:
    names = ",".join(f"c{number}" for number in range(3000))
    found = examine_series(rows(",".join("1" * 3000), names=names), None)
    assert [value for _, value in found.lines()][19:] == ["c19: always 1", "and 2,980 more columns"]


@pytest.mark.parametrize(
    ("change", "outliers", "jumps"),
    [
        (lambda x: x, [], []),
        (lambda x: x + 100 * (np.arange(200) == 70), [70], []),
        (lambda x: x + 100 * (np.arange(200) >= 70), [], [70]),
        (lambda x: x + 100 * (np.arange(200) == 199), [], [199]),
        (lambda x: x + 100 * (np.arange(200) == 20) + 100 * (np.arange(200) >= 150), [20], [150]),
        (lambda x: np.where(np.arange(200) == 50, np.nan, x + 100 * (np.arange(200) >= 70)), [], [70]),
        (lambda x: np.round(x / 100), [], []),
        (lambda x: x + 10 * np.arange(200), [], []),
        (lambda x: x * 1e307, [], []),
        (lambda x: np.full(200, np.nan), [], []),
    ],
)
def test_what_stands_out_is_found_where_it_is(change, outliers, jumps) -> None:
    noise = np.random.default_rng(1).normal(size=200)
    assert standing_out(change(noise)) == (outliers, jumps)
