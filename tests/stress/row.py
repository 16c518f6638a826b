"""What a part of the stress suite found."""

from typing import NamedTuple


class Row(NamedTuple):
    """A row of the suite's table; the part has failed unless there are no failures."""

    suite: str
    done: str
    failures: int
    note: str = ""
    examples: list[str] = []  # noqa: RUF012  # of failures, the first ones
