"""What is computed without gradients on a CPU: every row's numbers have the same bits whatever stands beside it.

A library's matrix product adds up in another order for another number of rows, and a sum over padded places in another one for more
padding; ours add up in an order that depends on the row alone. So a text is predicted among a thousand others as it is alone.
"""

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from functools import cache
from typing import Any

import torch
from torch import Tensor, nn

from charnn.kernels.products import input_product, pack_rows, pack_transpose, padded
from charnn.kernels.reading import tanh_rows

LEAST_ROWS = 4  # Rows of a batch that a core must have to itself: fewer would not share their loads of the weights

_packs: ContextVar[dict[Tensor, list[Any]] | None] = ContextVar("packs", default=None)


def is_ours(x: Tensor) -> bool:
    """Do our own kernels take this: float32 on a CPU? Torch's take the rest."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def is_rowwise(x: Tensor) -> bool:
    """Is each row computed by itself? Wherever our own kernels take it and nobody asks for gradients."""
    return not torch.is_grad_enabled() and is_ours(x)


class Linear(nn.Linear):
    """As torch's, row by row where no gradients are asked for."""

    def forward(self, x: Tensor) -> Tensor:
        """(..., units) -> (..., rows)."""
        return linear(x, self.weight, self.bias)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None = None) -> Tensor:
    """(..., units), a (rows, units) weight and a (rows,) bias -> (..., rows)."""
    if not is_rowwise(x):
        return nn.functional.linear(x, weight, bias)
    rows, flat = len(weight), x.reshape(-1, x.shape[-1])
    sums = torch.empty(len(flat), padded(rows))
    add_inputs(sums, torch.zeros(rows) if bias is None else bias, flat, weight)
    return sums[:, :rows].view(*x.shape[:-1], rows)


def tanh(x: Tensor) -> Tensor:
    """The hyperbolic tangent of (..., units)."""
    if not is_rowwise(x):
        return torch.tanh(x)
    result = x.clone(memory_format=torch.contiguous_format)
    rows = result.view(-1, x.shape[-1])
    share(tanh_rows, len(rows), *arrays(rows))
    return result


def add_inputs(sums: Tensor, bias: Tensor, inputs: Tensor, weight: Tensor) -> None:
    """Fills (batch, wide) sums with the bias, and with the products of (batch, units) inputs on top."""
    (packed,) = packs(weight)
    share(input_product, len(sums), *arrays(sums, bias, inputs.contiguous()), inputs.shape[1], packed, len(weight))


@contextmanager
def reading(known: dict[Tensor, list[Any]] | None = None) -> Iterator[None]:
    """Nothing is learned in here: no gradients, and as weights stand still each is packed once.

    known: packed weights of earlier readings, of a network that never learns again; new ones are added.
    """
    # Not for longer unless asked to: torch's fused optimizers change weights without raising their version.
    outer = _packs.get() if known is None else known
    token = _packs.set({} if outer is None else outer)
    try:
        with torch.no_grad():
            yield
    finally:
        _packs.reset(token)


def packs(weight: Tensor, sizes: Sequence[int] | None = None) -> list[Any]:
    """A weight's rows, in parts of these sizes, as the products read them."""
    known = _packs.get()
    if known is not None and weight in known:
        return known[weight]
    made = [pack(part) for part in torch.split(weight.detach(), len(weight) if sizes is None else list(sizes))]
    if known is not None:
        known[weight] = made
    return made


def pack(weight: Tensor, *, transposed: bool = False) -> Any:
    """A matrix, or its transpose, in the order in which the products read it."""
    rows, columns = weight.shape[::-1] if transposed else weight.shape
    packed = torch.zeros(padded(rows) * columns).numpy()
    (pack_transpose if transposed else pack_rows)(weight.detach().numpy(), packed)
    return packed


def share(kernel: Callable[..., None], batch: int, *arguments: Any) -> None:
    """Runs a kernel over all rows of a batch, a part of them on each core."""
    parts = max(1, min(torch.get_num_threads(), batch // LEAST_ROWS))
    if parts == 1:
        kernel(0, batch, *arguments)
        return
    # Whole groups of rows that share a load of weights; the last part takes what is left.
    bounds = [batch * part // parts // LEAST_ROWS * LEAST_ROWS for part in range(parts)] + [batch]
    others = [_pool(parts).submit(kernel, bounds[part], bounds[part + 1], *arguments) for part in range(1, parts)]
    kernel(0, bounds[1], *arguments)
    for other in others:
        other.result()


def arrays(*tensors: Tensor) -> list[Any]:
    """The tensors' memory as kernels take it."""
    return [tensor.detach().numpy() for tensor in tensors]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1)
