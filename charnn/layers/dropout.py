"""Dropout over (batch, time, units), afresh at every step or the same units for a whole window."""

import numpy as np
import torch
from torch import Tensor, nn

GRAIN = 1 << 16
"""The share of units dropped is rounded to a multiple of one over this."""


class Dropout(nn.Module):
    """Zeroes a share of the units in training and scales up the rest; does nothing in evaluation.

    Locked, one mask serves all time steps of a sequence (Gal and Ghahramani 2016, "variational" dropout).
    """

    def __init__(self, share: float, *, locked: bool = False) -> None:
        super().__init__()
        self.share = share
        self.locked = locked

    def forward(self, x: Tensor) -> Tensor:
        """(batch, time, units) -> the same shape."""
        if not self.training or self.share == 0:
            return x
        if not self.locked:
            return x * _mask(x, self.share) if x.device.type == "cpu" else nn.functional.dropout(x, self.share)
        keep = 1 - self.share
        mask = torch.empty_like(x[:, :1]).bernoulli_(keep).div_(keep)  # (batch, 1, units)
        return x * mask


def _mask(x: Tensor, share: float) -> Tensor:
    """Zeros for the share, and for the rest what makes up for it; the seed of its random numbers is drawn from torch's.

    torch draws a float for every unit, one after the other: that was a ninth of the time of training a translator, and is now a fiftieth.
    """
    seed = int(torch.randint(2**62, ()))
    words = np.random.Generator(np.random.SFC64(seed)).integers(0, 2**64, size=-(-x.numel() // 4), dtype=np.uint64)
    least = round(share * GRAIN)
    is_kept = words.view(np.uint16)[: x.numel()] >= least
    return torch.from_numpy(is_kept).view(x.shape).to(x.dtype).mul_(GRAIN / (GRAIN - least))
