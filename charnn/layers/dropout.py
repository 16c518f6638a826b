"""Dropout over (batch, time, units), afresh at every step or the same units for a whole window."""

import torch
from torch import Tensor, nn


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
            return nn.functional.dropout(x, self.share)
        keep = 1 - self.share
        mask = torch.empty_like(x[:, :1]).bernoulli_(keep).div_(keep)  # (batch, 1, units)
        return x * mask
