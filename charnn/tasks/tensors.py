"""Arrays as tensors and back: batches of texts, the weights of a network, and the rows of tables that grow."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.texts import TextBatch
from charnn.engine.settings import check_weights
from charnn.layers.encoder import Spelling
from charnn.tokenizers.vocabulary import UNKNOWN

READ_TEXTS, READ_TOKENS = 256, 16384  # Texts, and tokens, read at once where nothing is learned
PARTS = ("tokenizer.", "referee.", "series.")  # What the names of tensors begin with that are no weights of the network


def tensors_of(batch: TextBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (batch, time) tokens and (batch,) lengths."""
    return torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.lengths).to(device)


def spelling_of(batch: TextBatch, device: torch.device) -> Spelling | None:
    """Return the characters of a batch's words, where the network reads them."""
    if batch.characters is None or batch.character_lengths is None or batch.words is None:
        return None
    return Spelling(*(torch.from_numpy(part).to(device) for part in (batch.characters, batch.character_lengths, batch.words)))


def drop_words(tokens: Tensor, fraction: float) -> Tensor:
    """Return the ids, a random fraction of them unknown, so that the network learns what to make of it (Iyyer et al. 2015)."""
    return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < fraction, UNKNOWN) if fraction else tokens


def weights_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights by name, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def put_weights(network: nn.Module, tensors: Mapping[str, NDArray[Any]], tied: Mapping[str, str] | None = None) -> None:
    """Put the weights among a model file's tensors into the network; `tied` gives the stored name of weights that are stored once.

    Raises CheckpointError where names, shapes or types differ.
    """
    tied = tied or {}
    own = {name: array for name, array in tensors.items() if not name.startswith(PARTS)}
    check_weights(own, {name: tuple(one.shape) for name, one in network.state_dict().items() if name not in tied})
    weights = {name: torch.from_numpy(array) for name, array in own.items()}
    weights |= {name: weights[other] for name, other in tied.items()}
    network.load_state_dict(weights, assign=any(one.is_meta for one in network.parameters()))


@contextmanager
def without_memory() -> Iterator[None]:
    """Make networks without memory and initial weights: a hostile file cannot ask for more than it brings.

    Nor do they touch torch's random state: a model may be read while another one trains.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        yield


@torch.no_grad()
def take_rows(table: Tensor, known: Tensor) -> None:
    """Put known rows first; initialise new ones behind them as if drawn from among them, and new numbers of a bias at the lowest.

    A normal distribution with the known rows' mean and deviation: so new tokens are no stranger to the layers above than an average one
    (Hewitt 2021, "Initializing new word embeddings for pretrained language models").
    """
    table[: len(known)] = known
    new = table[len(known) :]
    new.copy_(known.min() if known.dim() == 1 else known.mean(0) + known.std(0, correction=0) * torch.randn_like(new))
