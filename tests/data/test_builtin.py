"""Tests of charnn.data.builtin."""

import builtins
import sys

import pytest

from charnn.data import builtin
from charnn.data.builtin import BUILTIN
from charnn.errors import DataError


@pytest.mark.parametrize("name", BUILTIN)
def test_a_built_in_corpus_is_real_text_and_always_the_same(name: str) -> None:
    first = b"".join(BUILTIN[name].blocks())
    assert first == b"".join(BUILTIN[name].blocks())
    assert 10_000 < len(first) <= builtin.CODE_BYTES
    assert "\0" not in first.decode("utf-8")


def test_a_python_without_its_documentation_is_reported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pydoc_data.topics", None)
    with pytest.raises(DataError, match=r"^python-docs: this Python came without pydoc_data; give a text file of your own$"):
        list(builtin.python_docs())


def test_python_code_is_code() -> None:
    source = next(iter(BUILTIN["python-code"].blocks()))
    assert builtins.compile(source, "first module", "exec")
