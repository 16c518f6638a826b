"""What a stress suite found."""

from typing import NamedTuple


class Row(NamedTuple):
    """A line of the table."""

    suite: str  # what was done
    done: str  # how often, with units
    failures: int
    note: str = ""  # figures worth telling
    examples: tuple[str, ...] = ()  # the first failures
