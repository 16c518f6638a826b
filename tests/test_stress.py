"""A short form of the stress suite: `make stress` runs the whole."""

import pytest

from tests.stress import corruption, forgery, hostile


@pytest.mark.parametrize("part", [corruption, hostile, forgery], ids=lambda part: part.__name__.split(".")[-1])
def test_a_part_of_the_stress_suite_finds_nothing(part):
    row = part.run(0.01)
    assert (row.failures, row.examples) == (0, ())
