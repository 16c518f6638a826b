"""Words and marks of every script, as Unicode classes for patterns of the library `regex`; and raw text as tokens for taggers.

Letters, combining marks and numbers make words, and so do the invisible characters that join them: Persian and Indic words
contain U+200C and U+200D. An ideograph or kana is a word, since no space divides it from the next. Punctuation and symbols are
marks; an emoji or flag of several characters is one mark (Unicode Technical Standard 51).
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import regex

# Characters for the inside of a class:
SPACES = r"\t-\r\x1c-\x20\x85\xa0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"  # white space as in `str.isspace`
EXTENDING = r"\p{M}\u200c\u200d\U000e0020-\U000e007f"  # those that belong to the one before; the last are tags, as in the flag of Wales
IDEOGRAPHS = r"\p{Han}\p{Hiragana}\p{Katakana}\u30fc"  # those that are a word each
LETTERS = rf"[\p{{L}}\p{{M}}\p{{N}}\u00ad\u200c\u200d--[{IDEOGRAPHS}]]"  # those of all other words, with soft hyphens
JOINTS = "'\u2019\u00b7\u05f3\u05f4"  # apostrophes, the middle dot of Catalan, geresh and gershayim of Hebrew, within words
# Punctuation, symbols, and invisible marks such as those of direction; U+FFFD replaces a character that may be a letter.
MARKS = rf"[\p{{P}}\p{{S}}\p{{Cf}}--[{EXTENDING}{IDEOGRAPHS}\u00ad\ufffd]]"

IDEOGRAPH = rf"[{IDEOGRAPHS}][{EXTENDING}]*"  # A pattern: an ideograph or kana, with its voicing mark or variation

_MODIFIED = rf"[{EXTENDING}\p{{EMod}}]*"
MARK = rf"(?:\p{{RI}}{{2}}|[{MARKS}]{_MODIFIED}(?:(?<=\u200d)\p{{S}}{_MODIFIED})*)"  # A pattern: a mark, a whole emoji, or a flag


def word(more: str = "") -> str:
    """Return a pattern of a word of letters, to which the characters of `more` are added."""
    letter = f"[{LETTERS}{more}]"
    return f"{letter}+(?:[{JOINTS}]{letter}+)*"


def compiled(pattern: str) -> "regex.Pattern[str]":
    """Compile a pattern with classes of this module, whose differences need version 1 of `regex`."""
    return regex.compile(pattern, regex.V1)


MOST_DIFFERENT = 0.05  # Fraction of training tokens that may differ from words of raw text
LEAST_SINGLE = 0.9  # Fraction of training tokens that are single characters if the tokens are characters
LEAST_MARKS = 0.001  # Fraction of training tokens that are marks if marks are tokens


def _pattern(letters: str, names: str, joints: str, spaces: str, others: str) -> str:
    """Return the pattern of a token, given classes of characters (`names` behind @ and #) and the pattern of all other tokens."""
    letter = f"[{letters}]"
    # `don't` is do and n't, as in the Penn Treebank.
    clitic = rf"(?:n['’]t|['’](?:s|re|ve|ll|d|m))(?!{letter})"
    part = rf"{letter}(?:(?!(?i:{clitic})){letter})*"
    address = rf"[^{spaces}<>\"]*[^{spaces}<>\".,;:!?)\]}}'’]"  # without the mark that ends the sentence
    return (
        rf"https?://{address}|www\.{address}"
        rf"|[{letters}.+\-]+@[{letters}\-]+(?:\.[{letters}\-]+)+"
        rf"|[@#][{names}]+"
        r"|\d+(?:[.,:/]\d+)+"  # 3,000.50, 12:30, 1/2
        r"|(?:[^\W\d_]\.){2,}|(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs)\."  # U.S., Mr.
        rf"|(?i:{clitic})"
        rf"|{part}(?:[\-&{joints}](?!(?i:(?:s|re|ve|ll|d|m)(?!{letter}))){part})*"
        rf"|[:;=]['\-^]?[)(\]\[/\\|DPp](?!{letter})"  # emoticons
        rf"|\.{{2,}}|[!?]+|-{{2,}}|{others}"
    )


_OLDER = re.compile(_pattern(r"\w", r"\w", "'’", r"\s", r"\S"))

PATTERNS: dict[str, Any] = {
    "unicode": compiled(_pattern(f"{LETTERS}_", f"{LETTERS}{IDEOGRAPHS}_", JOINTS, SPACES, f"{IDEOGRAPH}|{MARK}|[^{SPACES}]")),
    "characters": re.compile(r"\S"),
    "spaces": re.compile(r"\S+"),
    "punctuation": _OLDER,
}
"""The ways to divide raw text; `punctuation` is for models older than `unicode`."""


class Piece(NamedTuple):
    """A token and its place in the text."""

    text: str
    begin: int
    end: int


def split_tokens(text: str, word_split: str = "unicode") -> list[Piece]:
    """Return the tokens of a text, divided in one of the ways of PATTERNS."""
    # In ASCII the older pattern finds the same, three times as fast.
    pattern = _OLDER if word_split == "unicode" and text.isascii() else PATTERNS[word_split]
    return [Piece(match.group(), match.start(), match.end()) for match in pattern.finditer(text)]


class Division(NamedTuple):
    """The way to divide raw text into tokens like those of training."""

    word_split: str
    different: float  # fraction of the training tokens that raw text divides in another way
    example: str  # one of them, or nothing

    def describe(self) -> list[tuple[str, str]]:
        """Return (name, value) rows that explain the division to a person."""
        if self.word_split in ("characters", "spaces"):
            how = "into characters" if self.word_split == "characters" else "at spaces"
            return [("raw text", f"divided {how}, as the training tokens are")]
        if self.different <= MOST_DIFFERENT:
            return []
        amount = f"{100 * self.different:.0f} % of the training tokens, such as {self.example!r:.40}, come apart otherwise in raw text"
        return [("warning", f"{amount}; divide it yourself, and predict with --tokens")]


def division_of(sentences: Sequence[Sequence[str]]) -> Division:
    """Return the division of raw text that gives tokens like those of these sentences."""
    total = max(1, sum(map(len, sentences)))
    if sum(len(token) == 1 for tokens in sentences for token in tokens) >= LEAST_SINGLE * total:
        characters, words = (_lost(sentences, "", name) for name in ("characters", "unicode"))
        if len(characters) <= len(words):
            return Division("characters", len(characters) / total, "")
    lost = _lost(sentences, " ", "unicode")
    is_letter = compiled(f"[{LETTERS}{IDEOGRAPHS}]").search
    marks = sum(not is_letter(token) for tokens in sentences for token in tokens)
    if len(lost) > MOST_DIFFERENT * total and marks < LEAST_MARKS * total:
        return Division("spaces", 0.0, "")
    return Division("unicode", len(lost) / total, lost[0] if lost else "")


def _lost(sentences: Iterable[Sequence[str]], between: str, word_split: str) -> list[str]:
    """Return the tokens that are not found again after they were joined."""
    lost = []
    for tokens in sentences:
        found = {(piece.begin, piece.end) for piece in split_tokens(between.join(tokens), word_split)}
        begin = 0
        for token in tokens:
            if (begin, begin + len(token)) not in found:
                lost.append(token)
            begin += len(token) + len(between)
    return lost
