"""The corpus of a language model: split and tokenized; and excerpts of a text in their context."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

from charnn.data.corpus import Corpus
from charnn.data.settings import CorpusSettings
from charnn.data.tokenized import Part, TokenizedText, scratch_folder, split_corpus, take, tokenize, whole
from charnn.errors import DataError, SettingError
from charnn.tokenizers.registry import Tokenizer
from charnn.training.model import Sources


@dataclass(frozen=True, eq=False)
class LanguageModelData:
    """A training and a validation part of a corpus, before and after tokenizing."""

    corpus: Corpus
    train: Part
    valid: Part
    held_out: str  # The origin of the validation part, in words

    @classmethod
    def read(cls, sources: Sources, settings: CorpusSettings, seed: int) -> "LanguageModelData":
        """Split a corpus; raise DataError for missing files or too little text."""
        corpus = Corpus(sources.corpus, settings)
        if sources.valid:
            train, valid = whole(corpus), whole(Corpus(sources.valid, settings, reading=corpus.reading))
            held_out = f"from {', '.join(Path(str(path)).name for path in sources.valid)}"
        else:
            train, valid = split_corpus(corpus, sources.valid_fraction, seed)
            held_out = f"documents drawn by seed {seed}" if corpus.is_documents else "the end of the corpus"
        if not any(train.chunks()):
            raise DataError(f"{corpus.name} contains too little text to train on; give more")
        return cls(corpus, train, valid, held_out)

    def tokenized(self, tokenizer: Tokenizer, labels: Sequence[str]) -> tuple[TokenizedText, TokenizedText]:
        """Return both parts as token ids in unnamed temporary files; raise DataError for a validation part without text."""
        scratch = scratch_folder()
        train, valid = tokenize(tokenizer, self.train, labels, scratch), tokenize(tokenizer, self.valid, labels, scratch)
        if len(valid.ids) < 2:
            raise DataError(f"{self.corpus.name} leaves no text for validation; give more text, a larger --valid-fraction or --valid FILE")
        return train, valid


def tail_of(corpus: Corpus, fraction: float) -> Part:
    """Return the last fraction of a running text; raise SettingError for documents."""
    if corpus.is_documents:
        raise SettingError("tail", "is for running text, and this model was trained on documents; leave it out")
    cut = tail_begin(corpus, fraction)
    return Part(lambda: take(corpus.chunks(), cut, None), None)


def tail_begin(corpus: Corpus, fraction: float) -> int:
    """Return the characters before the last fraction of a running text."""
    return int(sum(map(len, corpus.chunks())) * (1 - fraction))


class Excerpt(NamedTuple):
    """A part of a text in its context."""

    where: str  # path:line of its begin, as far as that is known
    before: str
    text: str
    after: str


def excerpts(parts: Sequence[tuple[int, int]], pieces: Iterable[tuple[str, str]], before: int, after: int) -> list[Excerpt]:
    """Return each (place, length) of a text with `before` and `after` characters around it; pieces: (text, path:line), read once."""
    spans = [(max(0, place - before), place + length + after) for place, length in parts]
    texts, places = ["" for _ in parts], ["" for _ in parts]
    waiting, position = set(range(len(parts))), 0
    for text, where in pieces:
        if not waiting:
            break
        end = position + len(text)
        for number in [one for one in waiting if spans[one][0] < end]:
            first, last = spans[number]
            texts[number] += text[max(0, first - position) : max(0, last - position)]
            if position <= parts[number][0] < end:
                places[number] = where
            if last <= end:
                waiting.remove(number)
        position = end
    rows = zip(places, texts, parts, spans, strict=True)
    return [Excerpt(where, *divided(text, place - first, length)) for where, text, (place, length), (first, _) in rows]


def divided(text: str, begin: int, length: int) -> tuple[str, str, str]:
    """Return what comes before a part, the part, and what comes after it."""
    return text[:begin], text[begin : begin + length], text[begin + length :]
