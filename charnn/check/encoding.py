"""The encoding check: bytes, characters and line ends of files; errors are counted, not raised."""

import codecs
import itertools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

from charnn.check.contents import Finding, Rows, counted
from charnn.data.readers import Source, byte_place, foreign_mark

MARKED = "charnn.marked"  # an error handler that decodes an invalid byte to U+DC00 plus its value, which no text contains
WIDE = 0.2  # text with a larger fraction of NULs is taken for utf-16 without a byte order mark
SEPARATORS, ELSEWHERE = "(U+0085, U+2028, U+2029)", "where other programs end a line and charnn does not"
_TWICE = re.compile("[\u00c2\u00c3][\u0080-\u00bf]|\u00e2\u20ac[\u0080-\u2fff]")
ODDITIES = {
    "nul": (re.compile("\0"), "NUL", "NULs", ", which no text has"),
    "replaced": (re.compile("\ufffd"), "replacement character U+FFFD", "replacement characters U+FFFD", " left by an earlier error"),
    "inner_mark": (re.compile("\ufeff"), "byte order mark", "byte order marks", " within the text, as where files were joined"),
    "encoded_twice": (_TWICE, "character", "characters", " encoded twice, as é is in 'Ã©'"),
    "separator": (re.compile("[\u0085\u2028\u2029]"), f"line separator {SEPARATORS}", f"line separators {SEPARATORS}", f", {ELSEWHERE}"),
    "lone_cr": (re.compile(r"\r(?!\n)"), "CR", "CRs", f" without LF, {ELSEWHERE}"),
}
"""Oddities in texts: pattern, singular, plural, and the end of the sentence."""
_BAD = re.compile("[\udc00-\udcff]")
_ENDS = {"lf": re.compile(r"(?<!\r)\n"), "crlf": re.compile(r"\r\n")}


class EncodingCheck:
    """Counts of files that are read once, in constant memory. Raises DataError for unreadable files.

    `found` has the ODDITIES; `invalid` bytes; lines that end in `lf`, in `crlf`, and in the rarer of these, `mixed`, without those of
    CSVs, whose cells may contain others; `unterminated` files, and files with a byte order `mark` or a `foreign` one, which ends them.
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
        self._nuls = [0, 0]  # at even and at odd positions of their files
        for source in sources:
            self._add(source)
        fewer = min(("plain crlf", "plain lf"), key=lambda end: self._counts[end])
        self._note("mixed", self._counts[fewer], self._first.get(fewer, ""))
        names = ("invalid", "foreign", "mark", *ODDITIES, "lf", "crlf", "mixed", "unterminated")
        self.found = {name: Finding(self._counts[name], self._first.get(name)) for name in names}

    def lines_of_text(self) -> Rows:
        """Return (name, value) rows to print: files, encoding, line ends, warnings."""
        size = f"{counted(self.bytes, 'byte', 'bytes')}, {counted(self.lines, 'line', 'lines')}"
        is_valid = not self.found["invalid"].count and not self.found["foreign"].count
        marks, last = self.found["mark"].count, self.found["unterminated"]
        encoding = f"{self.encoding}{', valid' if is_valid else ', not valid'}: {counted(self.characters, 'character', 'characters')}"
        marked = f", {counted(marks, 'file', 'files')} with a byte order mark" if marks else ""
        kinds = {"LF": self.found["lf"].count, "CR LF": self.found["crlf"].count}
        ends = ", ".join(f"{name} {count:,}" for name, count in kinds.items() if count) or "none"
        ends += f"; {counted(last.count, 'file ends', 'files end')} without one, first {last.where}" if last.count else ""
        return [
            ("files", f"{counted(self.files, 'file', 'files')}, {size}"),
            ("encoding", f"{encoding}, {self.beyond_ascii:,} beyond ASCII{marked}"),
            ("line ends", ends),
            *self._warnings(),
        ]

    def facts(self) -> dict[str, Any]:
        """Return the counts and findings, ready for JSON."""
        sizes = {name: getattr(self, name) for name in ("files", "bytes", "characters", "beyond_ascii", "lines", "encoding")}
        return {**sizes, "invalid_byte": self.invalid_byte, "found": {name: vars(finding) for name, finding in self.found.items()}}

    def _warnings(self) -> Rows:
        wide = f"utf-16-{'be' if self._nuls[0] > self._nuls[1] else 'le'}"
        guess = f"; this seems to be {wide} (say --encoding {wide})" if sum(self._nuls) > WIDE * self.characters else ""
        mark = f" with the byte order mark of {self.foreign} (say --encoding {self.foreign})"
        rows = self.found["foreign"].rows("warning", "file begins", "files begin", mark, "first")
        if self.invalid_byte is not None:
            is_other = codecs.lookup(self.encoding).name == "utf-8" and not self.beyond_ascii
            advice = ", nor is anything else beyond ASCII, so this may be cp1252 (say --encoding cp1252)" if is_other else ""
            after = f" (byte {self.invalid_byte:,})"
            rows += self.found["invalid"].rows("warning", "byte is", "bytes are", f" no {self.encoding}{advice}", "first at", after)
        for name, (_, one, many, rest) in ODDITIES.items():
            rows += self.found[name].rows("warning", one, many, rest + (guess if name == "nul" else ""), "first at")
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
        """Add to the count of an oddity, and keep the place of the first."""
        if count:
            self._counts[name] += count
            self._first.setdefault(name, where)

    def _decoded(self, name: str, blocks: Iterator[bytes]) -> Iterator[str]:
        """Decode a file without the byte order mark at its beginning, with invalid bytes as MARKED has them."""
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
            if is_first and text.startswith("\ufeff"):
                self._note("mark", 1, name)
                is_first, text = False, text[1:]
            if text:
                is_first = False
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
            # Lines within quoted cells of a CSV may end otherwise than its rows.
            for kind in (end,) if source.kind == ".csv" else (end, f"plain {end}"):
                found = _ENDS[end].search(text) if count and kind not in self._first else None
                self._note(kind, count, _place(source.name, line, text, found.start()) if found else "")
        if "\0" in text:
            for half in (0, 1):
                self._nuls[half ^ place % 2] += text[half::2].count("\0")


def _place(name: str, line: int, text: str, index: int) -> str:
    """Return path:line of an index in a text that begins in this line."""
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
