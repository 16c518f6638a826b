"""What happens to a text before it is translated and after: normal form, things carried over as they are, pieces of long texts."""

import re
import unicodedata
from collections.abc import Callable, Sequence
from typing import NamedTuple

FIRST_SIGN, SIGNS = 0xE000, 8
"""Signs that stand for what is carried over: private code points, which no text has a use for."""

_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_SIGN = re.compile(f"[{chr(FIRST_SIGN)}-{chr(FIRST_SIGN + SIGNS - 1)}]")
_KEPT = re.compile(
    r"""(?:https?://|www\.)[^\s<>"]*[\w/#=]           # web addresses, without the full stop behind them
      | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+                   # mail addresses
      | (?<![\w])\d+(?:[.,:/-]\d+)+(?![\w])            # 3.14, 10:30, 2024-01-31, 1,000
      | (?<![\w])\d{2,}(?![\w])                        # numbers of two digits and more
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"\w{4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'»”’)\]])\s+|(?<=[。！？])\s*")


class Kept(NamedTuple):
    """A text with signs in the places of what is carried over."""

    text: str
    parts: tuple[str, ...]  # what each sign stands for


def normal(text: str) -> str:
    """Unicode's composed form, one space between words, none around them; other white space, such as U+202F, stays."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def keep(text: str, signs: int = SIGNS) -> Kept:
    """Web and mail addresses and numbers of two digits and more replaced by signs, in order; equal ones by the same sign.

    Of more than so many only the first ones are; a text with signs of its own is left as it is.
    """
    parts: list[str] = []
    if _SIGN.search(text):
        return Kept(text, ())

    def sign(found: re.Match[str]) -> str:
        part = found[0]
        if part not in parts:
            if len(parts) == signs:
                return part
            parts.append(part)
        return _sign(parts.index(part))

    return Kept(_KEPT.sub(sign, text), tuple(parts))


def keep_in_pair(source: str, target: str, draw: float = 1.0, signs: int = SIGNS) -> tuple[str, str]:
    """The same for a pair to learn from: only what stands on both sides becomes a sign.

    Where nothing does and draw, a number in [0, 1), is below LEARNING, a word that stands on both sides does, so that signs are
    known even in a corpus without addresses and numbers (copied words teach copying: Currey et al. 2017).
    """
    if _SIGN.search(source) or _SIGN.search(target):
        return source, target
    there, pattern = set(_KEPT.findall(target)), _KEPT
    shared = [part for part in dict.fromkeys(_KEPT.findall(source)) if part in there]
    if not shared and draw < LEARNING:
        words, pattern = set(_WORD.findall(target)), _WORD
        shared = [word for word in dict.fromkeys(_WORD.findall(source)) if word in words][:1]
    known = {part: _sign(number) for number, part in enumerate(shared[:signs])}
    source, target = (pattern.sub(lambda found: known.get(found[0], found[0]), text) for text in (source, target))
    return source, target


LEARNING = 0.05
"""Share of the pairs without anything to carry over in which a shared word is."""


def signs_of(text: str) -> set[int]:
    """The numbers of the signs in a text."""
    return {ord(sign) - FIRST_SIGN for sign in _SIGN.findall(text)}


def put_back(text: str, parts: Sequence[str]) -> str:
    """The text with what the signs stand for; signs that stand for nothing vanish."""

    def part(found: re.Match[str]) -> str:
        number = ord(found[0]) - FIRST_SIGN
        return parts[number] if number < len(parts) else ""

    return _SIGN.sub(part, text)


def pieces(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """A text in pieces of at most so many tokens: whole sentences as long as they fit, else cut at spaces, else anywhere."""
    if length(text) <= most:
        return [text]
    return [piece for sentence in _SENTENCE_END.split(text) for piece in _cut(sentence, length, most)]


def _cut(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """Halves, and halves of them, cut at the space nearest to the middle."""
    if len(text) < 2 or length(text) <= most:
        return [text] if text.strip() else []
    middle = len(text) // 2
    after, before = text.find(" ", middle), text.rfind(" ", 0, middle)
    places = [place for place in (after, before) if place > 0]
    place = min(places, key=lambda one: abs(one - middle)) if places else middle
    return [*_cut(text[:place].strip(" "), length, most), *_cut(text[place:].strip(" "), length, most)]


def _sign(number: int) -> str:
    return chr(FIRST_SIGN + number)
