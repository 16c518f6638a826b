"""Tests of charnn.check.histogram."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.check.histogram import MOST_CLASSES, length_classes


@pytest.mark.parametrize(
    ("lengths", "classes"),
    [
        ([], []),
        ([0, 0], [(0, 0, 2)]),
        ([1, 3, 3, 10], [(1, 1, 1), (2, 2, 0), (3, 3, 2), (4, 4, 0), (5, 5, 0), (6, 6, 0), (7, 7, 0), (8, 8, 0), (9, 9, 0), (10, 10, 1)]),
        ([0, 11, 20], [(0, 0, 1), (11, 12, 1), (13, 14, 0), (15, 16, 0), (17, 18, 0), (19, 20, 1)]),
        ([45, 21, 26], [(21, 25, 1), (26, 30, 1), (31, 35, 0), (36, 40, 0), (41, 45, 1)]),
        ([5_000_000], [(4_500_001, 5_000_000, 1)]),
    ],
)
def test_classes_have_round_equal_widths(lengths: list[int], classes: list[tuple[int, int, int]]) -> None:
    assert length_classes(Counter(lengths)) == classes


def test_the_longest_hundredth_does_not_stretch_the_classes() -> None:
    assert length_classes({7: 60, 10: 39, 3000: 1}) == [(7, 7, 60), (8, 8, 0), (9, 9, 0), (10, 10, 39), (11, None, 1)]


@given(st.dictionaries(st.integers(0, 10**7), st.integers(1, 1000)))
def test_every_length_is_in_one_class(counts: dict[int, int]) -> None:
    classes = length_classes(counts)
    assert len(classes) <= MOST_CLASSES + 2
    for one in classes:
        most = max(counts) if one.most is None else one.most
        assert one.total == sum(count for length, count in counts.items() if one.least <= length <= most)
    assert sum(one.total for one in classes) == sum(counts.values())
