"""A gigabyte without a line break: training on it must not take more memory than training on little."""

import random
import tempfile
from pathlib import Path

from charnn.data.tokenized import scratch_folder
from tests.stress.row import Row
from tests.stress.running import Outcome, complaint, run_charnn

SIZE = 1_000_000_000
"""Bytes of the line at scale 1."""

LITTLE = 2_000_000
"""Bytes of the file that it is compared with; as much is held out in both."""

ALLOWED = 200
"""Megabytes of resident memory that the line may take beyond that file."""

TINY = ["--steps", "3", "--hidden-size", "16", "--validations", "1", "--threads", "1", "--quiet", "--overwrite", "--to", "run"]

KINDS = {
    "characters": (1.0, ["--tokenizer", "char"]),
    "words": (0.1, ["--tokenizer", "word"]),
    "subwords": (0.1, ["--tokenizer", "subword"]),
}
"""What the line is read as: its share of the size, and the options."""

WORDS, BLOCKS = 5000, 16
"""Different words in a line, and the blocks of a million characters that it is put together from."""


def run(scale: float = 1.0) -> Row:
    """One line read as each kind of token, and as little text of the same kind."""
    failures, notes = [], []
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as place:
        for name in list(KINDS)[: max(1, round(len(KINDS) * min(1.0, 100 * scale)))]:
            share, options = KINDS[name]
            least = round(LITTLE * min(1.0, 20 * scale))
            size = max(least, round(SIZE * share * scale))
            little, much = (_trained(Path(place), length, options) for length in (least, size))
            failures += [f"{name}: {complaint(one) or one.errors}" for one in (little, much) if one.code]
            more = (much.peak - little.peak) / 1e6
            notes.append(f"{size / 1e6:,.0f} MB as {name} {more:+,.0f} MB")
            if more > ALLOWED:
                failures.append(f"{name}: {size / 1e6:,.0f} MB took {more:,.0f} MB of memory more than {LITTLE / 1e6:.0f} MB")
    note = f"memory beyond that of {LITTLE / 1e6:.0f} MB of text: {', '.join(notes)}"
    return Row("a line without end", f"{len(notes)} trainings", len(failures), note, tuple(failures))


def write_line(path: Path, size: int) -> None:
    """A file of so many bytes without a newline: random words with spaces between them."""
    chance = random.Random(7)
    words = ["".join(chance.choices("abcdefghijklmnopqrstuvwxyz", k=chance.randrange(1, 12))) for _ in range(WORDS)]
    blocks = [" ".join(chance.choices(words, k=180_000)).encode()[: 1 << 20] for _ in range(BLOCKS)]
    with path.open("wb") as file:
        while file.tell() < size:
            file.write(chance.choice(blocks)[: size - file.tell()])


def _trained(folder: Path, size: int, options: list[str]) -> Outcome:
    write_line(folder / "line.txt", size)
    return run_charnn(["train", "lm", "line.txt", *options, *TINY], folder)
