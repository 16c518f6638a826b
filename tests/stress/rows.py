"""Tables with cells of a million characters, line ends, quotes, signs and halves of surrogate pairs: rows come back as they were."""

import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tests.runs import BAD, GOOD
from tests.stress.case import TRAINING, Case, Check, training
from tests.stress.desk import SIGNS
from tests.stress.running import Outcome

LOUD = [one for one in TRAINING if one != "--quiet"]

LONG = 1_000_000
"""Characters of a long cell."""

CELLS = [
    "a fine film",
    "two\nlines\r\nand \"quotes\", '' and\ttabs",
    SIGNS,
    "",
    " ",
    '"',
    "\u2028\u2029\x85\x0b\x0c\x1c",
    ("a fine, dull\nfilm " * (LONG // 18)),
    "x" * LONG,
    "\u202e\u0301\u200d\ufeff",
    "=1+1",
    "\\u0000 \\n",
]

BROKEN = [
    '{"text": "first", "number": 1}',
    '{"text": "torn',
    "[1, 2]",
    '{"text": 5}',
    '{"label": "no text"}',
    '{"text": "\\ud800 half", "number": 2}',
    '{"text": "other cells", "x": "\\udfff", "\\ud83d": [1e999, null]}',
    '{"text": "pair \\ud83d\\ude00", "number": 3}',
    "[" * 100_000,
    '{"text": "last", "text": "twice", "number": 4}',
]
"""Lines of a JSONL file: the 1st, 7th, 8th and 10th are whole."""


def cases() -> Iterator[Case]:
    """Reading, answering and learning."""
    table = {"t.csv": _csv([["id", "text"], *([str(number), cell] for number, cell in enumerate(CELLS))])}
    objects = {"t.jsonl": "".join(json.dumps({"id": number, "text": cell}) + "\n" for number, cell in enumerate(CELLS)).encode()}
    broken = {"t.jsonl": "".join(f"{line}\n" for line in BROKEN).encode()}
    yield Case("labels of long cells", ["predict", "classifier", "t.csv"], (0,), table, check=_same_cells)
    for name, files, form, check in (("csv", table, "jsonl", _same_objects), ("jsonl", objects, "csv", _same_cells)):
        yield Case(f"labels from {name} as {form}", ["predict", "classifier", f"t.{name}", "--format", form], (0,), files, check=check)
    yield Case("labels of long objects", ["predict", "classifier", "t.jsonl"], (0,), objects, check=_same_objects)
    yield Case("places of tags", ["predict", "tagger", "t.jsonl"], (0,), objects, check=_right_places)
    yield Case("a bad line among objects", ["predict", "classifier", "t.jsonl"], (1,), broken, check=_named([2, 3, 4, 5, 6, 9]))
    yield Case("a bad line, strictly", ["predict", "classifier", "t.jsonl", "--strict"], (1,), broken, check=_says("t.jsonl:2: "))
    replaced = ["predict", "classifier", "t.jsonl", "--errors", "replace"]
    yield Case("halves replaced", replaced, (1,), broken, check=_named([2, 3, 4, 5, 9]))
    lines = {"t.txt": "".join(f"{_one_line(cell)}\n" for cell in CELLS[:7] + CELLS[9:]).encode()}
    yield Case("a line for a line", ["predict", "translator", "t.txt"], (0,), lines, check=_as_many_lines(len(CELLS) - 2))

    learn = ["train", "lm", "--text-column", "text"]
    yield Case("an lm of long cells", training([*learn, "t.csv"]), (0,), table)
    yield Case("an lm of long objects", training([*learn, "t.jsonl"]), (0,), objects)
    yield Case("an lm of a bad line", training([*learn, "t.jsonl"]), (1,), broken, check=_says("t.jsonl:2: "))
    labelled = [["text", "label"], *([f"{text} {number}\n{SIGNS}", label] for number in range(9) for text, label in _labelled())]
    long = [*labelled, *([cell, label] for cell in CELLS[7:9] for label in ("good", "bad"))]
    yield Case("a classifier of long cells", training(["train", "classifier", "t.csv"]), (0,), {"t.csv": _csv(long)})
    for name, (one, other) in {
        "signs": (SIGNS.strip(), "\u202eא"),
        "halves": ("\ud800", "\udfff"),
        "line ends": ("a\nb", "[bold]|`x`"),
        "long": ("x" * 10_000, "y" * 10_000),
        "numbers": ("1e999", "nan"),
    }.items():
        names = {"good": one, "bad": other}
        texts = [{"text": f"{text} {number}", "label": names[label]} for number in range(9) for text, label in _labelled()]
        data = {"t.jsonl": "".join(json.dumps(row) + "\n" for row in texts).encode()}
        codes = (1,) if name == "halves" else (0,)
        yield Case(f"labels of {name}", ["train", "classifier", "t.jsonl", *LOUD], codes, data)
        tagged = "".join(f"word{number % 7}\t{''.join((one, other)[number % 2].split())}\n\n" for number in range(99))
        sentences = {"t.conll": tagged.encode("utf-8", "surrogatepass")}
        yield Case(f"tags of {name}", training(["train", "tagger", "t.conll"]), (0, 1), sentences)
    pairs = {"t.tsv": "".join(f"{_one_line(cell)} {number}\t{number} {SIGNS}" for number in range(9) for cell in CELLS).encode()}
    yield Case("a translator of long cells", training(["train", "translator", "t.tsv"]), (0,), pairs)
    yield Case("a classifier of two columns of one name", training(["train", "classifier", "t.csv"]), (1,), {"t.csv": b"text,text\nx,y\n"})
    marked = {"t.csv": b"\xef\xbb\xbf" + _csv(labelled)}
    yield Case("a mark before the header", training(["train", "classifier", "t.csv"]), (0,), marked)


def _labelled() -> list[tuple[str, str]]:
    return [*((text, "good") for text in GOOD), *((text, "bad") for text in BAD)]


def _csv(rows: list[list[str]]) -> bytes:
    file = io.StringIO(newline="")
    csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL).writerows(rows)
    return file.getvalue().encode()


def _one_line(text: str) -> str:
    return " ".join(text.replace("\t", " ").split("\n"))[:2000]


def _same_cells(outcome: Outcome, folder: Path) -> str | None:
    csv.field_size_limit(1 << 30)
    found = list(csv.reader(io.StringIO(outcome.output.decode(), newline="")))
    is_same = [row[:2] for row in found[1:]] == [[str(number), cell] for number, cell in enumerate(CELLS)]
    return None if is_same and found[0] == ["id", "text", "label", "probability"] else "the rows did not come back as they were"


def _same_objects(outcome: Outcome, folder: Path) -> str | None:
    found = _objects(outcome)
    return None if [row["text"] for row in found] == CELLS and "label" in found[0] else "the objects did not come back as they were"


def _right_places(outcome: Outcome, folder: Path) -> str | None:
    found = _objects(outcome)
    places = [(row["text"][one["begin"] : one["end"]], one["text"]) for row in found for one in row["spans"]]
    is_right = [row["text"] for row in found] == CELLS and all(one == other for one, other in places)
    return None if is_right else "spans are not where they say"


def _named(bad: list[int]) -> Check:
    """Are just these lines named, and all others answered in order?"""

    def check(outcome: Outcome, folder: Path) -> str | None:
        named = [number for number in range(1, len(BROKEN) + 1) if f"Error: t.jsonl:{number}: " in outcome.errors]
        if named != bad:
            return f"named the lines {named}, the bad ones are {bad}"
        whole = [json.loads(line) for number, line in enumerate(BROKEN, 1) if number not in bad]
        found = [{name: value for name, value in row.items() if name not in ("label", "probability")} for row in _objects(outcome)]
        return None if found == whole else f"the other rows did not come back as they were: {found!r:.200}"

    return check


def _says(words: str) -> Check:
    return lambda outcome, folder: None if words in outcome.errors else f"does not say {words!r}: {outcome.errors[-200:]!r}"


def _as_many_lines(count: int) -> Check:
    return lambda outcome, folder: None if len(outcome.output.split(b"\n")) == count + 1 else f"not {count} lines: {outcome.output!r:.200}"


def _objects(outcome: Outcome) -> list[dict[str, Any]]:
    return [json.loads(line) for line in outcome.output.decode().split("\n") if line]
