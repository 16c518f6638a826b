"""The compiler of every kernel: numba with fixed options, types, and a disk cache that notices changes in any kernel."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from llvmlite import ir
from numba import types
from numba.core.caching import FunctionCache
from numba.core.ccallback import CFunc
from numba.core.sigutils import normalize_signature
from numba.extending import intrinsic

Function = TypeVar("Function", bound=Callable[..., Any])

FAST = {"contract", "nsz"}
"""Multiply and add in one instruction; no change of order, so a sum has the same bits in every function that it is compiled into."""

FASTER = FAST | {"reassoc"}  # Sums in any order too, which a reduction over a row needs to become vector code
COMPILED = ("kernels", "cells", "engine", "decoding")  # Packages with compiled functions

STEP = types.void(types.float32[:, ::1], types.float32[:, :, :, ::1], types.int64)
"""One step of a recurrent cell: (batch, columns) sums, (states, layers, batch, hidden) states, and which layer."""


class KernelCache(FunctionCache):
    """numba's cache, with all kernel sources in the key.

    numba's own key has the file of the function only, not the files of functions compiled into it: after an upgrade it runs stale code.
    """

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return super()._index_key(sig, codegen), source_fingerprint()  # type: ignore[no-untyped-call]


def compiled(function: Function, fastmath: set[str] = FAST) -> Function:
    """Return the function compiled on its first call with given argument types; later processes load the code from disk."""
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    cache_on_disk(dispatcher, function)
    return cast(Function, dispatcher)


def compiled_sum(function: Function) -> Function:
    """Return the function compiled as by `compiled`, but with sums in any order, as a reduction of a row to one number needs."""
    return compiled(function, FASTER)


def cache_on_disk(dispatcher: Any, function: Callable[..., Any]) -> None:
    """Give compiled code a cache beside its source or in the user's folder; without a writable folder every process compiles anew."""
    with suppress(RuntimeError):
        dispatcher._cache = KernelCache(function)  # type: ignore[no-untyped-call]


@cache
def source_fingerprint() -> str:
    """Return a hash of all sources that compiled code is made from."""
    package = Path(__file__).parent.parent
    sources = sorted(path for room in COMPILED for path in package.glob(f"{room}/*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()


@cache
def step_code(function: Callable[..., None]) -> Any:
    """Return the code of a STEP, with its `address` in memory; compiled on first use, read from disk by later processes.

    Passed as a function, each would have its own type, and numba would compile all its callers anew.
    """
    plain: Any = getattr(function, "py_func", function)
    code: Any = CFunc(plain, normalize_signature(STEP), {}, {"fastmath": FAST, "error_model": "numpy"})  # type: ignore[no-untyped-call]
    cache_on_disk(code, plain)
    code.compile()
    return code


@intrinsic
def _call(typing_context: Any, place: Any, sums: Any, states: Any, layer: Any) -> Any:
    """Call, from compiled code, the function of type STEP at a memory address."""

    def generate(context: Any, builder: Any, signature: Any, values: Any) -> Any:
        kinds = [context.get_value_type(kind) for kind in STEP.args]
        function = ir.FunctionType(context.get_value_type(STEP.return_type), kinds)
        builder.call(builder.inttoptr(values[0], function.as_pointer()), values[1:])
        return context.get_dummy_value()

    return types.void(types.int64, *STEP.args), generate


call: Any = _call  # called without the typing context
