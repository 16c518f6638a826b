"""Tests of charnn.check.encoding."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from charnn.check.contents import Finding
from charnn.check.encoding import ODDITIES, EncodingCheck
from charnn.data.readers import Source, find_sources

PIECES = [b"a", b"\n", b"\r\n", b"\r", b"\0", b"\xe9", b"\xff", b"\xf0\x9f", *(one.encode() for one in "é\u2028\ufeff\U0001f600")]


def file(*blocks: bytes, name: str = "a", kind: str = ".txt") -> Source:
    """A file that is read in these blocks."""

    def read() -> Iterator[bytes]:
        return iter(blocks)

    return Source(name, name, kind, read)


def examined(content: bytes, encoding: str = "utf-8", kind: str = ".txt") -> EncodingCheck:
    return EncodingCheck([file(content, kind=kind)], encoding)


def found(health: EncodingCheck) -> dict[str, Finding]:
    """What was found at all."""
    return {name: finding for name, finding in health.found.items() if finding.count}


def rows(content: bytes, encoding: str = "utf-8", kind: str = ".txt") -> list[tuple[str, str]]:
    return examined(content, encoding, kind).lines_of_text()


def test_an_empty_file_is_valid() -> None:
    assert rows(b"") == [
        ("files", "1 file, 0 bytes, 0 lines"),
        ("encoding", "utf-8, valid: 0 characters, 0 beyond ASCII"),
        ("line ends", "none"),
    ]


def test_a_clean_text_has_no_warnings() -> None:
    assert rows("été\nà Paris\n".encode()) == [
        ("files", "1 file, 15 bytes, 2 lines"),
        ("encoding", "utf-8, valid: 12 characters, 3 beyond ASCII"),
        ("line ends", "LF 2"),
    ]


def test_every_kind_of_fault_is_told_with_its_first_place() -> None:
    text = "ok\nNUL \0 and \0\nU+FFFD \ufffd\nmark \ufeff\ntwice Ã©, â€™\nline \u2028 \x85 \u2029\nlone \r CR\nCRLF\r\nlast"
    assert examined(text.encode() + b" \xff\xfe").lines_of_text() == [
        ("files", "1 file, 95 bytes, 9 lines"),
        ("encoding", "utf-8, not valid: 77 characters, 10 beyond ASCII"),
        ("line ends", "LF 7, CR LF 1; 1 file ends without one, first a"),
        ("warning", "2 bytes are no utf-8, first at a:9 (byte 93)"),
        ("warning", "2 NULs, which no text has, first at a:2"),
        ("warning", "1 replacement character U+FFFD left by an earlier error, first at a:3"),
        ("warning", "1 byte order mark within the text, as where files were joined, first at a:4"),
        ("warning", "2 characters encoded twice, as é is in 'Ã©', first at a:5"),
        ("warning", "3 line separators (U+0085, U+2028, U+2029), where other programs end a line and charnn does not, first at a:6"),
        ("warning", "1 CR without LF, where other programs end a line and charnn does not, first at a:7"),
        ("warning", "1 line ends otherwise than most do, in LF or in CR LF, first at a:8"),
    ]


def test_text_in_another_encoding_is_told_from_damage() -> None:
    latin = "2 bytes are no utf-8, nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252), first at a:2 (byte 3)"
    assert rows("ok\nété\n".encode("latin-1"))[-1] == ("warning", latin)
    assert rows("à\nété\n".encode() + b"\xe9\n")[-1] == ("warning", "1 byte is no utf-8, first at a:3 (byte 9)")
    assert rows(b"ok \x81\n", "cp1252")[-1] == ("warning", "1 byte is no cp1252, first at a:1 (byte 3)")


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be"])
def test_utf_16_without_a_mark_is_recognised(encoding: str) -> None:
    warnings = [text for name, text in rows("Hello there.\n".encode(encoding)) if name == "warning"]
    assert warnings == [f"13 NULs, which no text has; this seems to be {encoding} (say --encoding {encoding}), first at a:1"]


def test_a_file_with_the_mark_of_another_encoding_is_told_and_not_read() -> None:
    files = [file("é\n".encode("utf-16"), name="wide"), file(b"one\n", name="narrow"), file("\ufeffx\n".encode("utf-32"), name="wider")]
    assert EncodingCheck(files, "utf-8").lines_of_text() == [
        ("files", "3 files, 26 bytes, 1 line"),
        ("encoding", "utf-8, not valid: 4 characters, 0 beyond ASCII"),
        ("line ends", "LF 1"),
        ("warning", "2 files begin with the byte order mark of utf-16 (say --encoding utf-16), first wide"),
    ]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-32", "utf-8-sig", "shift-jis", "latin-1"])
def test_other_encodings_are_read_as_they_are(encoding: str) -> None:
    text = "one\r\ntwo\r\n"
    health = examined(text.encode(encoding), encoding)
    assert (health.characters, health.lines) == (10, 2)
    assert found(health) == {"crlf": Finding(2, "a:1")}


def test_half_a_unit_of_utf_16_is_one_bad_byte() -> None:
    health = examined("ab\nc".encode("utf-16-le") + b"x", "utf-16-le")
    assert (health.characters, health.invalid_byte) == (4, 8)
    assert health.found["invalid"] == Finding(1, "a:2")


def test_a_mark_at_the_begin_is_no_fault() -> None:
    assert rows("\ufeffone\n".encode()) == [
        ("files", "1 file, 7 bytes, 1 line"),
        ("encoding", "utf-8, valid: 4 characters, 0 beyond ASCII, 1 file with a byte order mark"),
        ("line ends", "LF 1"),
    ]


def test_bytes_before_the_first_bad_one_are_counted_with_the_mark() -> None:
    assert examined("\ufeffé\n".encode() + b"\xff").invalid_byte == 6
    assert EncodingCheck([file("\ufeffé".encode(), b"\n", b"\xff")], "utf-8").invalid_byte == 6


def test_lines_within_the_cells_of_a_csv_may_end_as_they_like() -> None:
    content = b'text,label\r\n"two\nlines",a\r\n'
    assert found(examined(content, kind=".csv")) == {"crlf": Finding(2, "a:1"), "lf": Finding(1, "a:2")}
    assert found(examined(content))["mixed"] == Finding(1, "a:2")


def test_files_that_end_in_different_ways_are_mixed() -> None:
    files = [file(b"one\ntwo\n", name="a"), file(b"three\r\n", name="b")]
    assert EncodingCheck(files, "utf-8").found["mixed"] == Finding(1, "b:1")


def test_lone_surrogates_are_no_utf_8() -> None:
    assert examined(b"\xed\xa0\x80\n").found["invalid"] == Finding(3, "a:1")


@given(st.lists(st.sampled_from(PIECES), max_size=12), st.lists(st.integers(0, 40), max_size=6))
@example(["\ufeff".encode()] * 2, [3])
def test_it_does_not_matter_where_blocks_end(pieces: list[bytes], cuts: list[int]) -> None:
    """A second byte order mark was once taken for the one at the begin where a block ended between them."""
    content = b"".join(pieces)
    places = sorted({0, len(content), *(cut for cut in cuts if cut < len(content))})
    blocks = [content[begin:end] for begin, end in pairwise(places)]
    assert vars(EncodingCheck([file(*blocks)], "utf-8")) == vars(examined(content))


@given(st.lists(st.sampled_from(PIECES), max_size=12))
def test_counts_are_those_of_the_whole_text(pieces: list[bytes]) -> None:
    content = b"".join(pieces)
    text = content.decode("utf-8", "surrogateescape")
    bad = sum("\ud800" <= character <= "\udfff" for character in text)
    text = text.removeprefix("\ufeff")
    health = examined(content)
    assert health.found["invalid"].count == bad
    assert health.characters == len(text) - bad
    assert health.beyond_ascii == sum(character > "\x7f" for character in text) - bad
    assert health.lines == len(text.removesuffix("\n").split("\n")) if text else health.lines == 0
    assert health.found["lf"].count + health.found["crlf"].count == text.count("\n")
    assert health.found["lone_cr"].count == text.count("\r") - text.count("\r\n")
    for name, (pattern, *_) in ODDITIES.items():
        assert health.found[name].count == len(pattern.findall(text))


def test_a_line_of_ten_megabytes_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "long").write_bytes(b"ab " * 3_500_000)
    health = EncodingCheck(find_sources([tmp_path / "long"]), "utf-8")
    assert (health.bytes, health.lines, found(health)) == (10_500_000, 1, {"unterminated": Finding(1, str(tmp_path / "long"))})


def test_reviews_that_were_once_in_another_encoding(real_data: Path) -> None:
    """The reviews of rt-polarity are in cp1252, and IMDB's hold control characters that were punctuation there."""
    polarity = EncodingCheck(find_sources([real_data / "mr" / "raw" / "rt-polarity.neg"]), "utf-8")
    assert (polarity.invalid_byte, polarity.beyond_ascii) == (3118, 0)
    imdb = EncodingCheck(find_sources([real_data / "imdb" / "valid.tsv.gz"]), "utf-8")
    assert imdb.found["separator"] == Finding(146, str(real_data / "imdb" / "valid.tsv.gz:74"))
