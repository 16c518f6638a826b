"""The contents of files: findings with their places, problems, classes of lengths."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import accumulate, count
from typing import Any, NamedTuple, TypeVar

from charnn.data.readers import Source
from charnn.errors import DataError

T = TypeVar("T")
Rows = list[tuple[str, str]]  # names and values to print
LISTED = 5  # problems that are listed one by one
FEW = 10  # a label with fewer examples gets a warning
MOST_CLASSES = 10  # classes of lengths below the one for the longest hundredth


@dataclass(frozen=True)
class Finding:
    """A count of affected items, and path:line of the first."""

    count: int
    where: str | None

    @classmethod
    def of(cls, items: Sequence[Any]) -> "Finding":
        """Return the finding of items, each with its place in `where`."""
        return cls(len(items), items[0].where if items else None)

    @classmethod
    def at(cls, items: Sequence[Any], places: Iterable[int]) -> "Finding":
        """Return the finding of the items at these places."""
        return cls.of([items[place] for place in places])

    def rows(self, name: str, one: str, many: str, rest: str = "", first: str = "for example", after: str = "") -> Rows:
        """Return a row with the count in words and the place of the first item; no row for a count of 0."""
        return [(name, f"{counted(self.count, one, many)}{rest}, {first} {self.where}{after}")] if self.count else []


def counted(count: int, one: str, many: str) -> str:
    """Return a count with its noun: `1 line`, `2,000 lines`."""
    return f"1 {one}" if count == 1 else f"{count:,} {many}"


class Problems:
    """Errors in the data that training would refuse: their number, and the first ones in words."""

    def __init__(self) -> None:
        self.count = 0
        self.first: list[str] = []

    def add(self, error: DataError) -> None:
        """Add a problem."""
        self.count += 1
        if len(self.first) < LISTED:
            self.first.append(str(error))

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Add the DataError that ends the block, and continue after it."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def all_of(self, items: Iterator[T]) -> list[T]:
        """Return the items before the first error."""
        found: list[T] = []
        with self.caught():
            found.extend(items)
        return found


@dataclass
class Contents:
    """The contents of files, as rows to print and as facts for JSON."""

    rows: Rows = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, Mapping[int, int]] = field(default_factory=dict)  # `words of a text` -> {length: number of texts}

    def add_symbols(self, symbols: Mapping[str, Any]) -> None:
        """Add the SymbolCounts of each side of the texts."""
        self.rows += [row for side, one in symbols.items() for row in one.lines(side if len(symbols) > 1 else "")]
        self.rows += [row for one in symbols.values() for row in one.warnings()]
        self.facts["symbols"] = {side: one.facts() for side, one in symbols.items()}


class Opened(NamedTuple):
    """Files that exist, and a function that reads their contents."""

    sources: list[Source]
    read: Callable[[], Contents]


def few(counts: Mapping[str, int], where: Mapping[str, str], unit: str, what: str) -> Rows:
    """Return a warning for names that occur only a few times, such as labels; where: the first place of each."""
    rare = [(name, count) for name, count in counts.items() if count < FEW]
    if not rare:
        return []
    name, count = rare[-1]
    others = f" ({counted(len(rare) - 1, 'other has', 'others have')} fewer than {FEW} too)" if rare[1:] else ""
    return [("warning", f"{what} {name!r} has only {counted(count, unit, f'{unit}s')}{others}, first at {where[name]}")]


class LengthClass(NamedTuple):
    """The number of texts with a length from least to most, both included; most is None in the last class."""

    least: int
    most: int | None
    total: int


def length_classes(counts: Mapping[int, int]) -> list[LengthClass]:
    """Return classes of a width of 1, 2, 5, 10 ... for {length: count}; zero and all lengths above the 99th percentile have their own."""
    positive = {length: total for length, total in counts.items() if length}
    classes = [LengthClass(0, 0, counts[0])] if counts.get(0) else []
    if not positive:
        return classes
    lengths = sorted(positive)
    sums = accumulate(positive[length] for length in lengths)
    longest = next(length for length, total in zip(lengths, sums, strict=True) if total >= 0.99 * sum(positive.values()))
    widths = (digit * 10**power for power in count() for digit in (1, 2, 5))
    width = next(width for width in widths if width * MOST_CLASSES >= longest)
    totals: Counter[int] = Counter()
    for length, total in positive.items():
        totals[min((length - 1) // width, MOST_CLASSES)] += total
    for number in range(min(totals), max(totals) + 1):
        most = None if number == MOST_CLASSES else (number + 1) * width
        classes.append(LengthClass(number * width + 1, most, totals[number]))
    return classes
