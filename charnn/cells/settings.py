"""What a stack of recurrent layers is made of."""

from dataclasses import dataclass

from charnn.errors import SettingError
from charnn.settings import Settings, setting

GATES = {"rnn": 1, "lstm": 4, "gru": 3}
"""Rows of weights per hidden unit, by cell; in the order of torch (lstm: input, forget, candidate, output; gru: reset, update, new)."""


STATES = {"rnn": 1, "lstm": 2, "gru": 1}
"""Tensors in a recurrent state, by cell: (h,), or (h, c) for an lstm; each is (layers, batch, hidden)."""


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
