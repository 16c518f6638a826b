"""All settings of a classifier, as a model file contains them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from charnn.data.settings import LabelledSettings, PredictSettings, ReadSettings
from charnn.errors import SettingError
from charnn.layers.settings import POOLINGS, EncoderSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import ENCODER_ADOPTED, Inputs, refuse, refuse_adopted, refuse_characters
from charnn.tokenizers.registry import SplitsWords, TokenizerSettings, tokenizer_class
from charnn.training.settings import OptimizerSettings, TextLoopSettings


@dataclass(frozen=True)
class ClassifierNetworkSettings(Settings):
    """Encoder, pooling, output layer."""

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pooling: str = setting("max", "How the outputs over a text become one vector.", choices=POOLINGS)
    output_dropout: float = setting(0.5, "Fraction of pooled units dropped.", least=0, most=0.9)


@dataclass(frozen=True)
class ClassifierLossSettings(Settings):
    """The objective of a classifier's training."""

    class_weights: str = setting("none", "Weight of each label: equal, or higher for rarer ones.", choices=("none", "balanced"))
    label_smoothing: float = setting(0.0, "Probability spread evenly over all labels.", least=0, below=1)
    word_dropout: float = setting(0.0, "Fraction of tokens read as unknown while training.", least=0, most=0.9)
    baseline: bool = setting(True, "Fit a linear model of n-grams too, and ship the blend that is best on validation.", was="referee")
    ngram_split: str = setting("unicode", "End of words of n-grams: any mark, or as in older models.", choices=("unicode", "punctuation"))


@dataclass(frozen=True)
class TransferSettings(Settings):
    """The training of layers that were copied from a language model."""

    layer_rate: float = setting(2.6, "Factor by which each copied layer learns slower than the one above it.", least=1, most=100)
    unfreeze: float = setting(0.1, "Fraction of the run after which each next copied layer begins to learn.", least=0, most=0.5)


@dataclass(frozen=True)
class ClassifierSettings(Settings):
    """All that defines a classifier and how it was trained."""

    data: LabelledSettings = field(default_factory=LabelledSettings)
    tokens: TokenizerSettings = field(default_factory=lambda: TokenizerSettings(tokenizer="word", lowercase=True, min_count=2))
    network: ClassifierNetworkSettings = field(default_factory=ClassifierNetworkSettings)
    objective: ClassifierLossSettings = field(default_factory=ClassifierLossSettings)
    transfer: TransferSettings = field(default_factory=TransferSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, ema=0.998))
    loop: TextLoopSettings = field(default_factory=lambda: TextLoopSettings(batch_size=32, validations=20))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.network.encoder.word_characters and not issubclass(tokenizer_class(self.tokens.tokenizer), SplitsWords):
            raise SettingError("word_characters", f"needs the tokenizer word, and this one is {self.tokens.tokenizer}")


@dataclass(frozen=True)
class ClassifierInputs(Inputs):
    """The initial weights of a classifier."""

    init_from: str | None = setting(None, "Run of a language model whose embedding and layers are copied.", is_name=True)
    vectors: str | None = setting(None, "Word vectors: GloVe, word2vec, fastText.", is_name=True)

    def arranged(self, settings: ClassifierSettings, given: Collection[str], data: Sequence[str]) -> ClassifierSettings:
        """Return the settings; raise SettingError for a given option without effect."""
        if self.init_from is None:
            refuse(given, ("layer_rate", "unfreeze"), "has no effect without --init-from; leave it out or name a language model")
        else:
            refuse_adopted(given, ENCODER_ADOPTED, "of --init-from")
        refuse_characters(settings.network.encoder, given)
        return settings


@dataclass(frozen=True)
class ClassifierReading(Settings):
    """Options for reading labelled data that differ from the training data."""

    text_column: str | None = setting(None, "Column of the text, where it differs from the training data's.", is_name=True)
    label_column: str | None = setting(None, "Column of the label, where it differs from the training data's.", is_name=True)
    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class ClassifierPredicting(Settings):
    """Options of predicting labels."""

    abstain_below: float | None = setting(None, "Give no label that is less probable than this.", least=0, most=1)
    explain: bool = setting(False, "Colour each word by its contribution to the label.")
    rows: PredictSettings = field(default_factory=PredictSettings)


@dataclass(frozen=True)
class ClassifierEvaluating(Settings):
    """Options of evaluating a classifier."""

    abstain_below: float | None = setting(None, "Give no label that is less probable than this.", least=0, most=1)
