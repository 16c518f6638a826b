"""Whether a model copies: how much of its samples its training text contains word for word, and where that text is."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.corpus import Corpus
from charnn.data.tokenized import Part, learned_from, scratch_folder, split_corpus, take, tokenize, whole
from charnn.errors import DataError, SettingError
from charnn.kernels.automaton import build, gather, walk
from charnn.tasks.lm.data import divided
from charnn.tokenizers.registry import Chunks, cut_chunks
from charnn.tokenizers.splitting import IDEOGRAPH, MARK, SPACES, compiled, word
from charnn.training.resume import fingerprint

Ids = NDArray[np.int32]


class Overlaps:
    """Some texts as symbols, such as characters or words, and how much of them has been met in what was read so far.

    Memory is needed for the texts alone; what is read may be of any length.
    """

    def __init__(self, texts: Sequence[Sequence[Hashable]]) -> None:
        """Symbols that are equal are the same."""
        self._numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys(symbol for text in texts for symbol in text))}
        self._sizes = [len(text) for text in texts]
        end = len(self._numbers)  # a symbol that nothing that is read has, so that no match goes on from text to text
        flow = np.array([number for text in texts for number in (*map(self._numbers.__getitem__, text), end)], np.int32)
        states = 2 * len(flow) + 1
        self._lengths, self._links = np.zeros(states, np.int32), np.zeros(states, np.int32)
        self._heads, self._edges = np.full(states, -1, np.int32), np.zeros((3 * len(flow) + 1, 3), np.int32)
        self._ends = np.zeros(len(flow), np.int32)
        size = build(flow, self._lengths, self._links, self._heads, self._edges, self._ends)
        self._lengths, self._links, self._heads = self._lengths[:size].copy(), self._links[:size].copy(), self._heads[:size].copy()
        self._best, self._places = np.zeros(size, np.int32), np.zeros(size, np.int64)
        self._root = np.zeros(end + 1, np.int32)
        edge = int(self._heads[0])
        while edge >= 0:
            self._root[self._edges[edge, 0]] = self._edges[edge, 1]
            edge = int(self._edges[edge, 2])
        self._here = np.zeros(3, np.int64)

    @cached_property
    def _letters(self) -> Ids:
        """The numbers of characters by code point, -1 for one that the texts do not have."""
        table = np.full(0x110000, -1, np.int32)
        for character, number in self._numbers.items():
            table[ord(str(character))] = number
        return table

    def read(self, symbols: str | Sequence[Hashable]) -> None:
        """Read the next part of the long text."""
        if isinstance(symbols, str):
            ids = self._letters[np.frombuffer(symbols.encode("utf-32-le", "surrogatepass"), np.uint32)]
        else:
            ids = np.fromiter((self._numbers.get(one, -1) for one in symbols), np.int32, len(symbols))
        walk(ids, self._lengths, self._links, self._heads, self._edges, self._root, self._here, self._best, self._places)

    def matches(self) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """For each text: the length of the longest match that ends with each symbol, and the place behind it in what was read."""
        best, places = self._best.copy(), self._places.copy()
        longest, found = np.zeros(len(self._ends), np.int32), np.zeros(len(self._ends), np.int64)
        order = np.argsort(-self._lengths, kind="stable").astype(np.int32)
        gather(order, self._lengths, self._links, best, places, self._ends, longest, found)
        begins = np.cumsum([0, *(size + 1 for size in self._sizes)])
        return [(longest[begin : begin + size], found[begin : begin + size]) for begin, size in zip(begins, self._sizes, strict=False)]


def new_shares(longest: Sequence[NDArray[np.int32]], lengths: Sequence[int]) -> list[float | None]:
    """For each length: the share of runs of so many symbols that nothing that was read has; None where no text is so long."""
    shares: list[float | None] = []
    for length in lengths:
        # A run that ends with a symbol is known if the longest match that ends there is as long.
        known = [one[length - 1 :] >= length for one in longest]
        total = sum(map(len, known))
        shares.append(1 - sum(int(one.sum()) for one in known) / total if total else None)
    return shares


def covered(longest: NDArray[np.int32], least: int) -> int:
    """How many symbols of a text lie in matches of at least so many."""
    ends = np.flatnonzero(longest >= least)
    depth = np.zeros(len(longest) + 1, np.int64)
    np.add.at(depth, ends + 1 - longest[ends], 1)
    np.add.at(depth, ends + 1, -1)
    return int((depth.cumsum()[:-1] > 0).sum())


LONG = (20, 50, 100)  # Characters from which on an overlap is counted

CHARACTERS, WORDS = range(1, 9), range(1, 6)  # Lengths of the runs of characters and of words that are new or not

LEAST_COPY = 10  # Characters of a copy that is shown
PROBE = 20_000  # Characters on which is tested whether the model reads a text unchanged
DEFAULT = ("python-docs",)  # The corpus of a language model where nobody names one
LONGEST_WORD = 1 << 20  # Characters without a space after which a word is cut
WORD = compiled(f"{word('_')}(?:-{word('_')})*|{IDEOGRAPH}|{MARK}|[^{SPACES}]")  # A word, or a mark


@dataclass(frozen=True)
class Copy:
    """A part of a text that stands in the training text as it is."""

    text: int  # the number of the text
    begin: int
    length: int  # its characters in that text ...
    place: int  # ... and where they begin in the training text

    def touches(self, other: "Copy") -> bool:
        """Have they characters in common?"""
        return self.text == other.text and self.begin < other.begin + other.length and other.begin < self.begin + self.length


@dataclass(frozen=True, eq=False)
class Novelty:
    """What some texts have in common with a training text."""

    texts: Sequence[str]
    matches: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]]
    """Of each text: the length of the longest match that ends with each character, and the place behind it."""
    words: Sequence[NDArray[np.int32]]  # of each text: the length in words of the longest match that ends with each word

    def facts(self) -> dict[str, Any]:
        """Ready for JSON; shares are of all characters, or of all runs of so many characters or words."""
        characters, longest = sum(map(len, self.texts)), [lengths for lengths, _ in self.matches]
        return {
            "characters": characters,
            "words": sum(map(len, self.words)),
            "longest": max((int(one.max(initial=0)) for one in longest), default=0),
            "in_overlaps": {str(least): sum(covered(one, least) for one in longest) / max(1, characters) for least in LONG},
            "new_characters": dict(zip(map(str, CHARACTERS), new_shares(longest, CHARACTERS), strict=True)),
            "new_words": dict(zip(map(str, WORDS), new_shares(self.words, WORDS), strict=True)),
        }

    def copies(self, count: int) -> list[Copy]:
        """The longest matches, none of which has characters or words in common with another."""
        found = [copy for number, match in enumerate(self.matches) for copy in _whole_matches(number, *match)]
        chosen: dict[str, Copy] = {}
        for copy in sorted(found, key=lambda one: (-one.length, one.text, one.begin)):
            text = self.texts[copy.text][copy.begin : copy.begin + copy.length]
            if len(chosen) < count and text not in chosen and not any(copy.touches(other) for other in chosen.values()):
                chosen[text] = copy
        return list(chosen.values())


def compare(sets: Mapping[str, Sequence[str]], chunks: Iterable[str]) -> tuple[dict[str, Novelty], int]:
    """What each set of texts has in common with a long text, which is read once, and the characters of that."""
    texts = {name: Overlaps(list(one)) for name, one in sets.items()}
    words = {name: Overlaps([WORD.findall(text) for text in one]) for name, one in sets.items()}
    total = 0
    for piece in _between_words(chunks):
        total += len(piece)
        split = WORD.findall(piece)
        for name in sets:
            texts[name].read(piece)
            words[name].read(split)
    found = {name: Novelty(one, texts[name].matches(), [longest for longest, _ in words[name].matches()]) for name, one in sets.items()}
    return found, total


def around(copy: Copy, text: str, context: int) -> tuple[str, str, str]:
    """A copy in its own text: what stands before it, itself, what stands after it."""
    first = max(0, copy.begin - context)
    return divided(text[first : copy.begin + copy.length + context], copy.begin - first, copy.length)


def _whole_matches(number: int, longest: NDArray[np.int32], behind: NDArray[np.int64]) -> Iterator[Copy]:
    """The matches of a text that do not go on."""
    goes_on = np.append(longest[1:] == longest[:-1] + 1, False) if len(longest) else np.zeros(0, bool)
    for end in np.flatnonzero((longest >= LEAST_COPY) & ~goes_on).tolist():
        length = int(longest[end])
        yield Copy(number, end + 1 - length, length, int(behind[end]) - length)


def _between_words(chunks: Iterable[str]) -> Iterator[str]:
    """The text in pieces that end between two words, but for a word too long to be held."""
    held = ""
    for chunk in chunks:
        held += chunk
        cut = max(held.rfind(" "), held.rfind("\n")) + 1
        if not cut and len(held) > LONGEST_WORD:
            cut = len(held)
        if cut:
            yield held[:cut]
            held = held[cut:]
    if held:
        yield held


@dataclass(frozen=True)
class TrainedText:
    """The training part and, where it is known, the validation part."""

    corpus: Corpus
    train: Part
    held: Part | None
    chunks: Chunks  # the training part as the model reads it: in lower case, for example
    held_chunks: Chunks | None
    is_plain: bool  # whether that is the unchanged text

    @property
    def names(self) -> list[str]:
        """Return the names of the files."""
        return [source.name for source in self.corpus.sources]

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Return the training part as the model reads it in pieces, each with its location, "" where that is not known."""
        if not self.is_plain:
            yield from ((chunk, "") for chunk in self.chunks())
        elif self.train.documents is not None:
            yield from ((f"{document.text}\n", document.where) for document in self.train.documents())
        else:
            yield from ((stretch.text, stretch.where) for stretch in self.corpus.stretches())


def find_text(trained: Any, recorded: Mapping[str, Any], given: Sequence[str]) -> TrainedText:
    """The text of a model, by what its run recorded (a state of training, or nothing) unless a corpus is given.

    Raises SettingError where neither says what it is, or it is not there.
    """
    command = recorded.get("command", {})
    # Runs of version 0.1 called their data the corpus.
    names = given or command.get("data") or command.get("corpus") or (DEFAULT if recorded else ())
    if not names:
        raise SettingError("corpus", f"must be given: beside {trained.name} nothing says what it was trained on")
    try:
        corpus = Corpus(names, trained.settings.corpus)
    except DataError as error:
        if given:
            raise
        raise SettingError("corpus", f"must be given, as what {trained.name} was trained on is not there: {error}") from None
    train, held = _parts(corpus, command, trained, bool(recorded))
    probe = "".join(islice(train.chunks(), 1))[:PROBE]
    is_plain = trained.tokenizer.decode(trained.tokenizer.encode(probe)) == probe
    held_chunks = None if held is None else as_read(trained, held, is_plain)
    return TrainedText(corpus, train, held, as_read(trained, train, is_plain), held_chunks, is_plain)


def is_same(trained: Any, text: TrainedText, recorded: Mapping[str, Any]) -> bool | None:
    """Is this, with its split, the text that the model was trained on? None where that was not recorded."""
    if text.held is None or not isinstance(recorded.get("data"), str):
        return None
    folder = scratch_folder()
    try:
        train, held = (tokenize(trained.tokenizer, part, trained.labels, folder) for part in (text.train, text.held))
    except DataError:  # such as a label that the model does not have
        return False
    return fingerprint(*learned_from(train, held, trained.learned(), trained.tokenizer.tensors())) == str(recorded["data"])


def as_read(trained: Any, part: Part, is_plain: bool) -> Chunks:
    """A part of a corpus as the model reads it."""
    if is_plain:
        return part.chunks
    tokenizer = trained.tokenizer
    return lambda: (tokenizer.decode(tokenizer.encode(piece)) for piece in cut_chunks(tokenizer.split, part.chunks()))


def beginning(chunks: Chunks, characters: int) -> str:
    """Return the first characters of a text, or all."""
    return "".join(take(chunks(), 0, characters))


def _parts(corpus: Corpus, command: Mapping[str, Any], trained: Any, is_recorded: bool) -> tuple[Part, Part | None]:
    if command.get("valid"):
        try:
            return whole(corpus), whole(Corpus(command["valid"], trained.settings.corpus))
        except DataError:
            return whole(corpus), None
    if not is_recorded:
        return whole(corpus), None
    return split_corpus(corpus, command.get("valid_share"), trained.settings.loop.seed)
