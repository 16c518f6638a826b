"""What a language network is made of: settings that the torch network and the compiled engine are both built from."""

from dataclasses import dataclass, field, replace

from charnn.cells.settings import StackSettings
from charnn.errors import SettingError
from charnn.settings import Settings, setting

SMALL_VOCABULARY, SMALL_EMBEDDING = 1000, 64
"""Up to so many tokens an embedding has so many units, unless told otherwise."""


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
