"""Weights of a network to and from a model file."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import nn

from charnn.engine.shapes import check_weights

PARTS = ("tokenizer.", "referee.", "series.")
"""What the names of tensors begin with that are no weights of the network."""


def weights_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """The weights by name, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def put_weights(network: nn.Module, tensors: Mapping[str, NDArray[Any]], tied: Mapping[str, str] | None = None) -> None:
    """Puts the weights among a model file's tensors into the network; `tied` names those that stand there under another name.

    Raises CheckpointError where names, shapes or types differ.
    """
    tied = tied or {}
    own = {name: array for name, array in tensors.items() if not name.startswith(PARTS)}
    check_weights(own, {name: tuple(one.shape) for name, one in network.state_dict().items() if name not in tied})
    weights = {name: torch.from_numpy(array) for name, array in own.items()}
    weights |= {name: weights[other] for name, other in tied.items()}
    network.load_state_dict(weights, assign=any(one.is_meta for one in network.parameters()))


@contextmanager
def without_memory() -> Iterator[None]:
    """Networks made here take no memory and are not initialised: a hostile file cannot ask for more than it brings.

    Nor do they touch torch's random state: a model may be read while another one trains.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        yield
