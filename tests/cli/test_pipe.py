"""Tests of charnn.cli.pipe: whole outputs on standard output and standard error, with a fake model."""

import io
import json
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from charnn.cli import pipe as module
from charnn.cli.pipe import pipe, run_pipe
from charnn.data.answers import WRITERS
from charnn.data.lines import Pause
from charnn.data.rows import InputRow, Item, find_inputs, read_rows
from charnn.data.settings import PredictSettings
from charnn.data.tables.records import BadRow, Header
from charnn.errors import DataError
from tests.tools import write

pytestmark = pytest.mark.usefixtures("here")

Said = tuple[int, str, str]


def lengths(texts: list[str]) -> list[dict[str, Any]]:
    """The fake model: the parity of a text's length is its label."""
    return [{"label": "odd" if len(text) % 2 else "even", "probability": 1 / (len(text) + 1)} for text in texts]


@pytest.fixture
def predicted(capsysbinary: pytest.CaptureFixture[bytes]) -> Callable[..., Said]:
    """The exit code, standard output and standard error of a pipe."""

    def run(*arguments: str, **values: object) -> Said:
        code = pipe(arguments, PredictSettings.from_plain(values), lengths)
        out, err = capsysbinary.readouterr()
        return code, out.decode(), err.decode()

    return run


def plain_rows(*texts: str) -> Iterator[Item]:
    yield Header("test", ("text",))
    for number, text in enumerate(texts, 1):
        yield InputRow(f"test:{number}", {"text": text}, text, len(text))


# Whole outputs


def test_texts_are_answered_a_line_each(predicted: Callable[..., Said]) -> None:
    assert predicted("so", "two\nlines", "") == (0, "even\t0.333333\tso\nodd\t0.1\ttwo lines\neven\t1\t\n", "")


def test_a_csv_comes_back_with_its_bad_rows_told(predicted: Callable[..., Said]) -> None:
    write("a.csv", b'n,text,label\r\n1,"a\r\nb",x\r\n2,\xff,y\r\n3,no\r\n4,,z\r\n')
    assert predicted("a.csv") == (
        1,
        'n,text,label,predicted_label,probability\r\n1,"a\r\nb",x,even,0.2\r\n4,,z,even,1\r\n',
        "Error: a.csv:4: byte 2 is not valid utf-8; say the right --encoding, or --errors replace.\n"
        "Error: a.csv:5: expected 3 columns (n, text, label), found 2.\n"
        "2 bad rows of 4 left out; --strict stops at the first.\n",
    )


def test_strict_stops_at_the_first_bad_row_with_all_before_it_written(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write("a.jsonl", '{"text": "a"}\n{"text": "b"}\n{"text": "c"}\n{"text": "d"}\n[]\n{"text": "e"}\n')
    with pytest.raises(DataError) as caught:
        pipe(["a.jsonl"], PredictSettings(strict=True, format="csv"), lengths)
    assert str(caught.value) == 'a.jsonl:5: expected a JSON object such as {"text": ...}, got []'
    assert capsysbinary.readouterr() == (b"text,label,probability\na,odd,0.5\nb,odd,0.5\nc,odd,0.5\nd,odd,0.5\n", b"")


def test_what_stops_an_input_leaves_what_came_before_it(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write("a.csv", "text\na\nb\nc\nd\n")
    write("b.csv", "text,n\na,1\n")
    with pytest.raises(DataError):
        pipe(["a.csv", "b.csv"], PredictSettings(), lengths)
    assert capsysbinary.readouterr() == (b"text,label,probability\na,odd,0.5\nb,odd,0.5\nc,odd,0.5\nd,odd,0.5\n", b"")


def test_several_tables_become_one(predicted: Callable[..., Said]) -> None:
    write("a.tsv", "text\tn\na\t1\n")
    write("b.tsv", "text\tn\r\nb\t2\r\n")
    assert predicted("a.tsv", "b.tsv") == (0, "text\tn\tlabel\tprobability\na\t1\todd\t0.5\nb\t2\todd\t0.5\n", "")


def test_a_table_without_rows_is_its_header(predicted: Callable[..., Said]) -> None:
    assert predicted(write("a.csv", "text\n")) == (0, "text,label,probability\n", "")
    assert predicted(write("b.csv", "text\na\n"), shard="2/2") == (0, "text,label,probability\n", "")
    assert predicted(write("c.txt", "")) == (0, "", "")


def test_a_row_that_a_table_cannot_hold_is_a_bad_row(predicted: Callable[..., Said]) -> None:
    write("a.jsonl", '{"text": "a"}\n{"text": "b", "m": 1}\n{"text": "c"}\n')
    assert predicted("a.jsonl", format="tsv") == (
        1,
        "text\tlabel\tprobability\na\todd\t0.5\nc\todd\t0.5\n",
        "Error: a.jsonl:2: has m, which the rows before it do not have; say --format jsonl.\n"
        "1 bad row of 3 left out; --strict stops at the first.\n",
    )


def test_after_twenty_bad_rows_only_their_number_is_told(predicted: Callable[..., Said]) -> None:
    code, out, err = predicted(write("a.jsonl", "[]\n" * 1022 + '{"text": ""}\n'))
    assert (code, out) == (1, '{"text": "", "label": "even", "probability": 1.0}\n')
    assert err == (
        "".join(f'Error: a.jsonl:{n}: expected a JSON object such as {{"text": ...}}, got [].\n' for n in range(1, 21))
        + "1,002 more like these. 1,022 bad rows of 1,023 left out; --strict stops at the first.\n"
    )


def test_inputs_of_different_kinds_need_a_format(predicted: Callable[..., Said]) -> None:
    write("a.csv", "n,text\n1,a\n")
    write("b.jsonl", '{"text": "b"}\n')
    with pytest.raises(DataError) as caught:
        predicted("a.csv", "b.jsonl", "c")
    assert str(caught.value) == (
        "the inputs are of different kinds (csv, jsonl, text), so give the format of the result, such as --format jsonl"
    )
    assert predicted("a.csv", "b.jsonl", "c", format="jsonl") == (
        0,
        '{"n": "1", "text": "a", "label": "odd", "probability": 0.5}\n'
        '{"text": "b", "label": "odd", "probability": 0.5}\n'
        '{"text": "c", "label": "odd", "probability": 0.5}\n',
        "",
    )


def test_a_task_has_its_own_look_in_text_only(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    for form in ("text", "csv"):
        pipe(["so"], PredictSettings(format=form), lengths, text_format=lambda text, answer: f"{text} is {answer['label']}")
    assert capsysbinary.readouterr().out == b"so is even\ntext,label,probability\nso,even,0.333333\n"


@pytest.mark.parametrize(
    ("name", "content", "out"),
    [
        ("a.csv", 'n;Text\r\n1;"a;b"\r\n', 'n;Text;label;probability\r\n1;"a;b";odd;0.25\r\n'),
        ("a.csv", "sep=|\nn|text\n1|a\n", "sep=|\nn|text|label|probability\n1|a|odd|0.5\n"),
        ("a.csv", 'text\tn\n"a\tb"\t1\n', 'text\tn\tlabel\tprobability\n"a\tb"\t1\todd\t0.25\n'),
        ("a.csv", "text,n\ra,1\r", "text,n,label,probability\ra,1,odd,0.5\r"),
        ("a.csv", "# by me\ntext,,,\na,1,,\n", "# by me\ntext,,,,label,probability\na,1,,,odd,0.5\n"),
        ("a.csv", "text,n,n\na,1,2\n", "text,n,n,label,probability\na,1,2,odd,0.5\n"),
        ("a.tsv", 'n\ttext\n1\t"""a"", b"\n', 'n\ttext\tlabel\tprobability\n1\t"""a"", b"\teven\t0.142857\n'),
        ("a.json", '[{"text": "a"}]', '{"text": "a", "label": "odd", "probability": 0.5}\n'),
    ],
)
def test_a_table_comes_back_written_as_it_was(name: str, content: str, out: str, predicted: Callable[..., Said]) -> None:
    assert predicted(write(name, content)) == (0, out, "")


def test_a_table_without_a_header_comes_back_without_one(predicted: Callable[..., Said]) -> None:
    write("sms", "ham\ta\nspam\tbc\n")
    for how in ({"text_column": "2"}, {"header": False, "text_column": "2"}):
        assert predicted("sms", input_format="tsv", **how) == (0, "ham\ta\todd\t0.5\nspam\tbc\teven\t0.333333\n", "")
    as_json = predicted("sms", input_format="tsv", text_column="2", format="jsonl")[1]
    assert as_json.splitlines()[0] == '{"1": "ham", "2": "a", "label": "odd", "probability": 0.5}'


def test_a_path_within_json_objects_is_a_column(predicted: Callable[..., Said]) -> None:
    write("a.jsonl", '{"by": {"text": "a"}}\n{"by": {}}\n')
    code, out, err = predicted("a.jsonl", text_column="by.text")
    assert (code, out) == (1, '{"by": {"text": "a"}, "label": "odd", "probability": 0.5}\n')
    assert err.startswith("Error: a.jsonl:2: has no column 'by.text'; there are by.\n")


def test_what_may_be_the_name_of_a_file_is_told(predicted: Callable[..., Said]) -> None:
    assert predicted("new_reviews")[2] == "There is no file named new_reviews, so it is read as a text.\n"
    for name in ("new.en", "data/new", "missing.conll"):
        with pytest.raises(DataError) as caught:
            predicted(name)
        assert str(caught.value) == f"{name}: no such file; if it is a text, write it on standard input and give -"
    assert predicted("3.5", "so", "What? new.en")[2] == ""


# Laws


@pytest.mark.parametrize("block", [1, 2, 7, 1024])
def test_rows_out_are_rows_in_whatever_the_block(block: int, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    texts = ["x" * (n % 5) + str(n) for n in range(100)]
    result = run_pipe(plain_rows(*texts), lengths, WRITERS["jsonl"](None), block=block)
    assert result == (100, 0)
    answers = [json.loads(line) for line in capsysbinary.readouterr().out.splitlines()]
    assert [answer["text"] for answer in answers] == texts
    assert [answer["label"] for answer in answers] == [answer["label"] for answer in lengths(texts)]


def test_blocks_double_up_to_the_largest_and_end_early_with_long_texts(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    sizes: list[int] = []

    def predict(texts: list[str]) -> list[dict[str, Any]]:
        sizes.append(len(texts))
        return lengths(texts)

    run_pipe(plain_rows(*["short"] * 40), predict, WRITERS["text"](None), block=8)
    assert sizes == [1, 2, 4, 8, 8, 8, 8, 1]
    del sizes[:]
    run_pipe(plain_rows(*["x" * (module.LARGEST // 2)] * 12), predict, WRITERS["text"](None))
    assert sizes == [1, 2, 2, 2, 2, 2, 1]


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.txt"])
def test_shards_are_the_whole(name: str, predicted: Callable[..., Said]) -> None:
    lines = {".csv": '{0},"t{0}\n"\n', ".jsonl": '{{"text": "t{0}"}}\n', ".txt": "t{0}\n"}[Path(name).suffix]
    write(name, ("n,text\n" if name == "a.csv" else "") + "".join(lines.format(n) for n in range(20)))

    def texts(shard: str | None) -> list[str]:
        return [json.loads(line)["text"] for line in predicted(name, format="jsonl", shard=shard)[1].splitlines()]

    whole, *shards = [texts(shard) for shard in (None, "1/3", "2/3", "3/3")]
    assert len(whole) == 20
    assert shards == [whole[first::3] for first in range(3)]


class Source(io.RawIOBase):
    """Standard input that makes its bytes when they are asked for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        piece = next(self._pieces, b"")
        buffer[: len(piece)] = piece
        return len(piece)


class Nowhere(io.RawIOBase):
    """A place to write to that keeps nothing."""

    def write(self, data: bytes) -> int:  # type: ignore[override]
        return len(data)


def give(pieces: Iterator[bytes], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=io.BufferedReader(Source(pieces))))


def test_the_first_answer_is_out_before_the_second_line_is_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    out = io.BytesIO()
    seen: list[bytes] = []

    def pieces() -> Iterator[bytes]:
        for line in (b"one\n", b"three\n"):
            seen.append(out.getvalue())
            yield line

    give(pieces(), monkeypatch)
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=io.BufferedWriter(out), isatty=lambda: False))
    pipe(["-"], PredictSettings(), lengths)
    assert seen == [b"", b"odd\t0.25\tone\n"]
    assert out.getvalue() == b"odd\t0.25\tone\nodd\t0.166667\tthree\n"


def test_a_pause_in_the_input_ends_a_block(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    """Blocks that have grown do not wait for rows that are long in coming."""
    pieces = [["a", "b", "c", "d"], ["e"], [], ["f", "g"]]
    out: list[bytes] = []

    def rows() -> Iterator[Item]:
        for piece in pieces:
            yield from plain_rows(*piece)
            yield Pause()
            out.append(capsysbinary.readouterr().out)

    run_pipe(rows(), lambda texts: [{} for _ in texts], WRITERS["jsonl"](None))
    assert [[json.loads(line)["text"] for line in lines.splitlines()] for lines in out] == pieces


@pytest.mark.parametrize("form", ["lines", "csv", "tsv", "jsonl"])
def test_memory_does_not_grow_with_the_input(form: str, monkeypatch: pytest.MonkeyPatch) -> None:
    line = b'{"text": "%s"}\n' if form == "jsonl" else b"%s\n"
    monkeypatch.setattr(sys, "stdout", SimpleNamespace(buffer=Nowhere(), isatty=lambda: False))

    def peak(rows: int) -> int:
        give((line % (b"x" * 500 if number else b"text") for number in range(rows)), monkeypatch)
        settings = PredictSettings(input_format=form)
        tracemalloc.start()
        result = run_pipe(read_rows(find_inputs(["-"], settings), settings), lengths, WRITERS["jsonl"](None), block=64)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert result[0] >= rows - 1
        return most

    peak(300)  # what is made once
    assert peak(3000) < peak(300) + 100_000


def test_bad_rows_are_told_as_they_come(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    told: list[str] = []

    def rows() -> Iterator[Item]:
        yield BadRow("test:1: is bad")
        told.append(capsysbinary.readouterr().err.decode())
        yield from plain_rows("a")

    assert run_pipe(rows(), lengths, WRITERS["text"](None)) == (1, 1)
    assert told == ["Error: test:1: is bad.\n"]


# The terminal and the disk


def test_a_bar_counts_to_the_size_of_the_files(monkeypatch: pytest.MonkeyPatch, capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    write("a.csv", "text\n" + "so\n" * 20 + "b,ad\n")
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert pipe(["a.csv"], PredictSettings(), lengths) == 1
    out, err = capsysbinary.readouterr()
    assert out.count(b"\n") == 21
    assert "100%" in err.decode()
    assert "20 rows" in err.decode()
    assert "Error: a.csv:22: expected 1 column (text), found 2." in err.decode()


def test_no_bar_for_a_text_or_a_pipe(monkeypatch: pytest.MonkeyPatch, predicted: Callable[..., Said]) -> None:
    give(iter([b"so\n"]), monkeypatch)
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True, raising=False)
    assert predicted("so.") == (0, "odd\t0.25\tso.\n", "")
    assert predicted("-") == (0, "even\t0.333333\tso\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no device that is always full")
def test_a_full_disk_is_told_in_one_line() -> None:
    program = """
from charnn.cli.pipe import pipe
from charnn.errors import StorageError
from charnn.data.settings import PredictSettings
try:
    pipe(["so."], PredictSettings(), lambda texts: [{"label": "x"} for _ in texts])
except StorageError as error:
    raise SystemExit(str(error))
"""
    with open("/dev/full", "wb") as full:
        here = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONUNBUFFERED": ""}
        run = subprocess.run([sys.executable, "-c", program], cwd=here, env=environment, stdout=full, stderr=subprocess.PIPE, check=False)
    assert (run.returncode, run.stderr) == (1, b"cannot write to standard output: No space left on device\n")
