"""A trained tagger: it tags raw text and sentences of tokens, and is evaluated."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from charnn.batches.texts import Speller
from charnn.checkpoint.model import SavedModel
from charnn.data.conll import Sentence, TaggedData
from charnn.data.schemes import to_bio
from charnn.errors import CheckpointError
from charnn.metrics.tagging import span_metrics, token_metrics
from charnn.tasks.tagger.model import Tagger, Tags, check_tags
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tokenizers.splitting import Piece, split_tokens
from charnn.tokenizers.vocabulary import Vocabulary


class TrainedTagger:
    """Tags of tokens, or spans with their places in a text."""

    task = "tagger"

    def __init__(self, saved: SavedModel, name: str = "model") -> None:
        """Raises CheckpointError or SettingError for a file whose contents make no model."""
        self.saved = saved
        self.name = name
        self.settings = TaggerSettings.from_plain(saved.settings)
        learned = saved.learned
        tags = Tags.restore(learned.get("tags"), learned.get("scheme"))
        speller = None if learned.get("characters") is None else Speller.restore(learned["characters"])
        if (speller is not None) != self.settings.network.encoder.word_characters:
            raise CheckpointError("the model is damaged: its characters do not fit its settings")
        self.model = Tagger.restore(self.settings, Vocabulary.restore(learned.get("words")), speller, tags, saved.tensors)

    @property
    def are_spans(self) -> bool:
        """Do the tags mark spans?"""
        return self.model.tags.are_spans

    def tag(self, sentences: Sequence[Sequence[str]]) -> list[list[str]]:
        """The tags of sentences that are divided into tokens already; spans in BIO."""
        found = self.model.tag(sentences)
        return [to_bio(tags) for tags in found] if self.are_spans else found

    def predict(self, texts: Sequence[str]) -> list[dict[str, Any]]:
        """For each text its `spans` (text, type, begin, end, probability), or its `tags` (token, tag, begin, end, probability).

        begin and end count characters of the text, end exclusive; a span is as likely as its least likely token.
        """
        pieces = [split_tokens(text) for text in texts]
        found = self.model.tag_with_probabilities([[piece.text for piece in row] for row in pieces])
        answer = self._spans if self.are_spans else self._tags
        return [answer(*parts) for parts in zip(texts, pieces, found, strict=True)]

    def evaluate(self, paths: Sequence[str | Path], *, tag_column: str | None = None) -> dict[str, Any]:
        """Metrics on tagged files, read as the training data were, but for the tag_column where it is given. Raises DataError."""
        settings = self.settings.data if tag_column is None else replace(self.settings.data, tag_column=tag_column)
        sentences = list(TaggedData(paths, settings).sentences())
        check_tags(sentences, self.model.tags)
        return {"examples": len(sentences), **evaluate(self.model, sentences)}

    def _spans(self, text: str, pieces: list[Piece], tags: list[tuple[str, float]]) -> dict[str, Any]:
        found = []
        for begin, end, kind in sorted(self.model.spans([tag for tag, _ in tags])):
            first, last = pieces[begin].begin, pieces[end - 1].end
            least = min(share for _, share in tags[begin:end])
            found.append({"text": text[first:last], "type": kind, "begin": first, "end": last, "probability": least})
        return {"spans": found}

    def _tags(self, text: str, pieces: list[Piece], tags: list[tuple[str, float]]) -> dict[str, Any]:
        rows = zip(pieces, tags, strict=True)
        return {
            "tags": [
                {"token": piece.text, "tag": tag, "begin": piece.begin, "end": piece.end, "probability": share}
                for piece, (tag, share) in rows
            ]
        }


def evaluate(model: Tagger, sentences: Sequence[Sentence], resamples: int = 1000) -> dict[str, Any]:
    """Span F1 by the rules of conlleval where tags mark spans, and the accuracy of tokens."""
    found = model.tag([one.tokens for one in sentences])
    true = [[model.tags.names[number] for number in model.tags.numbers(one.tags)] for one in sentences]
    metrics: dict[str, Any] = token_metrics(true, found, resamples=resamples)
    if not model.tags.are_spans:
        return metrics
    spans = span_metrics([model.spans(tags) for tags in true], [model.spans(tags) for tags in found], resamples=resamples)
    return {**metrics, **spans}
