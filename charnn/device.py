"""The device, the number of threads and the precision of computing."""

from contextlib import AbstractContextManager, nullcontext

import torch

from charnn.errors import SettingError


def choose_device(name: str) -> torch.device:
    """Return the torch device of a `--device` choice; raise SettingError when this machine or torch build does not have it."""
    there = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    if name == "auto":
        return torch.device(next(kind for kind in there if there[kind]))
    if not there[name]:
        raise SettingError("device", f"{name} is not available here; available: {', '.join(kind for kind in there if there[kind])}")
    return torch.device(name)


def use_threads(count: int | None) -> int:
    """Limit torch to this number of threads, by default its own choice; return the number of threads."""
    if count is not None:
        torch.set_num_threads(count)
    return torch.get_num_threads()


def autocast(device: torch.device, precision: str) -> AbstractContextManager[object]:
    """Return a context in which matrix products run in the given precision; weights stay float32."""
    return nullcontext() if precision == "float32" else torch.autocast(device.type, torch.bfloat16)
