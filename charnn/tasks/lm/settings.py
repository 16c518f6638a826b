"""All settings of a language model, as a model file contains them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from charnn.data.settings import CorpusSettings, ReadSettings
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import SettingError
from charnn.settings import Settings, setting
from charnn.tasks.task import GROWTH, MODEL_ADOPTED, Inputs, refuse_adopted
from charnn.tokenizers.registry import TokenizerSettings
from charnn.training.settings import OptimizerSettings, WindowSettings


@dataclass(frozen=True)
class LanguageModelSettings(Settings):
    """All that defines a language model and how it was trained."""

    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    tokens: TokenizerSettings = field(default_factory=TokenizerSettings)
    network: LanguageNetworkSettings = field(default_factory=LanguageNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loop: WindowSettings = field(default_factory=WindowSettings)


@dataclass(frozen=True)
class LanguageModelInputs(Inputs):
    """The initial weights of a language model."""

    init_from: str | None = setting(None, "Run of a language model to continue from; new symbols join its vocabulary.", is_name=True)
    growth: tuple[str, ...] = ()  # Settings of the tokenizer that choose among the new symbols, and were given

    def knowing(self, given: Collection[str]) -> "LanguageModelInputs":
        """Return the inputs with what was given of the settings that choose among new symbols."""
        return replace(self, growth=tuple(name for name in GROWTH if name in given))

    def arranged(self, settings: LanguageModelSettings, given: Collection[str], data: Sequence[str]) -> LanguageModelSettings:
        """Return the settings; raise SettingError for a given option without effect."""
        if self.init_from is not None:
            refuse_adopted(given, MODEL_ADOPTED, "of --init-from")
        if settings.corpus.is_documents and "state_resets" in given:
            raise SettingError("state_resets", "has no effect on documents, each of which starts from the initial state; leave it out")
        return settings


@dataclass(frozen=True)
class LanguageModelReading(Settings):
    """Options for reading a text."""

    tail: float | None = setting(None, "Only this last fraction of the text, such as 0.1.", above=0, most=1)
    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class LanguageModelPredicting(Settings):
    """Options of predicting the next tokens."""

    top: int = setting(5, "Tokens to show.", least=1)
    label: str | None = setting(None, "Label to predict for, of a model trained with labels.", is_name=True)
    format: str | None = setting(None, "How to write the result; by default as the input is.", choices=("text", "jsonl", "csv", "tsv"))


@dataclass(frozen=True)
class LanguageModelEvaluating(Settings):
    """Options of evaluating a language model."""

    protocol: str | None = setting(None, "Only this one; by default all that fit.", choices=("streamed", "windows", "documents"))
    window: int = setting(64, "Tokens of a window that is read from the initial state.", least=1, most=65536)
