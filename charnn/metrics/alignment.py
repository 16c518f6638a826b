"""Attention maps between words, merged from those between tokens.

Words are separated by white space, and punctuation and symbols at the end of a word are a separate word if they are separate tokens:
" walk", "s", "." are the words "walks" and "."; "don", "'", "t" are the single word "don't".
"""

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class Alignment:
    """Attention weights of each target word over the source words."""

    source: tuple[str, ...]
    target: tuple[str, ...]
    weights: NDArray[np.float64]  # (target, source): each row sums to 1

    @classmethod
    def restore(cls, plain: Mapping[str, Any]) -> "Alignment":
        """Return the alignment from what plain() returned."""
        source, target = tuple(plain["source"]), tuple(plain["target"])
        # Reshaped, since a list of no words has no shape.
        return cls(source, target, np.array(plain["weights"], np.float64).reshape(len(target), len(source)))

    def plain(self) -> dict[str, Any]:
        """Return `source`, `target` and `weights`, a list for each target word, ready for JSON."""
        return {"source": list(self.source), "target": list(self.target), "weights": self.weights.tolist()}


def merged(source: Sequence[str], target: Sequence[str], weights: NDArray[Any]) -> Alignment:
    """Return the alignment of words from tokens that, joined, are the text, and their (target, source) weights.

    Weights are summed over the tokens of a source word, and averaged over those of a target word. A token of only white space belongs
    to the word before it (at the start to the first word), so no weight is lost.
    """
    assert weights.shape == (len(target), len(source)), (weights.shape, len(target), len(source))
    source_words, source_parts = _words(source)
    target_words, target_parts = _words(target)
    means = target_parts / target_parts.sum(1, keepdims=True)
    return Alignment(source_words, target_words, means @ weights.astype(np.float64) @ source_parts.T)


def _words(tokens: Sequence[str]) -> tuple[tuple[str, ...], NDArray[np.float64]]:
    """Return the words, and (words, tokens) numbers: 1 where a token is part of a word."""
    starts, places = list(_starts(tokens)), np.arange(len(tokens))
    spans = list(pairwise([0, *starts[1:], len(tokens)])) if starts else []
    words = tuple(" ".join("".join(tokens[begin:end]).split()) for begin, end in spans)
    parts = [(begin <= places) & (places < end) for begin, end in spans]
    return words, np.array(parts, np.float64).reshape(len(words), len(tokens))


def _starts(tokens: Sequence[str]) -> Iterator[int]:
    """Return the places where words start: after white space, and at the first of the marks at a word's end."""
    for start, end in pairwise([*_starts_after_space(tokens), len(tokens)]):
        yield start
        solid = [place for place in range(start, end) if tokens[place].strip()]
        last = max((place for place in solid if not _is_mark(tokens[place])), default=end)
        yield from [place for place in solid if place > last][:1]


def _starts_after_space(tokens: Sequence[str]) -> Iterator[int]:
    is_inside = False
    for place, token in enumerate(tokens):
        if token.strip():
            if not is_inside or token[0].isspace():
                yield place
            is_inside = not token[-1].isspace()
        elif token:
            is_inside = False


def _is_mark(token: str) -> bool:
    """Is this nothing but punctuation and symbols? U+FFFD is neither, since it is part of a character, most likely of a letter."""
    return all(unicodedata.category(character)[0] in "PS" and character != "\ufffd" for character in token.strip())
