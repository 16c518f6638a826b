"""Symbols of a text as they can be seen, in a terminal or on a page."""

import re

from charnn.files import printable

_DIRECTIONS = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


def shown(symbol: str) -> str:
    """Signs for line ends and tabs; U+FFFD for what would command a terminal or turn the text around it."""
    visible = symbol.replace("\r\n", "\n").replace("\r", "\n").replace("\n", "⏎").replace("\t", "⇥")
    return _DIRECTIONS.sub("\ufffd", printable(visible))
