"""Charts as files: what stands in them is what was said, whatever the numbers and names."""

import math
import sys
import warnings
from pathlib import Path
from xml.etree import ElementTree

import pytest

from charnn.errors import SettingError, StorageError
from charnn.plots.chart import Chart, Line
from charnn.plots.picture import FONTS, PICTURES, check_place, listed, picture, write_chart

pytest.importorskip("matplotlib")

HOSTILE = ["$x$", "<b>&\"'", "_hidden", "中文 👍", "a" * 200, "\x1b[31m\udcff"]


def texts(path: Path) -> list[str]:
    """What an SVG says: matplotlib draws letters as shapes, and says them in comments."""
    parser = ElementTree.XMLParser(target=ElementTree.TreeBuilder(insert_comments=True))
    tree = ElementTree.parse(path, parser)
    return [(node.text or "").strip() for node in tree.iter() if node.tag is ElementTree.Comment]


def lines_of(path: Path) -> list[str]:
    """The outlines of the lines that are drawn in an SVG."""
    tree = ElementTree.parse(path)
    return [node.get("id", "") for node in tree.iter() if node.get("id", "").startswith("line2d")]


def test_title_labels_and_names_are_said_as_they_are(tmp_path: Path) -> None:
    lines = [Line(name, [0, 1, 2], [number, 1, 2], notes=["<n>", "", "$m$"]) for number, name in enumerate(HOSTILE[:4])]
    write_chart(tmp_path / "chart.svg", Chart("A <title> for $x$ & more", "x_1 < $2$", "nats & bits", lines))
    said = texts(tmp_path / "chart.svg")
    wanted = ["A <title> for $x$ & more", "x_1 < $2$", "nats & bits", *HOSTILE[:4], "<n>", "$m$"]
    assert {one.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&") for one in said} >= set(wanted)


def test_what_would_break_a_file_or_a_line_is_shown_as_a_sign(tmp_path: Path) -> None:
    write_chart(tmp_path / "chart.svg", Chart("two\nlines\x00", "", "", [Line(HOSTILE[5], [0, 1], [0, 1])]))
    assert {"two lines\ufffd", "\ufffd[31m\ufffd"} <= set(texts(tmp_path / "chart.svg"))


@pytest.mark.parametrize("is_log", [False, True])
@pytest.mark.parametrize(
    "lines",
    [
        [],
        [Line("", [], [])],
        [Line("one", [3], [4])],
        [Line("constant", [1, 2], [5, 5])],
        [Line("zeros", [0, 1], [0, 0])],
        [Line("huge", [0, 1], [-1e308, 1e308])],
        [Line("large", [0, 1], [-1e99, 1e99])],
        [Line("small", [0, 1], [0, 5e-324])],
        [Line("none", [math.nan, 1, math.inf], [1, math.inf, math.nan], low=[0, math.nan, 1], high=[1, 2, math.inf])],
        [Line(name, [0, 1], [number, 1]) for number, name in enumerate(HOSTILE * 4)],
    ],
    ids=lambda lines: lines[0].name[:8] if lines else "nothing",
)
def test_a_picture_is_drawn_without_a_warning(tmp_path: Path, lines: list[Line], is_log: bool) -> None:
    had_pyplot = "matplotlib.pyplot" in sys.modules
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write_chart(tmp_path / "chart.png", Chart("title", "x", "y", lines, is_log_x=is_log, is_log_y=is_log))
    assert (tmp_path / "chart.png").read_bytes().startswith(b"\x89PNG\r\n")
    assert ("matplotlib.pyplot" in sys.modules) == had_pyplot


def test_the_ticks_of_a_picture_are_those_of_the_axis(tmp_path: Path) -> None:
    write_chart(tmp_path / "chart.svg", Chart("", "", "", [Line("", [0, 3000], [1e-6, 10])], is_log_y=True))
    assert {"0", "500", "1,000", "3,000", "1e-06", "0.0001", "0.01", "1", "10"} <= set(texts(tmp_path / "chart.svg")) | {"10"}


def test_many_lines_differ_in_colour_or_stroke(tmp_path: Path) -> None:
    """After eight lines the colours began anew, and nothing told the ninth from the first."""
    from matplotlib.figure import Figure

    from charnn.plots import picture

    figure = Figure()
    picture._fill(figure, Chart("", "", "", [Line(str(number), [0, 1], [0, number]) for number in range(20)]))
    looks = [(line.get_color(), line.get_linestyle()) for line in figure.axes[0].get_lines()]
    assert len(set(looks)) == 20


def test_a_single_point_can_be_seen() -> None:
    """A line from one point to itself is nothing; it needs a mark."""
    from matplotlib.figure import Figure

    from charnn.plots import picture

    figure = Figure()
    picture._fill(figure, Chart("", "", "", [Line("", [1], [2])]))
    assert figure.axes[0].get_lines()[0].get_marker() == "."


def test_the_option_that_named_a_bad_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(SettingError) as raised:
        write_chart(tmp_path / "chart.gif", Chart("", "", "", []), "to")
    assert str(raised.value) == f"to must end in .png or .svg, got {tmp_path / 'chart.gif'}"


def test_suffixes_are_listed_as_a_person_would() -> None:
    assert [listed(names) for names in ([".png"], PICTURES, (".png", ".svg", ".html"))] == [".png", ".png or .svg", ".png, .svg or .html"]


def test_a_place_is_checked_before_anything_is_drawn(tmp_path: Path) -> None:
    nothing = Chart("", "", "", None)  # type: ignore[arg-type]  # which cannot be drawn
    with pytest.raises(SettingError, match=r"^to must end in \.png or \.svg, got "):
        write_chart(tmp_path / "a.jpg", nothing, "to")
    with pytest.raises(StorageError, match="there is no folder"):
        write_chart(tmp_path / "none" / "a.png", nothing)
    (tmp_path / "b.png").mkdir()
    with pytest.raises(StorageError, match="it is a folder"):
        write_chart(tmp_path / "b.png", nothing)


def test_a_good_place_says_nothing_and_makes_nothing(tmp_path: Path) -> None:
    check_place(tmp_path / "a.PNG", PICTURES, "plot")
    assert list(tmp_path.iterdir()) == []


def test_a_picture_is_written_whole_and_what_failed_leaves_the_old_one(tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    write_chart(path, Chart("", "", "", []))
    before = path.read_bytes()
    with pytest.raises(TypeError):
        write_chart(path, Chart("", "", "", None))  # type: ignore[arg-type]  # fails while it is drawn
    assert path.read_bytes() == before
    assert [one.name for one in tmp_path.iterdir()] == ["a.png"]


def test_letters_come_from_the_fonts_that_are_there() -> None:
    from matplotlib import rcParams

    seen: list[list[str]] = []
    picture(lambda figure: seen.append(list(rcParams["font.family"])), (1, 1), "svg", "plot")
    assert set(seen[0]) <= set(FONTS)
    assert seen[0][0] == "DejaVu Sans"
