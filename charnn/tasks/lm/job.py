"""The job of a language model: a corpus tokenized and split, and what to say about it."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from charnn.checkpoint.model import SavedModel
from charnn.data.corpus import Corpus
from charnn.data.store import scratch_folder
from charnn.data.tokenized import Part, learned_from, split_corpus, tokenize, whole
from charnn.errors import DataError
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.lm.start import RandomStart, TrainedStart
from charnn.training.card import metrics_table
from charnn.training.job import Place
from charnn.training.task import Score

SAMPLE_LENGTH = 160
"""Tokens of the samples shown while training."""


class LanguageModelJob:
    """A corpus as token ids, and an untrained model of it. Raises DataError or SettingError."""

    name = "lm"
    loss_unit, rate_unit = "nats/token", "characters"

    def __init__(self, place: Place, settings: LanguageModelSettings, start: RandomStart | TrainedStart | None = None) -> None:
        place.check()
        self.place = place
        start = start or RandomStart()
        settings = start.adapted(settings)
        corpus = Corpus(place.corpus, settings.corpus)
        self.title = f"A language model of {corpus.name}"
        self.corpus = corpus.name
        scratch = scratch_folder()
        train, valid = _parts(place, corpus, settings)
        if not any(train.chunks()):
            raise DataError(f"{corpus.name} holds too little text to train on; give more")
        tokenizer = start.tokenizer(train.chunks, settings.tokens)
        self.settings = replace(settings, network=settings.network.for_vocabulary(tokenizer.size))
        labels = start.labels(corpus.labels())
        self.train_text = tokenize(tokenizer, train, labels, scratch)
        self.valid_text = tokenize(tokenizer, valid, labels, scratch)
        if len(self.valid_text.ids) < 2:
            raise DataError(f"{corpus.name} leaves no text for validation; give more text, a larger --valid-share or --valid FILE")
        self.model = LanguageModel(self.settings, tokenizer, labels)
        self.starts = start.fill(self.model, self.train_text)
        self.batches = self.model.batches(self.train_text)
        self.rate = self.train_text.counts.characters / max(1, len(self.train_text.ids))

    def data(self) -> list[Any]:
        """All that was read and learned before training."""
        return learned_from(self.train_text, self.valid_text, self.model.learned(), self.model.tokenizer.tensors())

    def validate(self) -> Score:
        """Nats per token on the first part of the validation text."""
        return Score(self.model.quick_loss(self.valid_text))

    def facts(self) -> list[tuple[str, str]]:
        """Corpus, split, vocabulary, where the weights begin, network."""
        documents = f" in {len(self.train_text.starts) - 1:,} documents" if self.train_text.starts is not None else ""
        train, valid = self.train_text.counts, self.valid_text.counts
        unknown = f", {valid.unknown:,} unknown" if valid.unknown else ""
        labels = [("labels", ", ".join(self.model.labels))] if self.model.labels else []
        return [
            ("corpus", f"{self.corpus}: {train.characters:,} characters, {len(self.train_text.ids):,} tokens{documents}"),
            ("validation", f"{self._held_out()}: {valid.characters:,} characters, {len(self.valid_text.ids):,} tokens{unknown}"),
            ("vocabulary", f"{self.model.tokenizer.size:,} tokens ({self.settings.tokens.tokenizer})"),
            *self.starts,
            *labels,
            ("network", self.settings.network.stack.words()),
        ]

    def finish(self) -> dict[str, Any]:
        """The validation part under every protocol that fits."""
        protocols = ["documents"] if self.valid_text.starts is not None else ["streamed", "windows"]
        return {protocol: self.model.evaluate(self.valid_text, protocol) for protocol in protocols}

    def table(self, results: dict[str, Any]) -> list[str]:
        """A row a protocol."""
        names = {
            "nats per token": "nats_per_token",
            "bits per character": "bits_per_character",
            "bits per byte": "bits_per_byte",
            "perplexity per word": "word_perplexity",
            "standard error (nats)": "standard_error",
        }
        return metrics_table("protocol", {result["protocol"]: result for result in results.values()}, names)

    def commands(self, folder: Path) -> list[str]:
        """Writing and measuring."""
        label = "" if not self.model.labels else f" --label {self.model.labels[0]!r}"
        return [f"charnn sample {folder}{label}", f"charnn evaluate {folder} FILE"]

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """A short text."""
        from charnn.tasks.lm.trained import TrainedLanguageModel

        return TrainedLanguageModel(saved).sample(length=SAMPLE_LENGTH if seed else 1, seed=seed)

    def _held_out(self) -> str:
        if self.place.valid:
            return f"from {file_names(self.place.valid)}"
        if self.valid_text.starts is None:
            return "the end of the corpus"
        return f"documents drawn by seed {self.settings.loop.seed}"


def file_names(paths: Sequence[str | Path]) -> str:
    """The names of files without their folders."""
    return ", ".join(Path(path).name for path in paths)


def _parts(place: Place, corpus: Corpus, settings: LanguageModelSettings) -> tuple[Part, Part]:
    if place.valid:
        return whole(corpus), whole(Corpus(place.valid, settings.corpus))
    return split_corpus(corpus, place.valid_share, settings.loop.seed)
