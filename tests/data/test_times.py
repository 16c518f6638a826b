"""Times: read in the form they are written in, and carried on in it."""

import math
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.times import FORMATS, Clock, find_clock
from charnn.errors import CheckpointError

KNOWN = [
    (["1949-01", "1949-02", "1949-03"], "every month", 12, "1949-05"),
    (["2016-07-01 00:00:00", "2016-07-01 01:00:00"], "every hour", 24, "2016-07-01 03:00:00"),
    (["2020", "2021", "2022"], "every year", None, "2024"),
    (["2024-01-31", "2024-02-29", "2024-03-31"], "every month", 12, "2024-05-31"),
    (["2020-01-06", "2020-01-13"], "every week", 52, "2020-01-27"),
    (["2020-01-01", "2020-04-01", "2020-07-01"], "every 3 months", 4, "2021-01-01"),
    (["01.02.2020", "02.02.2020"], "every day", 7, "04.02.2020"),
    (["2020-02-28T10:00", "2020-02-28T10:15"], "every 15 minutes", 96, "2020-02-28T10:45"),
    (["2020/12/31 23:59:59", "2021/01/01 00:00:00"], "every second", 3600, "2021/01/01 00:00:02"),
    (["Jan 2020", "Feb 2020"], "every month", 12, "Apr 2020"),
]


@pytest.mark.parametrize(("times", "words", "season", "later"), KNOWN)
def test_a_series_goes_on_in_the_form_in_which_it_is_written(times, words, season, later):
    clock, irregular = find_clock(times)
    assert clock is not None
    assert (clock.words, clock.season, clock.after(times[-1], 2), irregular) == (words, season, later, 0)


@pytest.mark.parametrize("times", [["a", "b"], ["1", "2", "3"], ["2020-01-01"], ["2020-01-02", "2020-01-01"], ["2020-01-01"] * 3, []])
def test_what_is_no_rising_time_has_no_clock(times):
    assert find_clock(times) == (None, 0)


def test_times_that_do_not_come_when_they_should_are_counted():
    times = ["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-05", "2020-01-06"]
    clock, irregular = find_clock(times)
    assert (clock.words, irregular) == ("every day", 1)


@given(st.datetimes(datetime(1700, 1, 1), datetime(2300, 1, 1)), st.integers(1, 14), st.integers(1, 60))
def test_months_later_is_the_same_day_or_the_last_of_its_month(begin, months, steps):
    """Checked by counting days, which knows nothing of how the module counts months."""
    clock = Clock("%Y-%m-%d", months, 0.0)
    day = begin.strftime("%Y-%m-%d")
    later = datetime.strptime(clock.after(day, steps), "%Y-%m-%d")
    passed = (later.year - begin.year) * 12 + later.month - begin.month
    assert passed == months * steps
    was_last, is_last = ((moment + timedelta(1)).day == 1 for moment in (begin, later))
    assert later.day == begin.day or is_last
    assert is_last or not (was_last and begin.day > 27)


@given(st.datetimes(datetime(1700, 1, 1), datetime(2300, 1, 1)), st.integers(1, 10**7), st.integers(-500, 500))
def test_seconds_later_and_back_is_where_it_began(begin, seconds, steps):
    clock = Clock("%Y-%m-%d %H:%M:%S", 0, float(seconds))
    time = begin.strftime(clock.format)
    assert clock.after(clock.after(time, steps), -steps) == time


def test_angles_stand_still_over_a_whole_cycle():
    hourly, _ = find_clock(["2021-03-01 00:00", "2021-03-01 01:00"])
    assert hourly.cycles == ("month", "weekday", "hour")
    monday, next_monday, noon = hourly.time_features(["2021-03-01 00:00", "2021-03-08 00:00", "2021-03-01 12:00"])
    assert monday == next_monday
    assert monday[:4] == noon[:4]
    assert (monday[4:], noon[4:]) == ([0.0, 1.0], [pytest.approx(0.0, abs=1e-12), -1.0])
    monthly, _ = find_clock(["2021-03", "2021-04"])
    assert monthly.time_features(["2021-04"]) == [
        [pytest.approx(math.sin(2 * math.pi * 3 / 12)), pytest.approx(math.cos(2 * math.pi * 3 / 12))]
    ]
    yearly, _ = find_clock(["2021", "2022"])
    assert yearly.time_features(["2021"]) == [[]]


def test_a_clock_comes_back_from_a_model_file():
    for style in FORMATS:
        clock = Clock(style, 0, 3600.0)
        assert Clock.restore(clock.plain()) == clock


@pytest.mark.parametrize(
    "plain",
    [
        None,
        {},
        {"format": "%H", "months": 1, "seconds": 0.0},
        {"format": "%Y", "months": 0, "seconds": 0.0},
        {"format": "%Y", "months": -1, "seconds": 0.0},
        {"format": "%Y", "months": 1.5, "seconds": 0.0},
        {"format": "%Y", "months": 0, "seconds": float("inf")},
        {"format": "%Y", "months": "1", "seconds": 0.0},
        {"format": ["%Y"], "months": 1, "seconds": 0.0},
        {"format": "%Y", "months": True, "seconds": 0.0},
    ],
)
def test_a_damaged_clock_is_refused(plain):
    with pytest.raises(CheckpointError, match="the model's times are damaged"):
        Clock.restore(plain)
