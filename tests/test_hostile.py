"""What a stranger's model file can do at worst: be refused."""

import os
import signal
from contextlib import contextmanager

import numpy as np
import pytest
from click.testing import CliRunner

from charnn.checkpoint import documents
from charnn.checkpoint.documents import read_document, read_document_file, write_document_file
from charnn.checkpoint.model import MODEL_FILE, SavedModel, load_model, model_path, newest_run, save_model
from charnn.cli.main import main
from charnn.errors import CheckpointError
from charnn.tasks.load import load
from charnn.tokenizers.registry import TokenizerSettings, extended_tokenizer
from tests.models import small_model
from tests.stress.children import apart
from tests.stress.hostile import BROKEN, FORGED, LARGE, MOST_MEGABYTES, forged_parts, measured
from tests.stress.tiny import MAKERS, model_file, saved, tiny

QUICK = ("100 MB of JSON", "a header of objects", "a wide header", "deep lists")
"""Large files that are made and refused in a moment; `make stress` tries all of them."""


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Of each hostile file, how it was refused."""
    makers = BROKEN | FORGED | {name: LARGE[name] for name in QUICK}
    return {one.name: one for one in measured(makers, tmp_path_factory.mktemp("hostile"))}


@pytest.mark.parametrize("name", [*BROKEN, *FORGED, *QUICK])
def test_a_hostile_file_is_refused_by_a_sentence_that_names_it(outcomes, name):
    assert outcomes[name].fault is None
    assert outcomes[name].megabytes < MOST_MEGABYTES
    assert outcomes[name].seconds < 5  # a guard against hanging: the stress suite measures


@pytest.mark.parametrize("kind", MAKERS)
def test_every_wrong_value_among_what_was_learned_is_refused(tmp_path, kind):
    found = measured(dict(forged_parts(kind)), tmp_path)
    assert [one for one in found if one.fault is not None] == []


def test_a_process_that_is_ended_is_an_outcome_like_any_other():
    """A crash by signal, as of a library that does not survive its input."""

    def work(number: int) -> int:
        if number == 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return number

    assert apart(work, [0, 1, 2]) == [0, "ended the process by SIGKILL", 2]


def test_the_command_line_refuses_a_hostile_file_with_its_own_exit_code(tmp_path):
    path = tmp_path / "model.safetensors"
    FORGED["hidden size of 10^9"](path)
    result = CliRunner().invoke(main, ["sample", str(path)])
    said = "the settings are damaged: hidden_size must be at least 1 and at most 16,384, got 1000000000"
    assert (result.exit_code, result.stdout) == (4, "")
    assert result.stderr == f"Error: {path}: {said}; train it again or copy it anew.\n"


@contextmanager
def within_seconds(seconds):
    """Ends what waits for a pipe that nobody writes to."""

    def stop(*_):
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, stop)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@pytest.mark.parametrize("make", [os.mkfifo, lambda path: path.symlink_to("/dev/zero")], ids=["pipe", "device"])
def test_a_pipe_or_a_device_is_not_even_opened(tmp_path, make):
    path = tmp_path / MODEL_FILE
    make(path)
    for read in (read_document_file, read_document):
        with within_seconds(5), pytest.raises(CheckpointError) as caught:
            read(path)
        assert str(caught.value) == f"{path} is no plain file; give a run folder or a model.safetensors that charnn wrote"


def test_a_file_that_becomes_a_pipe_while_it_is_opened_is_refused(tmp_path, monkeypatch):
    path, seen = tmp_path / MODEL_FILE, os.stat(__file__)
    os.mkfifo(path)
    monkeypatch.setattr(documents.os, "stat", lambda path: seen)
    with within_seconds(5), pytest.raises(CheckpointError, match="is no plain file"):
        read_document_file(path)


def test_a_file_that_another_takes_the_place_of_is_read_to_its_end(tmp_path, monkeypatch):
    """Header and arrays of two files would have a wrong checksum, or worse none."""
    path, read_header = tmp_path / MODEL_FILE, documents._read_header
    save_model(path, SavedModel("lm", {}, {}, {"weight": np.zeros(3, np.float32)}))

    def read_then_replace(*parts):
        header = read_header(*parts)
        save_model(path, SavedModel("lm", {}, {}, {"weight": np.ones(5, np.float32)}))
        return header

    monkeypatch.setattr(documents, "_read_header", read_then_replace)
    assert load_model(path).tensors["weight"].tolist() == [0, 0, 0]
    assert load_model(path).tensors["weight"].tolist() == [1] * 5


def test_a_file_that_shrinks_while_it_is_read_is_refused(tmp_path, monkeypatch):
    path, checked_size = tmp_path / MODEL_FILE, documents._checked_size
    model_file("tagger", path)

    def check_then_cut(*parts):
        size = checked_size(*parts)
        os.truncate(path, path.stat().st_size - 100)
        return size

    monkeypatch.setattr(documents, "_checked_size", check_then_cut)
    with pytest.raises(CheckpointError, match=r"is damaged: its arrays do not fit its header, "):
        load_model(path)


def test_more_memory_than_there_is_is_refused(tmp_path, monkeypatch):
    path = tmp_path / MODEL_FILE
    model_file("tagger", path)
    monkeypatch.setattr(documents, "LARGE", 0)
    monkeypatch.setattr(documents.os, "sysconf", lambda name: 100)
    said = f"{path} needs more memory than there is: twice its {path.stat().st_size:,} bytes; use it on a larger machine"
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    assert str(caught.value) == said


def test_the_vocabulary_file_that_a_model_names_is_not_opened(tmp_path):
    """Not on loading, and not when the words of a new text are added: it could be anything."""
    pipe = tmp_path / "words.pt"
    os.mkfifo(pipe)
    model = tiny("lm of characters")
    tokens = {**TokenizerSettings(tokenizer="torchtext:basic_english").plain(), "torchtext_vocabulary": str(pipe)}
    learned = {**model.learned, "tokenizer": {"symbols": model.learned["tokenizer"]["symbols"]}}
    save_model(tmp_path / MODEL_FILE, SavedModel("lm", {**model.settings, "tokens": tokens}, learned, model.tensors))
    with within_seconds(5):
        trained = load(tmp_path / MODEL_FILE)
        more = extended_tokenizer(trained.tokenizer, lambda: ["new words"], trained.settings.tokens)
    assert more.learned() == learned["tokenizer"]


def test_a_model_of_another_task_is_told_from_a_file_of_another_kind(tmp_path):
    path = tmp_path / MODEL_FILE
    save_model(path, SavedModel("painter", {}, {}, {}))
    with pytest.raises(CheckpointError) as caught:
        load(path)
    assert str(caught.value) == f"{path} is for the task 'painter', which this charnn does not know; upgrade it"


def test_the_newest_run_is_found_among_hostile_ones(tmp_path):
    (tmp_path / "mine").mkdir()
    save_model(tmp_path / "mine" / MODEL_FILE, saved(small_model()))
    os.utime(tmp_path / "mine" / MODEL_FILE, (1e9, 1e9))
    hostile = ("no task", "an unknown task", "a pipe", "a device", "a link to nowhere", "a link to itself", "header of 2^63 bytes")
    for number, name in enumerate(hostile):
        folder = tmp_path / f"hostile {number}"
        folder.mkdir()
        BROKEN[name](folder / MODEL_FILE)
    (tmp_path / "odd").mkdir()
    write_document_file(tmp_path / "odd" / MODEL_FILE, {"task": ["lm"]}, {})
    with within_seconds(5):
        assert newest_run(tmp_path, {"lm": 1}) == tmp_path / "mine"


@pytest.mark.parametrize("name", ["x" * 5000, "file/below", "nul\0"])
def test_a_name_that_can_be_no_file_is_refused(tmp_path, name):
    (tmp_path / "file").touch()
    with pytest.raises(CheckpointError):
        model_path(tmp_path / name)


def test_a_file_without_permission_is_refused(tmp_path):
    if os.geteuid() == 0:
        pytest.skip("nothing is forbidden to root")
    path = tmp_path / MODEL_FILE
    model_file("tagger", path)
    path.chmod(0)
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    assert str(caught.value).startswith(f"{path} cannot be read: Permission denied; ")


def test_loading_touches_nothing_beside_the_file(tmp_path):
    for kind in MAKERS:
        model_file(kind, tmp_path / MODEL_FILE)
        before = {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())}
        load(tmp_path)
        assert {path: path.stat().st_mtime_ns for path in (tmp_path, *tmp_path.iterdir())} == before
