"""Values in memory as sources of data: checked, then read by the same code as files, with errors that name `texts[3]`."""

import json
import math
import os
import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.builtin import BUILTIN
from charnn.data.readers import Source
from charnn.data.series import Columns
from charnn.errors import ArgumentKindError, ArgumentValueError, DataError
from charnn.tokenizers.vocabulary import is_unicode

SHOWN = 40  # Characters of a value in a message


@dataclass(frozen=True)
class Values:
    """Items in memory as a source that can be read again and again, and the item that each line of it comes from."""

    source: Source
    item: Callable[[int], str]  # The item that a line, counted from 0, comes from, such as texts[3]
    how: Mapping[str, Any] = field(default_factory=dict)  # Settings to read it by, whatever the training files looked like
    facts: Mapping[str, Any] = field(default_factory=dict)  # Attributes that a model trained on it gets

    def __str__(self) -> str:
        return self.source.name

    @contextmanager
    def naming(self) -> Iterator[None]:
        """Turn the line numbers in a DataError into the names of items."""
        try:
            yield
        except DataError as error:
            raise type(error)(self.named(str(error))) from error.__cause__

    def named(self, message: str) -> str:
        """Turn the line numbers in a message into the names of items."""
        return re.sub(rf"\b{re.escape(self.source.name)}:(\d+)", lambda found: self.item(int(found[1]) - 1), message)


def is_path(data: Any) -> bool:
    """Is this a path, or a sequence of Path objects?"""
    if isinstance(data, list | tuple):
        return len(data) > 0 and all(isinstance(one, Path) for one in data)
    return isinstance(data, str | Path)


def is_file(name: Any) -> bool:
    """Is this the path of a file or folder, or the name of a built-in corpus? A text of any length is none."""
    return isinstance(name, str | Path) and (str(name) in BUILTIN or os.path.exists(name))


def are_files(names: Any) -> bool:
    """Is this a list of files and folders?"""
    return isinstance(names, list | tuple) and len(names) > 0 and all(map(is_file, names))


def as_paths(data: Any, argument: str) -> list[str | Path]:
    """Return one path or several as a list; raise ArgumentKindError for anything else."""
    paths = [data] if isinstance(data, str | Path) else list(data) if isinstance(data, list | tuple) else None
    if paths is None or not all(isinstance(one, str | Path) for one in paths):
        raise ArgumentKindError(f"{argument} must be a path or a list of paths, got {_kind(data)}")
    if not paths:
        raise ArgumentValueError(f"{argument} is an empty list; name at least one file")
    long = next((one for one in paths if isinstance(one, str) and ("\n" in one or len(one) > 1000)), None)
    if long is not None:
        raise ArgumentValueError(f"{argument} must be a path, got a text ({long[:SHOWN]!r} ...); give it by its own argument")
    return paths


def as_items(values: Any, argument: str, what: str) -> list[Any]:
    """Return the items of any iterable: a list, a numpy array, a pandas column, a generator; raise ArgumentKindError for a table."""
    if isinstance(values, str | bytes | Path | Mapping) or not isinstance(values, Iterable):
        raise ArgumentKindError(f"{argument} must be a list of {what}, got {_kind(values)}")
    if hasattr(values, "columns"):
        raise ArgumentKindError(f"{argument} must be a list of {what}, got a DataFrame; give one column of it, such as frame['text']")
    if getattr(values, "ndim", 1) != 1:
        raise ArgumentKindError(f"{argument} must have one dimension, got an array of shape {tuple(getattr(values, 'shape', ()))}")
    return list(values)


def as_texts(values: Any, argument: str = "texts", *, least: int = 0) -> list[str]:
    """Return one text or several as a list; raise ArgumentKindError or ArgumentValueError that names the first bad item."""
    texts = [values] if isinstance(values, str) else as_items(values, argument, "texts")
    for number, text in enumerate(texts):
        if is_missing(text):
            raise ArgumentValueError(f"{argument}[{number}] is missing ({text!r}); leave it out, or fill it in")
        if not isinstance(text, str):
            raise ArgumentKindError(f"{argument}[{number}] must be a text, got {_kind(text)}; turn it into one by str()")
        if not is_unicode(text):
            raise ArgumentValueError(f"{argument}[{number}] contains half of a surrogate pair, which is no character; correct it")
    if len(texts) < least:
        raise ArgumentValueError(f"{argument} is empty; give at least {least}")
    return [str(text) for text in texts]


def as_labels(values: Any, count: int, of: str = "texts", argument: str = "labels") -> list[Any]:
    """Return a label for each of the texts, all of one kind: str, int, bool or float; raise ArgumentKindError or ArgumentValueError."""
    labels = as_items(values, argument, "labels")
    if len(labels) != count:
        raise ArgumentValueError(f"{of} and {argument} must be equally many, got {count:,} and {len(labels):,}")
    labels = [one.item() if isinstance(one, np.generic) else one for one in labels]
    for number, label in enumerate(labels):
        if is_missing(label):
            raise ArgumentValueError(f"{argument}[{number}] is missing ({label!r}); leave it out, or fill it in")
        if not isinstance(label, str | int | float):
            raise ArgumentKindError(f"{argument}[{number}] must be a text, a whole number or a truth value, got {_kind(label)}")
        if isinstance(label, float) and not label.is_integer():
            raise ArgumentValueError(f"{argument}[{number}] is {label}; a classifier needs labels, and the Forecaster predicts numbers")
    kinds = sorted({type(label).__name__ for label in labels})
    if len(kinds) > 1:
        raise ArgumentKindError(f"{argument} must be of one kind, got {' and '.join(kinds)}; turn them all into str, say")
    return labels


def is_missing(value: Any) -> bool:
    """Is this None, NaN, or what pandas writes for a missing value?"""
    return value is None or (isinstance(value, float) and math.isnan(value)) or type(value).__name__ in ("NAType", "NaTType")


def rows_of(argument: str, **columns: Sequence[Any]) -> Values:
    """Return rows with named columns as a source of JSON lines, an item of the argument each."""
    rows = zip(*columns.values(), strict=True)
    lines = [json.dumps(dict(zip(columns, row, strict=True))) for row in rows]
    how = {f"{name}_column": name for name in columns}
    return _values(argument, ".jsonl", lines, lambda line: f"{argument}[{line}]", how=how)


def text_of(text: Any, argument: str = "text") -> Values:
    """Return a running text as a source."""
    if not isinstance(text, str):
        raise ArgumentKindError(f"{argument} must be one text, got {_kind(text)}; a list of documents is given by texts=")
    (text,) = as_texts(text, argument)
    return _values(argument, ".txt", [text], lambda line: f"line {line + 1} of {argument}", end="")


def sentences_of(sentences: Any, tags: Any, argument: str) -> Values:
    """Return sentences of tokens, each with a tag for every token, as a source of CoNLL lines."""
    found = as_tokens(sentences, argument)
    marks = as_tokens(tags, "tags")
    if len(found) != len(marks):
        raise ArgumentValueError(f"{argument} and tags must be equally many, got {len(found):,} and {len(marks):,}")
    lines: list[str] = []
    begins: list[int] = []
    for number, (tokens, row) in enumerate(zip(found, marks, strict=True)):
        if len(tokens) != len(row):
            raise ArgumentValueError(f"{argument}[{number}] has {len(tokens):,} tokens and tags[{number}] {len(row):,}; give one for each")
        begins.append(len(lines))
        lines += [*(f"{token}\t{tag}" for token, tag in zip(tokens, row, strict=True)), ""]
    how = {"token_column": "1", "tag_column": "2"}
    return _values(argument, ".conll", lines, lambda line: f"{argument}[{bisect_right(begins, line) - 1}]", how=how)


def as_tokens(sentences: Any, argument: str) -> list[list[str]]:
    """Return sentences as lists of tokens; raise ArgumentKindError or ArgumentValueError that names the first bad token."""
    found = []
    for number, tokens in enumerate(as_items(sentences, argument, "lists of tokens")):
        if isinstance(tokens, str):
            raise ArgumentKindError(f"{argument}[{number}] must be a list of tokens, got a text; divide it, or take annotate()")
        found.append(as_texts(tokens, f"{argument}[{number}]"))
        for place, token in enumerate(found[-1]):
            if not token.strip() or {"\t", "\n", "\r"} & {*token}:
                where = f"{argument}[{number}][{place}]"
                raise ArgumentValueError(f"{where} is {token!r:.40}; a token is not blank and has no tab or newline")
    return found


def series_of(values: Any, argument: str = "series", known: Columns | None = None) -> Values:
    """Return numbers in time order as a source: (time,) or (time, columns), or a pandas Series or DataFrame with its index of times.

    known: the columns of a trained model, whose names a single column and columns without names get.
    """
    names, table = _table(values, argument)
    if known is not None and len(names) == len(known.names) and (len(names) == 1 or not hasattr(values, "columns")):
        names = list(known.names)
    rows = [dict(zip(names, ("nan" if math.isnan(one) else repr(one) for one in row), strict=True)) for row in table.tolist()]
    times = _times(values)
    if times is not None:
        column = (known and known.time) or "time"
        rows = [{column: time, **row} for time, row in zip(times, rows, strict=True)]
    lines = [json.dumps(row) for row in rows]
    return _values(argument, ".jsonl", lines, lambda line: f"{argument}[{line}]")


def has_index(values: Any) -> bool:
    """Is this a pandas object with an index?"""
    return hasattr(values, "index") and hasattr(values, "iloc")


def has_times(values: Any) -> bool:
    """Is this a pandas object with an index of times?"""
    return has_index(values) and type(values.index).__name__ in ("DatetimeIndex", "PeriodIndex")


def _table(values: Any, argument: str) -> tuple[list[str], NDArray[np.float64]]:
    """Return the names and the (time, columns) numbers of a series."""
    if isinstance(values, str | bytes | Mapping) or not isinstance(values, Iterable):
        raise ArgumentKindError(f"{argument} must be a list of numbers, an array, a pandas Series or a path, got {_kind(values)}")
    rows = values if hasattr(values, "ndim") else list(values)
    try:
        table = np.asarray(rows, np.float64)
    except (TypeError, ValueError):
        raise ArgumentKindError(f"{argument} must contain numbers only, equally many in each row") from None
    if table.ndim not in (1, 2) or not table.size:
        raise ArgumentValueError(f"{argument} must have the shape (time,) or (time, columns), got {table.shape}")
    if np.isinf(table).any():
        raise ArgumentValueError(f"{argument}[{int(np.isinf(table).reshape(len(table), -1).any(1).argmax())}] is infinite; correct it")
    columns = [str(one) for one in getattr(values, "columns", [])]
    name = getattr(values, "name", None)
    names = columns or (["value" if name is None else str(name)] if table.ndim == 1 else [f"column{n + 1}" for n in range(table.shape[1])])
    return names, table.reshape(len(table), -1)


def _times(values: Any) -> list[str] | None:
    """Return the times of a pandas index, as text; None where there are none."""
    if not has_times(values):
        return None
    index = values.index if hasattr(values.index, "normalize") else values.index.to_timestamp()
    pattern = "%Y-%m-%d" if (index == index.normalize()).all() else "%Y-%m-%dT%H:%M:%S"
    return list(index.strftime(pattern))


def _values(
    argument: str, kind: str, lines: Sequence[str], item: Callable[[int], str], *, end: str = "\n", how: Mapping[str, Any] | None = None
) -> Values:
    data = ("\n".join(lines) + end).encode()
    return Values(Source(argument, argument, kind, lambda: iter([data]), encoding="utf-8"), item, how or {})


def _kind(value: Any) -> str:
    """Name the type of a value as a reader of a message knows it."""
    names = {"str": "a text", "NoneType": "None", "int": "a whole number", "float": "a number", "bytes": "bytes; decode them first"}
    return names.get(type(value).__name__, f"a {type(value).__name__}")
