"""A short form of the stress suite: `make stress` runs the whole."""

import pytest

from tests.stress import __main__ as stress
from tests.stress.row import Row

SCALES = {"corruption": 0.01, "hostile": 0.01, "forgery": 0.01}
"""How much of each suite, where it is not 2 %."""


LONG = {"text", "line", "full", "limited", "faults", "full-from-then-on", "kill-saves", "signals", "commands", "memory"}
"""Suites of which even the least takes long, and which are like another, or like tests elsewhere."""


@pytest.mark.parametrize("name", [name for name in stress.SUITES if name not in LONG])
def test_a_suite_finds_nothing(name):
    row = stress.suite(stress.SUITES[name])(SCALES.get(name, 0.02))
    assert (row.failures, row.examples) == (0, ())


def test_the_long_suites_are_there():
    assert all(callable(stress.suite(stress.SUITES[name])) for name in LONG)


def suite_that_fails(scale):
    return Row("bad things", f"{scale:g} times", 1, "slow", ("it broke",))


def suite_that_does_not(scale):
    return Row("good things", "always", 0)


def test_failures_are_told_and_end_in_exit_code_1(capsys):
    suites = {"bad": f"{__name__}:suite_that_fails", "good": f"{__name__}:suite_that_does_not"}
    assert stress.main(["bad", "--scale", "3"], suites) == 1
    said = capsys.readouterr()
    assert said.out == f"{stress.HEAD}\n| bad things | 3 times | 1 | slow | 0 |\n"
    assert said.err.endswith("bad things: it broke\n")
    assert stress.main(["good"], suites) == 0


def test_an_unknown_suite_is_refused(capsys):
    with pytest.raises(SystemExit):
        stress.main(["none"], {"good": "x:y"})
    assert capsys.readouterr().err.endswith("there is no suite none; there are good\n")
