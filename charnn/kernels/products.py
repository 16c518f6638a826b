"""Rows times a matrix: weights in tiles of 32 rows, read once for a whole batch, each sum in the same order in any batch."""

from typing import Any

import numpy as np
from llvmlite import ir
from llvmlite.binding import get_host_cpu_features
from numba import types
from numba.core import cgutils
from numba.extending import intrinsic
from numpy.typing import NDArray

from charnn.kernels.compile import compiled

llvm: Any = cgutils  # untyped

TILE = 32  # Rows of a tile: two vectors of AVX-512 or four of AVX2, enough parallel sums to hide the latency of a multiply-add
BLOCK = 64  # Rows of inputs that are multiplied together, few enough to stay in a core's own cache

Floats = NDArray[np.float32]


def padded(rows: int) -> int:
    """Return the number of rows rounded up to whole tiles."""
    return -(-rows // TILE) * TILE


def pack(matrix: Floats) -> Floats:
    """(rows, columns) -> (tiles * columns * TILE,): within a tile, the weights of one column are neighbours; missing rows are zero."""
    rows, columns = matrix.shape
    whole = np.zeros((padded(rows), columns), np.float32)
    whole[:rows] = matrix
    return np.ascontiguousarray(whole.reshape(-1, TILE, columns).transpose(0, 2, 1)).reshape(-1)


def aligned(numbers: Floats) -> Floats:
    """Return a copy of (size,) numbers at a multiple of 64 bytes in memory, as the aligned loads of weights need."""
    raw = np.empty(numbers.size + TILE, np.float32)
    skip = -(raw.ctypes.data // raw.itemsize) % (64 // raw.itemsize)
    target = raw[skip : skip + numbers.size]
    target[:] = numbers
    return target


def _tile_product(samples: int) -> Any:
    """Return compiled code of results[s, place:place+TILE] += one tile of weights times inputs[s], for `samples` neighbouring rows s.

    Written in LLVM's vector types because numba keeps no array in registers: 3 times the speed of the same loop over arrays. The
    multiply-adds are explicit, so no compiler can change their order, and a row's result has the same bits for any `samples`.
    """

    @intrinsic
    def product(typing_context, results, place, stride, inputs, first, step, weights, offset, columns):  # type: ignore[no-untyped-def]
        signature = types.void(results, types.intp, types.intp, inputs, types.intp, types.intp, weights, types.intp, types.intp)

        def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
            arrays = [context.make_array(signature.args[i])(context, builder, values[i]).data for i in (0, 3, 6)]
            _emit(builder, samples, arrays, (values[1], values[2], values[4], values[5], values[7], values[8]))
            return context.get_dummy_value()

        return signature, generate

    return product


def _emit(builder: Any, samples: int, arrays: list[Any], numbers: tuple[Any, ...]) -> None:
    """Write the loop over columns: one load of weights, and a multiply-add for each sample."""
    results, inputs, weights = arrays
    place, stride, first, step, offset, columns = numbers
    vector = ir.VectorType(ir.FloatType(), TILE)
    nothing, first_lane = ir.Constant(vector, ir.Undefined), ir.Constant(ir.IntType(32), 0)
    every_lane = ir.Constant(ir.VectorType(ir.IntType(32), TILE), [0] * TILE)
    kind = ir.FunctionType(vector, [vector] * 3)
    multiply_add = llvm.get_or_insert_function(builder.module, kind, f"llvm.fma.v{TILE}f32")

    def row(start: Any, distance: Any, sample: int) -> Any:
        return builder.add(start, builder.mul(distance, ir.Constant(distance.type, sample)))

    targets = [builder.bitcast(builder.gep(results, [row(place, stride, s)]), vector.as_pointer()) for s in range(samples)]
    sources = [builder.gep(inputs, [row(first, step, s)]) for s in range(samples)]
    sums = [llvm.alloca_once_value(builder, builder.load(target, align=4)) for target in targets]
    tile = builder.gep(weights, [offset])
    with llvm.for_range(builder, columns) as loop:
        at = builder.gep(tile, [builder.mul(loop.index, ir.Constant(loop.index.type, TILE))])
        column = builder.load(builder.bitcast(at, vector.as_pointer()), align=64)
        for source, total in zip(sources, sums, strict=True):
            value = builder.insert_element(nothing, builder.load(builder.gep(source, [loop.index])), first_lane)
            spread = builder.shuffle_vector(value, nothing, every_lane)
            builder.store(builder.call(multiply_add, [column, spread, builder.load(total)]), total)
    for target, total in zip(targets, sums, strict=True):
        builder.store(builder.load(total), target, align=4)


GROUP = 4 if get_host_cpu_features().get("avx512f") else 2
"""Samples that share one load of weights, as many as fit into registers: with 16 registers of AVX2, 2 reach 100 GFLOP/s and 4 only
47; with AVX-512, 4 reach 113."""

_tile_for_one = _tile_product(1)
_tile_for_group = _tile_product(GROUP)


@compiled
def copy_row(source: Any, start: int, target: Any, count: int) -> None:
    """Copy source[start:start+count] to target[:count]; numba's own slice assignment takes seconds to compile, for its error messages."""
    for i in range(count):
        target[i] = source[start + i]


@compiled
def pack_rows(matrix: Floats, packed: Floats) -> None:
    """Do the same as `pack`, into an array of zeros; reads 32 rows side by side, which stay in a core's own cache."""
    rows, columns = matrix.shape
    for begin in range(0, rows, TILE):
        for column in range(columns):
            target = begin * columns + column * TILE
            for i in range(min(TILE, rows - begin)):
                packed[target + i] = matrix[begin + i, column]


@compiled
def pack_transpose(matrix: Floats, packed: Floats) -> None:
    """Pack the transpose of (columns, rows) into an array of zeros; copies 32 neighbours at a time."""
    columns, rows = matrix.shape
    for column in range(columns):
        for tile in range((rows + TILE - 1) // TILE):
            target = (tile * columns + column) * TILE
            for i in range(min(TILE, rows - tile * TILE)):
                packed[target + i] = matrix[column, tile * TILE + i]


@compiled
def add_product(results: Floats, place: int, inputs: Floats, begin: int, columns: int, weights: Floats, offset: int, rows: int) -> None:
    """Compute results[:, place:place+rows] += inputs[:, begin:begin+columns] @ matrix.T, the matrix packed at weights[offset:].

    Writes padded(rows) columns of results, adding zero to those after `rows`.
    """
    batch, stride, step = inputs.shape[0], results.shape[1], inputs.shape[1]
    for tile in range((rows + TILE - 1) // TILE):
        at = offset + tile * columns * TILE
        target = place + tile * TILE
        sample = 0
        while sample + GROUP <= batch:
            _tile_for_group(results, sample * stride + target, stride, inputs, sample * step + begin, step, weights, at, columns)
            sample += GROUP
        while sample < batch:
            _tile_for_one(results, sample * stride + target, stride, inputs, sample * step + begin, step, weights, at, columns)
            sample += 1


@compiled
def input_product(first: int, last: int, results: Floats, bias: Floats, inputs: Floats, columns: int, weights: Floats, rows: int) -> None:
    """Set results[first:last] to the bias plus, in the first `rows` columns, inputs[first:last, :columns] @ matrix.T."""
    for begin in range(first, last, BLOCK):
        end = min(begin + BLOCK, last)
        for row in range(begin, end):
            copy_row(bias, 0, results[row], len(bias))
        add_product(results[begin:end], 0, inputs[begin:end], 0, columns, weights, 0, rows)
