"""A recurrent state: a tuple of (layers, batch, hidden) tensors, whatever the cell."""

from typing import TypeAlias

from torch import Tensor

State: TypeAlias = tuple[Tensor, ...]
"""(h,) for rnn and gru, (h, c) for lstm; each (layers, batch, hidden)."""


def detach(state: State) -> State:
    """The same numbers without their history: where truncated backpropagation through time cuts."""
    return tuple(part.detach() for part in state)
