"""Raw text as the tokens that taggers are trained on, each with its place in the text."""

import re
from typing import NamedTuple

_CLITIC = r"(?:n['’]t|['’](?:s|re|ve|ll|d|m))(?!\w)"

_TOKEN = re.compile(
    r"https?://[^\s<>\"]*[^\s<>\".,;:!?)\]}'’]"  # addresses, without the mark that ends the sentence
    r"|www\.[^\s<>\"]*[^\s<>\".,;:!?)\]}'’]"
    r"|[\w.+-]+@[\w-]+(?:\.[\w-]+)+"
    r"|[@#]\w+"
    r"|\d+(?:[.,:/]\d+)+"  # 3,000.50, 12:30, 1/2
    r"|(?:[^\W\d_]\.){2,}|(?:Mr|Mrs|Ms|Dr|Prof|St|Jr|Sr|vs)\."  # U.S., Mr.
    rf"|(?i:{_CLITIC})"
    rf"|\w(?:(?!(?i:{_CLITIC}))\w)*(?:[-'’&](?!(?i:(?:s|re|ve|ll|d|m)(?!\w)))\w(?:(?!(?i:{_CLITIC}))\w)*)*"
    r"|[:;=]['\-^]?[)(\]\[/\\|DPp](?!\w)"  # emoticons
    r"|\.{2,}|[!?]+|-{2,}"
    r"|\S"
)


class Piece(NamedTuple):
    """A token and where it stands."""

    text: str
    begin: int
    end: int


def split_tokens(text: str) -> list[Piece]:
    """Words, numbers, marks, addresses; `don't` is do and n't, `it's` is it and 's, as in the Penn Treebank."""
    return [Piece(match.group(), match.start(), match.end()) for match in _TOKEN.finditer(text)]
