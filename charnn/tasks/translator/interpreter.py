"""The translation of raw text to raw text by a translator's network."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import block_diag

from charnn.data.pairs import Pair
from charnn.decoding.beam import Hypothesis
from charnn.decoding.settings import BeamSettings, SamplingSettings
from charnn.errors import SettingError
from charnn.metrics.alignment import Alignment, merged
from charnn.metrics.language import exp
from charnn.metrics.translation import sentence_chrf, translation_metrics
from charnn.tasks.translator.languages import Languages, Template, normal, pieces, put_back
from charnn.tasks.translator.network import TranslatorNetwork
from charnn.tasks.translator.settings import SearchSettings, TranslatorSettings
from charnn.tasks.translator.translating import Limits, Scored, attention_weights, sample, score, search
from charnn.tasks.views import UNSEEN, token_texts
from charnn.tokenizers.registry import SplitsWords
from charnn.tokenizers.vocabulary import UNKNOWN


@dataclass(frozen=True)
class Decoding:
    """The way to search for, or to sample, translations."""

    search: SearchSettings = field(default_factory=SearchSettings)
    count: int = 1  # Translations of each text
    prefix: str = ""
    sampling: SamplingSettings | None = None  # Rules of sampling; None for beam search
    seed: int = 0

    def __post_init__(self) -> None:
        if self.sampling is None and self.count > self.search.beam:
            raise SettingError("n_best", f"can be at most the beam of {self.search.beam}, got {self.count}")


GREEDY = Decoding(SearchSettings(beam=1, length_penalty=0.0))


@dataclass(frozen=True)
class Translation:
    """A translation of a text."""

    text: str
    score: float  # The log-probability divided by the length penalty; of a text translated in pieces, their sum
    log_probability: float  # In nats, with the end token's
    alignment: Alignment | None = None


class Interpreter:
    """A network with its languages, which translates raw texts."""

    def __init__(self, settings: TranslatorSettings, languages: Languages, network: TranslatorNetwork) -> None:
        self.settings, self.languages, self.network = settings, languages, network

    @property
    def copies_unknown(self) -> bool:
        """May the network write an unknown word, which is then replaced by the source word with the most attention?"""
        are_words = all(isinstance(one, SplitsWords) for one in (self.languages.source, self.languages.target))
        return are_words and self.settings.network.attention != "none"

    def translate(self, texts: Sequence[str], decoding: Decoding | None = None, *, aligns: bool = False) -> list[list[Translation]]:
        """Return the best translations of each text, best first; those of a text of white space are empty.

        A text of more tokens than `longest` is translated in pieces, by sentences where possible.
        """
        decoding = decoding or Decoding()
        parts = [self._pieces(text) for text in texts]
        firsts = self._translate_pieces([row[0] for row in parts], decoding, aligns)
        # A prefix begins the whole translation, not each of its pieces.
        others = iter(self._translate_pieces([part for row in parts for part in row[1:]], replace(decoding, prefix=""), aligns))
        return [_joined([first, *(next(others) for _ in row[1:])]) for first, row in zip(firsts, parts, strict=True)]

    def translations(self, pairs: Sequence[Pair], decoding: Decoding | None = None) -> list[str]:
        """Return the best translation of each source."""
        return [best.text for best, *_ in self.translate([one.source for one in pairs], decoding)]

    def score(self, pairs: Sequence[Pair]) -> Scored:
        """Return the log-probabilities and attention of the given translations."""
        return score(self.network, self.languages.read(self.languages.prepare_pairs(pairs)))

    def measure(
        self, pairs: Sequence[Pair], found: Sequence[str], *, lowercase: bool = False, per_sentence: bool = False, resamples: int = 1000
    ) -> dict[str, Any]:
        """Return the metrics of translations, and of the references by forced decoding."""
        references = [one.target for one in pairs]
        scored = self.score(pairs)
        nats, words = float(scored.nats.sum()), sum(len(text.split()) + 1 for text in references)
        metrics = translation_metrics(found, references, lowercase=lowercase, resamples=resamples)
        metrics |= {"loss": nats / int(scored.tokens.sum()), "word_perplexity": exp(nats / words)}
        if per_sentence:
            names = ("source", "reference", "translation", "nats", "tokens", "chrf")
            chrf = sentence_chrf(*([one.lower() if lowercase else one for one in side] for side in (found, references)))
            rows = zip([one.source for one in pairs], references, found, scored.nats.tolist(), scored.tokens.tolist(), chrf, strict=True)
            metrics["sentences"] = [dict(zip(names, row, strict=True)) for row in rows]
        return metrics

    def _pieces(self, text: str) -> list[Template]:
        template = self.languages.prepare(text)
        if not template.text.strip():  # White space other than ordinary spaces, such as U+00A0
            return [Template("", ())]
        found = pieces(template.text, lambda part: len(self.languages.encode(self.languages.source, part)), self.settings.longest)
        return [Template(part, template.parts) for part in found] or [Template("", ())]

    def _translate_pieces(self, sources: Sequence[Template], decoding: Decoding, aligns: bool) -> list[list[Translation]]:
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
        self, source: Template, ids: NDArray[Any], target: Sequence[int], found: Hypothesis, *, prefix: str, aligns: bool
    ) -> Translation:
        """Return a hypothesis as text, with the prefix as it was given.

        Unknown words are replaced by the source words with the most attention, placeholders by the parts taken out of the source.
        """
        if not source.text:
            empty = Alignment((), (), np.zeros((0, 0)))
            return Translation("", 0.0, 0.0, empty if aligns else None)
        tokenizer, before = self.languages.target, token_texts(self.languages.source, ids, source.text)
        behind = len(target) - len(found.tokens)
        after = [*token_texts(tokenizer, target[:behind], prefix), *token_texts(tokenizer, target)[behind:]]
        weights = None
        if aligns or (self.copies_unknown and UNKNOWN in found.tokens):
            # Without the end tokens, rows that sum to 1
            weights = np.maximum(attention_weights(self.network, ids, target)[:-1, :-1].astype(np.float64), 1e-9)
            weights /= weights.sum(1, keepdims=True)
            after = [
                text.replace(UNSEEN, before[int(weights[place].argmax())].strip()) if token == UNKNOWN and place >= behind else text
                for place, (text, token) in enumerate(zip(after, target, strict=True))
            ]
        # In normal form again: bytes and characters can make a newline, and an unused placeholder leaves two spaces.
        text = normal(put_back("".join([prefix, *after[behind:]]), source.parts))
        alignment = None
        if aligns and weights is not None:
            words, found_words = ([put_back(one, source.parts) for one in side] for side in (before, after))
            alignment = merged(words, found_words, weights)
        return Translation(text, found.score, found.log_probability, alignment)


def _joined(found: Sequence[Sequence[Translation]]) -> list[Translation]:
    """Return the translations of a text from those of its pieces: the best of each joined, then the second of each."""
    if len(found) == 1:
        return list(found[0])
    return [
        Translation(
            " ".join(row[rank].text for row in found if row[rank].text),
            sum(row[rank].score for row in found),
            sum(row[rank].log_probability for row in found),
            stacked([row[rank].alignment for row in found]),
        )
        for rank in range(min(map(len, found)))
    ]


def stacked(parts: Sequence[Alignment | None]) -> Alignment | None:
    """Return one alignment of consecutive pieces, in which each target word attends to its own piece only; None for Nones."""
    known = [one for one in parts if one is not None]
    if not known:
        return None
    words = [tuple(chain.from_iterable(getattr(one, side) for one in known)) for side in ("source", "target")]
    return Alignment(words[0], words[1], block_diag(*(one.weights for one in known)))
