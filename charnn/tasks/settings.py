"""All settings of each task, as a model file holds them."""

from dataclasses import dataclass, field

from charnn.architecture import (
    ClassifierNetworkSettings,
    ForecasterNetworkSettings,
    LanguageNetworkSettings,
    TaggerNetworkSettings,
    TranslatorNetworkSettings,
)
from charnn.errors import SettingError
from charnn.settings import Settings, setting
from charnn.text.conll import TaggedSettings
from charnn.text.corpus import CorpusSettings
from charnn.text.labelled import LabelledSettings
from charnn.text.pairs import PairSettings
from charnn.text.series import SeriesSettings
from charnn.text.tokenizers import TokenizerSettings
from charnn.training.settings import OptimizerSettings, PairLoopSettings, SeriesLoopSettings, TextLoopSettings, WindowSettings


@dataclass(frozen=True)
class LanguageModelSettings(Settings):
    """All that defines a language model and how it was trained."""

    corpus: CorpusSettings = field(default_factory=CorpusSettings)
    tokens: TokenizerSettings = field(default_factory=TokenizerSettings)
    network: LanguageNetworkSettings = field(default_factory=LanguageNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loop: WindowSettings = field(default_factory=WindowSettings)


@dataclass(frozen=True)
class ClassifierLossSettings(Settings):
    """What a classifier is trained to do."""

    class_weights: str = setting("none", "Weight of each label: the same, or the rarer the more.", choices=("none", "balanced"))
    label_smoothing: float = setting(0.0, "Share of certainty given to all labels alike.", least=0, below=1)
    word_dropout: float = setting(0.0, "Share of tokens read as unknown while training.", least=0, most=0.9)
    referee: bool = setting(True, "Fit a linear model of n-grams too, and ship the blend that is best on validation.")


@dataclass(frozen=True)
class TransferSettings(Settings):
    """How layers taken from a language model learn on."""

    layer_rate: float = setting(2.6, "Each layer taken over learns so many times slower than the one above it.", least=1, most=100)
    unfreeze: float = setting(0.1, "Share of the run after which each next layer taken over begins to learn.", least=0, most=0.5)


@dataclass(frozen=True)
class ClassifierSettings(Settings):
    """All that defines a classifier and how it was trained."""

    data: LabelledSettings = field(default_factory=LabelledSettings)
    tokens: TokenizerSettings = field(default_factory=lambda: TokenizerSettings(tokenizer="word", lowercase=True, min_count=2))
    network: ClassifierNetworkSettings = field(default_factory=ClassifierNetworkSettings)
    objective: ClassifierLossSettings = field(default_factory=ClassifierLossSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, averaging=0.998))
    loop: TextLoopSettings = field(default_factory=lambda: TextLoopSettings(batch_size=32, reports=20))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network.encoder.word_characters and self.tokens.tokenizer != "word":
            raise SettingError("word_characters", f"needs the tokenizer word, and this one is {self.tokens.tokenizer}")


@dataclass(frozen=True)
class TaggerLossSettings(Settings):
    """What a tagger learns from."""

    min_count: int = setting(2, "Occurrences that a word needs to enter the vocabulary.", least=1)
    lowercase: bool = setting(True, "Know words by their lower case; their characters stay as they are.")
    word_dropout: float = setting(0.1, "Share of words read as unknown while training.", least=0, most=0.9)


@dataclass(frozen=True)
class TaggerSettings(Settings):
    """All that defines a tagger and how it was trained."""

    data: TaggedSettings = field(default_factory=TaggedSettings)
    words: TaggerLossSettings = field(default_factory=TaggerLossSettings)
    network: TaggerNetworkSettings = field(default_factory=TaggerNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, averaging=0.998))
    loop: TextLoopSettings = field(default_factory=lambda: TextLoopSettings(batch_size=32, reports=20))


@dataclass(frozen=True)
class TranslatorLossSettings(Settings):
    """What a translator learns from."""

    shared_vocabulary: bool = setting(True, "One vocabulary, and one embedding, for both languages.")
    longest: int | None = setting(
        None,
        "Most tokens of a side: longer pairs are left out, longer texts cut in pieces; by default 100, of letters or bytes 500.",
        least=5,
        most=10_000,
    )
    keep: bool = setting(True, "Carry addresses, and numbers of several digits, over as they are.")
    label_smoothing: float = setting(0.1, "Share of certainty given to all tokens alike.", least=0, below=1)
    word_dropout: float = setting(0.0, "Share of tokens read as unknown while training.", least=0, most=0.9)
    subword_sampling: float | None = setting(
        None, "Draw other divisions into subwords in every epoch: sharpness (unigram), or share of merges left out (bpe).", above=0, most=10
    )
    scheduled_sampling: str = setting(
        "none", "Let the decoder read its own predictions: how their share rises.", choices=("none", "constant", "linear", "sigmoid")
    )
    sampling_share: float = setting(0.25, "Share of its own predictions that the decoder reads in the end.", above=0, most=1)
    sampling_epochs: float = setting(10.0, "Epochs over which that share is reached.", above=0, most=1_000_000)
    choose_by: str = setting("bleu", "What the model that is kept is best at on validation.", choices=("bleu", "loss"))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.scheduled_sampling == "none" and (self.sampling_share, self.sampling_epochs) != (0.25, 10.0):
            name = "sampling_share" if self.sampling_share != 0.25 else "sampling_epochs"
            raise SettingError(name, "has no effect without scheduled_sampling; leave it out or give --scheduled-sampling")
        if self.scheduled_sampling == "constant" and self.sampling_epochs != 10.0:
            raise SettingError("sampling_epochs", "has no effect on a constant share; leave it out")


@dataclass(frozen=True)
class TranslatorSettings(Settings):
    """All that defines a translator and how it was trained."""

    data: PairSettings = field(default_factory=PairSettings)
    tokens: TokenizerSettings = field(default_factory=lambda: TokenizerSettings(tokenizer="subword"))
    network: TranslatorNetworkSettings = field(default_factory=TranslatorNetworkSettings)
    objective: TranslatorLossSettings = field(default_factory=TranslatorLossSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, averaging=0.998))
    loop: PairLoopSettings = field(default_factory=lambda: PairLoopSettings(batch_size=128, reports=20))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.objective.subword_sampling is not None and self.tokens.tokenizer != "subword":
            raise SettingError("subword_sampling", f"needs the tokenizer subword, and this one is {self.tokens.tokenizer}")
        if (self.objective.subword_sampling or 0) >= 1 and self.tokens.subword_model == "bpe":
            raise SettingError("subword_sampling", f"must be below 1 for bpe, got {self.objective.subword_sampling}")

    @property
    def longest(self) -> int:
        """Most tokens of a side."""
        return self.objective.longest or (500 if self.tokens.tokenizer in ("char", "byte") else 100)


@dataclass(frozen=True)
class ScalingSettings(Settings):
    """What is done to a series before the network sees it, and undone after."""

    log: bool = setting(False, "Take logarithms, for what grows by a share of itself.")
    difference: int = setting(0, "Predict differences to the value so many steps before, a season, say; 0: none.", least=0, most=100_000)
    calendar: bool = setting(True, "Tell the network month, weekday and hour of the next value, as far as there are times.")
    season: int | None = setting(
        None, "Values in a season, for the seasonal naive forecast; by default as the times or the values say.", least=2, most=100_000
    )


@dataclass(frozen=True)
class ForecasterSettings(Settings):
    """All that defines a forecaster and how it was trained."""

    data: SeriesSettings = field(default_factory=SeriesSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    network: ForecasterNetworkSettings = field(default_factory=ForecasterNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=1e-3))
    loop: SeriesLoopSettings = field(default_factory=lambda: SeriesLoopSettings(reports=20))
