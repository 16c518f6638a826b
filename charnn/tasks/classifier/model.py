"""The classifier: one label for a text, from a network, a linear model of n-grams, or a blend of both."""

import math
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.baselines.linear import LinearBaseline, fit_baseline
from charnn.batches.texts import Speller, TextBatch, TextBatches, TextSet, by_length, text_set
from charnn.cells.rowwise import reading
from charnn.checkpoint.model import SavedModel, below, restored_strings
from charnn.data.labelled import LabelledData
from charnn.errors import CheckpointError, DataError
from charnn.metrics.alignment import merged
from charnn.metrics.classification import Blending, classification_metrics, fit_blending, negative_log_likelihood, paired_line
from charnn.plots.heatmap import Heatmap
from charnn.plots.letters import one_line
from charnn.settings import shown
from charnn.tasks.classifier import report
from charnn.tasks.classifier.check import ClassifierData, label_numbers, sample_of
from charnn.tasks.classifier.network import ClassifierNetwork
from charnn.tasks.classifier.settings import ClassifierInputs, ClassifierSettings
from charnn.tasks.start import Start, load_language_model, start_tokenizer
from charnn.tasks.tensors import BASELINE, READ_TEXTS, READ_TOKENS, drop_words, loaded, spelling_of, tensors_of, weights_of
from charnn.tasks.views import AttentionMap, Predictions, Worst, blocks, no_example, token_texts
from charnn.tokenizers.registry import SplitsWords, Tokenizer, restore_tokenizer
from charnn.tokenizers.vocabulary import SPECIALS
from charnn.training.model import Group, Loss, Score, Sources, all_alike

WORDS = {"unicode": "unicode word", "punctuation": "word"}  # The unit of n-grams for each value of `ngram_split`
DIRECTIONS = ("forwards", "backwards")  # Directions of reading
LABELS: dict[str, Callable[[str], Any]] = {"str": str, "int": int, "float": float, "bool": {"False": False, "True": True}.__getitem__}
"""What labels were in Python before they became text, and how they become so again."""

PIECES = 200  # Most parts of a text that are left out one by one to explain its label: words, in longer texts several words


class Contribution(NamedTuple):
    """The contribution of a part of a text to its label: the nats by which the label is less likely without it."""

    text: str
    begin: int
    end: int
    nats: float


class Classifier:
    """A tokenizer, a network, and, once fitted, temperatures and a linear model: untrained, in training or trained."""

    task, loss_unit, rate_unit, rate = "classifier", "nats/text", "texts", 1.0
    table, example = staticmethod(report.validation_table), staticmethod(no_example)

    def __init__(self, settings: ClassifierSettings, tokenizer: Tokenizer, labels: Sequence[str], speller: Speller | None = None) -> None:
        self.name, self.settings = "model", settings
        self.tokenizer, self.labels, self.speller = tokenizer, list(labels), speller
        self.baseline: LinearBaseline | None = None
        self.label_kind = "str"  # what labels were in Python before they became text
        self.blending = Blending()
        self.starts: list[tuple[str, str]] = []  # The source of initial weights, in words
        self.class_weights: Tensor | None = None
        self.taken_layers: list[list[nn.Parameter]] = []  # Those of a language model, the topmost first
        torch.manual_seed(settings.loop.seed)
        characters = 0 if speller is None else speller.characters.size
        self.network = ClassifierNetwork(settings.network, vocabulary_size=tokenizer.size, labels=len(labels), characters=characters)

    @classmethod
    def prepare(
        cls, sources: Sources, settings: ClassifierSettings, inputs: ClassifierInputs | None = None, start: Start | None = None
    ) -> "Classifier":
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        inputs = inputs or ClassifierInputs()
        start = start or Start(load_language_model(inputs.init_from), inputs.vectors)
        data = ClassifierData.read(sources, settings.data, settings.loop.seed)
        settings = start.adapted(settings)
        tokenizer = start_tokenizer(start.language_model, lambda: (f"{text}\n" for text in data.texts), settings.tokens)
        speller = None
        if settings.network.encoder.word_characters:
            assert isinstance(tokenizer, SplitsWords)
            speller = Speller.fit(word for text in data.texts for word in tokenizer.symbols(text))
        model = cls(settings, tokenizer, data.labels, speller)
        model.starts = start.fill(model.network, [tokenizer.symbol(number) for number in range(len(SPECIALS), tokenizer.size)])
        model.taken_layers = start.taken_layers(model.network)
        model._take(data)
        return model

    def _take(self, data: ClassifierData) -> None:
        """Fit the linear model, and make the batches to train on and the sets to validate on."""
        self.data, self.title = data, f"A classifier of {data.name}"
        seed, objective = self.settings.loop.seed, self.settings.objective
        self.class_weights = balanced(data.numbers, len(self.labels)) if objective.class_weights == "balanced" else None
        self.linear: NDArray[np.float32] | None = None
        if objective.baseline:
            parts = data.texts, data.numbers.tolist(), data.valid_texts, data.valid_numbers.tolist()
            self.baseline = fit_baseline(*parts, len(self.labels), seed, WORDS[objective.ngram_split])
            self.linear = self.baseline.logits(data.valid_texts)
        self.train_set, self.valid_set = self.read(data.texts, data.numbers), self.read(data.valid_texts)
        loop = self.settings.loop
        self.batches = TextBatches[TextBatch](self.train_set, batch_size=loop.batch_size, budget=loop.budget, seed=loop.seed)
        self.quick = sample_of(self.valid_set.lengths, seed)
        self.quick_set = self.read([data.valid_texts[number] for number in self.quick])

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Classifier":
        """Return the model of a model file; raise CheckpointError or SettingError for damaged contents."""
        settings, learned = ClassifierSettings.from_plain(saved.settings), saved.learned
        labels = restored_strings(learned.get("labels"), "labels", least=2)
        tokenizer = restore_tokenizer(settings.tokens.tokenizer, learned.get("tokenizer"), below(saved.tensors, "tokenizer"))
        speller = None if learned.get("characters") is None else Speller.restore(learned["characters"])
        if (speller is not None) != settings.network.encoder.word_characters or (speller and not isinstance(tokenizer, SplitsWords)):
            raise CheckpointError("the model is damaged: its characters do not fit its settings")
        model = loaded(lambda: cls(settings, tokenizer, labels, speller), name, saved.tensors)
        model.blending = Blending.restore(learned.get("blending"))
        model.label_kind = learned.get("label_kind", "str")
        try:
            model.typed_labels()
        except (KeyError, TypeError, ValueError):
            raise CheckpointError(f"the model is damaged: its labels are no {shown(model.label_kind)}") from None
        if learned.get(BASELINE) is not None:
            model.baseline = LinearBaseline.restore(learned[BASELINE], below(saved.tensors, BASELINE))
            if model.baseline.classes != len(labels):
                raise CheckpointError(f"the linear model is damaged: it knows {model.baseline.classes} labels, not {len(labels)}")
        return model

    def typed_labels(self) -> list[Any]:
        """Return the labels as Python gave them: text, whole numbers, numbers or truth values."""
        return [LABELS[self.label_kind](label) for label in self.labels]

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        characters = self.speller and list(self.speller.characters.symbols)
        text = {"tokenizer": self.tokenizer.learned(), "labels": self.labels, "characters": characters}
        kind = {} if self.label_kind == "str" else {"label_kind": self.label_kind}
        return {**text, **kind, BASELINE: self.baseline and self.baseline.learned(), "blending": vars(self.blending)}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name, and the arrays of tokenizer and linear model below `tokenizer.` and their name in model files."""
        parts = {"tokenizer": self.tokenizer.tensors(), BASELINE: {} if self.baseline is None else self.baseline.tensors()}
        own = {f"{part}.{name}": array for part, arrays in parts.items() for name, array in arrays.items()}
        return weights_of(self.network) | own

    def groups(self) -> list[Group]:
        """Return the groups of weights: copied layers learn later and slower, the lower the more (Howard and Ruder 2018)."""
        if not self.taken_layers:
            return all_alike(self.network)
        transfer = self.settings.transfer
        taken = {id(one) for layer in self.taken_layers for one in layer}
        fresh = [one for one in self.network.parameters() if id(one) not in taken]
        layers = enumerate(self.taken_layers, 1)
        slower = [Group(one, rate=transfer.layer_rate**-depth, thaw=transfer.unfreeze * depth) for depth, one in layers]
        return [Group(fresh), *slower]

    def read(self, texts: Sequence[str], labels: NDArray[np.int64] | None = None) -> TextSet:
        """Return texts as token ids, and as words where the network reads their characters."""
        if self.speller is None:
            return text_set(texts, self.tokenizer.encode, labels=labels)
        assert isinstance(self.tokenizer, SplitsWords)
        words = [self.tokenizer.symbols(text) for text in texts]
        return text_set(words, self.tokenizer.encode_symbols, labels=labels, speller=self.speller)

    def loss(self, batch: TextBatch, carry: None) -> Loss:
        """Return the summed nats of a batch's labels."""
        objective = self.settings.objective
        logits = self._logits(batch, objective.word_dropout)
        labels = torch.from_numpy(batch.labels).to(logits.device)
        weights = None if self.class_weights is None else self.class_weights.to(logits.device)
        smoothing = objective.label_smoothing
        total = nn.functional.cross_entropy(logits.float(), labels, weight=weights, reduction="sum", label_smoothing=smoothing)
        return Loss(total, len(labels), None)

    def training_data(self) -> list[Any]:
        """Return all that was read and learned before training."""
        train, data = self.train_set, self.data
        learned = [self.tokenizer.learned(), self.tokenizer.tensors(), self.labels, self.speller and self.speller.characters.symbols]
        return [train.ids, train.starts, train.labels, train.words, data.valid_texts, data.valid_numbers, learned]

    def validate(self) -> Score:
        """Fit temperatures and blend to some of the validation texts; return the calibrated network's nats per text on them."""
        labels = self.data.valid_numbers[self.quick]
        network, linear = self.network_logits(self.quick_set), None if self.linear is None else self.linear[self.quick]
        self.blending = fit_blending(network, linear, labels)
        found = self.blending.calibrated(network, linear)
        names = {"network": "accuracy", "blend": "blend"}
        metrics = {title: accuracy(found[name], labels) for name, title in names.items() if name in found}
        return Score(negative_log_likelihood(found["network"], labels), metrics)

    def finish(self) -> dict[str, Any]:
        """Fit temperatures and blend to all validation texts, and return the metrics of each model on them."""
        network, labels = self.network_logits(self.valid_set), self.data.valid_numbers
        self.blending = fit_blending(network, self.linear, labels)
        return measured(self.blending.calibrated(network, self.linear), labels, self.labels)

    def facts(self) -> list[tuple[str, str]]:
        """Return the contents of the data, the network, and the accuracy of the linear model, in words."""
        rows = [
            *self.data.reading.facts(),
            *self.data.examination.lines(),
            ("vocabulary", f"{self.tokenizer.size:,} tokens ({self.settings.tokens.tokenizer})"),
            *self.starts,
            ("network", f"{self.settings.network.encoder.words()}, pooling {self.settings.network.pooling}"),
        ]
        if self.linear is not None and self.baseline is not None:
            right = accuracy(self.linear, self.data.valid_numbers)
            rows.append(("baseline", f"{100 * right:.1f} % right on validation: {self.baseline.describe()}"))
        return rows

    def commands(self, folder: Path) -> list[str]:
        """Return commands that classify and evaluate."""
        return [f'charnn predict {folder} "some text"', f"charnn predict {folder} FILE.csv", f"charnn evaluate {folder} FILE"]

    @reading()
    def network_logits(self, texts: TextSet) -> NDArray[np.float32]:
        """Return (texts, labels) logits, with the same bits whatever texts are in a batch."""
        logits = np.zeros((len(texts), len(self.labels)), np.float32)
        for numbers, batch in by_length(texts, READ_TEXTS, READ_TOKENS):
            logits[numbers] = self._logits(batch).float().cpu().numpy()
        return logits

    def each_model(self, texts: Sequence[str]) -> dict[str, NDArray[np.float64]]:
        """Return (texts, labels) log-probabilities of `network` and, with a linear model, `baseline` and `blend`; the last one ships."""
        self.network.eval()
        linear = None if self.baseline is None else self.baseline.logits(texts)
        return self.blending.calibrated(self.network_logits(self.read(texts)), linear)

    def log_probabilities(self, texts: Sequence[str]) -> NDArray[np.float64]:
        """Return (texts, labels) log-probabilities of the model that ships."""
        return list(self.each_model(texts).values())[-1]

    def predict(self, texts: Sequence[str], *, abstain_below: float | None = None) -> list[dict[str, Any]]:
        """Return for each text its `label`, None where it is less likely than abstain_below, and the label's `probability`."""
        probabilities = np.exp(self.log_probabilities(texts))
        rows = zip(probabilities.argmax(axis=1).tolist(), probabilities.max(axis=1).tolist(), strict=True)
        least = abstain_below or 0.0
        return [{"label": self.labels[number] if highest >= least else None, "probability": highest} for number, highest in rows]

    def explain(self, text: str) -> tuple[str, float, list[Contribution]]:
        """Return a text's label, its probability, and the contribution of each word, found by leaving it out (Li et al. 2016)."""
        words = list(re.finditer(r"\S+", text))
        size = -(-len(words) // PIECES) or 1
        places = [(group[0].start(), group[-1].end()) for group in (words[begin : begin + size] for begin in range(0, len(words), size))]
        found = self.log_probabilities([text, *(text[:begin] + text[end:] for begin, end in places)])
        label = int(found[0].argmax())
        nats = found[0, label] - found[1:, label]
        parts = [Contribution(text[begin:end], begin, end, float(one)) for (begin, end), one in zip(places, nats, strict=True)]
        return self.labels[label], float(np.exp(found[0, label])), parts

    def labelled(self, paths: Sequence[str | Path], **columns: Any) -> LabelledData:
        """Return labelled files, read as the training data were, except for the given columns."""
        return LabelledData(paths, self.settings.data.elsewhere({name: one for name, one in columns.items() if one is not None}))

    def evaluate(self, paths: Sequence[str | Path], *, abstain_below: float | None = None, **columns: Any) -> dict[str, Any]:
        """Return metrics of what ships, and of each model by name; columns: text_column, label_column. Raises DataError."""
        examples = list(self.labelled(paths, **columns).examples())
        if not examples:
            raise DataError(f"{paths[0]} contains no labelled texts; give a file that does")
        numbers = label_numbers(examples, self.labels)
        results = measured(self.each_model([one.text for one in examples]), numbers, self.labels, abstain_below)
        ships = results["blend"] if "blend" in results else results["network"]
        return {"examples": len(examples), **ships, **results}

    def errors(self, paths: Sequence[str | Path], top: int, **columns: Any) -> Worst:
        """Return the texts whose true label was least probable, and the loss of each label; raise DataError."""
        worst = Worst(top, kind="label")
        for block in blocks(self.labelled(paths, **columns).examples()):
            right = label_numbers(block, self.labels)
            logs = self.log_probabilities([one.text for one in block])
            for one, number, row in zip(block, right.tolist(), logs, strict=True):
                loss, given = -float(row[number]), int(row.argmax())
                facts = {"true": one.label, "found": self.labels[given], "probability": math.exp(row[given]), "where": one.where}
                worst.keep(loss, worst.seen, {**facts, "text": one.text})
                worst.add(one.label, loss)
        return worst

    def predictions(self, paths: Sequence[str | Path], **columns: Any) -> Predictions:
        """Return the predicted labels of texts beside the true ones; raise DataError."""
        examples = list(self.labelled(paths, **columns).examples())
        truth = label_numbers(examples, self.labels)
        probabilities = np.exp(self.log_probabilities([one.text for one in examples]))
        given = probabilities.argmax(axis=1)
        return Predictions("texts", self.labels, truth, given, probabilities.max(axis=1), given == truth)

    def attention(self, text: str) -> AttentionMap:
        """Return a text's label and the weight of each word in each direction of reading; raise CheckpointError without attention."""
        pooling = self.settings.network.pooling
        if pooling != "attention":
            raise CheckpointError(f"{self.name} was trained with --pooling {pooling}; name a model that has --pooling attention")
        texts = self.read([text])
        batch, device = texts.batch(np.zeros(1, np.int64)), self.network.output.weight.device
        self.network.eval()
        with reading():
            weights = self.network.attention_weights(*tensors_of(batch, device), spelling_of(batch, device))[0].double().cpu().numpy()
        tokens = token_texts(self.tokenizer, texts.ids, text if isinstance(self.tokenizer, SplitsWords) else "")
        directions = DIRECTIONS[: len(weights)]
        found = merged(tokens, [f" {name}" for name in directions], weights[:, : len(tokens)])
        label = self.predict([text])[0]
        title = one_line(f"Attention of {self.name} for {label['label']} ({label['probability']:.0%}): {text}")
        cells = [[f"{weight:.1%}" for weight in row] for row in found.weights.T.tolist()]
        heatmap = Heatmap(title, tuple(map(one_line, found.source)), directions, found.weights.T, texts=(cells,), axes="word, read")
        columns = dict(zip(directions, found.weights.tolist(), strict=True))
        return AttentionMap(heatmap, {**label, "words": list(found.source), "weights": columns})

    def _logits(self, batch: TextBatch, word_dropout: float = 0.0) -> Tensor:
        device, window = self.network.output.weight.device, self.settings.loop.window
        tokens, lengths = tensors_of(batch, device)
        logits: Tensor = self.network(drop_words(tokens, word_dropout), lengths, spelling_of(batch, device), window=window)
        return logits


def measured(
    found: Mapping[str, NDArray[np.float64]], labels: NDArray[np.int64], names: Sequence[str], abstain_below: float | None = None
) -> dict[str, Any]:
    """Return the metrics of each model's log-probabilities and, with a linear model, a sentence that compares it with the network."""
    each = {name: classification_metrics(values, labels, names, abstain_below=abstain_below) for name, values in found.items()}
    if "baseline" not in found:
        return each
    return each | {"comparison": paired_line(*(found[name].argmax(axis=1) == labels for name in ("network", "baseline")))}


def accuracy(scores: NDArray[Any], labels: NDArray[np.int64]) -> float:
    """Return the fraction of rows whose highest score is that of the label."""
    return float((scores.argmax(axis=1) == labels).mean())


def balanced(labels: NDArray[np.int64], count: int) -> Tensor:
    """Return (labels,) weights by which every label has the same total weight, and the mean weight is 1."""
    return torch.tensor(len(labels) / (count * np.bincount(labels, minlength=count).clip(1)), dtype=torch.float32)
