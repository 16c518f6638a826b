"""Tests of charnn.tokenizers.subwords; its laws are in test_tokenizers."""

import inspect

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sentencepiece import SentencePieceProcessor

from charnn.errors import CheckpointError, DataError
from charnn.tokenizers import subwords
from charnn.tokenizers.registry import TokenizerSettings
from charnn.tokenizers.subwords import SubwordTokenizer
from charnn.tokenizers.vocabulary import SPECIALS

TEXT = inspect.getsource(subwords)


def fit(text: str, **values: object) -> SubwordTokenizer:
    return SubwordTokenizer.fit(lambda: [text], TokenizerSettings.from_plain({"tokenizer": "subword", **values}))


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_frequent_words_become_one_token(model: str) -> None:
    tokenizer = fit(TEXT, subword_model=model)
    assert " the" in [tokenizer.symbol(id) for id in tokenizer.encode("all of the text").tolist()]
    assert len(tokenizer.encode(TEXT)) < len(TEXT) / 2


def test_a_newline_is_one_token() -> None:
    tokenizer = fit(TEXT)
    assert [tokenizer.symbol(id) for id in tokenizer.encode("\n").tolist()] == ["\n"]


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_a_size_that_was_asked_for_is_kept(model: str) -> None:
    assert fit(TEXT, vocabulary_size=320, subword_model=model).size == 320


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_a_size_too_large_names_the_largest(model: str) -> None:
    text = TEXT[:1000]
    largest = fit(text, subword_model=model).size
    with pytest.raises(DataError, match=f"^the corpus is too small for 9,000 subwords; say --vocabulary-size {largest} or less$"):
        fit(text, vocabulary_size=9000, subword_model=model)
    assert fit(text, vocabulary_size=largest, subword_model=model).size == largest


def test_a_size_too_large_for_a_tiny_text_should_be_left_out() -> None:
    with pytest.raises(DataError, match=r"^the corpus is too small for 400 subwords; leave --vocabulary-size out$"):
        fit("a b c", vocabulary_size=400)


def test_more_characters_than_the_vocabulary_holds_fall_back_to_bytes() -> None:
    text = "".join(chr(0x4E00 + number) * (1 + number % 5) for number in range(3000))
    tokenizer = fit(text, vocabulary_size=300)
    assert tokenizer.size <= 300
    assert tokenizer.decode(tokenizer.encode(text)) == text


@pytest.mark.parametrize("text", ["", "\n\n\r\n", "\0"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"^the corpus holds nothing that subwords could be learned from; use --tokenizer byte$"):
        fit(text)


def test_one_character_is_enough() -> None:
    tokenizer = fit("a")
    assert tokenizer.decode(tokenizer.encode("a b")) == "a b"


def test_a_very_long_line_comes_back() -> None:
    text = "x" * 100_000 + " " * 5_000 + "\u4e2d" * 50_000
    tokenizer = fit(TEXT)
    assert tokenizer.decode(tokenizer.encode(text)) == text


def test_the_sample_is_spread_over_the_corpus(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subwords, "SAMPLE", 1000)
    monkeypatch.setattr(subwords, "DEFAULT_SIZE", 300)
    chunks = ["ab" * 1000, "cd" * 1000]
    tokenizer = SubwordTokenizer.fit(lambda: chunks, TokenizerSettings("subword"))
    assert {"a", "b", "c", "d"} <= {tokenizer.symbol(id) for id in range(tokenizer.size)}


def test_training_is_silent(capfd: pytest.CaptureFixture[str]) -> None:
    fit(TEXT)
    assert capfd.readouterr() == ("", "")


def test_the_cache_may_be_emptied_at_any_time(monkeypatch: pytest.MonkeyPatch) -> None:
    tokenizer = fit(TEXT)
    ids = tokenizer.encode(TEXT)
    monkeypatch.setattr(subwords, "CACHED", 1)
    assert np.array_equal(tokenizer.encode(TEXT), ids)


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=300))
def test_random_bytes_are_no_model(data: bytes) -> None:
    with pytest.raises(CheckpointError, match=r"^the model's tokenizer is damaged: its sentencepiece model "):
        SubwordTokenizer.restore({"lowercase": False}, {"subword_model": np.frombuffer(data, np.uint8)})


def changed(model: str, *pieces: bytes) -> bytes:
    """A trained model with more pieces behind its first 259, each as sentencepiece writes it."""
    blob = fit(TEXT, subword_model=model).tensors()["subword_model"].tobytes()
    return blob[: len(subwords._HEAD)] + b"".join(pieces) + blob[len(subwords._HEAD) :]


def piece(text: bytes, score: float = -1.0, end: bytes = b"") -> bytes:
    inner = bytes([10, len(text)]) + text + b"\x15" + np.float32(score).tobytes() + end
    return bytes([10, len(inner)]) + inner


HOSTILE = {
    "a piece twice": [piece(b"qqq"), piece(b"qqq")],
    "the piece of a byte": [piece(b"<0x41>")],
    "the piece of the unknown": [piece(b"<unk>")],
    "an empty piece": [piece(b"")],
    "no UTF-8": [piece(b"\xff\xfe")],
    "half of a surrogate pair": [piece(b"\xed\xa0\x80")],
    "NUL": [piece(b"a\0b")],
    "a newline": [piece(b"a\nb")],
    "an ordinary space": [piece(b"a b")],
    "the sign that stands for the unknown": [piece("\u2585".encode())],
    "a score that is no number": [piece(b"qqq", np.nan)],
    "an endless score": [piece(b"qqq", -np.inf)],
    "a score that sums to an endless one": [piece(b"qqq", 3e38)],
    "a piece of a kind of its own": [piece(b"qqq", end=b"\x18\x04")],
    "a length that is another": [b"\n\x50" + piece(b"qqq")[2:]],
}


@pytest.mark.parametrize("model", ["unigram", "bpe"])
@pytest.mark.parametrize("name", HOSTILE)
def test_a_model_with_a_hostile_piece_is_refused(model: str, name: str) -> None:
    """Some of them sentencepiece itself takes, and then encodes a text that no longer comes back."""
    assert SubwordTokenizer(changed(model, piece(b"qqq")), False).decode(range(262)) != ""
    with pytest.raises(CheckpointError, match=r"^the model's tokenizer is damaged: its sentencepiece model "):
        SubwordTokenizer(changed(model, *HOSTILE[name]), False)


def test_a_model_without_a_space_is_refused() -> None:
    blob = subwords._HEAD + piece(b"a") + b"\x12\x02\x18\x01"
    with pytest.raises(CheckpointError):
        SubwordTokenizer(blob, False)
    assert SubwordTokenizer(subwords._HEAD + piece(b"a") + piece("\u2581".encode()) + b"\x12\x02\x18\x01", False).size == 261


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_rules_that_a_model_brings_have_no_effect(model: str) -> None:
    """Normalisation among them: a stranger's could turn every text into another."""
    blob = fit(TEXT, subword_model=model).tensors()["subword_model"].tobytes()
    assert blob.endswith(b"\x0a\x08identity\x12\x00\x18\x00\x20\x00")
    forged = SubwordTokenizer(blob[:-4] + b"\x18\x01\x20\x01", False)
    assert forged.decode(forged.encode("  two  spaces  ")) == "  two  spaces  "
    assert np.array_equal(forged.encode(TEXT), fit(TEXT, subword_model=model).encode(TEXT))


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_text_is_divided_as_sentencepiece_divides_it(model: str) -> None:
    tokenizer = fit(TEXT, subword_model=model)
    processor = SentencePieceProcessor(model_proto=tokenizer.tensors()["subword_model"].tobytes())
    words = [f" {word}" for word in TEXT.split()]
    assert [tokenizer.encode(word).tolist() for word in words] == processor.encode(words)


SAMPLED = [*TEXT.splitlines()[:40], "", " ", "Ünï \u4e2d\u6587 \U0001f600 \u2581\u2585", "\n\r\t\0", "  two  spaces  ", "x" * 500]
"""Lines of what was learned from, and what was never seen."""


@pytest.mark.parametrize("model", ["unigram", "bpe"])
@pytest.mark.parametrize("alpha", [0.05, 0.3, 1.0, 10.0])
def test_sampled_ids_are_decoded_to_the_text(model: str, alpha: float) -> None:
    tokenizer = fit(TEXT, subword_model=model)
    found = tokenizer.encode_sampled(SAMPLED, alpha, seed=1)
    assert [tokenizer.decode(ids) for ids in found] == SAMPLED
    assert {ids.dtype for ids in found} == {tokenizer.encode("").dtype}
    assert not any((ids < len(SPECIALS)).any() for ids in found)


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_sampling_is_a_function_of_the_seed(model: str) -> None:
    tokenizer, again = fit(TEXT, subword_model=model), fit(TEXT, subword_model=model)
    one, other = (tokenizer.encode_sampled(SAMPLED, 0.2, seed) for seed in (1, 2))
    tokenizer.encode(TEXT)
    for sampler in (tokenizer, again):
        assert all(map(np.array_equal, sampler.encode_sampled(SAMPLED, 0.2, 1), one))
    assert not all(map(np.array_equal, one, other))


@pytest.mark.parametrize("model", ["unigram", "bpe"])
def test_a_word_is_divided_anew_wherever_it_stands(model: str) -> None:
    tokenizer = fit(TEXT, subword_model=model)
    word = " characters"
    assert len({tuple(ids.tolist()) for ids in tokenizer.encode_sampled([word] * 50, 0.2, 1)}) > 1
    assert tokenizer.encode_sampled([word * 50], 0.2, 1)[0].size > tokenizer.encode(word * 50).size


@pytest.mark.parametrize(("model", "tame", "wild"), [("unigram", 100.0, 0.01), ("bpe", 1e-9, 0.9)])
def test_alpha_says_how_far_from_the_best_division_it_goes(model: str, tame: float, wild: float) -> None:
    """The sharper a unigram model, the less it samples; the fewer merges left out, the less bpe does."""
    tokenizer = fit(TEXT, subword_model=model)
    plain = [tokenizer.encode(text) for text in SAMPLED]
    # Two divisions of one text may be equally likely.
    assert sum(map(np.array_equal, tokenizer.encode_sampled(SAMPLED, tame, 1), plain)) >= 0.9 * len(plain)
    assert sum(ids.size for ids in tokenizer.encode_sampled(SAMPLED, wild, 1)) > 1.5 * sum(ids.size for ids in plain)


def test_sampled_ids_of_a_lower_case_tokenizer_are_lower_case() -> None:
    tokenizer = fit(TEXT, lowercase=True)
    assert tokenizer.decode(tokenizer.encode_sampled(["A Token ΣΑΣ"], 0.2, 1)[0]) == "a token σασ"
