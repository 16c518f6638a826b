"""Parity with torchtext 0.6 itself; the laws of tokenizers are in test_tokenizers."""

import os
import pickle
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.errors import DataError, MissingExtra
from charnn.tokenizers import words
from charnn.tokenizers.registry import TokenizerSettings
from charnn.tokenizers.words import TorchtextWordTokenizer, read_torchtext_vocabulary

pytest.importorskip("torchtext")

import torch
from torchtext.data.utils import get_tokenizer
from torchtext.vocab import Vocab

TEXT = 'It\'s "quoted" (yes), <br /> fine; right: No! The end? the end.'
fragments = st.sampled_from([" ", "\n", "It's", '"', "(", ")", "<br />", ";", ":", "A", "\u03a3", "end", ".", "\u00e9", "<unk>"])


def tokenizer_of(text: str) -> TorchtextWordTokenizer:
    return TorchtextWordTokenizer.fit(lambda: [text], TokenizerSettings("torchtext:basic_english"))


@settings(max_examples=200, deadline=None)
@given(text=(st.lists(fragments | st.text(max_size=4), max_size=30)).map("".join))
def test_tokens_and_vocabulary_are_those_of_torchtext(text: str) -> None:
    words = get_tokenizer("basic_english")(text)
    if not words:
        return
    tokenizer = tokenizer_of(text)
    assert [tokenizer.symbol(id) for id in tokenizer.encode(text).tolist()] == words
    assert tokenizer.decode(tokenizer.encode(text)) == " ".join(words)
    assert [*tokenizer.vocabulary.symbols] == Vocab(Counter(words), specials=[]).itos


def test_a_torchtext_vocabulary_gives_its_words_in_its_order(tmp_path: Path) -> None:
    words = get_tokenizer("basic_english")(TEXT)
    vocabulary = Vocab(Counter(words), min_freq=2)
    torch.save(vocabulary, tmp_path / "vocabulary.pt")
    chosen = TokenizerSettings("torchtext:basic_english", torchtext_vocabulary=str(tmp_path / "vocabulary.pt"))
    tokenizer = TorchtextWordTokenizer.fit(lambda: [], chosen)
    assert list(tokenizer.vocabulary.symbols) == vocabulary.itos[1:]
    theirs = [vocabulary.itos[vocabulary[word]] for word in words]
    assert [tokenizer.symbol(id) for id in tokenizer.encode(TEXT).tolist()] == theirs


def test_a_file_that_would_run_code_is_refused_and_runs_nothing(tmp_path: Path) -> None:
    class Trap:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return os.mkdir, (str(tmp_path / "sprung"),)

    torch.save(Trap(), tmp_path / "trap.pt")
    (tmp_path / "trap.pkl").write_bytes(pickle.dumps(Trap()))
    for name in ("trap.pt", "trap.pkl"):
        with pytest.raises(DataError, match=r"is no vocabulary of torchtext 0.6; write one with torch.save"):
            read_torchtext_vocabulary(tmp_path / name)
    assert not (tmp_path / "sprung").exists()


@pytest.mark.parametrize("content", [b"", b"garbage", b"PK\x03\x04 cut"])
def test_a_foreign_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "v.pt").write_bytes(content)
    with pytest.raises(DataError, match=r"is no vocabulary of torchtext 0.6; write one with torch.save"):
        read_torchtext_vocabulary(tmp_path / "v.pt")


def test_a_missing_file_is_reported(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"none.pt: cannot be read: No such file or directory"):
        read_torchtext_vocabulary(tmp_path / "none.pt")


def test_without_torchtext_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torchtext.data.utils", None)
    words._basic_english.cache_clear()
    with pytest.raises(MissingExtra, match=r"^this needs torchtext==0.6.0; install it with: pip install 'charnn\[torchtext\]'$"):
        tokenizer_of(TEXT)
