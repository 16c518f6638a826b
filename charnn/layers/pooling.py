"""The outputs over a text as one vector, gathered piece by piece, so that a text may be read in chunks and padding is never read.

A pooling's law: whole = in chunks of any widths = each row alone without padding, values and gradients; nothing gives zeros.
"""

from collections.abc import Callable
from typing import Protocol, TypeAlias

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import Linear, arrays, is_rowwise, share, tanh
from charnn.kernels.reading import add_attended, add_outputs
from charnn.layers.settings import POOLINGS

Accumulated: TypeAlias = tuple[Tensor, ...]
"""What a pooling keeps of the pieces so far; each part (batch, ...)."""

LEAST = -1e30
"""Below every score, and yet a number: the difference of two is 0, where that of two infinities is not a number."""


class Pool(Protocol):
    """What a pooling of outputs with so many units can do."""

    size: int

    def start(self, like: Tensor) -> Accumulated:
        """What is accumulated before the first piece; like: any (batch, units), for its kind of numbers and its device."""

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """(batch, time, units) outputs and their (batch, time) mask, True where a token stands -> accumulated with them."""

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, size)."""


class LastPool(nn.Module):
    """The output at the last token."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """((batch, units) zeros,)."""
        return (torch.zeros_like(like),)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The output at the last place that the mask has, if it has any."""
        steps = torch.arange(mask.shape[1], device=mask.device)
        places = (mask * steps).amax(1)  # (batch,)
        found = outputs[torch.arange(len(mask), device=mask.device), places]  # (batch, units)
        return (torch.where(mask.any(1, keepdim=True), found, accumulated[0]),)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        return accumulated[0]


class MeanPool(nn.Module):
    """The mean of the outputs."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """(batch, units) sums and (batch, 1) counts, all zero."""
        return torch.zeros_like(like), like.new_zeros(len(like), 1)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The sums and counts with these."""
        total, count = accumulated
        if is_rowwise(outputs):
            total = total.clone()
            share(add_outputs, len(outputs), *arrays(outputs.contiguous(), mask.sum(1), total))
        else:
            total = total + _weighted(mask, outputs)
        return total, count + mask.sum(1, keepdim=True)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        total, count = accumulated
        return total / count.clamp(min=1)


class MaxPool(nn.Module):
    """The greatest output of each unit."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units

    def start(self, like: Tensor) -> Accumulated:
        """((batch, units) of minus infinity,)."""
        return (torch.full_like(like, -torch.inf),)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """The greater of what was and what is."""
        greatest = outputs.masked_fill(~mask[..., None], -torch.inf).amax(1)  # (batch, units)
        return (torch.maximum(accumulated[0], greatest),)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        return accumulated[0].masked_fill(accumulated[0] == -torch.inf, 0)


class AttentionPool(nn.Module):
    """The mean of the outputs weighted by a softmax of learned scores (Yang et al. 2016, eq. 5 to 7)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = units
        self.output_to_hidden = Linear(units, units)
        self.hidden_to_score = Linear(units, 1, bias=False)

    def weights(self, outputs: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, units) outputs of whole texts and their mask -> (batch, time): how much each counts; zeros for an empty text."""
        scores = self.hidden_to_score(tanh(self.output_to_hidden(outputs))).squeeze(-1)  # (batch, time)
        return torch.softmax(scores.masked_fill(~mask, LEAST), -1) * mask

    def start(self, like: Tensor) -> Accumulated:
        """The (batch, 1) greatest score, (batch, 1) sum of weights and (batch, units) weighted sum of outputs of nothing."""
        return like.new_full((len(like), 1), LEAST), like.new_zeros(len(like), 1), torch.zeros_like(like)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Weights are relative to the greatest score so far; a greater one scales down all before it (Milakov and Gimelshein 2018)."""
        before, weights, total = accumulated
        scores = self.hidden_to_score(tanh(self.output_to_hidden(outputs))).squeeze(-1)  # (batch, time)
        if is_rowwise(outputs):
            parts = before.clone(), weights.clone(), total.clone()
            share(add_attended, len(outputs), *arrays(outputs.contiguous(), scores.contiguous(), mask.sum(1), *parts))
            return parts
        scores = scores.to(before.dtype).masked_fill(~mask, LEAST)
        # The result does not depend on what the weights are relative to, so no gradient needs to go there.
        greatest = torch.maximum(before, scores.detach().amax(1, keepdim=True))
        scale, new = torch.exp(before - greatest), torch.exp(scores - greatest) * mask
        return greatest, weights * scale + new.sum(1, keepdim=True), total * scale + _weighted(new, outputs)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, units)."""
        _, weights, total = accumulated
        return total / weights.masked_fill(weights == 0, 1)


class ConcatPool(nn.Module):
    """Last, mean and max side by side (Howard and Ruder 2018, section 3.3)."""

    def __init__(self, units: int) -> None:
        super().__init__()
        self.size = 3 * units
        self.last, self.mean, self.max = LastPool(units), MeanPool(units), MaxPool(units)

    def start(self, like: Tensor) -> Accumulated:
        """The parts of all three, in a row."""
        return *self.last.start(like), *self.mean.start(like), *self.max.start(like)

    def add(self, accumulated: Accumulated, outputs: Tensor, mask: Tensor) -> Accumulated:
        """Each of the three adds to its own parts."""
        last, mean, greatest = accumulated[:1], accumulated[1:3], accumulated[3:]
        return *self.last.add(last, outputs, mask), *self.mean.add(mean, outputs, mask), *self.max.add(greatest, outputs, mask)

    def result(self, accumulated: Accumulated) -> Tensor:
        """-> (batch, 3 * units)."""
        last, mean, greatest = accumulated[:1], accumulated[1:3], accumulated[3:]
        return torch.cat([self.last.result(last), self.mean.result(mean), self.max.result(greatest)], -1)


POOLS: dict[str, Callable[[int], Pool]] = {
    "last": LastPool,
    "mean": MeanPool,
    "max": MaxPool,
    "attention": AttentionPool,
    "concat": ConcatPool,
}
"""By name; each is made from the number of units it pools."""

assert tuple(POOLS) == POOLINGS


def _weighted(weights: Tensor, outputs: Tensor) -> Tensor:
    """(batch, time), (batch, time, units) -> (batch, units) sums."""
    return (weights[:, None].to(outputs.dtype) @ outputs)[:, 0]
