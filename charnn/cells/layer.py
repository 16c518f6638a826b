"""One recurrent layer of any cell over a whole sequence: by compiled code, with gradients or row by row without, or by torch.

Compiled code makes one large product for all inputs, then each core runs its own rows of the batch from the first step to the last;
another large product gives the inputs' gradients. If large enough, both reach 160 to 220 GFLOP/s on two cores, where torch's reach
130 to 195. The weights' gradients are torch's: ours reached 160 where torch's reached 180, because of the copies they need.
"""

from collections.abc import Sequence as Items
from math import sqrt
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.autograd.graph import increment_version

from charnn.cells.cell import Cell
from charnn.cells.rowwise import add_inputs, arrays, is_ours, is_rowwise, linear, pack, packs, run_on_cores
from charnn.cells.settings import StackSettings
from charnn.kernels.products import input_product, padded

State: TypeAlias = tuple[Tensor, ...]  # The parts that a cell names in `states`, (h,) or (h, c) for an lstm; each (layers, batch, hidden)

LEAST_WORK = 300_000_000
"""Multiply-adds above which our product is faster than torch's: with 16 rows of 128 or 256 units torch's saves 5 to 15 % of an
update, as it needs no packed weights; with 50 rows ours saves up to 10 %."""

Weights = Items[Tensor]
"""input_to_gates, hidden_to_gates, input_bias, hidden_bias; for a cell that reads no hidden state input_to_gates, input_bias."""


class RecurrentLayer(nn.Module):
    """A recurrent cell that applies the same weights at every time step."""

    def __init__(self, input_size: int, settings: StackSettings) -> None:
        super().__init__()
        self.cell = settings.loaded_cell
        shapes = self.cell.shapes(input_size, settings.hidden_size)
        self.names = tuple(shapes)
        for name, shape in shapes.items():
            self.register_parameter(name, nn.Parameter(torch.zeros(shape)))
        self._initialise(settings)

    @property
    def weights(self) -> list[Tensor]:
        """All weights in the order of the cell's shapes."""
        return [getattr(self, name) for name in self.names]

    def forward(self, x: Tensor, state: State) -> tuple[Tensor, State]:
        """(batch, time, units) and a state of (1, batch, hidden) parts -> (batch, time, hidden), the state after the last step."""
        if self.cell.forward is not None and is_rowwise(x):
            return read(self.cell, x, state, self.weights)
        if self.cell.backward is None or x.shape[1] == 1 or not is_ours(x):
            return by_torch(self.cell, x, state, self.weights)
        outputs = Sequence.apply(self.cell, x, state[0][0], *self.weights)  # type: ignore[no-untyped-call]
        return outputs, (outputs[None, :, -1],)

    def _initialise(self, settings: StackSettings) -> None:
        bound, hidden = 1 / sqrt(settings.hidden_size), settings.hidden_size
        nn.init.uniform_(self.get_parameter("input_to_gates"), -bound, bound)
        if self.cell.reads_hidden:
            # Orthogonal recurrent weights preserve the state's length over many steps (Saxe et al. 2014); each gate gets its own.
            for block in self.get_parameter("hidden_to_gates").data.view(-1, hidden, hidden):
                nn.init.orthogonal_(block)
        biases = dict(zip(self.cell.blocks, self.get_parameter("input_bias").data.view(-1, hidden), strict=True))
        if settings.initial_memory is None:
            for block, value in self.cell.biases.items():
                biases[block].fill_(value)
            return
        # Each unit keeps its state for a different number of steps, up to the given one (Tallec and Ollivier 2018, section 2).
        spans = torch.empty(hidden).uniform_(1, settings.initial_memory - 1).log()
        for gate, sign in self.cell.keepers.items():
            biases[gate].copy_(sign * spans)


def detach(state: State) -> State:
    """Return the state without its history of gradients, as truncated backpropagation through time needs it between windows."""
    return tuple(part.detach() for part in state)


class Sequence(Function):
    """A whole sequence by the compiled code of a cell: (batch, time, units) inputs, (batch, hidden) state -> (batch, time, hidden)."""

    @staticmethod
    def forward(ctx: Any, cell: Cell, x: Tensor, state: Tensor, *weights: Tensor) -> Tensor:
        """Return the states; save what `cell.forward` leaves in the sums, so that `backward` need not compute it again."""
        assert cell.forward is not None
        from_input, from_hidden = weights[0], weights[1] if cell.reads_hidden else None
        hidden, sums = _buffers(cell, x.shape[1], state)
        x = x.transpose(0, 1).contiguous()
        _add_inputs(sums, _bias(cell, weights, sums.shape[2]), x, from_input)
        packed = [pack(weights[1][part.rows]) for part in cell.parts(state.shape[1])]
        run_on_cores(cell.forward, len(state), *arrays(sums, hidden), *packed)
        ctx.cell = cell
        ctx.save_for_backward(x, hidden, None if _is_in_place(cell, hidden) else sums, from_input, from_hidden)
        return hidden[1:].transpose(0, 1)  # (batch, time, hidden)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, outer: Tensor) -> tuple[Tensor | None, ...]:
        """Return the gradients of forward's arguments by backpropagation through time."""
        cell, (x, hidden, sums, from_input, from_hidden) = ctx.cell, ctx.saved_tensors
        size, carried = hidden.shape[2], torch.zeros(x.shape[1], padded(hidden.shape[2]))
        if sums is None:
            sums = torch.empty_like(hidden[1:])
        else:
            increment_version(sums)  # Gradients overwrite the sums, so torch must refuse a second backward pass.
        parts = cell.parts(size)
        packed = [pack(from_hidden[part.rows], transposed=True) for part in parts]
        run_on_cores(cell.backward, x.shape[1], *arrays(sums, hidden), *packed, *arrays(outer.contiguous(), carried))
        flat, rows = sums.flatten(0, 1), len(from_input)  # (time * batch, columns)
        totals = flat.sum(0)
        by_x = _input_gradient(x, flat, from_input) if ctx.needs_input_grad[1] else None
        by_input = flat[:, :rows].t() @ x.flatten(0, 1)
        if from_hidden is None:
            return None, by_x, carried[:, :size], by_input, totals[:rows]
        by_hidden, before = torch.empty_like(from_hidden), hidden[:-1].flatten(0, 1)  # (rows, hidden), (time * batch, hidden)
        for part in parts:
            torch.mm(flat[:, part.columns].t(), before, out=by_hidden[part.rows])
        return None, by_x, carried[:, :size], by_input, by_hidden, totals[:rows], torch.cat([totals[part.columns] for part in parts])


def read(cell: Cell, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
    """Run the compiled code of a cell without gradients; shapes as in `RecurrentLayer.forward`."""
    assert cell.forward is not None
    (hidden, sums), others = _buffers(cell, x.shape[1], state[0][0]), [part[0].clone() for part in state[1:]]
    add_inputs(sums.flatten(0, 1), _bias(cell, weights, sums.shape[2]), x.transpose(0, 1).flatten(0, 1), weights[0])
    parts = cell.parts(hidden.shape[2])
    packed = packs(weights[1], [part.rows for part in parts]) if parts else []
    run_on_cores(cell.forward, len(x), *arrays(sums, hidden, *others), *packed)
    return hidden[1:].transpose(0, 1), (hidden[-1:], *(part[None] for part in others))


def by_torch(cell: Cell, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
    """Run any cell by torch, on any device and in any precision; shapes as in `RecurrentLayer.forward`."""
    if cell.torch_name is None:
        return _step_by_step(cell, x, state, weights)
    # Preparing a sequence does not pay for one step: torch's lstm packs its weights anew each time.
    if x.shape[1] == 1:
        parts = tuple(part[0] for part in state)
        found = getattr(torch, f"{cell.torch_name}_cell")(x[:, 0], parts if len(parts) > 1 else parts[0], *weights)
        parts = found if len(parts) > 1 else (found,)
        return parts[0][:, None], tuple(part[None] for part in parts)
    before = state if len(state) > 1 else state[0]
    outputs, *after = getattr(torch, cell.torch_name)(x, before, weights, True, 1, 0.0, False, False, True)
    return outputs, tuple(after)


def _step_by_step(cell: Cell, x: Tensor, state: State, weights: Weights) -> tuple[Tensor, State]:
    assert cell.step is not None
    sums, parts, outputs = linear(x, weights[0], weights[-2 if cell.reads_hidden else -1]), tuple(part[0] for part in state), []
    for time in range(x.shape[1]):
        parts = cell.step(sums[:, time], linear(parts[0], weights[1], weights[-1]) if cell.reads_hidden else None, parts)
        outputs.append(parts[0])
    return torch.stack(outputs, 1), tuple(part[None] for part in parts)  # (batch, time, hidden), (1, batch, hidden) each


def _bias(cell: Cell, weights: Weights, columns: int) -> Tensor:
    """Return (columns,) both biases in the order of a row of sums."""
    bias = torch.zeros(columns)
    cell.add_biases(bias, *(one.detach() for one in weights if one.dim() == 1))
    return bias


def _add_inputs(sums: Tensor, bias: Tensor, x: Tensor, weight: Tensor) -> None:
    """Set sums (time, batch, columns) to the bias plus all input products."""
    flat, rows = sums.flatten(0, 1), len(weight)
    if x[:, :, 0].numel() * weight.numel() >= LEAST_WORK:
        run_on_cores(input_product, len(flat), *arrays(flat, bias, x.flatten(0, 1)), x.shape[2], pack(weight), rows)
        return
    torch.addmm(bias[:rows], x.flatten(0, 1), weight.t(), out=flat[:, :rows])
    flat[:, rows:] = bias[rows:]


def _input_gradient(x: Tensor, products: Tensor, weight: Tensor) -> Tensor:
    """Return the gradient of the (batch, time, units) inputs from the (time * batch, columns) gradients of their products."""
    rows, units = weight.shape
    if len(products) * weight.numel() < LEAST_WORK:
        return (products[:, :rows] @ weight).view(x.shape).transpose(0, 1)  # (batch, time, units)
    gradient = torch.empty(*x.shape[:2], padded(units))
    given = arrays(gradient.flatten(0, 1), torch.zeros(units), products)
    run_on_cores(input_product, len(products), *given, rows, pack(weight, transposed=True), units)
    return gradient[:, :, :units].transpose(0, 1)  # (batch, time, units)


def _is_in_place(cell: Cell, hidden: Tensor) -> bool:
    return cell.is_in_place and cell.columns(hidden.shape[2]) == hidden.shape[2]


def _buffers(cell: Cell, steps: int, state: Tensor) -> tuple[Tensor, Tensor]:
    """Return (time + 1, batch, hidden) states, of which only the first is filled, and (time, batch, columns) sums, not filled."""
    hidden = torch.empty(steps + 1, *state.shape)
    hidden[0] = state
    # States and sums in the same memory save a fifth of a training step of a plain network of 512 units, which waits for memory.
    return hidden, hidden[1:] if _is_in_place(cell, hidden) else torch.empty(steps, len(state), cell.columns(state.shape[1]))
