"""A corpus as token ids, memory-mapped from disk so that it takes no memory; its counts; its split into training and validation."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import compress
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
    """The token ids of a text in an unlinked temporary file, whose disk space is free again when the process ends."""

    def __init__(self, ids: Ids, digest: str) -> None:
        self.ids = ids  # (token,) uint8, uint16 or uint32 by the size of the vocabulary; read-only
        self.digest = digest  # Type and SHA-256 of the bytes, computed while writing: reading them again would need all in memory

    @classmethod
    def write(cls, arrays: Iterable[npt.NDArray[np.integer[Any]]], size: int, folder: Path) -> "TokenStore":
        """Write the joined arrays of ids below size to the disk of the folder. Raises StorageError where that fails."""
        kind, digest, length = id_type(size), hashlib.sha256(), 0
        try:
            with tempfile.TemporaryFile(dir=folder, buffering=1 << 20) as file:
                for array in arrays:
                    data = array.astype(kind, copy=False).tobytes()
                    digest.update(data)
                    length += file.write(data)
                file.flush()
                # An empty file cannot be mapped.
                ids = np.memmap(file, kind, mode="r") if length else np.empty(0, kind)
        except OSError as error:
            raise StorageError(f"cannot keep the token ids in {folder}: {error.strerror or error}; free some space there") from error
        ids.flags.writeable = False
        return cls(ids, f"{kind} {digest.hexdigest()}")


def scratch_folder() -> Path:
    """Return a folder for token files during a run: on a disk rather than in memory, with free space."""
    choices = [os.environ.get("TMPDIR"), "/var/tmp", tempfile.gettempdir()]  # noqa: S108
    usable = [Path(one) for one in choices if one and os.access(one, os.W_OK)]
    return max(usable, key=lambda one: (shutil.disk_usage(one).free > 1 << 32, -usable.index(one)))


VALID_FRACTION, MOST_CHARACTERS, MOST_DOCUMENTS = 0.1, 1_000_000, 20_000
"""The default validation part: this fraction, and at most so much of a running text or of documents."""

JOINED_CHARACTERS = 1 << 20  # Documents are joined to texts of about this size for a tokenizer to learn from


@dataclass
class TextCounts:
    """The length of a text in every unit of a loss. The end of a line, or of a document, counts as a word."""

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
    store: TokenStore  # keeps the file of the ids open


@dataclass(frozen=True)
class Part:
    """A corpus or one part of its split, which can be read several times and is never kept in memory."""

    texts: Chunks | None  # running text in pieces,
    documents: Callable[[], Iterable[Document]] | None  # or documents

    def chunks(self) -> Iterable[str]:
        """Return the text in pieces, with a newline after each document, for a tokenizer to learn from."""
        if self.documents is not None:
            return _joined(self.documents())
        assert self.texts is not None
        return self.texts()


def opening(tokenizer: Tokenizer) -> int:
    """Return the token before the first of a running text, which is its only context: a newline, or the start symbol."""
    newline = tokenizer.encode("\n")
    return int(newline[0]) if len(newline) == 1 and newline[0] != UNKNOWN else START


def tokenize_text(tokenizer: Tokenizer, chunks: Iterable[str], folder: Path) -> TokenizedText:
    """Encode running text piece by piece, into a file in the folder."""
    counts = TextCounts()

    def arrays() -> Iterator[Ids]:
        yield np.array([opening(tokenizer)], np.uint32)
        for piece in cut_chunks(tokenizer.split, _measured(chunks, counts)):
            yield _encode(tokenizer, piece, counts)

    store = TokenStore.write(arrays(), tokenizer.size, folder)
    return TokenizedText(store.ids, counts, None, None, store)


def tokenize_documents(tokenizer: Tokenizer, documents: Iterable[Document], labels: Sequence[str], folder: Path) -> TokenizedText:
    """Encode documents, each between a start and an end symbol, into a file in the folder; raise DataError for an unknown label."""
    counts, lengths, numbers = TextCounts(), [0], []
    known = {label: number for number, label in enumerate(labels)}

    def arrays() -> Iterator[Ids]:
        for document in documents:
            _measure(document.text + "\n", counts)  # The end of a document has a loss, so it counts.
            ids = np.concatenate([[START], _encode(tokenizer, document.text, counts), [END]])
            lengths.append(len(ids))
            if labels:
                numbers.append(_label_number(document, known))
            yield ids

    store = TokenStore.write(arrays(), tokenizer.size, folder)
    starts = np.cumsum(lengths, dtype=np.int64)
    return TokenizedText(store.ids, counts, starts, np.asarray(numbers, np.int64) if labels else None, store)


def whole(corpus: Corpus) -> Part:
    """Return all of a corpus as one part."""
    return Part(None, corpus.documents) if corpus.is_documents else Part(corpus.chunks, None)


def split_corpus(corpus: Corpus, fraction: float | None, seed: int) -> tuple[Part, Part]:
    """Return training and validation part: the last fraction of a running text, or a random one of documents, by default a tenth.

    The default is at most a million characters or 20,000 documents, which is enough to compare models.
    """
    if corpus.is_documents:  # in random order, since they are often sorted by label, length or date
        total = sum(1 for _ in corpus.documents())
        is_valid = np.zeros(total, bool)
        is_valid[np.random.default_rng(seed).permutation(total)[: _held_out(total, fraction, MOST_DOCUMENTS)]] = True
        return Part(None, lambda: compress(corpus.documents(), ~is_valid)), Part(None, lambda: compress(corpus.documents(), is_valid))
    total = sum(map(len, corpus.chunks()))
    cut = total - _held_out(total, fraction, MOST_CHARACTERS)
    return Part(lambda: take(corpus.chunks(), 0, cut), None), Part(lambda: take(corpus.chunks(), cut, None), None)


def tokenize(tokenizer: Tokenizer, part: Part, labels: Sequence[str], folder: Path) -> TokenizedText:
    """Encode a part of a corpus into a file in the folder; raise DataError for a label the model does not have."""
    if part.documents is not None:
        return tokenize_documents(tokenizer, part.documents(), labels, folder)
    return tokenize_text(tokenizer, part.chunks(), folder)


def learned_from(train: TokenizedText, valid: TokenizedText, learned: Any, tensors: Any) -> list[Any]:
    """Return what a language model knows before training, for fingerprint(): the texts, and what was learned from them."""
    return [[[text.store.digest, text.starts, text.labels] for text in (train, valid)], learned, tensors]


def take(chunks: Iterable[str], begin: int, end: int | None) -> Iterator[str]:
    """Yield the characters from begin to end of a text given in pieces."""
    position = 0
    for chunk in chunks:
        piece = chunk[max(0, begin - position) : None if end is None else max(0, end - position)]
        position += len(chunk)
        if piece:
            yield piece
        if end is not None and position >= end:
            return


def _held_out(total: int, fraction: float | None, most: int) -> int:
    """Return the size of the validation part; rounded up, as nanoGPT's tenth of a text is."""
    size = total - int(total * (1 - (VALID_FRACTION if fraction is None else fraction)))
    return min(size, most) if fraction is None else size


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
        # A word that is cut by the end of a chunk was counted on both sides.
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
