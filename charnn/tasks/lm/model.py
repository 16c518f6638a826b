"""The language model: predicts the next token of a text, or of documents with start, end and perhaps a label."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charnn.batches.streams import Batch, Batches, DocumentBatches, StreamBatches
from charnn.checkpoint.model import SavedModel, below, restored_strings
from charnn.data.corpus import Corpus
from charnn.data.tokenized import TokenizedText, learned_from, scratch_folder, tokenize, whole
from charnn.decoding.settings import SamplingSettings
from charnn.engine.settings import check_weights, weight_shapes
from charnn.errors import DataError
from charnn.tasks.lm import report
from charnn.tasks.lm.data import LanguageModelData, tail_begin, tail_of
from charnn.tasks.lm.settings import LanguageModelInputs, LanguageModelSettings
from charnn.tokenizers.registry import Tokenizer, fit_tokenizer, restore_tokenizer
from charnn.training.model import Group, Loss, Score, all_alike

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from charnn.cells.settings import Clamps
    from charnn.decoding.generator import Generator
    from charnn.engine.engine import LanguageEngine
    from charnn.tasks.lm.network import LanguageNetwork
    from charnn.tasks.lm.start import TrainedStart
    from charnn.tasks.views import Worst
    from charnn.training.model import Sources

    Weights = Mapping[str, NDArray[Any]]

EXAMPLE = 160  # Tokens of the texts shown while training


class LanguageModel:
    """A tokenizer and a network that predicts its tokens: untrained, in training or trained.

    Sampling and predicting use compiled code without torch, where the cell has it; training and evaluating load torch.
    """

    task, loss_unit, rate_unit = "lm", "nats/token", "characters"
    table = staticmethod(report.validation_table)

    def __init__(
        self, settings: LanguageModelSettings, tokenizer: Tokenizer, labels: Sequence[str] = (), weights: Weights | None = None
    ) -> None:
        """weights: those of a trained network by name; without them they are drawn by the seed."""
        self.name = "model"
        self.settings, self.tokenizer, self.labels = settings, tokenizer, list(labels)
        self._weights = weights

    @classmethod
    def prepare(
        cls, sources: Sources, settings: LanguageModelSettings, inputs: LanguageModelInputs | None = None, start: TrainedStart | None = None
    ) -> LanguageModel:
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        if inputs is not None and inputs.init_from is not None:
            from charnn.tasks.lm.start import TrainedStart
            from charnn.tasks.load import load_able

            start = TrainedStart(load_able(inputs.init_from, "write"), {name: getattr(settings.tokens, name) for name in inputs.growth})
        settings = start.adapted(settings) if start else settings
        data = LanguageModelData.read(sources, settings.corpus, settings.loop.seed)
        tokenizer = (start.tokenizer if start else fit_tokenizer)(data.train.chunks, settings.tokens)
        settings = replace(settings, network=settings.network.for_vocabulary(tokenizer.size))
        labels = data.corpus.labels()
        model = cls(settings, tokenizer, start.labels(labels) if start else labels)
        model.network.train()  # Made before anything else draws random numbers, and any error comes before long work
        model._take(data, start)
        return model

    def _take(self, data: LanguageModelData, start: TrainedStart | None) -> None:
        """Tokenize the texts to train and to validate on, and copy the weights to start from."""
        self.data, self.title = data, f"A language model of {data.corpus.name}"
        self.train_text, self.valid_text = data.tokenized(self.tokenizer, self.labels)
        self.starts: list[tuple[str, str]] = start.fill(self, self.train_text) if start else []
        self.batches = self.batches_of(self.train_text)
        self.rate = self.train_text.counts.characters / max(1, len(self.train_text.ids))

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> LanguageModel:
        """Return the model of a model file; raise CheckpointError or SettingError for damaged contents."""
        settings = LanguageModelSettings.from_plain(saved.settings)
        labels = restored_strings(saved.learned.get("labels"), "labels", least=0)
        learned, parts = saved.learned.get("tokenizer"), below(saved.tensors, "tokenizer")
        tokenizer = restore_tokenizer(settings.tokens.tokenizer, learned, parts)
        weights = {name: array for name, array in saved.tensors.items() if not name.startswith("tokenizer.")}
        check_weights(weights, weight_shapes(settings.network, tokenizer.size, len(labels)))
        model = cls(settings, tokenizer, labels, weights)
        model.name = name
        return model

    @cached_property
    def network(self) -> LanguageNetwork:
        """Return the network as a torch module."""
        from charnn.tasks.lm.network import network_of

        return network_of(self.settings, self._weights, vocabulary_size=self.tokenizer.size, labels=len(self.labels))

    @property
    def weights(self) -> Weights:
        """Return the present weights by name, tied ones once."""
        if self._weights is not None:
            return self._weights
        from charnn.tasks.lm.network import weights_by_name

        return weights_by_name(self.network, self.settings)

    @cached_property
    def generator(self) -> Generator:
        """Return the generator of text of a trained model."""
        from charnn.decoding.generator import Generator

        engine: LanguageEngine
        if self.settings.network.stack.loaded_cell.turn is None:  # A cell without compiled steps
            from charnn.tasks.lm.network import TorchEngine

            engine = TorchEngine(self.network)
        else:
            from charnn.engine.engine import Engine

            engine = Engine(self.settings.network, self.weights)
        return Generator(engine, self.tokenizer, documents=self.is_documents, labels=self.labels)

    @property
    def is_documents(self) -> bool:
        """Was it trained on documents?"""
        return self.settings.corpus.is_documents

    @property
    def protocols(self) -> list[str]:
        """Return the protocols of evaluation that fit this model, the default first."""
        return ["documents"] if self.is_documents else ["streamed", "windows"]

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {"tokenizer": self.tokenizer.learned(), "labels": self.labels}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name, and the arrays of the tokenizer below `tokenizer.`."""
        return {**self.weights, **{f"tokenizer.{name}": array for name, array in self.tokenizer.tensors().items()}}

    def groups(self) -> list[Group]:
        """Return one group of all trainable weights, which have the same learning rate."""
        return all_alike(self.network)

    @property
    def loss(self) -> Callable[[Batch, Any], Loss]:
        """Return the function from a batch and the state after the batch before to the loss."""
        return self.network.loss

    def batches_of(self, text: TokenizedText) -> Batches[Batch]:
        """Return the training batches of a text; raise DataError for one shorter than a window."""
        loop = self.settings.loop
        if text.starts is not None:
            return DocumentBatches(text.ids, text.starts, text.labels, batch_size=loop.batch_size, window=loop.window, seed=loop.seed)
        if len(text.ids) <= loop.window:
            needed = f"one window needs {loop.window + 1:,}; give more text or a smaller --window"
            raise DataError(f"the training text has {len(text.ids):,} tokens, {needed}")
        return StreamBatches(text.ids, batch_size=loop.batch_size, window=loop.window, state_resets=loop.state_resets, seed=loop.seed)

    def training_data(self) -> list[Any]:
        """Return all that was read and learned before training."""
        return learned_from(self.train_text, self.valid_text, self.learned(), self.tokenizer.tensors())

    def validate(self) -> Score:
        """Return nats per token on the first part of the validation text."""
        from charnn.tasks.lm.evaluation import quick_loss

        return Score(quick_loss(self.network, self.valid_text))

    def finish(self) -> dict[str, Any]:
        """Return the metrics of the validation part under every protocol that fits."""
        return {protocol: self.measure(self.valid_text, protocol) for protocol in self.protocols}

    def facts(self) -> list[tuple[str, str]]:
        """Return corpus, split, vocabulary, initial weights and network, in words."""
        text, valid, data = self.train_text, self.valid_text, self.data
        documents = f" in {len(text.starts) - 1:,} documents" if text.starts is not None else ""
        unknown = f", {valid.counts.unknown:,} unknown" if valid.counts.unknown else ""
        return [
            *data.corpus.facts(),
            ("corpus", f"{data.corpus.name}: {text.counts.characters:,} characters, {len(text.ids):,} tokens{documents}"),
            ("validation", f"{data.held_out}: {valid.counts.characters:,} characters, {len(valid.ids):,} tokens{unknown}"),
            ("vocabulary", f"{self.tokenizer.size:,} tokens ({self.settings.tokens.tokenizer})"),
            *self.starts,
            *([("labels", ", ".join(self.labels))] if self.labels else []),
            ("network", self.settings.network.stack.words()),
        ]

    def commands(self, folder: Path) -> list[str]:
        """Return commands that sample and evaluate."""
        label = "" if not self.labels else f" --label {self.labels[0]!r}"
        return [f"charnn sample {folder}{label}", f"charnn evaluate {folder} FILE"]

    def example(self, saved: SavedModel, seed: int) -> str | None:
        """Return a short text sampled from the model as it was saved."""
        return LanguageModel.restore(saved).sample(length=EXAMPLE if seed else 1, seed=seed)

    def sample(
        self, prompt: str = "", *, length: int = 500, seed: int = 0, label: str | None = None, clamp: Clamps | None = None, **rules: Any
    ) -> str:
        """Return a text that continues the prompt by up to `length` tokens; rules: names of SamplingSettings.

        clamp: {(layer, unit): value} fixes the outputs of hidden units; layers count from 1, units from 0. Raises SettingError.
        """
        return self.samples(prompt, count=1, length=length, seed=seed, label=label, clamp=clamp, **rules)[0]

    def samples(
        self,
        prompt: str = "",
        *,
        count: int,
        length: int = 500,
        seed: int = 0,
        label: str | None = None,
        stop: Iterable[str] = (),
        clamp: Clamps | None = None,
        **rules: Any,
    ) -> list[str]:
        """Return several texts, the first as sample() gives it for the same seed. Raises SettingError."""
        settings = SamplingSettings.from_plain(rules)
        generator = self.generator.clamped(clamp or {})
        return generator.sample(prompt, count=count, length=length, settings=settings, seed=seed, label=label, stop=tuple(stop))

    def predict(self, prompt: str, *, top: int = 5, label: str | None = None) -> list[tuple[str, float]]:
        """Return the likeliest next tokens and their probabilities, the likeliest first. Raises SettingError."""
        return self.generator.predict(prompt, top=top, label=label)

    def evaluate(
        self, paths: Sequence[str | Path], *, protocol: str | None = None, window: int = 64, tail: float | None = None, **how: Any
    ) -> dict[str, Any]:
        """Return metrics of the model on files, read as its training corpus was; the keys are those of `charnn evaluate --json`.

        protocol: `streamed` or `windows` for running text, `documents` for documents. tail: only this last fraction of a text.
        how: names of ReadSettings, for files in another format than the training data's. Raises DataError, SettingError.
        """
        return self.measure(self.tokenized(paths, tail, **how), protocol or self.protocols[0], window)

    def measure(self, text: TokenizedText, protocol: str, window: int = 64) -> dict[str, Any]:
        """Return the metrics of a text under a protocol."""
        from charnn.tasks.lm.evaluation import measure_text

        return measure_text(self.network, text, protocol, window)

    def errors(self, paths: Sequence[str | Path], top: int, *, tail: float | None = None, **how: Any) -> Worst:
        """Return the symbols with the lowest probabilities, in context, and the loss of each kind of symbol; raise DataError."""
        from charnn.tasks.lm.evaluation import locate, worst_symbols

        corpus, text = Corpus(paths, self.settings.corpus.elsewhere(how)), self.tokenized(paths, tail, **how)
        worst = worst_symbols(self.network, self.tokenizer, text, self.protocols[0], top)
        begin = 0 if tail is None else tail_begin(corpus, tail)
        locate(worst.kept, text, corpus, begin, self.settings.tokens.lowercase if self.tokenizer.has_characters else None)
        return worst

    def tokenized(self, paths: Sequence[str | Path], tail: float | None, **how: Any) -> TokenizedText:
        """Return the token ids of files, stored in an unnamed temporary file."""
        corpus = Corpus(paths, self.settings.corpus.elsewhere(how))
        part = whole(corpus) if tail is None else tail_of(corpus, tail)
        return tokenize(self.tokenizer, part, self.labels, scratch_folder())
