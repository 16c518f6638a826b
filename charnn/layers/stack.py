"""Recurrent layers one above the other, with dropout, normalisation and residual sums between them."""

import os
from math import prod

import numpy as np
import torch
from torch import Tensor, nn

from charnn.cells.layer import RecurrentLayer, State
from charnn.cells.settings import StackSettings
from charnn.errors import SettingError

BYTES = 4 * 4  # Bytes that training needs for each weight: itself, its gradient, and two moments of Adam
GRAIN = 1 << 16  # The fraction of units dropped is rounded to a multiple of one over this


class RecurrentStack(nn.Module):
    """Recurrent layers: (batch, time, units) -> (batch, time, hidden), read from the first step to the last."""

    def __init__(self, input_size: int, settings: StackSettings) -> None:
        """Raise SettingError, before allocating memory, for a stack that this machine could not train."""
        super().__init__()
        self.settings = settings
        sizes = settings.input_sizes(input_size)
        if torch.get_default_device().type != "meta":
            check_memory(settings, sizes)
        self.cells = nn.ModuleList(RecurrentLayer(size, settings) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes) if settings.layer_norm else None
        self.output_norm = nn.LayerNorm(settings.hidden_size) if settings.layer_norm else None
        self.dropout = Dropout(settings.dropout, variational=settings.variational_dropout)
        is_learned = settings.initial_state == "learned"
        self.initial_state: nn.Parameter | None = nn.Parameter(torch.zeros(settings.state_shape)) if is_learned else None

    def start(self, batch: int) -> State:
        """Return the state before the first step, zeros or the learned one; each part (layers, batch, hidden)."""
        states, layers, hidden = self.settings.state_shape
        shape = (layers, batch, hidden)
        if self.initial_state is None:
            weight: Tensor = next(self.cells.parameters())
            return tuple(weight.new_zeros(shape) for _ in range(states))
        return tuple(part[:, None].expand(shape).contiguous() for part in self.initial_state)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(batch, time, units) -> (batch, time, hidden), and the state after the last step.

        Dropout is at the input, between the layers and at the output (Zaremba et al. 2014), and so is layer norm.
        """
        state = self.start(x.shape[0]) if state is None else state
        x = self.dropout(x)
        after = []
        for index, cell in enumerate(self.cells):
            inputs = x if self.norms is None else self.norms[index](x)
            outputs, last = cell(inputs, tuple(part[index : index + 1].contiguous() for part in state))
            after.append(last)
            is_sum = self.settings.residual and outputs.shape == x.shape
            x = self.dropout(outputs + x if is_sum else outputs)
        outputs = x if self.output_norm is None else self.output_norm(x)
        return outputs, tuple(torch.cat(parts) for parts in zip(*after, strict=True))


def check_memory(settings: StackSettings, input_sizes: list[int]) -> None:
    """Raise SettingError where training needs more than all memory of this machine, for which the process would be killed."""
    hidden, cell = settings.hidden_size, settings.loaded_cell
    needed = BYTES * sum(prod(shape) for size in input_sizes for shape in cell.shapes(size, hidden).values())
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        sizes = f"{settings.layers} x {hidden:,} units take {needed / 1e9:,.0f} GB to train"
        raise SettingError("hidden_size", f"is too large: {sizes}, and this machine has {there / 1e9:,.0f} GB; give a smaller one")


class Dropout(nn.Module):
    """Dropout: in training zeroes a fraction of the units and scales up the rest; in evaluation changes nothing.

    If variational, all time steps of a sequence have the same mask (Gal and Ghahramani 2016).
    """

    def __init__(self, fraction: float, *, variational: bool = False) -> None:
        super().__init__()
        self.fraction, self.variational = fraction, variational

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, units) -> the same shape."""
        if not self.training or self.fraction == 0:
            return x
        if not self.variational:
            return x * _mask(x, self.fraction) if x.device.type == "cpu" else nn.functional.dropout(x, self.fraction)
        keep = 1 - self.fraction
        return x * torch.empty_like(x[:, :1]).bernoulli_(keep).div_(keep)  # a mask of (batch, 1, units)


def _mask(x: Tensor, fraction: float) -> Tensor:
    """Return zeros for this fraction, and the scale for the rest; the seed of the random numbers is drawn from torch's.

    torch draws a float for each unit, one after the other: a ninth of the time of training a translator, where this takes a fiftieth.
    """
    seed = int(torch.randint(2**62, ()))
    words = np.random.Generator(np.random.SFC64(seed)).integers(0, 2**64, size=-(-x.numel() // 4), dtype=np.uint64)
    least = round(fraction * GRAIN)
    is_kept = words.view(np.uint16)[: x.numel()] >= least
    return torch.from_numpy(is_kept).view(x.shape).to(x.dtype).mul_(GRAIN / (GRAIN - least))
