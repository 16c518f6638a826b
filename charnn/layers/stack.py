"""Recurrent layers one above the other, with what may stand between them: dropout, normalisation, residual sums."""

import os

import torch
from torch import Tensor, nn

from charnn.cells.layer import RecurrentLayer
from charnn.cells.settings import GATES, STATES, StackSettings
from charnn.cells.state import State
from charnn.errors import SettingError
from charnn.layers.dropout import Dropout

BYTES = 4 * 4
"""What training holds of every weight: itself, its gradient, and two moments of Adam."""


class RecurrentStack(nn.Module):
    """(batch, time, units) -> (batch, time, hidden), read from the first step to the last."""

    def __init__(self, input_size: int, settings: StackSettings) -> None:
        """Raises SettingError, before any memory is taken, for a stack that this machine could not train."""
        super().__init__()
        self.settings = settings
        sizes = settings.input_sizes(input_size)
        if torch.get_default_device().type != "meta":
            check_memory(settings, sizes)
        self.cells = nn.ModuleList(RecurrentLayer(size, settings) for size in sizes)
        self.norms = nn.ModuleList(nn.LayerNorm(size) for size in sizes) if settings.layer_norm else None
        self.output_norm = nn.LayerNorm(settings.hidden_size) if settings.layer_norm else None
        self.dropout = Dropout(settings.dropout, locked=settings.locked_dropout)
        shape = (STATES[settings.cell], settings.layers, settings.hidden_size)
        self.initial_state: nn.Parameter | None = nn.Parameter(torch.zeros(shape)) if settings.initial_state == "learned" else None

    def start(self, batch: int) -> State:
        """The state before the first step: zeros, or the learned one; each part (layers, batch, hidden)."""
        shape = (self.settings.layers, batch, self.settings.hidden_size)
        if self.initial_state is None:
            weight: Tensor = next(self.cells.parameters())
            return tuple(weight.new_zeros(shape) for _ in range(STATES[self.settings.cell]))
        return tuple(part[:, None].expand(shape).contiguous() for part in self.initial_state)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(batch, time, units) -> (batch, time, hidden), and the state after the last step.

        Dropout is at the input, between the layers and at the output (Zaremba et al. 2014); layer norm is at the same places.
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
    """Raises SettingError where training needs more than all the memory of this machine, which would end in the process being killed."""
    hidden = settings.hidden_size
    needed = BYTES * GATES[settings.cell] * hidden * sum(size + hidden for size in input_sizes)
    there = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if needed > there:
        sizes = f"{settings.layers} x {hidden:,} units take {needed / 1e9:,.0f} GB to train"
        raise SettingError("hidden_size", f"is too large: {sizes}, and this machine has {there / 1e9:,.0f} GB; give a smaller one")
