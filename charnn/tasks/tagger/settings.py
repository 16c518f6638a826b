"""All settings of a tagger, as a model file contains them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from charnn.data.settings import PredictSettings, TaggedSettings
from charnn.layers.settings import EncoderSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import Inputs, refuse_characters
from charnn.training.settings import OptimizerSettings, TextLoopSettings

WORD_SPLITS = ("unicode", "characters", "spaces", "punctuation")


@dataclass(frozen=True)
class TaggerNetworkSettings(Settings):
    """Encoder, scores of the tags, transitions between them."""

    encoder: EncoderSettings = field(
        default_factory=lambda: EncoderSettings(embedding_size=128, embedding_dropout=0.0, word_characters=True)
    )
    output: str = setting("crf", "How a sentence's tags depend on each other: through a crf, or not.", choices=("crf", "softmax"))


@dataclass(frozen=True)
class TaggerLossSettings(Settings):
    """The vocabulary and the objective of a tagger's training."""

    min_count: int = setting(2, "Occurrences that a word needs to enter the vocabulary.", least=1)
    lowercase: bool = setting(True, "Look up words in lower case; their characters keep their case.")
    word_split: str | None = setting(None, "How raw text is split into tokens; by default as the training tokens are.", choices=WORD_SPLITS)
    word_dropout: float = setting(0.1, "Fraction of words read as unknown while training.", least=0, most=0.9)


@dataclass(frozen=True)
class TaggerSettings(Settings):
    """All that defines a tagger and how it was trained."""

    data: TaggedSettings = field(default_factory=TaggedSettings)
    words: TaggerLossSettings = field(default_factory=TaggerLossSettings)
    network: TaggerNetworkSettings = field(default_factory=TaggerNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=2e-3, ema=0.998))
    loop: TextLoopSettings = field(default_factory=lambda: TextLoopSettings(batch_size=32, validations=20))


@dataclass(frozen=True)
class TaggerInputs(Inputs):
    """The initial weights of a tagger."""

    vectors: str | None = setting(None, "Word vectors: GloVe, word2vec, fastText.", is_name=True)

    def arranged(self, settings: TaggerSettings, given: Collection[str], data: Sequence[str]) -> TaggerSettings:
        """Return the settings; raise SettingError for a given option without effect."""
        refuse_characters(settings.network.encoder, given)
        return settings


@dataclass(frozen=True)
class TaggerReading(Settings):
    """Options for reading tagged data that differ from the training data."""

    tag_column: str | None = setting(None, "Column of the tag, where it differs from the training data's.", is_name=True)


@dataclass(frozen=True)
class TaggerPredicting(Settings):
    """Options of tagging."""

    tokens: bool = setting(False, "The input is split into tokens: one per line, a blank line between sentences.")
    rows: PredictSettings = field(default_factory=PredictSettings)
