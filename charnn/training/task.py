"""What the trainer knows about a task: a summed loss over a batch, and which weights learn how fast."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from torch import Tensor, nn


class Loss(NamedTuple):
    """Summed, never averaged, so that uneven batches average right."""

    total: Tensor  # nats, a scalar
    count: int  # type: ignore[assignment]  # predictions summed over; it hides tuple.count, which nobody needs
    carry: Any  # what the next batch needs, without its history: a recurrent state, or None


class Score(NamedTuple):
    """What a validation found."""

    loss: float  # nats per prediction
    metrics: Mapping[str, float] = {}  # what else a person wants to see
    error: float | None = None  # what the model to keep has least of; None is the loss


@dataclass(frozen=True)
class Group:
    """Weights that learn alike."""

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0  # times the learning rate
    thaw: float = 0.0  # the share of the run after which they begin to learn


class Task(Protocol):
    """A network that can be trained."""

    @property
    def network(self) -> nn.Module:
        """What is trained."""

    def groups(self) -> list[Group]:
        """All weights that are trained."""

    def loss(self, batch: Any, carry: Any) -> Loss:
        """The loss of a batch, given what the batch before handed on."""


def all_alike(network: nn.Module) -> list[Group]:
    """One group of all weights of a network."""
    return [Group([one for one in network.parameters() if one.requires_grad])]
