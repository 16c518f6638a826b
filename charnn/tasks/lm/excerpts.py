"""Parts of a long text with what stands around them, and where: in one reading, nothing else of it held."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple


class Excerpt(NamedTuple):
    """A part of a text in its surroundings."""

    where: str
    """Where it begins, as far as that is known."""
    before: str
    text: str
    after: str


def excerpts(parts: Sequence[tuple[int, int]], pieces: Iterable[tuple[str, str]], before: int, after: int) -> list[Excerpt]:
    """Each part, by its place and length, with so many characters before and after it; pieces: a text, each with where it stands."""
    spans = [(max(0, place - before), place + length + after) for place, length in parts]
    texts, places = ["" for _ in parts], ["" for _ in parts]
    waiting, position = set(range(len(parts))), 0
    for text, where in pieces:
        if not waiting:
            break
        end = position + len(text)
        for number in [one for one in waiting if spans[one][0] < end]:
            first, last = spans[number]
            texts[number] += text[max(0, first - position) : max(0, last - position)]
            if position <= parts[number][0] < end:
                places[number] = where
            if last <= end:
                waiting.remove(number)
        position = end
    rows = zip(places, texts, parts, spans, strict=True)
    return [Excerpt(where, *divided(text, place - first, length)) for where, text, (place, length), (first, _) in rows]


def divided(text: str, begin: int, length: int) -> tuple[str, str, str]:
    """What stands before a part, the part, and what stands after it."""
    return text[:begin], text[begin : begin + length], text[begin + length :]
