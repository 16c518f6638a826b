"""What the bytes and line ends of files are like: what is no text is counted, not refused."""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from charnn.check.findings import Finding, counted
from charnn.data.readers import Source, byte_place, foreign_mark

MARKED = "charnn.marked"
"""Name of an error handler that decodes every byte that is no text to U+DC00 plus its value, to which no text decodes."""

WIDE = 0.2
"""Share of NUL from which what is read as utf-8 is taken for utf-16 without a byte order mark."""

ODDITIES = {
    "nul": (re.compile("\0"), "NUL", "NULs", ", which no text has"),
    "replaced": (re.compile("\ufffd"), "replacement character U+FFFD", "replacement characters U+FFFD", " left by an earlier error"),
    "inner_mark": (re.compile("\ufeff"), "byte order mark", "byte order marks", " within the text, as where files were joined"),
    "encoded_twice": (
        re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u2fff]"),
        "character",
        "characters",
        " encoded twice, as é is in 'Ã©'",
    ),
    "separator": (
        re.compile("[\u0085\u2028\u2029]"),
        "line separator (U+0085, U+2028, U+2029)",
        "line separators (U+0085, U+2028, U+2029)",
        ", where other programs end a line and charnn does not",
    ),
    "lone_cr": (re.compile(r"\r(?!\n)"), "CR", "CRs", " without LF, where other programs end a line and charnn does not"),
}
"""What a person should know of: its pattern, what it is called, one and many, and what to say of it."""

_BAD = re.compile("[\udc00-\udcff]")
_ENDS = {"lf": re.compile(r"(?<!\r)\n"), "crlf": re.compile(r"\r\n")}


@dataclass(frozen=True)
class Health:
    """What files are like as bytes, characters and lines, which end at newlines only."""

    encoding: str
    files: int
    bytes: int
    characters: int
    """Without what is no text."""
    lines: int
    beyond_ascii: int
    """Characters that are not ASCII."""
    found: Mapping[str, Finding]
    """By name: the ODDITIES; `invalid` bytes; lines in `lf`, in `crlf`, and `mixed`, which are the fewer of these, those of CSVs apart,
    whose cells may hold lines; files that are `unterminated`, or begin with their `mark` or a `foreign` one."""
    invalid_byte: int | None
    """How many bytes stand before the first that is invalid."""
    foreign: str | None
    """The encoding of the first foreign mark. Nothing else is told of a file that has one."""
    wide: str | None
    """The kind of utf-16 that this seems to be."""

    def lines_of_text(self) -> list[tuple[str, str]]:
        """(name, value) rows to print: files, encoding, line ends, warnings."""
        size = f"{counted(self.bytes, 'byte', 'bytes')}, {counted(self.lines, 'line', 'lines')}"
        rows = [("files", f"{counted(self.files, 'file', 'files')}, {size}"), ("encoding", self._encoding()), ("line ends", self._ends())]
        return rows + [("warning", text) for text in self._warnings()]

    def facts(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        sizes = {name: getattr(self, name) for name in ("files", "bytes", "characters", "beyond_ascii", "lines", "encoding")}
        return {**sizes, "invalid_byte": self.invalid_byte, "found": {name: vars(finding) for name, finding in self.found.items()}}

    def _encoding(self) -> str:
        is_clean = not self.found["invalid"].count and not self.found["foreign"].count
        marks = self.found["mark"].count
        marked = f", {counted(marks, 'file', 'files')} with a byte order mark" if marks else ""
        characters = counted(self.characters, "character", "characters")
        return f"{self.encoding}{', valid' if is_clean else ', not valid'}: {characters}, {self.beyond_ascii:,} beyond ASCII{marked}"

    def _ends(self) -> str:
        kinds = {"LF": self.found["lf"].count, "CR LF": self.found["crlf"].count}
        ends = ", ".join(f"{name} {count:,}" for name, count in kinds.items() if count) or "none"
        last = self.found["unterminated"]
        return f"{ends}; {counted(last.count, 'file ends', 'files end')} without one, first {last.where}" if last.count else ends

    def _warnings(self) -> Iterator[str]:
        foreign, invalid = self.found["foreign"], self.found["invalid"]
        if foreign.count:
            begin = counted(foreign.count, "file begins", "files begin")
            yield f"{begin} with the byte order mark of {self.foreign} (say --encoding {self.foreign}), first {foreign.where}"
        if invalid.count:
            begin = counted(invalid.count, "byte is", "bytes are")
            yield f"{begin} no {self.encoding}{self._advice()}, first at {invalid.where} (byte {self.invalid_byte:,})"
        for name, (_, one, many, rest) in ODDITIES.items():
            if self.found[name].count:
                advice = f"; this seems to be {self.wide} (say --encoding {self.wide})" if name == "nul" and self.wide else ""
                yield f"{counted(self.found[name].count, one, many)}{rest}{advice}, first at {self.found[name].where}"
        if self.found["mixed"].count:
            begin = counted(self.found["mixed"].count, "line ends", "lines end")
            yield f"{begin} otherwise than most do, in LF or in CR LF, first at {self.found['mixed'].where}"

    def _advice(self) -> str:
        if codecs.lookup(self.encoding).name != "utf-8" or self.beyond_ascii:
            return ""
        return ", nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252)"


def examine_bytes(sources: Sequence[Source], encoding: str) -> Health:
    """Reads every file once, in constant memory. Raises DataError for what cannot be read."""
    reading = _Reading(encoding)
    for source in sources:
        reading.add(source)
    names = ("invalid", "foreign", "mark", *ODDITIES, "lf", "crlf", "mixed", "unterminated")
    wide = "utf-16-be" if reading.nuls[0] > reading.nuls[1] else "utf-16-le"
    fewer = min(("plain crlf", "plain lf"), key=lambda end: reading.counts[end])
    reading.note("mixed", reading.counts[fewer], reading.first.get(fewer, ""))
    return Health(
        encoding=encoding,
        files=len(sources),
        bytes=reading.bytes,
        characters=reading.characters,
        lines=reading.lines,
        beyond_ascii=reading.beyond_ascii,
        found={name: Finding(reading.counts[name], reading.first.get(name)) for name in names},
        invalid_byte=reading.invalid_byte,
        foreign=reading.foreign,
        wide=wide if sum(reading.nuls) > WIDE * reading.characters else None,
    )


class _Reading:
    """Numbers of the files read so far."""

    def __init__(self, encoding: str) -> None:
        self.encoding = encoding
        self.bytes = self.characters = self.lines = self.beyond_ascii = 0
        self.counts: Counter[str] = Counter()
        self.first: dict[str, str] = {}
        self.invalid_byte: int | None = None
        self.foreign: str | None = None
        self.nuls = [0, 0]  # at even and at odd places of their files

    def add(self, source: Source) -> None:
        """Reads a file."""
        blocks = source.blocks()
        begin = next(blocks, b"")
        foreign = foreign_mark(begin, self.encoding)
        if foreign is not None:
            self.foreign = self.foreign or foreign
            self.note("foreign", 1, source.name)
            self.bytes += len(begin) + sum(map(len, blocks))
            return
        line, place, end = 1, 0, "\n"
        for text in _whole_ends(self._decoded(source.name, itertools.chain([begin], blocks))):
            self._examine(text, source, line, place)
            line, place, end = line + text.count("\n"), place + len(text), text[-1]
        self.lines += line - 1
        if end != "\n":
            self.lines += 1
            self.note("unterminated", 1, source.name)

    def note(self, name: str, count: int, where: str) -> None:
        """So many more of what has this name, the first of them there."""
        if count:
            self.counts[name] += count
            self.first.setdefault(name, where)

    def _decoded(self, name: str, blocks: Iterator[bytes]) -> Iterator[str]:
        """The text, without the byte order mark at its begin, bytes that are none as MARKED has them."""
        decoder = codecs.getincrementaldecoder(self.encoding)(MARKED)
        place, line, is_first = 0, 1, True
        for block in itertools.chain(blocks, [b""]):
            held: bytes = decoder.getstate()[0]
            start = place - len(held)
            text = decoder.decode(block, final=not block)
            place += len(block)
            bad = [] if text.isascii() else _BAD.findall(text)
            if bad:
                index = text.index(bad[0])
                if self.invalid_byte is None:
                    self.invalid_byte = byte_place(text[:index], start, self.encoding)
                self.note("invalid", len(bad), _place(name, line, text, index))
            self.characters -= len(bad)
            self.beyond_ascii -= len(bad)
            line += text.count("\n")
            if is_first and text.startswith("\ufeff"):
                self.note("mark", 1, name)
                text = text[1:]
            is_first = is_first and not text
            if text:
                yield text
        self.bytes += place

    def _examine(self, text: str, source: Source, line: int, place: int) -> None:
        is_ascii = text.isascii()
        self.characters += len(text)
        self.beyond_ascii += 0 if is_ascii else len(text) - len(text.encode("ascii", "ignore"))
        for oddity, (pattern, *_) in ODDITIES.items():
            if not is_ascii or oddity in ("nul", "lone_cr"):
                self._search(oddity, pattern, text, source.name, line)
        crlf = text.count("\r\n")
        for end, count in {"crlf": crlf, "lf": text.count("\n") - crlf}.items():
            # Quoted cells of a CSV hold lines that may well end in another way than the rows.
            for kind in (end,) if source.kind == ".csv" else (end, f"plain {end}"):
                self.counts[kind] += count
                if count and kind not in self.first:
                    found = _ENDS[end].search(text)
                    assert found
                    self.first[kind] = _place(source.name, line, text, found.start())
        if "\0" in text:
            for half in (0, 1):
                self.nuls[half ^ place % 2] += text[half::2].count("\0")

    def _search(self, oddity: str, pattern: re.Pattern[str], text: str, name: str, line: int) -> None:
        found = pattern.search(text)
        if found:
            self.note(oddity, len(pattern.findall(text)), _place(name, line, text, found.start()))


def _place(name: str, line: int, text: str, index: int) -> str:
    """path:line of a place in a text that begins in this line."""
    return f"{name}:{line + text.count(chr(10), 0, index)}"


def _whole_ends(texts: Iterator[str]) -> Iterator[str]:
    """The same text in pieces that do not end between a carriage return and its newline."""
    held = ""
    for text in texts:
        text = held + text
        held = "\r" if text.endswith("\r") else ""
        text = text[: len(text) - len(held)]
        if text:
            yield text
    if held:
        yield held


def _marked(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARKED, _marked)
