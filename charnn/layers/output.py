"""From the outputs of a network to the probabilities of tokens."""

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import linear
from charnn.engine.settings import adaptive_cutoffs


class FullOutput(nn.Module):
    """A softmax over the whole vocabulary."""

    def __init__(self, hidden_size: int, vocabulary_size: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(vocabulary_size, hidden_size).uniform_(-(hidden_size**-0.5), hidden_size**-0.5))
        self.bias = nn.Parameter(torch.zeros(vocabulary_size))

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., vocabulary)."""
        return linear(hidden, self.weight, self.bias)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(count, hidden) and (count,) -> (count,) nats."""
        return nn.functional.cross_entropy(self.logits(hidden).float(), targets, reduction="none")


class AdaptiveOutput(nn.AdaptiveLogSoftmaxWithLoss):
    """Full-width weights for frequent tokens, narrower ones for rare tokens (Grave et al. 2017); ids are sorted by frequency."""

    def __init__(self, hidden_size: int, vocabulary_size: int) -> None:
        super().__init__(hidden_size, vocabulary_size, adaptive_cutoffs(vocabulary_size))

    def logits(self, hidden: Tensor) -> Tensor:
        """(..., hidden) -> (..., vocabulary) log-probabilities."""
        flat: Tensor = self.log_prob(hidden.flatten(0, -2))
        return flat.view(*hidden.shape[:-1], -1)

    def losses(self, hidden: Tensor, targets: Tensor) -> Tensor:
        """(count, hidden) and (count,) -> (count,) nats."""
        losses: Tensor = -super().forward(hidden, targets).output
        return losses
