"""Laws of axes and ticks: all that can be drawn has a place, ticks lie on the axis, are round, and can be told apart."""

import math
from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from charnn.plots.chart import LARGEST, NARROWEST, SMALLEST, Axis, Chart, Line, has_place, tick_label

FINITE = st.floats(allow_nan=False, allow_infinity=False)
ANY = st.one_of(st.floats(), st.floats(-100, 100), st.sampled_from([0.0, 1.0, -1.0, 1e7, 1e-7, 1e100, 5e-324, 1.7e308]))
VALUES = st.lists(ANY, max_size=6)


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_an_axis_has_a_length_and_a_place_for_every_number_that_can_be_drawn(values: list[float], is_log: bool) -> None:
    axis = Axis.around(values, is_log)
    assert axis.least < axis.most
    assert not is_log or axis.least > 0
    for value in values:
        if has_place(value) and (not is_log or value >= SMALLEST):
            share = axis.fraction(value)
            assert share is not None
            assert 0 <= share <= 1


@settings(deadline=None)
@given(VALUES, st.booleans())
def test_the_ends_of_an_axis_are_its_least_and_largest_number(values: list[float], is_log: bool) -> None:
    axis = Axis.around(values, is_log)
    assert (axis.fraction(axis.least), axis.fraction(axis.most)) == (0.0, 1.0)


@settings(deadline=None)
@given(FINITE, st.booleans())
def test_a_constant_stands_within_its_axis(value: float, is_log: bool) -> None:
    if not has_place(value) or (is_log and value < SMALLEST):
        return
    share = Axis.around([value, value], is_log).fraction(value)
    assert share == pytest.approx(0.5)


@settings(deadline=None)
@given(VALUES, st.booleans(), st.integers(2, 12))
@example([-1.0, -42.0], False, 2)
def test_ticks_lie_on_the_axis_in_order_and_are_not_too_many(values: list[float], is_log: bool, most: int) -> None:
    axis = Axis.around(values, is_log)
    ticks = axis.ticks(most)
    room = 1e-8 * (axis.most - axis.least)
    assert all(axis.least - room <= tick <= axis.most + room for tick in ticks)
    assert ticks == sorted(set(ticks))
    assert 1 <= len(ticks) <= most + 1


@settings(deadline=None)
@given(st.floats(-1e6, 1e6), st.floats(1e-3, 1e6))
def test_ticks_are_round_and_equally_far_apart(least: float, length: float) -> None:
    ticks = Axis.around([least, least + length], is_log=False).ticks()
    steps = {f"{second - first:.6g}" for first, second in pairwise(ticks)}
    assert len(steps) <= 1
    for step in steps:
        assert Decimal(step).normalize().as_tuple().digits in {(1,), (2,), (5,)}


@pytest.mark.parametrize(
    ("values", "is_log", "expected"),
    [
        ([0, 1], False, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([0, 3338], False, ["0", "500", "1,000", "1,500", "2,000", "2,500", "3,000"]),
        ([-1, 1], False, ["-1.0", "-0.5", "0", "0.5", "1.0"]),
        ([0, 2e-5], False, ["0", "5e-06", "1e-05", "1.5e-05", "2e-05"]),
        ([0, 3e8], False, ["0", "5e+07", "1e+08", "1.5e+08", "2e+08", "2.5e+08", "3e+08"]),
        ([1e7, 1e7 + 10], False, ["10,000,000", "10,000,002", "10,000,004", "10,000,006", "10,000,008", "10,000,010"]),
        ([1e-9, 1e3], True, ["1e-08", "1e-06", "0.0001", "0.01", "1", "100"]),
        ([3, 40], True, ["5", "10", "20"]),
        ([0.002, 0.17], True, ["0.002", "0.005", "0.01", "0.02", "0.05", "0.1"]),
        ([3, 9], True, ["3", "4", "5", "6", "7", "8", "9"]),
        ([], False, ["0", "0.2", "0.4", "0.6", "0.8", "1.0"]),
        ([math.nan, math.inf], True, ["1", "2", "5", "10"]),
    ],
)
def test_what_stands_at_the_ticks(values: list[float], is_log: bool, expected: list[str]) -> None:
    axis = Axis.around(values, is_log)
    assert [tick_label(tick, axis) for tick in axis.ticks()] == expected


@settings(deadline=None)
@given(VALUES, st.booleans(), st.integers(2, 12))
def test_ticks_can_be_told_apart_and_read_back(values: list[float], is_log: bool, most: int) -> None:
    axis = Axis.around(values, is_log)
    ticks = axis.ticks(most)
    labels = [tick_label(tick, axis, most) for tick in ticks]
    assert len(set(labels)) == len(labels)
    step = (axis.most - axis.least) / most
    assert all(
        math.isclose(float(label.replace(",", "")), tick, rel_tol=1e-5, abs_tol=step / 2) for label, tick in zip(labels, ticks, strict=True)
    )


def test_numbers_that_nobody_could_tell_apart_stand_in_one_place() -> None:
    axis = Axis.around([1.0, 1.0 + NARROWEST / 10], is_log=False)
    assert (axis.least, axis.most) == pytest.approx((0.5, 1.5))


def test_a_chart_has_room_for_lines_and_bands_and_leaves_out_what_is_not_finite() -> None:
    line = Line("", [0, 1, math.nan, 3], [1, math.inf, 2, 3], low=[-1, math.nan, 0, 0], high=[5, 0, 0, -math.inf])
    chart = Chart("", "", "", [line])
    assert list(line.points()) == [(0, 1), (3, 3)]
    assert (chart.x.least, chart.x.most, chart.y.least, chart.y.most) == (0, 3, -1, 5)


def test_what_is_too_large_to_compute_on_is_left_out() -> None:
    assert list(Line("", [0, 1], [2 * LARGEST, 1]).points()) == [(1, 1)]


def test_a_logarithm_has_no_place_for_zero() -> None:
    axis = Axis.around([0, -1, 1, 100], is_log=True)
    assert (axis.least, axis.most) == (1, 100)
    assert [axis.fraction(value) for value in (0, -1, 10)] == [None, None, pytest.approx(0.5)]
