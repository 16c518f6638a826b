"""Optimizers, learning-rate schedules, clipping and weight averaging: how one update is made."""

from collections.abc import Callable
from math import cos, pi
from typing import Any

import torch
from torch import Tensor, nn

from charnn.training.settings import OPTIMIZERS, SCHEDULES, OptimizerSettings

Parameters = list[dict[str, Any]]
"""Groups of weights, as torch's optimizers take them."""


def make_optimizer(parameters: Parameters, settings: OptimizerSettings) -> torch.optim.Optimizer:
    """The optimizer of the settings, at its peak learning rate."""
    return MAKERS[settings.optimizer](parameters, lr=settings.peak, weight_decay=settings.weight_decay)


def rate_share(settings: OptimizerSettings, step: int, steps: int) -> float:
    """The share of the peak learning rate at update `step` of `steps`, from 0: a linear rise, then the schedule."""
    if step < settings.warmup:
        return (step + 1) / (settings.warmup + 1)
    return SHAPES[settings.schedule]((step - settings.warmup) / max(1, steps - settings.warmup))


def clip(parameters: list[Tensor], settings: OptimizerSettings) -> Tensor:
    """Clips the gradients in place, by value and by norm; returns their norm before (Pascanu et al. 2013)."""
    if settings.clip_value is not None:
        nn.utils.clip_grad_value_(parameters, settings.clip_value)
    return nn.utils.clip_grad_norm_(parameters, float("inf") if settings.clip_norm is None else settings.clip_norm)


@torch.no_grad()
def blend(averages: list[Tensor], parameters: list[Tensor], settings: OptimizerSettings, step: int) -> None:
    """Moves the averages towards the weights; the first steps count evenly, so that the start is soon forgotten."""
    assert settings.averaging is not None
    decay = min(settings.averaging, (step + 1) / (step + 10))
    torch._foreach_lerp_(averages, parameters, 1 - decay)


def _adamw(parameters: Parameters, **options: Any) -> torch.optim.Optimizer:
    # Fused: one pass over each weight. The second beta adapts within 100 steps, as short runs want.
    return torch.optim.AdamW(parameters, betas=(0.9, 0.99), fused=True, **options)


def _adam(parameters: Parameters, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.Adam(parameters, betas=(0.9, 0.99), fused=True, **options)


def _sgd(parameters: Parameters, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.SGD(parameters, **options)


def _rmsprop(parameters: Parameters, **options: Any) -> torch.optim.Optimizer:
    return torch.optim.RMSprop(parameters, alpha=0.95, **options)


MAKERS = {"adamw": _adamw, "adam": _adam, "sgd": _sgd, "rmsprop": _rmsprop}

KEPT: dict[type[torch.optim.Optimizer], set[str]] = {
    torch.optim.AdamW: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.Adam: {"step", "exp_avg", "exp_avg_sq"},
    torch.optim.SGD: set(),
    torch.optim.RMSprop: {"step", "square_avg"},
}
"""The tensors that an optimizer keeps for each weight: a count, and numbers as many as the weight's."""


def _step_down(progress: float) -> float:
    return 1.0 if progress < 0.6 else 0.1 if progress < 0.85 else 0.01


SHAPES: dict[str, Callable[[float], float]] = {
    "cosine": lambda progress: 0.01 + 0.99 * (1 + cos(pi * min(1.0, progress))) / 2,
    "constant": lambda progress: 1.0,
    "step": _step_down,
}
"""The share of the peak learning rate after a share of the run."""

assert MAKERS.keys() == OPTIMIZERS.keys()
assert SHAPES.keys() == set(SCHEDULES)
