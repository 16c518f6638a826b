"""Tags that mark spans: IOB1, BIO and BIOES detected, converted to each other, and read as spans."""

import re
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from charnn.data.conll import Sentence
from charnn.errors import DataError

SCHEMES = ("IOB1", "BIO", "BIOES", "none")  # Ways to mark spans; none: each tag belongs to one token alone

OUTSIDE = "O"

_BARE = ("B", "I", "E", "S")
_TYPED = re.compile(r"([BIES])-(.+)", re.DOTALL)

Span = tuple[int, int, str]  # First token, first token after it, type

_Mark = tuple[str, str]  # prefix and type: ("B", "person"); an outside tag is ("O", "")
_Pair = tuple[str | None, str | None]  # two tags side by side; None is an end of the sentence


def detect_scheme(sentences: Iterable[Sentence]) -> str:
    """Return which of SCHEMES the tags follow; raise DataError with path:line where they contradict all of them."""
    first: dict[_Pair, str] = {}
    for sentence in sentences:
        for pair in zip((None, *sentence.tags), (*sentence.tags, None), strict=True):
            first.setdefault(pair, sentence.where)
    tags = {tag for _, tag in first if tag is not None}
    if not _mark_spans(tags):
        return "none"
    strangers = _strangers(tags)
    for (_, tag), where in first.items():
        if tag in strangers:
            raise DataError(f"{where}: this sentence has the tag {tag!r:.40}, no tag of IOB1, BIO or BIOES as the others are; correct it")
    candidates = ("BIOES",) if any(tag[0] in "ES" for tag in tags) else ("BIO", "IOB1")
    faults = {scheme: _fault(scheme, first) for scheme in candidates}
    for scheme, fault in faults.items():
        if fault is None:
            return scheme
    raise DataError(_complaint(faults, first))


def spans(tags: Sequence[str], scheme: str) -> list[Span]:
    """Return (begin, end, type) of every span, end exclusive, by the rules of conlleval; none where tags mark no spans.

    A span begins at B and S, and at I and E after O, E, S or another type; it ends at E and S, and before O, B, S or another type.
    https://www.cnts.ua.ac.be/conll2000/chunking/conlleval.txt
    """
    if scheme == "none":
        return []
    found: list[Span] = []
    begin, before = 0, (OUTSIDE, "")
    for place, mark in enumerate([*map(_parse, tags), (OUTSIDE, "")]):
        is_inside = before[0] in "BI" and mark[0] in "IE" and mark[1] == before[1]
        if before[0] != OUTSIDE and not is_inside:
            found.append((begin, place, before[1]))
        if not is_inside:
            begin = place
        before = mark
    return found


def to_bioes(tags: Sequence[str], scheme: str) -> list[str]:
    """Return the same spans in BIOES; tags that mark no spans are returned unchanged."""
    if scheme == "none":
        return list(tags)
    marks = [OUTSIDE] * len(tags)
    for begin, end, kind in spans(tags, scheme):
        prefixes = "S" if end - begin == 1 else f"B{'I' * (end - begin - 2)}E"
        marks[begin:end] = [_tag(prefix, kind) for prefix in prefixes]
    return marks


def to_bio(tags_bioes: Sequence[str]) -> list[str]:
    """Return the same spans in BIO."""
    marks = [OUTSIDE] * len(tags_bioes)
    for begin, end, kind in spans(tags_bioes, "BIOES"):
        marks[begin:end] = [_tag("I" if place else "B", kind) for place in range(end - begin)]
    return marks


def legal_transitions(tags: Sequence[str]) -> tuple[NDArray[np.bool_], NDArray[np.bool_], NDArray[np.bool_]]:
    """Return (from, to) whether a tag may follow a tag, (tags,) whether it may be first, and last; all may unless they are BIOES."""
    if not (_mark_spans(tags) and not _strangers(tags) and any(tag[0] in "ES" for tag in tags)):
        return np.ones((len(tags), len(tags)), np.bool_), np.ones(len(tags), np.bool_), np.ones(len(tags), np.bool_)
    law, outside = LAWS["BIOES"], (OUTSIDE, "")
    marks = [_parse(tag) for tag in tags]
    prefixes = np.array(["BIESO".index(prefix) for prefix, _ in marks])
    kinds = np.unique([kind for _, kind in marks], return_inverse=True)[1]
    # The law depends on two prefixes and on whether the types are equal: a thousand times as fast as asking it for all pairs of tags.
    same, other = (np.array([[law((before, "x"), (mark, kind)) for mark in "BIESO"] for before in "BIESO"]) for kind in "xy")
    table = np.where(kinds[:, None] == kinds, same[prefixes][:, prefixes], other[prefixes][:, prefixes])
    return table, np.array([law(outside, mark) for mark in marks], np.bool_), np.array([law(mark, outside) for mark in marks], np.bool_)


def _iob1(before: _Mark, mark: _Mark) -> bool:
    """May the mark follow in IOB1? B only right behind a span of its type (Ramshaw and Marcus 1995)."""
    return mark[0] != "B" or (before[0] in "BI" and before[1] == mark[1])


def _bio(before: _Mark, mark: _Mark) -> bool:
    """May the mark follow in BIO? A span begins with B."""
    return mark[0] != "I" or (before[0] in "BI" and before[1] == mark[1])


def _bioes(before: _Mark, mark: _Mark) -> bool:
    """May the mark follow in BIOES? A span is S, or B, any number of I, and E."""
    return mark[0] in "IE" and before[1] == mark[1] if before[0] in "BI" else mark[0] not in "IE"


LAWS: dict[str, Callable[[_Mark, _Mark], bool]] = {"IOB1": _iob1, "BIO": _bio, "BIOES": _bioes}
"""For each scheme, whether the second mark may follow the first; the ends of a sentence count as O."""


def _mark_spans(tags: Collection[str]) -> bool:
    """Do these tags mark spans, even if some are wrong?"""
    typed = [tag for tag in tags if _TYPED.fullmatch(tag)]
    if typed:  # At least half of the distinct tags must be O or of the form B-person.
        return 2 * (len(typed) + (OUTSIDE in tags)) >= len(tags)
    # Without types all tags must be of the scheme, since some tag sets of words have an S and an I too.
    return "B" in tags and all(tag in (*_BARE, OUTSIDE) for tag in tags)


def _strangers(tags: Collection[str]) -> set[str]:
    """Return the tags that mark no spans, or have no type while others do."""
    is_typed = any(_TYPED.fullmatch(tag) for tag in tags)
    return {tag for tag in tags if tag != OUTSIDE and not _TYPED.fullmatch(tag) and (is_typed or tag not in _BARE)}


def _parse(tag: str) -> _Mark:
    """Return prefix and type; a tag that marks no span counts as O."""
    return (tag[0], tag[2:]) if tag in _BARE or _TYPED.fullmatch(tag) else (OUTSIDE, "")


def _tag(prefix: str, kind: str) -> str:
    return f"{prefix}-{kind}" if kind else prefix


def _fault(scheme: str, pairs: Iterable[_Pair]) -> _Pair | None:
    """Return the first pair that the scheme does not allow."""
    law = LAWS[scheme]
    return next(((before, tag) for before, tag in pairs if not law(_parse(before or OUTSIDE), _parse(tag or OUTSIDE))), None)


def _complaint(faults: Mapping[str, _Pair | None], first: Mapping[_Pair, str]) -> str:
    if bioes := faults.get("BIOES"):
        before, tag = bioes[0] or "the beginning", bioes[1] or "the end"
        return f"{first[bioes]}: in this sentence {tag} comes right after {before}, which BIOES does not allow; correct it"
    bio, iob1 = faults["BIO"], faults["IOB1"]
    assert bio is not None
    assert iob1 is not None
    begin = f"{first[bio]}: in this sentence a span begins with {bio[1]}, as in IOB1"
    return f"{begin}, but at {first[iob1]} one begins with {iob1[1]}, as in BIO; correct one of them"
