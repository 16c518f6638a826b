"""The compiler of every kernel: numba with one set of options, typed, and a disk cache that notices changes in any kernel."""

import hashlib
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar, cast

import numba
from numba.core.caching import FunctionCache

Function = TypeVar("Function", bound=Callable[..., Any])

FAST = {"contract", "nsz"}
"""Multiply and add in one instruction; no change of order, so that a sum has the same bits wherever it is compiled into."""

FASTER = FAST | {"reassoc"}
"""Sums in any order too: what a reduction over a row needs to become vector code."""


COMPILED = ("kernels", "cells", "engine", "decoding")
"""Packages with functions that are compiled."""


class KernelCache(FunctionCache):
    """numba's cache, with all kernel sources in the key.

    numba itself looks at the file of the function only, not at the files of what is compiled into it, and would run stale
    code after an upgrade.
    """

    def _index_key(self, sig: Any, codegen: Any) -> Any:
        return super()._index_key(sig, codegen), source_fingerprint()  # type: ignore[no-untyped-call]


def compiled(function: Function) -> Function:
    """Compiles on first call with given argument types; later processes load it from disk (numba falls back to the user's cache folder)."""
    return _compile(function, FAST)


def compiled_sum(function: Function) -> Function:
    """As `compiled`, for functions that reduce one row to one number."""
    return _compile(function, FASTER)


def _compile(function: Function, fastmath: set[str]) -> Function:
    dispatcher: Any = numba.njit(nogil=True, error_model="numpy", fastmath=fastmath)(function)
    # Where no folder can be written, not even the user's, every process compiles anew.
    with suppress(RuntimeError):
        dispatcher._cache = KernelCache(function)  # type: ignore[no-untyped-call]
    return cast(Function, dispatcher)


@lru_cache
def source_fingerprint() -> str:
    """A hash of the sources that end up in compiled code."""
    package = Path(__file__).parent.parent
    sources = sorted(path for room in COMPILED for path in package.glob(f"{room}/*.py"))
    return hashlib.sha256(b"".join(source.read_bytes() for source in sources)).hexdigest()
