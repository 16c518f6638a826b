"""The two languages of a translator: texts and pairs to token ids, with placeholders for what is copied from the source."""

import re
import unicodedata
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.batches.texts import PairBatches, PairSet, TextSet, text_set
from charnn.checkpoint.model import SavedModel, below
from charnn.data.pairs import Pair
from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.tokenizers.registry import SamplesDivisions, Tokenizer, restore_tokenizer
from charnn.tokenizers.vocabulary import END

FIRST_PLACEHOLDER, PLACEHOLDERS = 0xE000, 8  # Private code points in the place of copied parts, which no text needs
LEARNING = 0.05  # Fraction of the pairs without anything to copy in which a shared word is copied
LEAST_PAIRS = 20  # Pairs of the training data that contain a placeholder before it is used
GOLDEN = 0.6180339887498949
_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_PLACEHOLDER = re.compile(f"[{chr(FIRST_PLACEHOLDER)}-{chr(FIRST_PLACEHOLDER + PLACEHOLDERS - 1)}]")
_COPIED = re.compile(
    r"""(?:https?://|www\.)[^\s<>"]*[\w/#=]           # web addresses, without the full stop after them
      | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+                   # mail addresses
      | (?<![\w])\d+(?:[.,:/-]\d+)+(?![\w])            # 3.14, 10:30, 2024-01-31, 1,000
      | (?<![\w])\d{2,}(?![\w])                        # numbers of two digits and more
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"\w{4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'»”’)\]])\s+|(?<=[。！？])\s*")


class Prepared(NamedTuple):
    """A pair of texts for the tokenizers."""

    source: str
    target: str


class Template(NamedTuple):
    """A text with placeholders for copied parts."""

    text: str
    parts: tuple[str, ...]  # Those of the placeholders, in order


@dataclass(eq=False)
class Languages:
    """Two tokenizers, or one for both sides, and the number of placeholders that training contains often enough."""

    source: Tokenizer
    target: Tokenizer
    placeholders: int = 0

    @classmethod
    def restore(cls, saved: SavedModel, settings: TranslatorSettings) -> "Languages":
        """Return the languages of a model file; raise CheckpointError for damaged contents."""

        def tokenizer(side: str) -> Tokenizer:
            return restore_tokenizer(settings.tokens.tokenizer, saved.learned.get(side), below(saved.tensors, f"tokenizer.{side}"))

        source = tokenizer("source")
        target = source if settings.objective.shared_vocabulary else tokenizer("target")
        placeholders = saved.learned.get("signs")
        if type(placeholders) is not int or not 0 <= placeholders <= PLACEHOLDERS:
            raise CheckpointError(f"the model is damaged: it has {shown(placeholders)} placeholders")
        return cls(source, target, placeholders)

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {"source": self.source.learned(), "target": None if self.are_one else self.target.learned(), "signs": self.placeholders}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the tokenizers, `tokenizer.source.*` and `tokenizer.target.*`; a shared tokenizer has only the first."""
        tokenizers = {"source": self.source} | ({} if self.are_one else {"target": self.target})
        return {f"tokenizer.{side}.{name}": array for side, one in tokenizers.items() for name, array in one.tensors().items()}

    @property
    def are_one(self) -> bool:
        """Do both sides share a tokenizer?"""
        return self.source is self.target

    def encode(self, tokenizer: Tokenizer, text: str) -> NDArray[Any]:
        """Return the ids of a prepared text, without an end; subwords are encoded with a space before the first word too."""
        return tokenizer.encode(f" {text}" if text and tokenizer.has_spaces else text)

    def prepare_pairs(self, pairs: Sequence[Pair]) -> list[Prepared]:
        """Return pairs prepared for scoring."""
        return [Prepared(*take_out_of_pair(normal(one.source), normal(one.target), most=self.placeholders)) for one in pairs]

    def prepare(self, text: str) -> Template:
        """Return a source prepared for translating."""
        return take_out(normal(text), self.placeholders)

    def read(self, pairs: Sequence[Prepared]) -> PairSet:
        """Return the token ids of prepared pairs."""
        sides = (self.source, [one.source for one in pairs]), (self.target, [one.target for one in pairs])
        return PairSet(*(ended(self.encode(tokenizer, text) for text in texts) for tokenizer, texts in sides))

    def read_sampled(self, pairs: Sequence[Prepared], alpha: float, seed: int) -> PairSet:
        """Return the token ids of prepared pairs, with subwords that are drawn by the seed."""
        assert isinstance(self.source, SamplesDivisions)
        assert isinstance(self.target, SamplesDivisions)
        sources, targets = ([f" {text}" for text in texts] for texts in zip(*pairs, strict=True))
        rows = self.source.encode_sampled(sources, alpha, seed), self.target.encode_sampled(targets, alpha, seed + 1)
        return PairSet(*map(ended, rows))

    def batches(self, pairs: Sequence[Prepared], settings: TranslatorSettings) -> PairBatches:
        """Return the training batches of pairs."""
        loop, alpha = settings.loop, settings.objective.subword_sampling
        resample = None if alpha is None else lambda epoch: self.read_sampled(pairs, alpha, (loop.seed * 7919 + 2 * epoch) % (2**31 - 1))
        return PairBatches(self.read(pairs), batch_size=loop.batch_size, budget=loop.batch_tokens, seed=loop.seed, resample=resample)


def ended(rows: Iterable[NDArray[Any]]) -> TextSet:
    """Return a set of rows of ids, each with the end token added."""
    return text_set([np.append(row, END) for row in rows], lambda ids: ids)


def normal(text: str) -> str:
    """Return a text in Unicode's composed form, with single spaces between words; other white space, such as U+202F, is kept."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def take_out(text: str, most: int = PLACEHOLDERS) -> Template:
    """Replace web and mail addresses and numbers of several digits by placeholders, in order, equal ones by the same.

    After `most` different ones the others are left as they are, and so is a text that contains placeholders itself.
    """
    if _PLACEHOLDER.search(text):
        return Template(text, ())
    parts = tuple(dict.fromkeys(_COPIED.findall(text)))[:most]
    return Template(_replaced(text, _COPIED, parts), parts)


def take_out_of_pair(source: str, target: str, draw: float = 1.0, most: int = PLACEHOLDERS) -> tuple[str, str]:
    """Replace the parts that both sides contain by placeholders, as take_out() does in one text.

    Without any, and where draw, a number in [0, 1), is below LEARNING, replace a word that both sides contain: so placeholders are
    learned even from a corpus without addresses and numbers (copied words teach copying: Currey et al. 2017).
    """
    if _PLACEHOLDER.search(source) or _PLACEHOLDER.search(target):
        return source, target
    pattern, shared = _COPIED, _shared(_COPIED, source, target)
    if not shared and draw < LEARNING:
        pattern, shared = _WORD, _shared(_WORD, source, target)[:1]
    return _replaced(source, pattern, shared[:most]), _replaced(target, pattern, shared[:most])


def _shared(pattern: re.Pattern[str], source: str, target: str) -> list[str]:
    """Return the different matches in a source that match in the target too, in order."""
    there = set(pattern.findall(target))
    return [part for part in dict.fromkeys(pattern.findall(source)) if part in there]


def _replaced(text: str, pattern: re.Pattern[str], parts: Sequence[str]) -> str:
    """Return the text with the matches that are among the parts replaced by the parts' placeholders."""
    known = {part: chr(FIRST_PLACEHOLDER + number) for number, part in enumerate(parts)}
    return pattern.sub(lambda found: known.get(found[0], found[0]), text)


def prepare_to_learn(pairs: Sequence[Pair], *, copies: bool) -> list[Prepared]:
    """Return pairs prepared for training; with `copies` with placeholders, some of them for words."""
    prepared = [Prepared(normal(one.source), normal(one.target)) for one in pairs]
    if not copies:
        return prepared
    # A draw for each pair; the golden ratio spreads them evenly.
    return [Prepared(*take_out_of_pair(*one, number * GOLDEN % 1.0)) for number, one in enumerate(prepared)]


def known_placeholders(pairs: Sequence[Prepared]) -> int:
    """Return the number of placeholders, from the first, that enough pairs contain on both sides."""
    counts = Counter(one for pair in pairs for one in placeholders_of(pair.source) & placeholders_of(pair.target))
    return next(one for one in range(PLACEHOLDERS + 1) if counts[one] < LEAST_PAIRS)


def placeholders_of(text: str) -> set[int]:
    """Return the numbers of the placeholders in a text."""
    return {ord(one) - FIRST_PLACEHOLDER for one in _PLACEHOLDER.findall(text)}


def put_back(text: str, parts: Sequence[str]) -> str:
    """Return the text with placeholder k replaced by parts[k]; a placeholder without a part is removed."""
    known = dict(enumerate(parts))
    return _PLACEHOLDER.sub(lambda found: known.get(ord(found[0]) - FIRST_PLACEHOLDER, ""), text)


def pieces(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """Split a text into pieces of at most `most` tokens: into sentences, long ones at spaces, or else anywhere."""
    if length(text) <= most:
        return [text]
    return [piece for sentence in _SENTENCE_END.split(text) for piece in _cut(sentence, length, most)]


def _cut(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """Return halves of a text, and their halves, cut at the space nearest to the middle, until each has at most `most` tokens."""
    if len(text) < 2 or length(text) <= most:
        return [text] if text.strip() else []
    middle = len(text) // 2
    after, before = text.find(" ", middle), text.rfind(" ", 0, middle)
    places = [place for place in (after, before) if place > 0]
    place = min(places, key=lambda one: abs(one - middle)) if places else middle
    return [*_cut(text[:place].strip(" "), length, most), *_cut(text[place:].strip(" "), length, most)]
