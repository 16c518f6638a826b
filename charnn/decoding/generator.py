"""A language model that writes: text in, text out, piece by piece."""

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.cells.settings import Clamps
from charnn.decoding.beam import BeamSearch, Candidates, likeliest
from charnn.decoding.settings import BeamSettings, SamplingSettings
from charnn.decoding.writing import Writer, mask_specials, uniform_streams
from charnn.engine.engine import EngineState, LanguageEngine
from charnn.errors import CheckpointError, SettingError
from charnn.kernels.activations import log_softmax
from charnn.tokenizers.registry import TextStream, Tokenizer
from charnn.tokenizers.vocabulary import END, SPECIALS, START, UNKNOWN

LENGTH, LENGTH_UNTIL_END = 500, 100_000  # Default limits of a text, in tokens; the second with until_end
FIRST_CHUNK, CHUNK = 8, 64  # Tokens written without returning to Python: few at first, so that text appears at once; more later, for speed
PRIMER = 16  # Last tokens of the prompt that a decoder reads first, as the text may depend on them: it begins with a space or not
Ids = NDArray[np.int64]


class Generator:
    """A language model that writes texts.

    A document model begins each text with the start symbol; a model of plain text without a prompt begins after a newline, or if its
    vocabulary has none after its most frequent token. A model with labels that gets none draws one for each sample from the seed,
    all with the same probability. Sample number i of a seed is the same text for any number of samples.
    """

    def __init__(self, engine: LanguageEngine, tokenizer: Tokenizer, *, documents: bool, labels: Sequence[str] = ()) -> None:
        """Raise CheckpointError if the network has another vocabulary or other labels."""
        if (engine.vocabulary_size, engine.label_count) != (tokenizer.size, len(labels)):
            raise CheckpointError(
                f"the model is damaged: its weights are for {engine.vocabulary_size} tokens and {engine.label_count} labels, "
                f"its vocabulary has {tokenizer.size} and {len(labels)}; train it again or copy it anew"
            )
        self.engine, self.tokenizer, self.documents, self.labels = engine, tokenizer, documents, list(labels)

    def clamped(self, clamps: Clamps) -> "Generator":
        """Return a generator with the outputs of these hidden units fixed, from the first token of the prompt on; raise SettingError."""
        if not clamps:
            return self
        return Generator(self.engine.clamped(clamps), self.tokenizer, documents=self.documents, labels=self.labels)

    def stream(
        self,
        prompt: str = "",
        *,
        settings: SamplingSettings | None = None,
        length: int | None = None,
        seed: int = 0,
        label: str | None = None,
        count: int = 1,
        stop: Sequence[str] = (),
        until_end: bool = False,
    ) -> Iterator[tuple[int, str]]:
        """Return pieces of text as they are written, each with the number of its sample, from 0; raise SettingError before the first.

        A text ends after `length` tokens (500; with until_end 100,000), before the first of the stop texts, or at its end symbol.
        """
        limit = self._limit(length, until_end)
        check_positive("count", count)
        streams, label_ids = self._randomness(seed, label, count)
        ids = self.prompt_ids(prompt)
        samples = [_Sample(number, self._primed(ids), StopWatch(stop), limit) for number in range(count)]
        writer = Writer(self.engine, settings or SamplingSettings(), streams=streams, may_end=self.documents)
        return _write_pieces(writer, label_ids, ids, samples)

    def sample(self, prompt: str = "", *, count: int = 1, **options: Any) -> list[str]:
        """Return whole texts, without the prompt; options as in `stream`."""
        texts = [""] * count
        for number, piece in self.stream(prompt, count=count, **options):
            texts[number] += piece
        return texts

    def search(
        self,
        prompt: str = "",
        *,
        beam: int = 5,
        length_penalty: float = 0.0,
        length: int | None = None,
        label: str | None = None,
        count: int = 1,
        stop: Sequence[str] = (),
        until_end: bool = False,
    ) -> list[str]:
        """Return the `count` likeliest continuations of a beam search, best first; a model with labels needs one of them."""
        settings, limit = BeamSettings(beam, length_penalty), self._limit(length, until_end)
        check_positive("count", count)
        if count > beam:
            raise SettingError("count", f"must be at most the beam of {beam}, got {count}")
        ids = self.prompt_ids(prompt)
        state = self.engine.start(1, self.label_id(label))

        def step(tokens: Ids, state: EngineState) -> tuple[Candidates, EngineState]:
            return likeliest(self._possible(self.engine.step(tokens, state)), search.candidates), state

        search = BeamSearch(step, lambda state, rows: state.pick(rows), settings, END if self.documents else None)
        first = likeliest(self._possible(self.engine.read(ids, state)), search.candidates)
        (found,) = search.search(first, state, [limit], count)
        return [_Sample(0, self._primed(ids), StopWatch(stop), limit).take(np.array([*one.tokens, END])) for one in found]

    def predict(self, prompt: str = "", *, top: int = 5, label: str | None = None) -> list[tuple[str, float]]:
        """Return the likeliest next tokens in readable form, with their probabilities among all tokens, best first."""
        check_positive("top", top)
        state = self.engine.start(1, self.label_id(label))
        logits = np.array(self.engine.read(self.prompt_ids(prompt), state)[0], np.float64)
        probabilities = np.exp(logits - logits.max())
        probabilities /= probabilities.sum()
        order = np.argsort(-probabilities, kind="stable")[:top]
        return [(self.tokenizer.symbol(id), float(probabilities[id])) for id in order.tolist()]

    def conversation(self, *, settings: SamplingSettings | None = None, seed: int = 0, label: str | None = None) -> "Conversation":
        """Return a text that a person and the model write in turn."""
        return Conversation(self, settings or SamplingSettings(), seed, label)

    def prompt_ids(self, prompt: str) -> Ids:
        """Return the (time,) ids that the network reads before it writes; never empty."""
        ids = np.asarray(self.tokenizer.encode(prompt), np.int64)
        if self.documents:
            return np.concatenate([[START], ids])
        newline = self.tokenizer.encode("\n")
        is_known = len(newline) == 1 and newline[0] != UNKNOWN
        # Vocabularies are ordered by frequency.
        return ids if len(ids) else np.array([int(newline[0]) if is_known else len(SPECIALS)])

    def _limit(self, length: int | None, until_end: bool) -> int:
        """Return the largest number of tokens in a text."""
        if until_end and not self.documents:
            raise SettingError("until_end", "needs a model of documents; this one was trained on running text, which has no end")
        if length is None:
            return LENGTH_UNTIL_END if until_end else LENGTH
        check_positive("length", length)
        return length

    def _randomness(self, seed: int, label: str | None, count: int) -> tuple[list[np.random.Generator], list[int] | None]:
        """Return random numbers and the label of each sample; the first number is for the label, even if that is given."""
        if not 0 <= seed < 2**64:
            raise SettingError("seed", f"must be at least 0 and below 2^64, got {seed}")
        streams = uniform_streams(seed, range(count))
        drawn = [int(stream.random() * len(self.labels)) for stream in streams]
        if label is None and self.labels:
            return streams, drawn
        one = self.label_id(label)
        return streams, None if one is None else [one] * count

    def label_id(self, label: str | None) -> int | None:
        """Return the id of a label, None in a model without labels; raise SettingError if the model has no such label, or needs one."""
        if not self.labels and label is not None:
            raise SettingError("label", "was given, and this model was trained without labels; leave it out")
        if self.labels and label not in self.labels:
            raise SettingError("label", f"must be one of {', '.join(self.labels)}; got {'none' if label is None else repr(label)}")
        return None if label is None else self.labels.index(label)

    def _primed(self, ids: Ids) -> TextStream:
        """Return a decoder that knows what the text continues."""
        stream = self.tokenizer.stream()
        for id in ids[-PRIMER:].tolist():
            stream.push(id)
        return stream

    def _possible(self, logits: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return log-probabilities, minus infinity for tokens that are never written."""
        rows = np.array(logits, np.float32, order="C")
        for row in rows:
            log_softmax(row)
            mask_specials(row, self.documents)
        return rows


class Conversation:
    """A text that a person and the model write in turn; the network keeps its state.

    Each reply ends at a stop text, which is read but not shown; after an end symbol the next reply begins a new document.
    """

    def __init__(self, generator: Generator, settings: SamplingSettings, seed: int, label: str | None) -> None:
        streams, self._labels = generator._randomness(seed, label, 1)
        self._generator = generator
        self._writer = Writer(generator.engine, settings, streams=streams, may_end=generator.documents)
        self._is_new = True

    def reply(self, text: str, *, length: int | None = None, stop: Sequence[str] = (), until_end: bool = False) -> Iterator[str]:
        """Read a text and return the reply piece by piece."""
        limit, watch = self._generator._limit(length, until_end), StopWatch(stop)
        ids = self._generator.prompt_ids(text) if self._is_new else np.asarray(self._generator.tokenizer.encode(text), np.int64)
        if self._is_new:
            self._writer.begin(self._labels)
        self._is_new = False
        self._writer.read(ids)
        return self._pieces(_Sample(0, self._generator._primed(ids), watch, limit))

    def _pieces(self, sample: "_Sample") -> Iterator[str]:
        while not sample.is_done:
            # One token at a time: the state must not run ahead of the stop text.
            ids = self._writer.write(1)[0]
            self._is_new = bool(ids[0] == END)
            if piece := sample.take(ids):
                yield piece


class StopWatch:
    """A filter that passes a text on, piece by piece, up to the stop text that is completed first.

    It delays the end of a piece that could begin a stop text, so no text has to be taken back.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        if "" in stops:
            raise SettingError("stop", "must be a text of at least one character, got an empty one")
        self.stops, self.is_stopped, self._pending = tuple(stops), False, ""

    def push(self, piece: str) -> str:
        """Return the text that can be shown after this piece."""
        if self.is_stopped:
            return ""
        text = self._pending + piece
        # The stop text that ends first counts, of several the one that begins first, so the cut cannot depend on the pieces.
        found = [(at + len(stop), at) for stop in self.stops if (at := text.find(stop)) >= 0]
        if found:
            self.is_stopped, self._pending = True, ""
            return text[: min(found)[1]]
        shown = len(text) - max((_overlap(text, stop) for stop in self.stops), default=0)
        self._pending = text[shown:]
        return text[:shown]

    def finish(self) -> str:
        """Return the delayed text, once the text has ended without a stop text."""
        pending, self._pending = self._pending, ""
        return pending


class _Sample:
    """A text that is being written: turns ids into text, up to its end."""

    def __init__(self, number: int, stream: TextStream, watch: StopWatch, limit: int) -> None:
        self.number, self.remaining, self.is_done = number, limit, False
        self._stream, self._watch = stream, watch

    def take(self, ids: Ids) -> str:
        """Return the text that these tokens add."""
        pieces = []
        for id in ids.tolist():
            if id != END:
                self.remaining -= 1
                pieces.append(self._watch.push(self._stream.push(id)))
            if id == END or not self.remaining:
                pieces += [self._watch.push(self._stream.finish()), self._watch.finish()]
                self.is_done = True
            self.is_done |= self._watch.is_stopped
            if self.is_done:
                break
        return "".join(pieces)


def _write_pieces(writer: Writer, labels: list[int] | None, ids: Ids, live: list[_Sample]) -> Iterator[tuple[int, str]]:
    """Return the pieces of all samples, written chunk by chunk; finished samples leave the batch."""
    writer.begin(labels)
    writer.read(ids)
    chunk = FIRST_CHUNK
    while live:
        written = writer.write(min(chunk, live[0].remaining))
        for sample, row in zip(live, written, strict=True):
            if piece := sample.take(row):
                yield sample.number, piece
        rows = [row for row, sample in enumerate(live) if not sample.is_done]
        if len(rows) < len(live):
            live = [live[row] for row in rows]
            writer.keep(rows)
        chunk = min(2 * chunk, CHUNK)


def check_positive(name: str, value: int) -> None:
    """Raise SettingError unless the number is at least 1."""
    if value < 1:
        raise SettingError(name, f"must be at least 1, got {value}")


def _overlap(text: str, stop: str) -> int:
    """Return the length of the longest end of the text with which the stop text begins."""
    longest = min(len(stop) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
