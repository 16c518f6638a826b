"""Evaluation of a language model: protocols, the losses of every symbol, and the worst predicted symbols."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import repeat
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.batches.streams import Batch, DocumentBatches, streams, windows
from charnn.cells.layer import State
from charnn.cells.rowwise import reading
from charnn.data.corpus import Corpus
from charnn.data.tokenized import TokenizedText
from charnn.metrics.language import LossSums, language_metrics
from charnn.tasks.lm.data import excerpts
from charnn.tasks.lm.network import LanguageNetwork
from charnn.tasks.views import Worst
from charnn.tokenizers.registry import Tokenizer, lowered

PROTOCOLS = ("streamed", "windows", "documents")
STREAMED_ROWS, STREAMED_LEAST, STREAMED_WARM = 64, 8192, 1024
"""A text of 64 times 8,192 tokens is read as 64 streams at once, a shorter one as fewer, each after the 1,024 tokens before it.

That is nearly a single pass: on 111,540 characters a trained model's loss differed by 1e-9 nats per token, in 1.4 s instead of 2.9.
"""

STREAMED_WIDTH = 512  # Tokens of each stream fed at once; the state is carried, so it changes no result
EVALUATION_TOKENS = 16384  # Tokens fed at once when windows or documents are read side by side
VALIDATION_ROWS, VALIDATION_TOKENS = 64, 200_000
"""Parallel streams of the quick validation while training, and how many tokens it takes at most."""

EXPECTED = 3  # Likeliest symbols shown beside a badly predicted one
BEFORE, AFTER = 30, 15  # Tokens of context shown before and after a symbol


@reading()
def quick_loss(network: LanguageNetwork, text: TokenizedText) -> float:
    """Return nats per token over the text's first tokens, read as parallel streams: the validation while training."""
    if text.starts is not None:
        sums = _sums(network, _document_batches(text))
    else:
        ids = text.ids[: VALIDATION_TOKENS + 1]
        sums = _sums(network, streams(ids, 256, max(1, min(VALIDATION_ROWS, len(ids) // 256))))
    return sums.total / max(1, sums.symbols)


@reading()
def measure_text(network: LanguageNetwork, text: TokenizedText, protocol: str, window: int = 64) -> dict[str, Any]:
    """Return the metrics of a text under a protocol of PROTOCOLS; every symbol is predicted once.

    `streamed`: one pass in order, the state carried. `windows`: windows of this many tokens, each from the initial state.
    `documents`: each document from its start to its end symbol.
    """
    sums = _sums(network.eval(), protocol_batches(text, protocol, window))
    name = f"windows of {window}, cold" if protocol == "windows" else protocol
    return {"protocol": name, **language_metrics(sums, text.counts)}


def protocol_batches(text: TokenizedText, protocol: str, window: int = 64) -> Iterator[Batch]:
    """Return the batches by which a protocol of PROTOCOLS predicts each symbol once, the state carried from one to the next."""
    if protocol == "documents":
        return _document_batches(text)
    if protocol == "windows":
        return windows(text.ids, window, max(1, EVALUATION_TOKENS // window))
    rows = max(1, min(STREAMED_ROWS, len(text.ids) // STREAMED_LEAST))
    return streams(text.ids, STREAMED_WIDTH, rows, STREAMED_WARM)


def _document_batches(text: TokenizedText) -> Iterator[Batch]:
    """Return batches of all documents, those of like length together."""
    assert text.starts is not None
    batches = DocumentBatches(text.ids, text.starts, text.labels, batch_size=64, window=256, seed=0)
    return (batches.batch(*part) for part in batches.plan(0))


def _sums(network: LanguageNetwork, batches: Iterator[Batch]) -> LossSums:
    """Return the sums of the losses of all batches, the state carried from one to the next."""
    sums = LossSums()
    carry: State | None = None
    for batch in batches:
        outputs, targets, carry = network.read(batch, carry)
        sums.add(network.losses(outputs, targets).float().cpu().numpy())
    return sums


class _Places:
    """The positions of a text's tokens, batched in the place of the tokens; they take no memory."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places


@reading()
def worst_symbols(network: LanguageNetwork, tokenizer: Tokenizer, text: TokenizedText, protocol: str, top: int) -> Worst:
    """Return the symbols with the lowest probabilities, in context, and the loss of each kind of symbol."""
    worst, counts, sums = Worst(top, kind="symbol"), np.zeros(tokenizer.size, np.int64), np.zeros(tokenizer.size)
    numbers = replace(text, ids=_Places(len(text.ids)))  # type: ignore[arg-type]  # indexed as ids are
    carry: State | None = None
    network.eval()
    for batch, where in zip(protocol_batches(text, protocol), protocol_batches(numbers, protocol), strict=True):
        outputs, targets, carry = network.read(batch, carry)
        losses, ids = network.losses(outputs, targets).double().cpu().numpy(), targets.cpu().numpy()
        positions = where.targets.reshape(-1) if where.mask is None else where.targets[where.mask]
        counts += np.bincount(ids, minlength=len(counts))
        sums += np.bincount(ids, losses, len(sums))
        for place in _highest(losses, worst):
            loss, position = float(losses[place]), int(positions[place])
            expected = _expected(network, tokenizer, outputs[place : place + 1])
            worst.keep(loss, position, {**_in_context(tokenizer, text, position, int(ids[place])), "expected": expected})
    for id in np.flatnonzero(counts).tolist():
        worst.add(tokenizer.symbol(id), float(sums[id]), int(counts[id]))
    return worst


def locate(found: Sequence[dict[str, Any]], text: TokenizedText, corpus: Corpus, begin: int, is_lowered: bool | None) -> None:
    """Add path:line to symbols where tokens determine it: in documents, and in running text whose tokens are characters.

    begin: the place of the text in the corpus. is_lowered: whether the model reads lower case; None where tokens are not characters.
    """
    if text.starts is not None:
        numbers = {_document(text.starts, facts["place"] + 1)[0] for facts in found}
        places = {number: document.where for number, document in enumerate(corpus.documents()) if number in numbers}
        for facts in found:
            facts["where"] = places[_document(text.starts, facts["place"] + 1)[0]]
        return
    rows: Iterable[dict[str, Any]] = repeat({"where": None}, len(found))
    if is_lowered is not None:
        shown = excerpts([(facts["place"], 1) for facts in found], _pieces(corpus, begin, is_lowered), BEFORE, AFTER)
        # The text itself, which shows a symbol that the model does not know.
        rows = ({"before": one.before, "symbol": one.text, "after": one.after, "where": one.where} for one in shown)
    for facts, row in zip(found, rows, strict=True):
        facts.update(row)


def _expected(network: LanguageNetwork, tokenizer: Tokenizer, outputs: torch.Tensor) -> list[dict[str, Any]]:
    """(1, hidden) outputs -> the likeliest symbols and their probabilities."""
    probabilities = torch.softmax(network.logits(outputs).float()[0], -1)
    values, ids = probabilities.topk(min(EXPECTED, len(probabilities)))
    return [{"symbol": tokenizer.symbol(id), "probability": value} for value, id in zip(values.tolist(), ids.tolist(), strict=True)]


def _highest(losses: NDArray[np.float64], worst: Worst) -> list[int]:
    """Return the places in a batch whose losses may be among the worst."""
    places = np.flatnonzero(losses >= worst.bar)
    if len(places) > worst.count:
        places = places[np.argsort(-losses[places], kind="stable")[: worst.count]]
    return [int(place) for place in places]


def _in_context(tokenizer: Tokenizer, text: TokenizedText, position: int, target: int) -> dict[str, Any]:
    """Return the place of a symbol and the tokens around it in its document."""
    ids = text.ids
    _, first, last = (0, 1, len(ids)) if text.starts is None else _document(text.starts, position)
    before, after = ids[max(first, position - BEFORE) : position], ids[position + 1 : min(last, position + 1 + AFTER)]
    sides = {"before": tokenizer.decode(before), "symbol": tokenizer.symbol(target), "after": tokenizer.decode(after)}
    return {"place": position - 1, **sides}


def _document(starts: NDArray[np.int64], position: int) -> tuple[int, int, int]:
    """Return the number of the document that contains a token, its begin and its end."""
    number = int(np.searchsorted(starts, position, "right")) - 1
    return number, int(starts[number]), int(starts[number + 1])


def _pieces(corpus: Corpus, begin: int, is_lowered: bool) -> Iterator[tuple[str, str]]:
    """Return a running text from character `begin` on, as the model reads it, line by line with path:line."""
    for stretch in corpus.stretches():
        text, begin = stretch.text[begin:], max(0, begin - len(stretch.text))
        yield lowered(text) if is_lowered else text, stretch.where
