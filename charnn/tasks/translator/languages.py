"""The two languages of a translator: raw texts and pairs of texts to token ids, and what is copied from a source as it is."""

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
from charnn.tokenizers.registry import SamplesDivisions, SplitsWords, Tokenizer, restore_tokenizer
from charnn.tokenizers.vocabulary import END

FIRST_SIGN, SIGNS = 0xE000, 8  # Signs in the place of what is copied: private code points, which no text needs
LEARNING = 0.05  # Fraction of the pairs without anything to carry over in which a shared word is
LEAST_SIGNS = 20  # Pairs that have shown a sign before it is known

GOLDEN = 0.6180339887498949

_SPACES = re.compile(r"[ \t\r\n\f\v]+")
_SIGN = re.compile(f"[{chr(FIRST_SIGN)}-{chr(FIRST_SIGN + SIGNS - 1)}]")
_KEPT = re.compile(
    r"""(?:https?://|www\.)[^\s<>"]*[\w/#=]           # web addresses, without the full stop behind them
      | (?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)+                   # mail addresses
      | (?<![\w])\d+(?:[.,:/-]\d+)+(?![\w])            # 3.14, 10:30, 2024-01-31, 1,000
      | (?<![\w])\d{2,}(?![\w])                        # numbers of two digits and more
    """,
    re.VERBOSE,
)
_WORD = re.compile(r"\w{4,}")
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+|(?<=[.!?…][\"'»”’)\]])\s+|(?<=[。！？])\s*")


class Prepared(NamedTuple):
    """A pair as the tokenizers take it."""

    source: str
    target: str


class Kept(NamedTuple):
    """A text with signs in the places of what is carried over."""

    text: str
    parts: tuple[str, ...]  # what each sign replaces


@dataclass(eq=False)
class Languages:
    """Two tokenizers, which may be one, and the number of signs that training has seen often enough."""

    source: Tokenizer
    target: Tokenizer
    signs: int = 0

    @classmethod
    def restore(cls, saved: SavedModel, settings: TranslatorSettings) -> "Languages":
        """Return the languages of a model file; raise CheckpointError for contents that make none."""

        def tokenizer(side: str) -> Tokenizer:
            return restore_tokenizer(settings.tokens.tokenizer, saved.learned.get(side), below(saved.tensors, f"tokenizer.{side}"))

        source = tokenizer("source")
        target = source if settings.objective.shared_vocabulary else tokenizer("target")
        signs = saved.learned.get("signs")
        if type(signs) is not int or not 0 <= signs <= SIGNS:
            raise CheckpointError(f"the model is damaged: it knows {shown(signs)} signs")
        return cls(source, target, signs)

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {"source": self.source.learned(), "target": None if self.are_one else self.target.learned(), "signs": self.signs}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return the arrays of the tokenizers, named `tokenizer.source.` and `tokenizer.target.`."""
        tokenizers = {"source": self.source} | ({} if self.are_one else {"target": self.target})
        return {f"tokenizer.{side}.{name}": array for side, one in tokenizers.items() for name, array in one.tensors().items()}

    @property
    def are_one(self) -> bool:
        """Do both share a tokenizer?"""
        return self.source is self.target

    @property
    def are_words(self) -> bool:
        """Are the tokens of both words?"""
        return all(isinstance(one, SplitsWords) for one in (self.source, self.target))

    def encode(self, tokenizer: Tokenizer, text: str) -> NDArray[Any]:
        """Return the ids of a prepared text, without an end; subwords are given the space that a word within a text has before it."""
        return tokenizer.encode(f" {text}" if text and tokenizer.has_spaces else text)

    def prepare_pairs(self, pairs: Sequence[Pair]) -> list[Prepared]:
        """Return given translations as they are scored."""
        return [Prepared(*keep_in_pair(normal(one.source), normal(one.target), signs=self.signs)) for one in pairs]

    def prepare(self, text: str) -> Kept:
        """Return a source as the tokenizer takes it, and the parts of the text that its signs replace."""
        return keep(normal(text), self.signs)

    def read(self, pairs: Sequence[Prepared]) -> PairSet:
        """Return prepared pairs as token ids."""
        sides = (self.source, [one.source for one in pairs]), (self.target, [one.target for one in pairs])
        return PairSet(*(ended(self.encode(tokenizer, text) for text in texts) for tokenizer, texts in sides))

    def read_sampled(self, pairs: Sequence[Prepared], alpha: float, seed: int) -> PairSet:
        """Return the same in divisions into subwords that the seed draws."""
        assert isinstance(self.source, SamplesDivisions)
        assert isinstance(self.target, SamplesDivisions)
        sources, targets = ([f" {text}" for text in texts] for texts in zip(*pairs, strict=True))
        rows = self.source.encode_sampled(sources, alpha, seed), self.target.encode_sampled(targets, alpha, seed + 1)
        return PairSet(*map(ended, rows))

    def batches(self, pairs: Sequence[Prepared], settings: TranslatorSettings) -> PairBatches:
        """Return the training batches of pairs."""
        loop, alpha = settings.loop, settings.objective.subword_sampling

        def resample(epoch: int) -> PairSet:
            assert alpha is not None
            return self.read_sampled(pairs, alpha, (loop.seed * 7919 + 2 * epoch) % (2**31 - 1))

        sampled = None if alpha is None else resample
        return PairBatches(self.read(pairs), batch_size=loop.batch_size, budget=loop.batch_tokens, seed=loop.seed, resample=sampled)


def ended(rows: Iterable[NDArray[Any]]) -> TextSet:
    """Return rows of ids, each with the end token behind it."""
    return text_set([np.append(row, END) for row in rows], lambda ids: ids)


def normal(text: str) -> str:
    """Return Unicode's composed form, one space between words, none around them; other white space, such as U+202F, stays."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip(" ")


def keep(text: str, signs: int = SIGNS) -> Kept:
    """Replace web and mail addresses and numbers of two digits and more by signs, in order; equal ones by the same sign.

    If there are more than `signs`, only the first ones are replaced; a text with signs of its own is returned as it is.
    """
    parts: list[str] = []
    if _SIGN.search(text):
        return Kept(text, ())

    def sign(found: re.Match[str]) -> str:
        part = found[0]
        if part not in parts:
            if len(parts) == signs:
                return part
            parts.append(part)
        return _sign(parts.index(part))

    return Kept(_KEPT.sub(sign, text), tuple(parts))


def keep_in_pair(source: str, target: str, draw: float = 1.0, signs: int = SIGNS) -> tuple[str, str]:
    """Do the same in a pair to learn from: only what both sides contain becomes a sign.

    Where nothing does and draw, a number in [0, 1), is below LEARNING, a word that both sides contain does, so that signs are
    known even in a corpus without addresses and numbers (copied words teach copying: Currey et al. 2017).
    """
    if _SIGN.search(source) or _SIGN.search(target):
        return source, target
    there, pattern = set(_KEPT.findall(target)), _KEPT
    shared = [part for part in dict.fromkeys(_KEPT.findall(source)) if part in there]
    if not shared and draw < LEARNING:
        words, pattern = set(_WORD.findall(target)), _WORD
        shared = [word for word in dict.fromkeys(_WORD.findall(source)) if word in words][:1]
    known = {part: _sign(number) for number, part in enumerate(shared[:signs])}
    source, target = (pattern.sub(lambda found: known.get(found[0], found[0]), text) for text in (source, target))
    return source, target


def prepare_to_learn(pairs: Sequence[Pair], *, keeps: bool) -> list[Prepared]:
    """Return pairs in normal form; where something is kept, with signs in its place, and with more signs to learn from."""
    prepared = [Prepared(normal(one.source), normal(one.target)) for one in pairs]
    if not keeps:
        return prepared
    # A draw of each pair's own; the golden ratio spreads them evenly.
    return [Prepared(*keep_in_pair(*one, number * GOLDEN % 1.0)) for number, one in enumerate(prepared)]


def known_signs(pairs: Sequence[Prepared]) -> int:
    """Return the number of signs, from the first, that enough pairs have on both sides."""
    counts = Counter(sign for one in pairs for sign in signs_of(one.source) & signs_of(one.target))
    return next(sign for sign in range(SIGNS + 1) if counts[sign] < LEAST_SIGNS)


def signs_of(text: str) -> set[int]:
    """Return the numbers of the signs in a text."""
    return {ord(sign) - FIRST_SIGN for sign in _SIGN.findall(text)}


def put_back(text: str, parts: Sequence[str]) -> str:
    """Return the text with its signs replaced by the parts that they represent; signs that represent nothing vanish."""

    def part(found: re.Match[str]) -> str:
        number = ord(found[0]) - FIRST_SIGN
        return parts[number] if number < len(parts) else ""

    return _SIGN.sub(part, text)


def pieces(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """Cut a text in pieces of at most `most` tokens: whole sentences as long as they fit, else at spaces, else anywhere."""
    if length(text) <= most:
        return [text]
    return [piece for sentence in _SENTENCE_END.split(text) for piece in _cut(sentence, length, most)]


def _cut(text: str, length: Callable[[str], int], most: int) -> list[str]:
    """Return halves, and halves of them, cut at the space nearest to the middle."""
    if len(text) < 2 or length(text) <= most:
        return [text] if text.strip() else []
    middle = len(text) // 2
    after, before = text.find(" ", middle), text.rfind(" ", 0, middle)
    places = [place for place in (after, before) if place > 0]
    place = min(places, key=lambda one: abs(one - middle)) if places else middle
    return [*_cut(text[:place].strip(" "), length, most), *_cut(text[place:].strip(" "), length, most)]


def _sign(number: int) -> str:
    return chr(FIRST_SIGN + number)
