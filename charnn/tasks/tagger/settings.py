"""All settings of a tagger, as a model file holds them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from charnn.data.settings import PredictSettings, TaggedSettings
from charnn.layers.settings import EncoderSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import Inputs, refuse_characters
from charnn.training.settings import OptimizerSettings, TextLoopSettings


@dataclass(frozen=True)
class TaggerNetworkSettings(Settings):
    """Encoder, scores of the tags, transitions between them."""

    encoder: EncoderSettings = field(
        default_factory=lambda: EncoderSettings(embedding_size=128, embedding_dropout=0.0, word_characters=True)
    )
    output: str = setting("crf", "How a sentence's tags depend on each other: through a crf, or not.", choices=("crf", "softmax"))


@dataclass(frozen=True)
class TaggerLossSettings(Settings):
    """What a tagger learns from."""

    min_count: int = setting(2, "Occurrences that a word needs to enter the vocabulary.", least=1)
    lowercase: bool = setting(True, "Know words by their lower case; their characters stay as they are.")
    word_split: str | None = setting(
        None,
        "How raw text is divided into tokens; by default as the training tokens are.",
        choices=("unicode", "characters", "spaces", "punctuation"),
    )
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
class TaggerInputs(Inputs):
    """Where the weights of a tagger begin."""

    vectors: str | None = setting(None, "Word vectors: GloVe, word2vec, fastText.", is_name=True)

    def arranged(self, settings: TaggerSettings, given: Collection[str], data: Sequence[str]) -> TaggerSettings:
        """Return the settings; raise SettingError for a given option without effect."""
        refuse_characters(settings.network.encoder, given)
        return settings


@dataclass(frozen=True)
class TaggerReading(Settings):
    """How tagged data are read, where they differ from the training data."""

    tag_column: str | None = setting(None, "Column of the tag, where it differs from the training data's.", is_name=True)


@dataclass(frozen=True)
class TaggerPredicting(Settings):
    """What is read of a text to be tagged."""

    tokens: bool = setting(False, "The input is divided: a token a line, a blank line between sentences.")
    rows: PredictSettings = field(default_factory=PredictSettings)
