"""The tagger: a tag for every token of a sentence; spans of names, parts of speech."""

import math
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

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
from charnn.tasks.tensors import READ_TEXTS, READ_TOKENS, drop_words, put_weights, spelling_of, tensors_of, weights_of, without_memory
from charnn.tasks.views import Verdicts, Worst, blocks
from charnn.tokenizers.splitting import PATTERNS, Division, Piece, division_of, split_tokens
from charnn.tokenizers.vocabulary import UNKNOWN, Vocabulary
from charnn.training.model import Group, Loss, Score, Sources, all_alike

LEAST = 1e-38  # a smaller probability is taken for this one: zero has no logarithm

Answers: TypeAlias = list[list[tuple[Any, ...]]]
"""For each sentence a tuple for each token: the number of its tag, then perhaps probabilities."""

Columns: TypeAlias = tuple[Tensor, ...]  # the same for a batch: (batch, time) each

Ask: TypeAlias = Callable[[TextBatch, Tensor, Tensor], Columns]  # finds them in (batch, time, tags) scores and (batch,) lengths


class TaggerNetwork(nn.Module):
    """Embedding, encoder, scores, and what chooses a sequence by them (Huang et al. 2015; Lample et al. 2016)."""

    def __init__(
        self, settings: TaggerNetworkSettings, *, vocabulary_size: int, tags: int, characters: int = 0, legal: Legal | None = None
    ) -> None:
        super().__init__()
        self.embedding = TokenEmbedding(settings.encoder, vocabulary_size=vocabulary_size, characters=characters)
        self.encoder = Encoder(settings.encoder.input_size, settings.encoder)
        self.hidden_to_tags = Linear(settings.encoder.output_size, tags)
        self.output = TAG_OUTPUTS[settings.output](tags, legal)

    def forward(self, tokens: Tensor, lengths: Tensor, spelling: Spelling | None = None) -> Tensor:
        """(batch, time) ids and (batch,) -> (batch, time, tags) scores; those behind a sentence's end mean nothing."""
        scores: Tensor = self.hidden_to_tags(self.encoder(self.embedding(tokens, spelling), lengths))
        return scores

    def losses(self, scores: Tensor, tags: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) and (batch, time) ids -> (batch,) nats of the whole sentences."""
        return self.output.losses(scores, tags, within(lengths, scores.shape[1]))

    def decode(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) -> (batch, time) ids of the best legal sequence, 0 behind its end."""
        return self.output.decode(scores, within(lengths, scores.shape[1]))

    def marginals(self, scores: Tensor, lengths: Tensor) -> Tensor:
        """(batch, time, tags) -> the same shape: the probability of each tag at each token, 0 behind the end."""
        return self.output.marginals(scores, within(lengths, scores.shape[1]))


class Judged(NamedTuple):
    """The tag that a token is given, its probability, and that of the true tag."""

    tag: str
    probability: float
    true_probability: float


class Tagger:
    """Words, characters and tags, and a network that tags: untrained, in training or trained."""

    task = "tagger"
    loss_unit, rate_unit, rate = "nats/token", "tokens", 1.0
    title: str
    data: TaggerData
    division: Division
    starts: list[tuple[str, str]]
    train_set: TextSet
    batches: TextBatches[TextBatch]
    quick: list[Sentence]
    quick_set: TextSet

    def __init__(self, settings: TaggerSettings, words: Vocabulary, speller: Speller | None, tags: Tags) -> None:
        self.name, self.settings = "model", settings
        self.words, self.speller, self.tags = words, speller, tags
        self.word_split = "unicode"  # how raw text is divided into tokens
        torch.manual_seed(settings.loop.seed)
        after, first, last = (torch.from_numpy(part) for part in legal_transitions(tags.names))
        sizes = {"vocabulary_size": words.size, "tags": len(tags.names), "characters": 0 if speller is None else speller.characters.size}
        self.network = TaggerNetwork(settings.network, **sizes, legal=(after, first, last))

    @classmethod
    def prepare(cls, sources: Sources, settings: TaggerSettings, inputs: TaggerInputs | None = None) -> "Tagger":
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        data = TaggerData.read(sources, settings.data, settings.loop.seed)
        sentences = [one.tokens for one in data.train]
        has_characters = settings.network.encoder.word_characters
        speller = Speller.fit(token for tokens in sentences for token in tokens) if has_characters else None
        model = cls(settings, data.vocabulary(settings.words), speller, data.tags)
        model.division = division_of(sentences)
        model.word_split = settings.words.word_split or model.division.word_split
        model.starts = Start(vectors=(inputs or TaggerInputs()).vectors).fill_words(model.network, model.words)
        model.data, model.title, loop = data, f"A tagger of {data.name}", settings.loop
        model.train_set, model.quick = model.read_tagged(data.train), data.sample(loop.seed)
        model.batches = TextBatches(model.train_set, batch_size=loop.batch_size, budget=loop.budget, seed=loop.seed)
        model.quick_set = model.read_tagged(model.quick)
        return model

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Tagger":
        """Return the model of a model file; raise CheckpointError or SettingError for contents that make no model."""
        settings, learned = TaggerSettings.from_plain(saved.settings), saved.learned
        tags = Tags.restore(learned.get("tags"), learned.get("scheme"))
        speller = None if learned.get("characters") is None else Speller.restore(learned["characters"])
        if (speller is not None) != settings.network.encoder.word_characters:
            raise CheckpointError("the model is damaged: its characters do not fit its settings")
        words = Vocabulary.restore(learned.get("words"))
        with without_memory():
            model = cls(settings, words, speller, tags)
        # A file that holds none was written when there was one way.
        model.word_split = learned.get("word_split", "punctuation")
        if model.word_split not in tuple(PATTERNS):
            raise CheckpointError(f"the model is damaged: it has no way to divide text named {shown(model.word_split)}")
        model.name = name
        put_weights(model.network, saved.tensors)
        model.network.eval()
        return model

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {
            "words": list(self.words.symbols),
            "characters": None if self.speller is None else list(self.speller.characters.symbols),
            "tags": list(self.tags.names),
            "scheme": self.tags.scheme,
            "word_split": self.word_split,
        }

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name."""
        return weights_of(self.network)

    def groups(self) -> list[Group]:
        """Return all weights, which learn alike."""
        return all_alike(self.network)

    def read(self, sentences: Sequence[Sequence[str]], tags: Sequence[Sequence[int]] | None = None) -> TextSet:
        """Return sentences of tokens as ids."""

        def encode(tokens: Sequence[str]) -> NDArray[Any]:
            return self.words.encode(known_as(tokens, self.settings.words))

        return text_set(sentences, encode, tags=tags, speller=self.speller)

    def read_tagged(self, sentences: Sequence[Sentence]) -> TextSet:
        """Return sentences as ids with the numbers of their tags; raise DataError for a tag that the model does not have."""
        return self.read([one.tokens for one in sentences], self.tags.numbers(sentences))

    def loss(self, batch: TextBatch, carry: None) -> Loss:
        """Return the summed nats of the tags of a batch's sentences, and the number of tokens."""
        return self._loss(batch, *self._scores(batch, self.settings.words.word_dropout if self.network.training else 0.0))

    def training_data(self) -> list[Any]:
        """Return all that was read before training."""
        return [[(one.tokens, one.tags) for one in part] for part in (self.data.train, self.data.valid)]

    def validate(self) -> Score:
        """Return nats per token on some of the validation sentences; the model to keep has the most right tags or spans."""
        losses: list[Loss] = []

        def ask(batch: TextBatch, scores: Tensor, lengths: Tensor) -> Columns:
            losses.append(self._loss(batch, scores, lengths))
            return self._tags(batch, scores, lengths)

        metrics = self._metrics(self.quick, self._answers(self.quick_set, ask), resamples=0)
        name = "span_f1" if self.are_spans else "token_accuracy"
        mean = float(sum(one.total for one in losses)) / max(1, sum(one.count for one in losses))
        return Score(mean, {name.replace("_", " "): metrics[name]}, 1 - metrics[name])

    def finish(self) -> dict[str, Any]:
        """Return the metrics of the validation sentences."""
        return self.measured(self.data.valid)

    def facts(self) -> list[tuple[str, str]]:
        """Return sentences, tags, vocabulary and network in words, a name and a value each."""
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
        """Return commands that tag and measure."""
        return [f'charnn predict {folder} "Some text."', f"charnn evaluate {folder} FILE"]

    def example(self, saved: SavedModel, seed: int) -> str | None:
        """Return nothing: the tags of known words tell little."""
        return None

    @property
    def are_spans(self) -> bool:
        """Do the tags mark spans?"""
        return self.tags.are_spans

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """Return the likeliest legal tags of sentences that are divided into tokens already; spans in BIO."""
        found = self._named(self._answers(self.read(sentences), self._tags))
        return [to_bio(tags) for tags in found] if self.are_spans else found

    def tag_with_probabilities(self, sentences: Sequence[Sequence[str]]) -> list[list[tuple[str, float]]]:
        """Return the likeliest legal tags of sentences, each with its probability; spans in BIOES."""
        found = self._answers(self.read(sentences), self._tags_and_probabilities)
        return [[(self.tags.names[tag], probability) for tag, probability in row] for row in found]

    def judge(self, sentences: Sequence[Sentence]) -> list[list[Judged]]:
        """Return for each token the tag it is given, and how probable that and the true one are; raise DataError for an unknown one."""
        found = self._answers(self.read_tagged(sentences), self._tags_and_probabilities)
        return [[Judged(self.tags.names[tag], *both) for tag, *both in row] for row in found]

    def spans(self, tags: Sequence[str]) -> set[tuple[int, int, str]]:
        """Return (begin, end, type) of the spans that tags in BIOES mark."""
        return set(spans(tags, "BIOES"))

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """Return for each text `spans` (text, type, begin, end, probability), or `tags` (token, tag, begin, end, probability).

        begin and end count characters of the text, end exclusive; a span is as likely as its least likely token.
        """
        pieces = [split_tokens(text, self.word_split) for text in texts]
        found = self.tag_with_probabilities([[piece.text for piece in row] for row in pieces])
        return [self._placed(*row) for row in zip(texts, pieces, found, strict=True)]

    def tagged(self, paths: Sequence[str | Path], tag_column: str | None = None) -> TaggedData:
        """Return tagged files, read as the training data were, but for the tag_column where it is given."""
        return TaggedData(paths, self.settings.data if tag_column is None else replace(self.settings.data, tag_column=tag_column))

    def evaluate(self, paths: Sequence[str | Path], *, tag_column: str | None = None) -> dict[str, Any]:
        """Return metrics on tagged files, read as the training data were, but for the tag_column; raise DataError."""
        sentences = list(self.tagged(paths, tag_column).sentences())
        return {"examples": len(sentences), **self.measured(sentences)}

    def errors(self, paths: Sequence[str | Path], top: int, *, tag_column: str | None = None) -> Worst:
        """Return the tokens whose tag was least probable, and what each tag costs; raise DataError."""
        worst = Worst(top, kind="tag")
        for block in blocks(self.tagged(paths, tag_column).sentences()):
            for one, row in zip(block, self.judge(block), strict=True):
                for place, (tag, given) in enumerate(zip(self.tags.read(one), row, strict=True)):
                    loss = -math.log(max(given.true_probability, LEAST))
                    if worst.takes(loss, worst.seen):
                        facts = {"true": tag, "found": given.tag, "probability": given.probability, "where": one.where}
                        before, after = (" ".join(part) for part in (one.tokens[:place], one.tokens[place + 1 :]))
                        facts |= {"number": place + 1, "before": before, "token": one.tokens[place], "after": after}
                        worst.keep(loss, worst.seen, facts)
                    worst.add(tag, loss)
        return worst

    def verdicts(self, paths: Sequence[str | Path], *, tag_column: str | None = None) -> Verdicts:
        """Return the tags of tokens beside the true ones, of spans their types, O last; raise DataError.

        An answer is right if the whole tag is, which marks where a span begins and ends.
        """
        sentences = list(self.tagged(paths, tag_column).sentences())
        true = [tag for one in sentences for tag in self.tags.read(one)]
        found = [pair for row in self.tag_with_probabilities([one.tokens for one in sentences]) for pair in row]
        kinds = {tag: (tag.partition("-")[2] or tag) if self.are_spans else tag for tag in self.tags.names}
        labels = sorted({*kinds.values()}, key=lambda kind: (kind == OUTSIDE and self.are_spans, kind))
        numbers = {tag: labels.index(kind) for tag, kind in kinds.items()}
        truth, given = (np.array([numbers[tag] for tag in tags], np.int64) for tags in (true, [tag for tag, _ in found]))
        is_right = np.array([tag == right for (tag, _), right in zip(found, true, strict=True)])
        return Verdicts("tokens", labels, truth, given, np.array([probability for _, probability in found]), is_right)

    def measured(self, sentences: Sequence[Sentence]) -> dict[str, Any]:
        """Return the metrics of spans, where tags mark them, and of tokens; raise DataError for a tag that the model does not have."""
        return self._metrics(sentences, self._answers(self.read_tagged(sentences), self._tags))

    def _metrics(self, sentences: Sequence[Sentence], answers: Answers, resamples: int = 1000) -> dict[str, Any]:
        parts = [self.tags.read(one) for one in sentences], self._named(answers)
        marked = ([self.spans(tags) for tags in part] for part in parts)
        return token_metrics(*parts, resamples=resamples) | (span_metrics(*marked, resamples=resamples) if self.are_spans else {})

    def _named(self, answers: Answers) -> list[list[str]]:
        return [[self.tags.names[tag] for tag, *_ in row] for row in answers]

    @reading()
    def _answers(self, texts: TextSet, ask: Ask) -> Answers:
        """Return for each sentence, token by token, what `ask` finds in a batch, its (batch, time, tags) scores and (batch,) lengths."""
        self.network.eval()
        found: Answers = [[] for _ in range(len(texts))]
        for numbers, batch in by_length(texts, READ_TEXTS, READ_TOKENS):
            columns = ask(batch, *self._scores(batch))
            for number, length, *rows in zip(numbers, batch.lengths, *(one.tolist() for one in columns), strict=True):
                found[number] = list(zip(*(row[:length] for row in rows), strict=True))
        return found

    def _tags(self, batch: TextBatch, scores: Tensor, lengths: Tensor) -> Columns:
        return (self.network.decode(scores, lengths),)

    def _tags_and_probabilities(self, batch: TextBatch, scores: Tensor, lengths: Tensor) -> Columns:
        """Return the tags given, their probabilities and, where a batch has tags, the probabilities of these."""
        given, marginals = self.network.decode(scores, lengths), self.network.marginals(scores, lengths)  # (batch, time[, tags])
        asked = [given] if batch.tags is None else [given, torch.from_numpy(batch.tags).to(scores.device)]
        return given, *(marginals.gather(2, tags[..., None])[..., 0] for tags in asked)

    def _scores(self, batch: TextBatch, word_dropout: float = 0.0) -> tuple[Tensor, Tensor]:
        """Return (batch, time, tags) scores and (batch,) lengths."""
        device = self.network.hidden_to_tags.weight.device
        tokens, lengths = tensors_of(batch, device)
        return self.network(drop_words(tokens, word_dropout), lengths, spelling_of(batch, device)), lengths

    def _loss(self, batch: TextBatch, scores: Tensor, lengths: Tensor) -> Loss:
        tags = torch.from_numpy(batch.tags).to(scores.device)
        return Loss(self.network.losses(scores.float(), tags, lengths).sum(), int(batch.lengths.sum()), None)

    def _placed(self, text: str, pieces: Sequence[Piece], tags: Sequence[tuple[str, float]]) -> dict[str, Any]:
        if not self.are_spans:
            rows = zip(pieces, tags, strict=True)
            return {"tags": [{"token": one.text, "tag": tag, **_place(one, one), "probability": chance} for one, (tag, chance) in rows]}
        found = []
        for begin, end, kind in sorted(self.spans([tag for tag, _ in tags])):
            place = _place(pieces[begin], pieces[end - 1])
            least = min(probability for _, probability in tags[begin:end])
            found.append({"text": text[place["begin"] : place["end"]], "type": kind, **place, "probability": least})
        return {"spans": found}


def _place(first: Piece, last: Piece) -> dict[str, int]:
    return {"begin": first.begin, "end": last.end}
