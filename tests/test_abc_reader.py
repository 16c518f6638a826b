"""The reader of ABC tunes takes real tunes and refuses broken ones."""

import re
from fractions import Fraction
from pathlib import Path

import pytest

from tests.abc_reader import count_accepted, read_tune

TUNE = 'X: 1\nT:Four bars\nM:2/4\nL:1/8\nK:D\n|:"D"d2 fd|(3aba g2|[df]2 e/2e/2e|d4:|\n'


def test_a_tune_is_headers_and_bars_of_the_meter() -> None:
    tune = read_tune(TUNE)
    assert tune.headers == {"X": "1", "T": "Four bars", "M": "2/4", "L": "1/8", "K": "D"}
    assert tune.bars == [(Fraction(1, 2), Fraction(1, 2))] * 4


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (TUNE.replace("T:Four bars\n", ""), "no header T"),
        (TUNE.replace("K:D\n", ""), "no header K"),
        (TUNE.replace("2/4", "2/0"), "bad meter '2/0'"),
        (TUNE.replace("fd|", "f?|"), "no ABC: '?|(3aba g2'"),
        (TUNE.replace("d4", "d3").replace("g2", "g"), "2 of 4 bars fit the meter"),
        ("la la la", "no header X"),
    ],
)
def test_what_is_no_tune_is_refused_with_the_reason(broken: str, reason: str) -> None:
    with pytest.raises(ValueError, match=f"^{re.escape(reason)}$"):
        read_tune(broken)


def test_nearly_all_real_tunes_are_accepted(real_data: Path) -> None:
    tunes = (real_data / "nottingham" / "train.abc").read_text().strip("\n").split("\n\n")
    accepted, refused = count_accepted(tunes)
    assert (len(tunes), accepted) == (827, 817), refused
