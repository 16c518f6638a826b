"""Metrics of language models: nats, bits per character and byte, perplexities."""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from charnn.data.tokenized import TextCounts

CODE_POINTS = 1_114_112  # code points of Unicode: an unknown symbol costs the logarithm of this for each of its characters
SEGMENT = 1000  # symbols in a segment; the standard error is that of the segments' means


@dataclass
class LossSums:
    """Sums of losses over all tokens and over segments of consecutive tokens."""

    total: float = 0.0
    symbols: int = 0
    _segments: list[float] = field(default_factory=list)
    _rest: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))  # nats of the segment that is not full yet

    def add(self, losses: NDArray[np.float32]) -> None:
        """Add the (count,) nats of consecutive symbols."""
        self.total += float(losses.sum(dtype=np.float64))
        self.symbols += len(losses)
        rest = np.concatenate([self._rest, losses])
        whole = len(rest) // SEGMENT * SEGMENT
        self._segments += rest[:whole].reshape(-1, SEGMENT).mean(axis=1, dtype=np.float64).tolist()
        self._rest = rest[whole:]

    def standard_error(self) -> float | None:
        """Return the standard error of the mean loss in nats per token; None under two segments."""
        return standard_error(self._segments)


def standard_error(values: Iterable[float]) -> float | None:
    """Return the standard error of the mean of some values; None for fewer than two."""
    sample = np.asarray(list(values), np.float64)
    return float(sample.std(ddof=1) / math.sqrt(len(sample))) if len(sample) > 1 else None


def language_metrics(sums: LossSums, counts: TextCounts) -> dict[str, float | int | None]:
    """Return nats per token and character, bits per character and byte, and perplexities of summed nats.

    An unknown token costs the loss of the unknown symbol plus log(1,114,112) for each of its characters.
    """
    nats = sums.total + counts.unknown_characters * math.log(CODE_POINTS)
    per_token = nats / max(1, sums.symbols)
    per_character = nats / max(1, counts.characters)
    return {
        "symbols": sums.symbols,
        "unknown": counts.unknown,
        "nats_per_token": per_token,
        "nats_per_character": per_character,
        "bits_per_character": per_character / math.log(2),
        "bits_per_byte": nats / max(1, counts.bytes) / math.log(2),
        "perplexity": exp(per_token),
        "word_perplexity": exp(nats / max(1, counts.words)),
        "standard_error": sums.standard_error(),
    }


def exp(nats: float) -> float | None:
    """Return e to the nats; None if that is not finite."""
    return math.exp(nats) if nats < 700 else None
