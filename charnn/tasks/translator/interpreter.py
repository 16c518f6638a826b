"""Raw text in, raw text out: a translator's network with everything around it."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.pairs import Pair
from charnn.decoding.beam import Hypothesis
from charnn.decoding.settings import BeamSettings, SamplingSettings
from charnn.errors import SettingError
from charnn.metrics.alignment import Alignment, merged
from charnn.metrics.language import exp
from charnn.metrics.translation import sentence_chrf, translation_metrics
from charnn.tasks.translator.languages import Kept, Languages, normal, pieces, put_back
from charnn.tasks.translator.network import TranslatorNetwork
from charnn.tasks.translator.settings import SearchSettings, TranslatorSettings
from charnn.tasks.translator.translating import Limits, Scored, look, sample, score, search
from charnn.tasks.views import UNSEEN, token_texts
from charnn.tokenizers.vocabulary import UNKNOWN


@dataclass(frozen=True)
class Decoding:
    """How translations are found."""

    search: SearchSettings = field(default_factory=SearchSettings)
    count: int = 1  # best ones to give
    prefix: str = ""
    sampling: SamplingSettings | None = None  # draw instead of search
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampling is None and self.count > self.search.beam:
            raise SettingError("n_best", f"can be at most the beam of {self.search.beam}, got {self.count}")


GREEDY = Decoding(SearchSettings(beam=1, length_penalty=0.0))


@dataclass(frozen=True)
class Translation:
    """One way to say it."""

    text: str
    score: float  # Its log-probability over the length penalty; of a text translated in pieces, their sum
    log_probability: float  # In nats, the end token's included
    alignment: Alignment | None = None


class Interpreter:
    """A translator in use."""

    def __init__(self, settings: TranslatorSettings, languages: Languages, network: TranslatorNetwork) -> None:
        self.settings, self.languages, self.network = settings, languages, network

    @property
    def copies_unknown(self) -> bool:
        """May it write an unknown word, which attention then replaces by a word of the source?"""
        return self.languages.are_words and self.settings.network.attention != "none"

    def translate(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[list[Translation]]:
        """Return the best translations of each text, best first; those of a text without anything but white space are empty.

        A text of more tokens than `longest` is translated in pieces, sentence by sentence where it can be.
        """
        decoding = decoding or Decoding()
        parts = [self._pieces(text) for text in texts]
        firsts = self._translate_pieces([row[0] for row in parts], decoding, aligns)
        # A prefix is what the whole translation begins with, not each of its pieces.
        others = iter(self._translate_pieces([part for row in parts for part in row[1:]], replace(decoding, prefix=""), aligns))
        return [_joined([first, *(next(others) for _ in row[1:])]) for first, row in zip(firsts, parts, strict=True)]

    def translations(self, pairs: Sequence[Pair], decoding: Decoding | None = None) -> list[str]:
        """Return the best translation of each source."""
        return [best.text for best, *_ in self.translate([one.source for one in pairs], decoding)]

    def score(self, pairs: Sequence[Pair]) -> Scored:
        """Return how probable the given translations are."""
        return score(self.network, self.languages.read(self.languages.prepare_pairs(pairs)))

    def measure(
        self, pairs: Sequence[Pair], found: Sequence[str], *, lowercase: bool = False, per_sentence: bool = False, resamples: int = 1000
    ) -> dict[str, Any]:
        """Return the metrics of translations that were found, and of the references by forced decoding."""
        references = [one.target for one in pairs]
        scored = self.score(pairs)
        nats, words = float(scored.nats.sum()), sum(len(text.split()) + 1 for text in references)
        metrics = {
            **translation_metrics(found, references, lowercase=lowercase, resamples=resamples),
            "loss": nats / int(scored.tokens.sum()),
            "word_perplexity": exp(nats / words),
        }
        if per_sentence:
            sides = ([one.lower() if lowercase else one for one in side] for side in (found, references))
            rows = zip(pairs, found, scored.nats.tolist(), scored.tokens.tolist(), sentence_chrf(*sides), strict=True)
            metrics["sentences"] = [
                {"source": pair.source, "reference": pair.target, "translation": text, "nats": loss, "tokens": tokens, "chrf": chrf}
                for pair, text, loss, tokens, chrf in rows
            ]
        return metrics

    def _pieces(self, text: str) -> list[Kept]:
        kept = self.languages.prepare(text)
        if not kept.text.strip():  # white space that is no ordinary space, such as U+00A0
            return [Kept("", ())]
        found = pieces(kept.text, lambda part: len(self.languages.encode(self.languages.source, part)), self.settings.longest)
        return [Kept(part, kept.parts) for part in found] or [Kept("", ())]

    def _translate_pieces(self, sources: Sequence[Kept], decoding: Decoding, aligns: bool) -> list[list[Translation]]:
        languages, how = self.languages, decoding.search
        ids = [languages.encode(languages.source, one.text) for one in sources]
        prefix = normal(decoding.prefix)
        limits = Limits(how.max_length, tuple(int(one) for one in languages.encode(languages.target, prefix)), self.copies_unknown)
        if decoding.sampling is None:
            found = search(self.network, ids, BeamSettings(how.beam, how.length_penalty), count=decoding.count, limits=limits)
        else:
            seeds = [decoding.seed + number for number in range(decoding.count)]
            drawn = [sample(self.network, ids, decoding.sampling, [seed] * len(ids), limits=limits) for seed in seeds]
            found = [list(row) for row in zip(*drawn, strict=True)]
        return [
            [self._translation(source, row, (*limits.prefix, *one.tokens), one, prefix=prefix, aligns=aligns) for one in hypotheses]
            for source, row, hypotheses in zip(sources, ids, found, strict=True)
        ]

    def _translation(
        self, source: Kept, ids: NDArray[Any], target: Sequence[int], found: Hypothesis, *, prefix: str, aligns: bool
    ) -> Translation:
        """Return what was found as text: unknown words replaced by those that the decoder looked at, signs by what was carried over.

        The prefix stays as it was given.
        """
        if not source.text:
            empty = Alignment((), (), np.zeros((0, 0)))
            return Translation("", 0.0, 0.0, empty if aligns else None)
        tokenizer, before = self.languages.target, token_texts(self.languages.source, ids, source.text)
        behind = len(target) - len(found.tokens)
        after = [*token_texts(tokenizer, target[:behind], prefix), *token_texts(tokenizer, target)[behind:]]
        weights = None
        if aligns or (self.copies_unknown and UNKNOWN in found.tokens):
            weights = _without_ends(look(self.network, ids, target))
            after = [
                text.replace(UNSEEN, before[int(weights[place].argmax())].strip()) if token == UNKNOWN and place >= behind else text
                for place, (text, token) in enumerate(zip(after, target, strict=True))
            ]
        # In normal form again: bytes and characters can make a newline, and a sign that stands for nothing leaves two spaces.
        text = normal(put_back("".join([prefix, *after[behind:]]), source.parts))
        alignment = None
        if aligns and weights is not None:
            words, found_words = ([put_back(one, source.parts) for one in side] for side in (before, after))
            alignment = merged(words, found_words, weights)
        return Translation(text, found.score, found.log_probability, alignment)


def _without_ends(weights: NDArray[np.float32]) -> NDArray[np.float64]:
    """(target + 1, source + 1) with the end tokens -> (target, source), rows that sum to 1."""
    inner = np.maximum(weights[:-1, :-1].astype(np.float64), 1e-9)
    shares: NDArray[np.float64] = inner / inner.sum(1, keepdims=True)
    return shares


def _joined(found: Sequence[Sequence[Translation]]) -> list[Translation]:
    """Return the translations of a text from those of its pieces: the best with the best, the second with the second."""
    if len(found) == 1:
        return list(found[0])
    ranks = range(min(map(len, found)))
    return [
        Translation(
            " ".join(row[rank].text for row in found if row[rank].text),
            sum(row[rank].score for row in found),
            sum(row[rank].log_probability for row in found),
            stacked([row[rank].alignment for row in found]),
        )
        for rank in ranks
    ]


def stacked(parts: Sequence[Alignment | None]) -> Alignment | None:
    """Return alignments one after the other: each target word looked at its own piece only."""
    known = [one for one in parts if one is not None]
    if not known:
        return None
    weights = np.zeros((sum(len(one.target) for one in known), sum(len(one.source) for one in known)))
    row = column = 0
    for one in known:
        weights[row : row + len(one.target), column : column + len(one.source)] = one.weights
        row, column = row + len(one.target), column + len(one.source)
    return Alignment(tuple(word for one in known for word in one.source), tuple(word for one in known for word in one.target), weights)
