"""Weights of a network to and from a model file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from charnn.errors import CheckpointError

PARTS = ("tokenizer.", "referee.")
"""What the names of tensors begin with that are no weights of the network."""


def weights_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """The weights by name, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def put_weights(network: nn.Module, tensors: Mapping[str, NDArray[Any]], tied: Mapping[str, str] | None = None) -> None:
    """Puts the weights among a model file's tensors into the network; `tied` names those that stand there under another name.

    Raises CheckpointError where names or shapes differ.
    """
    weights = {name: torch.from_numpy(array) for name, array in tensors.items() if not name.startswith(PARTS)}
    weights |= {name: weights[other] for name, other in (tied or {}).items() if other in weights}
    is_empty = any(one.is_meta for one in network.parameters())
    try:
        network.load_state_dict(weights, assign=is_empty)
    except RuntimeError as error:
        raise CheckpointError(f"the weights do not fit the settings: {' '.join(str(error).split())}") from None


@contextmanager
def without_memory() -> Iterator[None]:
    """Networks made here take no memory and are not initialised: a hostile file cannot ask for more than it brings."""
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        yield
