"""Tests of charnn.data.rows, with the lines and records below it."""

import codecs
import gzip
import io
import json
import os
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from charnn.data.lines import Pause
from charnn.data.rows import InputRow, Item, Meter, find_inputs, read_rows
from charnn.data.settings import PredictSettings
from charnn.data.tables.records import BadRow, Dialect, Header
from charnn.errors import DataError, SettingError

pytestmark = pytest.mark.usefixtures("here")


def write(name: str, content: str | bytes) -> str:
    data = content.encode() if isinstance(content, str) else content
    Path(name).write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
    return name


def items_of(*arguments: str, **values: object) -> list[Item]:
    settings = PredictSettings.from_plain(values)
    return list(read_rows(find_inputs(arguments, settings), settings))


def rows_of(*arguments: str, **values: object) -> list[InputRow]:
    return [item for item in items_of(*arguments, **values) if isinstance(item, InputRow)]


def texts_of(*arguments: str, **values: object) -> list[str]:
    return [row.text for row in rows_of(*arguments, **values)]


def outputs(*arguments: str, **values: object) -> list[str]:
    """Each row as its text, each bad one as its message."""
    items = items_of(*arguments, **values)
    return [item.text if isinstance(item, InputRow) else item.message for item in items if isinstance(item, InputRow | BadRow)]


def error_of(*arguments: str, **values: object) -> str:
    with pytest.raises((DataError, SettingError)) as caught:
        items_of(*arguments, **values)
    return str(caught.value)


# What an argument is


def test_an_argument_is_standard_input_a_file_or_a_text(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BytesIO(b"said\n")))
    assert texts_of("a fine film", write("a.txt", "one\ntwo\n"), "-", "what.") == ["a fine film", "one", "two", "said", "what."]


@pytest.mark.parametrize("content", ["n,text\n1,so so\n", "n\ttext\n1\tso so\n", '{"n": 1, "text": "so so"}\n'])
def test_a_packed_file_reads_as_the_file(content: str) -> None:
    kind = "csv" if "," in content and "{" not in content else "tsv" if "\t" in content else "jsonl"
    write(f"a.{kind}", content)
    write(f"a.{kind}.gz", content)
    assert texts_of(f"a.{kind}.gz") == texts_of(f"a.{kind}") == ["so so"]


def test_the_input_format_stands_above_the_extension() -> None:
    assert texts_of(write("a.csv", "text\n1,2\n"), input_format="lines") == ["text", "1,2"]
    assert texts_of(write("a.data", "text\nso\n"), input_format="csv") == ["so"]


def test_a_long_argument_is_a_text() -> None:
    assert texts_of("so " * 100_000) == ["so " * 100_000]


def test_what_is_no_text_and_no_file_is_refused() -> None:
    Path("folder").mkdir()
    assert error_of("folder") == "folder: is a folder; give the files in it, or write this very word on standard input and give -"
    assert error_of("tweets.csv") == "tweets.csv: no such file; if it is a text, write it on standard input and give -"
    assert error_of("-", "-") == "standard input can be read only once; give one - only"
    assert texts_of("see tweets.csv") == ["see tweets.csv"]


def test_settings_without_effect_are_refused() -> None:
    assert error_of("so", input_format="csv") == "input_format has no effect, since no argument is a file or -; leave it out"
    assert error_of(write("a", ""), text_column="text") == (
        "text_column has no effect on plain text; leave it out, or say --input-format csv, tsv or jsonl"
    )


def test_an_incomplete_gzip_file_is_reported() -> None:
    Path("a.gz").write_bytes(gzip.compress(b"so\n" * 1000)[:-8])
    assert error_of("a.gz").startswith("a.gz: is not a complete gzip file: ")


@pytest.mark.parametrize("shard", ["0/3", "4/3", "1/0", "1", "", "-1/3", "1/3/5", "one/two"])
def test_a_shard_is_checked(shard: str) -> None:
    with pytest.raises(SettingError) as caught:
        PredictSettings(shard=shard)
    assert str(caught.value) == f"shard must be i/n with i from 1 to n, such as 1/4; got {shard!r}"


# Plain lines


def test_every_line_is_a_row_the_empty_ones_too() -> None:
    assert texts_of(write("a", "one\n\n two \r\n\x85\u2028\x0c\n\nlast")) == ["one", "", " two ", "\x85\u2028\x0c", "", "last"]


def test_a_line_that_is_no_text_does_not_stop_the_rest() -> None:
    content = b"\xef\xbb\xbfone\ncaf\xe9\nnul \0\nlast\n"
    assert outputs(write("a", content)) == [
        "one",
        "a:2: byte 3 is not valid utf-8; say the right --encoding, or --errors replace",
        "a:3: character 4 is NUL, so this is no text; leave it out, or say --errors replace",
        "last",
    ]
    assert outputs("a", errors="replace") == ["one", "caf\ufffd", "nul \ufffd", "last"]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-32", "cp1252", "cp500"])
def test_lines_in_any_encoding(encoding: str) -> None:
    lines = ["caf\xe9", "", "la\xdft"]
    assert texts_of(write("a", "\n".join(lines).encode(encoding)), encoding=encoding) == lines


def test_only_the_first_byte_order_mark_is_one() -> None:
    assert texts_of(write("a", "\ufeff\ufeffso\n\ufeffso\n")) == ["\ufeffso", "\ufeffso"]


def test_a_foreign_byte_order_mark_is_reported() -> None:
    assert error_of(write("a", codecs.BOM_UTF16_LE + "so".encode("utf-16-le"))) == (
        "a: begins with the byte order mark of utf-16; say --encoding utf-16"
    )


def test_bad_bytes_where_lines_cannot_be_distinguished_stop_the_input() -> None:
    assert error_of(write("a", "so\n".encode("utf-16") + b"\0"), encoding="utf-16") == (
        "a: is not valid utf-16; say the right --encoding, or --errors replace"
    )


def test_an_argument_that_is_no_unicode_is_a_bad_row() -> None:
    assert outputs("so", "\udce9") == [
        "so",
        "argument 2: the text holds half of a surrogate pair, which is no character; correct it, or say --errors replace",
    ]
    assert outputs("\udce9!", errors="replace") == ["\ufffd!"]


# CSV and TSV


def test_cells_of_a_csv_stay_as_they_are() -> None:
    content = 'n, text ,more\r\n1,"a ""b"",\r\nc\n\nd",\r\n\r\n 2 ,\x85\u2028,"x"\r\n'
    assert items_of(write("a.csv", content)) == [
        Header("a.csv:1", ("n", " text ", "more"), "\r\n", Dialect("csv", ",", has_quotes=True), ("n", "text", "more")),
        InputRow("a.csv:2", {"n": "1", "text": 'a "b",\r\nc\n\nd', "more": ""}, 'a "b",\r\nc\n\nd', 21),
        InputRow("a.csv:7", {"n": " 2 ", "text": "\x85\u2028", "more": "x"}, "\x85\u2028", 12),
    ]


def test_a_tsv_knows_no_quotes() -> None:
    assert [row.values for row in rows_of(write("a.tsv", 'n\ttext\n1\t"a\n2\tb" \n'))] == [
        {"n": "1", "text": '"a'},
        {"n": "2", "text": 'b" '},
    ]


def test_a_bad_row_of_a_csv_does_not_stop_the_rest() -> None:
    content = b'n,text\n1,one\n2,t,w,o\n3,"th"ree\n4,fo\xffur\n5,"fi\nv\xffe"\n6,s\0ix\n7,"seven"\n'
    assert outputs(write("a.csv", content)) == [
        "one",
        "a.csv:3: expected 2 columns (n, text), found 4",
        "a.csv:4: has ree behind the closing quote of a cell; write a quote within a quoted cell twice",
        "a.csv:5: byte 4 is not valid utf-8; say the right --encoding, or --errors replace",
        "a.csv:7: byte 1 is not valid utf-8; say the right --encoding, or --errors replace",
        "a.csv:8: character 3 is NUL, so this is no text; leave it out, or say --errors replace",
        "seven",
    ]


@pytest.mark.parametrize("rest", ["2,two\n3,three\n", '2,two\n3,three\n4,"four"\n5,five\n'])
def test_a_quote_that_is_never_closed_costs_one_row(rest: str) -> None:
    """csv.reader alone gives up everything up to the next quote, or to the end of the file."""
    good = texts_of(write("good.csv", "n,text\n" + rest))
    bad, *others = outputs(write("bad.csv", 'n,text\n1,"one\n' + rest))
    assert bad.startswith("bad.csv:2: a quote that is opened here is ")
    assert others == good


def test_a_bad_row_of_a_tsv_does_not_stop_the_rest() -> None:
    assert outputs(write("a.tsv", b"n\ttext\n1\tone\n2\n\n3\t\xff\n4\tfour")) == [
        "one",
        "a.tsv:3: expected 2 columns (n, text), found 1",
        "a.tsv:5: byte 2 is not valid utf-8; say the right --encoding, or --errors replace",
        "four",
    ]


def test_the_text_column_is_known_by_its_name_or_said() -> None:
    name = write("a.csv", "Review,title\nlong,short\n")
    assert texts_of(name) == ["long"]
    assert texts_of(name, text_column="title") == ["short"]
    assert error_of(name, text_column="text") == "a.csv:1: has no column 'text'; there are Review, title"
    assert error_of(write("b.csv", "x,y\n1,2\n")) == "b.csv:1: which column holds the text? say --text-column; there are x, y"


def test_a_bad_header_stops_the_input() -> None:
    twice = "a.csv:1: the header line names a column twice: text, a, a; rename one, or give its number"
    assert error_of(write("a.csv", "text,a,a\n1,2,3\n"), text_column="a") == twice
    assert (texts_of("a.csv"), texts_of("a.csv", text_column="3")) == (["1"], ["3"])
    behind = "a.csv:1: has s behind the closing quote of a cell; write a quote within a quoted cell twice"
    assert error_of(write("a.csv", '"text"s\n1\n')) == behind


# JSONL


def test_values_of_jsonl_stay_as_they_are_in_their_order() -> None:
    line = '{"z": [1, {"y": null}], "text": "caf\\u00e9 \\ud83d\\ude00", "a": 1.5, "é": false}'
    (row,) = rows_of(write("a.jsonl", f"{line}\n"))
    assert list(row.values.items()) == list(json.loads(line).items())
    assert row.text == "café 😀"


def test_a_bad_row_of_jsonl_does_not_stop_the_rest() -> None:
    content = b'{"text": "one"}\n\n{"text": 2}\n{"txt": ""}\n[3]\n{"text"\n{"text": "\xff"}\n{"text": "\\ud83d"}\n{"text": "last"}'
    assert outputs(write("a.jsonl", content)) == [
        "one",
        "a.jsonl:3: the column text should hold text, got 2",
        "a.jsonl:4: has no column 'text'; there are txt",
        'a.jsonl:5: expected a JSON object such as {"text": ...}, got [3]',
        "a.jsonl:6: is not valid JSON: Expecting ':' delimiter: line 2 column 1 (char 8)",
        "a.jsonl:7: byte 10 is not valid utf-8; say the right --encoding, or --errors replace",
        "a.jsonl:8: the text holds half of a surrogate pair, which is no character; correct it, or say --errors replace",
        "last",
    ]


# Reading as a whole


@pytest.mark.parametrize("name", ["a.csv", "a.tsv", "a.jsonl", "a.txt"])
def test_shards_are_the_whole_with_bad_rows_in_one_of_them(name: str) -> None:
    contents = {
        "a.csv": "text\n" + "".join(f'"t{n}\n,"\n' for n in range(9)) + 'bad,row\nlast\n"worse"s\n',
        "a.tsv": "text\n" + "".join(f"t{n}\n" for n in range(9)) + "bad\trow\nlast\n",
        "a.jsonl": "".join(f'{{"text": "t{n}"}}\n' for n in range(9)) + "bad\n",
        "a.txt": "".join(f"t{n}\n" for n in range(10)),
    }
    whole = outputs(write(name, contents[name]), "more", name)
    shards = [outputs(name, "more", name, shard=f"{part}/3") for part in (1, 2, 3)]
    assert shards == [whole[first::3] for first in range(3)]


def test_the_meter_ends_at_the_size_of_the_files() -> None:
    names = [write("a.csv", "text\n" + "so\n" * 1000), write("b.txt.gz", "so\n" * 100_000)]
    settings, meter = PredictSettings(), Meter()
    inputs = find_inputs(names, settings)
    places = [meter.position for _ in read_rows(inputs, settings, meter)]
    assert places == sorted(places)
    assert meter.position == sum(Path(name).stat().st_size for name in names) == sum(one.size or 0 for one in inputs)


def test_a_pipe_that_is_slow_gives_a_pause_after_the_rows_that_came(monkeypatch: pytest.MonkeyPatch) -> None:
    reading, writing = os.pipe()
    with os.fdopen(reading, "rb") as stream:
        monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream, fileno=stream.fileno))
        settings = PredictSettings(input_format="csv")
        os.write(writing, b"text\none\ntwo\nthr")
        items = read_rows(find_inputs(["-"], settings), settings)
        rescue = threading.Timer(10, os.write, (writing, b" too late\n"))  # the test should fail, not hang
        rescue.start()
        first = [next(items) for _ in range(4)]
        rescue.cancel()
        os.write(writing, b"ee\n")
        os.close(writing)
        rest = list(items)
    assert [item.text for item in first if isinstance(item, InputRow)] == ["one", "two"]
    assert first[-1] == Pause()
    assert [item.text for item in rest if isinstance(item, InputRow)] == ["three"]


def test_reading_asks_for_no_more_than_the_next_row() -> None:
    asked: list[int] = []

    class Stream(io.RawIOBase):
        """Gives a line each time it is asked."""

        def __init__(self) -> None:
            self.lines = self.write_lines()

        def write_lines(self) -> Iterator[bytes]:
            for number in range(3):
                asked.append(number)
                yield b'"text"\n' if number == 0 else b'"%d\n%d"\n' % (number, number)

        def readable(self) -> bool:
            return True

        def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
            line = next(self.lines, b"")
            buffer[: len(line)] = line
            return len(line)

    settings = PredictSettings(input_format="csv")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Stream())))
        seen = [list(asked) for _ in read_rows(find_inputs(["-"], settings), settings)]
    assert seen == [[0], [0, 1], [0, 1, 2]]
