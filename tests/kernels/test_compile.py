import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import charnn
from charnn.kernels import compile as compiling
from charnn.kernels.compile import compiled

PROBE = "import numpy as np; from charnn.kernels.activations import exp; print(float(exp(np.float32(0))))"


@pytest.mark.parametrize("has_home", [True, False])
def test_a_read_only_installation_works(tmp_path, has_home):
    """The folder of the sources takes no cache; without a home nothing does, and the code is compiled in every process."""
    package = tmp_path / "charnn"
    shutil.copytree(Path(charnn.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__", "cli", "tasks", "training"))
    (package / "kernels" / "__pycache__").write_text("a file in the place of the folder")
    home = tmp_path / "home"
    if has_home:
        home.mkdir()
    else:
        home.write_text("no folder")
    environment = {"PATH": os.environ["PATH"], "HOME": str(home), "PYTHONPATH": str(tmp_path), "PYTHONDONTWRITEBYTECODE": "1"}
    environment |= {name: str(home) for name in ("XDG_CACHE_HOME", "LOCALAPPDATA")}
    result = subprocess.run([sys.executable, "-c", PROBE], env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (result.stdout, result.stderr) == ("1.0\n", "")
    assert has_home == any(tmp_path.glob("home/**/*.nbi"))


def test_a_change_in_any_kernel_makes_the_cache_stale(monkeypatch):
    """numba checks the file of the compiled function only, though it compiles functions of other files into it."""

    @compiled
    def double(x: int) -> int:
        return 2 * x

    double(1)
    key = double._cache._index_key(None, _Codegen)
    monkeypatch.setattr(compiling, "source_fingerprint", lambda: "another")
    assert double._cache._index_key(None, _Codegen) != key


class _Codegen:
    @staticmethod
    def magic_tuple():
        return ("machine",)


def test_products_add_to_what_is_there_for_any_shape():
    from charnn.kernels.products import TILE, add_product, pack, padded

    generator = np.random.default_rng(0)
    for batch, rows, columns in [(1, 1, 1), (3, 32, 7), (4, 33, 1), (9, 70, 41)]:
        matrix, inputs = generator.standard_normal((rows, columns)).astype(np.float32), generator.standard_normal((batch, columns + 2))
        inputs = inputs.astype(np.float32)
        results = generator.standard_normal((batch, padded(rows) + 5)).astype(np.float32)
        raw = np.zeros(padded(rows) * columns + TILE, np.float32)
        start = -(raw.ctypes.data // 4) % 16
        packed = pack(matrix)
        raw[start : start + packed.size] = packed
        expected = results[:, 5 : 5 + rows] + inputs[:, 1 : 1 + columns] @ matrix.T
        before = results.copy()
        add_product(results, 5, inputs, 1, columns, raw[start:], 0, rows)
        np.testing.assert_allclose(results[:, 5 : 5 + rows], expected, atol=1e-4)
        assert (results[:, :5] == before[:, :5]).all()
        assert (results[:, 5 + rows :] == before[:, 5 + rows :]).all()
