"""Views of a model: its worst errors, its predictions beside the truth, its tokens as text, and its attention maps."""

import heapq
import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.model import SavedModel
from charnn.metrics.classification import confusion_counts
from charnn.plots.heatmap import Heatmap
from charnn.tokenizers.registry import SplitsWords, Tokenizer
from charnn.tokenizers.vocabulary import SPECIAL_TEXTS, UNKNOWN

Item = TypeVar("Item")

BLOCK = 1000  # Texts, sentences or pairs that are read at once
UNSEEN = SPECIAL_TEXTS[UNKNOWN]


class Worst:
    """The items with the highest losses, and sums of the losses of all by name."""

    def __init__(self, count: int, unit: str = "nats", kind: str | None = None) -> None:
        self.count, self.unit, self.kind = count, unit, kind
        """count: items to keep. unit: of the losses. kind: what the names are, such as label or tag; None where there is only one."""
        self.heap: list[tuple[float, int, dict[str, Any]]] = []
        self.sums: dict[str, list[float]] = {}
        self.total, self.seen = 0.0, 0

    @property
    def bar(self) -> float:
        """Return the loss that a new item must reach to be kept."""
        if len(self.heap) < self.count:
            return -math.inf
        return self.heap[0][0] if self.heap else math.inf

    def keep(self, loss: float, number: int, facts: dict[str, Any]) -> None:
        """Keep an item if it is among the worst so far; of equal losses the lower number."""
        heapq.heappush(self.heap, (loss, -number, facts))
        if len(self.heap) > self.count:
            heapq.heappop(self.heap)

    def add(self, name: str, loss: float, count: int = 1) -> None:
        """Add a loss to the sums of a name."""
        one = self.sums.setdefault(name, [0, 0.0])
        one[0], one[1] = one[0] + count, one[1] + loss
        self.total, self.seen = self.total + loss, self.seen + count

    @property
    def kept(self) -> list[dict[str, Any]]:
        """Return the facts of the kept items in no order; more facts may be added to them."""
        return [facts for _, _, facts in self.heap]

    @property
    def worst(self) -> list[dict[str, Any]]:
        """Return the loss and the facts of the kept items, the worst first."""
        return [{self.unit: loss, **facts} for loss, _, facts in sorted(self.heap, key=lambda one: (-one[0], -one[1]))]

    def by_name(self) -> list[dict[str, Any]]:
        """Return each name with its count, mean loss and fraction of the total loss, the costliest first."""
        rows = sorted(self.sums.items(), key=lambda one: (-one[1][1], one[0]))
        return [
            {"name": name, "count": int(count), "nats": loss / count, "share": loss / self.total if self.total else 0.0}
            for name, (count, loss) in rows
        ]


@dataclass(frozen=True, eq=False)
class Predictions:
    """Predicted labels beside the true ones."""

    what: str  # The items that are labelled: texts, tokens
    labels: Sequence[str]
    truth: NDArray[np.int64]
    given: NDArray[np.int64]  # (predictions,) numbers of labels
    confidence: NDArray[np.float64]  # (predictions,) probabilities of the predicted labels
    is_right: NDArray[np.bool_]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """Return (labels, labels) counts: a row for each true label, a column for each predicted one."""
        return confusion_counts(self.truth, self.given, len(self.labels))


@dataclass(frozen=True, eq=False)
class AttentionMap:
    """The attention over the words of a text, drawn and as facts."""

    heatmap: Heatmap
    facts: dict[str, Any]


def no_example(saved: SavedModel, seed: int) -> None:
    """Return None, the example of a model whose single predictions say little about its training."""


def blocks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """Return the items in lists of at most BLOCK."""
    source = iter(items)
    while block := list(islice(source, BLOCK)):
        yield block


def token_texts(tokenizer: Tokenizer, ids: Sequence[int] | NDArray[Any], text: str = "") -> list[str]:
    """Return the text of each token; an unknown one as it is in `text`, where that is given."""
    stream = tokenizer.stream()
    found = [stream.push(int(one)) for one in ids]
    if text and isinstance(tokenizer, SplitsWords):
        return [one.replace(UNSEEN, symbol.strip()) for one, symbol in zip(found, tokenizer.symbols(text), strict=True)]
    if found:
        found[-1] += stream.finish()
    return found
