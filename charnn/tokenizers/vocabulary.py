"""The vocabulary, which turns symbols into ids and back; the first ids are the same three specials everywhere."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias

from charnn.errors import CheckpointError, DataError

if TYPE_CHECKING:  # imported where it is used: settings and help pages need the names below, but no arrays
    import numpy as np
    import numpy.typing as npt

UNKNOWN, START, END = 0, 1, 2
SPECIALS = ("<unk>", "<start>", "<end>")
"""Names of the first ids. The word `<unk>` in a text is an ordinary symbol of that name, never the special one."""

SPECIAL_TEXTS = ("\ufffd", "", "")  # The specials in decoded text

MOST_SYMBOLS = 999_999  # Most symbols of a vocabulary

Ids: TypeAlias = "npt.NDArray[np.unsignedinteger[Any]]"


def id_type(size: int) -> "np.dtype[Any]":
    """Return the smallest unsigned type for the ids 0..size-1."""
    import numpy as np

    return np.min_scalar_type(max(size - 1, 0))


class Vocabulary:
    """An ordered list of distinct symbols after the specials: symbol k has the id k + 3."""

    def __init__(self, symbols: Sequence[str]) -> None:
        self.symbols = tuple(symbols)
        self.size = len(SPECIALS) + len(self.symbols)
        self.ids = {symbol: number for number, symbol in enumerate(self.symbols, len(SPECIALS))}
        assert len(self.ids) == len(self.symbols)

    @classmethod
    def fit(cls, counts: Mapping[str, int], size: int | None = None, min_count: int = 1) -> "Vocabulary":
        """Return the vocabulary of the first ranked symbols, up to a size that includes the specials; raise DataError for none."""
        kept = ranked(counts, min_count)
        if size is not None:
            del kept[size - len(SPECIALS) :]
        if len(kept) > MOST_SYMBOLS:
            advice = f"say --vocabulary-size {MOST_SYMBOLS} or less, or raise --min-count"
            raise DataError(f"the corpus has {len(kept):,} different symbols, more than a model file holds; {advice}")
        if not kept:
            raise DataError(f"no symbol of the corpus occurs {min_count:,} times; lower --min-count or give more text")
        return cls(kept)

    def grown(self, symbols: Sequence[str]) -> "Vocabulary":
        """Return this vocabulary with more symbols behind its own. Raises CheckpointError for too many."""
        return Vocabulary.restore([*self.symbols, *symbols])

    @classmethod
    def restore(cls, symbols: Any) -> "Vocabulary":
        """Return the vocabulary of a saved symbol list. Raises CheckpointError unless it is a list of distinct strings."""
        if not isinstance(symbols, list) or not all(isinstance(one, str) and one and is_unicode(one) for one in symbols):
            raise CheckpointError("the model's vocabulary is damaged: expected a list of symbols")
        if not 0 < len(symbols) <= MOST_SYMBOLS or len(set(symbols)) != len(symbols):
            raise CheckpointError("the model's vocabulary is damaged: it is empty, too long, or holds a symbol twice")
        return cls(symbols)

    def encode(self, symbols: Iterable[str]) -> Ids:
        """Return the ids of symbols, UNKNOWN for those that are not here."""
        import numpy as np

        known = self.ids.get
        return np.array([known(symbol, UNKNOWN) for symbol in symbols], id_type(self.size))

    def unknown(self, symbols: Iterable[str]) -> Counter[str]:
        """Count the symbols that are not here."""
        return Counter(symbol for symbol in symbols if symbol not in self.ids)

    def symbol(self, id: int) -> str:
        """Return the symbol of an id; the special ids give `<unk>`, `<start>` and `<end>`."""
        return SPECIALS[id] if id < len(SPECIALS) else self.symbols[id - len(SPECIALS)]


class SymbolStream:
    """Decodes symbols one by one, with a space between two that match the pattern of a word."""

    def __init__(self, vocabulary: Vocabulary, word: Any = None) -> None:
        self._vocabulary, self._word, self._after_word = vocabulary, word, False

    def push(self, id: int) -> str:
        if id in (START, END):
            return ""
        text = SPECIAL_TEXTS[id] if id == UNKNOWN else self._vocabulary.symbol(id)
        before, self._after_word = self._after_word, self._word is not None and self._word.match(text) is not None
        return f" {text}" if before and self._after_word else text

    def finish(self) -> str:
        return ""

    def decode(self, ids: Iterable[int]) -> str:
        """Return the text of all the ids."""
        return "".join([self.push(int(id)) for id in ids])


def ranked(counts: Mapping[str, int], min_count: int = 1) -> list[str]:
    """Return the symbols counted min_count times, but no lone surrogates: the most frequent first, ties in code point order."""
    kept = [symbol for symbol, count in counts.items() if count >= min_count and is_unicode(symbol)]
    return sorted(kept, key=lambda symbol: (-counts[symbol], symbol))


def is_unicode(symbol: str) -> bool:
    """Can the text be written as UTF-8? A lone surrogate, which JSON and file names allow, cannot."""
    try:
        symbol.encode()
    except UnicodeEncodeError:
        return False
    return True


def check_names(names: Iterable[str], kind: str) -> None:
    """Raise DataError for a name, of a label for example, that cannot be written as UTF-8."""
    for name in names:
        if not is_unicode(name):
            raise DataError(f"the {kind} {name!r} holds half of a surrogate pair, which is no character; give it another name")
