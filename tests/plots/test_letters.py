"""Words in drawings: by the columns that a terminal gives them."""

from hypothesis import given, settings
from hypothesis import strategies as st
from rich.cells import cell_len

from charnn.plots.letters import cut, ends, letters_of, one_line, upright, visible, wrapped


@settings(deadline=None)
@given(st.text(max_size=40), st.integers(1, 20))
def test_a_word_is_cut_to_its_columns_and_stays_where_it_fits(word: str, width: int) -> None:
    word = one_line(word)
    found = cut(word, width)
    assert cell_len(found) <= width
    assert (found == word) == (cell_len(word) <= width)


@settings(deadline=None)
@given(st.lists(st.text("ab中 ", max_size=12), max_size=8), st.integers(2, 30))
def test_parts_are_wrapped_into_lines_that_fit_and_none_is_lost(parts: list[str], width: int) -> None:
    lines = list(wrapped(parts, width, " "))
    assert all(cell_len(line) <= width for line in lines)
    assert "".join(lines).replace(" ", "") == "".join(cut(part, width) for part in parts).replace(" ", "")


def test_one_line_commands_nothing() -> None:
    assert one_line(" a\n\tb\x1b[31m\udcff ") == "a b\ufffd[31m\ufffd"
    assert visible(" a\n\tb\r") == " a⏎⇥b⏎"
    assert visible("a\x1b\u202eb\r\n") == "a\ufffd\ufffdb⏎"


def test_the_end_of_a_text_has_its_columns() -> None:
    assert (ends("abc\n", 4), ends("abcdef", 4), ends("中中中", 4)) == ("abc⏎", "…def", "…中")


def test_letters_keep_their_accents_and_stand_on_each_other() -> None:
    assert letters_of("te\u0301x") == ["t", "e\u0301", "x"]
    assert list(upright([["a"], list("bcd")], 2)) == ["  b ", "  c ", "a d "]
    assert list(upright([], 2)) == []


def test_nothing_is_one_empty_line() -> None:
    assert list(wrapped([], 10)) == [""]
