"""Copies in samples of a model: how much of them occurs verbatim in the training text, and where."""

from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.corpus import Corpus
from charnn.data.tokenized import Part, learned_from, scratch_folder, split_corpus, tokenize, whole
from charnn.errors import DataError, SettingError
from charnn.kernels.suffix_automaton import gather, suffix_automaton, walk
from charnn.tasks.lm.data import divided
from charnn.tokenizers.registry import cut_chunks
from charnn.tokenizers.splitting import IDEOGRAPH, MARK, SPACES, compiled, word
from charnn.training.resume import fingerprint

Ids = NDArray[np.int32]
LONG = (20, 50, 100)  # Least lengths of the overlaps that are counted, in characters
CHARACTERS, WORDS = range(1, 9), range(1, 6)  # Lengths of the runs of characters and of words that are looked up
LEAST_COPY = 10  # Characters of the shortest copy that is shown
PROBE = 20_000  # Characters that show whether the tokenizer keeps a text unchanged
DEFAULT = ("python-docs",)  # The corpus of a language model where none is named
LONGEST_WORD = 1 << 20  # Characters without a space after which a word is cut
WORD = compiled(f"{word('_')}(?:-{word('_')})*|{IDEOGRAPH}|{MARK}|[^{SPACES}]")  # A word or a punctuation mark


class Overlaps:
    """Matches of short texts of symbols, such as characters or words, in a long text, which is read in parts and not stored."""

    def __init__(self, texts: Sequence[Sequence[Hashable]]) -> None:
        self._numbers = {symbol: number for number, symbol in enumerate(dict.fromkeys(symbol for text in texts for symbol in text))}
        self._sizes = [len(text) for text in texts]
        end = len(self._numbers)  # a symbol that the long text lacks, so that no match crosses from one text to the next
        flow = np.array([number for text in texts for number in (*map(self._numbers.__getitem__, text), end)], np.int32)
        self._automaton = suffix_automaton(flow, end + 1)
        states = len(self._automaton.lengths)
        self._best, self._places, self._here = np.zeros(states, np.int32), np.zeros(states, np.int64), np.zeros(3, np.int64)

    @cached_property
    def _letters(self) -> Ids:
        """Return the numbers of characters by code point, -1 for those that are in no text."""
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
        walk(ids, self._automaton, self._here, self._best, self._places)

    def matches(self) -> list[tuple[NDArray[np.int32], NDArray[np.int64]]]:
        """Return for each text the length of the longest match that ends at each symbol, and where it ends in the long text."""
        best, places = self._best.copy(), self._places.copy()
        count = len(self._automaton.ends)
        longest, found = np.zeros(count, np.int32), np.zeros(count, np.int64)
        order = np.argsort(-self._automaton.lengths, kind="stable").astype(np.int32)
        gather(order, self._automaton, best, places, longest, found)
        begins = np.cumsum([0, *(size + 1 for size in self._sizes)])
        return [(longest[begin : begin + size], found[begin : begin + size]) for begin, size in zip(begins, self._sizes, strict=False)]


def new_fractions(longest: Sequence[NDArray[np.int32]], lengths: Sequence[int]) -> list[float | None]:
    """Return for each length the fraction of runs of symbols that the long text lacks; None where all texts are shorter."""
    fractions: list[float | None] = []
    for length in lengths:
        # The long text has a run if the longest match that ends with it is at least as long.
        known = [one[length - 1 :] >= length for one in longest]
        total = sum(map(len, known))
        fractions.append(1 - sum(int(one.sum()) for one in known) / total if total else None)
    return fractions


def covered(longest: NDArray[np.int32], least: int) -> int:
    """Return the number of symbols in matches of at least this length."""
    ends = np.flatnonzero(longest >= least)
    depth = np.zeros(len(longest) + 1, np.int64)
    np.add.at(depth, ends + 1 - longest[ends], 1)
    np.add.at(depth, ends + 1, -1)
    return int((depth.cumsum()[:-1] > 0).sum())


@dataclass(frozen=True)
class Copy:
    """A part of a sample that occurs verbatim in the training text."""

    text: int  # the number of the sample
    begin: int  # where it begins in the sample
    length: int
    place: int  # where it begins in the training text

    def facts(self, sample: str, where: str) -> dict[str, Any]:
        """Return the copy, ready for JSON; where: its path:line in the training text, "" if it is not known."""
        text = sample[self.begin : self.begin + self.length]
        return {"length": self.length, "text": text, "sample": self.text, "begin": self.begin, "place": self.place, "where": where or None}

    def overlaps(self, other: "Copy") -> bool:
        """Return whether two copies have characters in common."""
        return self.text == other.text and self.begin < other.begin + other.length and other.begin < self.begin + self.length


@dataclass(frozen=True, eq=False)
class Novelty:
    """What some texts have in common with a training text."""

    texts: Sequence[str]
    matches: Sequence[tuple[NDArray[np.int32], NDArray[np.int64]]]  # by character, from Overlaps.matches()
    words: Sequence[NDArray[np.int32]]  # lengths of matches in words, from Overlaps.matches() too

    def facts(self) -> dict[str, Any]:
        """Return the measures, ready for JSON; fractions are of all characters, or of all runs of a length."""
        characters, longest = sum(map(len, self.texts)), [lengths for lengths, _ in self.matches]
        return {
            "characters": characters,
            "words": sum(map(len, self.words)),
            "longest": max((int(one.max(initial=0)) for one in longest), default=0),
            "in_overlaps": {str(least): sum(covered(one, least) for one in longest) / max(1, characters) for least in LONG},
            "new_characters": dict(zip(map(str, CHARACTERS), new_fractions(longest, CHARACTERS), strict=True)),
            "new_words": dict(zip(map(str, WORDS), new_fractions(self.words, WORDS), strict=True)),
        }

    def copies(self, count: int) -> list[Copy]:
        """Return the longest matches, different ones that do not overlap."""
        found = [copy for number, match in enumerate(self.matches) for copy in _whole_matches(number, *match)]
        chosen: dict[str, Copy] = {}
        for copy in sorted(found, key=lambda one: (-one.length, one.text, one.begin)):
            text = self.texts[copy.text][copy.begin : copy.begin + copy.length]
            if len(chosen) < count and text not in chosen and not any(copy.overlaps(other) for other in chosen.values()):
                chosen[text] = copy
        return list(chosen.values())


def compare(sets: Mapping[str, Sequence[str]], chunks: Iterable[str]) -> tuple[dict[str, Novelty], int]:
    """Compare each set of texts with a long text, which is read once; return the comparisons and the long text's characters."""
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
    """Return the text before a copy, the copy, and the text after it, in its own sample."""
    first = max(0, copy.begin - context)
    return divided(text[first : copy.begin + copy.length + context], copy.begin - first, copy.length)


def _whole_matches(number: int, longest: NDArray[np.int32], behind: NDArray[np.int64]) -> Iterator[Copy]:
    """Return the matches of a text that no longer match contains."""
    continues = np.append(longest[1:] == longest[:-1] + 1, False) if len(longest) else np.zeros(0, bool)
    for end in np.flatnonzero((longest >= LEAST_COPY) & ~continues).tolist():
        length = int(longest[end])
        yield Copy(number, end + 1 - length, length, int(behind[end]) - length)


def _between_words(chunks: Iterable[str]) -> Iterator[str]:
    """Return the text in pieces that end between two words, or within one longer than LONGEST_WORD."""
    rest = ""
    for chunk in chunks:
        rest += chunk
        cut = max(rest.rfind(" "), rest.rfind("\n")) + 1
        if not cut and len(rest) > LONGEST_WORD:
            cut = len(rest)
        if cut:
            yield rest[:cut]
            rest = rest[cut:]
    if rest:
        yield rest


@dataclass(frozen=True)
class TrainedText:
    """The text of a language model: its files, the training part and, where it is known, the validation part."""

    trained: Any
    corpus: Corpus
    train: Part
    held_out: Part | None

    @cached_property
    def is_plain(self) -> bool:
        """Return whether the tokenizer keeps the text unchanged, not in lower case for example."""
        probe = "".join(islice(self.train.chunks(), 1))[:PROBE]
        return bool(self.trained.tokenizer.decode(self.trained.tokenizer.encode(probe)) == probe)

    def as_read(self, part: Part) -> Iterable[str]:
        """Return a part of a corpus in pieces, as the model reads it."""
        if self.is_plain:
            return part.chunks()
        tokenizer = self.trained.tokenizer
        return (tokenizer.decode(tokenizer.encode(piece)) for piece in cut_chunks(tokenizer.split, part.chunks()))

    def pieces(self) -> Iterator[tuple[str, str]]:
        """Return the training part as the model reads it in pieces, each with its location, "" where that is not known."""
        if not self.is_plain:
            return ((piece, "") for piece in self.as_read(self.train))
        if self.train.documents is not None:
            return ((f"{document.text}\n", document.where) for document in self.train.documents())
        return ((stretch.text, stretch.where) for stretch in self.corpus.stretches())

    def is_same(self, recorded: Mapping[str, Any]) -> bool | None:
        """Return whether the model was trained on this text with this split; None where that was not recorded."""
        if self.held_out is None or not isinstance(recorded.get("data"), str):
            return None
        trained, folder = self.trained, scratch_folder()
        try:
            train, held_out = (tokenize(trained.tokenizer, part, trained.labels, folder) for part in (self.train, self.held_out))
        except DataError:  # such as a label that the model does not have
            return False
        return fingerprint(*learned_from(train, held_out, trained.learned(), trained.tokenizer.tensors())) == str(recorded["data"])


def find_text(trained: Any, recorded: Mapping[str, Any], given: Sequence[str]) -> TrainedText:
    """Return the text of a model: the given corpus, or the recorded one. Raises SettingError if it is unknown or missing."""
    command = recorded.get("command", {})
    names = given or command.get("data") or (DEFAULT if recorded else ())
    if not names:
        raise SettingError("corpus", f"must be given: beside {trained.name} no file records what the model was trained on")
    try:
        corpus = Corpus(names, trained.settings.corpus)
    except DataError as error:
        if given:
            raise
        raise SettingError("corpus", f"must be given, as the text that {trained.name} was trained on is missing: {error}") from None
    if command.get("valid"):
        try:
            return TrainedText(trained, corpus, whole(corpus), whole(Corpus(command["valid"], trained.settings.corpus)))
        except DataError:
            return TrainedText(trained, corpus, whole(corpus), None)
    if not recorded:
        return TrainedText(trained, corpus, whole(corpus), None)
    return TrainedText(trained, corpus, *split_corpus(corpus, command.get("valid_fraction"), trained.settings.loop.seed))
