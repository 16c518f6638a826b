"""A corpus as token ids, memory-mapped from disk so that it takes no memory; its counts, and its split into two parts."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from numpy.typing import NDArray

from charnn.data.corpus import Corpus, Document
from charnn.errors import DataError, StorageError
from charnn.tokenizers.registry import Chunks, Tokenizer, cut_chunks
from charnn.tokenizers.vocabulary import END, START, UNKNOWN, Ids, id_type


class TokenStore:
    """The ids of a text in an unlinked temporary file: the disk space is free again when the process ends, however it ends."""

    def __init__(self, ids: Ids, digest: str) -> None:
        self.ids = ids
        """(token,) uint8, uint16 or uint32 by the size of the vocabulary; read-only."""
        self.digest = digest
        """SHA-256 of their bytes: taken while they were written, for reading them all would bring all into memory."""

    def __len__(self) -> int:
        return len(self.ids)

    @classmethod
    def write(cls, arrays: Iterable[npt.NDArray[np.integer[Any]]], size: int, folder: Path) -> "TokenStore":
        """The joined arrays of ids below size, written to the disk of the folder. Raises StorageError where that fails."""
        kind, digest, length = id_type(size), hashlib.sha256(), 0
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=1 << 20) as file:
                for array in arrays:
                    data = array.astype(kind, copy=False).tobytes()
                    digest.update(data)
                    length += file.write(data)
                file.flush()
                # A map of nothing is no map.
                ids = np.memmap(file, kind, mode="r") if length else np.empty(0, kind)
        except OSError as error:
            raise StorageError(f"cannot keep the token ids in {folder}: {error.strerror or error}; free some space there") from error
        ids.flags.writeable = False
        return cls(ids, f"{kind} {digest.hexdigest()}")


def scratch_folder() -> Path:
    """Where token files may lie for the length of a run: a disk rather than memory, with room."""
    choices = [os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()]  # noqa: S108
    usable = [Path(one) for one in choices if one and os.access(one, os.W_OK)]
    return max(usable, key=lambda one: (shutil.disk_usage(one).free > 1 << 32, -usable.index(one)))


VALID_SHARE, MOST_CHARACTERS, MOST_DOCUMENTS = 0.1, 1_000_000, 20_000
"""The validation part where nobody asked for another: this share, and the most it comes to."""

JOINED_CHARACTERS = 1 << 20  # Documents are joined to texts of about this size where a tokenizer learns from them


@dataclass
class TextCounts:
    """How long a text is, in every unit a loss is reported in. An end of line, or of a document, counts as a word."""

    characters: int = 0
    bytes: int = 0
    words: int = 0
    unknown: int = 0  # tokens outside the vocabulary
    unknown_characters: int = 0
    unknown_symbols: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class TokenizedText:
    """Token ids, each to be predicted from those before it; the first is only context."""

    ids: NDArray[np.integer[Any]]
    counts: TextCounts
    starts: NDArray[np.int64] | None  # (documents + 1,): where each document begins; None for running text
    labels: NDArray[np.int64] | None  # (documents,)
    store: TokenStore  # keeps the file behind the ids open


@dataclass(frozen=True)
class Part:
    """A corpus or one side of its split, to be read again and again without being held in memory."""

    texts: Chunks | None  # running text in pieces,
    documents: Callable[[], Iterable[Document]] | None  # or documents

    def chunks(self) -> Iterable[str]:
        """The text in pieces, a line end after each document: what a tokenizer learns from."""
        if self.documents is not None:
            return _joined(self.documents())
        assert self.texts is not None
        return self.texts()


def opening(tokenizer: Tokenizer) -> int:
    """The token that stands before the first of a running text, as its only context: a new line, or the start symbol."""
    newline = tokenizer.encode("\n")
    return int(newline[0]) if len(newline) == 1 and newline[0] != UNKNOWN else START


def tokenize_text(tokenizer: Tokenizer, chunks: Iterable[str], folder: Path) -> TokenizedText:
    """Running text as ids, encoded piece by piece and kept in a file in the folder."""
    counts = TextCounts()

    def arrays() -> Iterator[Ids]:
        yield np.array([opening(tokenizer)], np.uint32)
        for piece in cut_chunks(tokenizer.split, _measured(chunks, counts)):
            yield _encode(tokenizer, piece, counts)

    store = TokenStore.write(arrays(), tokenizer.size, folder)
    return TokenizedText(store.ids, counts, None, None, store)


def tokenize_documents(tokenizer: Tokenizer, documents: Iterable[Document], labels: Sequence[str], folder: Path) -> TokenizedText:
    """Documents as ids, each between a start and an end symbol; raises DataError for a label the model does not have."""
    counts, lengths, numbers = TextCounts(), [0], []
    known = {label: number for number, label in enumerate(labels)}

    def arrays() -> Iterator[Ids]:
        for document in documents:
            _measure(document.text + "\n", counts)  # Its end is charged for, so it counts.
            ids = np.concatenate([[START], _encode(tokenizer, document.text, counts), [END]])
            lengths.append(len(ids))
            if labels:
                numbers.append(_label_number(document, known))
            yield ids

    store = TokenStore.write(arrays(), tokenizer.size, folder)
    starts = np.cumsum(lengths, dtype=np.int64)
    return TokenizedText(store.ids, counts, starts, np.asarray(numbers, np.int64) if labels else None, store)


def whole(corpus: Corpus) -> Part:
    """All of a corpus."""
    return Part(None, corpus.documents) if corpus.is_documents else Part(corpus.chunks, None)


def split_corpus(corpus: Corpus, share: float | None, seed: int) -> tuple[Part, Part]:
    """A training and a validation part: the last share of a running text, or a random share of documents.

    Documents often come in an order that means something: by label, by length, by date. Without a share it is a tenth, but at
    most a million characters or 20,000 documents, which is enough to tell models apart.
    """
    if corpus.is_documents:
        total = sum(1 for _ in corpus.documents())
        held = np.zeros(total, bool)
        held[np.random.default_rng(seed).permutation(total)[: _held_out(total, share, MOST_DOCUMENTS)]] = True
        return Part(None, lambda: _chosen(corpus, ~held)), Part(None, lambda: _chosen(corpus, held))
    total = sum(map(len, corpus.chunks()))
    cut = total - _held_out(total, share, MOST_CHARACTERS)
    return Part(lambda: take(corpus.chunks(), 0, cut), None), Part(lambda: take(corpus.chunks(), cut, None), None)


def tokenize(tokenizer: Tokenizer, part: Part, labels: Sequence[str], folder: Path) -> TokenizedText:
    """A part of a corpus as ids in a file in the folder; raises DataError for a label the model does not have."""
    if part.documents is not None:
        return tokenize_documents(tokenizer, part.documents(), labels, folder)
    return tokenize_text(tokenizer, part.chunks(), folder)


def learned_from(train: TokenizedText, valid: TokenizedText, learned: Any, tensors: Any) -> list[Any]:
    """All that a language model was made of before training, as fingerprint() takes it: the texts, and what was learned from them."""
    texts = [[text.store.digest, text.starts, text.labels] for text in (train, valid)]
    return [texts, learned, tensors]


def take(chunks: Iterable[str], begin: int, end: int | None) -> Iterator[str]:
    """The characters from begin to end of a text in pieces."""
    position = 0
    for chunk in chunks:
        piece = chunk[max(0, begin - position) : None if end is None else max(0, end - position)]
        position += len(chunk)
        if piece:
            yield piece
        if end is not None and position >= end:
            return


def _held_out(total: int, share: float | None, most: int) -> int:
    """How many of so many things to hold out; rounded up, as nanoGPT's tenth of a text is."""
    held = total - int(total * (1 - (VALID_SHARE if share is None else share)))
    return min(held, most) if share is None else held


def _chosen(corpus: Corpus, mask: NDArray[np.bool_]) -> Iterator[Document]:
    return (document for document, is_in in zip(corpus.documents(), mask, strict=True) if is_in)


def _joined(documents: Iterable[Document]) -> Iterator[str]:
    waiting: list[str] = []
    size = 0
    for document in documents:
        waiting.append(document.text + "\n")
        size += len(document.text)
        if size >= JOINED_CHARACTERS:
            yield "".join(waiting)
            waiting, size = [], 0
    yield "".join(waiting)


def _measured(chunks: Iterable[str], counts: TextCounts) -> Iterator[str]:
    is_inside_word = False
    for chunk in filter(None, chunks):
        _measure(chunk, counts)
        # A word that the end of a chunk cuts was counted on both sides.
        counts.words -= is_inside_word and not chunk[:1].isspace()
        is_inside_word = not chunk[-1:].isspace()
        yield chunk


def _measure(text: str, counts: TextCounts) -> None:
    counts.characters += len(text)
    counts.bytes += len(text) if text.isascii() else len(text.encode("utf-8", "surrogatepass"))
    counts.words += len(text.split()) + text.count("\n")


def _encode(tokenizer: Tokenizer, text: str, counts: TextCounts) -> Ids:
    ids = tokenizer.encode(text)
    if (ids == UNKNOWN).any():
        unknown = tokenizer.unknown_symbols(text)
        counts.unknown += sum(unknown.values())
        counts.unknown_characters += sum(len(symbol) * times for symbol, times in unknown.items())
        counts.unknown_symbols.update(unknown)
    return ids


def _label_number(document: Document, known: dict[str, int]) -> int:
    if document.label not in known:
        raise DataError(f"{document.where}: the label {document.label!r} does not exist in this model; it has {', '.join(known)}")
    return known[document.label]
