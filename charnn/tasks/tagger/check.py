"""The data of a tagger, tagged sentences: recognised, checked, read and split into two parts; and its tags."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from charnn.check.contents import Contents, Finding, Opened, Problems, counted, few
from charnn.check.guessing import Look
from charnn.check.labelled import ordered, percentages, repeats_of, unseen_rows
from charnn.check.symbols import Symbols
from charnn.checkpoint.model import restored_strings
from charnn.data.conll import Sentence, TaggedData, split_sentences
from charnn.data.schemes import OUTSIDE, SCHEMES, detect_scheme, spans, to_bioes
from charnn.data.settings import CONLLU_COLUMNS, TaggedSettings
from charnn.errors import CheckpointError, DataError
from charnn.settings import shown
from charnn.tasks.tagger.settings import TaggerInputs, TaggerLossSettings, TaggerSettings
from charnn.tokenizers.registry import lowered
from charnn.training.model import Sources

KINDS = {".conll", ".conllu", ".iob", ".bio", ".bioes"}  # Extensions of files with a token per line
MOST_TAGS = 4000  # Tags of a tagger, at most: its table of legal transitions has a cell for each pair
VALIDATION_SENTENCES = 2000  # Most sentences of the quick validation while training
_TAG = re.compile(r"O|[BIES]-\S+")


def _by_lines(look: Look) -> str | None:
    is_conllu = set(look.widths) == {len(CONLLU_COLUMNS)}
    return "its lines are a token and a tag each, blank lines between sentences" if look.full and (is_conllu or _are_tagged(look)) else None


def _are_tagged(look: Look) -> bool:
    """Do all lines have the same columns of single words, the last one span tags, or are there blank lines and tabs?"""
    has_tabs = "\t" in look.full[0]
    rows = [re.split(r"\t" if has_tabs else r"[ \t]+", line.strip(" ")) for line in look.full if not line.startswith("-DOCSTART-")]
    if len({len(row) for row in rows}) != 1 or len(rows[0]) < 2 or any(" " in row[0] for row in rows):
        return False
    return all(_TAG.fullmatch(row[-1]) for row in rows) or (has_tabs and len(look.full) < len(look.lines))


RECOGNISERS = {
    "options": lambda look: look.option("tag_column", "token_column"),
    "kind": lambda look: f"{look.kind} files contain a token and its tag per line" if look.kind in KINDS else None,
    "lines": _by_lines,
}


def open_data(sources: Sources, settings: TaggerSettings, inputs: TaggerInputs, problems: Problems) -> Opened:
    """Return the files and a function that reads them; raise DataError for missing or unreadable files."""
    reading = replace(settings.data, errors="replace")
    data = TaggedData(sources.corpus, reading, problems.add)
    other = TaggedData(sources.valid, reading, problems.add) if sources.valid else None

    def read() -> Contents:
        sentences, symbols = problems.all_of(data.sentences()), Symbols()
        for one in sentences:
            symbols.add("".join(one.tokens), one.where, one.tokens)
        contents = Contents(lengths={"tokens of a sentence": Counter(len(one.tokens) for one in sentences)})
        if not sentences:
            return contents
        with problems.caught():
            seed = settings.loop.seed
            parts = split_sentences(sentences, None, seed, data.name) if other is None else (sentences, problems.all_of(other.sentences()))
            tell_tags(contents, *parts, problems)
        contents.add_symbols({"text": symbols.counts()})
        return contents

    return Opened([*data.sources, *(other.sources if other else [])], read)


def tell_tags(contents: Contents, train: Sequence[Sentence], valid: Sequence[Sentence], problems: Problems) -> None:
    """Add tags or spans, duplicates, overlap of the parts and unknown words to the contents; case is ignored in comparing tokens."""
    scheme = "none"
    with problems.caught():
        scheme = detect_scheme(train)
    first, repeats, contradictions = repeats_of((_lowered(one), one.tags, one) for one in train)
    known = {word for sentence in first for word in sentence}
    tokens, valid_tokens = (sum(len(one.tokens) for one in part) for part in (train, valid))
    unknown = sum(word not in known for one in valid for word in _lowered(one))
    tags = ordered(Counter(tag for one in train for tag in one.tags))
    types = ordered(Counter(kind for one in train for _, _, kind in spans(one.tags, scheme)))
    duplicates, others = Finding.of(repeats), Finding.of(contradictions)
    shared = Finding.of([one for one in valid if _lowered(one) in first])
    where = _first_places(train)
    kinds = {OUTSIDE, *(_kind(tag, scheme) for tag in where)}
    unseen = {tag: place for tag, place in _first_places(valid).items() if _kind(tag, scheme) not in kinds}
    parts = ((train, tokens), (valid, valid_tokens))
    sizes = [f"{counted(len(part), 'sentence', 'sentences')}, {counted(count, 'token', 'tokens')}" for part, count in parts]
    contents.rows += [
        ("training", sizes[0]),
        ("validation", f"{sizes[1]}, {100 * unknown / max(1, valid_tokens):.1f} % of them not seen in training"),
        ("tags", percentages(tags)),
        *([] if scheme == "none" else [("spans", f"{scheme}: {percentages(types)}")]),
        *duplicates.rows("duplicates", "sentence occurs", "sentences occur", " before"),
        *others.rows("warning", "sentence occurs", "sentences occur", " before with other tags"),
        *shared.rows("warning", "sentence occurs", "sentences occur", " in both splits"),
        *unseen_rows("tag", unseen),
    ]
    if scheme == "none":
        contents.rows += few(tags, where, "token", "the tag")
    else:
        places = {tag.partition("-")[2]: place for tag, place in reversed(where.items())}
        contents.rows += few(types, places, "span", "the type")
    contents.facts |= {"unit": "sentence", "train": len(train), "valid": len(valid), "tokens": tokens, "valid_tokens": valid_tokens}
    contents.facts |= {"unknown": unknown, "scheme": scheme, "tags": tags, "spans": types}
    contents.facts |= {"duplicates": vars(duplicates), "contradictions": vars(others), "shared": vars(shared)}
    for tag, place in unseen.items():
        problems.add(DataError(f"{place}: training has no sentence with the tag {tag!r}; add some, or leave this one out"))


def _first_places(sentences: Sequence[Sentence]) -> dict[str, str]:
    """Return path:line of the first sentence that has each tag."""
    where: dict[str, str] = {}
    for one in sentences:
        for tag in one.tags:
            where.setdefault(tag, one.where)
    return where


def _kind(tag: str, scheme: str) -> str:
    """Return what training must contain for the tag to be known: the type of its span, or the tag itself."""
    return tag if scheme == "none" or tag == OUTSIDE else tag.partition("-")[2]


def _lowered(sentence: Sentence) -> tuple[str, ...]:
    return tuple(map(lowered, sentence.tokens))


@dataclass(frozen=True)
class Tags:
    """The names of all tags, as in the training data, or in BIOES where they mark spans."""

    names: Sequence[str]
    scheme: str  # Of the training data

    @classmethod
    def of(cls, sentences: Iterable[Sequence[str]], scheme: str) -> "Tags":
        """Return the tags of sentences, for each type of span all four of BIOES; raise DataError for too many."""
        found = {tag for tags in sentences for tag in tags}
        if scheme != "none":
            types = {tag.partition("-")[2] for tag in found if tag != OUTSIDE}
            found = {OUTSIDE} | {f"{prefix}-{kind}" for kind in types for prefix in "BIES"}
        if len(found) > MOST_TAGS:
            raise DataError(f"the data contain {len(found):,} tags, and at most {MOST_TAGS:,} are possible; is --tag-column right?")
        return cls(sorted(found), scheme)

    @classmethod
    def restore(cls, names: Any, scheme: Any) -> "Tags":
        """Return the tags of a model file; raise CheckpointError."""
        names = restored_strings(names, "tags", least=1)
        if len(names) > MOST_TAGS:
            raise CheckpointError(f"the model's tags are damaged: {len(names):,} of them, where at most {MOST_TAGS:,} are possible")
        if scheme not in SCHEMES:
            raise CheckpointError(f"the model's tags are damaged: they mark spans by {shown(scheme)}, not by {', '.join(SCHEMES)}")
        return cls(names, scheme)

    @property
    def are_spans(self) -> bool:
        """Do they mark spans?"""
        return self.scheme != "none"

    @cached_property
    def ids(self) -> dict[str, int]:
        """Return the number of each tag."""
        return {name: number for number, name in enumerate(self.names)}

    def read(self, sentence: Sentence) -> Sequence[str]:
        """Return the tags of a sentence, spans in BIOES; raise DataError, with path:line, for a tag that the model does not have."""
        found = to_bioes(sentence.tags, self.scheme) if self.are_spans else sentence.tags
        for tag, own in zip(sentence.tags, found, strict=True):
            if own not in self.ids:
                raise DataError(f"{sentence.where}: the tag {tag!r} does not exist in this model; it has {', '.join(self.names)}")
        return found

    def numbers(self, sentences: Iterable[Sentence]) -> list[list[int]]:
        """Return the numbers of the tags of each sentence; raise DataError as read() does."""
        return [[self.ids[tag] for tag in self.read(one)] for one in sentences]


@dataclass(frozen=True)
class TaggerData:
    """Sentences in a training and a validation part, and the tags of the training part."""

    name: str
    train: list[Sentence]
    valid: list[Sentence]
    tags: Tags

    @classmethod
    def read(cls, sources: Sources, settings: TaggedSettings, seed: int) -> "TaggerData":
        """Read and split the data; raise DataError for errors in them."""
        data = TaggedData(sources.corpus, settings)
        train, valid = list(data.sentences()), list(TaggedData(sources.valid, settings).sentences()) if sources.valid else []
        if not sources.valid:
            train, valid = split_sentences(train, sources.valid_fraction, seed, data.name)
        tags = Tags.of((one.tags for one in train), detect_scheme(train))
        tags.numbers(valid)  # Raises for a tag that training lacks
        return cls(data.name, train, valid, tags)

    def sample(self, seed: int) -> list[Sentence]:
        """Return at most VALIDATION_SENTENCES validation sentences, drawn by the seed, for the quick validations during training."""
        order = np.random.default_rng(seed).permutation(len(self.valid))[:VALIDATION_SENTENCES]
        return [self.valid[number] for number in order]

    def facts(self) -> list[tuple[str, str]]:
        """Return rows with the sentences and tags in words."""
        counts = Counter(tag for one in self.train for tag in one.tags)
        total = counts.total()
        kinds = f"{len(counts)} tags" + (f", spans in {self.tags.scheme}" if self.tags.are_spans else "")
        return [
            ("training", f"{len(self.train):,} sentences, {total:,} tokens"),
            ("validation", f"{len(self.valid):,} sentences, {sum(len(one.tokens) for one in self.valid):,} tokens"),
            ("tags", f"{kinds}: {', '.join(f'{tag} {100 * count / total:.1f} %' for tag, count in counts.most_common(5))} ..."),
        ]


def known_as(tokens: Sequence[str], settings: TaggerLossSettings) -> Iterable[str]:
    """Return tokens as the vocabulary contains them."""
    return map(lowered, tokens) if settings.lowercase else tokens
