"""Every registered task keeps the laws of tasks; a sixth is one folder and one line."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import charnn
from charnn.tasks.registry import PACKAGES, TASKS
from tests.tasks.laws import check

TOY = Path(__file__).parent / "toy"


@pytest.mark.parametrize("task", TASKS)
def test_a_task_keeps_the_laws(task, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check(task, tmp_path)


def test_a_sixth_task_is_one_folder_and_one_line(tmp_path):
    """A copy of the package with the counter in it, of at most 150 lines, and one line more in the registry."""
    assert sum(len(path.read_text(encoding="utf-8").splitlines()) for path in TOY.glob("*.py")) <= 150
    package = tmp_path / "charnn"
    shutil.copytree(Path(charnn.__file__).parent, package)
    shutil.copytree(TOY, package / "tasks" / "counter", ignore=shutil.ignore_patterns("__pycache__"))
    registry = package / "tasks" / "registry.py"
    text = registry.read_text(encoding="utf-8")
    registry.write_text(text.replace(f'    "{PACKAGES[-1]}",\n', f'    "{PACKAGES[-1]}",\n    "charnn.tasks.counter",\n'), encoding="utf-8")
    shutil.copytree(Path(charnn.__file__).parents[1] / "data", tmp_path / "data")
    (tmp_path / "work").mkdir()
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(tmp_path), str(Path(__file__).parents[2])])}
    command = [sys.executable, "-m", "tests.tasks.laws", "counter", str(tmp_path / "work")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
