"""The classifier: one label for a text, from a network, a linear model of n-grams, and a blend of both."""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.baselines.linear import Referee
from charnn.batches.texts import Speller, TextBatch, TextBatches, TextSet, text_set
from charnn.cells.rowwise import reading
from charnn.data.labelled import Example
from charnn.errors import CheckpointError, DataError
from charnn.metrics.classification import blend, classification_metrics, log_softmax, paired_line
from charnn.tasks.classifier.network import ClassifierNetwork
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tasks.encoding import READ_TEXTS, READ_TOKENS, drop_words, spelling_of, tensors_of
from charnn.tasks.weights import put_weights, weights_of, without_memory
from charnn.tokenizers.protocol import Tokenizer
from charnn.tokenizers.words import WordTokenizer
from charnn.training.task import Group, Loss, all_alike


@dataclass(frozen=True)
class Blending:
    """How certain each model may be, and how much the network counts: all chosen on the validation part."""

    network_temperature: float = 1.0
    linear_temperature: float = 1.0
    weight: float = 1.0  # of the network
    temperature: float = 1.0  # of the blend

    @classmethod
    def restore(cls, values: Any) -> "Blending":
        """From a model file. Raises CheckpointError."""
        names = cls.__dataclass_fields__
        if not isinstance(values, dict) or values.keys() != names.keys() or not all(type(one) is float for one in values.values()):
            raise CheckpointError(f"the model's blending is damaged: expected {', '.join(names)}")
        if not (0 <= values["weight"] <= 1 and all(0 < values[name] < math.inf for name in names if name != "weight")):
            raise CheckpointError("the model's blending is damaged: a value is out of its limits")
        return cls(**values)


class Classifier:
    """A tokenizer, a network, and, once fitted, temperatures and a linear referee."""

    name = "classifier"

    def __init__(self, settings: ClassifierSettings, tokenizer: Tokenizer, labels: Sequence[str], speller: Speller | None = None) -> None:
        self.settings = settings
        self.tokenizer = tokenizer
        self.labels = list(labels)
        self.speller = speller
        self.referee: Referee | None = None
        self.blending = Blending()
        self.class_weights: Tensor | None = None
        self.taken_layers: list[list[nn.Parameter]] = []  # from a language model, the topmost first
        torch.manual_seed(settings.loop.seed)
        characters = 0 if speller is None else speller.characters.size
        self.network = ClassifierNetwork(settings.network, vocabulary_size=tokenizer.size, labels=len(labels), characters=characters)

    @classmethod
    def restore(
        cls,
        settings: ClassifierSettings,
        tokenizer: Tokenizer,
        labels: Sequence[str],
        speller: Speller | None,
        tensors: Mapping[str, NDArray[Any]],
    ) -> "Classifier":
        """The model of a model file; raises CheckpointError where the weights do not fit the settings."""
        with without_memory():
            model = cls(settings, tokenizer, labels, speller)
        model.take_weights(tensors)
        model.network.eval()
        return model

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError where names or shapes differ."""
        put_weights(self.network, tensors)

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""
        return {
            "tokenizer": self.tokenizer.learned(),
            "labels": self.labels,
            "characters": None if self.speller is None else list(self.speller.characters.symbols),
            "referee": None if self.referee is None else self.referee.learned(),
            "blending": vars(self.blending),
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name, and what tokenizer and referee bring below `tokenizer.` and `referee.`."""
        parts = {"tokenizer": self.tokenizer.tensors(), "referee": {} if self.referee is None else self.referee.tensors()}
        own = {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
        return weights_of(self.network) | own

    def groups(self) -> list[Group]:
        """Layers of a language model learn later and slower, the lower the more (Howard and Ruder 2018); all others at once."""
        if not self.taken_layers:
            return all_alike(self.network)
        transfer = self.settings.transfer
        taken = {id(one) for layer in self.taken_layers for one in layer}
        fresh = [one for one in self.network.parameters() if id(one) not in taken]
        return [Group(fresh)] + [
            Group(layer, rate=transfer.layer_rate**-depth, thaw=transfer.unfreeze * depth)
            for depth, layer in enumerate(self.taken_layers, 1)
        ]

    def read(self, texts: Sequence[str], labels: NDArray[np.int64] | None = None) -> TextSet:
        """Texts as token ids, and as words where the network reads their characters."""
        if self.speller is None:
            return text_set(texts, self.tokenizer.encode, labels=labels)
        assert isinstance(self.tokenizer, WordTokenizer)
        words = [self.tokenizer.symbols(text) for text in texts]
        return text_set(words, self.tokenizer.vocabulary.encode, labels=labels, speller=self.speller)

    def batches(self, texts: TextSet) -> TextBatches[TextBatch]:
        """The training batches of texts."""
        loop = self.settings.loop
        return TextBatches(texts, batch_size=loop.batch_size, budget=loop.budget, seed=loop.seed)

    def loss(self, batch: TextBatch, carry: None) -> Loss:
        """Summed nats of a batch's labels."""
        objective = self.settings.objective
        logits = self._logits(batch, objective.word_dropout)
        labels = torch.from_numpy(batch.labels).to(logits.device)
        weights = None if self.class_weights is None else self.class_weights.to(logits.device)
        total = nn.functional.cross_entropy(
            logits.float(), labels, weight=weights, reduction="sum", label_smoothing=objective.label_smoothing
        )
        return Loss(total, len(labels), None)

    @reading()
    def network_logits(self, texts: TextSet) -> NDArray[np.float32]:
        """(texts, labels), whatever stands side by side."""
        logits = np.zeros((len(texts), len(self.labels)), np.float32)
        for numbers, batch in texts.by_length(READ_TEXTS, READ_TOKENS):
            logits[numbers] = self._logits(batch).float().cpu().numpy()
        return logits

    def log_probabilities(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """(texts, labels) of each model, as calibrated() gives them."""
        self.network.eval()
        return self.calibrated(self.network_logits(self.read(texts)), None if self.referee is None else self.referee.logits(texts))

    def calibrated(self, network: NDArray[Any], linear: NDArray[Any] | None) -> dict[str, NDArray[np.float64]]:
        """(texts, labels) logits -> log-probabilities of the `network` and, with a referee, of `linear` and `blend`; what ships is last."""
        first = log_softmax(network / self.blending.network_temperature)
        if linear is None:
            return {"network": first}
        second = log_softmax(linear / self.blending.linear_temperature)
        mixed = log_softmax(blend(first, second, self.blending.weight) / self.blending.temperature)
        return {"network": first, "linear": second, "blend": mixed}

    def _logits(self, batch: TextBatch, word_dropout: float = 0.0) -> Tensor:
        device = self.network.output.weight.device
        tokens, lengths = tensors_of(batch, device)
        logits: Tensor = self.network(
            drop_words(tokens, word_dropout), lengths, spelling_of(batch, device), window=self.settings.loop.window
        )
        return logits


def evaluate(
    found: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64], names: Sequence[str], abstain_below: float | None = None
) -> dict[str, Any]:
    """Metrics of each model's log-probabilities and, with a referee, a sentence that compares it with the network."""
    results: dict[str, Any] = {
        name: classification_metrics(values, labels, names, abstain_below=abstain_below) for name, values in found.items()
    }
    if "linear" in found:
        network, linear = (found[name].argmax(axis=1) == labels for name in ("network", "linear"))
        results["comparison"] = paired_line(network, linear)
    return results


def label_numbers(examples: Iterable[Example], labels: Sequence[str]) -> NDArray[np.int64]:
    """(texts,) the number of each label; raises DataError for one that the model does not have."""
    known = {label: number for number, label in enumerate(labels)}
    for one in examples:
        if one.label not in known:
            raise DataError(f"{one.where}: the label {one.label!r} does not exist in this model; it has {', '.join(labels)}")
    return np.array([known[one.label] for one in examples], np.int64)
