"""Token ids on disk, memory-mapped: a corpus of any size takes no memory of the process."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from charnn.errors import StorageError
from charnn.tokenizers.vocabulary import Ids, id_type


class TokenStore:
    """The ids of a text in an unlinked temporary file: the disk space is free again when the process ends, however it ends."""

    def __init__(self, ids: Ids, digest: str) -> None:
        self.ids = ids
        """(token,) uint8, uint16 or uint32 by the size of the vocabulary; read-only."""
        self.digest = digest
        """SHA-256 of their bytes: taken while they were written, for reading them all would bring all into memory."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def write(cls, arrays: Iterable[npt.NDArray[np.integer[Any]]], size: int, folder: Path) -> "TokenStore":
        """The joined arrays of ids below size, written to the disk of the folder. Raises StorageError where that fails."""
        kind, digest, length = id_type(size), hashlib.sha256(), 0
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=1 << 20) as file:
                for array in arrays:
                    data = array.astype(kind, copy=False).tobytes()
                    digest.update(data)
                    length += file.write(data)
                file.flush()
                # A map of nothing is no map.
                ids = np.memmap(file, kind, mode="r") if length else np.empty(0, kind)
        except OSError as error:
            raise StorageError(f"cannot keep the token ids in {folder}: {error.strerror or error}; free some space there") from error
        ids.flags.writeable = False
        return cls(ids, f"{kind} {digest.hexdigest()}")


def scratch_folder() -> Path:
    """Where token files may lie for the length of a run: a disk rather than memory, with room."""
    choices = [os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()]  # noqa: S108
    usable = [Path(one) for one in choices if one and os.access(one, os.W_OK)]
    return max(usable, key=lambda one: (shutil.disk_usage(one).free > 1 << 32, -usable.index(one)))
