"""Products and tanh without gradients on a CPU, in which each row has the same bits whatever other rows the batch contains.

The order in which a library's matrix product adds depends on the number of rows, and that of a padded sum on the padding; ours
depends on the row alone. So a text gets the same prediction among a thousand others as alone.
"""

import os
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

LEAST_ROWS = 4  # Rows of a batch that each core must have: fewer would not share their loads of the weights

_packs: ContextVar[dict[Tensor, list[Any]] | None] = ContextVar("packs", default=None)


def is_ours(x: Tensor) -> bool:
    """Is this float32 on a CPU, which our own kernels compute? Torch computes the rest."""
    return x.device.type == "cpu" and x.dtype == torch.float32 and not torch.is_autocast_enabled("cpu")


def is_rowwise(x: Tensor) -> bool:
    """Is each row computed by itself, that is, by our own kernels and without gradients?"""
    return not torch.is_grad_enabled() and is_ours(x)


class Linear(nn.Linear):
    """Torch's linear layer, computed row by row where no gradients are needed."""

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
    """Return the hyperbolic tangent of (..., units)."""
    if not is_rowwise(x):
        return torch.tanh(x)
    result = x.clone(memory_format=torch.contiguous_format)
    rows = result.view(-1, x.shape[-1])
    run_on_cores(tanh_rows, len(rows), *arrays(rows))
    return result


def add_inputs(sums: Tensor, bias: Tensor, inputs: Tensor, weight: Tensor) -> None:
    """Set (batch, wide) sums to the bias plus the products of (batch, units) inputs and the weight."""
    (packed,) = packs(weight)
    run_on_cores(input_product, len(sums), *arrays(sums, bias, inputs.contiguous()), inputs.shape[1], packed, len(weight))


@contextmanager
def reading(known: dict[Tensor, list[Any]] | None = None) -> Iterator[None]:
    """Turn off gradients, and pack each weight only once, as none changes meanwhile.

    known: packed weights of earlier readings, for a network that never learns again; new ones are added.
    """
    # No longer by default: torch's fused optimizers change weights without raising their version.
    outer = _packs.get() if known is None else known
    token = _packs.set({} if outer is None else outer)
    try:
        with torch.no_grad():
            yield
    finally:
        _packs.reset(token)


def packs(weight: Tensor, parts: Sequence[slice] = (slice(None),)) -> list[Any]:
    """Return each part of a weight's rows, packed, or packed earlier within the same `reading`."""
    known = _packs.get()
    if known is not None and weight in known:
        return known[weight]
    made = [pack(weight[rows]) for rows in parts]
    if known is not None:
        known[weight] = made
    return made


def pack(weight: Tensor, *, transposed: bool = False) -> Any:
    """Return a matrix, or its transpose, in the order in which the products read it."""
    rows, columns = weight.shape[::-1] if transposed else weight.shape
    packed = torch.zeros(padded(rows) * columns).numpy()
    (pack_transpose if transposed else pack_rows)(weight.detach().numpy(), packed)
    return packed


def run_on_cores(kernel: Callable[..., None], batch: int, *arguments: Any) -> None:
    """Run a kernel, whose first arguments are its first and last row, over all rows of a batch, some of them on each core."""
    parts = max(1, min(torch.get_num_threads(), batch // LEAST_ROWS))
    if parts == 1:
        kernel(0, batch, *arguments)
        return
    # Whole groups of rows that share a load of weights; the last part takes the rest.
    bounds = [batch * part // parts // LEAST_ROWS * LEAST_ROWS for part in range(parts)] + [batch]
    others = [_pool(parts).submit(kernel, bounds[part], bounds[part + 1], *arguments) for part in range(1, parts)]
    kernel(0, bounds[1], *arguments)
    for other in others:
        other.result()


def arrays(*tensors: Tensor) -> list[Any]:
    """Return numpy arrays that use the tensors' memory, as kernels need them."""
    return [tensor.detach().numpy() for tensor in tensors]


@cache
def _pool(threads: int) -> ThreadPoolExecutor:
    return ThreadPoolExecutor(threads - 1)


def _alone() -> None:
    """Compute on one thread: a forked process has none of its parent's, and would wait for ours and for those of torch for ever."""
    _pool.cache_clear()
    torch.set_num_threads(1)


os.register_at_fork(after_in_child=_alone)
