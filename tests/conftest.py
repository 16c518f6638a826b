"""Fixtures that all tests share."""

import os
import signal
from pathlib import Path

# Small tests gain nothing from two threads, and threads that wait for a busy core make them twenty times as slow.
os.environ.setdefault("OMP_NUM_THREADS", "1")

# A job that a script started with & ignores interrupts, and so would every process that tests interrupt.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

import pytest  # the variable must be set before anything loads torch


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real corpora beside the checkout; a test that asks for it is skipped where there is none."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared" / "data").is_dir():
            return folder / "shared" / "data"
    pytest.skip("no folder of real corpora beside the checkout")
