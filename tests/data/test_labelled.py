"""Tests of charnn.data.labelled, with the guessing of columns in charnn.data.tables."""

import gzip
import io
import sys
import tracemalloc
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from charnn.data.labelled import Example, LabelledData, folded, hold_out, label_set, split_examples
from charnn.data.settings import LabelledSettings
from charnn.errors import DataError, SettingError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")

FORMATS = (
    "give a table (.csv, .tsv, .jsonl, .ndjson, .json, or --input-format csv, tsv or jsonl), lines such as '__label__good a fine film', "
    "a folder with a folder or a file per label, or several files, one per label"
)


def read(*paths: str | Path, **values: str) -> list[Example]:
    return list(LabelledData(paths, LabelledSettings(**values)).examples())


def error_of(*paths: str, **values: str) -> str:
    with pytest.raises(DataError) as caught:
        read(*paths, **values)
    return str(caught.value)


class TestTables:
    def test_csv_cells_may_hold_newlines(self) -> None:
        write("a.csv", 'id,Sentiment,Text\r\n1,good,"one, ""two""\nthree"\r\n\r\n2, bad ,four\r\n')
        assert read("a.csv") == [Example('one, "two"\nthree', "good", "a.csv:2"), Example("four", "bad", "a.csv:5")]

    def test_tsv_has_no_quotes_and_only_a_newline_ends_its_lines(self) -> None:
        write("a.tsv", 'label\trating\ttext\ngood\t9\t"one\x85two\u2028\nbad\t1\tthree"\r\n')
        assert read("a.tsv") == [Example('"one\x85two\u2028', "good", "a.tsv:2"), Example('three"', "bad", "a.tsv:3")]

    def test_jsonl_labels_may_be_numbers(self) -> None:
        write("a.ndjson.gz", gzip.compress(b'{"review": "one", "target": 1}\n{"review": "two", "target": false}\n'))
        assert read("a.ndjson.gz") == [Example("one", "1", "a.ndjson.gz:1"), Example("two", "false", "a.ndjson.gz:2")]

    def test_an_empty_text_is_an_example(self) -> None:
        assert read(write("a.tsv", "label\ttext\ngood\t\n")) == [Example("", "good", "a.tsv:2")]

    def test_tables_with_other_columns_are_one_corpus(self) -> None:
        write("a.csv", "text,label\none,x\n")
        write("b.jsonl", '{"class": "y", "tweet": "two"}\n')
        assert read("a.csv", "b.jsonl") == [Example("one", "x", "a.csv:2"), Example("two", "y", "b.jsonl:1")]

    @pytest.mark.parametrize(
        ("header", "options", "columns"),
        [
            ("label,text", {}, (1, 0)),
            ("id,airline_sentiment,reason,text", {}, (3, 1)),
            ("id,gold_label,text", {}, (2, 1)),
            ("text,sentence,class,label", {}, (0, 3)),
            ("phrase,label", {}, (0, 1)),
            ("stars,content", {}, (1, 0)),
            ("phrase,stars", {"text_column": "phrase"}, (0, 1)),
            ("phrase,stars", {"label_column": "phrase"}, (1, 0)),
            ("id,text,label", {"text_column": "label", "label_column": "id"}, (2, 0)),
            ("text,review,id", {"label_column": "text"}, (1, 0)),
            ("a_label,b_label,text,label", {}, (2, 3)),
        ],
    )
    def test_columns_are_known_by_their_names_and_of_two_by_the_other(
        self, header: str, options: dict[str, str], columns: tuple[int, int]
    ) -> None:
        cells = [f"cell{number}" for number in range(header.count(",") + 1)]
        write("a.csv", f"{header}\n{','.join(cells)}\n")
        assert read("a.csv", **options) == [Example(cells[columns[0]], cells[columns[1]], "a.csv:2")]

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            (
                "phrase,stars\na,1\n",
                {},
                "a.csv:2: which columns hold the text and the label? say --text-column and --label-column; there are phrase, stars",
            ),
            ("a,b,text\n1,2,3\n", {}, "a.csv:2: which column holds the label? say --label-column; there are a, b, text"),
            ("a,b,label\n1,2,3\n", {}, "a.csv:2: which column holds the text? say --text-column; there are a, b, label"),
            (
                "x_label,y_label,text\n1,2,3\n",
                {},
                "a.csv:2: which column holds the label? say --label-column; there are x_label, y_label, text",
            ),
            ("label,text\n1,2\n", {"label_column": "stars"}, "a.csv:2: has no column 'stars'; there are label, text"),
            (
                "label,text\n1,2\n",
                {"label_column": "text", "text_column": "text"},
                "a.csv:2: the column text cannot hold both the text and the label; say another one",
            ),
            ("label,text\n ,two\n", {}, "a.csv:2: has no label in the column label; fill it in or leave the row out"),
            ("label,text\none,two\nthree\n", {}, "a.csv:3: expected 2 columns (label, text), found 1"),
            (
                f"{'x' * 99},b,good\n1,2,3\n",
                {},
                f"a.csv:2: which columns hold the text and the label? say --text-column and --label-column; there are {'x' * 40}, b, good",
            ),
            ("label,text\n", {}, "a.csv: holds no examples; give a file with texts and their labels"),
        ],
    )
    def test_bad_tables_are_reported_with_their_line(self, content: str, options: dict[str, str], message: str) -> None:
        write("a.csv", content)
        assert error_of("a.csv", **options) == message

    def test_a_label_that_json_lacks_is_reported_with_its_line(self) -> None:
        write("a.jsonl", '{"text": "one", "label": "x"}\n{"text": "two"}\n')
        assert error_of("a.jsonl") == "a.jsonl:2: has no column 'label'; there are text"
        assert error_of(write("b.jsonl", '{"text": 1, "label": null}\n')) == "b.jsonl:1: the column text should hold text, got 1"
        assert error_of(write("b.jsonl", '{"text": "", "label": null}\n')) == "b.jsonl:1: the column label should hold a label, got None"


class TestLines:
    def test_fasttext_lines_begin_with_their_label(self) -> None:
        write("a.txt", "\n__label__good , one \u2028 two \r\n \n__label__bad\tthree\n__label__bad\n")
        assert read("a.txt") == [
            Example(", one \u2028 two ", "good", "a.txt:2"),
            Example("three", "bad", "a.txt:4"),
            Example("", "bad", "a.txt:5"),
        ]

    def test_standard_input_holds_fasttext_lines_and_is_read_again_and_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"__label__x one\n__label__y two\n")))
        data = LabelledData(["-"])
        assert data.name == "stdin"
        assert list(data.examples()) == list(data.examples())
        assert list(data.examples()) == [Example("one", "x", "standard input:1"), Example("two", "y", "standard input:2")]

    @pytest.mark.parametrize(
        ("line", "message"),
        [
            ("__label__a __label__b text", "a:2: has several labels, a and b; a text can have only one, leave one"),
            ("__label__a text __label__b", "a:2: has several labels, a and b; a text can have only one, leave one"),
            ("only text", "a:2: has no label; expected '__label__' and a label before the text, got only text"),
            ("text __label__a", "a:2: has no label; expected '__label__' and a label before the text, got text __label__a"),
            ("__label__ text", "a:2: has no label; expected '__label__' and a label before the text, got __label__ text"),
        ],
    )
    def test_a_line_has_one_label(self, line: str, message: str) -> None:
        assert error_of(write("a", f"__label__x one\n{line}\n")) == message

    def test_a_single_file_without_labels_is_reported_what_formats_there_are(self) -> None:
        assert error_of(write("a.txt", "\nonly text\n")) == f"a.txt:2: has no label; {FORMATS}"

    def test_several_files_are_each_a_label_by_name_or_by_extension(self) -> None:
        files = [write("neg.txt", "one\n\n two \n"), write("d/pos.txt.gz", gzip.compress(b"three"))]
        assert read(*files) == [
            Example("one", "neg", "neg.txt:1"),
            Example(" two ", "neg", "neg.txt:3"),
            Example("three", "pos", "d/pos.txt.gz:1"),
        ]
        polarity = read(write("rt-polarity.pos", "one\n"), write("rt-polarity.neg", "two\n"))
        assert [example.label for example in polarity] == ["pos", "neg"]

    def test_several_fasttext_files_have_the_labels_of_their_lines(self) -> None:
        files = [write("train.txt", "__label__x one\n"), write("more.txt", "__label__y two\n")]
        assert [example.label for example in read(*files)] == ["x", "y"]

    def test_columns_of_what_is_no_table_are_refused(self) -> None:
        write("a.txt", "__label__x one\n")
        message = "a.txt: is no table, so --text-column has no effect; leave it out, or say --input-format csv, tsv or jsonl"
        assert error_of("a.txt", text_column="text") == message


class TestFolders:
    def test_a_sub_folder_is_a_label_and_each_of_its_files_a_text(self) -> None:
        for name in ("pos/2.txt", "pos/1.txt", "neg/1.txt", "neg/.hidden", ".git/x", "urls_pos.txt", ".DS_Store"):
            write(f"train/{name}", f"{name}\nsecond line\n")
        assert read("train/") == [
            Example("neg/1.txt\nsecond line", "neg", "train/neg/1.txt:1"),
            Example("pos/1.txt\nsecond line", "pos", "train/pos/1.txt:1"),
            Example("pos/2.txt\nsecond line", "pos", "train/pos/2.txt:1"),
        ]

    def test_an_empty_file_in_a_sub_folder_is_an_empty_text(self) -> None:
        assert read(str(Path(write("d/pos/1.txt", "")).parents[1])) == [Example("", "pos", "d/pos/1.txt:1")]

    def test_without_sub_folders_a_file_is_a_label_and_each_of_its_lines_a_text(self) -> None:
        write("names/Italian.txt", "Rossi\n\nBianchi\n")
        write("names/Arabic.txt", "Khoury\n")
        assert [(one.text, one.label) for one in read("names")] == [("Khoury", "Arabic"), ("Rossi", "Italian"), ("Bianchi", "Italian")]
        write("mr/rt.pos", "one\n")
        write("mr/rt.neg", "two\n")
        assert [(one.text, one.label) for one in read("mr")] == [("two", "neg"), ("one", "pos")]

    def test_the_current_folder_is_a_folder_too(self) -> None:
        write("x.txt", "one\n")
        assert read(".") == [Example("one", "x", "x.txt:1")]

    def test_tables_in_a_folder_have_their_own_labels(self) -> None:
        write("shards/1.csv", "text,label\none,x\n")
        write("shards/deep/er/2.csv", "text,label\ntwo,y\n")
        assert [example.label for example in read("shards")] == ["x", "y"]

    def test_a_folder_of_folders_of_labels_is_refused(self) -> None:
        write("aclImdb/train/pos/1.txt", "one")
        message = (
            "aclImdb/train/pos/1.txt: is too deep in its folder to have a label; give the folder that contains the folders of the labels"
        )
        assert error_of("aclImdb") == message

    def test_a_folder_without_files_and_a_missing_file_are_reported(self) -> None:
        Path("empty").mkdir()
        assert error_of("empty") == "empty: the folder has no files; name one that holds text"
        assert error_of("no").startswith("no: no such file; ")


class TestReading:
    def test_memory_does_not_grow_with_the_number_of_examples(self) -> None:
        data = LabelledData([write("a.tsv", "label\ttext\n" + f"x\t{'word ' * 40}\n" * 50_000)])
        tracemalloc.start()
        try:
            assert sum(1 for _ in data.examples()) == 50_000
            assert tracemalloc.get_traced_memory()[1] < 8_000_000
        finally:
            tracemalloc.stop()

    def test_a_text_may_be_gigantic(self) -> None:
        text = "word " * 400_000
        assert read(write("a.csv", f'label,text\nx,"{text}"\n')) == [Example(text, "x", "a.csv:2")]

    def test_an_unknown_encoding_is_refused(self) -> None:
        with pytest.raises(SettingError, match=r"^encoding must name a text encoding such as utf-8, utf-16 or cp1252; got 'latin-42'$"):
            LabelledSettings(encoding="latin-42")

    def test_bytes_that_are_no_text_are_refused_or_replaced(self) -> None:
        write("a.tsv", b"label\ttext\nx\tna\xefve\n")
        assert error_of("a.tsv") == "a.tsv:2: byte 4 is not valid utf-8; say the right --encoding, or --errors replace"
        assert [one.text for one in read("a.tsv", errors="replace")] == ["na\ufffdve"]
        assert [one.text for one in read("a.tsv", encoding="cp1252")] == ["na\u00efve"]


class TestSplit:
    @given(st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 20)), max_size=80), st.floats(0.01, 0.9), st.integers(0, 3))
    def test_equal_texts_stay_together_and_a_label_keeps_two_and_loses_no_more_than_its_fraction(
        self, rows: list[tuple[str, int]], fraction: float, seed: int
    ) -> None:
        labels = [label for label, _ in rows]
        texts = [f"text {number}" for _, number in rows]
        held = split_examples(labels, iter(texts), fraction, seed)
        assert held.shape == (len(rows),)
        assert not {text for text, out in zip(texts, held, strict=True) if out} & {
            text for text, out in zip(texts, held, strict=True) if not out
        }
        for label, total in Counter(labels).items():
            out = sum(held[number] for number, one in enumerate(labels) if one == label)
            assert out <= min(np.ceil(fraction * total), max(total - 2, 0))

    def test_the_fraction_of_every_label_is_held_out(self) -> None:
        labels = ["many"] * 1000 + ["few"] * 30 + ["three"] * 3 + ["two"] * 2 + ["one"]
        held = split_examples(labels, map(str, range(len(labels))), 0.1, 0)
        assert Counter(np.array(labels)[held].tolist()) == {"many": 100, "few": 3, "three": 1}

    def test_texts_are_equal_but_for_white_space_and_case(self) -> None:
        assert folded(" Good\n\tFILM ") == folded("good film")
        assert folded("good film") != folded("goodfilm")
        for seed in range(20):
            held = split_examples(["x"] * 4, ["A  b", "a b ", "c", "d"], 0.5, seed)
            assert held[0] == held[1]

    def test_it_depends_on_the_seed_alone(self) -> None:
        labels, texts = ["x", "y"] * 50, [str(number) for number in range(100)]
        first, again, other = (split_examples(labels, texts, 0.2, seed) for seed in (1, 1, 2))
        assert first.tolist() == again.tolist() != other.tolist()

    def test_a_tenth_of_each_label_is_held_out_unless_there_are_few(self) -> None:
        examples = [Example(f"text {number}", "xy"[number % 2], f"a:{number}") for number in range(20)]
        train, held = hold_out(examples, None, 1, "a")
        assert (Counter(one.label for one in train), Counter(one.label for one in held)) == ({"x": 9, "y": 9}, {"x": 1, "y": 1})
        assert len(hold_out(examples[:10], 0.4, 1, "a")[1]) == 4
        with pytest.raises(DataError, match=r"^a holds 19 texts, too few to hold some out; give more, or --valid FILE$"):
            hold_out(examples[:19], None, 1, "a")


class TestLabelSet:
    def test_the_labels_are_sorted(self) -> None:
        assert label_set({"b": 2, "a": 9}) == ["a", "b"]

    @pytest.mark.parametrize(
        ("counts", "where", "message"),
        [
            ({"x": 9}, {}, "a classifier needs at least two labels, and all examples have the label 'x'; give examples of another one too"),
            ({}, {}, "a classifier needs at least two labels, and there is none; give examples of another one too"),
            ({"x": 9, "y": 1}, {"y": "a:3"}, "a:3: the label 'y' is seen only once; give more examples of it, or leave it out"),
            (
                {"x": 9, "z": 1, "y": 1},
                None,
                "the label 'y' (and 1 more) is seen only once; give more examples of it, or leave it out",
            ),
        ],
    )
    def test_what_cannot_be_learned_is_refused(self, counts: dict[str, int], where: dict[str, str] | None, message: str) -> None:
        with pytest.raises(DataError) as caught:
            label_set(counts, where)
        assert str(caught.value) == message

    def test_a_label_that_cannot_be_written_is_refused(self) -> None:
        with pytest.raises(DataError, match="half of a surrogate pair"):
            label_set({"a": 5, "b\ud800": 5})


class TestRealData:
    @pytest.mark.parametrize(
        ("paths", "encoding", "counts"),
        [
            (["airline/Tweets.csv"], "utf-8", {"negative": 9_178, "neutral": 3_099, "positive": 2_363}),
            (["mr/raw/rt-polarity.pos", "mr/raw/rt-polarity.neg"], "cp1252", {"pos": 5_331, "neg": 5_331}),
            (["mr/raw"], "cp1252", {"pos": 5_331, "neg": 5_331}),
            (["mr/train.tsv"], "utf-8", {"positive": 4_265, "negative": 4_265}),
            (["sst2/train.tsv"], "utf-8", {"positive": 3_610, "negative": 3_310}),
        ],
    )
    def test_counts_per_label(self, real_data: Path, paths: list[str], encoding: str, counts: dict[str, int]) -> None:
        assert Counter(one.label for one in read(*(real_data / path for path in paths), encoding=encoding)) == counts

    def test_names_by_nationality(self, real_data: Path) -> None:
        labels = Counter(example.label for example in read(real_data / "names-by-nationality"))
        assert (len(labels), labels.total(), labels["Vietnamese"]) == (18, 20_050, 73)

    def test_reviews_with_next_line_characters_stay_whole(self, real_data: Path) -> None:
        data = LabelledData([real_data / "imdb" / "train.tsv.gz"])
        has_next_line = ["\x85" in example.text for example in data.examples()]
        assert (len(has_next_line), sum(has_next_line)) == (20_000, 278)
