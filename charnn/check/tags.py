"""What to know of tagged sentences before training on them: tags, repeats, overlap of the parts, unknown words."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from charnn.check.findings import Finding, counted
from charnn.check.labelled import ordered, shares
from charnn.data.conll import Sentence
from charnn.data.schemes import OUTSIDE, spans
from charnn.tokenizers.protocol import lowered


@dataclass(frozen=True)
class TagExamination:
    """What a training part and a validation part hold."""

    sentences: int
    """Training sentences ..."""
    valid: int
    """... and validation sentences ..."""
    tokens: int
    """... and the tokens of either part."""
    valid_tokens: int
    scheme: str
    """How the tags of training mark spans: one of SCHEMES."""
    tags: Mapping[str, int]
    """Training tokens per tag, the most frequent first."""
    spans: Mapping[str, int]
    """Training spans per type, the most frequent first; none where tags mark no spans."""
    where: Mapping[str, str]
    """path:line of the first sentence that has each tag."""
    duplicates: Finding
    """Training sentences that stood before, but for case ..."""
    contradictions: Finding
    """... and those of them whose tags are not those of the first."""
    shared: Finding
    """Validation sentences that stand in training too."""
    unseen: Mapping[str, str]
    """Tags of the validation part whose type of span, or which themselves, training lacks; and path:line of the first of each."""
    unknown: int
    """Validation tokens that training lacks, but for case."""

    def lines(self) -> list[tuple[str, str]]:
        """(name, value) rows to print: sentences, tags or spans, unknown words, duplicates, warnings."""
        rows = [
            ("training", f"{counted(self.sentences, 'sentence', 'sentences')}, {counted(self.tokens, 'token', 'tokens')}"),
            ("validation", self._validation()),
            ("tags", shares(self.tags)),
        ]
        if self.scheme != "none":
            rows.append(("spans", f"{self.scheme}: {shares(self.spans)}"))
        if self.duplicates.count:
            stand = counted(self.duplicates.count, "sentence stands", "sentences stand")
            rows.append(("duplicates", f"{stand} there before, for example {self.duplicates.where}"))
        return rows + [("warning", text) for text in self._warnings()]

    def _validation(self) -> str:
        sizes = f"{counted(self.valid, 'sentence', 'sentences')}, {counted(self.valid_tokens, 'token', 'tokens')}"
        return f"{sizes}, {100 * self.unknown / max(1, self.valid_tokens):.1f} % of them not seen in training"

    def _warnings(self) -> Iterator[str]:
        if self.contradictions.count:
            stand = counted(self.contradictions.count, "sentence stands", "sentences stand")
            yield f"{stand} there before with other tags, for example {self.contradictions.where}"
        if self.shared.count:
            yield f"{counted(self.shared.count, 'sentence stands', 'sentences stand')} in both splits, for example {self.shared.where}"
        for tag, where in self.unseen.items():
            yield f"training never saw the tag {tag!r} of the validation part, for example {where}"


def examine_tags(train: Sequence[Sentence], valid: Sequence[Sentence], scheme: str) -> TagExamination:
    """Reads each part once, given the scheme that detect_scheme found in the training part."""
    where: dict[str, str] = {}
    first: dict[tuple[str, ...], tuple[str, ...]] = {}
    repeats: list[Sentence] = []
    other: list[Sentence] = []
    for one in train:
        for tag in one.tags:
            where.setdefault(tag, one.where)
        tokens = _folded(one)
        if tokens not in first:
            first[tokens] = one.tags
            continue
        repeats.append(one)
        if first[tokens] != one.tags:
            other.append(one)
    known = {word for sentence in first for word in sentence}
    shared = [one for one in valid if _folded(one) in first]
    kinds = {OUTSIDE, *(_kind(tag, scheme) for tag in where)}
    unseen: dict[str, str] = {}
    for one in valid:
        for tag in one.tags:
            if _kind(tag, scheme) not in kinds:
                unseen.setdefault(tag, one.where)
    return TagExamination(
        sentences=len(train),
        valid=len(valid),
        tokens=sum(len(one.tokens) for one in train),
        valid_tokens=sum(len(one.tokens) for one in valid),
        scheme=scheme,
        tags=ordered(Counter(tag for one in train for tag in one.tags)),
        spans=ordered(Counter(kind for one in train for _, _, kind in spans(one.tags, scheme))),
        where=where,
        duplicates=_finding(repeats),
        contradictions=_finding(other),
        shared=_finding(shared),
        unseen=unseen,
        unknown=sum(word not in known for one in valid for word in _folded(one)),
    )


def _kind(tag: str, scheme: str) -> str:
    """What a tagger has to have seen to know the tag: the type of its span, or the tag itself."""
    return tag if scheme == "none" or tag == OUTSIDE else tag.partition("-")[2]


def _folded(sentence: Sentence) -> tuple[str, ...]:
    return tuple(map(lowered, sentence.tokens))


def _finding(sentences: Sequence[Sentence]) -> Finding:
    return Finding(len(sentences), sentences[0].where if sentences else None)
