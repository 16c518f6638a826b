"""Subwords: pieces of words that sentencepiece learns from the corpus; every string comes back exactly.

Text is first cut into segments: a word with the one space before it, a run of other spaces, or one character that
sentencepiece would change (control characters such as newline, and those it uses itself or cannot represent: U+2581, U+2585,
surrogates). Such a character becomes its UTF-8 bytes. The other segments are encoded by sentencepiece one by one, with
identity normalisation, nothing added and nothing removed, and bytes for characters it never saw. Since the encoding of a
segment does not depend on its neighbours, a text may be encoded in parts.
"""

import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from itertools import chain
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import numpy.typing as npt

from charnn.errors import CheckpointError, DataError
from charnn.tokenizers.characters import BYTE_PIECES, ByteStream, byte_name, decode_bytes
from charnn.tokenizers.divisions import Merges, Unigram
from charnn.tokenizers.registry import LEAST_SUBWORDS, Chunks, TextStream, TokenizerSettings, lowered, saved
from charnn.tokenizers.vocabulary import END, MOST_SYMBOLS, SPECIALS, START, UNKNOWN, Ids, id_type

if TYPE_CHECKING:  # imported where it is used: it takes a tenth of a second
    from sentencepiece import SentencePieceProcessor

DEFAULT_SIZE = 2000  # Tokens in the vocabulary where no number is given
SAMPLE = 10_000_000  # Most characters that the pieces are learned from, taken evenly from the whole corpus
LONGEST_SEGMENT = 200  # Characters after which a word is cut: text without spaces, such as Chinese, is encoded in parts of this length
CACHED = 200_000  # Most segments whose ids are kept: most words occur often, and a lookup is ten times as fast as encoding
_SPACE = "\u2581"  # a space in pieces of sentencepiece
_ALTERED = "\0-\x1f\x7f\u2581\u2585\ud800-\udfff"
_SEGMENT = re.compile(f"[{_ALTERED}]| +(?= [^ {_ALTERED}])| ?[^ {_ALTERED}]{{1,{LONGEST_SEGMENT}}}| +")
_PLAIN = re.compile(f"[^{_ALTERED}]+")
_SENTENCE = 1000  # characters given to sentencepiece as one sentence

# A sentencepiece model is a list of pieces (text, score, kind), then what it was trained with, then how text is normalised:
# https://github.com/google/sentencepiece/blob/master/src/sentencepiece_model.proto
_FIRST = [("<unk>", 2), ("<s>", 3), ("</s>", 3), *((f"<0x{value:02X}>", 6) for value in range(256))]
_HEAD = b"".join(bytes([10, len(name) + 9, 10, len(name)]) + name.encode() + bytes([21, 0, 0, 0, 0, 24, kind]) for name, kind in _FIRST)
UNIGRAM = b"\x01"  # The kind of model that is no bpe
_KIND = re.compile(rb"\x12.\x18([\x01\x02])", re.DOTALL)  # unigram, bpe
_TAIL = b"\x12\x05\x18%b\x98\x02\x01" + b"\x1a\x0e\x0a\x08identity\x18\x00\x20\x00"  # the kind; bytes for what is unknown
_STRANGE = re.compile(f"[{_ALTERED} ]".replace(_SPACE, ""))
_HIGHEST_SCORE = 1e7


class SubwordTokenizer:
    """A token is a piece of a word, with the space before it if it begins one; or a byte."""

    name: ClassVar[str] = "subword"
    is_exact: ClassVar[bool] = True
    has_characters: ClassVar[bool] = False
    has_spaces: ClassVar[bool] = True
    longest: ClassVar[int] = 100

    def __init__(self, model: bytes, lowercase: bool) -> None:
        """Raise CheckpointError unless the model is one that fit() could have made."""
        self._model = model
        self._clean_model, learned, self._scores, self._kind = _read(model)
        self._pieces = [*BYTE_PIECES, *(piece.replace(_SPACE, " ").encode() for piece in learned)]
        self.size = len(self._pieces)
        self.lowercase = lowercase
        self._cache: dict[str, list[int]] = {}
        self._dividers: dict[float, Unigram | Merges] = {}  # Of the last alpha; training has one

    @cached_property
    def _processor(self) -> "SentencePieceProcessor":
        from sentencepiece import SentencePieceProcessor

        return SentencePieceProcessor(model_proto=self._clean_model)

    @classmethod
    def fit(cls, chunks: Chunks, settings: TokenizerSettings, default_size: int | None = None) -> "SubwordTokenizer":
        """Return a tokenizer learned from a sample of the text, smaller than default_size where that allows no more; raise DataError."""
        size = settings.vocabulary_size or default_size or DEFAULT_SIZE
        fraction = min(SAMPLE / max(sum(map(len, chunks())), 1), 1.0)
        sample = [lowered(piece) if settings.lowercase else piece for piece in (chunk[: int(len(chunk) * fraction)] for chunk in chunks())]
        sentences = _sentences(sample, most_characters=(size - len(SPECIALS) - 256) // 2)
        if not sentences:
            raise DataError("the corpus holds nothing that subwords could be learned from; use --tokenizer byte")
        tokenizer = cls(_train(sentences, settings.subword_model, size), settings.lowercase)
        if settings.vocabulary_size is not None and tokenizer.size < settings.vocabulary_size:
            is_usable = tokenizer.size >= LEAST_SUBWORDS
            advice = f"say --vocabulary-size {tokenizer.size} or less" if is_usable else "leave --vocabulary-size out"
            raise DataError(f"the corpus is too small for {size:,} subwords; {advice}")
        return tokenizer

    @classmethod
    def restore(cls, learned: Any, tensors: Mapping[str, npt.NDArray[Any]]) -> "SubwordTokenizer":
        """Return the tokenizer that gave learned() and tensors(). Raises CheckpointError where its sentencepiece model is damaged."""
        model = tensors.get("subword_model")
        if model is None or model.dtype != np.uint8 or model.ndim != 1:
            raise CheckpointError("the model's tokenizer is damaged: it has no sentencepiece model")
        return cls(model.tobytes(), saved(learned, "lowercase", bool))

    def learned(self) -> dict[str, Any]:
        return {"lowercase": self.lowercase}

    def tensors(self) -> dict[str, npt.NDArray[np.uint8]]:
        return {"subword_model": np.frombuffer(self._model, np.uint8)}

    def encode(self, text: str) -> Ids:
        """Return the ids of the pieces; never UNKNOWN, since any character can become bytes."""
        segments = _SEGMENT.findall(lowered(text) if self.lowercase else text)
        known = self._known(set(segments))
        return np.fromiter(chain.from_iterable(map(known.__getitem__, segments)), id_type(self.size))

    def encode_sampled(self, texts: Sequence[str], alpha: float, seed: int) -> list[Ids]:
        """Return the ids of texts in pieces sampled for every word, a function of the seed (Kudo 2018, eq. 8, over all divisions).

        alpha is the inverse temperature of a unigram model's divisions, or the fraction of merges that a bpe model leaves out.
        """
        divider, generator = self._divider(alpha), np.random.default_rng(seed)
        chances = chain.from_iterable(iter(lambda: generator.random(1 << 16).tolist(), None))

        def drawn(segment: str) -> Iterable[int]:
            if not _PLAIN.match(segment):
                return _bytes(segment)
            parts = divider.draw(segment, chances.__next__)
            return chain.from_iterable((part,) if isinstance(part, int) else _bytes(part) for part in parts)

        rows = (_SEGMENT.findall(lowered(text) if self.lowercase else text) for text in texts)
        return [np.fromiter(chain.from_iterable(map(drawn, row)), id_type(self.size)) for row in rows]

    def decode(self, ids: Sequence[int] | npt.NDArray[Any]) -> str:
        return decode_bytes(self._pieces, ids)

    def stream(self) -> TextStream:
        return ByteStream(self._pieces)

    def symbol(self, id: int) -> str:
        """Return the piece with its space, or the value of a byte that is only part of a character."""
        if id < len(SPECIALS):
            return SPECIALS[id]
        return byte_name(id - len(SPECIALS)) if id < len(BYTE_PIECES) else self._pieces[id].decode()

    def unknown_symbols(self, text: str) -> Counter[str]:
        return Counter()

    def split(self, text: str) -> tuple[str, str]:
        """Cut before the last segment, the only one that more text could change."""
        segments = _SEGMENT.findall(text)
        place = len(text) - len(segments[-1]) if segments else 0
        return text[:place], text[place:]

    def _known(self, segments: set[str]) -> Mapping[str, list[int]]:
        """Return the ids of each segment (and of others)."""
        if len(self._cache) > CACHED:
            self._cache.clear()
        new = [segment for segment in segments if segment not in self._cache]
        plain = [segment for segment in new if _PLAIN.match(segment)]
        self._cache.update(zip(plain, self._processor.encode(plain, num_threads=1), strict=True))
        for segment in new:
            if segment not in self._cache:
                self._cache[segment] = _bytes(segment)
        return self._cache

    def _divider(self, alpha: float) -> Unigram | Merges:
        """Return what draws divisions of words; it knows the words of earlier calls."""
        if alpha not in self._dividers:
            pieces = self._pieces[len(BYTE_PIECES) :]
            scores = zip((piece.decode() for piece in pieces), enumerate(self._scores, len(BYTE_PIECES)), strict=True)
            self._dividers = {alpha: (Unigram if self._kind == UNIGRAM else Merges)(dict(scores), alpha)}
        return self._dividers[alpha]


def _bytes(text: str) -> list[int]:
    """Return the ids of a text's bytes."""
    return [len(SPECIALS) + value for value in text.encode("utf-8", "surrogatepass")]


def _sentences(sample: Sequence[str], most_characters: int) -> list[str]:
    """Return the texts that sentencepiece is trained on: pieces of the sample with only its `most_characters` commonest characters."""
    counts = Counter(chain.from_iterable(chain.from_iterable(map(_PLAIN.findall, sample))))
    kept = sorted(counts, key=lambda character: (-counts[character], character))[:most_characters]
    if not kept:
        return []
    runs = re.compile(f"[{re.escape(''.join(kept))}]{{1,{_SENTENCE}}}")
    # A space must be in the vocabulary even if the text has none, to be decoded exactly.
    return [" ", *(run for piece in sample for run in runs.findall(piece))]


def _train(sentences: Iterable[str], kind: str, size: int) -> bytes:
    """Return the serialised model, smaller than the size where the sentences allow no more."""
    from sentencepiece import SentencePieceTrainer

    model = io.BytesIO()
    SentencePieceTrainer.train(
        sentence_iterator=iter(sentences),
        model_writer=model,
        model_type=kind,
        vocab_size=size,
        hard_vocab_limit=False,
        unk_id=UNKNOWN,
        bos_id=START,
        eos_id=END,
        pad_id=-1,
        normalization_rule_name="identity",
        add_dummy_prefix=False,
        remove_extra_whitespaces=False,
        allow_whitespace_only_pieces=True,
        byte_fallback=True,
        character_coverage=1.0,
        max_sentence_length=8 * _SENTENCE,
        num_threads=1,
        minloglevel=3,
    )
    return model.getvalue()


def _read(model: bytes) -> tuple[bytes, list[str], list[float], bytes]:
    """Return the model as fit() makes it, its pieces after the bytes, their scores and its kind; raise CheckpointError for any other."""
    # A foreign model could have rules that change text, or data that crash sentencepiece, which gets only checked pieces.
    pieces, scores, place = [], [], len(_HEAD)
    try:
        is_ours = model.startswith(_HEAD)
        while is_ours and model[place] == 10:
            size = model[place + 3]
            end = place + 4 + size
            is_ours = (model[place + 1], model[place + 2], model[end]) == (size + 7, 10, 21)
            pieces.append(model[place + 4 : end].decode())
            scores.append(model[end + 1 : end + 5])
            place = end + 5
        kind = _KIND.match(model, place)
        numbers = np.frombuffer(b"".join(scores), "<f4")
    except (IndexError, ValueError):
        is_ours = False
    known = {name for name, _ in _FIRST} | set(pieces)
    is_distinct = len(known) == len(_FIRST) + len(pieces) <= MOST_SYMBOLS + len(SPECIALS)
    is_usable = is_distinct and _SPACE in known and "" not in known and not _STRANGE.search("".join(pieces))
    if not is_ours or kind is None or not is_usable or not (np.abs(numbers) < _HIGHEST_SCORE).all():
        raise CheckpointError("the model's tokenizer is damaged: its sentencepiece model is not one that charnn makes")
    return model[:place] + _TAIL % kind[1], pieces, numbers.tolist(), kind[1]
