import json
import tracemalloc

import numpy as np
import pytest
from safetensors.numpy import save

from charnn.checkpoint import documents
from charnn.checkpoint.documents import MOST_HEADER, MOST_ROOM, packed, read_document, read_document_file, write_document_file
from charnn.errors import CheckpointError, DataError, StorageError

DOCUMENT = {"step": 3, "order": [1, 2.5, None, True, "\ud800"], "rates": {"first": float("nan"), "é": "😀"}}
ARRAYS = {
    "moment": np.arange(6, dtype=np.float64).reshape(2, 3),
    "is_frozen": np.array([True, False]),
    "state": np.arange(5, dtype=np.uint8),
    "steps": np.array(7, np.int64),
    "nothing": np.zeros((0, 4), np.float16),
    "gone": np.array([np.nan, -np.inf], np.float32),
}


def test_any_document_and_arrays_come_back_bit_for_bit(tmp_path):
    checksum = write_document_file(tmp_path / "file", DOCUMENT, ARRAYS)
    document, arrays = read_document_file(tmp_path / "file")
    assert str({name: document[name] for name in DOCUMENT}) == str(DOCUMENT)
    assert document.keys() - DOCUMENT.keys() == {"format", "charnn", "sha256"}
    assert document["sha256"] == checksum
    assert arrays.keys() == ARRAYS.keys()
    for name, array in arrays.items():
        assert (array.dtype, array.shape, array.tobytes()) == (ARRAYS[name].dtype, ARRAYS[name].shape, ARRAYS[name].tobytes())
        assert array.flags.writeable
    assert str(read_document(tmp_path / "file")) == str(document)


def test_the_same_contents_give_the_same_bytes():
    assert packed(DOCUMENT, ARRAYS) == packed(DOCUMENT, dict(reversed(ARRAYS.items())))


def test_a_file_is_an_ordinary_safetensors_file(tmp_path):
    from safetensors import safe_open

    write_document_file(tmp_path / "file", DOCUMENT, ARRAYS)
    with safe_open(tmp_path / "file", "np") as file:
        assert set(file.keys()) == ARRAYS.keys()
        assert json.loads(file.metadata()["charnn"])["step"] == 3


def test_arrays_of_another_file_of_the_same_sizes_are_refused(tmp_path):
    (one, _), (other, _) = packed(DOCUMENT, ARRAYS), packed(DOCUMENT, ARRAYS | {"state": np.zeros(5, np.uint8)})
    header = 8 + int.from_bytes(one[:8], "little")
    (tmp_path / "file").write_bytes(one[:header] + other[header:])
    with pytest.raises(CheckpointError) as caught:
        read_document_file(tmp_path / "file")
    assert str(caught.value) == f"{tmp_path / 'file'} is damaged: its checksum does not match; train it again or copy it anew"


def test_a_disk_that_cannot_be_written_is_said(tmp_path):
    with pytest.raises(StorageError):
        write_document_file(tmp_path / "none" / "file", DOCUMENT, ARRAYS)


def test_what_is_too_large_to_be_read_again_is_not_written(tmp_path, monkeypatch):
    said = "the vocabulary is too large for a model file; give a smaller --vocabulary-size or a larger --min-count"
    for name in ("MOST_ROOM", "MOST_HEADER"):
        with monkeypatch.context() as patch:
            patch.setattr(documents, name, 100)
            with pytest.raises(DataError) as caught:
                write_document_file(tmp_path / "file", DOCUMENT, ARRAYS)
        assert str(caught.value) == said
    assert list(tmp_path.iterdir()) == []


def test_a_million_words_of_ten_cyrillic_letters_fit_into_a_header():
    count = 10_000
    text = json.dumps(["абвгдежзик"] * count)
    share = 999_999 / count
    assert share * documents._room(text) < MOST_ROOM
    assert share * len(save({}, {"charnn": text})) < MOST_HEADER


@pytest.mark.parametrize(
    "item", ["1", "1000", "1.5", "[]", "{}", "[[]]", '{"a": 1}', '"ab"', '"abcdefghijklmnopqrst"', '"\\u0434"', '"\\ud83d\\ude00abcdefgh"']
)
def test_json_takes_no_more_memory_than_was_reckoned(item):
    text = f"[{','.join([item] * 20_000)}]"
    tracemalloc.start()
    try:
        found = documents._parsed(text)
        assert tracemalloc.get_traced_memory()[1] + len(text) < documents._room(text)
    finally:
        tracemalloc.stop()
    assert len(found) == 20_000


def test_the_checksum_is_that_of_format_one(tmp_path):
    """Files of the first version must stay readable: the checksum is over the JSON without itself, then each array by name."""
    from hashlib import sha256

    text = '{"format": 1, "charnn": "0.1.0", "task": "lm"}'
    array = np.arange(3, dtype=np.float32)
    digest = sha256(text.encode() + b"a float32 (3,)\n" + array.tobytes()).hexdigest()
    (tmp_path / "file").write_bytes(save({"a": array}, {"charnn": f'{text[:-1]}, "sha256": "{digest}"}}'}))
    document, arrays = read_document_file(tmp_path / "file")
    assert document == {**json.loads(text), "sha256": digest}
    assert arrays["a"].tolist() == [0, 1, 2]
