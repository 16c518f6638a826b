"""What a model gets most wrong: the symbols, texts, tokens, pairs or values with the highest loss, of which only the worst are held."""

import heapq
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.cells.rowwise import reading
from charnn.data.conll import TaggedData
from charnn.data.corpus import Corpus
from charnn.data.labelled import LabelledData
from charnn.data.pairs import PairFiles
from charnn.data.tokenized import TokenizedText
from charnn.metrics.translation import sentence_chrf
from charnn.tasks.classifier.model import label_numbers
from charnn.tasks.forecaster.trained import check_length
from charnn.tasks.lm.excerpts import excerpts
from charnn.tasks.lm.model import LanguageModel
from charnn.tasks.lm.trained import tail_begin
from charnn.tasks.tagger.model import check_tags
from charnn.tasks.translator.interpreter import Decoding
from charnn.tokenizers.protocol import lowered

BLOCK = 1000
"""Texts, sentences or pairs that are read at once."""

EXPECTED = 3
"""Symbols that a language model expected in place of one."""

BEFORE, AFTER = 30, 15
"""Tokens of context that are shown of a symbol."""

LEAST = 1e-38
"""A probability below it is taken for it: its logarithm is none."""

PAIRS = "all pairs"

Item = TypeVar("Item")


class Worst:
    """The things with the highest losses, and the sums of all by a name."""

    def __init__(self, count: int, unit: str = "nats") -> None:
        self.count, self.unit = count, unit
        self.heap: list[tuple[float, int, dict[str, Any]]] = []
        self.sums: dict[str, list[float]] = {}
        self.total, self.seen = 0.0, 0

    @property
    def bar(self) -> float:
        """The loss that one more must be above."""
        return self.heap[0][0] if len(self.heap) >= self.count else -math.inf

    def takes(self, loss: float, number: int) -> bool:
        """Is a thing among the worst so far? Of equal ones the earlier is."""
        return self.count > 0 and (len(self.heap) < self.count or (loss, -number) > self.heap[0][:2])

    def keep(self, loss: float, number: int, facts: dict[str, Any]) -> None:
        """Keeps a thing, and gives up the least bad one where there are too many."""
        heapq.heappush(self.heap, (loss, -number, facts))
        if len(self.heap) > self.count:
            heapq.heappop(self.heap)

    def add(self, name: str, loss: float, count: int = 1) -> None:
        """Adds to the sums of a name."""
        one = self.sums.setdefault(name, [0, 0.0])
        one[0], one[1] = one[0] + count, one[1] + loss
        self.total, self.seen = self.total + loss, self.seen + count

    @property
    def worst(self) -> list[dict[str, Any]]:
        """The worst, the worst first."""
        return [{self.unit: loss, **facts} for loss, _, facts in sorted(self.heap, key=lambda one: (-one[0], -one[1]))]

    def by_name(self) -> list[dict[str, Any]]:
        """Each name with its count, mean loss and share of the whole loss, the costliest first."""
        rows = sorted(self.sums.items(), key=lambda one: (-one[1][1], one[0]))
        return [
            {"name": name, "count": int(count), "nats": loss / count, "share": loss / self.total if self.total else 0.0}
            for name, (count, loss) in rows
        ]


class Places:
    """The numbers of a text's tokens, to be batched as the tokens are; they take no memory."""

    def __init__(self, size: int) -> None:
        self._size = size

    def __len__(self) -> int:
        return self._size

    def __getitem__(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        return places


def language_model_mistakes(trained: Any, data: Sequence[str], top: int, tail: float | None = None) -> Worst:
    """The symbols that the text gave the lowest probability, in context, and what each kind of symbol costs. Raises DataError."""
    model: LanguageModel = trained.network
    corpus = Corpus(data, trained.settings.corpus)
    text = trained.tokenized(data, tail)
    worst, counts, sums = Worst(top), np.zeros(trained.tokenizer.size, np.int64), np.zeros(trained.tokenizer.size)
    for positions, targets, losses, expected in _read(model, text, trained.protocols[0], worst):
        counts += np.bincount(targets, minlength=len(counts))
        sums += np.bincount(targets, losses, len(sums))
        for place in _highest(losses, worst):
            loss, position = float(losses[place]), int(positions[place])
            if worst.takes(loss, position):
                worst.keep(loss, position, _shown(trained, text, position, int(targets[place]), expected(place)))
    for id in np.flatnonzero(counts).tolist():
        worst.add(trained.tokenizer.symbol(id), float(sums[id]), int(counts[id]))
    begin = 0 if tail is None else tail_begin(corpus, tail)
    _locate(trained, corpus, text, [facts for _, _, facts in worst.heap], begin)
    return worst


@dataclass(frozen=True)
class _Expected:
    """What a model expected at places of a batch."""

    model: LanguageModel
    hidden: torch.Tensor

    def __call__(self, place: int) -> list[dict[str, Any]]:
        shares = torch.softmax(self.model.network.logits(self.hidden[place : place + 1]).float()[0], -1)
        values, ids = shares.topk(min(EXPECTED, len(shares)))
        symbol = self.model.tokenizer.symbol
        return [{"symbol": symbol(id), "probability": value} for value, id in zip(values.tolist(), ids.tolist(), strict=True)]


def _read(
    model: LanguageModel, text: TokenizedText, protocol: str, worst: Worst
) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], Callable[[int], list[dict[str, Any]]]]]:
    """Batch by batch: the places of what is predicted, what stands there, its nats, and what was expected instead."""
    numbers = replace(text, ids=Places(len(text.ids)))  # type: ignore[arg-type]  # read as ids are
    carry = None
    model.network.eval()
    with reading():
        for batch, where in zip(model.protocol_batches(text, protocol), model.protocol_batches(numbers, protocol), strict=True):
            hidden, targets, carry = model.outputs(batch, carry)
            losses = model.losses(hidden, targets).double().cpu().numpy()
            positions = where.targets.reshape(-1) if where.mask is None else where.targets[where.mask]
            if len(losses):
                yield positions, targets.cpu().numpy(), losses, _Expected(model, hidden)


def _highest(losses: NDArray[np.float64], worst: Worst) -> list[int]:
    """The places in a batch of what may be among the worst."""
    if not worst.count:
        return []
    places = np.flatnonzero(losses >= worst.bar)
    if len(places) > worst.count:
        places = places[np.argsort(-losses[places], kind="stable")[: worst.count]]
    return [int(place) for place in places]


def _shown(trained: Any, text: TokenizedText, position: int, target: int, expected: list[dict[str, Any]]) -> dict[str, Any]:
    """A symbol in its document, and what was expected in its place."""
    first, last = (1, len(text.ids)) if text.starts is None else _document(text.starts, position)[1:]
    tokenizer, ids = trained.tokenizer, text.ids
    before, after = ids[max(first, position - BEFORE) : position], ids[position + 1 : min(last, position + 1 + AFTER)]
    sides = {"before": tokenizer.decode(before), "symbol": tokenizer.symbol(target), "after": tokenizer.decode(after)}
    return {"place": position - 1, **sides, "expected": expected}


def _document(starts: NDArray[np.int64], position: int) -> tuple[int, int, int]:
    """The number of the document that a token is in, and where that begins and ends."""
    number = int(np.searchsorted(starts, position, "right")) - 1
    return number, int(starts[number]), int(starts[number + 1])


def _locate(trained: Any, corpus: Corpus, text: TokenizedText, found: Sequence[dict[str, Any]], begin: int) -> None:
    """Adds path:line, as far as tokens tell it: of documents always, of running text where a token is a character."""
    if text.starts is not None:
        numbers = {_document(text.starts, facts["place"] + 1)[0] for facts in found}
        places = {number: document.where for number, document in enumerate(corpus.documents()) if number in numbers}
        for facts in found:
            facts["where"] = places[_document(text.starts, facts["place"] + 1)[0]]
    elif trained.tokenizer.name != "char":
        for facts in found:
            facts["where"] = None
    else:
        pieces = _pieces(corpus, begin, trained.settings.tokens.lowercase)
        shown = excerpts([(facts["place"], 1) for facts in found], pieces, BEFORE, AFTER)
        for facts, one in zip(found, shown, strict=True):
            # The text itself, in which a symbol is to be seen that the model does not know.
            facts.update(before=one.before, symbol=one.text, after=one.after, where=one.where)


def _pieces(corpus: Corpus, begin: int, is_lowered: bool) -> Iterator[tuple[str, str]]:
    """A running text from a character on, as the model reads it, line by line with their places."""
    for stretch in corpus.stretches():
        text, begin = stretch.text[begin:], max(0, begin - len(stretch.text))
        yield lowered(text) if is_lowered else text, stretch.where


def classifier_mistakes(trained: Any, data: Sequence[str], top: int, **columns: str) -> Worst:
    """The texts whose label was least probable, and what each label costs. Raises DataError."""
    worst = Worst(top)
    examples = LabelledData(data, replace(trained.settings.data, **columns)).examples()
    for block in _blocks(examples):
        right = label_numbers(block, trained.labels)
        logs = trained.log_probabilities([one.text for one in block])
        for one, number, row in zip(block, right.tolist(), logs, strict=True):
            loss, given = -float(row[number]), int(row.argmax())
            facts = {"true": one.label, "found": trained.labels[given], "probability": math.exp(row[given]), "where": one.where}
            if worst.takes(loss, worst.seen):
                worst.keep(loss, worst.seen, {**facts, "text": one.text})
            worst.add(one.label, loss)
    return worst


def tagger_mistakes(trained: Any, data: Sequence[str], top: int, **columns: str) -> Worst:
    """The tokens whose tag was least probable, and what each tag costs. Raises DataError."""
    worst, model = Worst(top), trained.model
    for block in _blocks(TaggedData(data, replace(trained.settings.data, **columns)).sentences()):
        check_tags(block, model.tags)
        for one, row in zip(block, model.judge(block), strict=True):
            true = [model.tags.names[number] for number in model.tags.numbers(one.tags)]
            for place, (tag, given) in enumerate(zip(true, row, strict=True)):
                loss = -math.log(max(given.true_probability, LEAST))
                if worst.takes(loss, worst.seen):
                    facts = {"true": tag, "found": given.tag, "probability": given.probability, "where": one.where, "number": place + 1}
                    sides = {"before": " ".join(one.tokens[:place]), "token": one.tokens[place], "after": " ".join(one.tokens[place + 1 :])}
                    worst.keep(loss, worst.seen, {**facts, **sides})
                worst.add(tag, loss)
    return worst


def translator_mistakes(trained: Any, data: Sequence[str], top: int, files: PairFiles | None = None) -> Worst:
    """The pairs whose given translations were least probable, by nats per token, and what the model says instead. Raises DataError."""
    worst, use = Worst(top), trained.interpreter
    pairs = trained.read_pairs(files or data)
    for block in _blocks(pairs):
        scored = use.model.score(use.model.read(use.model.prepare_pairs(block)))
        for one, nats, tokens in zip(block, scored.nats.tolist(), scored.tokens.tolist(), strict=True):
            if worst.takes(nats / tokens, worst.seen):
                facts = {"tokens": tokens, "source": one.source, "reference": one.target, "where": one.where}
                worst.keep(nats / tokens, worst.seen, facts)
            worst.add(PAIRS, nats / tokens)
    said = [facts for _, _, facts in worst.heap]
    found = [best.text for best, *_ in use.translate([one["source"] for one in said], Decoding())]
    for facts, text, chrf in zip(said, found, sentence_chrf(found, [one["reference"] for one in said]), strict=True):
        facts.update(translation=text, chrf=chrf)
    return worst


def forecaster_mistakes(trained: Any, data: Sequence[str], top: int) -> Worst:
    """The values that were furthest from what was expected before they came, in deviations of such errors. Raises DataError."""
    model, series = trained.model, trained.read(data)
    first = max(model.scaling.lost + 1, min(trained.settings.loop.window or 1, len(series) // 2))
    check_length(model, first if first < len(series) else 0, 0)
    found = model.next_values(*model.read_from(model.scaling.levels(series), model.turns(series, 1), first))[:, : series.targets]
    worst, true = Worst(top, "deviations"), series.values[first:, : series.targets]
    deviations = np.sqrt(np.square(found - true).mean(0))  # (targets,)
    for number, (row, expected) in enumerate(zip(true, found, strict=True)):
        for column, name in enumerate(trained.targets):
            loss = float(abs(row[column] - expected[column]) / deviations[column]) if deviations[column] else 0.0
            worst.add(name, loss)
            if worst.takes(loss, number):
                place = first + number
                facts = {"column": name, "true": float(row[column]), "expected": float(expected[column])}
                facts |= {"before": float(series.values[place - 1, column]), "time": series.times[place] if series.times else None}
                worst.keep(loss, number, facts | {"where": series.places[place]})
    return worst


MISTAKES: dict[str, Callable[..., Worst]] = {
    "lm": language_model_mistakes,
    "classifier": classifier_mistakes,
    "tagger": tagger_mistakes,
    "translator": translator_mistakes,
    "forecaster": forecaster_mistakes,
}
"""What finds them, by task."""


def _blocks(items: Iterable[Item]) -> Iterator[list[Item]]:
    """So many at a time."""
    source = iter(items)
    while block := list(islice(source, BLOCK)):
        yield block
