"""The text that a language model was trained on: found by what its run recorded, known again by its fingerprint."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from charnn.data.corpus import Corpus
from charnn.data.store import scratch_folder
from charnn.data.tokenized import Part, learned_from, split_corpus, take, tokenize, whole
from charnn.errors import DataError, SettingError
from charnn.tokenizers.protocol import Chunks, cut_chunks
from charnn.training.fingerprint import fingerprint

PROBE = 20_000
"""Characters by which is found out whether the model reads a text as it stands."""

DEFAULT = ("python-docs",)
"""What a language model is trained on where nobody names a corpus."""


@dataclass(frozen=True)
class TrainedText:
    """The training part and, where it is known, the part that was held out."""

    corpus: Corpus
    train: Part
    held: Part | None
    chunks: Chunks
    """The training part as the model reads it: in lower case, for example."""
    held_chunks: Chunks | None
    is_plain: bool
    """Is that the text as it stands?"""

    @property
    def names(self) -> list[str]:
        """The files."""
        return [source.name for source in self.corpus.sources]

    def pieces(self) -> Iterator[tuple[str, str]]:
        """What joined is the training part as the model reads it, and where each piece stands; "" where that cannot be said."""
        if not self.is_plain:
            yield from ((chunk, "") for chunk in self.chunks())
        elif self.train.documents is not None:
            yield from ((f"{document.text}\n", document.where) for document in self.train.documents())
        else:
            yield from ((stretch.text, stretch.where) for stretch in self.corpus.stretches())


def find_text(trained: Any, recorded: Mapping[str, Any], given: Sequence[str]) -> TrainedText:
    """The text of a model, by what its run recorded (a state of training, or nothing) unless a corpus is given.

    Raises SettingError where neither says what it is, or it is not there.
    """
    command = recorded.get("command", {})
    names = given or command.get("corpus") or (DEFAULT if recorded else ())
    if not names:
        raise SettingError("corpus", f"must be given: beside {trained.name} nothing says what it was trained on")
    try:
        corpus = Corpus(names, trained.settings.corpus)
    except DataError as error:
        if given:
            raise
        raise SettingError("corpus", f"must be given, as what {trained.name} was trained on is not there: {error}") from None
    train, held = _parts(corpus, command, trained, bool(recorded))
    probe = "".join(islice(train.chunks(), 1))[:PROBE]
    is_plain = trained.tokenizer.decode(trained.tokenizer.encode(probe)) == probe
    held_chunks = None if held is None else as_read(trained, held, is_plain)
    return TrainedText(corpus, train, held, as_read(trained, train, is_plain), held_chunks, is_plain)


def is_same(trained: Any, text: TrainedText, recorded: Mapping[str, Any]) -> bool | None:
    """Is this, with its split, the text that the model was trained on? None where that was not recorded."""
    if text.held is None or not isinstance(recorded.get("data"), str):
        return None
    folder, tokenizer, labels = scratch_folder(), trained.tokenizer, trained.labels
    try:
        train, held = (tokenize(tokenizer, part, labels, folder) for part in (text.train, text.held))
    except DataError:  # such as a label that the model does not have
        return False
    learned = {"tokenizer": tokenizer.learned(), "labels": labels}
    return fingerprint(*learned_from(train, held, learned, tokenizer.tensors())) == str(recorded["data"])


def as_read(trained: Any, part: Part, is_plain: bool) -> Chunks:
    """A part of a corpus as the model reads it."""
    if is_plain:
        return part.chunks
    tokenizer = trained.tokenizer
    return lambda: (tokenizer.decode(tokenizer.encode(piece)) for piece in cut_chunks(tokenizer.split, part.chunks()))


def beginning(chunks: Chunks, characters: int) -> str:
    """So much of a text, or all."""
    return "".join(take(chunks(), 0, characters))


def _parts(corpus: Corpus, command: Mapping[str, Any], trained: Any, is_recorded: bool) -> tuple[Part, Part | None]:
    if command.get("valid"):
        try:
            return whole(corpus), whole(Corpus(command["valid"], trained.settings.corpus))
        except DataError:
            return whole(corpus), None
    if not is_recorded:
        return whole(corpus), None
    return split_corpus(corpus, command.get("valid_share"), trained.settings.loop.seed)
