"""All settings of a classifier, as a model file holds them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from charnn.data.settings import LabelledSettings, PredictSettings, ReadSettings
from charnn.errors import SettingError
from charnn.layers.settings import POOLINGS, EncoderSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import ENCODER_ADOPTED, Inputs, refuse_adopted, refuse_characters
from charnn.tokenizers.registry import SplitsWords, TokenizerSettings, tokenizer_class
from charnn.training.settings import OptimizerSettings, TextLoopSettings


@dataclass(frozen=True)
class ClassifierNetworkSettings(Settings):
    """Encoder, pooling, output layer."""

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pooling: str = setting("max", "How the outputs over a text become one vector.", choices=POOLINGS)
    output_dropout: float = setting(0.5, "Share of pooled units dropped.", least=0, most=0.9)


@dataclass(frozen=True)
class ClassifierLossSettings(Settings):
    """What a classifier is trained to do."""

    class_weights: str = setting("none", "Weight of each label: the same, or the rarer the more.", choices=("none", "balanced"))
    label_smoothing: float = setting(0.0, "Share of certainty given to all labels alike.", least=0, below=1)
    word_dropout: float = setting(0.0, "Share of tokens read as unknown while training.", least=0, most=0.9)
    referee: bool = setting(True, "Fit a linear model of n-grams too, and ship the blend that is best on validation.")
    ngram_split: str = setting(
        "unicode", "What ends a word of n-grams: any mark of Unicode, or what older models know.", choices=("unicode", "punctuation")
    )


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
        if self.network.encoder.word_characters and not issubclass(tokenizer_class(self.tokens.tokenizer), SplitsWords):
            raise SettingError("word_characters", f"needs the tokenizer word, and this one is {self.tokens.tokenizer}")


@dataclass(frozen=True)
class ClassifierInputs(Inputs):
    """Where the weights of a classifier begin."""

    init_from: str | None = setting(None, "Run of a language model whose embedding and layers are taken over.", is_name=True)
    vectors: str | None = setting(None, "Word vectors: GloVe, word2vec, fastText.", is_name=True)

    def arranged(self, settings: ClassifierSettings, given: Collection[str], data: Sequence[str]) -> ClassifierSettings:
        """Return the settings; raise SettingError for a given option without effect."""
        if self.init_from is None:
            for name in ("layer_rate", "unfreeze"):
                if name in given:
                    raise SettingError(name, "has no effect without --init-from; leave it out or name a language model")
        else:
            refuse_adopted(given, ENCODER_ADOPTED, "of --init-from")
        refuse_characters(settings.network.encoder, given)
        return settings


@dataclass(frozen=True)
class ClassifierReading(Settings):
    """How labelled data are read, where they differ from the training data."""

    text_column: str | None = setting(None, "Column of the text, where it differs from the training data's.", is_name=True)
    label_column: str | None = setting(None, "Column of the label, where it differs from the training data's.", is_name=True)
    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class ClassifierPredicting(Settings):
    """What is said of a text."""

    abstain_below: float | None = setting(None, "Give no label that is less probable than this.", least=0, most=1)
    explain: bool = setting(False, "Colour each word by what it does for the label.")
    rows: PredictSettings = field(default_factory=PredictSettings)


@dataclass(frozen=True)
class ClassifierEvaluating(Settings):
    """What is measured of a classifier."""

    abstain_below: float | None = setting(None, "Answer only what is at least so probable.", least=0, most=1)
