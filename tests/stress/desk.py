"""A folder of small files and models, whole and broken ones, for commands to work on."""

import atexit
import gzip
import random
import shutil
import tempfile
from functools import cache
from pathlib import Path
from pydoc_data.topics import topics

from charnn.data.tokenized import scratch_folder
from tests.runs import PAIRS, SENTENCES, SERIES, TABLE
from tests.stress.running import Forks, complaint

PROSE = "\n".join(topics[name] for name in ("strings", "numbers", "naming", "objects"))[:20_000]

# A character of every plane, right to left, combining, joined by U+200D, wide, a paragraph separator that is no line end.
PLANES = "".join(chr((plane << 16) + 0x1234) for plane in range(17))
SIGNS = f"שלום עולם مرحبا नमस्ते re\u0301sume\u0301 👩\u200d👩\u200d👧 \u202eabc\u202c 你好\u2028x {PLANES}\n"

SMALL = ["--steps", "3", "--hidden-size", "8", "--validations", "1", "--threads", "1", "--quiet"]
MODELS = {
    "lm": ["lm", "corpus.txt", "--window", "16"],
    "named": ["lm", "names", "--labels-from-files", "--window", "16"],
    "classifier": ["classifier", "labelled.tsv", "--embedding-size", "8"],
    "tagger": ["tagger", "tagged.conll", "--embedding-size", "8"],
    "translator": ["translator", "pairs.tsv", "--embedding-size", "8"],
    "forecaster": ["forecaster", "series.csv", "--target", "sold", "--window", "24"],
}
"""Models on the desk, and how they are trained."""


@cache
def desk() -> Path:
    """The folder, made once a process and gone with it; look, but copy it to write."""
    place = tempfile.TemporaryDirectory(dir=scratch_folder())
    atexit.register(place.cleanup)
    folder = Path(place.name) / "desk"
    folder.mkdir()
    _write_data(folder)
    _write_odd_files(folder)
    with Forks(Path(place.name) / "forks") as forks:
        for name, arguments in MODELS.items():
            outcome = forks.run(["train", *arguments, *SMALL, "--to", name], folder)
            assert outcome.code == 0, complaint(outcome) or outcome.errors
    _write_broken_models(folder)
    return folder


def _write_broken_models(folder: Path) -> None:
    (folder / "torn").mkdir()
    data = (folder / "lm" / "model.safetensors").read_bytes()
    (folder / "torn" / "model.safetensors").write_bytes(data[: len(data) // 2])
    shutil.copy(folder / "corpus.txt", folder / "prose.safetensors")


def _write_data(folder: Path) -> None:
    (folder / "corpus.txt").write_text(PROSE)
    (folder / "signs.txt").write_text(SIGNS * 40)
    with gzip.open(folder / "corpus.txt.gz", "wt") as file:
        file.write(PROSE)
    (folder / "labelled.tsv").write_text(TABLE)
    rows = [line.split("\t") for line in TABLE.splitlines()]
    (folder / "labelled.csv").write_text("".join(f'{label},"{text}"\n' for label, text in rows))
    (folder / "labelled.jsonl").write_text("".join(f'{{"label": "{label}", "text": "{text}"}}\n' for label, text in rows[1:]))
    (folder / "tagged.conll").write_text(SENTENCES)
    (folder / "pairs.tsv").write_text(PAIRS)
    pairs = [line.split("\t") for line in PAIRS.splitlines()]
    (folder / "source.txt").write_text("".join(f"{source}\n" for source, _ in pairs))
    (folder / "target.txt").write_text("".join(f"{target}\n" for _, target in pairs))
    (folder / "series.csv").write_text(SERIES)
    rows = [line.split(",") for line in SERIES.splitlines()]
    (folder / "sold.csv").write_text("".join(f"{month},{sold}\n" for month, sold, _ in rows))
    (folder / "numbers.txt").write_text("".join(f"{sold}\n" for _, sold, _ in rows[1:]))
    (folder / "series.jsonl").write_text("".join(f'{{"month": "{month}", "sold": {sold}}}\n' for month, sold, _ in rows[1:]))
    (folder / "names").mkdir()
    (folder / "names" / "English.txt").write_text("Smith\nBrown\nTaylor\nMiller\n" * 20)
    (folder / "names" / "Italian.txt").write_text("Rossi\nBianchi\nRusso\nFerrari\n" * 20)
    words = sorted({word for line in TABLE.splitlines() for word in line.split()})
    generator = random.Random(1)
    (folder / "vectors.txt").write_text("".join(f"{word} {' '.join(f'{generator.gauss(0, 1):.3f}' for _ in range(8))}\n" for word in words))


def _write_odd_files(folder: Path) -> None:
    (folder / "empty.txt").write_bytes(b"")
    (folder / "one.txt").write_bytes(b"x")
    (folder / "nul.txt").write_bytes(b"abc\0def\n" * 100)
    (folder / "utf16.txt").write_text(PROSE[:2000], "utf-16")
    (folder / "bytes.bin").write_bytes(random.Random(2).randbytes(5000))
    (folder / "torn.gz").write_bytes((folder / "corpus.txt.gz").read_bytes()[:100])
    (folder / "bad.jsonl").write_text('{"text": "a fine film", "label": "good"}\n{"text": \n{"text": "\\ud800", "label": "bad"}\n')
    (folder / "ragged.csv").write_text('text,label\n"never closed,good\na,b,c\n')
    (folder / "a b\nc.txt").write_text(PROSE[:3000])
    (folder / "nothing").mkdir()
