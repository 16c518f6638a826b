"""A fingerprint of data: to know them again when a run is resumed."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

BLOCK = 1 << 24
"""Numbers hashed at once, so that a memory-mapped text is never all in memory."""


def fingerprint(*parts: Any) -> str:
    """SHA-256 of arrays (name of type, shape, bytes), plain values, and sequences, mappings and dataclasses of them."""
    digest = hashlib.sha256()
    for part in parts:
        _add(digest, part)
    return digest.hexdigest()


def _add(digest: Any, part: Any) -> None:
    if isinstance(part, np.ndarray):
        digest.update(f"array {part.dtype} {part.shape}\n".encode())
        flat = part.reshape(-1)
        for begin in range(0, len(flat), BLOCK):
            digest.update(np.ascontiguousarray(flat[begin : begin + BLOCK]).view(np.uint8).data)
    elif is_dataclass(part) and not isinstance(part, type):
        _add(digest, {one.name: getattr(part, one.name) for one in fields(part)})
    elif isinstance(part, Mapping):
        digest.update(f"mapping {len(part)}\n".encode())
        for name, value in part.items():
            _add(digest, name)
            _add(digest, value)
    elif isinstance(part, Sequence) and not isinstance(part, str):
        digest.update(f"sequence {len(part)}\n".encode())
        for value in part:
            _add(digest, value)
    else:
        digest.update(f"{json.dumps(part)}\n".encode())
