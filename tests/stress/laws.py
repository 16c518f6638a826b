"""Laws that hold for any text, any bytes and any settings, tried by hypothesis on very many."""

import itertools
import json
from collections.abc import Callable
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from charnn.errors import DataError, SettingError
from charnn.settings import Settings
from charnn.tasks.settings import ClassifierSettings, LanguageModelSettings, TaggerSettings, TranslatorSettings
from charnn.text.protocol import Tokenizer, TokenizerSettings, encode_chunks
from charnn.text.readers import Decoding, Source, read_lines, read_text
from charnn.text.tokenizers import fit_tokenizer
from charnn.training.settings import BudgetSettings, SavingSettings
from tests.models import TEXT
from tests.stress.row import Row

EXAMPLES = 3000
"""Of each law."""

OF_ANY_TEXT, OF_ITS_CORPUS = ("byte", "subword"), ("char", "word")
"""Tokenizers, by what comes back exactly."""

CLASSES: tuple[type[Settings], ...] = (
    *(LanguageModelSettings, ClassifierSettings, TaggerSettings, TranslatorSettings),
    *(BudgetSettings, SavingSettings),
)

texts = st.text(st.characters(), max_size=200)
known = st.text(sorted(set(TEXT)), max_size=200)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20)
plain = st.recursive(scalars, lambda inner: st.lists(inner, max_size=3))


def run(scale: float = 1.0) -> Row:
    """One row for all laws."""
    count = max(5, round(EXAMPLES * scale))
    failures = [f"{name}: {found}" for name, law in LAWS.items() if (found := _failure(law, count))]
    return Row("laws of tokenizers, readers and settings", f"{len(LAWS)} laws, {count:,} examples each", len(failures), "", tuple(failures))


@cache
def _tokenizer(name: str) -> Tokenizer:
    return fit_tokenizer(lambda: [TEXT], TokenizerSettings(name))


@given(text=texts, name=st.sampled_from(OF_ANY_TEXT))
def any_text_comes_back(text: str, name: str) -> None:
    """Lone surrogates cannot come from a file."""
    text = text.encode("utf-8", "replace").decode()
    tokenizer = _tokenizer(name)
    assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=known, name=st.sampled_from(OF_ITS_CORPUS))
def known_text_comes_back(text: str, name: str) -> None:
    """As far as all of its tokens are known."""
    tokenizer = _tokenizer(name)
    if not tokenizer.unknown_symbols(text):
        assert tokenizer.decode(tokenizer.encode(text)) == text


@given(text=texts, places=st.lists(st.integers(0, 200), max_size=6), name=st.sampled_from(OF_ANY_TEXT + OF_ITS_CORPUS))
def parts_are_encoded_as_the_whole(text: str, places: list[int], name: str) -> None:
    """However a text is cut."""
    tokenizer, ends = _tokenizer(name), sorted({0, len(text), *(place for place in places if place < len(text))})
    chunks = [text[begin:end] for begin, end in itertools.pairwise(ends)]
    assert [id for part in encode_chunks(tokenizer, chunks) for id in part.tolist()] == tokenizer.encode(text).tolist()


@given(data=st.binary(max_size=300) | texts.map(lambda text: text.encode("utf-8", "replace")), size=st.integers(1, 50))
def bytes_are_text_or_refused(data: bytes, size: int) -> None:
    """With a place, however they come."""
    source = Source("it", "it", "", lambda: iter([data[begin : begin + size] for begin in range(0, len(data), size)]))
    try:
        found = "".join(read_text(source, Decoding("utf-8", "strict", "keep")))
    except DataError as error:
        found = None if str(error).startswith(("it: byte ", "it: begins with the byte order mark")) else str(error)
    assert found is None or found == data.decode("utf-8").removeprefix("\ufeff")


@given(text=texts, size=st.integers(1, 20))
def lines_end_at_newlines_only(text: str, size: int) -> None:
    """Whatever else ends a line elsewhere."""
    lines = list(read_lines(text[begin : begin + size] for begin in range(0, len(text), size)))
    assert "".join(lines) == text
    assert all(line.endswith("\n") for line in lines[:-1])
    assert not any("\n" in line[:-1] for line in lines)


@given(kind=st.sampled_from(CLASSES), data=st.data())
def settings_are_themselves_or_refused(kind: type[Settings], data: Any) -> None:
    """Any JSON in the place of any setting."""
    whole = json.loads(json.dumps(kind().plain()))
    part = whole
    while part:
        name = data.draw(st.sampled_from([*part, "unheard"]))
        if isinstance(part.get(name), dict) and data.draw(st.booleans()):
            part = part[name]
            continue
        part[name] = data.draw(plain)
        break
    try:
        found = kind.from_plain(whole)
    except SettingError:
        return
    assert kind.from_plain(found.plain()) == found


LAWS: dict[str, Callable[..., None]] = {
    law.__name__.replace("_", " "): law
    for law in (
        *(any_text_comes_back, known_text_comes_back, parts_are_encoded_as_the_whole),
        *(bytes_are_text_or_refused, lines_end_at_newlines_only, settings_are_themselves_or_refused),
    )
}


def _failure(law: Callable[..., None], count: int) -> str | None:
    """What breaks a law, if anything."""
    try:
        settings(max_examples=count, deadline=None, database=None, derandomize=True, suppress_health_check=list(HealthCheck))(law)()
    except Exception as error:  # whatever it is, it is what we look for
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]} {'; '.join(getattr(error, '__notes__', []))[:300]}"
    return None
