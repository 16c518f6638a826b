"""The tagger: a tag for every token of a sentence, such as parts of speech or spans of names."""

import math
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from charnn.batches.texts import Speller, TextBatch, TextBatches, TextSet, by_length, text_set
from charnn.cells.rowwise import Linear, reading
from charnn.checkpoint.model import SavedModel
from charnn.data.conll import Sentence, TaggedData
from charnn.data.schemes import OUTSIDE, legal_transitions, spans, to_bio
from charnn.errors import CheckpointError
from charnn.layers.encoder import Encoder, Spelling, TokenEmbedding, within
from charnn.layers.output import TAG_OUTPUTS, Legal
from charnn.metrics.classification import span_metrics, token_metrics
from charnn.settings import shown
from charnn.tasks.start import Start
from charnn.tasks.tagger import report
from charnn.tasks.tagger.check import TaggerData, Tags, known_as
from charnn.tasks.tagger.settings import TaggerInputs, TaggerNetworkSettings, TaggerSettings
from charnn.tasks.tensors import READ_TEXTS, READ_TOKENS, drop_words, loaded, spelling_of, tensors_of, weights_of
from charnn.tasks.views import Predictions, Worst, blocks, no_example
from charnn.tokenizers.splitting import PATTERNS, Piece, division_of, split_tokens
from charnn.tokenizers.vocabulary import UNKNOWN, Vocabulary
from charnn.training.model import Group, Loss, Score, Sources, all_alike

LEAST = 1e-38  # Replaces smaller probabilities, as zero has no logarithm

Answers: TypeAlias = list[list[tuple[Any, ...]]]
"""For each sentence a tuple for each token: its tag, then perhaps probabilities."""

Columns: TypeAlias = tuple[Tensor, ...]  # The same for a batch, with numbers of tags: (batch, time) each
Ask: TypeAlias = Callable[[TextBatch, Tensor, Tensor], Columns]  # A batch, (batch, time, tags) scores and a (batch, time) mask -> columns


class TaggerNetwork(nn.Module):
    """Embedding, encoder, scores, and an output that chooses a sequence of tags (Huang et al. 2015; Lample et al. 2016)."""

    def __init__(
        self, settings: TaggerNetworkSettings, *, vocabulary_size: int, tags: int, characters: int = 0, legal: Legal | None = None
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(settings.encoder, vocabulary_size=vocabulary_size, characters=characters)
        self.encoder = Encoder(settings.encoder.input_size, settings.encoder)
        self.hidden_to_tags = Linear(settings.encoder.output_size, tags)
        self.output = TAG_OUTPUTS[settings.output](tags, legal)

    def forward(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, time, tags) scores; those of padding mean nothing."""
        scores: Tensor = self.hidden_to_tags(self.encoder(self.embedding(tokens, spelling), lengths))
        return scores


class Tagger:
    """Words, characters and tags, and a network that tags: untrained, in training or trained."""

    task, loss_unit, rate_unit, rate = "tagger", "nats/token", "tokens", 1.0
    example = staticmethod(no_example)

    def __init__(self, settings: TaggerSettings, words: Vocabulary, speller: Speller | None, tags: Tags) -> None:
        self.name, self.settings = "model", settings
        self.words, self.speller, self.tags = words, speller, tags
        self.starts: list[tuple[str, str]] = []  # The source of initial weights, in words
        self.word_split = "unicode"  # How raw text is split into tokens
        torch.manual_seed(settings.loop.seed)
        after, first, last = (torch.from_numpy(part) for part in legal_transitions(tags.names))
        sizes = {"vocabulary_size": words.size, "tags": len(tags.names), "characters": 0 if speller is None else speller.characters.size}
        self.network = TaggerNetwork(settings.network, **sizes, legal=(after, first, last))

    @classmethod
    def prepare(cls, sources: Sources, settings: TaggerSettings, inputs: TaggerInputs | None = None) -> "Tagger":
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        data = TaggerData.read(sources, settings.data, settings.loop.seed)
        has_characters = settings.network.encoder.word_characters
        speller = Speller.fit(token for one in data.train for token in one.tokens) if has_characters else None
        counts = Counter(word for one in data.train for word in known_as(one.tokens, settings.words))
        model = cls(settings, Vocabulary.fit(counts, min_count=settings.words.min_count), speller, data.tags)
        model.starts = Start(vectors=(inputs or TaggerInputs()).vectors).fill(model.network, model.words.symbols)
        model._take(data)
        return model

    def _take(self, data: TaggerData) -> None:
        """Make the batches to train on and the sentences to validate on."""
        self.data, self.title, loop = data, f"A tagger of {data.name}", self.settings.loop
        self.division = division_of([one.tokens for one in data.train])
        self.word_split = self.settings.words.word_split or self.division.word_split
        self.train_set, self.quick = self.read_tagged(data.train), data.sample(loop.seed)
        self.batches = TextBatches[TextBatch](self.train_set, batch_size=loop.batch_size, budget=loop.budget, seed=loop.seed)
        self.quick_set = self.read_tagged(self.quick)

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Tagger":
        """Return the model of a model file; raise CheckpointError or SettingError for damaged contents."""
        settings, learned = TaggerSettings.from_plain(saved.settings), saved.learned
        tags = Tags.restore(learned.get("tags"), learned.get("scheme"))
        speller = None if learned.get("characters") is None else Speller.restore(learned["characters"])
        if (speller is not None) != settings.network.encoder.word_characters:
            raise CheckpointError("the model is damaged: its characters do not fit its settings")
        words = Vocabulary.restore(learned.get("words"))
        model = loaded(lambda: cls(settings, words, speller, tags), name, saved.tensors)
        # Files without one were written when there was only one way.
        model.word_split = learned.get("word_split", "punctuation")
        if model.word_split not in tuple(PATTERNS):
            raise CheckpointError(f"the model is damaged: it has no way to divide text named {shown(model.word_split)}")
        return model

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        vocabularies = {"words": list(self.words.symbols), "characters": self.speller and list(self.speller.characters.symbols)}
        return {**vocabularies, "tags": list(self.tags.names), "scheme": self.tags.scheme, "word_split": self.word_split}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name."""
        return weights_of(self.network)

    def groups(self) -> list[Group]:
        """Return all weights as one group."""
        return all_alike(self.network)

    def read(self, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[int]] | None = None) -> TextSet:
        """Return the ids of sentences of tokens."""
        how = self.settings.words
        return text_set(sentences, lambda tokens: self.words.encode(known_as(tokens, how)), tags=tags, speller=self.speller)

    def read_tagged(self, sentences: Sequence[Sentence]) -> TextSet:
        """Return the ids and the numbers of the tags of sentences; raise DataError for a tag that the model does not have."""
        return self.read([one.tokens for one in sentences], self.tags.numbers(sentences))

    def loss(self, batch: TextBatch, carry: None) -> Loss:
        """Return the summed nats of the tags of a batch's sentences, and the number of tokens."""
        return self._loss(batch, *self._scores(batch, self.settings.words.word_dropout if self.network.training else 0.0))

    def training_data(self) -> list[Any]:
        """Return all that was read before training."""
        return [[(one.tokens, one.tags) for one in part] for part in (self.data.train, self.data.valid)]

    def validate(self) -> Score:
        """Return nats per token on some of the validation sentences, and an error by which the model with the best tags is kept."""
        losses: list[Loss] = []

        def ask(batch: TextBatch, scores: Tensor, mask: Tensor) -> Columns:
            losses.append(self._loss(batch, scores, mask))
            return self._tags(batch, scores, mask)

        metrics = self._metrics(self.quick, self._answers(self.quick_set, ask), resamples=0)
        name = "span_f1" if self.tags.are_spans else "token_accuracy"
        mean = float(sum(one.total for one in losses)) / max(1, sum(one.count for one in losses))
        return Score(mean, {name.replace("_", " "): metrics[name]}, 1 - metrics[name])

    def finish(self) -> dict[str, Any]:
        """Return the metrics of the validation sentences."""
        return self.measured(self.data.valid)

    def facts(self) -> list[tuple[str, str]]:
        """Return rows with the sentences, tags, vocabulary and network in words."""
        ids = self.train_set.ids
        unknown = 100 * int((ids == UNKNOWN).sum()) / len(ids)
        return [
            *self.data.facts(),
            ("vocabulary", f"{self.words.size:,} words, {unknown:.1f} % of the training tokens unknown"),
            *([] if self.settings.words.word_split else self.division.describe()),
            *self.starts,
            ("network", f"{self.settings.network.encoder.words()}, {self.settings.network.output}"),
        ]

    def table(self, results: dict[str, Any]) -> list[str]:
        """Return the results of the validation part in Markdown."""
        return report.validation_table(results, len(self.data.valid))

    def commands(self, folder: Path) -> list[str]:
        """Return commands that tag and evaluate."""
        return [f'charnn predict {folder} "Some text."', f"charnn evaluate {folder} FILE"]

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the likeliest legal tags of sentences of tokens; spans in BIO."""
        found = _tags_of(self._answers(self.read(sentences), self._tags))
        return [to_bio(tags) for tags in found] if self.tags.are_spans else found

    def tag_with_probabilities(self, sentences: Sequence[Sequence[str]]) -> list[list[tuple[str, float]]]:
        """Return the likeliest legal tags of sentences of tokens, each with its probability; spans in BIOES."""
        return self._answers(self.read(sentences), self._tags_and_probabilities)

    def judge(self, sentences: Sequence[Sentence]) -> list[list[tuple[str, float, float]]]:
        """Return for each token its predicted tag, the tag's probability, and that of the true tag; raise DataError for an unknown tag."""
        return self._answers(self.read_tagged(sentences), self._tags_and_probabilities)

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return for each text `spans` (text, type, begin, end, probability), or `tags` (token, tag, begin, end, probability).

        begin and end count characters of the text, end exclusive; a span's probability is the least of its tokens'.
        """
        pieces = [split_tokens(text, self.word_split) for text in texts]
        found = self.tag_with_probabilities([[piece.text for piece in row] for row in pieces])
        return [self._placed(*row) for row in zip(texts, pieces, found, strict=True)]

    def tagged(self, paths: Sequence[str | Path], **columns: str | None) -> TaggedData:
        """Return tagged files, read as the training data were, except for the columns that are given."""
        return TaggedData(paths, replace(self.settings.data, **{name: one for name, one in columns.items() if one is not None}))

    def evaluate(self, paths: Sequence[str | Path], **columns: str | None) -> dict[str, Any]:
        """Return metrics on tagged files, read as the training data were; raise DataError.

        columns: token_column, tag_column, where they differ from those of the training data.
        """
        sentences = list(self.tagged(paths, **columns).sentences())
        return {"examples": len(sentences), **self.measured(sentences)}

    def errors(self, paths: Sequence[str | Path], top: int, **columns: str | None) -> Worst:
        """Return the tokens whose true tag was least probable, and the loss of each tag; raise DataError."""
        worst = Worst(top, kind="tag")
        for block in blocks(self.tagged(paths, **columns).sentences()):
            for one, row in zip(block, self.judge(block), strict=True):
                for place, (tag, (found, probability, true)) in enumerate(zip(self.tags.read(one), row, strict=True)):
                    loss = -math.log(max(true, LEAST))
                    if loss >= worst.bar:
                        before, after = (" ".join(part) for part in (one.tokens[:place], one.tokens[place + 1 :]))
                        facts = {"true": tag, "found": found, "probability": probability, "where": one.where, "number": place + 1}
                        worst.keep(loss, worst.seen, facts | {"before": before, "token": one.tokens[place], "after": after})
                    worst.add(tag, loss)
        return worst

    def predictions(self, paths: Sequence[str | Path], **columns: str | None) -> Predictions:
        """Return the predicted tags of tokens beside the true ones, of spans the types, right where the whole tag is; raise DataError."""
        sentences = list(self.tagged(paths, **columns).sentences())
        true = [tag for one in sentences for tag in self.tags.read(one)]
        found = [pair for row in self.tag_with_probabilities([one.tokens for one in sentences]) for pair in row]
        kinds = {tag: (tag.partition("-")[2] or tag) if self.tags.are_spans else tag for tag in self.tags.names}
        labels = sorted({*kinds.values()}, key=lambda kind: (kind == OUTSIDE and self.tags.are_spans, kind))
        numbers = {tag: labels.index(kind) for tag, kind in kinds.items()}
        truth, given = (np.array([numbers[tag] for tag in tags], np.int64) for tags in (true, [tag for tag, _ in found]))
        is_right = np.array([tag == right for (tag, _), right in zip(found, true, strict=True)])
        return Predictions("tokens", labels, truth, given, np.array([probability for _, probability in found]), is_right)

    def measured(self, sentences: Sequence[Sentence]) -> dict[str, Any]:
        """Return the metrics of spans, where tags mark them, and of tokens; raise DataError for a tag that the model does not have."""
        return self._metrics(sentences, self._answers(self.read_tagged(sentences), self._tags))

    def _metrics(self, sentences: Sequence[Sentence], answers: Answers, resamples: int = 1000) -> dict[str, Any]:
        parts = [self.tags.read(one) for one in sentences], _tags_of(answers)
        marked = ([set(spans(tags, "BIOES")) for tags in part] for part in parts)
        return token_metrics(*parts, resamples=resamples) | (span_metrics(*marked, resamples=resamples) if self.tags.are_spans else {})

    @reading()
    def _answers(self, texts: TextSet, ask: Ask) -> Answers:
        """Return for each sentence the rows of its tokens, from the columns that `ask` returns for each batch."""
        self.network.eval()
        found: Answers = [[] for _ in range(len(texts))]
        for numbers, batch in by_length(texts, READ_TEXTS, READ_TOKENS):
            columns = ask(batch, *self._scores(batch))
            for number, length, *rows in zip(numbers, batch.lengths, *(one.tolist() for one in columns), strict=True):
                found[number] = [(self.tags.names[tag], *others) for tag, *others in zip(*(row[:length] for row in rows), strict=True)]
        return found

    def _tags(self, batch: TextBatch, scores: Tensor, mask: Tensor) -> Columns:
        return (self.network.output.decode(scores, mask),)

    def _tags_and_probabilities(self, batch: TextBatch, scores: Tensor, mask: Tensor) -> Columns:
        """Return the predicted tags, their probabilities and, where a batch has true tags, the probabilities of these."""
        output = self.network.output
        given, marginals = output.decode(scores, mask), output.marginals(scores, mask)  # (batch, time[, tags])
        asked = [given] if batch.tags is None else [given, torch.from_numpy(batch.tags).to(scores.device)]
        return given, *(marginals.gather(2, tags[..., None])[..., 0] for tags in asked)

    def _scores(self, batch: TextBatch, word_dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return (batch, time, tags) scores and the (batch, time) mask of tokens."""
        device = self.network.hidden_to_tags.weight.device
        tokens, lengths = tensors_of(batch, device)
        scores = self.network(drop_words(tokens, word_dropout), lengths, spelling_of(batch, device))
        return scores, within(lengths, tokens.shape[1])

    def _loss(self, batch: TextBatch, scores: Tensor, mask: Tensor) -> Loss:
        tags = torch.from_numpy(batch.tags).to(scores.device)
        return Loss(self.network.output.losses(scores.float(), tags, mask).sum(), int(batch.lengths.sum()), None)

    def _placed(self, text: str, pieces: Sequence[Piece], tags: Sequence[tuple[str, float]]) -> dict[str, Any]:
        if not self.tags.are_spans:
            rows = zip(pieces, tags, strict=True)
            return {"tags": [{"token": one.text, "tag": tag, **_place(one, one), "probability": chance} for one, (tag, chance) in rows]}
        found = []
        for begin, end, kind in sorted(spans([tag for tag, _ in tags], "BIOES")):
            place = _place(pieces[begin], pieces[end - 1])
            least = min(probability for _, probability in tags[begin:end])
            found.append({"text": text[place["begin"] : place["end"]], "type": kind, **place, "probability": least})
        return {"spans": found}


def _tags_of(answers: Answers) -> list[list[str]]:
    return [[tag for tag, *_ in row] for row in answers]


def _place(first: Piece, last: Piece) -> dict[str, int]:
    return {"begin": first.begin, "end": last.end}
