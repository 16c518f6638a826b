import json
import os
import random
import resource
import stat
from contextlib import contextmanager
from hashlib import sha256

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save

from charnn.checkpoint import documents
from charnn.checkpoint.documents import read_document_file
from charnn.checkpoint.model import MODEL_FILE, SavedModel, load_model, model_path, newest_run, save_model
from charnn.errors import CheckpointError, StorageError
from charnn.files import write_whole

KINDS = [np.float32, np.float16, np.float64, np.uint8, np.uint16, np.int64, np.bool_]

MODEL = SavedModel(
    task="lm",
    settings={"network": {"stack": {"layers": 2}}, "share": 0.1, "nothing": None},
    learned={"tokenizer": {"symbols": ["a", "é", "😀", "\u2028", '"', "\\", "\x00"]}, "labels": ["x"]},
    tensors={
        "weight": np.random.default_rng(0).standard_normal((7, 5)).astype(np.float32),
        "tokenizer.model": np.arange(100, dtype=np.uint8),
    },
    metrics={"valid_loss": 1.25},
)

shapes = st.one_of(st.just(()), array_shapes(min_dims=1, max_dims=3, min_side=0, max_side=4))
tensors = st.dictionaries(st.text("abc.01", min_size=1), st.sampled_from(KINDS).flatmap(lambda kind: arrays(kind, shapes)), max_size=4)
plain = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False), st.text(st.characters(), max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(st.characters(), max_size=5), inner, max_size=3)),
    max_leaves=8,
)
plain_dicts = st.dictionaries(st.text(st.characters(), max_size=5), plain, max_size=3)


def assert_same(one, other):
    assert (one.task, one.settings, one.learned, one.metrics) == (other.task, other.settings, other.learned, other.metrics)
    assert one.tensors.keys() == other.tensors.keys()
    for name, array in one.tensors.items():
        assert (array.dtype, array.shape, array.tobytes()) == (
            other.tensors[name].dtype,
            other.tensors[name].shape,
            other.tensors[name].tobytes(),
        )


def refusal(path):
    with pytest.raises(CheckpointError) as caught:
        load_model(path)
    return str(caught.value)


def sign(text, arrays=()):
    """The text of a document with its checksum."""
    arrays = dict(arrays)
    digest = sha256(text.encode())
    for name in sorted(arrays):
        digest.update(f"{name} {arrays[name].dtype} {arrays[name].shape}\n".encode() + arrays[name].tobytes())
    return f'{text[:-1]}, "sha256": "{digest.hexdigest()}"}}'


@pytest.fixture
def saved(tmp_path):
    """A model file."""
    save_model(tmp_path / MODEL_FILE, MODEL)
    return tmp_path / MODEL_FILE


@contextmanager
def full_disk():
    """No file can grow beyond a thousand bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@given(plain_dicts, plain_dicts, tensors, plain_dicts)
@settings(max_examples=30, deadline=None)
def test_what_is_saved_comes_back_bit_for_bit(tmp_path_factory, settings_, learned, arrays_, metrics):
    """Lone surrogates and NaN among it; in a model file, NaN is refused."""
    model = SavedModel("lm", settings_, learned, arrays_, metrics)
    path = tmp_path_factory.getbasetemp() / MODEL_FILE
    save_model(path, model)
    document, found = read_document_file(path)
    assert_same(SavedModel(document["task"], document["settings"], document["learned"], found, document["metrics"]), model)
    if all(np.isfinite(array).all() for array in arrays_.values()):
        assert_same(load_model(path), model)
    else:
        assert refusal(path).endswith("holds numbers that are not finite; train it again or copy it anew")


def test_tensors_in_another_order_of_memory_come_back_with_their_shape(tmp_path):
    array = np.arange(12, dtype=np.float32).reshape(3, 4).T
    save_model(tmp_path / MODEL_FILE, SavedModel("lm", {}, {}, {"weight": array}))
    assert (load_model(tmp_path).tensors["weight"] == array).all()


def test_a_run_folder_is_as_good_as_its_model_file(saved):
    assert_same(load_model(saved.parent), load_model(str(saved)))


def test_a_flipped_bit_is_refused_wherever_it_is(saved):
    """Also in the vocabulary and the settings, which a checksum of the tensors alone did not cover."""
    data = saved.read_bytes()
    chosen = random.Random(1).sample(range(len(data)), 200)
    for place in {*range(40), *chosen, len(data) - 1}:
        for bit in (0, 2, 5):
            damaged = bytearray(data)
            damaged[place] ^= 1 << bit
            saved.write_bytes(damaged)
            assert refusal(saved).startswith(f"{saved} ")


def test_a_file_cut_short_is_refused_wherever_it_is_cut(saved):
    data = saved.read_bytes()
    for length in {*range(20), *range(20, len(data), 7), len(data) - 1}:
        saved.write_bytes(data[:length])
        assert refusal(saved).startswith(f"{saved} is ")


def test_a_file_with_something_behind_it_is_refused(saved):
    saved.write_bytes(saved.read_bytes() + b"\0")
    assert refusal(saved).startswith(f"{saved} is damaged: ")


def test_changed_tensors_are_refused(saved):
    data = bytearray(saved.read_bytes())
    data[-1] ^= 1
    saved.write_bytes(data)
    assert refusal(saved) == f"{saved} is damaged: its checksum does not match; train it again or copy it anew"


@pytest.mark.parametrize("data", [b"", b"\0" * 8, b"\xff" * 64, b"To be, or not to be", b"PK\x03\x04" * 10])
def test_a_file_of_another_kind_is_refused(tmp_path, data):
    path = tmp_path / "play.txt"
    path.write_bytes(data)
    assert refusal(path) == f"{path} is no model file; give a run folder or a model.safetensors that charnn wrote"


@pytest.mark.parametrize("document", [None, "", "[]", "3", "null", "{}", '"format"', "[" * 100_000, '{"charnn": "0.1.0"}'])
def test_a_foreign_safetensors_file_is_refused(tmp_path, document):
    path = tmp_path / "other.safetensors"
    path.write_bytes(save({"weight": np.zeros(3)}, metadata=None if document is None else {"charnn": document}))
    assert refusal(path) == f"{path} is no charnn model; give a run folder or a model.safetensors that charnn wrote"


@pytest.mark.parametrize("name", ["task", "settings", "learned", "metrics", "sha256"])
def test_an_incomplete_header_is_refused(tmp_path, name):
    document = {"format": 1, "task": "lm", "settings": {}, "learned": {}, "metrics": {}}
    path = tmp_path / MODEL_FILE
    path.write_bytes(save({}, metadata={"charnn": sign(json.dumps(document))}))
    load_model(path)
    for damaged in ({key: value for key, value in document.items() if key != name}, document | {name: 3}):
        text = json.dumps(damaged)
        path.write_bytes(save({}, metadata={"charnn": text if name == "sha256" else sign(text)}))
        assert refusal(path) == f"{path} is damaged: its header is incomplete; train it again or copy it anew"


@pytest.mark.parametrize("number", [0, 2, 99])
def test_another_format_is_refused_by_naming_both_numbers(tmp_path, monkeypatch, number):
    path = tmp_path / MODEL_FILE
    with monkeypatch.context() as patch:
        patch.setattr(documents, "FORMAT", number)
        save_model(path, MODEL)
    assert refusal(path) == f"{path} has format {number}, this charnn reads 1; train it again or upgrade"


@pytest.mark.parametrize("make", [False, True], ids=["missing", "empty folder"])
def test_a_missing_model_is_reported_how_to_make_one(tmp_path, make):
    path = tmp_path / "poems"
    if make:
        path.mkdir()
    said = f"{path} holds no model; give a run folder or a model file, or make one: charnn train lm FILE --to {path}"
    assert refusal(path) == said
    with pytest.raises(CheckpointError):
        model_path(path)


def test_an_error_of_a_model_file_has_its_own_exit_code():
    assert (CheckpointError.exit_code, StorageError.exit_code) == (4, 5)


def test_a_full_disk_leaves_the_older_model_whole_and_nothing_else(saved):
    larger = SavedModel("lm", {}, {}, {"weight": np.zeros(5000)})
    with pytest.raises(StorageError) as caught, full_disk():
        save_model(saved, larger)
    assert str(caught.value) == f"{saved} cannot be written: File too large; free some space"
    assert_same(load_model(saved), MODEL)
    assert list(saved.parent.iterdir()) == [saved]


def test_a_name_that_is_taken_by_a_folder_leaves_nothing_behind(tmp_path):
    (tmp_path / MODEL_FILE).mkdir()
    with pytest.raises(StorageError) as caught:
        save_model(tmp_path / MODEL_FILE, MODEL)
    assert str(caught.value) == f"{tmp_path / MODEL_FILE} cannot be written: Is a directory; choose another --to"
    assert list(tmp_path.iterdir()) == [tmp_path / MODEL_FILE]


@pytest.mark.parametrize("parent", ["missing", "a file"])
def test_a_folder_that_is_none_cannot_be_written(tmp_path, parent):
    (tmp_path / "a file").touch()
    with pytest.raises(StorageError) as caught:
        save_model(tmp_path / parent / MODEL_FILE, MODEL)
    assert str(caught.value).startswith(f"{tmp_path / parent / MODEL_FILE} cannot be written: ")
    assert str(caught.value).endswith("; choose another --to")


@pytest.mark.parametrize(("mask", "mode"), [(0o022, 0o644), (0o077, 0o600), (0o002, 0o664)])
def test_a_file_may_be_read_by_whom_the_umask_says(tmp_path, mask, mode):
    before = os.umask(mask)
    try:
        write_whole(tmp_path / "file", b"data")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == mode


def make_run(folder, age, task="lm"):
    folder.mkdir(parents=True)
    save_model(folder / MODEL_FILE, SavedModel(task, {}, {}, {}))
    os.utime(folder / MODEL_FILE, (1e9 - age, 1e9 - age))


def test_the_newest_run_is_the_one_whose_model_was_written_last(tmp_path):
    for name, age in (("middle", 20), ("newest", 10), ("oldest", 30)):
        make_run(tmp_path / name, age)
    assert newest_run(tmp_path, ["lm"]) == tmp_path / "newest"


def test_runs_of_other_tasks_and_damaged_ones_are_passed_over(tmp_path):
    make_run(tmp_path / "mine", age=30)
    make_run(tmp_path / "tagger", age=20, task="tagger")
    make_run(tmp_path / "damaged", age=10)
    (tmp_path / "damaged" / MODEL_FILE).write_bytes(b"nothing")
    (tmp_path / "unfinished").mkdir()
    assert newest_run(tmp_path, ["lm"]) == tmp_path / "mine"


def test_without_any_run_the_next_command_is_named(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        newest_run(tmp_path / "checkpoints", ["lm"])
    assert str(caught.value) == f"{tmp_path / 'checkpoints'} holds no trained lm; make one: charnn train lm"
