from dataclasses import dataclass

import numpy as np
import pytest

from charnn.training import resume as module
from charnn.training.resume import fingerprint


@dataclass
class Point:
    """Something with fields."""

    x: int
    y: object = None


PARTS = [
    np.arange(6), np.arange(6).reshape(2, 3), np.arange(6, dtype=np.uint8), np.arange(7), [0, 1], [[0], [1]], [0, [1]], "01", "0", 0, None,
    {"a": 1}, {"a": 2}, {"b": 1}, ["a", 1], Point(1), Point(2), Point(1, [1]), "\ud800", True, 1.5,
]  # fmt: skip


def test_the_same_parts_have_the_same_fingerprint_and_others_another():
    found = [fingerprint(part) for part in PARTS]
    assert found == [fingerprint(part) for part in PARTS]
    assert len(set(found)) == len(PARTS)


def test_a_large_array_is_hashed_in_pieces_and_as_it_stands(monkeypatch):
    whole, turned = np.arange(1000), np.arange(2000)[::2] // 2
    found = fingerprint(whole)
    monkeypatch.setattr(module, "BLOCK", 7)
    assert fingerprint(whole) == fingerprint(turned) == found


def test_something_that_is_no_data_is_refused():
    with pytest.raises(TypeError):
        fingerprint(object())
