"""The data of a classifier, labelled texts: recognised, checked, read and split into two parts."""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from charnn.check.contents import Contents, Opened, Problems, Rows, few
from charnn.check.guessing import Look
from charnn.check.labelled import Examination, examine
from charnn.check.symbols import Symbols
from charnn.data.labelled import PREFIX, Example, LabelledData, hold_out, label_set
from charnn.data.settings import LabelledSettings
from charnn.data.tables.columns import find_columns, label_wanted, text_wanted
from charnn.data.tables.reading import Reading
from charnn.errors import DataError
from charnn.tasks.classifier.settings import ClassifierInputs, ClassifierSettings
from charnn.training.model import Sources

LOPSIDED = 0.8  # Fraction of one label from which there is a warning
VALIDATION_TOKENS = 300_000  # Most tokens of the quick validation while training


def _by_columns(look: Look) -> str | None:
    if look.row is None:
        return None
    try:
        text, label = find_columns(look.row, text_wanted(None), label_wanted(None))
    except DataError:
        return None
    return f"its columns {text} and {label} are a text and a label"


RECOGNISERS = {
    "kind": lambda look: "it is a table with a label column" if look.is_table and "label_column" in look.given else None,
    "columns": _by_columns,
    "lines": lambda look: f"its lines begin with {PREFIX}" if "".join(look.full[:1]).startswith(PREFIX) else None,
}


def open_data(sources: Sources, settings: ClassifierSettings, inputs: ClassifierInputs, problems: Problems) -> Opened:
    """Return the files and a function that reads them; raise DataError for missing or unreadable files."""
    how = replace(settings.data, errors="replace")
    reading = Reading(problems.add, skips=how.skip_bad_rows)
    data = LabelledData(sources.corpus, how, reading=reading)
    other = LabelledData(sources.valid, how, reading=reading) if sources.valid else None

    def read() -> Contents:
        examples, symbols = problems.all_of(data.examples()), Symbols()
        for one in examples:
            symbols.add(one.text, one.where)
        contents = Contents(lengths={"words of a text": Counter(len(one.text.split()) for one in examples)})
        if not examples:
            return contents
        with problems.caught():
            contents.rows += reading.facts()
            seed = settings.loop.seed
            parts = hold_out(examples, None, seed, data.name) if other is None else (examples, problems.all_of(other.examples()))
            _tell_labels(contents, *parts, problems)
        contents.add_symbols({"text": symbols.counts()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


def _tell_labels(contents: Contents, train: Sequence[Example], valid: Sequence[Example], problems: Problems) -> None:
    found = examine(train, valid)
    contents.rows += [*found.lines(), *_uneven_labels(found)]
    contents.facts |= {"unit": "text", "train": len(train), "valid": len(valid), "labels": found.train}
    contents.facts |= {"duplicates": vars(found.duplicates), "contradictions": found.contradictions}
    contents.facts |= {"shared": vars(found.shared), "empty": vars(found.empty)}
    label_set(found.train, found.where)
    for label, where in found.unseen.items():
        problems.add(DataError(f"{where}: training has no text with the label {label!r}; add some, or leave this one out"))


def _uneven_labels(found: Examination) -> Rows:
    (label, most), *others = found.train.items()
    fraction = most / sum(found.train.values())
    rare = few(found.train, found.where, "text", "the label")
    if fraction < LOPSIDED or not others:
        return rare
    advice = "look at macro F1 more than at accuracy; --class-weights balanced may help"
    return [("warning", f"{100 * fraction:.0f} % of the texts have the label {label!r}: {advice}"), *rare]


@dataclass(frozen=True, eq=False)
class ClassifierData:
    """Texts and the numbers of their labels, in a training and a validation part."""

    name: str
    reading: Reading
    labels: list[str]
    examination: Examination
    texts: list[str]
    numbers: NDArray[np.int64]
    valid_texts: list[str]
    valid_numbers: NDArray[np.int64]

    @classmethod
    def read(cls, sources: Sources, settings: LabelledSettings, seed: int) -> "ClassifierData":
        """Read and split the data; raise DataError where there is nothing to train or validate on."""
        data = LabelledData(sources.corpus, settings)
        train = list(data.examples())
        if sources.valid:
            valid = list(LabelledData(sources.valid, settings, reading=data.reading).examples())
        else:
            train, valid = hold_out(train, sources.valid_fraction, seed, data.name)
        found = examine(train, valid)
        labels = label_set(found.train, found.where)
        train = [one for one in train if one.text.strip()]
        for label in sorted({*labels} - {one.label for one in train}):
            raise DataError(f"{found.where[label]}: all texts of the label {label!r} are blank; give others, or leave it out")
        if not valid:
            raise DataError(f"{data.name} repeats its texts so often that none can be held out; leave some out, or give --valid FILE")
        parts = [([one.text for one in part], label_numbers(part, labels)) for part in (train, valid)]
        return cls(data.name, data.reading, labels, found, *parts[0], *parts[1])


def label_numbers(examples: Iterable[Example], labels: Sequence[str]) -> NDArray[np.int64]:
    """Return (texts,) numbers of the labels; raise DataError for one that the model does not have."""
    known = {label: number for number, label in enumerate(labels)}
    for one in examples:
        if one.label not in known:
            raise DataError(f"{one.where}: the label {one.label!r} does not exist in this model; it has {', '.join(labels)}")
    return np.array([known[one.label] for one in examples], np.int64)


def sample_of(lengths: NDArray[np.int64], seed: int) -> NDArray[np.int64]:
    """Return the numbers of texts drawn at random until they have VALIDATION_TOKENS, in order."""
    order = np.random.default_rng(seed).permutation(len(lengths))
    count = int(np.searchsorted(lengths[order].cumsum(), VALIDATION_TOKENS)) + 1
    return np.sort(order[:count])
