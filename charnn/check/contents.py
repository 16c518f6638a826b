"""What files hold for each task: read to the end whatever is wrong with them, examined, and summed up."""

from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple, TypeVar

from charnn.check.corpus import examine_corpus
from charnn.check.findings import counted
from charnn.check.labelled import Examination, examine
from charnn.check.pairs import examine_pairs
from charnn.check.symbols import SymbolCounts, Symbols
from charnn.check.tags import TagExamination, examine_tags
from charnn.data.conll import Sentence, TaggedData, TaggedSettings, split_sentences
from charnn.data.corpus import Corpus, CorpusSettings
from charnn.data.labelled import Example, LabelledData, LabelledSettings, hold_out, label_set
from charnn.data.pairs import Pair, PairData, PairFiles, PairSettings, settings_for
from charnn.data.pairs import hold_out as hold_out_pairs
from charnn.data.readers import Source
from charnn.data.schemes import detect_scheme
from charnn.errors import DataError

T = TypeVar("T")

TOLD = 5
"""Problems that are told one by one."""

FEW = 10
"""Examples of a label below which it is told that there are few."""

LOPSIDED = 0.8
"""Share of one label from which it is told."""


class Problems:
    """What training would refuse, the first of it in words."""

    def __init__(self) -> None:
        self.count = 0
        self.told: list[str] = []

    def add(self, error: DataError) -> None:
        """One more."""
        self.count += 1
        if len(self.told) < TOLD:
            self.told.append(str(error))

    @contextmanager
    def caught(self) -> Iterator[None]:
        """Adds the error that ends what is done meanwhile."""
        try:
            yield
        except DataError as error:
            self.add(error)

    def all_of(self, items: Iterator[T]) -> list[T]:
        """The items, up to an error."""
        found: list[T] = []
        with self.caught():
            found.extend(items)
        return found


@dataclass
class Contents:
    """What was found, as rows to print and as facts for JSON."""

    rows: list[tuple[str, str]] = field(default_factory=list)
    facts: dict[str, Any] = field(default_factory=dict)
    lengths: dict[str, Mapping[int, int]] = field(default_factory=dict)
    """How many texts have so many words, under `words of a text`; and the like."""

    def tell(self, symbols: Mapping[str, SymbolCounts]) -> None:
        """Adds the symbols of each side."""
        self.rows += [row for side, one in symbols.items() for row in one.lines(side if len(symbols) > 1 else "")]
        self.rows += [("warning", text) for one in symbols.values() for text in one.warnings()]
        self.facts["symbols"] = {side: one.facts() for side, one in symbols.items()}


class Opened(NamedTuple):
    """Files that are there, and what reads what they hold."""

    sources: list[Source]
    read: Callable[[], Contents]


def open_corpus(files: PairFiles, valid: PairFiles | None, settings: CorpusSettings, seed: int, problems: Problems) -> Opened:
    """For a language model. Raises DataError for what is missing or unreadable."""
    settings = replace(settings, errors="replace")
    parts = [one.tables for one in (files, valid) if one is not None]
    corpora = [Corpus(part, settings, lambda _: None) for part in parts]

    def read() -> Contents:
        contents = Contents()
        with problems.caught():
            # An examination reads rows several times, and a bad one is to be told once.
            for part in parts if settings.is_table else []:
                deque(Corpus(part, settings, problems.add).documents(), maxlen=0)
            found = examine_corpus(corpora[0], corpora[1] if valid is not None else None, seed)
            contents.rows = found.lines()
            contents.facts = {
                **{name: getattr(found, name) for name in ("unit", "train", "valid", "characters", "labels")},
                **{name: {**vars(getattr(found, name)), "one_in": found.one_in} for name in ("duplicates", "shared")},
            }
            contents.lengths[f"characters of a {found.unit}"] = found.lengths
            contents.tell({"text": found.symbols})
        return contents

    return Opened([source for corpus in corpora for source in corpus.sources], read)


def open_labelled(files: PairFiles, valid: PairFiles | None, settings: LabelledSettings, seed: int, problems: Problems) -> Opened:
    """For a classifier. Raises DataError for what is missing or unreadable."""
    settings = replace(settings, errors="replace")
    data = LabelledData(files.tables, settings, problems.add)
    other = None if valid is None else LabelledData(valid.tables, settings, problems.add)

    def read() -> Contents:
        examples, symbols = problems.all_of(data.examples()), Symbols()
        for one in examples:
            symbols.add(one.text, one.where)
        contents = Contents(lengths={"words of a text": Counter(len(one.text.split()) for one in examples)})
        if not examples:
            return contents
        with problems.caught():
            parts = hold_out(examples, None, seed, data.name) if other is None else (examples, problems.all_of(other.examples()))
            _tell_labels(contents, *parts, problems)
        contents.tell({"text": symbols.counts()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


def open_tagged(files: PairFiles, valid: PairFiles | None, settings: TaggedSettings, seed: int, problems: Problems) -> Opened:
    """For a tagger. Raises DataError for what is missing or unreadable."""
    settings = replace(settings, errors="replace")
    data = TaggedData(files.tables, settings, problems.add)
    other = None if valid is None else TaggedData(valid.tables, settings, problems.add)

    def read() -> Contents:
        sentences, symbols = problems.all_of(data.sentences()), Symbols()
        for one in sentences:
            symbols.add("".join(one.tokens), one.where, one.tokens)
        contents = Contents(lengths={"tokens of a sentence": Counter(len(one.tokens) for one in sentences)})
        if not sentences:
            return contents
        with problems.caught():
            parts = split_sentences(sentences, None, seed, data.name) if other is None else (sentences, problems.all_of(other.sentences()))
            _tell_tags(contents, *parts, problems)
        contents.tell({"text": symbols.counts()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


def open_pairs(files: PairFiles, valid: PairFiles | None, settings: PairSettings, seed: int, problems: Problems) -> Opened:
    """For a translator. Raises DataError for what is missing or unreadable, SettingError for what contradicts itself."""
    settings = replace(settings, errors="replace")
    data = PairData(files, settings, problems.add)
    other = None if valid is None else PairData(valid, settings_for(valid, settings), problems.add)

    def read() -> Contents:
        pairs, symbols = problems.all_of(data.pairs()), {"source": Symbols(), "target": Symbols()}
        contents = Contents()
        if not pairs:
            return contents
        for side, one in symbols.items():
            texts = [getattr(pair, side) for pair in pairs]
            for text, pair in zip(texts, pairs, strict=True):
                one.add(text, pair.where)
            contents.lengths[f"words of a {side}"] = Counter(len(text.split()) for text in texts)
        with problems.caught():
            parts = hold_out_pairs(pairs, None, seed) if other is None else (pairs, problems.all_of(other.pairs()))
            _tell_pairs(contents, *parts)
        contents.tell({side: one.counts() for side, one in symbols.items()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


OPEN: dict[str, Callable[..., Opened]] = {"lm": open_corpus, "classifier": open_labelled, "tagger": open_tagged, "translator": open_pairs}
"""What opens the files of each task."""


def _tell_labels(contents: Contents, train: Sequence[Example], valid: Sequence[Example], problems: Problems) -> None:
    found = examine(train, valid)
    contents.rows += [*found.lines(), *(("warning", text) for text in _uneven_labels(found))]
    contents.facts |= {
        "unit": "text",
        "train": len(train),
        "valid": len(valid),
        "labels": found.train,
        "duplicates": {"count": found.duplicates, "where": found.duplicate_where},
        "contradictions": found.contradictions,
        "shared": {"count": found.shared, "where": found.shared_where},
        "empty": {"count": found.empty, "where": found.empty_where},
    }
    label_set(found.train, found.where)
    for label, where in found.unseen.items():
        problems.add(DataError(f"{where}: training has no text with the label {label!r}; add some, or leave this one out"))


def _tell_tags(contents: Contents, train: Sequence[Sentence], valid: Sequence[Sentence], problems: Problems) -> None:
    scheme = "none"
    with problems.caught():
        scheme = detect_scheme(train)
    found = examine_tags(train, valid, scheme)
    contents.rows += [*found.lines(), *(("warning", text) for text in _few_tags(found))]
    names = ("tokens", "valid_tokens", "unknown", "scheme", "tags", "spans")
    contents.facts |= {"unit": "sentence", "train": found.sentences, "valid": found.valid}
    contents.facts |= {name: getattr(found, name) for name in names}
    contents.facts |= {name: vars(getattr(found, name)) for name in ("duplicates", "contradictions", "shared")}
    for tag, where in found.unseen.items():
        problems.add(DataError(f"{where}: training has no sentence with the tag {tag!r}; add some, or leave this one out"))


def _tell_pairs(contents: Contents, train: Sequence[Pair], valid: Sequence[Pair]) -> None:
    found = examine_pairs(train, valid)
    contents.rows += found.lines()
    contents.facts |= {"unit": "pair", "train": found.pairs, "valid": found.valid}
    names = ("duplicates", "ambiguous", "shared", "shared_sources", "empty", "outliers")
    contents.facts |= {name: vars(getattr(found, name)) for name in names}


def _uneven_labels(found: Examination) -> Iterator[str]:
    label, most = next(iter(found.train.items()))
    share = most / sum(found.train.values())
    if share >= LOPSIDED and len(found.train) > 1:
        advice = "look at macro F1 more than at accuracy; --class-weights balanced may help"
        yield f"{100 * share:.0f} % of the texts have the label {label!r}: {advice}"
    yield from _few(found.train, found.where, "text", "the label")


def _few_tags(found: TagExamination) -> Iterator[str]:
    if found.scheme == "none":
        return _few(found.tags, found.where, "token", "the tag")
    where = {tag.partition("-")[2]: place for tag, place in reversed(list(found.where.items()))}
    return _few(found.spans, where, "span", "the type")


def _few(counts: Mapping[str, int], where: Mapping[str, str], unit: str, what: str) -> Iterator[str]:
    rare = [(name, count) for name, count in counts.items() if count < FEW]
    if rare:
        name, count = rare[-1]
        others = f" ({counted(len(rare) - 1, 'other has', 'others have')} fewer than {FEW} too)" if rare[1:] else ""
        yield f"{what} {name!r} has only {counted(count, unit, f'{unit}s')}{others}, first at {where[name]}"
