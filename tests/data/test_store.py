"""Tests of charnn.data.store."""

import os
import subprocess
import sys
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from charnn.data.store import TokenStore
from charnn.errors import StorageError


@pytest.mark.parametrize(("size", "kind"), [(200, np.uint8), (256, np.uint8), (257, np.uint16), (70_000, np.uint32)])
def test_ids_come_back_in_the_smallest_type(tmp_path: Path, size: int, kind: type) -> None:
    arrays = [np.array([0, size - 1], np.uint32), np.array([], np.uint32), np.array([1], np.uint8)]
    store = TokenStore.write(arrays, size, tmp_path)
    assert store.ids.dtype == kind
    assert store.ids.tolist() == [0, size - 1, 1]
    assert len(store) == 3


@pytest.mark.parametrize("arrays", [[], [np.array([], np.uint8)]])
def test_no_tokens_are_allowed(tmp_path: Path, arrays: list[np.ndarray]) -> None:
    assert len(TokenStore.write(arrays, 10, tmp_path)) == 0


@pytest.mark.parametrize("arrays", [[], [np.array([1], np.uint8)]])
def test_ids_are_read_only(tmp_path: Path, arrays: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        TokenStore.write(arrays, 10, tmp_path).ids[:] = 0


def test_the_file_has_no_name_even_while_it_is_used(tmp_path: Path) -> None:
    store = TokenStore.write([np.ones(5, np.uint8)], 10, tmp_path)
    assert len(store) == 5
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_process_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal, pathlib, numpy as np\n"
        "from charnn.data.store import TokenStore\n"
        "def arrays():\n"
        "    yield np.ones(1 << 22, np.uint8)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "TokenStore.write(arrays(), 10, pathlib.Path(sys.argv[1]))\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_one_array_whatever_the_length(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        store = TokenStore.write((np.ones(1 << 18, np.uint8) for _ in range(200)), 10, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store) == 200 << 18
    assert peak < 8 << 18


def test_a_folder_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with pytest.raises(StorageError, match=f"^cannot keep the token ids in {folder}: No such file or directory; free some space there$"):
        TokenStore.write([], 10, folder)
