"""A tokenizer is one file and one line in the registry: the command line, the tasks and the laws know it from there."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

FILE = '''
import re
from collections import Counter

from charnn.tokenizers.registry import cut_chunks, lowered, saved
from charnn.tokenizers.vocabulary import SPECIAL_TEXTS, SPECIALS, UNKNOWN, Vocabulary

SYLLABLE = re.compile("[^aeiou]*[aeiou]|[^aeiou]+")


class SyllableTokenizer:
    """A token ends with a vowel."""

    name = "syllable"
    is_exact, has_characters, has_spaces, longest = True, False, False, 200

    def __init__(self, vocabulary, lowercase):
        self.vocabulary, self.size, self.lowercase = vocabulary, vocabulary.size, lowercase

    @classmethod
    def fit(cls, chunks, settings, default_size=None):
        counts = Counter()
        for piece in cut_chunks(cls.split, chunks()):
            counts.update(SYLLABLE.findall(lowered(piece) if settings.lowercase else piece))
        return cls(Vocabulary.fit(counts, settings.vocabulary_size, settings.min_count), settings.lowercase)

    @classmethod
    def restore(cls, learned, tensors):
        return cls(Vocabulary.restore(saved(learned, "symbols", list)), saved(learned, "lowercase", bool))

    def learned(self):
        return {"symbols": list(self.vocabulary.symbols), "lowercase": self.lowercase}

    def tensors(self):
        return {}

    def symbols(self, text):
        return SYLLABLE.findall(lowered(text) if self.lowercase else text)

    def encode_symbols(self, symbols):
        return self.vocabulary.encode(symbols)

    def grown(self, symbols):
        return SyllableTokenizer(self.vocabulary.grown(symbols), self.lowercase)

    def encode(self, text):
        return self.encode_symbols(self.symbols(text))

    def decode(self, ids):
        return "".join(map(self.push, ids))

    def stream(self):
        return self

    def push(self, id):
        return SPECIAL_TEXTS[id] if id < len(SPECIALS) else self.vocabulary.symbol(int(id))

    def finish(self):
        return ""

    def symbol(self, id):
        return self.vocabulary.symbol(id)

    def unknown_symbols(self, text):
        return Counter(one for one in self.symbols(text) if one not in self.vocabulary.ids)

    @staticmethod
    def split(text):
        place = max(map(text.rfind, "aeiou")) + 1
        return text[:place], text[place:]
'''

LINE = """"syllable": Entry("syllables:SyllableTokenizer", ("vocabulary_size", "min_count", "lowercase")),"""

REGISTERED = f"""
import importlib.util, sys
from pathlib import Path

spec = importlib.util.find_spec("charnn.tokenizers.registry")
source = Path(spec.origin).read_text().replace("TOKENIZERS = {{", 'TOKENIZERS = {{' + {LINE!r})
sys.modules[spec.name] = importlib.util.module_from_spec(spec)
exec(compile(source, spec.origin, "exec"), vars(sys.modules[spec.name]))
"""
"""The registry with one line more, in place of itself."""

COMMANDS = """
import registered
from pathlib import Path

from click.testing import CliRunner

from charnn.cli.main import main

def charnn(*words):
    result = CliRunner().invoke(main, words)
    assert result.exit_code == 0, (words, result.output, result.exception)
    return result.stdout

Path("song.txt").write_text("the sea is wide, the sea is blue\\n" * 40)
Path("songs.tsv").write_text("text\\tlabel\\n" + "".join(f"the sea is {w} {n}\\t{w}\\n" for n in range(40) for w in ("wide", "blue")))
small = ("--steps", "12", "--hidden-size", "8", "--threads", "1", "--validations", "2", "--quiet")
assert "syllable" in charnn("train", "lm", "--help")
charnn("train", "lm", "song.txt", "--tokenizer", "syllable", "--to", "song", *small)
assert charnn("sample", "song", "the ", "--length", "5", "--seed", "1").startswith("the ")
charnn("evaluate", "song", "song.txt")
charnn("train", "lm", "song.txt", "--init-from", "song", "--to", "again", "--steps", "4", "--threads", "1", "--quiet")
for words in ((), ("--word-characters", "--min-count", "1")):
    charnn("train", "classifier", "songs.tsv", "--tokenizer", "syllable", *words, "--to", "songs", "--overwrite", *small)
    assert charnn("predict", "songs", "the sea").split()[0] in ("wide", "blue")
    charnn("evaluate", "songs", "songs.tsv")
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    (tmp_path / "syllables.py").write_text(FILE)
    (tmp_path / "registered.py").write_text(REGISTERED)
    return tmp_path


def python(place: Path, *words: str, where: Path) -> None:
    """Runs Python with what is in a folder."""
    paths = os.pathsep.join([str(place), str(ROOT)])
    run = subprocess.run(
        [sys.executable, *words], cwd=where, env={**os.environ, "PYTHONPATH": paths}, capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_a_new_tokenizer_trains_samples_and_evaluates_by_the_command_line(place: Path) -> None:
    python(place, "-c", COMMANDS, where=place)


def test_the_laws_run_over_a_new_tokenizer(place: Path) -> None:
    laws = ROOT / "tests" / "tokenizers" / "test_tokenizers.py"
    python(place, "-m", "pytest", "-p", "registered", "-p", "no:cacheprovider", "-k", "syllable", str(laws), where=ROOT)


def test_names_and_settings_of_tokenizers_wait_for_no_numerics() -> None:
    program = "import sys; from charnn.tokenizers import registry; registry.TokenizerSettings('word', lowercase=True); "
    python(ROOT, "-c", program + "assert not {'numpy', 'torch', 'numba', 'regex'} & sys.modules.keys()", where=ROOT)
