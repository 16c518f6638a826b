"""All settings of a translator, as a model file holds them."""

from dataclasses import dataclass, field

from charnn.cells.settings import StackSettings
from charnn.data.pairs import PairSettings
from charnn.errors import SettingError
from charnn.layers.settings import ATTENTIONS, EncoderSettings
from charnn.settings import Settings, setting
from charnn.tokenizers.protocol import TokenizerSettings
from charnn.training.settings import OptimizerSettings, PairLoopSettings


@dataclass(frozen=True)
class TranslatorNetworkSettings(Settings):
    """Encoder, attention, decoder."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(layers=2, hidden_size=256, dropout=0.3))
    bidirectional: bool = setting(True, "Read the source from its end as well, with a stack of its own.")
    embedding_size: int = setting(256, "Units of a token's embedding, on either side.", least=1, most=16384)
    embedding_dropout: float = setting(0.0, "Share of the vocabulary left out of an update.", least=0, most=0.9)
    attention: str = setting("general", "How the decoder chooses where to look in the source.", choices=ATTENTIONS)
    input_feeding: bool = setting(False, "Tell the first decoder layer what the step before decided; trains step by step, and slowly.")
    bridge: str = setting("encoder", "State in which the decoder begins.", choices=("encoder", "zero", "learned"))
    tie_weights: bool = setting(True, "Use the target's embedding as output weights too.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.attention == "none" and self.bridge != "encoder":
            raise SettingError("bridge", "must be encoder without attention: nothing else would tell the decoder of the source")

    def words(self) -> str:
        """The network in words: `gru, 2 x 256 units, both directions, attention general`."""
        directions = "both directions" if self.bidirectional else "forwards"
        feeding = ", input feeding" if self.input_feeding else ""
        return f"{self.stack.words()}, {directions}, attention {self.attention}{feeding}"

    @property
    def encoder(self) -> EncoderSettings:
        """What reads the source."""
        return EncoderSettings(self.stack, self.bidirectional, self.embedding_size, self.embedding_dropout)

    @property
    def context_size(self) -> int:
        """Units of what attention finds."""
        return 0 if self.attention == "none" else self.encoder.output_size


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
