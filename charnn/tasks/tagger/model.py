"""The tagger: a tag for every token of a sentence; spans of names, parts of speech."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from numpy.typing import NDArray

from charnn.batches.texts import Speller, TextBatch, TextBatches, TextSet, text_set
from charnn.cells.rowwise import reading
from charnn.data.conll import Sentence
from charnn.data.schemes import SCHEMES, legal_transitions, spans, to_bioes
from charnn.errors import CheckpointError, DataError
from charnn.settings import shown
from charnn.tasks.encoding import READ_TEXTS, READ_TOKENS, drop_words, spelling_of, tensors_of
from charnn.tasks.tagger.network import TaggerNetwork
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tasks.weights import put_weights, weights_of, without_memory
from charnn.tokenizers.protocol import lowered
from charnn.tokenizers.vocabulary import Vocabulary, is_unicode
from charnn.training.task import Group, Loss, all_alike

MOST_TAGS = 4000
"""Tags that a tagger can tell apart: what may follow what is a table of all pairs."""


@dataclass(frozen=True)
class Tags:
    """The tags of a task: as they are, or in BIOES whatever marked the spans of the training data."""

    names: Sequence[str]
    scheme: str  # of the training data

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], scheme: str) -> "Tags":
        """Those of the sentences; of every type of span all four of BIOES. Raises DataError for too many."""
        found = {tag for tags in sentences for tag in tags}
        if scheme != "none":
            types = {tag.partition("-")[2] for tag in found if tag != "O"}
            found = {"O"} | {f"{prefix}-{kind}" for kind in types for prefix in "BIES"}
        if len(found) > MOST_TAGS:
            raise DataError(f"the data hold {len(found):,} tags, and at most {MOST_TAGS:,} can be told apart; is --tag-column right?")
        return cls(sorted(found), scheme)

    @classmethod
    def restore(cls, names: Any, scheme: Any) -> "Tags":
        """Those of a model file. Raises CheckpointError."""
        if not isinstance(names, list) or not all(isinstance(one, str) and is_unicode(one) for one in names):
            raise CheckpointError(f"the model's tags are damaged: expected a list of words, got {shown(names)}")
        if not 0 < len(names) <= MOST_TAGS or len(set(names)) < len(names):
            raise CheckpointError(f"the model's tags are damaged: {len(names):,} of them, or one stands twice")
        if scheme not in SCHEMES:
            raise CheckpointError(f"the model's tags are damaged: they mark spans by {shown(scheme)}, not by {', '.join(SCHEMES)}")
        return cls(names, scheme)

    @property
    def are_spans(self) -> bool:
        """Do they mark spans?"""
        return self.scheme != "none"

    def numbers(self, tags: Sequence[str]) -> list[int]:
        """The numbers of a sentence's tags."""
        known = {name: number for number, name in enumerate(self.names)}
        return [known[tag] for tag in (to_bioes(tags, self.scheme) if self.are_spans else tags)]


class Judged(NamedTuple):
    """What a token is given."""

    tag: str
    probability: float
    true_probability: float
    """Of the tag that it should have been given."""


class Tagger:
    """Words, characters and tags, and a network that tags."""

    name = "tagger"

    def __init__(self, settings: TaggerSettings, words: Vocabulary, speller: Speller | None, tags: Tags) -> None:
        self.settings = settings
        self.words = words
        self.speller = speller
        self.tags = tags
        torch.manual_seed(settings.loop.seed)
        after, first, last = (torch.from_numpy(part) for part in legal_transitions(tags.names))
        self.network = TaggerNetwork(
            settings.network,
            vocabulary_size=words.size,
            tags=len(tags.names),
            characters=0 if speller is None else speller.characters.size,
            legal=(after, first, last),
        )

    @classmethod
    def restore(
        cls, settings: TaggerSettings, words: Vocabulary, speller: Speller | None, tags: Tags, tensors: Mapping[str, NDArray[Any]]
    ) -> "Tagger":
        """The model of a model file; raises CheckpointError where the weights do not fit the settings."""
        with without_memory():
            model = cls(settings, words, speller, tags)
        model.take_weights(tensors)
        model.network.eval()
        return model

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError where names or shapes differ."""
        put_weights(self.network, tensors)

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""
        return {
            "words": list(self.words.symbols),
            "characters": None if self.speller is None else list(self.speller.characters.symbols),
            "tags": list(self.tags.names),
            "scheme": self.tags.scheme,
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights by name."""
        return weights_of(self.network)

    def groups(self) -> list[Group]:
        """All weights learn alike."""
        return all_alike(self.network)

    def read(self, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[int]] | None = None) -> TextSet:
        """Sentences of tokens as ids."""
        lower = self.settings.words.lowercase

        def encode(tokens: Sequence[str]) -> NDArray[Any]:
            return self.words.encode(map(lowered, tokens) if lower else tokens)

        return text_set(sentences, encode, tags=tags, speller=self.speller)

    def batches(self, texts: TextSet) -> TextBatches[TextBatch]:
        """The training batches of sentences."""
        loop = self.settings.loop
        return TextBatches(texts, batch_size=loop.batch_size, budget=loop.budget, seed=loop.seed)

    def loss(self, batch: TextBatch, carry: None) -> Loss:
        """Summed nats of a batch's sentences of tags; the count is that of the tokens."""
        scores, lengths = self._scores(batch, self.settings.words.word_dropout if self.network.training else 0.0)
        tags = torch.from_numpy(batch.tags).to(scores.device)
        return Loss(self.network.losses(scores.float(), tags, lengths).sum(), int(batch.lengths.sum()), None)

    @reading()
    def mean_loss(self, sentences: Sequence[Sentence]) -> float:
        """Nats per token of the right tags."""
        texts = self.read([one.tokens for one in sentences], [self.tags.numbers(one.tags) for one in sentences])
        losses = [self.loss(batch, None) for _, batch in texts.by_length(READ_TEXTS, READ_TOKENS)]
        return float(sum(one.total for one in losses)) / max(1, sum(one.count for one in losses))

    @reading()
    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The likeliest legal tags of each sentence: in BIOES where they mark spans."""
        found: list[list[str]] = [[] for _ in sentences]
        for numbers, batch in self.read(sentences).by_length(READ_TEXTS, READ_TOKENS):
            scores, lengths = self._scores(batch)
            for number, row, length in zip(numbers, self.network.decode(scores, lengths).tolist(), batch.lengths, strict=True):
                found[number] = [self.tags.names[tag] for tag in row[:length]]
        return found

    @reading()
    def tag_with_probabilities(self, sentences: Sequence[Sequence[str]]) -> list[list[tuple[str, float]]]:
        """As tag(), each tag with its probability."""
        found: list[list[tuple[str, float]]] = [[] for _ in sentences]
        for numbers, batch in self.read(sentences).by_length(READ_TEXTS, READ_TOKENS):
            scores, lengths = self._scores(batch)
            tags = self.network.decode(scores, lengths)  # (batch, time)
            shares = self.network.marginals(scores, lengths).gather(2, tags[..., None])[..., 0]
            for number, row, likely, length in zip(numbers, tags.tolist(), shares.tolist(), batch.lengths, strict=True):
                found[number] = [(self.tags.names[tag], share) for tag, share in zip(row[:length], likely, strict=False)]
        return found

    @reading()
    def judge(self, sentences: Sequence[Sentence]) -> list[list[Judged]]:
        """What each token is given, and how probable that and its true tag are."""
        found: list[list[Judged]] = [[] for _ in sentences]
        true = [self.tags.numbers(one.tags) for one in sentences]
        for numbers, batch in self.read([one.tokens for one in sentences], true).by_length(READ_TEXTS, READ_TOKENS):
            scores, lengths = self._scores(batch)
            given, shares = self.network.decode(scores, lengths), self.network.marginals(scores, lengths)  # (batch, time[, tags])
            right = torch.from_numpy(batch.tags).to(scores.device)
            columns = (given, *(shares.gather(2, tags[..., None])[..., 0] for tags in (given, right)))
            for number, length, *rows in zip(numbers, batch.lengths, *(one.tolist() for one in columns), strict=True):
                found[number] = [Judged(self.tags.names[tag], *two) for tag, *two in zip(*(row[:length] for row in rows), strict=True)]
        return found

    def spans(self, tags: Sequence[str]) -> set[tuple[int, int, str]]:
        """(begin, end, type) of the spans that tags in BIOES mark."""
        return set(spans(tags, "BIOES"))

    def _scores(self, batch: TextBatch, word_dropout: float = 0.0) -> tuple[torch.Tensor, torch.Tensor]:
        """(batch, time, tags) and the (batch,) lengths."""
        device = self.network.hidden_to_tags.weight.device
        tokens, lengths = tensors_of(batch, device)
        return self.network(drop_words(tokens, word_dropout), lengths, spelling_of(batch, device)), lengths


def check_tags(sentences: Sequence[Sentence], tags: Tags) -> None:
    """Raises DataError, with path:line, for a tag that training never saw."""
    for one in sentences:
        try:
            tags.numbers(one.tags)
        except KeyError as error:
            raise DataError(f"{one.where}: the tag {error} does not exist in this model; it has {', '.join(tags.names)}") from None
