"""What a classifier or tagger says of data beside what is true: the confusion of labels, and how right it is when it is how sure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from charnn.data.conll import TaggedData
from charnn.data.labelled import LabelledData
from charnn.metrics.classification import confusion_counts
from charnn.tasks.classifier.model import label_numbers
from charnn.tasks.tagger.model import check_tags


@dataclass(frozen=True, eq=False)
class Verdicts:
    """Answers beside the truth."""

    what: str
    """That was answered: texts, tokens."""
    labels: Sequence[str]
    truth: NDArray[np.int64]
    given: NDArray[np.int64]
    """(answers,) numbers of labels."""
    confidence: NDArray[np.float64]
    """(answers,) the probability of what was given."""
    is_right: NDArray[np.bool_]

    @property
    def confusion(self) -> NDArray[np.int64]:
        """(labels, labels) counts: a row for each true label, a column for each given one."""
        return confusion_counts(self.truth, self.given, len(self.labels))


def classifier_verdicts(trained: Any, paths: Sequence[str], **columns: str) -> Verdicts:
    """Labels of texts, by the model that ships; columns as in its `evaluate`. Raises DataError."""
    examples = list(LabelledData(paths, replace(trained.settings.data, **columns)).examples())
    truth = label_numbers(examples, trained.labels)
    shares = np.exp(trained.log_probabilities([one.text for one in examples]))
    given = shares.argmax(axis=1)
    return Verdicts("texts", trained.labels, truth, given, shares.max(axis=1), given == truth)


def tagger_verdicts(trained: Any, paths: Sequence[str], **columns: str) -> Verdicts:
    """Tags of tokens; where they mark spans, their types, of which O is none. Raises DataError.

    An answer is right if the tag is, which also says where a span begins and ends.
    """
    sentences = list(TaggedData(paths, replace(trained.settings.data, **columns)).sentences())
    model = trained.model
    check_tags(sentences, model.tags)
    true = [model.tags.names[number] for one in sentences for number in model.tags.numbers(one.tags)]
    found = [pair for row in model.tag_with_probabilities([one.tokens for one in sentences]) for pair in row]
    kinds = [tag.partition("-")[2] or tag if model.tags.are_spans else tag for tag in model.tags.names]
    labels = sorted(set(kinds), key=lambda kind: (kind == "O" and model.tags.are_spans, kind))
    number_of = {tag: labels.index(kind) for tag, kind in zip(model.tags.names, kinds, strict=True)}
    truth, given = (np.array([number_of[tag] for tag in tags], np.int64) for tags in (true, [tag for tag, _ in found]))
    is_right = np.array([tag == right for (tag, _), right in zip(found, true, strict=True)])
    return Verdicts("tokens", labels, truth, given, np.array([share for _, share in found]), is_right)


VERDICTS: dict[str, Callable[..., Verdicts]] = {"classifier": classifier_verdicts, "tagger": tagger_verdicts}
"""What asks a model of each task."""
