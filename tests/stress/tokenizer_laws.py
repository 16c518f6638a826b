"""What tokenizers promise of any text."""

from collections.abc import Iterator
from typing import Any

from hypothesis import strategies as st

from charnn.errors import DataError
from charnn.tokenizers.registry import cut_chunks, fit_tokenizer
from charnn.tokenizers.vocabulary import UNKNOWN
from tests.tokenizers.test_tokenizers import EXACT, VARIANTS, any_strings, expected, fitted, texts

ALPHABET = st.characters() | st.sampled_from("\ud800\udfff\u0130\u03a3\u2581\u2585\0\r\n \u200d\u0301\U0001f469")
long_strings = st.text(ALPHABET, max_size=300)
cuts = st.lists(st.integers(0, 300), max_size=20)


def laws() -> Iterator[tuple[str, Any, dict[str, Any]]]:
    """The laws of each kind of tokenizer: name, law, inputs."""
    for variant in VARIANTS:
        yield f"{variant}: chunks are the whole", _chunks_are_the_whole(variant), {"text": any_strings | long_strings, "cuts": cuts}
        yield f"{variant}: fits any text", _fits_any_text(variant), {"text": any_strings | long_strings}
    for variant in EXACT:
        yield f"{variant}: brings back what it knows", _brings_back(variant), {"text": texts | st.text(max_size=300)}


def _chunks_are_the_whole(variant: str) -> Any:
    def law(text: str, cuts: list[int]) -> None:
        tokenizer = fitted(variant)
        places = sorted(min(cut, len(text)) for cut in cuts)
        chunks = [text[begin:end] for begin, end in zip([0, *places], [*places, len(text)], strict=True)]
        pieces = map(tokenizer.encode, cut_chunks(tokenizer.split, chunks))
        assert [id for ids in pieces for id in ids.tolist()] == tokenizer.encode(text).tolist()

    return law


def _fits_any_text(variant: str) -> Any:
    def law(text: str) -> None:
        try:
            tokenizer = fit_tokenizer(lambda: [text], VARIANTS[variant])
        except DataError:
            return
        ids = tokenizer.encode(text)
        unknown = sum(tokenizer.unknown_symbols(text).values())
        assert (ids == UNKNOWN).sum() == unknown
        assert tokenizer.decode(ids).count("\ufffd") >= unknown

    return law


def _brings_back(variant: str) -> Any:
    def law(text: str) -> None:
        tokenizer = fitted(variant)
        ids = tokenizer.encode(text)
        if UNKNOWN not in ids:
            assert tokenizer.decode(ids) == expected(variant, text)

    return law
