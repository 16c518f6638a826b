"""The job of a classifier: labelled texts read, split and examined, a referee fitted, an untrained network."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.baselines.linear import fit_referee
from charnn.batches.texts import Speller
from charnn.check.labelled import examine
from charnn.checkpoint.model import SavedModel
from charnn.data.labelled import Example, LabelledData, LabelledSettings, hold_out, label_set
from charnn.errors import DataError
from charnn.metrics.classification import blend, fit_blend, fit_temperature, log_softmax, negative_log_likelihood
from charnn.tasks.classifier.model import Blending, Classifier, evaluate, label_numbers
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tasks.start import Start
from charnn.tokenizers.words import WordTokenizer
from charnn.training.card import metrics_table
from charnn.training.job import Place
from charnn.training.task import Score

VALIDATION_TOKENS = 300_000
"""Tokens of the quick validation while training, at most."""


class ClassifierJob:
    """Labelled texts as token ids, and an untrained classifier of them. Raises DataError or SettingError."""

    name = "classifier"
    loss_unit, rate_unit, rate = "nats/text", "texts", 1.0

    def __init__(self, place: Place, settings: ClassifierSettings, start: Start | None = None) -> None:
        place.check()
        start = start or Start()
        data = LabelledData(place.corpus, settings.data)
        self.title = f"A classifier of {data.name}"
        train, valid = read_parts(place, data, settings.data, settings.loop.seed)
        self.examination = examine(train, valid)
        labels = label_set(self.examination.train, self.examination.where)
        train = readable(train, labels, self.examination.where)
        if not valid:
            raise DataError(f"{data.name} has so many copies of its texts that none can be held out; leave some out, or give --valid FILE")
        self.valid_texts = [one.text for one in valid]
        self.valid_labels = label_numbers(valid, labels)
        texts, numbers = [one.text for one in train], label_numbers(train, labels)
        self.settings = settings = start.adapted(settings)
        tokenizer = start.tokenizer(lambda: (f"{text}\n" for text in texts), settings.tokens)
        speller = None
        if settings.network.encoder.word_characters:
            assert isinstance(tokenizer, WordTokenizer)
            speller = Speller.fit(word for text in texts for word in tokenizer.symbols(text))
        self.model = Classifier(settings, tokenizer, labels, speller)
        self.starts = start.fill(self.model.network, tokenizer)
        self.model.taken_layers = start.taken_layers(self.model.network)
        if settings.objective.class_weights == "balanced":
            self.model.class_weights = balanced(numbers, len(labels))
        self.linear: NDArray[np.float32] | None = None
        if settings.objective.referee:
            known, held = numbers.tolist(), self.valid_labels.tolist()
            referee = fit_referee(texts, known, self.valid_texts, held, len(labels), settings.loop.seed)
            self.model.referee, self.linear = referee, referee.logits(self.valid_texts)
        self.train_set = self.model.read(texts, numbers)
        self.batches = self.model.batches(self.train_set)
        self.valid_set = self.model.read(self.valid_texts)
        self.quick = sample_of(self.valid_set.lengths, settings.loop.seed)
        self.quick_set = self.model.read([self.valid_texts[number] for number in self.quick])

    def data(self) -> list[Any]:
        """All that was read and learned before training."""
        train, tokenizer, speller = self.train_set, self.model.tokenizer, self.model.speller
        learned = [tokenizer.learned(), tokenizer.tensors(), self.model.labels, speller and speller.characters.symbols]
        return [train.ids, train.starts, train.labels, train.words, self.valid_texts, self.valid_labels, learned]

    def validate(self) -> Score:
        """Nats per text of calibrated probabilities on some of the validation texts; sets temperatures and blend by them."""
        labels = self.valid_labels[self.quick]
        network = self.model.network_logits(self.quick_set)
        linear = None if self.linear is None else self.linear[self.quick]
        self.model.blending = fit_blending(network, linear, labels)
        found = self.model.calibrated(network, linear)
        metrics = {"accuracy": accuracy(found["network"], labels)}
        if linear is not None:
            metrics["blend"] = accuracy(found["blend"], labels)
        return Score(negative_log_likelihood(found["network"], labels), metrics)

    def facts(self) -> list[tuple[str, str]]:
        """What the data hold, the network, and what the linear model reaches."""
        linear = []
        if self.linear is not None and self.model.referee is not None:
            right = accuracy(self.linear, self.valid_labels)
            linear = [("linear", f"{100 * right:.1f} % right on validation: {self.model.referee.describe()}")]
        return [
            *self.examination.lines(),
            ("vocabulary", f"{self.model.tokenizer.size:,} tokens ({self.settings.tokens.tokenizer})"),
            *self.starts,
            ("network", f"{self.settings.network.encoder.words()}, pooling {self.settings.network.pooling}"),
            *linear,
        ]

    def finish(self) -> dict[str, Any]:
        """Temperatures and blend by all validation texts, and the metrics of each model on them."""
        network = self.model.network_logits(self.valid_set)
        self.model.blending = fit_blending(network, self.linear, self.valid_labels)
        return evaluate(self.model.calibrated(network, self.linear), self.valid_labels, self.model.labels)

    def table(self, results: dict[str, Any]) -> list[str]:
        """A row a model."""
        lines = metrics_table("model", {name: results[name] for name in MODELS if name in results}, COLUMNS)
        return [*lines, *(["", results["comparison"]] if "comparison" in results else [])]

    def commands(self, folder: Path) -> list[str]:
        """Classifying and measuring."""
        return [f'charnn predict {folder} "some text"', f"charnn predict {folder} FILE.csv", f"charnn evaluate {folder} FILE"]

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """Nothing."""
        return None


MODELS = ("network", "linear", "blend")
COLUMNS = {"accuracy": "accuracy", "macro F1": "macro_f1", "calibration error": "ece", "nats per text": "nll"}


def fit_blending(network: NDArray[np.float32], linear: NDArray[np.float32] | None, labels: NDArray[np.int64]) -> Blending:
    """Temperatures (Guo et al. 2017) and the weight of the network, each by the likelihood of the labels."""
    first = fit_temperature(network, labels)
    if linear is None:
        return Blending(network_temperature=first)
    second = fit_temperature(linear, labels)
    calibrated = log_softmax(network / first), log_softmax(linear / second)
    weight = fit_blend(*calibrated, labels)
    return Blending(first, second, weight, fit_temperature(blend(*calibrated, weight), labels))


def read_parts(place: Place, data: LabelledData, settings: LabelledSettings, seed: int) -> tuple[list[Example], list[Example]]:
    """Training and validation examples; without files of its own the validation is a share of each label."""
    examples = list(data.examples())
    if place.valid:
        return examples, list(LabelledData(place.valid, settings).examples())
    return hold_out(examples, place.valid_share, seed, data.name)


def readable(examples: list[Example], labels: Sequence[str], where: Mapping[str, str]) -> list[Example]:
    """Those with a text. Raises DataError for a label, first seen at path:line, that has none."""
    found = [one for one in examples if one.text.strip()]
    for label in sorted({*labels} - {one.label for one in found}):
        raise DataError(f"{where[label]}: all texts of the label {label!r} are blank; give others, or leave it out")
    return found


def accuracy(scores: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Share of rows whose highest score is that of the label."""
    return float((scores.argmax(axis=1) == labels).mean())


def balanced(labels: NDArray[np.int64], count: int) -> torch.Tensor:
    """(labels,) weights that give every label the same sum, one on average."""
    return torch.tensor(len(labels) / (count * np.bincount(labels, minlength=count).clip(1)), dtype=torch.float32)


def sample_of(lengths: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Numbers of texts, drawn until they have VALIDATION_TOKENS, in order."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    count = int(np.searchsorted(lengths[order].cumsum(), VALIDATION_TOKENS)) + 1
    return np.sort(order[:count])
