from collections import Counter
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data.corpus import Corpus, CorpusSettings, Document
from charnn.data.tokenized import Part, opening, split_corpus, take, tokenize, tokenize_documents, tokenize_text, whole
from charnn.errors import DataError
from charnn.tokenizers.registry import TOKENIZERS, TokenizerSettings, fit_tokenizer
from charnn.tokenizers.vocabulary import END, START, UNKNOWN

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
@pytest.mark.parametrize("share", [0.1, 0.25, 0.9])
def test_the_end_of_a_running_text_is_held_out(corpus_of, size, share):
    text = "".join(chr(0x4E00 + number) for number in range(size))
    train, valid = (list(part.chunks()) for part in split_corpus(corpus_of(text), share, seed=1))
    assert "".join(train + valid) == text
    assert sum(map(len, valid)) == pytest.approx(share * size, abs=1)


@pytest.mark.parametrize("share", [0.1, 0.5])
def test_a_random_share_of_documents_is_held_out(corpus_of, share):
    corpus = corpus_of("".join(f"{number}\n" for number in range(100)), LINES)
    parts = split_corpus(corpus, share, seed=1)
    train, valid = ([document.text for document in part.documents()] for part in parts)
    assert Counter(train + valid) == Counter(map(str, range(100)))
    assert len(valid) == 100 * share
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
