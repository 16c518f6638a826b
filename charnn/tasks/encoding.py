"""Batches of texts as an encoder takes them."""

import torch
from torch import Tensor

from charnn.batches.texts import TextBatch
from charnn.layers.embedding import Spelling
from charnn.tokenizers.vocabulary import UNKNOWN

READ_TEXTS, READ_TOKENS = 256, 16384
"""Texts, and tokens, read at once where nothing is learned."""


def tensors_of(batch: TextBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """(batch, time) tokens and (batch,) lengths."""
    return torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.lengths).to(device)


def spelling_of(batch: TextBatch, device: torch.device) -> Spelling | None:
    """The characters of a batch's words, where the network reads them."""
    if batch.characters is None or batch.character_lengths is None or batch.words is None:
        return None
    return Spelling(*(torch.from_numpy(part).to(device) for part in (batch.characters, batch.character_lengths, batch.words)))


def drop_words(tokens: Tensor, share: float) -> Tensor:
    """Reads a share of the tokens as unknown, so that the unknown is known (Iyyer et al. 2015)."""
    return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < share, UNKNOWN) if share else tokens
