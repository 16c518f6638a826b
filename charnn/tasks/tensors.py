"""Arrays as tensors and back: batches of texts, the weights of a network, and the rows of tables that grow."""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.texts import TextBatch
from charnn.engine.settings import check_weights
from charnn.layers.encoder import Spelling
from charnn.tokenizers.vocabulary import UNKNOWN

M = TypeVar("M", bound=Any)
READ_TEXTS, READ_TOKENS = 256, 16384  # Most texts, and tokens, of a batch outside training
BASELINE = "referee"  # The name of a classifier's baseline in model files, since version 0.1
PARTS = ("tokenizer.", f"{BASELINE}.", "series.")  # Prefixes of tensors that are not weights of the network


def tensors_of(batch: TextBatch, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return (batch, time) tokens and (batch,) lengths."""
    return torch.from_numpy(batch.tokens).to(device), torch.from_numpy(batch.lengths).to(device)


def spelling_of(batch: TextBatch, device: torch.device) -> Spelling | None:
    """Return the characters of a batch's words; None where the network does not read them."""
    if batch.characters is None or batch.character_lengths is None or batch.words is None:
        return None
    return Spelling(*(torch.from_numpy(part).to(device) for part in (batch.characters, batch.character_lengths, batch.words)))


def drop_words(tokens: Tensor, fraction: float) -> Tensor:
    """Return the ids with a random fraction replaced by the unknown token, so that the network learns it (Iyyer et al. 2015)."""
    return tokens.masked_fill(torch.rand(tokens.shape, device=tokens.device) < fraction, UNKNOWN) if fraction else tokens


def weights_of(network: nn.Module) -> dict[str, NDArray[Any]]:
    """Return the weights by name, on the CPU."""
    return {name: tensor.detach().cpu().numpy() for name, tensor in network.state_dict().items()}


def put_weights(network: nn.Module, tensors: Mapping[str, NDArray[Any]], tied: Mapping[str, str] | None = None) -> None:
    """Copy a model file's weights into the network; raise CheckpointError where names, shapes or types differ.

    tied: for each name of weights that are stored under another name, that name.
    """
    tied = tied or {}
    own = {name: array for name, array in tensors.items() if not name.startswith(PARTS)}
    check_weights(own, {name: tuple(one.shape) for name, one in network.state_dict().items() if name not in tied})
    weights = {name: torch.from_numpy(array) for name, array in own.items()}
    weights |= {name: weights[other] for name, other in tied.items()}
    network.load_state_dict(weights, assign=any(one.is_meta for one in network.parameters()))


def loaded(make: Callable[[], M], name: str, tensors: Mapping[str, NDArray[Any]], tied: Mapping[str, str] | None = None) -> M:
    """Return the model that `make` returns, with this name and a model file's weights as in put_weights(); raise CheckpointError.

    It is made without memory and initial weights, so that a hostile file cannot demand more than it contains, and leaves torch's
    random state alone: a model may be loaded while another one trains.
    """
    with torch.random.fork_rng(devices=[]), torch.device("meta"):
        model = make()
    model.name = name
    put_weights(model.network, tensors, tied)
    model.network.eval()
    return model


@torch.no_grad()
def take_rows(table: Tensor, known: Tensor) -> None:
    """Copy known rows to the top; draw new ones from a normal distribution with their mean and standard deviation.

    So the layers above see an average token (Hewitt 2021, "Initializing new word embeddings for pretrained language models"). New
    numbers of a bias take the lowest of the known.
    """
    table[: len(known)] = known
    new = table[len(known) :]
    new.copy_(known.min() if known.dim() == 1 else known.mean(0) + known.std(0, correction=0) * torch.randn_like(new))
