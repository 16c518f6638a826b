"""Heat maps in a terminal: what is drawn at which width, and that it stays aligned."""

import re

import numpy as np
import pytest
from rich.cells import cell_len

from charnn.metrics.alignment import Alignment
from charnn.plots.heatmap import of_alignment
from charnn.plots.terminal import drawn_heatmap
from tests.tools import in_colour


def drawn(alignment: Alignment) -> str:
    return drawn_heatmap(of_alignment(alignment))


SMALL = Alignment(("Ein", "rotes", "Rad"), ("A", "red", "bike"), np.array([[0.8, 0.15, 0.05], [0.04, 0.5, 0.46], [0.0, 0.3, 0.7]]))

SMALL_DRAWN = """\
       r
       o
     E t R
     i e a
     n s d
   A ██░░░░
 red   ▓▓▓▓
bike   ▒▒██

░ ≥5%  ▒ ≥20%  ▓ ≥40%  █ ≥70%"""

LONG = Alignment(
    ("ich", "trinke", "grünen", "Tee", "mit", "dir", "jetzt", ",", "ja", "."),
    ("I", "tea"),
    np.array([[0.9, 0.04, 0, 0, 0, 0, 0, 0, 0, 0.06], [0.05, 0.1, 0.25, 0.6, 0, 0, 0, 0, 0, 0]]),
)

LONG_IN_20 = """\
             1
    1234567890
  I █        ░
tea ░░▒▓

1 ich  2 trinke
3 grünen  4 Tee
5 mit  6 dir
7 jetzt  8 ,  9 ja
10 ."""

LONG_IN_12 = """\
I    90% ic…
tea  60% Te…"""

WIDE_DRAWN = """\
     中 t
     文 e\u0301
我们 ███
👍ok ▓▓▓▓▓▓"""


def random(rows: int, columns: int) -> Alignment:
    words = [f"{'word' * (number % 4)}{number}" for number in range(max(rows, columns))]
    return Alignment(tuple(words[:columns]), tuple(words[:rows]), np.random.default_rng(0).dirichlet(np.full(columns, 0.1), rows))


def test_words_stand_above_the_columns() -> None:
    assert drawn(SMALL) == SMALL_DRAWN


def test_numbers_stand_above_the_columns_where_words_do_not_fit(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "20")
    assert drawn(LONG).rsplit("\n", 1)[0] == LONG_IN_20


def test_a_list_is_left_where_no_columns_fit(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "12")
    assert drawn(LONG) == LONG_IN_12
    terminal.setenv("COLUMNS", "40")
    five_times = Alignment(LONG.source * 5, LONG.target, np.hstack([LONG.weights, np.zeros((2, 40))]))
    assert drawn(five_times) == "I    90% ich  6% .  4% trinke\ntea  60% Tee  25% grünen  10% trinke"


def test_wide_letters_and_accents_stay_aligned() -> None:
    found = drawn(Alignment(("中文", "te\u0301"), ("我们", "👍ok"), np.array([[0.96, 0.04], [0.4, 0.6]])))
    assert found.rsplit("\n\n", 1)[0] == WIDE_DRAWN


def test_long_words_are_cut(terminal: pytest.MonkeyPatch) -> None:
    found = drawn(Alignment(("Donaudampfschifffahrt",), ("Rindfleischetikettierungsüberwachung",), np.ones((1, 1)))).split("\n")
    assert "".join(line.strip() for line in found[:16]) == "Donaudampfschif…"
    assert found[16] == "Rindfleischetikettierungs… ██"


@pytest.mark.parametrize("width", [10, 40, 80, 200])
@pytest.mark.parametrize("shape", [(1, 1), (12, 12), (5, 30), (3, 70), (3, 150)])
@pytest.mark.parametrize("is_coloured", [False, True])
def test_no_line_is_wider_than_the_terminal_or_ends_in_a_space(
    terminal: pytest.MonkeyPatch, width: int, shape: tuple[int, int], is_coloured: bool
) -> None:
    if is_coloured:
        in_colour(terminal)
    terminal.setenv("COLUMNS", str(width))
    lines = drawn(random(*shape)).split("\n")
    assert not any(line.endswith(" ") for line in lines)
    without_key = lines if "" not in lines else lines[:-1]
    assert max(cell_len(re.sub("\x1b\\[[0-9;]*m", "", line)) for line in without_key) <= width


def test_twelve_by_twelve_has_words_and_no_numbers_even_in_40_columns(terminal: pytest.MonkeyPatch) -> None:
    terminal.setenv("COLUMNS", "40")
    assert len(drawn(random(12, 12)).split("\n")) == len("wordwordword11") + 12 + 2


def test_a_terminal_gets_colours_the_brighter_the_stronger(terminal: pytest.MonkeyPatch) -> None:
    in_colour(terminal)
    found = drawn(Alignment(("a", "b"), ("c",), np.array([[0.0, 1.0]]))).split("\n")
    assert found[:2] == ["  a b", "c \x1b[48;2;36;36;56m  \x1b[0m\x1b[48;2;255;214;102m  \x1b[0m"]
    assert "█" not in "".join(found)


@pytest.mark.parametrize(("name", "value"), [("NO_COLOR", "1"), ("TERM", "dumb")])
def test_blocks_are_drawn_where_colours_are_unwanted(terminal: pytest.MonkeyPatch, name: str, value: str) -> None:
    in_colour(terminal)
    terminal.setenv(name, value)
    assert drawn(SMALL) == SMALL_DRAWN


def test_words_are_not_markup_and_command_nothing() -> None:
    found = drawn(Alignment(("a",), ("[bold]", ":smile:", "\x1b[31m"), np.ones((3, 1))))
    assert found.split("\n")[1:4] == [" [bold] ██", ":smile: ██", "  \ufffd[31m ██"]


def test_no_words_are_no_drawing() -> None:
    assert drawn(Alignment((), ("a",), np.zeros((1, 0)))) == ""
