"""Laws of tokenizers, readers, settings and samples, held against very many inputs that hypothesis thinks up."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from hypothesis import HealthCheck, given, seed, settings
from hypothesis.strategies import SearchStrategy

from tests.stress import reader_laws, sample_laws, setting_laws, tokenizer_laws
from tests.stress.row import Row

EXAMPLES = 100
"""Inputs of each law at scale 1."""


class Law(NamedTuple):
    """What must be true of every input."""

    name: str
    holds: Callable[..., None]  # raises AssertionError, or anything, where it does not
    inputs: Mapping[str, SearchStrategy[Any]]


def run(scale: float = 1.0) -> Row:
    """All laws."""
    laws = [Law(*law) for module in (tokenizer_laws, reader_laws, setting_laws, sample_laws) for law in module.laws()]
    examples = max(5, round(EXAMPLES * scale))
    failures = [said for law in laws if (said := breach(law, examples))]
    title = "laws of tokenizers, readers, settings and samples"
    return Row(title, f"{len(laws)} laws, {examples:,} inputs each", len(failures), "", tuple(failures))


def breach(law: Law, examples: int) -> str | None:
    """How the law was broken, if it was."""
    limits = settings(max_examples=examples, deadline=None, database=None, suppress_health_check=list(HealthCheck))

    def holds(**inputs: Any) -> None:  # hypothesis wants a plain function
        law.holds(**inputs)

    try:
        seed(6)(limits(given(**law.inputs)(holds)))()
    except Exception as error:  # whatever it is, it is what we look for
        return f"{law.name}: {type(error).__name__}: {error}; {' '.join(getattr(error, '__notes__', []))}"[:2000]
    return None
