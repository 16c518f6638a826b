"""The encoding check: bytes, characters and line ends of files; errors are counted, not refused."""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from charnn.check.contents import Finding, Rows, counted
from charnn.data.readers import Source, byte_place, foreign_mark

MARKED = "charnn.marked"
"""Name of an error handler that decodes every byte that is no text to U+DC00 plus its value, to which no text decodes."""

WIDE = 0.2  # fraction of NUL from which text that is read as utf-8 is taken for utf-16 without a byte order mark

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
"""Oddities that are reported: pattern, singular, plural, and the rest of the sentence."""

_BAD = re.compile("[\udc00-\udcff]")
_ENDS = {"lf": re.compile(r"(?<!\r)\n"), "crlf": re.compile(r"\r\n")}


class Health:
    """Bytes, characters and lines of files, each read once and in constant memory; lines end at newlines only.

    `found` are by name: the ODDITIES; `invalid` bytes; lines in `lf`, in `crlf`, and `mixed`, which are the fewer of these, those of
    CSVs apart, whose cells may contain lines; files that are `unterminated`, or begin with their `mark` or a `foreign` one, and in the
    last nothing else is counted. Raises DataError for what cannot be read.
    """

    def __init__(self, sources: Sequence[Source], encoding: str) -> None:
        self.encoding = encoding
        self.files = len(sources)
        self.bytes = self.lines = 0
        self.characters = self.beyond_ascii = 0  # without invalid bytes
        self.invalid_byte: int | None = None  # the number of bytes before the first invalid one
        self.foreign: str | None = None  # the encoding of the first foreign mark
        self._counts: Counter[str] = Counter()
        self._first: dict[str, str] = {}
        self._nuls = [0, 0]  # at even and at odd places of their files
        for source in sources:
            self._add(source)
        fewer = min(("plain crlf", "plain lf"), key=lambda end: self._counts[end])
        self._note("mixed", self._counts[fewer], self._first.get(fewer, ""))
        names = ("invalid", "foreign", "mark", *ODDITIES, "lf", "crlf", "mixed", "unterminated")
        self.found = {name: Finding(self._counts[name], self._first.get(name)) for name in names}

    @property
    def wide(self) -> str | None:
        """Return the kind of utf-16 that this seems to be."""
        return f"utf-16-{'be' if self._nuls[0] > self._nuls[1] else 'le'}" if sum(self._nuls) > WIDE * self.characters else None

    def lines_of_text(self) -> Rows:
        """Return (name, value) rows to print: files, encoding, line ends, warnings."""
        size = f"{counted(self.bytes, 'byte', 'bytes')}, {counted(self.lines, 'line', 'lines')}"
        rows = [("files", f"{counted(self.files, 'file', 'files')}, {size}"), ("encoding", self._encoding()), ("line ends", self._ends())]
        return rows + self._warnings()

    def facts(self) -> dict[str, Any]:
        """Return the counts and findings, ready for JSON."""
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

    def _warnings(self) -> Rows:
        foreign, wide = self.found["foreign"], f"; this seems to be {self.wide} (say --encoding {self.wide})" if self.wide else ""
        mark = f" with the byte order mark of {self.foreign} (say --encoding {self.foreign})"
        rows = foreign.rows("warning", "file begins", "files begin", mark, "first")
        if self.invalid_byte is not None:
            is_other = codecs.lookup(self.encoding).name == "utf-8" and not self.beyond_ascii
            advice = ", nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252)" if is_other else ""
            after = f" (byte {self.invalid_byte:,})"
            rows += self.found["invalid"].rows("warning", "byte is", "bytes are", f" no {self.encoding}{advice}", "first at", after)
        for name, (_, one, many, rest) in ODDITIES.items():
            rows += self.found[name].rows("warning", one, many, rest + (wide if name == "nul" else ""), "first at")
        ends = "line ends otherwise", "lines end otherwise"
        return rows + self.found["mixed"].rows("warning", *ends, " than most do, in LF or in CR LF", "first at")

    def _add(self, source: Source) -> None:
        blocks = source.blocks()
        begin = next(blocks, b"")
        foreign = foreign_mark(begin, self.encoding)
        if foreign is not None:
            self.foreign = self.foreign or foreign
            self._note("foreign", 1, source.name)
            self.bytes += len(begin) + sum(map(len, blocks))
            return
        line, place, end = 1, 0, "\n"
        for text in _whole_ends(self._decoded(source.name, itertools.chain([begin], blocks))):
            self._examine(text, source, line, place)
            line, place, end = line + text.count("\n"), place + len(text), text[-1]
        self.lines += line - 1
        if end != "\n":
            self.lines += 1
            self._note("unterminated", 1, source.name)

    def _note(self, name: str, count: int, where: str) -> None:
        """Count more of an oddity, the first of them at path:line."""
        if count:
            self._counts[name] += count
            self._first.setdefault(name, where)

    def _decoded(self, name: str, blocks: Iterator[bytes]) -> Iterator[str]:
        """Decode a file without the byte order mark at its begin, with invalid bytes as MARKED has them."""
        decoder = codecs.getincrementaldecoder(self.encoding)(MARKED)
        place, line, is_first = 0, 1, True
        for block in itertools.chain(blocks, [b""]):
            start = place - len(decoder.getstate()[0])
            text = decoder.decode(block, final=not block)
            place += len(block)
            bad = [] if text.isascii() else _BAD.findall(text)
            if bad:
                index = text.index(bad[0])
                if self.invalid_byte is None:
                    self.invalid_byte = byte_place(text[:index], start, self.encoding)
                self._note("invalid", len(bad), _place(name, line, text, index))
            self.characters -= len(bad)
            self.beyond_ascii -= len(bad)
            line += text.count("\n")
            is_marked = is_first and text.startswith("\ufeff")
            is_first = is_first and not text
            if is_marked:
                self._note("mark", 1, name)
                text = text[1:]
            if text:
                yield text
        self.bytes += place

    def _examine(self, text: str, source: Source, line: int, place: int) -> None:
        is_ascii = text.isascii()
        self.characters += len(text)
        self.beyond_ascii += 0 if is_ascii else len(text) - len(text.encode("ascii", "ignore"))
        for oddity, (pattern, *_) in ODDITIES.items():
            found = pattern.search(text) if not is_ascii or oddity in ("nul", "lone_cr") else None
            if found:
                self._note(oddity, len(pattern.findall(text)), _place(source.name, line, text, found.start()))
        crlf = text.count("\r\n")
        for end, count in {"crlf": crlf, "lf": text.count("\n") - crlf}.items():
            # Quoted cells of a CSV hold lines that may well end in another way than the rows.
            for kind in (end,) if source.kind == ".csv" else (end, f"plain {end}"):
                found = _ENDS[end].search(text) if count and kind not in self._first else None
                self._note(kind, count, _place(source.name, line, text, found.start()) if found else "")
        if "\0" in text:
            for half in (0, 1):
                self._nuls[half ^ place % 2] += text[half::2].count("\0")


def _place(name: str, line: int, text: str, index: int) -> str:
    """Return path:line of a place in a text that begins in this line."""
    return f"{name}:{line + text.count(chr(10), 0, index)}"


def _whole_ends(texts: Iterator[str]) -> Iterator[str]:
    """Return the text in pieces that do not end between a carriage return and its newline."""
    rest = ""
    for text in texts:
        whole = (rest + text).removesuffix("\r")
        rest = (rest + text)[len(whole) :]
        if whole:
            yield whole
    if rest:
        yield rest


def _marked(error: UnicodeError) -> tuple[str, int]:
    assert isinstance(error, UnicodeDecodeError)
    return "".join(chr(0xDC00 + byte) for byte in error.object[error.start : error.end]), error.end


codecs.register_error(MARKED, _marked)
