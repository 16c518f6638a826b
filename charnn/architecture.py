"""What a network is made of: settings that the torch network and the compiled engine are both built from."""

from dataclasses import dataclass, field, replace

from charnn.errors import SettingError
from charnn.settings import Settings, setting

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Rows of weights per hidden unit, by cell; in the order of torch (lstm: input, forget, candidate, output; gru: reset, update, new)."""

STATES = {"rnn": 1, "lstm": 2, "gru": 1}
"""Tensors in a recurrent state, by cell: (h,), or (h, c) for an lstm; each is (layers, batch, hidden)."""


SMALL_VOCABULARY, SMALL_EMBEDDING = 1000, 64
"""Up to so many tokens an embedding has so many units, unless told otherwise."""


@dataclass(frozen=True)
class StackSettings(Settings):
    """A stack of recurrent layers."""

    cell: str = setting("gru", "Recurrent cell.", choices=GATES)
    activation: str = setting("tanh", "Activation of the rnn cell.", choices=("tanh", "relu"))
    layers: int = setting(1, "Recurrent layers, one above the other.", least=1, most=64)
    hidden_size: int = setting(384, "Units of every recurrent layer.", least=1, most=16384)
    dropout: float = setting(0.0, "Share of units dropped at the input, between layers and at the output.", least=0, most=0.9)
    locked_dropout: bool = setting(False, "Drop the same units at every time step of a window.")
    layer_norm: bool = setting(False, "Normalise the input of every layer and of the output projection.")
    residual: bool = setting(False, "Add a layer's input to its output wherever their sizes agree.")
    initial_state: str = setting("zero", "Recurrent state before the first token.", choices=("zero", "learned"))
    initial_memory: int | None = setting(
        None,
        "Steps that gates (lstm, gru) remember before training, at most; for lags of hundreds of steps.",
        least=2,
        most=1_000_000,
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation != "tanh" and self.cell != "rnn":
            raise SettingError("activation", f"is a choice of the rnn cell only, and the cell is {self.cell}")
        if self.locked_dropout and not self.dropout:
            raise SettingError("locked_dropout", "has no effect without dropout; give dropout too")
        if self.initial_memory is not None and self.cell == "rnn":
            raise SettingError("initial_memory", "is a choice of the gates of lstm and gru, and the cell is rnn")

    def words(self) -> str:
        """The stack in words: `gru, 1 x 384 units`."""
        return f"{self.cell}, {self.layers} x {self.hidden_size} units"

    def input_sizes(self, input_size: int) -> list[int]:
        """The width of each layer's input, from the first layer up."""
        return [input_size] + [self.hidden_size] * (self.layers - 1)


@dataclass(frozen=True)
class LanguageNetworkSettings(Settings):
    """Embedding, recurrent stack, output projection."""

    stack: StackSettings = field(default_factory=StackSettings)
    embedding_size: int | None = setting(
        None, "Units of a token's embedding; by default 64 for up to 1,000 tokens, else the hidden size.", least=1, most=16384
    )
    embedding_deviation: float | None = setting(
        None, "Standard deviation of embeddings before training; by default 1. At 0.1 rare tokens learn sooner.", above=0, most=10
    )
    tie_weights: bool = setting(False, "Use the embedding as output weights too (needs an embedding as wide as the hidden size).")
    adaptive_softmax: bool = setting(False, "Give rare tokens smaller output weights; for vocabularies over 4,000.")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.tie_weights and self.width != self.stack.hidden_size:
            sizes = f"{self.width} and {self.stack.hidden_size}"
            raise SettingError("tie_weights", f"needs an embedding_size equal to hidden_size, got {sizes}")
        if self.tie_weights and self.adaptive_softmax:
            raise SettingError("tie_weights", "cannot be combined with adaptive_softmax; choose one")
        if self.stack.residual and self.stack.layers == 1 and self.width != self.stack.hidden_size:
            raise SettingError("residual", "has no effect on one layer whose embedding_size differs from hidden_size")

    def for_vocabulary(self, size: int) -> "LanguageNetworkSettings":
        """The same with the default embedding size spelled out: a few symbols need no more than a few units to be told apart."""
        if self.embedding_size is not None or self.tie_weights or size > SMALL_VOCABULARY:
            return self
        return replace(self, embedding_size=min(SMALL_EMBEDDING, self.stack.hidden_size))

    @property
    def deviation(self) -> float:
        """Standard deviation of embeddings before training."""
        default = self.width**-0.5 if self.tie_weights else 1.0
        return default if self.embedding_deviation is None else self.embedding_deviation

    @property
    def width(self) -> int:
        """Units of an embedding."""
        return self.stack.hidden_size if self.embedding_size is None else self.embedding_size


def adaptive_cutoffs(vocabulary_size: int) -> list[int]:
    """Where an adaptive softmax cuts the ids, sorted by frequency: the head takes the first eighth, the first tail up to the half.

    Grave et al. 2017, "Efficient softmax approximation for GPUs". Raises SettingError for a vocabulary too small to gain from it.
    """
    if vocabulary_size < 4000:
        raise SettingError("adaptive_softmax", f"needs a vocabulary of at least 4,000 tokens, this one has {vocabulary_size:,}")
    return [vocabulary_size // 8, vocabulary_size // 2]


POOLINGS = ("last", "mean", "max", "attention", "concat")
"""How the outputs over a text become one vector; concat is last, mean and max side by side."""


@dataclass(frozen=True)
class EncoderSettings(Settings):
    """Embedding and recurrent stack that read a text."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=128, dropout=0.5))
    bidirectional: bool = setting(True, "Read from the end as well, with a stack of its own.")
    embedding_size: int = setting(300, "Units of a token's embedding.", least=1, most=16384)
    embedding_dropout: float = setting(0.3, "Share of the vocabulary left out of an update.", least=0, most=0.9)
    word_characters: bool = setting(False, "Read each word character by character too (tokenizer word).")
    character_size: int = setting(32, "Units of a character's embedding.", least=1, most=1024)
    character_hidden_size: int = setting(64, "Units, in each direction, that read the characters of a word.", least=1, most=4096)

    def words(self) -> str:
        """The encoder in words: `gru, 1 x 128 units, both directions`."""
        return f"{self.stack.words()}, {'both directions' if self.bidirectional else 'forwards'}"

    @property
    def input_size(self) -> int:
        """Units of a token as the stacks read it."""
        return self.embedding_size + (2 * self.character_hidden_size if self.word_characters else 0)

    @property
    def directions(self) -> int:
        """Stacks that read the text."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Units of the encoder's output at every token."""
        return self.directions * self.stack.hidden_size


@dataclass(frozen=True)
class ClassifierNetworkSettings(Settings):
    """Encoder, pooling, output layer."""

    encoder: EncoderSettings = field(default_factory=EncoderSettings)
    pooling: str = setting("max", "How the outputs over a text become one vector.", choices=POOLINGS)
    output_dropout: float = setting(0.5, "Share of pooled units dropped.", least=0, most=0.9)


@dataclass(frozen=True)
class TaggerNetworkSettings(Settings):
    """Encoder, scores of the tags, transitions between them."""

    encoder: EncoderSettings = field(
        default_factory=lambda: EncoderSettings(embedding_size=128, embedding_dropout=0.0, word_characters=True)
    )
    output: str = setting("crf", "How a sentence's tags depend on each other: through a crf, or not.", choices=("crf", "softmax"))


ATTENTIONS = ("additive", "general", "dot", "none")
"""How a decoder's state is compared with the places of the source."""


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


OBJECTIVES = ("squared", "absolute", "quantile")
"""What a forecaster's errors are measured by."""

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Shares of the future values that are to lie below a quantile forecaster's outputs."""


@dataclass(frozen=True)
class ForecasterNetworkSettings(Settings):
    """Recurrent stack, and what it says of the next values."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=64))
    horizon: int = setting(1, "Values predicted at once; further ones come from feeding predictions back.", least=1, most=10_000)
    objective: str = setting("squared", "Error that is made small: squared, absolute, or of quantiles.", choices=OBJECTIVES)

    @property
    def outputs(self) -> int:
        """Numbers said of each future value."""
        return len(QUANTILES) if self.objective == "quantile" else 1
