"""Files from a stranger: each must be refused, in a second and 200 MB, by a sentence that names it."""

import copy
import json
import os
import struct
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import reduce
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from safetensors.numpy import save

from charnn.checkpoint.documents import MOST_HEADER
from charnn.checkpoint.model import SavedModel, save_model
from charnn.errors import CheckpointError
from charnn.tasks.load import load
from charnn.tokenizers.subwords import _HEAD
from tests.stress.children import apart
from tests.stress.row import Row
from tests.stress.tiny import MAKERS, load_all, tiny

MOST_SECONDS, MOST_MEGABYTES = 1.0, 200.0
"""Of computing, and beyond what the process had before."""

Maker = Callable[[Path], Any]
"""Makes something at a path."""


class Outcome(NamedTuple):
    """What became of loading a file."""

    name: str
    seconds: float
    megabytes: float
    fault: str | None  # what is wrong with how it was refused


def raw(header: bytes, body: bytes = b"", length: int | None = None) -> bytes:
    """A safetensors file of these bytes, whether or not they make sense."""
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def plain_document(**changes: Any) -> str:
    """The text of an empty model, with its checksum."""
    return signed(json.dumps({"format": 1, "task": "lm", "settings": {}, "learned": {}, "metrics": {}, **changes}))


def signed(text: str) -> str:
    """The text of a document with the checksum that it has without arrays."""
    return f'{text[:-1]}, "sha256": "{sha256(text.encode()).hexdigest()}"}}'


def header_of(document: str, entries: str = "") -> bytes:
    """A header as charnn writes it."""
    return f'{{"__metadata__":{{"charnn":{json.dumps(document)}}}{entries}}}'.encode()


def entry(dtype: Any = "F32", shape: Any = (1,), begin: Any = 0, end: Any = 4, name: str = "a") -> str:
    """How a header describes an array."""
    return f',"{name}":' + json.dumps({"dtype": dtype, "shape": shape, "data_offsets": [begin, end]})


def _bytes(make: Callable[[], bytes]) -> Maker:
    return lambda path: path.write_bytes(make())


def _entries(*entries: str, body: bytes = b"\0\0\0\0") -> Maker:
    return _bytes(lambda: raw(header_of(plain_document(), "".join(entries)), body))


def _changed(kind: str, change: Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], Any]) -> Maker:
    """A tiny model with changed settings, learned data or arrays, and the right checksum."""

    def make(path: Path) -> None:
        model = tiny(kind)
        settings, learned = copy.deepcopy(model.settings), copy.deepcopy(model.learned)
        arrays = dict(model.tensors)
        change(settings, learned, arrays)
        save_model(path, SavedModel(model.task, settings, learned, arrays))

    return make


def _stack(**values: Any) -> Maker:
    return _changed("lm of characters", lambda settings, learned, arrays: settings["network"]["stack"].update(values))


def _arrays(kind: str, name: str, change: Callable[[Any], Any]) -> Maker:
    return _changed(kind, lambda settings, learned, arrays: arrays.update({name: change(arrays[name])}))


def _series(change: Callable[[dict[str, Any], dict[str, Any]], Any]) -> Maker:
    return _changed("forecaster", lambda settings, learned, arrays: change(settings, learned))


def _many_columns(settings: dict[str, Any], learned: dict[str, Any]) -> None:
    learned["background"]["columns"] = [f"{number:x}" for number in range(100_000)]


def _many_scales(settings: dict[str, Any], learned: dict[str, Any]) -> None:
    learned["background"]["columns"] = [f"{number:x}" for number in range(100_000)]
    learned["scaling"] = {name: [1] * 100_000 for name in ("mean", "deviation")}
    learned["scaling"] |= {f"change_{name}": [parts] * 2 for name, parts in learned["scaling"].items()}


def _sparse(path: Path) -> None:
    """Ten gigabytes that take no room, and nothing wrong with the header."""
    size = 10_000_000_000
    document = plain_document().encode()
    path.write_bytes(raw(header_of(document.decode(), entry(shape=[size // 4], end=size))))
    with open(path, "r+b") as file:
        file.truncate(path.stat().st_size + size)


def _many_pieces(settings: dict[str, Any], learned: dict[str, Any], arrays: dict[str, Any]) -> None:
    """A sentencepiece model of very many pieces, for weights of few."""
    texts = ["\u2581", *(f"{number:x}" for number in range(300_000))]
    parts = (bytes([10, len(one.encode()) + 7, 10, len(one.encode())]) + one.encode() + b"\x15\0\0\0\xbf" for one in texts)
    arrays["tokenizer.subword_model"] = np.frombuffer(_HEAD + b"".join(parts) + b"\x12\x02\x18\x01", np.uint8)


def _many_symbols(settings: dict[str, Any], learned: dict[str, Any], arrays: dict[str, Any]) -> None:
    arrays["referee.view0.symbols"] = np.frombuffer(b"\n".join(b"%x" % number for number in range(5_000_000)), np.uint8)


def _many_views(settings: dict[str, Any], learned: dict[str, Any], arrays: dict[str, Any]) -> None:
    learned["referee"]["views"] = [{"unit": "word", "shortest": 1, "longest": 1}] * 50_000


def _many_tags(settings: dict[str, Any], learned: dict[str, Any], arrays: dict[str, Any]) -> None:
    learned["tags"] = [f"{prefix}-{number}" for number in range(25_000) for prefix in "BIES"]


def _words(path: Path) -> None:
    """A million words, for weights of few."""
    _changed(
        "lm of characters",
        lambda settings, learned, arrays: (
            settings["tokens"].update(tokenizer="word"),
            learned.update(tokenizer={"symbols": [f"{number:x}" for number in range(900_000)], "word_split": "spaces", "lowercase": False}),
        ),
    )(path)


def _subwords(change: Callable[[np.ndarray], Any]) -> Maker:
    return _arrays("lm of subwords", "tokenizer.subword_model", change)


def _flipped(model: np.ndarray) -> np.ndarray:
    damaged = model.copy()
    damaged[np.random.default_rng(1).integers(0, len(model), 20)] ^= 0x55
    return damaged


def _large(text: str) -> Maker:
    """A header as large as one may be, of a document that repeats a text."""
    return _bytes(lambda: raw(_filled(text)))


def _filled(text: str) -> bytes:
    begin, end = b'{"__metadata__":{"charnn":"{\\"format\\": 1, \\"x\\": ', b'}"}}'
    one = json.dumps(text)[1:-1].encode()
    return begin + one * ((MOST_HEADER - len(begin) - len(end)) // len(one)) + end


def _fitting(text: str, begin: str = "[", end: str = "]", count: int = 10**9) -> Maker:
    """A whole file whose document repeats a text as often as is just allowed."""

    def make() -> bytes:
        from charnn.checkpoint.documents import MOST_ROOM, _room

        most = min(count, int(0.98 * MOST_ROOM / _room(text * 1000) * 1000), 70_000_000 // len(json.dumps(text)))
        return raw(header_of(signed(f'{{"format": 1, "x": {begin}{(text * most).rstrip(",")}{end}}}')))

    return _bytes(make)


BROKEN: dict[str, Maker] = {
    "nothing": _bytes(lambda: b""),
    "a play": _bytes(lambda: b"To be, or not to be"),
    "a pickle": _bytes(lambda: b"\x80\x04\x95\x1d\0\0\0\0\0\0\0\x8c\x05posix\x94\x8c\x06system\x94\x93\x94\x8c\x02id\x94\x85\x94R\x94."),
    "header of 2^63 bytes": _bytes(lambda: raw(b"{}", length=2**63)),
    "header of 2^64 - 1 bytes": _bytes(lambda: raw(b"{}", length=2**64 - 1)),
    "header longer than the file": _bytes(lambda: raw(b"{}", length=1000)),
    "header of no bytes": _bytes(lambda: raw(b"")),
    "a header that is no ASCII": _bytes(lambda: raw(header_of(plain_document()).replace(b"lm", "é".encode()))),
    "offsets that overlap": _entries(entry(), entry(name="b")),
    "offsets below zero": _entries(entry(begin=-4)),
    "offsets turned around": _entries(entry(begin=4, end=0)),
    "offsets with a gap": _entries(entry(begin=4, end=8), body=bytes(8)),
    "offsets behind the end": _entries(entry(end=8, shape=[2])),
    "offsets far behind the end": _entries(entry(end=10**30)),
    "offsets that are fractions": _entries(entry(end=4.0)),
    "offsets that are words": _entries(entry(end="4")),
    "no offsets": _entries(',"a":{"dtype":"F32","shape":[1]}'),
    "an array that is a number": _entries(',"a":3'),
    "something behind the arrays": _entries(entry(), body=bytes(5)),
    "a shape of 2^62": _entries(entry(shape=[2**62])),
    "a shape of 2^62 times 0": _entries(entry(shape=[2**62, 0], end=0), body=b""),
    "a shape of 2^80": _entries(entry(shape=[2**40, 2**40])),
    "a shape below zero": _entries(entry(shape=[-1])),
    "a shape of a hundred ones": _entries(entry(shape=[1] * 100)),
    "a type that does not exist": _entries(entry(dtype="X")),
    "a type that numpy lacks": _entries(entry(dtype="BF16", shape=[2])),
    "an array twice": _entries(entry(), entry()),
    "a document twice": _bytes(lambda: raw(header_of(plain_document()).replace(b'"}}', b'","charnn":"{}"}}'))),
    "a setting twice": _bytes(lambda: raw(header_of(signed('{"format": 1, "task": "lm", "task": "tagger"}')))),
    "a foreign file": _bytes(lambda: save({"weight": np.zeros(3)}, metadata={"format": "pt"})),
    "another format": _bytes(lambda: raw(header_of(plain_document(format=[["x" * 1000] * 1000])))),
    "no task": _bytes(lambda: raw(header_of(plain_document(task=None)))),
    "an unknown task": _bytes(lambda: raw(header_of(plain_document(task="\x1b[2J" * 1000)))),
    "a wrong checksum": _bytes(lambda: raw(header_of(plain_document().replace("lm", "me")))),
    "no checksum": _bytes(lambda: raw(header_of('{"format": 1, "task": "lm", "settings": {}, "learned": {}, "metrics": {}}'))),
    "ten gigabytes of holes": _sparse,
    "a pipe": os.mkfifo,
    "a device": lambda path: path.symlink_to("/dev/zero"),
    "a folder without a model": Path.mkdir,
    "a folder whose model is a folder": lambda path: (path / "model.safetensors").mkdir(parents=True),
    "a folder whose model is a pipe": lambda path: (path.mkdir(), os.mkfifo(path / "model.safetensors")),
    "a link to nowhere": lambda path: path.symlink_to("nowhere"),
    "a link to itself": lambda path: path.symlink_to(path.name),
}
"""Files that are no whole model."""

LARGE: dict[str, Maker] = {
    "100 MB of JSON": _bytes(lambda: raw(b"{" + b" " * 100_000_000)),
    "a header of brackets": _large("["),
    "a header of objects": _large('{"a":'),
    "a header of empty lists": _large("[],"),
    "a header of numbers": _large("1,"),
    "a header of spaces": _large(" "),
    "a wide header": _bytes(lambda: raw(b'{"__metadata__":{"charnn":"\\ud83d\\ude00' + b"a" * 79_000_000 + b'"}}')),
    "as many lists as are parsed": _fitting("[],"),
    "as many lists in lists as are parsed": _fitting("[[]],"),
    "as many objects as are parsed": _fitting('{"a":1},'),
    "as many words as are parsed": _fitting('"abcdefghijklmnopqrst",'),
    "as many wide words as are parsed": _fitting('"\\ud83d\\ude00abc",'),
    "as many fractions as are parsed": _fitting("1.123456789012345e-300,"),
    "as long numbers as are parsed": _fitting("9" * 4300 + ","),
    "one long word": _fitting("a", '"', '"'),
    "one long wide word": _fitting("a", '"\\ud83d\\ude00', '"', 49_000_000),
    "deep lists": _fitting("[", "", "", 100_000),
    "many arrays": _bytes(lambda: raw(header_of(plain_document(), "".join(entry(shape=[0], end=0, name=f"{n}") for n in range(60_000))))),
    "an array with a long name": _entries(entry(name="a" * 10_000_000, begin=1)),
    "a subword model of 300,000 pieces": _changed("lm of subwords", _many_pieces),
    "900,000 words": _words,
    "5,000,000 n-grams": _changed("classifier", _many_symbols),
}
"""Files of many megabytes."""

FORGED: dict[str, Maker] = {
    "hidden size of 10^9": _stack(hidden_size=10**9),
    "hidden size of 10^4000": _stack(hidden_size=10**4000),
    "hidden size of 16384 and tiny arrays": _stack(hidden_size=16384),
    "64 layers and tiny arrays": _stack(layers=64),
    "65 layers": _stack(layers=65),
    "a cell that does not exist": _stack(cell="x" * 10_000_000),
    "a setting that does not exist": _stack(**{"\ud800" * 1_000_000: 1}),
    "a stack that is a number": _changed("lm of characters", lambda settings, learned, arrays: settings["network"].update(stack=3)),
    "an adaptive softmax of few": _changed(
        "lm of characters", lambda settings, learned, arrays: settings["network"].update(adaptive_softmax=True)
    ),
    "the wrong precision": _arrays("lm of characters", "output.bias", lambda array: array.astype(np.float64)),
    "the wrong shape": _arrays("lm of characters", "embedding.weight", lambda array: array[:-1].copy()),
    "a missing array": _changed("lm of characters", lambda settings, learned, arrays: arrays.pop("output.bias")),
    "an array too many": _changed("lm of characters", lambda settings, learned, arrays: arrays.update(more=np.zeros(3, np.float32))),
    "a weight that is no number": _arrays("lm of characters", "output.bias", lambda array: array + np.float32(np.nan)),
    "an endless weight": _arrays("tagger", "hidden_to_tags.bias", lambda array: array - np.float32(np.inf)),
    "a random subword model": _subwords(lambda model: np.frombuffer(np.random.default_rng(1).bytes(10_000), np.uint8)),
    "a damaged subword model": _subwords(_flipped),
    "half a subword model": _subwords(lambda model: model[: len(model) // 2].copy()),
    "no subword model": _subwords(lambda model: model[:0].copy()),
    "a past that is no number": _arrays("forecaster", "series.past", lambda array: array * np.nan),
    "a past without a logarithm": _arrays("forecaster", "series.past", lambda array: array - 1e6),
    "a past without end": _arrays("forecaster", "series.past", lambda array: array + np.inf),
    "a past of half the numbers": _arrays("forecaster", "series.past", lambda array: array.astype(np.float32)),
    "a past of one column": _arrays("forecaster", "series.past", lambda array: array[:, :1].copy()),
    "no past": _arrays("forecaster", "series.past", lambda array: array[:0].copy()),
    "a past shorter than its times": _arrays("forecaster", "series.past", lambda array: array[1:].copy()),
    "residuals that are no numbers": _arrays("forecaster", "series.residuals", lambda array: array * np.nan),
    "residuals of another horizon": _arrays("forecaster", "series.residuals", lambda array: array[:, :1].copy()),
    "no residuals": _arrays("forecaster", "series.residuals", lambda array: array[:0].copy()),
    "a horizon of 10,000 and tiny arrays": _series(lambda settings, learned: settings["network"].update(horizon=10_000)),
    "a horizon of 10^9": _series(lambda settings, learned: settings["network"].update(horizon=10**9)),
    "quantiles of one output": _series(lambda settings, learned: settings["network"].update(objective="quantile")),
    "no calendar for weights that read one": _series(lambda settings, learned: settings["scaling"].update(calendar=False)),
    "100,000 columns": _series(_many_columns),
    "100,000 columns and scales": _series(_many_scales),
    "a million times": _series(lambda settings, learned: learned["background"].update(times=["2001-01"] * 1_000_000)),
    "times that are none": _series(lambda settings, learned: learned["background"].update(times=["x"] * 120)),
    "times of another form": _series(lambda settings, learned: learned["background"]["clock"].update(format="%d.%m.%Y")),
    "times that end with the last year there is": _series(lambda settings, learned: learned["background"].update(times=["9999-12"] * 120)),
    "a clock that goes on for ever": _series(lambda settings, learned: learned["background"]["clock"].update(months=9999)),
    "a clock that stands": _series(lambda settings, learned: learned["background"]["clock"].update(months=0)),
    "50,000 views": _changed("classifier", _many_views),
    "100,000 tags": _changed("tagger", _many_tags),
}
"""Files whose checksum is right, and whose contents make no model."""

WRONG = (None, True, 9, -1, -1.5, float("nan"), "x", "\ud800", [], [1], ["x"], ["x", "x"], [[]], {}, {"x": 1})
"""What stands in the place of every value that a model has learned."""


FITTING: dict[str, tuple[Any, ...]] = {
    "referee": (None,),
    "background.season": (None, 9),
    "background.clock": (None,),
    "background.time_column": ("x",),
    "background.naive_errors": ([1],),
}
"""Those of them that are right in some place, and so no damage."""


def forged_parts(kind: str) -> Iterator[tuple[str, Maker]]:
    """For each value that a model has learned, and each that it consists of, a file for each wrong value in its place."""
    for place, right in _places(tiny(kind).learned):
        fitting = [repr(one) for one in (right, *FITTING.get(".".join(place), ()))]
        for value in WRONG:
            if repr(value) not in fitting and not (value is True and right is False):
                yield f"{kind}: {'.'.join(place)} = {value!r}", _changed(kind, _put(place, value))


def _places(parts: dict[str, Any], way: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """All values of dictionaries within each other, and the way to each."""
    for name, value in parts.items():
        yield (*way, name), value
        if isinstance(value, dict):
            yield from _places(value, (*way, name))


def _put(place: tuple[str, ...], value: Any) -> Callable[[dict[str, Any], dict[str, Any], dict[str, Any]], None]:
    def change(settings: dict[str, Any], learned: dict[str, Any], arrays: dict[str, Any]) -> None:
        reduce(dict.__getitem__, place[:-1], learned)[place[-1]] = value

    return change


def measured(makers: Mapping[str, Maker], folder: Path) -> list[Outcome]:
    """Makes each file and loads it in a process beside this one; what ends that process is an outcome, too."""
    load_all(folder)
    names = list(makers)
    outcomes = apart(lambda name: _outcome(makers[name], folder / f"file {names.index(name)}"), names)
    return [Outcome(name, *([0.0, 0.0, one] if isinstance(one, str) else one)) for name, one in zip(names, outcomes, strict=True)]


def _outcome(make: Maker, path: Path) -> tuple[float, float, str | None]:
    """Seconds and megabytes that refusing a file takes, and what is wrong with how it is done."""
    make(path)
    before, begin = _reset_peak(), time.process_time()
    said = "was loaded"
    try:
        load(path)
    except CheckpointError as error:
        said = str(error)
    except Exception as error:  # whatever it is, it is what we look for
        said = f"{type(error).__name__}: {error}"
    seconds, megabytes = time.process_time() - begin, _memory("VmHWM") - before
    if path.is_file() and not path.is_symlink():
        path.unlink()
    return seconds, megabytes, _fault(said, path)


def _fault(said: str, path: Path) -> str | None:
    if not said.startswith(str(path)):
        return f"{said:.200}"
    return None if len(said) < 500 and said.isprintable() else f"no sentence: {said!r:.200}"


def _reset_peak() -> float:
    """Forgets the most memory that the process has had; gives what it has."""
    Path("/proc/self/clear_refs").write_text("5")
    return _memory("VmRSS")


def _memory(name: str) -> float:
    """Megabytes."""
    lines = Path("/proc/self/status").read_text().split("\n")
    return next(int(line.split()[1]) for line in lines if line.startswith(name)) / 1000


def run(scale: float = 1.0) -> Row:
    """Every hostile file there is; of a small scale without the large ones, and with only some of the wrong values."""
    makers = BROKEN | FORGED | (LARGE if scale >= 1 else {})
    wrong = [one for kind in MAKERS for one in forged_parts(kind)]
    makers |= dict(wrong[:: max(1, round(1 / scale))])
    with tempfile.TemporaryDirectory() as folder:
        found = measured(makers, Path(folder))
    failures = [f"{one.name}: {one.fault}" for one in found if one.fault is not None]
    greedy = [one for one in found if one.fault is None and (one.seconds > MOST_SECONDS or one.megabytes > MOST_MEGABYTES)]
    failures += [f"{one.name}: took {one.seconds:.2f} s and {one.megabytes:.0f} MB" for one in greedy]
    note = f"slowest {max(one.seconds for one in found):.2f} s, largest {max(one.megabytes for one in found):.0f} MB"
    return Row("hostile files", f"{len(found):,} files", len(failures), note, tuple(failures[:5]))
