"""Charts in a terminal: every point at its place, whatever the numbers, the names and the width."""

import math
import re

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from charnn.plots.chart import Chart, Line
from charnn.plots.letters import bar
from charnn.plots.terminal import DOTS, MARKS, Canvas, drawn
from tests.tools import in_colour

ESCAPE = re.compile("\x1b\\[[0-9;]*m")

PLAIN = """\
Losses
nats
4 ┤**
  │ **
  │  **
  │    **
3 ┤     **
  │      **
  │        **
  │         **
2 ┤          **
  │           **
  │             **
1 ┤              **
  │               **
  │                 **
  │                  **
0 ┤                   **
  └┬─────────┬─────────┬
   0         1         2
                 updates"""


def chart(*lines: Line, **options: object) -> Chart:
    return Chart("Losses", "updates", "nats", lines, **options)  # type: ignore[arg-type]


def test_a_line_falls_from_its_first_tick_to_its_last() -> None:
    assert drawn(chart(Line("", [0, 2], [4, 0])), 24) == PLAIN


@settings(deadline=None)
@given(st.lists(st.tuples(st.floats(-1e9, 1e9), st.floats(-1e9, 1e9)), min_size=1, max_size=8), st.booleans())
def test_every_point_is_a_dot_at_its_place(points: list[tuple[float, float]], is_coloured: bool) -> None:
    """The place is reckoned here from the least and the largest number alone."""
    one = chart(Line("", [x for x, _ in points], [y for _, y in points], is_joined=False))
    canvas = Canvas(30, 10, is_coloured)
    canvas.draw(one.lines[0], one.x, one.y, 0)
    rows = ["".join(text for text, _ in row) for row in canvas.rows()]
    for x, y in points:
        column = round((x - one.x.least) / (one.x.most - one.x.least) * 59)
        row = round((1 - (y - one.y.least) / (one.y.most - one.y.least)) * 39)
        found = rows[row // 4][column // 2]
        assert (ord(found) - 0x2800) & DOTS[row % 4][column % 2] if is_coloured else found == MARKS[0]
    dots = sum(bin(ord(found) - 0x2800).count("1") for row in rows for found in row if found != " ") if is_coloured else 0
    assert dots <= len(points)


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize("width", [10, 24, 40, 80, 500])
@pytest.mark.parametrize("is_coloured", [False, True])
@settings(deadline=None, max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(st.lists(st.floats(), max_size=4), max_size=3),
    st.sampled_from(["", "a", "名前 of a run " * 9, "\x1b[31m", "[bold]x", "e\u0301👍\n\t"]),
)
def test_no_line_is_wider_than_the_terminal_whatever_is_drawn(
    terminal: pytest.MonkeyPatch, width: int, is_log: bool, is_coloured: bool, rows: list[list[float]], name: str
) -> None:
    if is_coloured:
        in_colour(terminal)
    lines = [Line(name, list(map(float, range(len(row)))), row, low=row, high=row) for row in rows]
    found = drawn(Chart(name, name, name, lines, is_log_x=is_log, is_log_y=is_log), width)
    said = ESCAPE.sub("", found)
    assert "\x1b" not in said
    assert max(map(cell_len, said.split("\n"))) <= min(max(width, 24), 110)


def test_ticks_stand_in_the_rows_and_columns_of_what_they_name() -> None:
    """A tick's row was reckoned in characters, the line's in dots, and so they were a row apart."""
    for number in range(11):
        found = drawn(chart(Line("", [0, number, 10], [0, number, 10], is_joined=False)), 60).split("\n")
        rows = {line.split("┤")[0].strip(): line for line in found if "┤" in line}
        if str(number) in rows:
            assert "*" in rows[str(number)]
        axis, labels = found[-3], found[-2]
        if f" {number} " in labels:
            column = labels.index(f" {number} ") + 1
            assert axis[column] == "┬"
            assert any(line[column] == "*" for line in found[2:-3] if len(line) > column)


def test_the_numbers_below_a_chart_stand_apart() -> None:
    for most in (1, 7, 123_456, 1e9):
        for width in (24, 33, 60, 110):
            labels = drawn(chart(Line("", [0, most], [0, 1])), width).split("\n")[-2].split()
            assert len(labels) == len(set(labels))
            assert all(re.fullmatch(r"[\d,.]+(e[+-]\d+)?", label) for label in labels)


def test_names_stand_below_and_the_last_line_is_on_top() -> None:
    found = drawn(chart(Line("first", [0, 1], [1, 1]), Line("中文", [0, 1], [1, 1])), 40).split("\n")
    assert found[-1] == "* first   + 中文"
    assert "*" not in "".join(found[:-1])


def test_many_names_take_several_lines() -> None:
    found = drawn(chart(*(Line(f"run {number}", [0, 1], [number, 0]) for number in range(8))), 40).split("\n")
    assert found[-2:] == ["* run 0   + run 1   o run 2   x run 3", "# run 4   @ run 5   % run 6   & run 7"]


def test_a_band_has_dotted_edges_and_what_is_not_finite_is_left_out() -> None:
    found = drawn(chart(Line("", [0, 1, 2], [0.0, math.nan, 0.0], low=[-1, math.inf, -1], high=[1, 1, 1])), 40)
    rows = [re.split("[│┤]", line)[1] for line in found.split("\n") if re.search("[│┤]", line)]
    assert [row.count(".") for row in (rows[0], rows[-1])] == [3, 2]
    assert sum(row.count(".") for row in rows) == 5


def test_zeros_are_left_out_of_a_logarithmic_axis() -> None:
    with_zero = chart(Line("", [0, 1, 2, 3], [0, 1, 10, 100]), is_log_y=True)
    without = chart(Line("", [0, 1, 2, 3], [math.nan, 1, 10, 100]), is_log_y=True)
    assert drawn(with_zero, 40) == drawn(without, 40)


@pytest.mark.parametrize("lines", [(), (Line("", [], []),), (Line("", [math.nan], [1.0]),)])
def test_nothing_is_an_empty_chart(lines: tuple[Line, ...]) -> None:
    found = drawn(chart(*lines), 40)
    assert "*" not in found
    assert found.startswith("Losses\nnats\n1.0 ┤")


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_marks_are_drawn_where_colours_are_unwanted(terminal: pytest.MonkeyPatch, name: str, value: str) -> None:
    in_colour(terminal)
    terminal.setenv(name, value)
    assert ESCAPE.sub("", drawn(chart(Line("", [0, 2], [4, 0])), 24)) == PLAIN


def test_a_terminal_gets_dots_in_the_colour_of_each_line(terminal: pytest.MonkeyPatch) -> None:
    in_colour(terminal)
    found = drawn(chart(Line("a", [0, 1], [0, 0]), Line("b", [0, 1], [1, 1])), 40)
    assert set("⠉⣀") & set(found)
    assert len(set(ESCAPE.findall(found))) >= 4  # bold, two colours, back to none
    assert found.endswith("\x1b[0m b")


def test_a_bar_is_as_long_as_its_fraction() -> None:
    assert [bar(share, 4) for share in (0, 1e-9, 0.125, 0.5, 1, 7, -1)] == ["", "▏", "▌", "██", "████", "████", ""]
