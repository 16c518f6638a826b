"""How often something was found and where first, and how that is said."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Finding:
    """How many things something is said of, and path:line of the first of them."""

    count: int
    where: str | None


def counted(count: int, one: str, many: str) -> str:
    """A count and what is counted: `1 line`, `2,000 lines`."""
    return f"1 {one}" if count == 1 else f"{count:,} {many}"
