"""Commands in a terminal: standard error is a pseudo-terminal, as where a person types."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.runs import classifier_run, trained, translator_run

RUNS = {"classifier": classifier_run, "translator": translator_run}
"""The class of each run: what writes text row by row."""
CONTROL = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves the cursor or colours the text."""


def typed(arguments: list[str], folder: Path, *, columns: int = 80) -> tuple[int, bytes, str]:
    """Exit code, standard output, which is redirected, and what the terminal shows, of a command."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "COLUMNS": str(columns), "TERM": "xterm-256color", "PYTHONPATH": str(Path(__file__).parents[2])}
    with subprocess.Popen(
        [sys.executable, "-m", "charnn", *arguments], cwd=folder, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        assert process.stdout is not None
        output, shown = process.stdout.read(), b""
        while block := read(ours):
            shown += block
    os.close(ours)
    return process.returncode, output, CONTROL.sub("", shown.decode())


def read(terminal: int) -> bytes:
    """The next bytes of a terminal; none where the process has closed it."""
    try:
        return os.read(terminal, 1 << 16)
    except OSError:
        return b""


@pytest.mark.parametrize("task", RUNS)
def test_a_redirected_prediction_ends_without_a_traceback(task, tmp_path):
    """numba had colorama replace standard output while the progress bar had replaced it too, and both put theirs back at the end."""
    run = trained(RUNS[task](tmp_path, 10)).place.folder
    (tmp_path / "new.csv").write_text("text\n" + "".join(f"a good day number {number}\n" for number in range(50)))
    code, output, shown = typed(["predict", str(run), "new.csv"], tmp_path)
    assert code == 0
    assert output.count(b"\n") == 51
    assert "Exception" not in shown
    assert "Traceback" not in shown
