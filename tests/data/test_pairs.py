"""Tests of charnn.data.pairs."""

import gzip
import io
import sys
import tracemalloc
from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from charnn.data.labelled import folded
from charnn.data.pairs import Pair, PairData, hold_out, split_pairs
from charnn.data.settings import PairFiles, PairSettings
from charnn.errors import CharnnError, DataError, SettingError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")


def read(*tables: str | Path, source: Sequence[str | Path] = (), target: Sequence[str | Path] = (), **values: Any) -> list[Pair]:
    return list(PairData(PairFiles(tables, source, target), PairSettings(**values)).pairs())


def error_of(*tables: str, kind: type[CharnnError] = DataError, **values: Any) -> str:
    with pytest.raises(kind) as caught:
        read(*tables, **values)
    return str(caught.value)


def pairs_of(sources: Sequence[str]) -> list[Pair]:
    return [Pair(source, f"target {number}", f"a:{number}") for number, source in enumerate(sources, 1)]


class TestTabs:
    @pytest.mark.parametrize("name", ["a.tsv", "a.txt", "a", "a.conll", "a.tsv.gz"])
    def test_without_a_header_the_first_two_cells_are_a_pair(self, name: str) -> None:
        text = '"Go.\tVa\x85\u2028 !"\tCC-BY 2.0\r\n\nHi. \t\n\tSalut\r'
        write(name, gzip.compress(text.encode()) if name.endswith(".gz") else text)
        assert read(name) == [
            Pair('"Go.', 'Va\x85\u2028 !"', f"{name}:1"),
            Pair("Hi. ", "", f"{name}:3"),
            Pair("", "Salut", f"{name}:4"),
        ]

    @pytest.mark.parametrize(
        ("header", "columns"),
        [
            ("source\ttarget", (0, 1)),
            ("trg\tsrc", (1, 0)),
            (" SRC \tTgt\r", (0, 1)),
            ("id\ttarget\tsource", (2, 1)),
        ],
    )
    def test_a_first_line_that_names_both_columns_is_a_header(self, header: str, columns: tuple[int, int]) -> None:
        cells = [f"cell{number}" for number in range(header.count("\t") + 1)]
        table = "\n".join([header, "\t".join(cells)])
        pair = cells[columns[0]], cells[columns[1]]
        files = [write("a.tsv", table), write("b.tsv", f"\ufeff\n{table}\n")]
        assert read(*files) == [Pair(*pair, "a.tsv:2"), Pair(*pair, "b.tsv:3")]

    @pytest.mark.parametrize("row", [("source", "but"), ("une", "target"), ("source", "src"), ("the source", "the target")])
    def test_a_first_line_that_does_not_name_both_columns_is_a_pair(self, row: tuple[str, str]) -> None:
        assert read(write("a.tsv", "\t".join(row))) == [Pair(*row, "a.tsv:1")]

    def test_columns_that_are_said_stand_in_a_header(self) -> None:
        write("a.txt", "id\ten\tfr\n1\tGo.\tVa !\n")
        assert read("a.txt", source_column="fr", target_column="en") == [Pair("Va !", "Go.", "a.txt:2")]

    @pytest.mark.parametrize(
        ("content", "values", "message"),
        [
            ("Go.\tVa !\n\nRun!\n", {}, "a.tsv:3: expected 'source<TAB>target', found no tab"),
            ("Go. Va !\n", {}, "a.tsv:1: expected 'source<TAB>target', found no tab"),
            ("source\ttarget\nGo.\n", {}, "a.tsv:2: expected 2 columns (source, target), found 1"),
            ("en\tfr\nGo.\tVa !\n", {"source_column": "de"}, "a.tsv:2: has no column 'de'; there are en, fr"),
            ("source\ttarget\n", {}, "a.tsv: holds no pairs; give sources and their targets"),
            ("\n\n", {}, "a.tsv: holds no pairs; give sources and their targets"),
            ("a\tb\0\n", {}, "a.tsv:1: character 3 is NUL, so this is no text; leave it out, or say --errors replace"),
        ],
    )
    def test_bad_lines_are_reported(self, content: str, values: dict[str, str], message: str) -> None:
        assert error_of(write("a.tsv", content), **values) == message

    def test_standard_input_is_a_tsv_and_is_read_again_and_again(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"Go.\tVa !\n")))
        data = PairData(PairFiles(["-"]))
        assert data.name == "stdin"
        assert list(data.pairs()) == list(data.pairs()) == [Pair("Go.", "Va !", "standard input:1")]


class TestTables:
    def test_csv_cells_may_hold_newlines(self) -> None:
        write("a.csv", 'Source,Target\r\n"one, ""two""\nthree", quatre\r\n\r\n,\r\n')
        assert read("a.csv") == [Pair('one, "two"\nthree', " quatre", "a.csv:2"), Pair("", "", "a.csv:5")]

    def test_tables_with_other_columns_are_one_corpus_also_in_a_folder(self) -> None:
        write("d/a.csv", "x,tgt,src\n1,un,one\n")
        write("d/b/c.jsonl", '{"fr": "deux", "en": "two"}\n')
        write("d/e.txt", "three\ttrois\n")
        data = PairData(PairFiles(["d"]))
        assert data.name == "d"
        assert [(one.source, one.target) for one in data.pairs()] == [("one", "un"), ("deux", "two"), ("three", "trois")]

    @pytest.mark.parametrize(
        ("header", "options", "columns"),
        [
            ("en,fr", {}, (0, 1)),
            ("target,source", {}, (1, 0)),
            ("target,en", {}, (1, 0)),
            ("en,source", {}, (1, 0)),
            ("id,trg,tgt,src,source", {}, (4, 2)),
            ("en,fr", {"source_column": "fr"}, (1, 0)),
            ("en,fr", {"target_column": "en"}, (1, 0)),
            ("id,en,fr", {"source_column": "en", "target_column": "fr"}, (1, 2)),
            ("source,target,fr", {"target_column": "fr"}, (0, 2)),
            ("source,target,id", {"source_column": "target", "target_column": "source"}, (1, 0)),
        ],
    )
    def test_columns_are_as_said_else_known_by_name_else_the_two_there_are(
        self, header: str, options: dict[str, str], columns: tuple[int, int]
    ) -> None:
        cells = [f"cell{number}" for number in range(header.count(",") + 1)]
        write("a.csv", f"{header}\n{','.join(cells)}\n")
        assert read("a.csv", **options) == [Pair(cells[columns[0]], cells[columns[1]], "a.csv:2")]

    @pytest.mark.parametrize(
        ("content", "options", "message"),
        [
            (
                "id,en,fr\n1,2,3\n",
                {},
                "a.csv:2: which columns hold the source and the target? say --source-column and --target-column; there are id, en, fr",
            ),
            ("id,src,fr\n1,2,3\n", {}, "a.csv:2: which column holds the target? say --target-column; there are id, src, fr"),
            ("en\none\n", {"target_column": "en"}, "a.csv:2: which column holds the source? say --source-column; there are en"),
            ("en,fr\n1,2\n", {"target_column": "de"}, "a.csv:2: has no column 'de'; there are en, fr"),
            (
                "en,fr\n1,2\n",
                {"source_column": "en", "target_column": "en"},
                "a.csv:2: the column en cannot hold both the source and the target; say another one",
            ),
            ("en,fr\n", {}, "a.csv: holds no pairs; give sources and their targets"),
        ],
    )
    def test_bad_tables_are_reported(self, content: str, options: dict[str, str], message: str) -> None:
        assert error_of(write("a.csv", content), **options) == message

    def test_json_that_is_no_text_is_reported(self) -> None:
        write("a.jsonl", '{"source": "one", "target": "un"}\n{"source": "two", "target": null}\n')
        assert error_of("a.jsonl") == "a.jsonl:2: the column target should hold text, got None"


class TestParallel:
    def test_line_k_of_the_sources_belongs_to_line_k_of_the_targets(self) -> None:
        sources = [write("a.de", "eins\n\nzwei\x85\u2028"), write("b.de.gz", gzip.compress(b"drei\tvier\r\n \n"))]
        target = write("all.en", "one\nnothing\ntwo\nthree\n\n")
        assert read(source=sources, target=[target]) == [
            Pair("eins", "one", "a.de:1"),
            Pair("", "nothing", "a.de:2"),
            Pair("zwei\x85\u2028", "two", "a.de:3"),
            Pair("drei\tvier", "three", "b.de.gz:1"),
            Pair(" ", "", "b.de.gz:2"),
        ]
        assert PairData(PairFiles(source=sources, target=[target])).name == "a-and-1-more"

    @pytest.mark.parametrize(
        ("sources", "targets", "message"),
        [
            (["x\n" * 2000], ["x\n" * 1999], "s0 has 2,000 lines and t0 1,999; give files with a line for a line"),
            (["x\n"], ["x\ny\nz"], "s0 has 1 line and t0 3; give files with a line for a line"),
            ([""], ["x\n"], "s0 has 0 lines and t0 1; give files with a line for a line"),
            (["x\n", "y\n"], ["x\n"], "s0 and 1 more have 2 lines and t0 1; give files with a line for a line"),
            (
                ["x\n", "y\nz\n"],
                ["x\ny\nz\n", "a\n", "b\n"],
                "s0 and 1 more have 3 lines and t0 and 2 more 5; the shorter ends at s1:2; give files with a line for a line",
            ),
        ],
    )
    def test_texts_of_unlike_length_are_reported_with_both_counts(self, sources: list[str], targets: list[str], message: str) -> None:
        names = [[write(f"{side}{number}", text) for number, text in enumerate(texts)] for side, texts in (("s", sources), ("t", targets))]
        assert error_of(source=names[0], target=names[1]) == message

    def test_no_lines_at_all_are_reported(self) -> None:
        assert error_of(source=[write("a", "")], target=[write("b", "")]) == "a: holds no pairs; give sources and their targets"

    @settings(max_examples=60, deadline=None)
    @given(st.lists(st.tuples(*[st.text(st.characters(codec="utf-8", exclude_characters="\0\t\n\r\ufeff"), max_size=4)] * 2), min_size=1))
    def test_a_table_and_parallel_files_say_the_same(self, rows: list[tuple[str, str]]) -> None:
        write("a.tsv", "".join(f"{source}\t{target}\n" for source, target in rows))
        parallel = {side: [write(side, "".join(f"{row[place]}\n" for row in rows))] for place, side in enumerate(("source", "target"))}
        for pairs in read("a.tsv"), read(**parallel):
            assert [(one.source, one.target) for one in pairs] == rows


class TestFiles:
    @pytest.mark.parametrize(
        "files", [{"source": ["s"], "target": ["t"]}, {"tables": ["a.tsv"]}, {"tables": ["a.csv"]}], ids=["parallel", "tsv", "csv"]
    )
    def test_reversed_twice_is_as_it_was(self, files: dict[str, list[str]]) -> None:
        for name, content in {"s": "un\ndeux\n", "t": "one\ntwo\n", "a.tsv": "un\tone\n", "a.csv": "target,source\none,un\n"}.items():
            write(name, content)
        there, back = (list(PairData(PairFiles(**files), PairSettings(reverse=reverse)).pairs()) for reverse in (False, True))
        assert (there[0].source, there[0].target) == ("un", "one")
        assert [Pair(one.target, one.source, one.where) for one in back] == there

    def test_columns_are_meant_before_source_and_target_change_places(self) -> None:
        write("a.csv", "en,fr\none,un\n")
        assert read("a.csv", source_column="fr", target_column="en", reverse=True) == [Pair("one", "un", "a.csv:2")]

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"source": ["b"]}, "source cannot be combined with a table of pairs; give one of the two"),
            ({"target": ["b"]}, "target cannot be combined with a table of pairs; give one of the two"),
        ],
    )
    def test_tables_and_parallel_files_are_not_combined(self, values: dict[str, list[str]], message: str) -> None:
        assert error_of("a", kind=SettingError, **values) == message

    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"source": ["b"]}, "source needs a target file beside it, with a line for each of its lines; give --target too"),
            ({"target": ["b"]}, "target needs a source file beside it, with a line for each of its lines; give --source too"),
            (
                {"source": ["a"], "target": ["b"], "target_column": "fr"},
                "target_column has no effect on files of parallel lines, which have no columns; leave it out",
            ),
            ({"encoding": "latin-42"}, "encoding must name a text encoding such as utf-8, utf-16 or cp1252; got 'latin-42'"),
        ],
    )
    def test_settings_that_contradict_each_other_are_refused(self, values: dict[str, Any], message: str) -> None:
        assert error_of(kind=SettingError, **values) == message

    def test_no_files_and_a_missing_file_are_reported(self) -> None:
        assert error_of() == "there are no files to read; give a table of pairs, or --source FILE --target FILE"
        assert error_of(source=[write("a", "x")], target=["no"]).startswith("no: no such file; ")

    def test_bytes_that_are_no_text_are_refused_or_replaced(self) -> None:
        write("a.tsv", b"naive\tna\xefve\n")
        assert error_of("a.tsv") == "a.tsv:1: byte 8 is not valid utf-8; say the right --encoding, or --errors replace"
        assert read("a.tsv", errors="replace")[0].target == "na\ufffdve"
        assert read("a.tsv", encoding="cp1252")[0].target == "na\u00efve"

    @pytest.mark.parametrize("has_tables", [True, False])
    def test_memory_does_not_grow_with_the_number_of_pairs(self, has_tables: bool) -> None:
        line = "word " * 40
        path = write("a", (f"{line}\t{line}\n" if has_tables else f"{line}\n") * 20_000)
        data = PairData(PairFiles([path]) if has_tables else PairFiles(source=[path], target=[path]))
        tracemalloc.start()
        try:
            assert sum(1 for _ in data.pairs()) == 20_000
            assert tracemalloc.get_traced_memory()[1] < 12_000_000
        finally:
            tracemalloc.stop()


class TestSplit:
    @given(
        st.lists(st.integers(0, 20), max_size=60).filter(lambda numbers: len(set(numbers)) > 1), st.floats(0.01, 0.99), st.integers(0, 3)
    )
    def test_equal_sources_stay_together_and_no_part_is_empty(self, numbers: list[int], fraction: float, seed: int) -> None:
        pairs = pairs_of([f"source  {number}" if place % 2 else f"Source {number}\t" for place, number in enumerate(numbers)])
        train, valid = split_pairs(pairs, fraction, seed)
        assert train
        assert valid
        assert sorted(train + valid, key=pairs.index) == pairs
        assert [train, valid] == [sorted(part, key=pairs.index) for part in (train, valid)]
        assert not {folded(one.source) for one in train} & {folded(one.source) for one in valid}

    @pytest.mark.parametrize(("count", "fraction", "held"), [(1000, 0.05, 50), (30, 0.1, 3), (31, 0.1, 4), (2, 0.01, 1), (3, 0.99, 2)])
    def test_the_fraction_is_held_out_rounded_up(self, count: int, fraction: float, held: int) -> None:
        train, valid = split_pairs(pairs_of([str(number) for number in range(count)]), fraction, 0)
        assert (len(train), len(valid)) == (count - held, held)

    @pytest.mark.parametrize("seed", range(5))
    def test_where_the_fraction_is_smaller_than_any_source_the_rarest_is_held_out(self, seed: int) -> None:
        _, valid = split_pairs(pairs_of(["a"] * 9 + ["b"] * 4 + ["c"] * 7), 0.1, seed)
        assert [one.source for one in valid] == ["b"] * 4

    def test_it_depends_on_the_seed_alone(self) -> None:
        pairs = pairs_of([str(number) for number in range(100)])
        first, again, other = (split_pairs(pairs, 0.2, seed) for seed in (1, 1, 2))
        assert first == again != other

    @pytest.mark.parametrize(
        ("sources", "found"), [([], "there is none"), (["a"], "there is only one"), (["a b", "A  b "], "all pairs have the same source")]
    )
    def test_what_cannot_be_divided_is_refused(self, sources: list[str], found: str) -> None:
        with pytest.raises(DataError) as caught:
            split_pairs(pairs_of(sources), 0.5, 0)
        begin = "pairs for training and others for validation need two different sources"
        assert str(caught.value) == f"{begin}, and {found}; give more, or --valid FILE"

    def test_pairs_with_an_empty_side_stay_in_training(self) -> None:
        pairs = [*pairs_of("abcdefghij"), Pair("", "x", "a:11"), Pair("k", " ", "a:12")]
        train, held = hold_out(pairs, None, 1)
        assert (len(train), len(held)) == (11, 1)
        assert train[-2:] == pairs[-2:]


class TestRealData:
    @pytest.mark.parametrize(("name", "count"), [("train.tsv.gz", 137_152), ("valid.tsv", 2_894), ("test.tsv", 2_741)])
    def test_english_and_french(self, real_data: Path, name: str, count: int) -> None:
        assert sum(1 for _ in PairData(PairFiles([real_data / "eng-fra" / name])).pairs()) == count

    @pytest.mark.parametrize(("name", "count"), [("train", 29_000), ("val", 1_014), ("test_2016_flickr", 1_000)])
    def test_captions_in_german_and_english(self, real_data: Path, name: str, count: int) -> None:
        german, english = ([real_data / "multi30k" / f"{name}.{language}.gz"] for language in ("de", "en"))
        assert len(read(source=german, target=english)) == count
