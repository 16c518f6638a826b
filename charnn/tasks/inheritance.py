"""What a network takes over from a language model: the rows of known tokens, with those of new ones behind them."""

import numpy as np
import torch
from torch import Tensor

from charnn.errors import CheckpointError
from charnn.tasks.lm.trained import TrainedLanguageModel


@torch.no_grad()
def take_rows(table: Tensor, known: Tensor) -> None:
    """Puts known rows first; new ones behind them begin as if drawn from among them, and new numbers of a bias at the lowest.

    A normal distribution with the known rows' mean and deviation: so new tokens are no stranger to the layers above than an average one
    (Hewitt 2021, "Initializing new word embeddings for pretrained language models").
    """
    table[: len(known)] = known
    new = table[len(known) :]
    new.copy_(known.min() if known.dim() == 1 else known.mean(0) + known.std(0, correction=0) * torch.randn_like(new))


def take_embedding(model: TrainedLanguageModel, table: Tensor) -> str:
    """Puts the embedding of a model's tokens in a table; says how many are known and new. Raises CheckpointError where they do not fit."""
    known = model.saved.tensors.get("embedding.weight", np.zeros(0, np.float32))
    if known.shape[1:] != table.shape[1:] or len(known) > len(table):
        raise CheckpointError(f"{model.name} does not fit: its embedding is {known.shape}, here it is {tuple(table.shape)}")
    take_rows(table, torch.from_numpy(known))
    return f"{model.name}: {len(known):,} tokens known, {len(table) - len(known):,} new"
