"""Models with random wrong parts and the right checksum: each is refused, or can be used without an error that no user may see."""

import copy
import random
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.checkpoint.documents import write_document_file
from charnn.decoding.settings import SamplingSettings
from charnn.errors import CharnnError, CheckpointError
from charnn.tasks.load import load
from charnn.tasks.translator.interpreter import Decoding
from tests.runs import SERIES
from tests.stress.children import apart
from tests.stress.row import Row
from tests.stress.tiny import MAKERS, load_all, tiny

FORGERIES = 4000

VALUES: list[Any] = [
    *(None, True, False, 0, 1, -1, 2, 3, 64, 65, 16384, 16385, 10**9, 2**63, 10**30, 0.0, 0.5, 1.0, -0.5, 1e308),
    *(float("inf"), float("nan"), "", "a", "\ud800", "\0", "\x1b[2J", "\u2028", "x" * 1000, "9" * 5000, "/dev/zero"),
    *("gru", "lstm", "rnn", "relu", "char", "word", "byte", "subword", "torchtext:basic_english", "none", "crf", "softmax", "BIO", "BIOES"),
    *("squared", "quantile", "every", "last", "refuse", "%Y", "%d.%m.%Y", "month", "9999-12", "2001-01"),
    *("binary", "one-vs-rest", "nb", "mean", "concat", "learned", "zero", "lines", "utf-16", "zlib", "punctuation", "spaces", "bpe"),
    *([], [1], ["a"], ["a", "a"], ["a", "b", "c"], [None], [[]], {}, {"a": 1}, {"symbols": ["a"]}, [str(number) for number in range(300)]),
]
"""What stands in the place of a setting or of something learned."""

NUMBERS = (np.nan, np.inf, -np.inf, 3e38, -3e38, 1e30, 1e20, -1e10, 1e5, 1e-45, 0.0)
"""What weights become, or are multiplied by."""

TYPES = (np.float64, np.float16, np.int32, np.uint8, np.bool_, np.int64)

Parts = tuple[dict[str, Any], dict[str, NDArray[Any]]]


def run(scale: float = 1.0) -> Row:
    """Forges models of every kind, loads them, and uses those that load."""
    seeds = range(max(1, round(FORGERIES * scale)))
    with tempfile.TemporaryDirectory() as folder:
        load_all(Path(folder))
        outcomes = apart(lambda seed: _outcome(seed, Path(folder)), seeds)
    failures = [f"seed {seed}: {said}" for seed, said in zip(seeds, outcomes, strict=True) if said not in ("refused", "used")]
    note = f"{outcomes.count('refused'):,} refused, {outcomes.count('used'):,} used"
    return Row("forged models", f"{len(seeds):,} models", len(failures), note, tuple(failures[:5]))


def _outcome(seed: int, folder: Path) -> str:
    """What becomes of a forged model: refused, used, or what is wrong."""
    draw, path = random.Random(seed), folder / "model.safetensors"
    write_document_file(path, *_forged(draw, draw.choice(list(MAKERS))))
    begin = time.process_time()
    try:
        model = load(path)
    except CheckpointError as error:
        said = str(error)
        is_good = said.startswith(str(path)) and len(said) < 500 and said.isprintable() and time.process_time() - begin < 1
        return "refused" if is_good else f"refused, but how: {time.process_time() - begin:.2f} s, {said!r}"
    except Exception as error:  # whatever it is, it is what we look for
        return f"loading: {type(error).__name__}: {error}"
    try:
        with np.errstate(all="ignore"):
            USES[model.task](model, draw, folder)
    except CharnnError:
        return "used"  # a person may see it: probabilities that are no numbers
    except Exception as error:
        return f"using: {type(error).__name__}: {error}"
    return "used"


def _forged(draw: random.Random, kind: str) -> Parts:
    """A tiny model with one to three parts wrong."""
    model = tiny(kind)
    document = copy.deepcopy({"task": model.task, "settings": model.settings, "learned": model.learned, "metrics": {}})
    arrays = dict(model.tensors)
    for _ in range(draw.choice([1, 1, 1, 2, 3])):
        if draw.random() < 0.65 and document:
            _forge_document(draw, document)
        elif arrays:
            _forge_arrays(draw, arrays)
    return document, arrays


def _forge_document(draw: random.Random, document: dict[str, Any]) -> None:
    *way, last = draw.choice(list(_places(document, ())))
    inner: Any = document
    for part in way:
        inner = inner[part]
    chance = draw.random()
    if chance < 0.15:
        del inner[last]
    elif chance < 0.25 and isinstance(inner, list):
        inner.append(inner[last])
    else:
        inner[last] = copy.deepcopy(draw.choice(VALUES))


def _places(value: Any, way: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """The ways to all that a value consists of, of a list to its first items."""
    parts = list(value) if isinstance(value, dict) else range(min(len(value), 8)) if isinstance(value, list) else []
    for part in parts:
        yield (*way, part)
        yield from _places(value[part], (*way, part))


def _forge_arrays(draw: random.Random, arrays: dict[str, NDArray[Any]]) -> None:
    name, other = draw.choice(list(arrays)), draw.choice(list(arrays))
    chance = draw.randrange(10)
    if chance == 0:
        del arrays[name]
    elif chance == 1:
        arrays[draw.choice(["x", "tokenizer.x", "referee.x", f"{name}.x"])] = arrays[name]
    elif chance == 2:
        arrays[name] = arrays[other]
    else:
        arrays[name] = _forged_array(draw, arrays[name])


def _forged_array(draw: random.Random, array: NDArray[Any]) -> NDArray[Any]:
    shapes = [array[..., :-1] if array.ndim else array, array.reshape(-1), array[None], array[:0] if array.ndim else array, array.T]
    chance = draw.random()
    if chance < 0.1:
        with np.errstate(all="ignore"):
            return array.astype(draw.choice(TYPES))
    if chance < 0.3:
        return np.ascontiguousarray(draw.choice(shapes))
    flat = array.copy().reshape(-1)
    is_float = array.dtype.kind == "f"
    for _ in range(draw.choice([1, 1, 3, 50])):
        if flat.size:
            flat[draw.randrange(flat.size)] = draw.choice(NUMBERS) if is_float else draw.choice([0, 1, 2, 10, 127])
    if is_float and chance < 0.6:
        with np.errstate(all="ignore"):
            flat *= np.float32(draw.choice(NUMBERS[3:]))
    return flat.reshape(array.shape)


def _use_language_model(model: Any, draw: random.Random, folder: Path) -> None:
    label = model.labels[0] if model.labels else None
    rules = [{}, {"temperature": 0.0}, {"top_k": 3}, {"top_p": 0.5}, {"min_p": 0.1}, {"repetition_penalty": 1.3}, {"no_repeat": 2}]
    model.samples("the q", count=draw.choice([1, 3]), length=12, label=label, **draw.choice(rules))
    model.predict("the", label=label)
    model.generator.search("the", beam=3, length=8, label=label)
    if not model.labels:
        (folder / "text.txt").write_text("the quick brown fox\n" * 30)
        model.evaluate([folder / "text.txt"])


def _use_classifier(model: Any, draw: random.Random, folder: Path) -> None:
    model.predict(["a fine film", "", "x" * 50])
    model.explain("what a joy")


def _use_tagger(model: Any, draw: random.Random, folder: Path) -> None:
    model.predict(["Ann went to Paris .", ""])
    model.tag([["a"], []])


def _use_translator(model: Any, draw: random.Random, folder: Path) -> None:
    model.predict(["Ann eats 123 cats.", ""], aligns=True)
    model.predict(["Ann eats"], Decoding(sampling=SamplingSettings(), count=2))


def _use_forecaster(model: Any, draw: random.Random, folder: Path) -> None:
    steps = draw.choice([1, 5])
    model.predict(steps=steps, share=draw.choice([None, 0.8]))
    stream = model.stream()
    for value in (1.0, 250.0, 1e300):
        stream.push([value] * len(model.past.columns))
        stream.forecast(steps)
    (folder / "series.csv").write_text(SERIES)
    model.evaluate([folder / "series.csv"], horizon=steps, stride=3)


USES = {
    "lm": _use_language_model,
    "classifier": _use_classifier,
    "tagger": _use_tagger,
    "translator": _use_translator,
    "forecaster": _use_forecaster,
}
