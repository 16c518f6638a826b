"""Settings of the parts that networks of several tasks share."""

from dataclasses import dataclass, field

from charnn.cells.settings import StackSettings
from charnn.settings import Settings, setting

POOLINGS = ("last", "mean", "max", "attention", "concat")
"""Ways to turn the outputs over a text into one vector; concat is last, mean and max side by side."""

ATTENTIONS = ("additive", "general", "dot", "none")  # Ways to compare a decoder's state with the outputs of the encoder


@dataclass(frozen=True)
class EncoderSettings(Settings):
    """Settings of the embedding and the recurrent stacks that read a text."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=128, dropout=0.5))
    bidirectional: bool = setting(True, "Read from the end as well, with a second stack.")
    embedding_size: int = setting(300, "Units of a token's embedding.", least=1, most=16384)
    embedding_dropout: float = setting(0.3, "Fraction of the vocabulary dropped in an update.", least=0, most=0.9)
    word_characters: bool = setting(False, "Read each word character by character too (tokenizer word).")
    character_size: int = setting(32, "Units of a character's embedding.", least=1, most=1024)
    character_hidden_size: int = setting(64, "Units, in each direction, that read the characters of a word.", least=1, most=4096)

    def words(self) -> str:
        """Return a short description: `gru, 1 x 128 units, both directions`."""
        return f"{self.stack.words()}, {'both directions' if self.bidirectional else 'forwards'}"

    @property
    def input_size(self) -> int:
        """Units of a token's vector, the input of the stacks."""
        return self.embedding_size + (2 * self.character_hidden_size if self.word_characters else 0)

    @property
    def directions(self) -> int:
        """The number of stacks that read the text."""
        return 2 if self.bidirectional else 1

    @property
    def output_size(self) -> int:
        """Units of the encoder's output at every token."""
        return self.directions * self.stack.hidden_size
