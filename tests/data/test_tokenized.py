"""Tests of charnn.data.tokenized."""

import os
import subprocess
import sys
import tracemalloc
from collections import Counter
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data.corpus import Corpus, Document
from charnn.data.settings import CorpusSettings
from charnn.data.tokenized import Part, TokenStore, opening, split_corpus, take, tokenize, tokenize_documents, tokenize_text, whole
from charnn.errors import DataError, StorageError
from charnn.tokenizers.registry import TOKENIZERS, TokenizerSettings, fit_tokenizer
from charnn.tokenizers.vocabulary import END, START, UNKNOWN


@pytest.mark.parametrize(("size", "kind"), [(200, np.uint8), (256, np.uint8), (257, np.uint16), (70_000, np.uint32)])
def test_ids_come_back_in_the_smallest_type(tmp_path: Path, size: int, kind: type) -> None:
    arrays = [np.array([0, size - 1], np.uint32), np.array([], np.uint32), np.array([1], np.uint8)]
    store = TokenStore.write(arrays, size, tmp_path)
    assert store.ids.dtype == kind
    assert store.ids.tolist() == [0, size - 1, 1]
    assert len(store.ids) == 3


@pytest.mark.parametrize("arrays", [[], [np.array([], np.uint8)]])
def test_no_tokens_are_allowed(tmp_path: Path, arrays: list[np.ndarray]) -> None:
    assert len(TokenStore.write(arrays, 10, tmp_path).ids) == 0


@pytest.mark.parametrize("arrays", [[], [np.array([1], np.uint8)]])
def test_ids_are_read_only(tmp_path: Path, arrays: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="read-only"):
        TokenStore.write(arrays, 10, tmp_path).ids[:] = 0


def test_the_file_has_no_name_even_while_it_is_used(tmp_path: Path) -> None:
    store = TokenStore.write([np.ones(5, np.uint8)], 10, tmp_path)
    assert len(store.ids) == 5
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_left_when_the_process_is_killed(tmp_path: Path) -> None:
    script = (
        "import os, sys, signal, pathlib, numpy as np\n"
        "from charnn.data.tokenized import TokenStore\n"
        "def arrays():\n"
        "    yield np.ones(1 << 22, np.uint8)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
        "TokenStore.write(arrays(), 10, pathlib.Path(sys.argv[1]))\n"
    )
    paths = os.pathsep.join([str(Path(__file__).parents[2]), *sys.path])
    done = subprocess.run([sys.executable, "-c", script, str(tmp_path)], env={**os.environ, "PYTHONPATH": paths}, check=False)
    assert done.returncode == -9
    assert list(tmp_path.iterdir()) == []


def test_memory_holds_one_array_whatever_the_length(tmp_path: Path) -> None:
    tracemalloc.start()
    try:
        store = TokenStore.write((np.ones(1 << 18, np.uint8) for _ in range(200)), 10, tmp_path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert len(store.ids) == 200 << 18
    assert peak < 8 << 18


def test_a_folder_that_cannot_be_written_is_reported(tmp_path: Path) -> None:
    folder = tmp_path / "none"
    with pytest.raises(StorageError, match=f"^cannot keep the token ids in {folder}: No such file or directory; free some space there$"):
        TokenStore.write([], 10, folder)


LINES = CorpusSettings(documents="lines")

texts = st.text(st.sampled_from("ab é😀\n\t \u2028,"), max_size=60)


def fitted(text="ab é😀\n\t \u2028,", **options):
    """A tokenizer, of characters by default, that knows the text."""
    return fit_tokenizer(lambda: [text], TokenizerSettings(**options))


def pieces_of(text, cuts):
    edges = [0, *sorted(cut % (len(text) + 1) for cut in cuts), len(text)]
    return [text[begin:end] for begin, end in pairwise(edges)]


@pytest.fixture
def corpus_of(tmp_path):
    """Makes a corpus of a text in one file."""

    def make(text, settings=None):
        (tmp_path / "corpus.txt").write_text(text, encoding="utf-8", newline="")
        return Corpus([tmp_path / "corpus.txt"], settings)

    return make


def numbered(count):
    return [Document(f"text {number}", None, f"names.txt:{number + 1}") for number in range(count)]


@given(texts, st.lists(st.integers(0, 60), max_size=5))
@settings(max_examples=150, deadline=None)
def test_counts_are_those_of_the_whole_text_wherever_the_chunks_end(tmp_path_factory, text, cuts):
    """An end of line counts as a word; a text may come in pieces of any size, even empty ones."""
    counts = tokenize_text(fitted(), pieces_of(text, cuts), tmp_path_factory.getbasetemp()).counts
    assert (counts.characters, counts.bytes) == (len(text), len(text.encode()))
    assert counts.words == len(text.split()) + text.count("\n")


@given(texts, st.lists(st.integers(0, 60), max_size=5), st.sampled_from(["char", "byte", "word"]))
@settings(max_examples=100, deadline=None)
def test_ids_are_those_of_the_whole_text_wherever_the_chunks_end(tmp_path_factory, text, cuts, name):
    tokenizer = fitted(tokenizer=name)
    tokenized = tokenize_text(tokenizer, pieces_of(text, cuts), tmp_path_factory.getbasetemp())
    assert tokenized.ids.tolist() == [opening(tokenizer), *tokenizer.encode(text)]


@pytest.mark.parametrize("name", TOKENIZERS)
def test_unknown_symbols_are_counted_and_charged_by_their_characters(name, tmp_path):
    tokenizer = fitted("a tale of two cities, told twice\n" * 20, tokenizer=name)
    strange = "a tale of Ωmega, Ωmega twice\n"
    tokenized = tokenize_text(tokenizer, [strange] * 3, tmp_path)
    counts = tokenized.counts
    expected = tokenizer.unknown_symbols(strange)
    assert counts.unknown == 3 * sum(expected.values())
    assert counts.unknown_characters == 3 * sum(len(symbol) * times for symbol, times in expected.items())
    assert counts.unknown_symbols == set(expected)
    assert counts.unknown == (tokenized.ids[1:] == UNKNOWN).sum()


def test_unknown_characters_are_named(tmp_path):
    counts = tokenize_text(fitted("abc"), ["abXcYX"], tmp_path).counts
    assert (counts.unknown, counts.unknown_characters, counts.unknown_symbols) == (3, 3, {"X", "Y"})


@pytest.mark.parametrize(("text", "first"), [("ab\n", "\n"), ("ab", None)])
def test_the_first_symbol_is_predicted_after_a_new_line_or_the_start_symbol(text, first):
    tokenizer = fitted(text)
    assert opening(tokenizer) == (START if first is None else tokenizer.encode(first)[0])


def test_documents_stand_between_start_and_end(tmp_path):
    tokenizer = fitted("abc")
    tokenized = tokenize_documents(tokenizer, [Document("ab", None, "x:1"), Document("c", None, "x:2")], [], tmp_path)
    a, b, c = tokenizer.encode("abc").tolist()
    assert tokenized.ids.tolist() == [START, a, b, END, START, c, END]
    assert tokenized.starts.tolist() == [0, 4, 7]
    assert tokenized.labels is None


def test_the_end_of_a_document_counts_as_a_character_a_byte_and_a_word(tmp_path):
    """It is predicted, so it is paid for."""
    counts = tokenize_documents(fitted(), [Document("é b", None, "x:1")] * 2, [], tmp_path).counts
    assert (counts.characters, counts.bytes, counts.words) == (2 * 4, 2 * 5, 2 * 3)


def test_labels_are_numbers_in_the_order_of_the_model(tmp_path):
    documents = [Document("a", label, "x:1") for label in ("late", "early", "late")]
    assert tokenize_documents(fitted(), documents, ["early", "late"], tmp_path).labels.tolist() == [1, 0, 1]


def test_a_model_without_labels_ignores_those_of_a_corpus(tmp_path):
    assert tokenize_documents(fitted(), [Document("a", "late", "x:1")], [], tmp_path).labels is None


@pytest.mark.parametrize(("label", "shown"), [("lost", "'lost'"), (None, "None")])
def test_a_label_the_model_lacks_is_refused(tmp_path, label, shown):
    documents = [Document("a", "early", "rows.csv:2"), Document("b", label, "rows.csv:3")]
    with pytest.raises(DataError) as caught:
        tokenize_documents(fitted(), documents, ["early", "late"], tmp_path)
    assert str(caught.value) == f"rows.csv:3: the label {shown} does not exist in this model; it has early, late"


@pytest.mark.parametrize("size", [10, 999, 1000, 1001])
@pytest.mark.parametrize("fraction", [0.1, 0.25, 0.9])
def test_the_end_of_a_running_text_is_held_out(corpus_of, size, fraction):
    text = "".join(chr(0x4E00 + number) for number in range(size))
    train, valid = (list(part.chunks()) for part in split_corpus(corpus_of(text), fraction, seed=1))
    assert "".join(train + valid) == text
    assert sum(map(len, valid)) == pytest.approx(fraction * size, abs=1)


@pytest.mark.parametrize("fraction", [0.1, 0.5])
def test_a_random_fraction_of_documents_is_held_out(corpus_of, fraction):
    corpus = corpus_of("".join(f"{number}\n" for number in range(100)), LINES)
    parts = split_corpus(corpus, fraction, seed=1)
    train, valid = ([document.text for document in part.documents()] for part in parts)
    assert Counter(train + valid) == Counter(map(str, range(100)))
    assert len(valid) == 100 * fraction
    assert train == sorted(train, key=int)
    assert valid != [str(number) for number in range(100)][-len(valid) :]


@pytest.mark.parametrize(("most", "held"), [(1000, 100), (30, 30)])
def test_unless_told_otherwise_a_tenth_is_held_out_but_no_more_than_is_needed(corpus_of, monkeypatch, most, held):
    monkeypatch.setattr("charnn.data.tokenized.MOST_CHARACTERS", most)
    monkeypatch.setattr("charnn.data.tokenized.MOST_DOCUMENTS", most)
    assert len("".join(split_corpus(corpus_of("a" * 1000), None, seed=1)[1].chunks())) == held
    assert len(list(split_corpus(corpus_of("a\n" * 1000, LINES), None, seed=1)[1].documents())) == held


def test_which_documents_are_held_out_is_a_function_of_the_seed(corpus_of):
    corpus = corpus_of("".join(f"{number}\n" for number in range(100)), LINES)
    held = [[document.text for document in split_corpus(corpus, 0.1, seed)[1].documents()] for seed in (1, 1, 2)]
    assert held[0] == held[1] != held[2]


def test_parts_can_be_read_again(corpus_of):
    for kind in (None, LINES):
        corpus = corpus_of("one\ntwo\nthree\nfour\n", kind)
        for part in (*split_corpus(corpus, 0.5, seed=1), whole(corpus)):
            assert list(part.chunks()) == list(part.chunks()) != []


@given(st.lists(st.text(max_size=6), max_size=6), st.integers(0, 40), st.one_of(st.none(), st.integers(0, 40)))
def test_take_cuts_pieces_as_it_would_the_whole_text(chunks, begin, end):
    assert "".join(take(chunks, begin, end)) == "".join(chunks)[begin : None if end is None else max(begin, end)]


def test_take_reads_no_further_than_it_must():
    def chunks():
        yield "abc"
        yield "def"
        raise AssertionError("read too far")

    assert "".join(take(chunks(), 1, 5)) == "bcde"


def test_a_tokenizer_learns_from_documents_as_lines():
    documents = numbered(3)
    assert "".join(Part(None, lambda: documents).chunks()) == "text 0\ntext 1\ntext 2\n"


def test_a_part_is_tokenized_as_what_it_is(corpus_of, tmp_path):
    tokenizer = fitted("one two\n")
    assert tokenize(tokenizer, whole(corpus_of("one\ntwo\n")), [], tmp_path).starts is None
    assert tokenize(tokenizer, whole(corpus_of("one\ntwo\n", LINES)), [], tmp_path).starts.tolist() == [0, 5, 10]


def test_ids_take_the_least_room_and_cannot_be_changed(tmp_path):
    tokenized = tokenize_text(fitted(), ["ab"], tmp_path)
    assert tokenized.ids.dtype == np.uint8
    assert not tokenized.ids.flags.writeable
    assert list(tmp_path.iterdir()) == []
