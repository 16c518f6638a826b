"""The job of a tagger: tagged sentences read and split, an untrained network."""

from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np

from charnn.batches.texts import Speller
from charnn.checkpoint.model import SavedModel
from charnn.data.conll import Sentence, TaggedData, split_sentences
from charnn.data.schemes import detect_scheme
from charnn.tasks.start import Start
from charnn.tasks.tagger.model import Tagger, Tags, check_tags
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tasks.tagger.trained import evaluate
from charnn.tokenizers.protocol import lowered
from charnn.tokenizers.vocabulary import Vocabulary
from charnn.training.card import metrics_table
from charnn.training.job import Place
from charnn.training.task import Score

VALIDATION_SENTENCES = 2000
"""Sentences of the quick validation while training, at most."""


class TaggerJob:
    """Tagged sentences as ids, and an untrained tagger of them. Raises DataError or SettingError."""

    name = "tagger"
    loss_unit, rate_unit, rate = "nats/token", "tokens", 1.0

    def __init__(self, place: Place, settings: TaggerSettings, start: Start | None = None) -> None:
        place.check()
        start = start or Start()
        self.settings = settings
        data = TaggedData(place.corpus, settings.data)
        self.title = f"A tagger of {data.name}"
        self.train, self.valid = read_parts(place, data, settings)
        self.tags = Tags.of((one.tags for one in self.train), detect_scheme(self.train))
        check_tags(self.valid, self.tags)
        lower = settings.words.lowercase
        counts = Counter(lowered(token) if lower else token for one in self.train for token in one.tokens)
        words = Vocabulary.fit(counts, min_count=settings.words.min_count)
        self.unknown = sum(times for word, times in counts.items() if word not in words.ids)
        speller = None
        if settings.network.encoder.word_characters:
            speller = Speller.fit(token for one in self.train for token in one.tokens)
        self.model = Tagger(settings, words, speller, self.tags)
        self.starts = start.fill_words(self.model.network, words)
        sentences = [one.tokens for one in self.train]
        self.batches = self.model.batches(self.model.read(sentences, [self.tags.numbers(one.tags) for one in self.train]))
        order = np.random.default_rng(settings.loop.seed).permutation(len(self.valid))[:VALIDATION_SENTENCES]
        self.quick = [self.valid[number] for number in order]

    def data(self) -> list[Any]:
        """All that was read and learned before training."""
        return [[(one.tokens, one.tags) for one in part] for part in (self.train, self.valid)]

    def validate(self) -> Score:
        """Nats per token on some of the validation sentences; the model kept has the most right tags or spans."""
        losses = self.model.mean_loss(self.quick)
        metrics = evaluate(self.model, self.quick, resamples=0)
        name = "span_f1" if self.tags.are_spans else "token_accuracy"
        return Score(losses, {name.replace("_", " "): metrics[name]}, 1 - metrics[name])

    def facts(self) -> list[tuple[str, str]]:
        """Sentences, tags, vocabulary, network."""
        counts = Counter(tag for one in self.train for tag in one.tags)
        total = sum(counts.values())
        kinds = f"{len(counts)} tags" + (f", spans in {self.tags.scheme}" if self.tags.are_spans else "")
        return [
            ("training", f"{len(self.train):,} sentences, {total:,} tokens"),
            ("validation", f"{len(self.valid):,} sentences, {sum(len(one.tokens) for one in self.valid):,} tokens"),
            ("tags", f"{kinds}: {', '.join(f'{tag} {100 * count / total:.1f} %' for tag, count in counts.most_common(5))} ..."),
            ("vocabulary", f"{self.model.words.size:,} words, {100 * self.unknown / total:.1f} % of the training tokens unknown"),
            *self.starts,
            ("network", f"{self.settings.network.encoder.words()}, {self.settings.network.output}"),
        ]

    def finish(self) -> dict[str, Any]:
        """The metrics of the validation sentences."""
        return evaluate(self.model, self.valid)

    def table(self, results: dict[str, Any]) -> list[str]:
        """A row for spans, or for tokens."""
        columns = {"token accuracy": "token_accuracy"}
        if self.tags.are_spans:
            columns = {"span F1": "span_f1", "precision": "span_precision", "recall": "span_recall", **columns}
        return metrics_table("validation", {f"{len(self.valid):,} sentences": results}, columns)

    def commands(self, folder: Path) -> list[str]:
        """Tagging and measuring."""
        return [f'charnn predict {folder} "Some text."', f"charnn evaluate {folder} FILE"]

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """Nothing."""
        return None


def read_parts(place: Place, data: TaggedData, settings: TaggerSettings) -> tuple[list[Sentence], list[Sentence]]:
    """Training and validation sentences; without files of its own the validation is a random share."""
    sentences = list(data.sentences())
    if place.valid:
        return sentences, list(TaggedData(place.valid, settings.data).sentences())
    return split_sentences(sentences, place.valid_share, settings.loop.seed, data.name)
