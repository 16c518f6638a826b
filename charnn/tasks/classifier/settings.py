"""All settings of a classifier, as a model file holds them."""

from dataclasses import dataclass, field

from charnn.data.labelled import LabelledSettings
from charnn.errors import SettingError
from charnn.layers.settings import POOLINGS, EncoderSettings
from charnn.settings import Settings, setting
from charnn.tokenizers.protocol import TokenizerSettings
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
