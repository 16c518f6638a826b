"""What files contain for a task: findings with their places, problems, classes of lengths."""

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any, NamedTuple, TypeVar

from charnn.data.readers import Source
from charnn.errors import DataError

T = TypeVar("T")

Rows = list[tuple[str, str]]  # names and values to print
TOLD = 5  # problems that are listed one by one
FEW = 10  # examples of a label below which there is a warning
MOST_CLASSES = 10  # classes of lengths below the one for the longest hundredth


@dataclass(frozen=True)
class Finding:
    """A count of affected items, and path:line of the first."""

    count: int
    where: str | None

    @classmethod
    def of(cls, items: Sequence[Any]) -> "Finding":
        """Return the finding of items that know `where` they are."""
        return cls(len(items), items[0].where if items else None)

    def rows(self, name: str, one: str, many: str, rest: str = "", first: str = "for example", after: str = "") -> Rows:
        """Return a row with the count in words and the place of the first; none for a count of 0."""
        return [(name, f"{counted(self.count, one, many)}{rest}, {first} {self.where}{after}")] if self.count else []


def counted(count: int, one: str, many: str) -> str:
    """Return a count with its noun: `1 line`, `2,000 lines`."""
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


class Problems:
    """What training would refuse: how many problems, and the first ones in words."""

    def __init__(self) -> None:
        self.count = 0
        self.told: list[str] = []

    def add(self, error: DataError) -> None:
        """Add one more."""
        self.count += 1
        if len(self.told) < TOLD:
            self.told.append(str(error))

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Add the error that ends what is done meanwhile."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def all_of(self, items: Iterator[T]) -> list[T]:
        """Return the items, up to an error."""
        found: list[T] = []
        with self.caught():
            found.extend(items)
        return found


@dataclass
class Contents:
    """What was found, as rows to print and as facts for JSON."""

    rows: Rows = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, Mapping[int, int]] = field(default_factory=dict)
    """The number of texts of each length, under `words of a text`; and the like."""

    def tell(self, symbols: Mapping[str, Any]) -> None:
        """Add the SymbolCounts of each side."""
        self.rows += [row for side, one in symbols.items() for row in one.lines(side if len(symbols) > 1 else "")]
        self.rows += [row for one in symbols.values() for row in one.warnings()]
        self.facts["symbols"] = {side: one.facts() for side, one in symbols.items()}


class Opened(NamedTuple):
    """Files that exist, and what reads their contents."""

    sources: list[Source]
    read: Callable[[], Contents]


def few(counts: Mapping[str, int], where: Mapping[str, str], unit: str, what: str) -> Rows:
    """Return a warning where names occur only a few times."""
    rare = [(name, count) for name, count in counts.items() if count < FEW]
    if not rare:
        return []
    name, count = rare[-1]
    others = f" ({counted(len(rare) - 1, 'other has', 'others have')} fewer than {FEW} too)" if rare[1:] else ""
    return [("warning", f"{what} {name!r} has only {counted(count, unit, f'{unit}s')}{others}, first at {where[name]}")]


class LengthClass(NamedTuple):
    """The number of lengths from least to most, both included; of the last class most is None."""

    least: int
    most: int | None
    total: int


def length_classes(counts: Mapping[int, int]) -> list[LengthClass]:
    """Return classes of lengths, given their counts: zero by itself where it occurs, and all above the 99th percentile together."""
    positive = {length: count for length, count in counts.items() if length}
    classes = [LengthClass(0, 0, counts[0])] if counts.get(0) else []
    if not positive:
        return classes
    lengths = sorted(positive)
    sums = accumulate(positive[length] for length in lengths)
    width = _width(next(length for length, total in zip(lengths, sums, strict=True) if total >= 0.99 * sum(positive.values())))
    totals: Counter[int] = Counter()
    for length, count in positive.items():
        totals[min((length - 1) // width, MOST_CLASSES)] += count
    for number in range(min(totals), max(totals) + 1):
        most = None if number == MOST_CLASSES else (number + 1) * width
        classes.append(LengthClass(number * width + 1, most, totals[number]))
    return classes


def _width(longest: int) -> int:
    """Return the smallest of 1, 2, 5, 10, 20, 50 ... of which MOST_CLASSES reach the longest."""
    width = 1
    while width * MOST_CLASSES < longest:
        width = width * 5 // 2 if str(width)[0] == "2" else width * 2
    return width
