"""A reader of tunes in ABC notation: headers, notes, bars; it says whether a tune that a model wrote is one.

`python -m tests.abc_reader TUNES.jsonl` counts the accepted ones among the texts that `charnn sample --json` wrote.
"""

import json
import re
import sys
from collections import Counter
from dataclasses import dataclass
from fractions import Fraction

NOTE = r"[_^=]{0,2}[A-Ga-gz][,']*(?P<up>\d*)(?P<down>(?:/\d*)*)"
PLAIN_NOTE = NOTE.replace("?P<up>", "").replace("?P<down>", "")
TOKEN = re.compile(
    r"(?P<skip>\s+|\\|%.*|\"[^\"\n]*\"|![a-z]+!|[~.vPu\-)])"
    r"|(?P<bar>\|[|\]:]*|:+\|*:*\|?|\[\|)"
    r"|(?P<ending>\[?[12](?=[\s\"|A-Ga-gz_^=(\[])|\[[12])"
    r"|(?P<tuplet>\([2-9](?=[^)]))"
    r"|(?P<slur>\()"
    rf"|(?P<chord>\[(?:{PLAIN_NOTE}-?\s*)+\](?P<times>\d*)(?P<over>(?:/\d*)*))"
    rf"|(?P<note>{NOTE})"
)
TUPLET = {2: 3, 3: 2, 4: 3, 5: 2, 6: 2, 7: 2, 8: 3, 9: 2}
"""So many notes in the time of so many."""

EXACT_SHARE = 0.7
"""The share of bars that must last as long as the meter says; the rest are upbeats, repeats and endings."""


@dataclass(frozen=True)
class Tune:
    """What was read: headers, and the length of every bar beside what the meter asks for."""

    headers: dict[str, str]
    bars: list[tuple[Fraction, Fraction]]


def read_tune(text: str) -> Tune:
    """A tune. Raises ValueError saying what is wrong: no number, title or key; something that is no ABC; bars that do not fit the meter."""
    lines = text.strip("\n").split("\n")
    headers: dict[str, str] = {}
    while lines and "K" not in headers and re.match(r"[A-Z]:|%", lines[0]):
        line = lines.pop(0)
        if not line.startswith("%"):
            headers.setdefault(line[0], line[2:].strip())
    for name in "XTK":
        if not headers.get(name):
            raise ValueError(f"no header {name}")
    if not headers["X"].isdigit() or not re.fullmatch(r"[A-G][#b]?\s?(m|min|maj|mix|dor|phr|lyd)?.*", headers["K"]):
        raise ValueError("bad number or key")
    bars = _read_body(lines, headers)
    exact = sum(length == meter for length, meter in bars)
    if len(bars) < 4 or exact < EXACT_SHARE * len(bars):
        raise ValueError(f"{exact} of {len(bars)} bars fit the meter")
    return Tune(headers, bars)


def _read_body(lines: list[str], headers: dict[str, str]) -> list[tuple[Fraction, Fraction]]:
    meter, unit = _meter(headers.get("M", "4/4")), _unit(headers)
    bars: list[tuple[Fraction, Fraction]] = []
    length, left, scale = Fraction(0), 0, Fraction(1)
    for line in lines:
        if header := re.fullmatch(r"([A-Z]):(.*)", line):
            meter = _meter(header[2]) if header[1] == "M" else meter
            unit = Fraction(header[2].strip()) if header[1] == "L" else unit
            continue
        place = 0
        while place < len(line):
            token = TOKEN.match(line, place)
            if token is None:
                raise ValueError(f"no ABC: {line[place : place + 10]!r}")
            place = token.end()
            if token["bar"] and length:
                bars.append((length, meter))
                length = Fraction(0)
            elif token["tuplet"]:
                left = int(token["tuplet"][1])
                scale = Fraction(TUPLET[left], left)
            elif token["note"] or token["chord"]:
                last = re.match(NOTE, token["note"] or token["chord"][1:])
                assert last is not None
                whole = _duration(last["up"], last["down"]) * _duration(token["times"], token["over"])
                length += unit * whole * (scale if left else 1)
                left = max(0, left - 1)
    return [*bars, (length, meter)] if length else bars


def _meter(text: str) -> Fraction:
    text = {"C": "4/4", "C|": "2/2"}.get(text.strip(), text.strip())
    if not re.fullmatch(r"\d+/[1-9]\d*", text):
        raise ValueError(f"bad meter {text!r}")
    return Fraction(text)


def _unit(headers: dict[str, str]) -> Fraction:
    if "L" in headers:
        if not re.fullmatch(r"1/[1-9]\d*", headers["L"]):
            raise ValueError("bad unit")
        return Fraction(headers["L"])
    return Fraction(1, 16) if _meter(headers.get("M", "4/4")) < Fraction(3, 4) else Fraction(1, 8)


def _duration(up: str | None, down: str | None) -> Fraction:
    total = Fraction(int(up or 1))
    for part in (down or "").split("/")[1:]:
        total /= int(part or 2) or 1
    return total


def count_accepted(texts: list[str]) -> tuple[int, Counter[str]]:
    """How many texts are tunes, and why the others are not."""
    reasons: Counter[str] = Counter()
    for text in texts:
        try:
            read_tune(text)
        except ValueError as error:
            reasons[re.sub(r"\d+ of \d+ |: .*", "", str(error))] += 1
    return len(texts) - sum(reasons.values()), reasons


if __name__ == "__main__":
    with open(sys.argv[1], encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    accepted, refused = count_accepted([row["prompt"] + row["text"] for row in rows])
    print(f"{accepted} of {len(rows)} accepted; refused: {dict(refused)}")
