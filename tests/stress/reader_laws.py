"""What readers promise of any bytes: text, rows, examples, or an error with a place."""

import csv
import io
import tempfile
from collections.abc import Callable, Iterator
from encodings.aliases import aliases
from functools import cache, partial
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from charnn.data.conll import TaggedData
from charnn.data.corpus import Corpus
from charnn.data.labelled import LabelledData
from charnn.data.lines import Line, decoded_lines, live_pieces
from charnn.data.pairs import PairData
from charnn.data.readers import Decoding, Source, check_encoding, read_text
from charnn.data.rows import find_inputs, read_rows
from charnn.data.series import read_series
from charnn.data.settings import KINDS, CorpusSettings, PairFiles, PredictSettings, ReadSettings, SeriesSettings
from charnn.data.tables.reading import read_table
from charnn.data.tables.records import BadRow, Row
from charnn.errors import DataError, SettingError

PARTS = [
    *(b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\0", b"\r", b"\n", b"\r\n", b'"', b",", b"\t", b"\xed\xa0\x80", b"{", b"}", b"[", b"1"),
    *(b"text", b"label", b"source", b"target", b"__label__x ", b'{"text": "a", "label": "b"}\n', b"a\tb\n", b"\\ud800"),
    *(b"2020-01-01,", b"9999-12-31", b"1.5\n", b"-3e9", b"1e999", b'{"x": 1}\n', b"NA", b";"),
    b"1\tw\t_\tX" + b"\t_" * 6,
]
some_bytes = st.binary(max_size=200) | st.lists(st.sampled_from(PARTS) | st.binary(max_size=3), max_size=40).map(b"".join)
sizes = st.lists(st.integers(1, 7), min_size=1, max_size=5)
signs = st.sampled_from(['"', "\n", "\r\n", "\r", ",", " ", ""])
cells = st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=20) | signs
tables = st.integers(1, 4).flatmap(lambda width: st.lists(st.lists(cells, min_size=width, max_size=width), max_size=8))


def laws() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """Name, law, inputs."""
    for name, encodings in (("utf-8", ["utf-8"]), ("any encoding", ENCODINGS)):
        inputs = {"encoding": st.sampled_from(encodings), "data": some_bytes}
        yield f"{name} in any pieces", _pieces, inputs | {"sizes": sizes}
        yield f"{name} line by line", _lines, inputs | {"errors": st.sampled_from(["strict", "replace"])}
    for kind in dict.fromkeys(KINDS.values()):
        yield f"rows of {kind}", partial(_rows, kind), {"data": some_bytes}
    for kind in ("lines", *dict.fromkeys(KINDS.values())):
        yield f"answered {kind}", partial(_answered, kind), {"data": some_bytes}
    for name, read in FILES.items():
        yield f"files as {name}", partial(_file, name, read), {"data": some_bytes}
    yield "cells of a csv", _cells, {"rows": tables}


def is_text_encoding(name: str) -> bool:
    """Is it one that charnn takes?"""
    try:
        check_encoding(name)
    except SettingError:
        return False
    return True


ENCODINGS = sorted({name.replace("_", "-") for name in {*aliases.values(), "utf-8-sig", "idna", "punycode"} if is_text_encoding(name)})
"""All encodings that Python has for text."""


def _pieces(encoding: str, data: bytes, sizes: list[int]) -> None:
    whole = _read(encoding, [data] if data else [])
    ends = [sum((sizes * len(data))[: number + 1]) for number in range(len(data))]
    blocks = [data[begin:end] for begin, end in zip([0, *ends], ends, strict=False) if data[begin:end]]
    assert _read(encoding, blocks) == whole
    if encoding == "utf-8" and isinstance(whole, str):
        assert whole == data.decode().removeprefix("\ufeff")


def _read(encoding: str, blocks: list[bytes]) -> str | tuple[str, ...]:
    """The text, or what is said of it."""
    try:
        return "".join(read_text(Source("file", "file", "", lambda: iter(blocks)), Decoding(encoding, "strict", "keep")))
    except DataError as error:
        _check_place(error, "file: b")  # byte, or begins with a mark
        return (str(error),)


def _check_place(error: DataError, place: str) -> None:
    assert str(error).startswith(place), error


def _lines(encoding: str, data: bytes, errors: str) -> None:
    try:
        found = [one for one in decoded_lines("file", live_pieces(io.BytesIO(data)), encoding, errors) if isinstance(one, Line)]
    except DataError as error:
        _check_place(error, "file: ")
        return
    assert [one.number for one in found] == list(range(1, len(found) + 1))
    assert all(one.problem is None or one.problem.startswith(f"file:{one.number}: ") for one in found)
    assert errors == "strict" or all(one.problem is None for one in found)


def _rows(kind: str, data: bytes) -> None:
    lines = decoded_lines("file", [data], "utf-8", "replace", takes_returns=True)
    try:
        found = list(read_table("file", lines, kind, ReadSettings()))
    except DataError as error:
        _check_place(error, "file:")
        return
    assert all(row.where.startswith("file:") for row in found if isinstance(row, Row))
    assert all(row.message.startswith("file:") for row in found if isinstance(row, BadRow))


def _answered(kind: str, data: bytes) -> None:
    settings = PredictSettings(input_format=kind)
    path = Path(_folder().name) / "answered"
    path.write_bytes(data)
    try:
        list(read_rows(find_inputs([str(path)], settings), settings))
    except DataError as error:
        _check_place(error, f"{path}:")


FILES: dict[str, Callable[[str], object]] = {
    "text.txt": lambda path: list(Corpus([path]).chunks()),
    "lines.txt": lambda path: list(Corpus([path], CorpusSettings(documents="lines")).documents()),
    "packed.gz": lambda path: list(Corpus([path]).chunks()),
    "text.csv": lambda path: list(Corpus([path], CorpusSettings(text_column="text")).documents()),
    "text.jsonl": lambda path: list(Corpus([path], CorpusSettings(text_column="text", label_column="label")).documents()),
    "labelled.csv": lambda path: list(LabelledData([path]).examples()),
    "labelled.tsv": lambda path: list(LabelledData([path]).examples()),
    "labelled.jsonl": lambda path: list(LabelledData([path]).examples()),
    "labelled.txt": lambda path: list(LabelledData([path]).examples()),
    "pairs.tsv": lambda path: list(PairData(PairFiles([path])).pairs()),
    "pairs.csv": lambda path: list(PairData(PairFiles([path])).pairs()),
    "parallel.txt": lambda path: list(PairData(PairFiles((), [path], [path])).pairs()),
    "tagged.conll": lambda path: list(TaggedData([path]).sentences()),
    "series.csv": lambda path: read_series([path], SeriesSettings()),
    "series.txt": lambda path: read_series([path], SeriesSettings(missing="interpolate")),
    "series.jsonl": lambda path: read_series([path], SeriesSettings(time_column=None)),
    "tagged.conllu": lambda path: list(TaggedData([path]).sentences()),
}
"""Files by name, and how they are read."""


@cache
def _folder() -> tempfile.TemporaryDirectory[str]:
    return tempfile.TemporaryDirectory()


def _file(name: str, read: Callable[[str], object], data: bytes) -> None:
    path = Path(_folder().name) / name
    path.write_bytes(data)
    try:
        read(str(path))
    except DataError as error:
        _check_place(error, str(path))


def _cells(rows: list[list[str]]) -> None:
    file = io.StringIO(newline="")
    names = [f"column {number}" for number in range(len(rows[0]) if rows else 1)]
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows([names, *rows])
    lines = decoded_lines("file", live_pieces(io.BytesIO(file.getvalue().encode())), "utf-8", "strict")
    items = list(read_table("file", lines, "csv", ReadSettings(delimiter=",")))
    assert [list(one.cells) for one in items if isinstance(one, Row)] == rows
