"""Tests of charnn.data.corpus, with the readers and tables below it."""

import codecs
import gzip
import io
import os
import sys
import threading
import tracemalloc
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data import corpus as corpus_module
from charnn.data import readers
from charnn.data.builtin import BUILTIN
from charnn.data.corpus import Corpus, Document, Stretch
from charnn.data.readers import read_lines
from charnn.data.settings import CorpusSettings
from charnn.errors import DataError, SettingError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")


def text_of(*paths: str, **values: object) -> str:
    return "".join(Corpus(paths, CorpusSettings.from_plain(values)).chunks())


def documents_of(*paths: str, **values: object) -> list[Document]:
    return list(Corpus(paths, CorpusSettings.from_plain(values)).documents())


def error_of(*paths: str, **values: object) -> str:
    """The message of the DataError that reading the corpus raises."""
    read = documents_of if CorpusSettings.from_plain(values).is_documents else text_of
    with pytest.raises(DataError) as caught:
        read(*paths, **values)
    return str(caught.value)


class TestPaths:
    def test_several_files_are_one_text(self) -> None:
        assert text_of(write("a", "one"), write("b", "two\n"), write("c", ""), write("d", "three")) == "one\ntwo\nthree"

    def test_a_folder_gives_its_files_sorted_without_hidden_ones(self) -> None:
        for name in ("d/b/x.txt", "d/a.txt", "d/.hidden", "d/.git/config", "d/c.txt"):
            write(name, f"{name}\n")
        assert text_of("d") == "d/a.txt\nd/b/x.txt\nd/c.txt\n"

    def test_gzip_is_unpacked(self) -> None:
        assert text_of(write("a.txt.gz", gzip.compress(b"packed"))) == "packed"

    def test_a_corpus_can_be_read_again_and_by_two_readers_at_once(self) -> None:
        corpus = Corpus([write("a", "text"), write("b.gz", gzip.compress(b"more"))])
        assert list(zip(corpus.chunks(), corpus.chunks(), strict=True)) == [("text", "text"), ("\nmore", "\nmore")]
        assert list(corpus.chunks()) == ["text", "\nmore"]

    def test_standard_input_is_read_once_and_given_again_and_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO("caf\u00e9\nx".encode() * 900_000)))
        corpus = Corpus(["-"])
        first, second = corpus.chunks(), corpus.chunks()
        pieces = list(zip(first, second, strict=True))
        assert all(one == other for one, other in pieces)
        assert "".join(one for one, _ in pieces) == "caf\u00e9\nx" * 900_000
        assert corpus.name == "stdin"

    def test_a_named_pipe_can_be_read_again(self) -> None:
        os.mkfifo("pipe")
        writer = threading.Thread(target=lambda: write("pipe", "through a pipe"))
        writer.start()
        corpus = Corpus(["pipe"])
        writer.join()
        assert list(corpus.chunks()) == list(corpus.chunks()) == ["through a pipe"]

    def test_a_built_in_corpus_answers_to_its_name_where_no_file_has_it(self) -> None:
        assert "assert" in text_of("python-docs")
        write("python-docs", "mine")
        assert text_of("python-docs") == "mine"

    @pytest.mark.parametrize(
        ("paths", "name"),
        [
            (["poems.txt"], "poems"),
            (["x/ptb.train.txt.gz"], "ptb.train"),
            (["names"], "names"),
            (["my poems (old).TXT", "b"], "my-poems-old-and-1-more"),
            (["v1.2"], "v1.2"),
            ([".profile"], "profile"),
            (["x/"], "x"),
        ],
    )
    def test_the_name_is_fit_for_a_folder(self, paths: list[str], name: str) -> None:
        for path in paths:
            write(f"{path}file" if path.endswith("/") else path, "text")
        assert Corpus(paths).name == name


class TestDecoding:
    def test_a_byte_order_mark_is_dropped_in_every_file_and_kept_inside(self) -> None:
        assert text_of(write("a", "\ufeffone\ufeff\n"), write("b", "\ufefftwo")) == "one\ufeff\ntwo"
        assert text_of(write("c", "\ufeffdrei".encode("utf-16")), encoding="utf-16") == "\ufeffdrei"[1:]
        assert text_of(write("d", "\ufeffdrei".encode("utf-16-le")), encoding="utf-16-le") == "drei"

    def test_line_ends_are_kept_or_made_unix(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readers, "BLOCK", 2)  # so that a block ends between CR and LF
        write("a", "a\r\nb\rc\nd\r")
        assert text_of("a") == "a\r\nb\rc\nd\r"
        assert text_of("a", newlines="unix") == "a\nb\nc\nd\n"

    def test_only_a_newline_ends_a_line(self) -> None:
        documents = documents_of(write("a", "a\u2028b\x85c\rd\r\ne\x0bf"), documents="lines")
        assert [document.text for document in documents] == ["a\u2028b\x85c\rd", "e\x0bf"]

    @settings(max_examples=60, deadline=None)
    @given(
        text=st.text(st.characters(codec="utf-8", exclude_characters="\0")),
        block=st.integers(1, 9),
        encoding=st.sampled_from(["utf-8", "utf-16", "utf-32-be"]),
    )
    def test_any_text_is_read_whole_in_blocks_of_any_size(self, text: str, block: int, encoding: str) -> None:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "BLOCK", block)
            source = readers.find_sources([write("a", f"x{text}".encode(encoding))])[0]
            pieces = list(readers.read_text(source, readers.Decoding(encoding, "strict", "keep")))
            assert "".join(pieces) == f"x{text}"
            assert "".join(read_lines(pieces)) == f"x{text}"
            assert all(line.count("\n") <= 1 for line in read_lines(pieces))

    @pytest.mark.parametrize("block", [1, 2, 3, 1 << 20])
    def test_invalid_bytes_are_named_by_their_offset(self, monkeypatch: pytest.MonkeyPatch, block: int) -> None:
        monkeypatch.setattr(readers, "BLOCK", block)
        advice = "is not valid utf-8; say the right --encoding, or --errors replace"
        assert error_of(write("a", "\u20acuro \u20ac".encode() + b"\xe2\x82x")) == f"a: byte 10 {advice}"
        assert error_of(write("b", "cut \u20ac".encode()[:-1])) == f"b: byte 4 {advice}"
        assert text_of("a", errors="replace") == "\u20acuro \u20ac\ufffdx"

    def test_offsets_have_thousands_and_count_from_the_beginning_of_the_file(self) -> None:
        message = error_of(write("a", b"x" * 3_000_000 + b"\xff"))
        assert message == "a: byte 3,000,000 is not valid utf-8; say the right --encoding, or --errors replace"

    def test_utf_16_without_a_byte_order_mark_is_refused_like_any_bad_byte(self) -> None:
        """Python says so by an error without a place."""
        advice = "byte 0 is not valid utf-16; say the right --encoding, or --errors replace"
        assert error_of(write("a", b"plain text\n"), encoding="utf-16") == f"a: {advice}"

    def test_another_encoding_can_be_said(self) -> None:
        assert text_of(write("a", "na\u00efve \u2019".encode("cp1252")), encoding="cp1252") == "na\u00efve \u2019"

    @pytest.mark.parametrize(
        ("encoding", "mark"), [("utf-16", codecs.BOM_UTF16_LE), ("utf-16", codecs.BOM_UTF16_BE), ("utf-32", codecs.BOM_UTF32_LE)]
    )
    def test_a_foreign_byte_order_mark_names_the_encoding(self, encoding: str, mark: bytes) -> None:
        message = error_of(write("a", mark + "text".encode("utf-16-le")), errors="replace")
        assert message == f"a: begins with the byte order mark of {encoding}; say --encoding {encoding}"

    @pytest.mark.parametrize(("encoding", "offset"), [("utf-8", 4), ("utf-16-le", 4), ("utf-16", 6)])
    def test_a_nul_is_refused_or_replaced(self, encoding: str, offset: int) -> None:
        write("a", "\u00e9x".encode(encoding) + "y\0z".encode("utf-16-le" if encoding == "utf-16" else encoding))
        offset += 2 * (encoding != "utf-8")
        message = error_of("a", encoding=encoding)
        assert message == f"a: byte {offset} is NUL, so this is no text file; leave it out, or say --errors replace"
        assert text_of("a", encoding=encoding, errors="replace") == "\u00e9xy\ufffdz"

    @pytest.mark.parametrize("encoding", ["latin-42", "hex", "", "a\0b"])
    def test_an_unknown_encoding_is_refused(self, encoding: str) -> None:
        with pytest.raises(SettingError, match=r"^encoding must name a text encoding such as utf-8, utf-16 or cp1252; got "):
            CorpusSettings(encoding=encoding)

    def test_memory_does_not_grow_with_the_length_of_a_line(self) -> None:
        write("a", b"x" * 40_000_000)
        corpus = Corpus(["a"])
        tracemalloc.start()
        try:
            assert sum(map(len, corpus.chunks())) == 40_000_000
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()


class TestDocuments:
    def test_each_line_is_a_document_and_empty_lines_are_none(self) -> None:
        documents = documents_of(write("a", "Ana\r\n\n Bo \n\r\nCy"), write("b", "Di\n"), documents="lines")
        assert documents == [
            Document("Ana", None, "a:1"),
            Document(" Bo ", None, "a:3"),
            Document("Cy", None, "a:5"),
            Document("Di", None, "b:1"),
        ]

    def test_files_may_be_the_labels_of_their_lines(self) -> None:
        write("names/Italian.txt", "Rossi\n")
        write("names/German.txt.gz", gzip.compress(b"Maier\n"))
        corpus = Corpus(["names"], CorpusSettings(labels_from_files=True))
        assert corpus.is_documents
        assert corpus.labels() == ["German", "Italian"]
        assert [(one.text, one.label) for one in corpus.documents()] == [("Maier", "German"), ("Rossi", "Italian")]

    def test_a_corpus_without_labels_has_none(self) -> None:
        assert Corpus([write("a", "text")]).labels() == []

    def test_csv_rows_may_hold_newlines_and_quotes(self) -> None:
        write("a.csv", '\ufeffid,text,label\r\n1,"one, ""two""\nthree",good\r\n\r\n2,four, bad \r\n')
        corpus = Corpus(["a.csv"], CorpusSettings(text_column="text", label_column="label"))
        assert list(corpus.documents()) == [Document('one, "two"\nthree', "good", "a.csv:2"), Document("four", "bad", "a.csv:5")]
        assert corpus.labels() == ["bad", "good"]
        assert "".join(corpus.chunks()) == 'one, "two"\nthree\nfour\n'

    def test_a_csv_field_may_be_long(self) -> None:
        assert len(documents_of(write("a.csv", "text\n" + "x" * 200_000), text_column="text")[0].text) == 200_000

    def test_tsv_has_no_quoting(self) -> None:
        documents = documents_of(write("a.tsv", 'label\ttext\ngood\t"open\nbad\t\x85 end"\n'), label_column="label")
        assert documents == [Document('"open', "good", "a.tsv:2"), Document('\x85 end"', "bad", "a.tsv:3")]

    def test_jsonl_has_an_object_a_line(self) -> None:
        documents = documents_of(write("a.jsonl", '{"Text": "a\\nb", "n": 1}\n\n{"Text": "c", "n": true}\n'), label_column="n")
        assert documents == [Document("a\nb", "1", "a.jsonl:1"), Document("c", "true", "a.jsonl:3")]

    @pytest.mark.parametrize(
        ("name", "content", "values", "message"),
        [
            ("a.csv", "x,y\n1,2\n", {"text_column": "text"}, "a.csv:2: has no column 'text'; there are x, y"),
            ("a.csv", "x,y\n1,2\n", {"label_column": "y"}, "a.csv:2: which column holds the text? say --text-column; there are x, y"),
            ("a.csv", "text,y\n1,2\n", {"label_column": "z"}, "a.csv:2: has no column 'z'; there are text, y"),
            ("a.csv", "text,y\n1, \n", {"label_column": "y"}, "a.csv:2: has no label in the column y; fill it in or leave the row out"),
            ("a.csv", "text,y\n1\n", {"label_column": "y"}, "a.csv:2: expected 2 columns (text, y), found 1"),
            (
                "a.csv",
                "text,text\n1,2\n",
                {"text_column": "text"},
                "a.csv:1: the header line names a column twice: text, text; rename one, or give its number",
            ),
            (
                "a.csv",
                'text\n1\n"open\n',
                {"text_column": "text"},
                "a.csv:3: a quote that is opened here is not closed; close it, or write a quote within a quoted cell twice",
            ),
            ("a.tsv", "text\ty\n1\t2\t3\n", {"label_column": "y"}, "a.tsv:2: expected 2 columns (text, y), found 3"),
            ("a.jsonl", "[1]\n", {"text_column": "t"}, 'a.jsonl:1: expected a JSON object such as {"text": ...}, got [1]'),
            ("a.jsonl", '{"t": 3}\n', {"text_column": "t"}, "a.jsonl:1: the column t should hold text, got 3"),
            ("a.jsonl", '{"text": "x", "y": null}\n', {"label_column": "y"}, "a.jsonl:1: the column y should hold a label, got None"),
            (
                "a.txt",
                "text\n",
                {"text_column": "text"},
                "a.txt: is no table; columns are read from files named .csv, .tsv, .jsonl, .ndjson, .json (packed ones too), "
                "or with --input-format csv, tsv or jsonl",
            ),
            ("a.csv", "text\n", {"text_column": "text"}, "a.csv: holds no documents: no line or row has any text; give a file that does"),
        ],
    )
    def test_bad_tables_are_reported_with_their_line(self, name: str, content: str, values: dict[str, str], message: str) -> None:
        write(name, content)
        assert error_of(name, **values) == message

    def test_json_that_is_none_is_reported_with_its_line(self) -> None:
        for content in ('{"text": "x"', "[" * 100_000):
            write("a.jsonl", f'{{"text": "fine"}}\n{content}\n')
            assert error_of("a.jsonl", text_column="text").startswith("a.jsonl:2: is not valid JSON: ")

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            (
                {"labels_from_files": True, "label_column": "y"},
                "labels_from_files cannot be combined with text_column or label_column; choose one",
            ),
            (
                {"documents": "lines", "text_column": "y"},
                "documents cannot be lines when text_column or label_column is given: there each row is a document",
            ),
        ],
    )
    def test_contradictions_are_refused(self, values: dict[str, object], message: str) -> None:
        with pytest.raises(SettingError, match=f"^{message}$"):
            CorpusSettings.from_plain(values)


class TestErrors:
    def test_a_missing_file(self) -> None:
        known = ", ".join(BUILTIN)
        assert error_of("no") == f"no: no such file; give a file, a folder, - for standard input, or a built-in corpus: {known}"

    def test_a_path_that_is_no_path(self) -> None:
        assert error_of("x" * 5000).startswith("x" * 5000)
        assert "no such file" in error_of("a\0b")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
    def test_an_unreadable_file(self) -> None:
        Path(write("a", "text")).chmod(0)
        assert error_of("a") == "a: cannot be read: Permission denied"

    def test_an_empty_file(self) -> None:
        assert error_of(write("a", "")) == "a: holds no text; give a file that does"
        assert error_of("a", write("b", "\ufeff")) == "a and 1 more: holds no text; give a file that does"

    def test_lines_without_text(self) -> None:
        message = "a: holds no documents: no line or row has any text; give a file that does"
        assert error_of(write("a", "\n\r\n\n"), documents="lines") == message

    def test_a_folder_without_files(self) -> None:
        write("d/.hidden", "x")
        assert error_of("d") == "d: the folder has no files; name one that holds text"

    def test_a_folder_of_binaries(self) -> None:
        write("d/a.png", b"\x89PNG\r\n\x1a\n\0\0")
        assert error_of("d") == error_of("d", errors="replace") == "d/a.png: is a picture, not text; give a text file"

    @pytest.mark.parametrize("content", [b"no gzip", gzip.compress(b"text" * 99, mtime=0)[:-9], b""])
    def test_a_damaged_gzip_file(self, content: bytes) -> None:
        message = error_of(write("a.gz", content))
        assert message.startswith("a.gz: is not a complete gzip file: " if content else "a.gz: holds no text; ")


class TestStretches:
    def test_lines_have_their_places_in_every_file(self) -> None:
        paths = [write("a", "one\r\n\ntwo"), write("b", ""), write("c", "three\n"), "a"]
        assert list(Corpus(paths).stretches()) == [
            Stretch("one\r\n", "a:1", True, True),
            Stretch("\n", "a:2", True, True),
            Stretch("two\n", "a:3", True, True),
            Stretch("three\n", "c:1", True, True),
            Stretch("one\r\n", "a:1", True, True),
            Stretch("\n", "a:2", True, True),
            Stretch("two", "a:3", True, True),
        ]

    def test_a_long_line_comes_in_parts_divided_between_words(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(readers, "BLOCK", 4)
        monkeypatch.setattr(corpus_module, "LONGEST_LINE", 8)
        assert list(Corpus([write("a", "ab cde fgh ijkl\nmno\n")]).stretches()) == [
            Stretch("ab cde fgh ", "a:1", True, False),
            Stretch("ijkl\n", "a:1", False, True),
            Stretch("mno\n", "a:2", True, True),
        ]

    @settings(deadline=None)
    @given(st.lists(st.text("ab \n\r", max_size=30), min_size=1, max_size=4), st.integers(1, 5), st.integers(1, 12))
    def test_joined_they_are_the_text_and_each_line_begins_and_ends_once(self, texts: list[str], block: int, longest: int) -> None:
        corpus = Corpus([write(f"f{number}", f"x{text}") for number, text in enumerate(texts)])
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(readers, "BLOCK", block)
            patch.setattr(corpus_module, "LONGEST_LINE", longest)
            found = list(corpus.stretches())
            whole = "".join(corpus.chunks())
        assert "".join(one.text for one in found) == whole
        assert [one.begins for one in found] == [True, *(one.ends for one in found[:-1])]
        assert found[-1].ends
        assert all("\n" not in one.text[:-1] for one in found)


class TestRealCorpora:
    def test_names_by_nationality(self, real_data: Path) -> None:
        corpus = Corpus([real_data / "names-by-nationality"], CorpusSettings(labels_from_files=True))
        assert len(corpus.labels()) == 18
        assert sum(1 for _ in corpus.documents()) == 20_050

    def test_tweets_with_newlines_inside_fields(self, real_data: Path) -> None:
        corpus = Corpus([real_data / "airline" / "Tweets.csv"], CorpusSettings(label_column="airline_sentiment"))
        assert corpus.labels() == ["negative", "neutral", "positive"]
        assert sum(1 for _ in corpus.documents()) == 14_640

    def test_windows_1252(self, real_data: Path) -> None:
        path = str(real_data / "mr" / "raw" / "rt-polarity.pos")
        assert "not valid utf-8" in error_of(path, documents="lines")
        assert len(documents_of(path, documents="lines", encoding="cp1252")) == 5_331
