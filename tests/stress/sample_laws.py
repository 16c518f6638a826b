"""What samples promise, whatever the prompt: no more than their length, no stop text, the same alone as side by side."""

from collections.abc import Iterator
from functools import cache, partial
from typing import Any

import numpy as np
from hypothesis import strategies as st

from charnn.decoding.generator import Generator
from charnn.decoding.settings import SamplingSettings
from charnn.engine.engine import Engine
from tests.models import small_model
from tests.tokenizers.test_tokenizers import CORPUS, any_strings

KINDS: dict[str, dict[str, Any]] = {
    "char": {},
    "byte": {"tokenizer": "byte"},
    "word": {"tokenizer": "word"},
    "subword": {"tokenizer": "subword"},
    "documents": {"documents": "lines", "cell": "lstm"},
}
"""Models: tokenizers, and texts that end."""

rules = st.builds(
    SamplingSettings,
    temperature=st.sampled_from([0, 1e-6, 0.8, 1, 5, 100]),
    top_k=st.none() | st.integers(1, 9),
    top_p=st.none() | st.sampled_from([1e-9, 0.5, 1]),
    min_p=st.none() | st.sampled_from([0, 0.5, 1]),
    repetition_penalty=st.none() | st.sampled_from([1e-3, 1.2, 100]),
    no_repeat=st.none() | st.integers(1, 5),
)


def laws() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """The laws of each kind of model: name, law, inputs."""
    stops = st.lists(st.text(st.sampled_from("aes \n.") | st.characters(), min_size=1, max_size=3), max_size=3)
    inputs = {"prompt": any_strings, "length": st.integers(1, 30), "stops": stops}
    for kind in KINDS:
        numbers = {"seed": st.integers(0, 2**64 - 1), "count": st.integers(1, 3), "settings": rules}
        yield f"samples of a {kind} model", partial(_samples, kind), inputs | numbers
        yield f"searches of a {kind} model", partial(_searches, kind), inputs | {"beam": st.integers(1, 4)}
        yield f"next tokens of a {kind} model", partial(_next_tokens, kind), {"prompt": any_strings, "top": st.integers(1, 500)}


@cache
def _generator(kind: str) -> Generator:
    model = small_model(CORPUS, **KINDS[kind])
    weights = {name: array for name, array in model.tensors().items() if not name.startswith("tokenizer.")}
    return Generator(Engine(model.settings.network, weights), model.tokenizer, documents=kind == "documents")


@cache
def _longest(kind: str) -> int:
    """Characters of the longest token, and a space."""
    tokenizer = _generator(kind).tokenizer
    return 1 if kind in ("char", "byte", "documents") else 1 + max(len(tokenizer.symbol(number)) for number in range(tokenizer.size))


def _samples(kind: str, prompt: str, length: int, stops: list[str], seed: int, count: int, settings: SamplingSettings) -> None:
    generator = _generator(kind)
    found = generator.sample(prompt, settings=settings, length=length, seed=seed, count=count, stop=stops)
    assert len(found) == count
    for text in found:
        assert len(text) <= length * _longest(kind)
        assert not any(stop in text for stop in stops)
    assert generator.sample(prompt, settings=settings, length=length, seed=seed, stop=stops) == found[:1]


def _searches(kind: str, prompt: str, length: int, stops: list[str], beam: int) -> None:
    (text,) = _generator(kind).search(prompt, beam=beam, length=length, stop=stops)
    assert len(text) <= length * _longest(kind)
    assert not any(stop in text for stop in stops)


def _next_tokens(kind: str, prompt: str, top: int) -> None:
    found = _generator(kind).predict(prompt, top=top)
    shares = [share for _, share in found]
    assert shares == sorted(shares, reverse=True)
    assert np.isfinite(shares).all()
    assert sum(shares) <= 1 + 1e-6
