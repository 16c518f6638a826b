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
from hypothesis import settings

settings.register_profile("quick", max_examples=40, deadline=None)  # `make stress` tries the laws with more
settings.load_profile("quick")

SLOW = ("test_docs.py", "test_stress.py", "test_estimator.py", "test_format1.py", "test_determinism.py")
"""Files that take long come first, so that no worker is left alone with one at the end."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the tests of slow files before all others."""
    items.sort(key=lambda one: SLOW.index(one.path.name) if one.path.name in SLOW else len(SLOW))


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real corpora beside the checkout; a test that asks for it is skipped where there is none."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared" / "data").is_dir():
            return folder / "shared" / "data"
    pytest.skip("no folder of real corpora beside the checkout")


@pytest.fixture(scope="session")
def cases() -> Path:
    """The folder of small inputs that once went wrong; a test that asks for it is skipped where there is none."""
    for folder in Path(__file__).resolve().parents:
        if (folder / "shared" / "cases").is_dir():
            return folder / "shared" / "cases"
    pytest.skip("no folder of cases beside the checkout")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, the working directory of the test."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def quick_probe(monkeypatch: pytest.MonkeyPatch) -> None:
    """The speed of training is measured for a moment only."""
    monkeypatch.setattr("charnn.training.run.GLANCE_SECONDS", 0.01)


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small classifier's run and data."""
    from tests.runs import classifier_run, trained

    folder = tmp_path_factory.mktemp("classifier")
    trained(classifier_run(folder))
    return folder


@pytest.fixture(scope="session")
def tagger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a small tagger's run and data."""
    from tests.runs import tagger_run, trained

    folder = tmp_path_factory.mktemp("tagger")
    trained(tagger_run(folder))
    return folder
