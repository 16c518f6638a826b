"""All that a trainer knows, as arrays and plain numbers, and a trainer that knows it again: to the bit."""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor

from charnn.errors import CheckpointError
from charnn.settings import shown
from charnn.training.optimizers import KEPT
from charnn.training.progress import Progress
from charnn.training.trainer import Trainer

Arrays = dict[str, NDArray[Any]]


def state_of(trainer: Trainer) -> tuple[Arrays, dict[str, Any]]:
    """Weights, averages, best weights, optimizer, carried state, random states; and the progress as JSON-ready data.

    The arrays share their memory with the trainer where they can.
    """
    tensors = dict(_weights(trainer))
    for number, entry in trainer.optimizer.state_dict()["state"].items():
        tensors |= {f"optimizer.{number}.{name}": value for name, value in entry.items() if isinstance(value, Tensor)}
    if trainer.carry is not None:
        tensors |= {f"carry.{number}": part for number, part in enumerate(trainer.carry)}
    tensors |= _random_states(trainer.device)
    return {name: tensor.detach().cpu().numpy() for name, tensor in tensors.items()}, trainer.progress.plain()


def is_finite(arrays: Mapping[str, NDArray[Any]]) -> bool:
    """Is every number finite? One infinity, or one NaN, shows in the sum."""
    return all(bool(torch.isfinite(torch.from_numpy(array).sum())) for array in arrays.values() if array.dtype.kind == "f" and array.size)


@torch.no_grad()
def take_state(trainer: Trainer, arrays: Mapping[str, NDArray[Any]], progress: Any) -> None:
    """Puts state_of() another trainer into this one. Raises CheckpointError where it does not fit."""
    trainer.progress = Progress.restore(progress)
    # Copies: memory that torch allocated is aligned, and results do not depend on where a file's bytes happened to lie.
    tensors = {name: torch.from_numpy(array.copy()).clone() for name, array in arrays.items()}
    for name, own in _weights(trainer):
        found = tensors.get(name)
        if found is None or found.shape != own.shape:
            raise CheckpointError(f"its tensor {name} is missing or of another shape")
        own.copy_(found)
    carry = [tensors[f"carry.{number}"] for number in range(len(tensors)) if f"carry.{number}" in tensors]
    trainer.carry = tuple(part.to(trainer.device) for part in carry) or None
    _take_optimizer(trainer.optimizer, tensors)
    _take_random_states(trainer.device, tensors)


def _weights(trainer: Trainer) -> Iterator[tuple[str, Tensor]]:
    for part, tensors in (("weights", trainer.parameters), ("best", trainer.best), ("averages", trainer.averages or [])):
        yield from ((f"{part}.{number}", tensor) for number, tensor in enumerate(tensors))


def _take_optimizer(optimizer: torch.optim.Optimizer, tensors: Mapping[str, Tensor]) -> None:
    owners = [one for group in optimizer.param_groups for one in group["params"]]
    entries: dict[int, dict[str, Tensor]] = {}
    for name, tensor in tensors.items():
        if name.startswith("optimizer."):
            _, place, key = name.split(".", 2)
            number = int(place) if place.isdecimal() else len(owners)
            shape = torch.Size() if key == "step" or number >= len(owners) else owners[number].shape
            if number >= len(owners) or tensor.shape != shape or tensor.dtype != torch.float32:
                raise CheckpointError(f"its tensor {shown(name)} fits no weight")
            entries.setdefault(number, {})[key] = tensor
    if any(entry.keys() != KEPT[type(optimizer)] for entry in entries.values()):
        raise CheckpointError("its optimizer is not that of the settings, or not complete")
    optimizer.load_state_dict({"state": entries, "param_groups": optimizer.state_dict()["param_groups"]})


def _random_states(device: torch.device) -> dict[str, Tensor]:
    states = {"random.cpu": torch.get_rng_state()}
    if device.type == "cuda":
        states["random.cuda"] = torch.cuda.get_rng_state(device)
    elif device.type == "mps":
        states["random.mps"] = torch.mps.get_rng_state()
    return states


def _take_random_states(device: torch.device, tensors: Mapping[str, Tensor]) -> None:
    takers: dict[str, Any] = {"random.cpu": torch.set_rng_state}
    if device.type == "cuda":
        takers["random.cuda"] = lambda state: torch.cuda.set_rng_state(state, device)
    elif device.type == "mps":
        takers["random.mps"] = torch.mps.set_rng_state
    for name, take in takers.items():
        try:
            take(tensors[name])
        except (KeyError, RuntimeError, TypeError):
            raise CheckpointError(f"its state {name} is missing or damaged") from None
