"""A trained language model: it samples, predicts and evaluates."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charnn.checkpoint.model import SavedModel, restored_strings, tensors_below
from charnn.data.corpus import Corpus
from charnn.data.store import scratch_folder
from charnn.data.tokenized import Part, TokenizedText, take, tokenize, whole
from charnn.decoding.settings import SamplingSettings
from charnn.engine.shapes import check_weights, weight_shapes
from charnn.engine.units import Clamps
from charnn.errors import SettingError
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tokenizers.registry import restore_tokenizer

if TYPE_CHECKING:
    from charnn.decoding.generator import Generator
    from charnn.tasks.lm.model import LanguageModel


class TrainedLanguageModel:
    """Sampling and predicting run in compiled code without torch; evaluating loads torch."""

    task = "lm"

    def __init__(self, saved: SavedModel, name: str = "model") -> None:
        """Raises CheckpointError or SettingError for a file whose contents make no model."""
        self.saved = saved
        self.name = name
        self.settings = LanguageModelSettings.from_plain(saved.settings)
        self.labels = restored_strings(saved.learned.get("labels"), "labels", least=0)
        learned, parts = saved.learned.get("tokenizer"), tensors_below(saved, "tokenizer")
        self.tokenizer = restore_tokenizer(self.settings.tokens.tokenizer, learned, parts)
        self.weights = {name: array for name, array in saved.tensors.items() if not name.startswith("tokenizer.")}
        check_weights(self.weights, weight_shapes(self.settings.network, self.tokenizer.size, len(self.labels)))

    @cached_property
    def generator(self) -> "Generator":
        """What writes text."""
        from charnn.decoding.generator import Generator
        from charnn.engine.engine import Engine

        engine = Engine(self.settings.network, self.weights)
        return Generator(engine, self.tokenizer, documents=self.is_documents, labels=self.labels)

    @cached_property
    def network(self) -> "LanguageModel":
        """The model as torch has it."""
        from charnn.tasks.lm.model import LanguageModel

        return LanguageModel.restore(self.settings, self.tokenizer, self.labels, self.weights)

    @property
    def is_documents(self) -> bool:
        """Was it trained on documents with a beginning and an end?"""
        return self.settings.corpus.is_documents

    def sample(
        self, prompt: str = "", *, length: int = 500, seed: int = 0, label: str | None = None, clamp: Clamps | None = None, **rules: Any
    ) -> str:
        """One text that goes on from the prompt, up to `length` tokens; rules are the names of SamplingSettings. Raises SettingError.

        clamp: {(layer, unit): value} holds the outputs of hidden units; layers count from 1, units from 0.
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
        """Several texts; the first is the one that sample() gives for the same seed. Raises SettingError."""
        settings = SamplingSettings.from_plain(rules)
        generator = self.generator.clamped(clamp or {})
        return generator.sample(prompt, count=count, length=length, settings=settings, seed=seed, label=label, stop=tuple(stop))

    def predict(self, prompt: str, *, top: int = 5, label: str | None = None) -> list[tuple[str, float]]:
        """The likeliest next tokens and their probabilities, the likeliest first. Raises SettingError."""
        return self.generator.predict(prompt, top=top, label=label)

    def evaluate(
        self, paths: Sequence[str | Path], *, protocol: str | None = None, window: int = 64, tail: float | None = None
    ) -> dict[str, Any]:
        """Metrics of the model on files, read as its training corpus was; the keys are those of `charnn evaluate --json`.

        protocol: `streamed` or `windows` for running text, `documents` for documents. tail: only this last share of a text.
        Raises DataError, SettingError.
        """
        text = self.tokenized(paths, tail)
        return self.network.evaluate(text, protocol or self.protocols[0], window)

    @property
    def protocols(self) -> list[str]:
        """The ways to evaluate this model, the default first."""
        return ["documents"] if self.is_documents else ["streamed", "windows"]

    def tokenized(self, paths: Sequence[str | Path], tail: float | None) -> TokenizedText:
        """Files as token ids, kept in an unnamed temporary file."""
        corpus = Corpus(paths, self.settings.corpus)
        part = whole(corpus) if tail is None else _tail(corpus, tail)
        return tokenize(self.tokenizer, part, self.labels, scratch_folder())


def _tail(corpus: Corpus, share: float) -> Part:
    """The last share of a running text."""
    if corpus.is_documents:
        raise SettingError("tail", "is for running text, and this model was trained on documents; leave it out")
    cut = tail_begin(corpus, share)
    return Part(lambda: take(corpus.chunks(), cut, None), None)


def tail_begin(corpus: Corpus, share: float) -> int:
    """The characters before the last share of a running text."""
    return int(sum(map(len, corpus.chunks())) * (1 - share))
