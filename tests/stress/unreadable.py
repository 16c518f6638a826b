"""Files that are no text, that hold none, or that are odd, wherever a file is read."""

import codecs
from collections.abc import Iterator

from tests.stress.case import FILE, Case, training
from tests.stress.desk import PROSE, SIGNS

UNDECODABLE = {
    "NUL": b"text\tlabel\na\0b\tgood\n" * 50,
    "UTF-16 with a mark": PROSE[:2000].encode("utf-16"),
    "UTF-16 without a mark": PROSE[:2000].encode("utf-16-le"),
    "Chinese in UTF-16": ("中文字符" * 500).encode("utf-16-be"),
    "UTF-32": codecs.BOM_UTF32_BE + PROSE[:2000].encode("utf-32-be"),
    "halves of surrogate pairs": b"text\tlabel\nA \xed\xa0\x80 B\tgood\n" * 50,
    "a character cut off": b"text\tlabel\na\tgood\n" * 50 + "字".encode()[:2],
    "overlong forms": b"text\tlabel\n\xc0\xaf\tgood\n" * 50,
    "beyond the last plane": b"text\tlabel\n\xf4\x90\x80\x80\tgood\n" * 50,
    "Latin-1": "café\tgood\n".encode("latin-1") * 50,
}
"""No UTF-8, or no text: refused, row by row where rows are answered."""

EMPTY = {"nothing": b"", "a mark": codecs.BOM_UTF8}
"""No text at all: nothing to learn or to measure."""

ODD = {
    "line ends": b"\n" * 1000,
    "Windows line ends": b"\r\n" * 1000,
    "one byte": b"x",
    "quotes": b'"' * 100_000,
    "a quote that is not closed": b'text,label\n"' + b"x,y\n" * 1000,
    "carriage returns": b"text,label\rx,y\r" * 100,
    "line separators": "text\u2028label\u2029x\x85y\x0b".encode() * 100,
    "tabs": b"\t" * 1000 + b"\n",
    "commas": b",\n" * 1000,
    "braces": b"{" * 100_000,
    "a number of a million digits": b'{"text": "x", "label": ' + b"9" * 1_000_000 + b"}\n",
    "signs": (SIGNS * 40).encode(),
    "one word": b"x" * 1_000_000,
    "a header": b"text,label\n",
    "the same row": b"text,label\nx,y\n" * 500,
    "few texts": b"text,label\nx,good\ny,bad\n" * 20,
    "blank texts of a label": b"text,label\n,good\n \t,good\nfine film,bad\ndull film,bad\n" * 20,
}
"""Text, which may or may not be of use."""

LEARN = {
    "lm": ("txt", training(["train", "lm", FILE])),
    "lm of lines": ("txt", training(["train", "lm", FILE, "--documents", "lines"])),
    "lm of words": ("txt", training(["train", "lm", FILE, "--tokenizer", "word"])),
    "lm of subwords": ("txt", training(["train", "lm", FILE, "--tokenizer", "subword"])),
    "lm of a table": ("csv", training(["train", "lm", FILE, "--text-column", "text"])),
    "lm of objects": ("jsonl", training(["train", "lm", FILE, "--text-column", "text"])),
    "classifier of a csv": ("csv", training(["train", "classifier", FILE])),
    "classifier of a tsv": ("tsv", training(["train", "classifier", FILE])),
    "classifier of objects": ("jsonl", training(["train", "classifier", FILE])),
    "classifier of lines": ("txt", training(["train", "classifier", FILE])),
    "tagger": ("conll", training(["train", "tagger", FILE])),
    "tagger of CoNLL-U": ("conllu", training(["train", "tagger", FILE])),
    "translator": ("tsv", training(["train", "translator", FILE])),
    "translator of parallel files": ("txt", training(["train", "translator", "--source", FILE, "--target", FILE])),
    "forecaster of a csv": ("csv", training(["train", "forecaster", FILE])),
    "forecaster of lines": ("txt", training(["train", "forecaster", FILE])),
    "forecaster of objects": ("jsonl", training(["train", "forecaster", FILE, "--missing", "interpolate"])),
    "validation": ("txt", training(["train", "lm", "corpus.txt", "--valid", FILE])),
    "vectors": ("txt", training(["train", "classifier", "--vectors", FILE, "--embedding-size", "4"])),
    "measured lm": ("txt", ["evaluate", "lm", FILE]),
    "measured classifier": ("csv", ["evaluate", "classifier", FILE]),
    "measured tagger": ("conll", ["evaluate", "tagger", FILE]),
    "measured translator": ("tsv", ["evaluate", "translator", FILE]),
    "measured forecaster": ("csv", ["evaluate", "forecaster", FILE]),
}
"""Where a file is learned from or measured on: what its name ends in, and the command."""

ANSWER = {
    "lines": ("txt", ["predict", "classifier", FILE]),
    "a table": ("csv", ["predict", "classifier", FILE, "--text-column", "text"]),
    "objects": ("jsonl", ["predict", "tagger", FILE]),
    "a series": ("csv", ["predict", "forecaster", FILE]),
    "tokens": ("conll", ["predict", "tagger", "--tokens", FILE]),
}
"""Where a file is answered, row by row."""


def cases() -> Iterator[Case]:
    """Every kind of file in every place."""
    for kinds, learning, answering in ((UNDECODABLE, (1,), (1,)), (EMPTY, (1,), (0, 1)), (ODD, (0, 1), (0, 1))):
        for kind, data in kinds.items():
            for places, codes in ((LEARN, learning), (ANSWER, answering)):
                for place, (ending, arguments) in places.items():
                    name = f"file.{ending}"
                    yield Case(f"{kind} as {place}", [name if one == FILE else one for one in arguments], codes, {name: data})
