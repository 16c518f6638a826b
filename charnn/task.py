"""The one thing the trainer knows about a task: a summed loss over a batch."""

from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn

from charnn.text.batches import Batch


class Loss(NamedTuple):
    """Summed, never averaged, so that uneven batches average right."""

    total: Tensor  # nats, a scalar
    count: int  # type: ignore[assignment]  # predictions summed over; it hides tuple.count, which nobody needs
    carry: Any  # what the next batch needs, without its history: a recurrent state, or None


class Task(Protocol):
    """A network that can be trained."""

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def loss(self, batch: Batch, carry: Any) -> Loss:
        """The loss of a batch, given what the batch before handed on."""
