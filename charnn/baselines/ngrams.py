"""N-grams of words or characters <-> feature numbers, stored as a trie of arrays and counted without a loop over n-grams."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, compress
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tokenizers.splitting import IDEOGRAPH, LETTERS, MARK, SPACES, compiled, word


def _pattern(letter: str, words: str, marks: str) -> str:
    """Return the pattern of words in lower-cased text, and of the marks that show a mood."""
    return (
        rf"[:;=]['\-o^]?(?:[)(\]\[/\\|*]+|[dp](?!{letter}))"  # emoticons
        r"|<3|<[a-z/][^<>]{0,30}>"  # a heart; a tag of HTML, whole
        rf"|{words}|[!?]+|\.{{2,}}|{marks}"
    )


OLDER_WORD = re.compile(_pattern(r"\w", r"\w+(?:['’]\w+)*", r"[^\w\s]"))
"""A word or mark in models trained before words were those of Unicode; in ASCII text the same as WORD, at three times the speed."""

WORD = compiled(_pattern(f"[{LETTERS}_]", f"{word('_')}|{IDEOGRAPH}", f"{MARK}|[^{SPACES}]"))  # a word or mark of any script
LONGEST = 8  # symbols of the longest n-gram that a model file may have
MOST_SYMBOLS = 500_000  # symbols that a model file may have
CHUNK = 256  # texts counted together: enough to hide numpy's cost per call, few enough to stay in the cache
BREAK = "\n"  # the symbol between the words of a text; no n-gram contains it

Ids = NDArray[np.int64]
Texts = Sequence[str]


class Entries(NamedTuple):
    """Numbers of n-grams in texts, such as counts: three columns, sorted by text, then feature."""

    texts: Ids
    features: Ids
    values: NDArray[Any]


def lower(text: str) -> str:
    """Return the text in lower case, with the same number of characters."""
    # The only character whose lower case has two.
    return text.replace("İ", "i").lower()


def words(text: str) -> list[str]:
    """Return the words and marks of a text."""
    return (OLDER_WORD if text.isascii() else WORD).findall(lower(text))


def older_words(text: str) -> list[str]:
    """Return the words and marks of a text as older models read them."""
    return OLDER_WORD.findall(lower(text))


def characters(text: str) -> list[str]:
    """Return the characters of each word, between two spaces and before a break."""
    return list("".join(f" {word} {BREAK}" for word in lower(text).split()))


UNITS: dict[str, Callable[[str], list[str]]] = {"unicode word": words, "word": older_words, "character": characters}
"""Functions from a text to the symbols of which n-grams consist, by name."""


class Level(NamedTuple):
    """The n-grams of one length above 1, sorted: each is an n-gram of the level before plus one symbol."""

    prefixes: NDArray[np.int32]
    lasts: NDArray[np.int32]


class NGrams:
    """The n-grams of `shortest` to `longest` symbols that a model knows, numbered from 0, shorter ones first."""

    def __init__(self, unit: str, shortest: int, symbols: Sequence[str], levels: Sequence[Level]) -> None:
        self.unit, self.shortest, self.longest = unit, shortest, 1 + len(levels)
        self.symbols, self.levels = list(symbols), list(levels)
        self._number = {symbol: number for number, symbol in enumerate(symbols)}
        self._keys = [level.prefixes.astype(np.int64) * len(symbols) + level.lasts for level in levels]
        sizes = [len(symbols), *map(len, self._keys)]
        self.size = sum(sizes[shortest - 1 :])
        self._firsts = [sum(sizes[shortest - 1 : length]) for length in range(len(sizes))]

    @classmethod
    def fit(cls, texts: Texts, unit: str, shortest: int, longest: int, *, least: int, most: int) -> "NGrams":
        """Return the n-grams that occur in at least `least` texts, or in more of them where over `most` n-grams would remain."""
        number: dict[str, int] = {}
        flow, owners = _stream(texts, unit, lambda symbol: -1 if symbol == BREAK else number.setdefault(symbol, len(number)))
        flow, kept, frequencies = _frequent(flow, owners, least)
        symbols = [symbol for symbol, is_kept in zip(number, kept, strict=True) if is_kept]
        ids, levels, spread = flow, [], [frequencies]
        for length in range(2, longest + 1):
            keys, ids = np.unique(_joined(ids, flow, length, len(symbols)), return_inverse=True)
            ids, kept, frequencies = _frequent(ids - np.count_nonzero(keys < 0), owners, least)
            prefixes, lasts = np.divmod(keys[keys >= 0][kept], max(1, len(symbols)))
            levels.append(Level(prefixes.astype(np.int32), lasts.astype(np.int32)))
            spread.append(frequencies)
        grams, every = cls(unit, shortest, symbols, levels), np.concatenate(spread[shortest - 1 :])
        if len(every) <= most:
            return grams
        bar = np.partition(every, -most - 1)[-most - 1]
        return grams._only([frequencies > bar for frequencies in spread])

    def counts(self, texts: Texts) -> Iterator[Entries]:
        """Return the counts of the known n-grams in each text, some texts at a time."""
        for first in range(0, len(texts), CHUNK):
            flow, owners = _stream(texts[first : first + CHUNK], self.unit, lambda symbol: self._number.get(symbol, -1))
            found = [owners[at] * self.size + ids for ids, at in self._features(flow)]
            keys, counts = np.unique(np.concatenate([np.zeros(0, np.int64), *found]), return_counts=True)
            owner, features = np.divmod(keys, max(1, self.size))
            yield Entries(first + owner, features, counts)

    def describe(self) -> str:
        """Return a short name: word 1-2-grams."""
        return f"{self.unit.removeprefix('unicode ')} {self.shortest}-{self.longest}-grams"

    def learned(self) -> dict[str, Any]:
        """Return all but the arrays, ready for JSON."""
        return {"unit": self.unit, "shortest": self.shortest, "longest": self.longest}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays by name."""
        blob = np.frombuffer(BREAK.join(self.symbols).encode("utf-8", "surrogatepass"), np.uint8)
        named: dict[str, NDArray[Any]] = {"symbols": blob}
        for length, level in enumerate(self.levels, 2):
            named |= {f"prefixes{length}": level.prefixes, f"lasts{length}": level.lasts}
        return named

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, NDArray[Any]]) -> "NGrams":
        """Return the saved n-grams; raise CheckpointError where their parts do not fit together."""
        unit, shortest, longest = recorded(learned, {"unit": str, "shortest": int, "longest": int}, "the n-grams are damaged")
        if unit not in UNITS or not 1 <= shortest <= longest <= LONGEST:
            raise CheckpointError(f"the n-grams are damaged: unit {shown(unit)}, {shown(shortest)} to {shown(longest)} symbols")
        symbols = _restored_symbols(tensors.get("symbols"))
        levels: list[Level] = []
        for length in range(2, longest + 1):
            size = len(levels[-1].lasts) if levels else len(symbols)
            prefixes = _restored_numbers(f"prefixes{length}", tensors, size)
            level = Level(prefixes, _restored_numbers(f"lasts{length}", tensors, len(symbols)))
            keys = prefixes.astype(np.int64) * len(symbols) + level.lasts if len(prefixes) == len(level.lasts) else np.zeros(2)
            if np.any(np.diff(keys) <= 0):
                raise CheckpointError(f"the n-grams are damaged: those of {length} symbols are not in order")
            levels.append(level)
        return cls(unit, shortest, symbols, levels)

    def _features(self, flow: Ids) -> Iterator[tuple[Ids, Ids]]:
        """Return for each length the features in a sequence of symbols, and the places where they begin."""
        ids = flow
        for length in range(1, self.longest + 1):
            if length > 1:
                ids = _rows(self._keys[length - 2], _joined(ids, flow, length, len(self.symbols)))
            if length >= self.shortest:
                at = np.flatnonzero(ids >= 0)
                yield ids[at] + self._firsts[length - 1], at

    def _only(self, kept: Sequence[NDArray[np.bool_]]) -> "NGrams":
        """Return only the n-grams that are kept, without those that contain one that is not."""
        renumbered = [np.cumsum(rows) - 1 for rows in kept]
        levels = [
            Level(before[level.prefixes[rows]].astype(np.int32), renumbered[0][level.lasts[rows]].astype(np.int32))
            for level, before, rows in zip(self.levels, renumbered, kept[1:], strict=False)
        ]
        return NGrams(self.unit, self.shortest, list(compress(self.symbols, kept[0])), levels)


def recorded(learned: Any, kinds: Mapping[str, type], damaged: str) -> list[Any]:
    """Return the values of these names and types in a model file; raise CheckpointError where one is missing or has another type."""
    if not isinstance(learned, dict) or not all(type(learned.get(name)) is kind for name, kind in kinds.items()):
        raise CheckpointError(f"{damaged}: expected the entries {', '.join(kinds)}")
    return [learned[name] for name in kinds]


def _restored_symbols(blob: NDArray[Any] | None) -> list[str]:
    """Return the symbols in an array of UTF-8."""
    if blob is None or blob.dtype != np.uint8 or blob.ndim != 1:
        raise CheckpointError("the n-grams are damaged: their symbols are not an array of bytes")
    if blob.tobytes().count(BREAK.encode()) >= MOST_SYMBOLS:
        raise CheckpointError(f"the n-grams are damaged: they have more than {MOST_SYMBOLS:,} symbols")
    try:
        symbols = blob.tobytes().decode("utf-8", "surrogatepass").split(BREAK) if len(blob) else []
    except UnicodeDecodeError:
        raise CheckpointError("the n-grams are damaged: their symbols are not UTF-8") from None
    if len(set(symbols)) < len(symbols):
        raise CheckpointError("the n-grams are damaged: a symbol occurs twice")
    return symbols


def _restored_numbers(name: str, tensors: Mapping[str, NDArray[Any]], size: int) -> NDArray[np.int32]:
    """Return an array of numbers below a size."""
    numbers = tensors.get(name)
    if numbers is None or numbers.dtype != np.int32 or numbers.ndim != 1 or np.any((numbers < 0) | (numbers >= size)):
        raise CheckpointError(f"the n-grams are damaged: {name} is not an array of numbers below {size}")
    return numbers


def _stream(texts: Texts, unit: str, find: Callable[[str], int]) -> tuple[Ids, Ids]:
    """Return the symbols of all texts as numbers, with -1 after each text, and the number of the text for each."""
    parts = [[*map(find, UNITS[unit](text)), -1] for text in texts]
    flow = np.fromiter(chain.from_iterable(parts), np.int64)
    return flow, np.repeat(np.arange(len(parts)), [len(part) for part in parts])


def _joined(ids: Ids, flow: Ids, length: int, symbols: int) -> Ids:
    """Return for each place the key of the n-gram that begins there, made of the shorter n-gram and the next symbol; -1 for none."""
    following = np.full_like(flow, -1)
    following[: max(0, len(flow) - length + 1)] = flow[length - 1 :]
    return np.where((ids >= 0) & (following >= 0), ids * symbols + following, -1)


def _frequent(ids: Ids, owners: Ids, least: int) -> tuple[Ids, NDArray[np.bool_], Ids]:
    """Return ids renumbered without those in fewer than `least` texts (-1), which ids are kept, and the number of texts of each of them."""
    known = ids >= 0
    size = int(ids.max(initial=-1)) + 1
    pairs = np.sort(owners[known] * size + ids[known])  # np.unique hashes them, which takes five times as long
    frequencies = np.bincount(pairs[np.diff(pairs, prepend=-1) > 0] % max(1, size), minlength=size)
    kept = frequencies >= least
    renumbered = np.append(np.where(kept, np.cumsum(kept) - 1, -1), -1)  # the last one is for -1
    return renumbered[ids], kept, frequencies[kept]


def _rows(keys: Ids, wanted: Ids) -> Ids:
    """Return the place of each wanted key in sorted keys, or -1."""
    ids = np.full_like(wanted, -1)
    at = np.flatnonzero(wanted >= 0)
    rows = np.searchsorted(keys, wanted[at])
    is_found = np.append(keys, -1)[rows] == wanted[at]
    ids[at[is_found]] = rows[is_found]
    return ids
