"""Parts of a long text, found in one reading of its pieces."""

from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.tasks.lm.data import excerpts

PIECES = st.lists(st.text("ab\n", min_size=1, max_size=8), max_size=8)


@settings(deadline=None)
@given(PIECES, st.lists(st.tuples(st.integers(0, 60), st.integers(1, 9)), max_size=4), st.integers(0, 5), st.integers(0, 5))
def test_parts_are_those_of_the_joined_text_and_stand_in_their_pieces(
    pieces: list[str], parts: list[tuple[int, int]], before: int, after: int
) -> None:
    text = "".join(pieces)
    parts = [(place, length) for place, length in parts if place + length <= len(text)]
    found = excerpts(parts, [(piece, str(number)) for number, piece in enumerate(pieces)], before, after)
    owners = [str(number) for number, piece in enumerate(pieces) for _ in piece]
    for (place, length), one in zip(parts, found, strict=True):
        end = place + length
        assert one == (owners[place], text[max(0, place - before) : place], text[place:end], text[end : end + after])
