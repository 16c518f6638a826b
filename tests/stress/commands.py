"""Random command lines, built from the commands as they are: none may end in a traceback or in a way that is not documented."""

import os
import random
import shlex
import shutil
import tempfile
from collections import Counter
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import click

from charnn.cli.main import main
from charnn.cli.options import SettingType
from charnn.data.tokenized import scratch_folder
from charnn.settings import base_type
from tests.stress.desk import MODELS, PROSE, SIGNS, desk
from tests.stress.row import Row
from tests.stress.running import CLOSED, Forks, Outcome, complaint, run_charnn, side_by_side

LINES = 500
"""Command lines at scale 1."""

FRESH = 25
"""Every so many lines one is run in a Python of its own, as users do."""

MEMORY = 3 << 30
"""Bytes of data that a command may have: what asks for more must say so."""

COMMANDS = {
    ("sample",): 5,
    ("predict",): 6,
    ("evaluate",): 4,
    ("train", "lm"): 3,
    ("train", "classifier"): 3,
    ("train", "tagger"): 2,
    ("train", "translator"): 3,
    ("train", "forecaster"): 3,
    ("data", "check"): 1,
    ("bench", "sample"): 1,
    ("bench", "train"): 1,
    ("bench", "translate"): 1,
    ("train",): 1,
    (): 1,
}
"""How often each command comes."""

BUDGETS = {"minutes", "epochs", "steps", "rounds", "length", "count", "threads", "beam", "n_best"}
"""What may take for ever if it is large, and is right to."""

TINY = {
    "steps": "1",
    "validations": "1",
    "hidden_size": "4",
    "embedding_size": "4",
    "rounds": "1",
    "sizes": "8",
    "batches": "1",
    "batch": "1",
    "cells": "gru",
    "length": "5",
}
"""What a command line says in the end where nothing else was drawn."""

ODD = [
    *("", " ", "x", "-1", "0", "1", "1.5", "1e9", "nan", "inf", "-inf", "1e999", "-0.0", "0x10", "1_0", "\u0663", "\u00bd", "none", "true"),
    *("'", '"', "a\nb", "\udcff", "\U0001f642", "--", "-", "..", "../x", "\x1b[31m", "%s", "{}", "[bold]", "[/]", "~", "*"),
    *("9" * 30, "-" + "9" * 30, "9" * 5000, "a" * 5000, "\u202e", "=x", "/dev/null", "/dev/null/x"),
]

CORPORA = ["corpus.txt", "signs.txt", "corpus.txt.gz", "a b\nc.txt", "names", "python-docs"]
LABELLED = ["labelled.tsv", "labelled.csv", "labelled.jsonl", "names", "sentiment"]
TAGGED, PAIRS = ["tagged.conll", "entities"], ["pairs.tsv", "phrasebook"]
SERIES = ["sold.csv", "series.csv", "numbers.txt", "series.jsonl", "cosine"]
BROKEN = ["empty.txt", "one.txt", "nul.txt", "utf16.txt", "bytes.bin", "torn.gz", "bad.jsonl", "ragged.csv", "nothing", "missing.txt", "lm"]
FILES = [*CORPORA, *LABELLED, *TAGGED, *PAIRS, *SERIES, *BROKEN, "vectors.txt", "source.txt", "target.txt", "-"]
TEXTS = ["Once upon a time", "a fine film", "Ann went to Paris.", "Bob eats the bread.", SIGNS, "", "corpus.txt", "labelled.csv", "-"]
PARALLEL = ["source.txt", "target.txt", "source.txt", "target.txt", "corpus.txt", "empty.txt"]
COLUMNS = ["text", "label", "source", "target", "x", "1"]
WRONG_MODELS = ["torn", "prose.safetensors", "nothing", "missing", "lm/model.safetensors", "classifier/model.safetensors"]

DATA = {"lm": CORPORA, "named": ["names"], "classifier": LABELLED, "tagger": TAGGED, "translator": PAIRS, "forecaster": SERIES}
"""What fits each task, and each model on the desk."""

POOLS = {
    "text_column": COLUMNS,
    "label_column": COLUMNS,
    "source_column": COLUMNS,
    "target_column": COLUMNS,
    "token_column": ["1", "2", "3", "form", "upos", "x"],
    "tag_column": ["1", "2", "3", "form", "upos", "x"],
    "encoding": ["utf-8", "utf-16", "utf-8-sig", "latin-1", "idna", "punycode", "utf-7", "rot13", "base64", "undefined", "ascii", "mbcs"],
    "vectors": ["vectors.txt", "corpus.txt", "bytes.bin", "empty.txt"],
    "torchtext_vocabulary": ["vectors.txt", "bytes.bin", "missing"],
    "valid": [*FILES],
    "source": PARALLEL,
    "target": [*PARALLEL, "sold", "rain, sold", "value"],
    "inputs": ["rain", "all", "x"],
    "time_column": ["month", "x"],
    "valid_source": PARALLEL,
    "valid_target": PARALLEL,
    "init_from": [*MODELS, *WRONG_MODELS],
    "init_encoder": [*MODELS, *WRONG_MODELS],
    "init_decoder": [*MODELS, *WRONG_MODELS],
    "model": [*MODELS, *WRONG_MODELS],
    "to": ["new", "new/er", "lm", "corpus.txt", "corpus.txt/x", "/dev/null/x", "/proc/x", "a b\nc", "n\u00f6w", "\udcff", "a" * 300],
    "label": ["English", "Italian", "good", "x"],
    "stop": [".", "e", "\n", " the"],
    "prefix": ["le", "Ann", "\u05d4", "\ud800"],
    "shard": ["1/2", "2/2", "3/2", "0/1", "1/0", "1/999999999", "x"],
    "attention_plot": ["plot.png", "plot.svg", "plot.html", "plot.txt", "missing/plot.png", "plot"],
    "prompt_file": FILES,
}
"""What a text option may say."""

INPUTS = [
    *(b"", b"x", b"\n", b"\n\n\n", PROSE.encode(), SIGNS.encode(), b"a fine film\nwhat a bore\n", b"Ann\nwent\nhome\n\n"),
    *(b"\xff\xfe" + "Once".encode("utf-16-le"), bytes(range(256)) * 8, b"text,label\nx,y\n", b'{"text": "x"}\n[1]\n{"text": 1}\n'),
    *(b"source\ttarget\na\tb\n", b'"' * 9, b"\xef\xbb\xbfx\n", b"a\0b\n", "\u2028x\x85y\n".encode(), CLOSED),
]


class Line(NamedTuple):
    """A command line and its standard input."""

    arguments: list[str]
    stdin: bytes | None


def run(scale: float = 1.0) -> Row:
    """The first command lines of those that there are."""
    lines = [random_line(number) for number in range(max(1, round(LINES * scale)))]
    with tempfile.TemporaryDirectory(dir=scratch_folder()) as place:
        tasks = [partial(run_line, line, number, Path(place)) for number, line in enumerate(lines)]
        outcomes = side_by_side(tasks, Path(place), MEMORY)
    found = [(shlex.join(line.arguments), complaint(outcome)) for line, outcome in zip(lines, outcomes, strict=True)]
    failures = tuple(f"{command!r:.400}: {said}" for command, said in found if said)
    codes = Counter(str(outcome.code) for outcome in outcomes)
    note = "exit codes " + ", ".join(f"{code} {codes[code]} times" for code in sorted(codes))
    return Row("random command lines", f"{len(lines)} command lines", len(failures), note, failures)


def run_line(line: Line, number: int, place: Path, forks: Forks) -> Outcome:
    """The outcome of a command line, on a desk of its own."""
    folder = place / f"desk-{number}"
    shutil.copytree(desk(), folder)
    try:
        if number % FRESH == FRESH - 1:
            return run_charnn(line.arguments, folder, stdin=line.stdin)
        return forks.run(line.arguments, folder, stdin=line.stdin)
    finally:
        shutil.rmtree(folder)


def random_line(number: int) -> Line:
    """The command line of this number; always the same."""
    chance = random.Random(number)
    words = chance.choices(list(COMMANDS), list(COMMANDS.values()))[0]
    command = _command(words)
    arguments, said = [*words, *_operands(words, chance)], set()
    options = [one for one in command.params if isinstance(one, click.Option) and one.name not in ("help", "debug")]
    for param in chance.sample(options, min(len(options), chance.choice([0, 1, 1, 1, 2, 2, 3, 6]))):
        arguments += _option(param, words, chance)
        said.add(param.name)
    for param in options:
        if param.name in TINY and param.name not in said and not said & _budget_of(param.name):
            domain = _domain(param)
            least = 0 if domain is None or domain.least is None else int(domain.least)
            arguments += [param.opts[0], TINY[param.name] if least <= 4 else str(least)]
    if chance.random() < 0.05:
        arguments.insert(chance.randrange(len(arguments) + 1), chance.choice(["--no-such-option", "-h", "--version", "--help", *ODD]))
    return Line([one for one in arguments if _is_possible(one)], chance.choice(INPUTS))


def _is_possible(argument: str) -> bool:
    """Can a shell give it to a command?"""
    try:
        return b"\0" not in os.fsencode(argument)
    except UnicodeEncodeError:
        return False


def _budget_of(name: str) -> set[str]:
    """The options that this one would contradict."""
    return {"minutes", "epochs"} if name == "steps" else {"model"} if name in ("sizes", "cells") else set()


def _command(words: tuple[str, ...]) -> click.Command:
    command: click.Command = main
    for word in words:
        assert isinstance(command, click.Group)
        found = command.get_command(click.Context(command), word)
        assert found is not None
        command = found
    return command


def _operands(words: tuple[str, ...], chance: random.Random) -> list[str]:
    """What stands before the options: mostly a model and data that fit."""
    if words == ("data", "check"):
        return _some([one for fitting in DATA.values() for one in fitting], FILES, chance)
    if words[:1] not in (("train",), ("sample",), ("predict",), ("evaluate",)) or words == ("train",):
        return []
    if words[0] == "train":
        return _some(DATA[words[1]], FILES, chance)
    model = chance.choice(["lm", "named"] if words[0] == "sample" else list(MODELS))
    # The phrasebook would be translated whole.
    data = TEXTS if words[0] != "evaluate" else DATA[model] if model != "translator" else ["pairs.tsv"]
    named = _drawn([model], [*MODELS, *WRONG_MODELS], chance) if chance.random() < 0.95 else None
    return [] if named is None else [named, *_some(data, FILES, chance)[: 1 if words[0] == "sample" else None]]


def _some(fitting: list[str], unfitting: list[str], chance: random.Random) -> list[str]:
    return [_drawn(fitting, unfitting, chance) for _ in range(chance.choice([0, 1, 1, 1, 1, 2, 3]))]


def _drawn(fitting: list[str], unfitting: list[str], chance: random.Random) -> str:
    return chance.choice(chance.choices([fitting, unfitting, ODD], [16, 3, 1])[0])


def _option(param: click.Option, words: tuple[str, ...], chance: random.Random) -> list[str]:
    name = chance.choice([*param.opts, *param.secondary_opts])
    if param.is_flag:
        return [name] if chance.random() < 0.97 else [f"{name}=x"]
    if chance.random() < 0.02:
        return [name]
    is_costly = param.name in BUDGETS or words[:1] == ("bench",)
    value = chance.choice(chance.choices([_valid(param, chance), _limits(param, is_costly), ODD], [17, 3, 1])[0] or ODD)
    return [f"{name}={value}"] if chance.random() < 0.1 else [name, value]


class Domain(NamedTuple):
    """What a number may be."""

    is_whole: bool
    least: float | None
    most: float | None


def _valid(param: click.Option, chance: random.Random) -> list[str]:
    """A value that the option takes, small where size costs time."""
    choices = _choices(param)
    if choices is not None:
        return choices
    domain = _domain(param)
    if domain is None:
        return POOLS.get(str(param.name), TEXTS)
    if domain.is_whole:
        least = int(domain.least or 0)
        return [str(min(least + chance.randrange(6), int(domain.most or 6)))]
    least, most = domain.least or 0.0, domain.most or 5.0
    return [f"{least + (most - least) * chance.random():.4g}"] if param.name not in BUDGETS else ["0.0001"]


def _limits(param: click.Option, is_costly: bool) -> list[str]:
    """Values at the limits and just beyond them; not the upper limit where that is costly."""
    domain = _domain(param)
    if domain is None:
        return []
    step = 1 if domain.is_whole else 1e-9
    values: list[Any] = [] if domain.least is None else [domain.least, domain.least - step]
    values += [] if domain.most is None else [domain.most + step] if is_costly else [domain.most, domain.most + step]
    return [str(int(value)) if domain.is_whole else repr(value) for value in values]


def _choices(param: click.Option) -> list[str] | None:
    kind = param.type
    if isinstance(kind, click.Choice):
        return [str(one) for one in kind.choices]
    found = kind.one.metadata["limits"].choices if isinstance(kind, SettingType) else None
    return None if found is None else list(found)


def _domain(param: click.Option) -> Domain | None:
    kind = param.type
    if isinstance(kind, SettingType) and base_type(kind.kind) in (int, float):
        limits = kind.one.metadata["limits"]
        least, most = (one if one is not None else other for one, other in ((limits.least, limits.above), (limits.most, limits.below)))
        return Domain(base_type(kind.kind) is int, least, most)
    if isinstance(kind, click.IntRange | click.FloatRange):
        return Domain(isinstance(kind, click.IntRange), kind.min, kind.max)
    return None
