"""What is shown of a model: its worst errors, its predictions beside the truth, its tokens as text, and which words it looked at."""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.metrics.classification import confusion_counts
from charnn.plots.heatmap import Heatmap
from charnn.tokenizers.registry import SplitsWords, Tokenizer
from charnn.tokenizers.vocabulary import SPECIAL_TEXTS, UNKNOWN

Item = TypeVar("Item")

BLOCK = 1000  # Texts, sentences or pairs that are read at once

UNSEEN = SPECIAL_TEXTS[UNKNOWN]


class Worst:
    """The things with the highest losses, and the sums of all by a name."""

    def __init__(self, count: int, unit: str = "nats", kind: str | None = None) -> None:
        self.count, self.unit, self.kind = count, unit, kind
        """How many to keep, the unit of losses, and what the sums are of: symbol, label, tag; None where they tell nothing."""
        self.heap: list[tuple[float, int, dict[str, Any]]] = []
        self.sums: dict[str, list[float]] = {}
        self.total, self.seen = 0.0, 0

    @property
    def bar(self) -> float:
        """Return the loss that one more must be above."""
        return self.heap[0][0] if len(self.heap) >= self.count else -math.inf

    def takes(self, loss: float, number: int) -> bool:
        """Is a thing among the worst so far? Of equal ones the earlier is."""
        return self.count > 0 and (len(self.heap) < self.count or (loss, -number) > self.heap[0][:2])

    def keep(self, loss: float, number: int, facts: dict[str, Any]) -> None:
        """Keep a thing, and give up the least bad one where there are too many."""
        heapq.heappush(self.heap, (loss, -number, facts))
        if len(self.heap) > self.count:
            heapq.heappop(self.heap)

    def add(self, name: str, loss: float, count: int = 1) -> None:
        """Add to the sums of a name."""
        one = self.sums.setdefault(name, [0, 0.0])
        one[0], one[1] = one[0] + count, one[1] + loss
        self.total, self.seen = self.total + loss, self.seen + count

    @property
    def kept(self) -> list[dict[str, Any]]:
        """Return the facts of what is kept, in no order; they may still be filled in."""
        return [facts for _, _, facts in self.heap]

    @property
    def worst(self) -> list[dict[str, Any]]:
        """Return the worst, the worst first."""
        return [{self.unit: loss, **facts} for loss, _, facts in sorted(self.heap, key=lambda one: (-one[0], -one[1]))]

    def by_name(self) -> list[dict[str, Any]]:
        """Return each name with its count, mean loss and fraction of the whole loss, the costliest first."""
        rows = sorted(self.sums.items(), key=lambda one: (-one[1][1], one[0]))
        return [
            {"name": name, "count": int(count), "nats": loss / count, "share": loss / self.total if self.total else 0.0}
            for name, (count, loss) in rows
        ]


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Predictions beside the truth."""

    what: str  # What has a label: texts, tokens
    labels: Sequence[str]
    truth: NDArray[np.int64]
    given: NDArray[np.int64]  # (answers,) numbers of labels
    confidence: NDArray[np.float64]  # (answers,) the probability of what was given
    is_right: NDArray[np.bool_]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Return (labels, labels) counts: a row for each true label, a column for each given one."""
        return confusion_counts(self.truth, self.given, len(self.labels))


@dataclass(frozen=True, eq=False)
class Look:
    """What a model predicts of a text, and which words it looked at."""

    heatmap: Heatmap
    facts: dict[str, Any]


def blocks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Return the items in lists of BLOCK."""
    source = iter(items)
    while block := list(islice(source, BLOCK)):
        yield block


def token_texts(tokenizer: Tokenizer, ids: Sequence[int] | NDArray[Any], text: str = "") -> list[str]:
    """Return each token as it is in the text; an unknown one as in the text where that is given."""
    stream = tokenizer.stream()
    found = [stream.push(int(one)) for one in ids]
    if text and isinstance(tokenizer, SplitsWords):
        return [one.replace(UNSEEN, symbol.strip()) for one, symbol in zip(found, tokenizer.symbols(text), strict=True)]
    if found:
        found[-1] += stream.finish()
    return found
