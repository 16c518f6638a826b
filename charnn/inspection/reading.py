"""Read a text with a language model token by token: states, predictions, losses, and all of them step by step."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.corpus import Corpus, Document
from charnn.errors import CharnnError, DataError
from charnn.kernels.activations import log_softmax
from charnn.kernels.products import Floats
from charnn.tasks.lm.model import LanguageModel
from charnn.tokenizers.registry import Tokenizer, cut_chunks
from charnn.tokenizers.vocabulary import END, START, UNKNOWN

Ids = NDArray[np.int64]
TOP = 5  # Likeliest next tokens kept at every position
ROOM = 4_000_000  # Logits in memory at once
CHARACTERS = 1 << 14  # Characters of a file that are tokenized together
MOST = 1 << 40  # Tokens of a text by default: all
NOTHING = -1  # The token after the last one of a running text
LARGEST = 3  # Units that are named of every state


@dataclass(frozen=True, eq=False)
class Passage:
    """Tokens as a model reads them; a document begins with the start symbol and is followed by the end symbol."""

    ids: Ids  # (time,)
    following: Ids  # (time,): the next token, or NOTHING
    pieces: tuple[str, ...]  # (time,): the text that each token adds; "" for a start symbol or a byte within a character
    starts: tuple[int, ...]  # where each text begins, and with it the state
    labels: tuple[int | None, ...]  # the label of each text
    unknown: tuple[str, ...]  # symbols that the model does not know
    is_cut: bool

    def __len__(self) -> int:
        return len(self.ids)

    def symbols(self, tokenizer: Tokenizer) -> list[str]:
        """Return the pieces, and names of tokens without one: `<start>`, or `0xE2` for a byte within a character."""
        return [piece or tokenizer.symbol(id) for piece, id in zip(self.pieces, self.ids.tolist(), strict=True)]

    def texts(self) -> Iterator[slice]:
        """Return the positions of each text."""
        return map(slice, self.starts, (*self.starts[1:], len(self.ids)))


@dataclass(frozen=True, eq=False)
class Trace:
    """States and predictions of a model at every token of a passage."""

    states: Floats  # (states, layers, time, hidden): after the token
    candidates: Ids  # (time, top): the likeliest next tokens, the likeliest first
    probabilities: Floats  # (time, top)
    nats: NDArray[np.float64]  # (time,): minus the log-probability of the next token; NaN where there is none

    def mean_nats(self) -> float | None:
        """Return the mean loss per token; None without a next token."""
        known = self.nats[~np.isnan(self.nats)]
        return float(known.mean()) if len(known) else None


def read_passage(trained: LanguageModel, text: str, label: str | None = None, length: int = MOST) -> Passage:
    """Read one text. Raises DataError for an empty text, SettingError for a label that is missing or that the model lacks."""
    return _passage(trained, [([text], trained.generator.label_id(label))], "the text", length)


def read_files(trained: LanguageModel, paths: Sequence[str | Path], length: int, label: str | None = None) -> Passage:
    """Read the first `length` tokens of files, as the model's training corpus was read. Raises DataError, SettingError."""
    corpus, where = Corpus(paths, trained.settings.corpus), ", ".join(map(str, paths))
    if not trained.is_documents:
        return _passage(trained, [(corpus.chunks(), trained.generator.label_id(label))], where, length)
    if label is not None:
        trained.generator.label_id(label)
    return _passage(trained, (([one.text], _document_label(trained, one, label)) for one in corpus.documents()), where, length)


def trace(trained: LanguageModel, passage: Passage, top: int = TOP) -> Trace:
    """Run the model over a passage, each text from its start state. Raises CharnnError for a model that has diverged."""
    engine, time = trained.generator.engine, len(passage)
    top = min(top, trained.tokenizer.size)
    nats, candidates = np.full(time, np.nan), np.empty((time, top), np.int64)
    probabilities, states = np.empty((time, top), np.float32), []
    for text, label in zip(passage.texts(), passage.labels, strict=True):
        state = engine.start(1, label)
        for begin in range(text.start, text.stop, step := max(1, ROOM // trained.tokenizer.size)):
            part = slice(begin, min(begin + step, text.stop))
            memory, logits = engine.trace(passage.ids[part], state)
            states.append(memory)
            candidates[part], probabilities[part], nats[part] = _predictions(logits, passage.following[part], top)
    together = np.concatenate(states, 2)
    if not np.isfinite(together).all():
        raise CharnnError("the model's states are not finite numbers; train it again with a lower learning rate")
    return Trace(together, candidates, probabilities, nats)


def _document_label(trained: LanguageModel, document: Document, label: str | None) -> int | None:
    named = document.label if label is None else label
    if trained.labels and named not in trained.labels:
        known = ", ".join(trained.labels)
        raise DataError(f"{document.where}: the label {named!r} does not exist in this model; give one of {known} with --label")
    return trained.labels.index(named) if trained.labels and named is not None else None


def _passage(trained: LanguageModel, texts: Iterable[tuple[Iterable[str], int | None]], where: str, length: int) -> Passage:
    """Return at most `length` tokens of (chunks, label) texts."""
    tokenizer, unknown = trained.tokenizer, dict[str, None]()
    ids, following = list[int](), list[int]()
    pieces, starts, labels, is_cut = [], [], [], False
    for chunks, label in texts:
        if len(ids) == length:
            is_cut = True
            break
        own = list(islice(_ids(tokenizer, chunks, unknown), length - len(ids) + 1))
        one = [START, *own, END] if trained.is_documents else [*own, NOTHING]
        took = min(len(one) - 1, length - len(ids))
        is_cut = took < len(one) - 1
        if took:
            starts.append(len(ids))
            labels.append(label)
            ids += one[:took]
            following += one[1 : took + 1]
            stream = tokenizer.stream()
            pieces += [stream.push(id) for id in one[:took]]
            pieces[-1] += stream.finish()
    if all(id == START for id in ids):
        raise DataError(f"{where}: there is no symbol to read; give some text")
    named = tuple(unknown) if UNKNOWN in ids else ()
    return Passage(np.array(ids), np.array(following), tuple(pieces), tuple(starts), tuple(labels), named, is_cut)


def _ids(tokenizer: Tokenizer, chunks: Iterable[str], unknown: dict[str, None]) -> Iterator[int]:
    """Return the ids of a text lazily, since a long one is read in part only; add unknown symbols to `unknown`."""
    short = (chunk[begin : begin + CHARACTERS] for chunk in chunks for begin in range(0, len(chunk), CHARACTERS))
    for piece in cut_chunks(tokenizer.split, short):
        unknown.update(dict.fromkeys(tokenizer.unknown_symbols(piece)))
        yield from tokenizer.encode(piece).tolist()


def _predictions(logits: Floats, following: Ids, top: int) -> tuple[Ids, Floats, NDArray[np.float64]]:
    """Return from (time, vocabulary) logits, which are overwritten: (time, top) likeliest tokens, their probabilities, (time,) nats."""
    for row in logits:
        log_softmax(row)
    nearest = np.argpartition(-logits, top - 1, axis=1)[:, :top]
    order = np.lexsort((nearest, -np.take_along_axis(logits, nearest, 1)), axis=1)
    candidates = np.take_along_axis(nearest, order, 1)
    nats = -np.take_along_axis(logits, np.maximum(following, 0)[:, None], 1)[:, 0].astype(np.float64)
    return candidates, np.exp(np.take_along_axis(logits, candidates, 1)), np.where(following == NOTHING, np.nan, nats)


def unrolled(trained: LanguageModel, passage: Passage, trace: Trace) -> dict[str, Any]:
    """Return the steps of a passage of one text, ready for JSON.

    start: the layers' states before the first step. steps: each with its number from 1, the symbol read, the layers' states,
    the likeliest next symbols, the actual next one (None at the end of a running text), its probability and nats.
    """
    symbol = trained.tokenizer.symbol
    names = trained.settings.network.stack.loaded_cell.states
    start = trained.generator.engine.start(1, passage.labels[0]).memory[:, :, 0]  # (states, layers, hidden)
    steps = []
    for time, (id, after) in enumerate(zip(passage.ids.tolist(), passage.following.tolist(), strict=True)):
        likeliest = zip(trace.candidates[time].tolist(), trace.probabilities[time].tolist(), strict=True)
        nats = None if after == NOTHING else float(trace.nats[time])
        steps.append(
            {
                "step": time + 1,
                "symbol": symbol(id),
                "states": _states(names, trace.states[:, :, time]),
                "predictions": [{"symbol": symbol(one), "probability": probability} for one, probability in likeliest],
                "next": None if after == NOTHING else symbol(after),
                "probability": None if nats is None else float(np.exp(-nats)),
                "nats": nats,
            }
        )
    return {"start": _states(names, start), "steps": steps, "mean_nats": trace.mean_nats()}


def _states(names: Sequence[str], states: Floats) -> list[dict[str, Any]]:
    """Return for each layer of a (states, layers, hidden) state: number, norm of the output, largest units, and each named part."""
    found = []
    for layer, hidden in enumerate(states[0]):
        order = np.argsort(-np.abs(hidden), kind="stable")[:LARGEST].tolist()
        facts: dict[str, Any] = {"layer": layer + 1, "norm": float(np.linalg.norm(hidden))}
        facts |= {"largest": [{"unit": unit, "value": float(hidden[unit])} for unit in order]}
        found.append(facts | {name: part.tolist() for name, part in zip(names, states[:, layer], strict=True)})
    return found
