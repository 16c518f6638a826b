"""Output layers: from the outputs of a network to probabilities of tokens, or to a legal sequence of tags for each sentence."""

from typing import TypeAlias

import torch
from torch import Tensor, nn

from charnn.cells.rowwise import arrays, linear, run_on_cores
from charnn.engine.settings import adaptive_cutoffs
from charnn.kernels.reading import chain_marginals

ILLEGAL = -1e4  # Score of an illegal transition in a sum over sequences, in nats: exp() of it is 0, and unlike infinity it has a gradient

Legal = tuple[Tensor, Tensor, Tensor]  # True where legal: (from, to) neighbours, first tags, last tags


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
    """A softmax with full-width weights for frequent tokens, narrower ones for rare ones (Grave et al. 2017); ids sorted by frequency."""

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


class Crf(nn.Module):
    """A linear-chain conditional random field (Lafferty et al. 2001) over the scores of a network (Lample et al. 2016, section 2.2)."""

    neighbours: Tensor
    first: Tensor
    last: Tensor

    def __init__(self, tags: int, legal: Legal | None = None) -> None:
        super().__init__()
        self.transitions = nn.Parameter(torch.zeros(tags, tags))  # from, to
        self.start = nn.Parameter(torch.zeros(tags))
        self.end = nn.Parameter(torch.zeros(tags))
        _keep_legal(self, tags, legal)

    def losses(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) and (batch, time) ids -> (batch,) nats of whole sentences."""
        if scores.shape[1] == 0:
            return scores.sum((1, 2))
        scores, weights = scores.to(self.start.dtype), self._weights(ILLEGAL)
        losses = _log_partition(scores, mask, *weights) - _score(scores, tags.masked_fill(~mask, 0), mask, *weights)
        return losses.masked_fill(~mask.any(1), 0)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) -> (batch, time) ids of the best legal sequence, 0 after its end."""
        return viterbi(scores.to(self.start.dtype), mask, *self._weights(-torch.inf))

    def marginals(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) -> the same shape: the probability of each tag at each token, 0 after the end."""
        if scores.shape[1] == 0:
            return scores
        transitions, start, end = (weight.detach().cpu().double() for weight in self._weights(-torch.inf))
        numbers, found = scores.detach().cpu().double().contiguous(), torch.zeros(scores.shape, dtype=torch.float64)
        run_on_cores(chain_marginals, len(scores), *arrays(numbers, mask.sum(1).cpu(), transitions.exp(), start, end, found))
        return found.to(scores.dtype).to(scores.device)

    def _weights(self, illegal: float) -> tuple[Tensor, Tensor, Tensor]:
        """Return the scores of (from, to) neighbours, first tags and last tags."""
        parts = ((self.transitions, self.neighbours), (self.start, self.first), (self.end, self.last))
        neighbours, first, last = (weight.masked_fill(~legal, illegal) for weight, legal in parts)
        return neighbours, first, last


class SoftmaxOutput(nn.Module):
    """A softmax over the tags of each token by itself; illegal sequences are excluded only in decoding."""

    neighbours: Tensor
    first: Tensor
    last: Tensor

    def __init__(self, tags: int, legal: Legal | None = None) -> None:
        super().__init__()
        _keep_legal(self, tags, legal)

    def losses(self, scores: Tensor, tags: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) and (batch, time) ids -> (batch,) nats of whole sentences."""
        losses = -scores.log_softmax(-1).gather(-1, tags.masked_fill(~mask, 0)[..., None])[..., 0]  # (batch, time)
        return losses.masked_fill(~mask, 0).sum(1)

    def decode(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) -> (batch, time) ids of the most probable legal sequence, 0 after its end."""
        logs = scores.log_softmax(-1)
        weights = (logs.new_zeros(legal.shape).masked_fill(~legal, -torch.inf) for legal in (self.neighbours, self.first, self.last))
        return viterbi(logs, mask, *weights)

    def marginals(self, scores: Tensor, mask: Tensor) -> Tensor:
        """(batch, time, tags) -> the same shape: the probability of each tag at each token, 0 after the end."""
        return scores.softmax(-1).masked_fill(~mask[..., None], 0)


TagOutput: TypeAlias = Crf | SoftmaxOutput

TAG_OUTPUTS: dict[str, type[TagOutput]] = {"crf": Crf, "softmax": SoftmaxOutput}
"""Outputs by name; each is made from the number of tags and the legal ones."""


@torch.no_grad()
def viterbi(scores: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """(batch, time, tags) -> (batch, time) ids of the best sequence, 0 after its end (Viterbi 1967)."""
    batch, time, tags = scores.shape
    if time == 0:
        return mask.long()
    stay = torch.arange(tags, device=scores.device).expand(batch, -1)
    best, pointers = start + scores[:, 0], []
    for step, is_token in zip(scores[:, 1:].unbind(1), mask[:, 1:, None].unbind(1), strict=True):
        values, origins = (best[:, :, None] + transitions).max(1)  # (batch, to)
        best = torch.where(is_token, values + step, best)
        pointers.append(torch.where(is_token, origins, stay))
    path = [(best + end).argmax(1, keepdim=True)]
    for pointer in reversed(pointers):
        path.append(pointer.gather(1, path[-1]))
    return torch.cat(path[::-1], 1) * mask


def _log_partition(scores: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return (batch,) logarithms of the summed exponentials of all sequences' scores, by the forward algorithm."""
    total = start + scores[:, 0]  # (batch, tags)
    # Unbound once, not sliced: a slice's gradient is as large as all scores.
    for step, is_token in zip(scores[:, 1:].unbind(1), mask[:, 1:, None].unbind(1), strict=True):
        total = torch.where(is_token, torch.logsumexp(total[:, :, None] + transitions, 1) + step, total)
    return torch.logsumexp(total + end, 1)


def _score(scores: Tensor, tags: Tensor, mask: Tensor, transitions: Tensor, start: Tensor, end: Tensor) -> Tensor:
    """Return (batch,) scores of the given sequences (Lample et al. 2016, eq. 1)."""
    emitted = scores.gather(-1, tags[..., None])[..., 0] * mask  # (batch, time)
    moved = transitions[tags[:, :-1], tags[:, 1:]] * mask[:, 1:]  # (batch, time - 1)
    last = tags.gather(1, (mask.sum(1, keepdim=True) - 1).clamp(min=0))[:, 0]  # (batch,)
    return emitted.sum(1) + moved.sum(1) + start[tags[:, 0]] + end[last]


def _keep_legal(module: nn.Module, tags: int, legal: Legal | None) -> None:
    """Register what is legal as buffers that are not saved, since they follow from the tags' names."""
    # Explicitly on the CPU: a network made on the meta device gets its weights later, but never these.
    everything = (torch.ones(shape, dtype=torch.bool, device="cpu") for shape in ((tags, tags), (tags,), (tags,)))
    for name, part in zip(("neighbours", "first", "last"), everything if legal is None else legal, strict=True):
        module.register_buffer(name, part, persistent=False)
