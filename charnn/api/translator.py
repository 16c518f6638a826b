"""`charnn.Translator`: a text for a text, by an encoder, attention and a decoder."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from charnn.api.pairs import Paired
from charnn.api.training import OnReport
from charnn.api.values import Values, as_texts, rows_of
from charnn.decoding.settings import SamplingSettings
from charnn.errors import ArgumentValueError, SettingError
from charnn.settings import collect, own_settings
from charnn.tasks.translator.settings import SearchSettings

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self

RULES = tuple(one.name for one in own_settings(SamplingSettings))


def pairs_of(sources: Any, targets: Any, argument: str) -> Values:
    """Return pairs of texts as a source of rows; raise ArgumentValueError for unequal numbers."""
    found, translations = as_texts(sources, argument, least=1), as_texts(targets, "targets")
    if len(found) != len(translations):
        raise ArgumentValueError(f"{argument} and targets must be equally many, got {len(found):,} and {len(translations):,}")
    return rows_of(argument, source=found, target=translations)


class Translator(Paired, task="translator"):
    """A translator: from one language to another, or from any text to a text.

    Its settings are the flags of `charnn train translator`.
    """

    inputs_name, answers_name = "sources", "targets"
    missing = "give a target for each source, or paths of tables of pairs"
    _pairs = staticmethod(pairs_of)

    def fit(
        self,
        sources: Any = None,
        targets: Any = None,
        *,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on texts and their translations, or on tables of pairs, and return self.

        sources: texts, or without targets a path or a list of paths; by default the built-in phrasebook. valid: (sources, targets), or
        paths, to validate on. Other arguments: see the Python page of the documentation.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        place: dict[str, Any] = {"to": to, "overwrite": overwrite, "resume": resume, "on_report": on_report}
        return self._fit_pairs(sources, targets, valid, **place, settings=settings)

    def predict(self, texts: Any, *, n_best: int = 1, prefix: str = "", sample: bool = False, seed: int = 0, **search: Any) -> list[Any]:
        """Return the translation of each text; with n_best over 1 a list of (translation, score), the best first.

        search: beam, length_penalty, max_length; with sample=True max_length, temperature, top_k, top_p, min_p, no_repeat,
        repetition_penalty. Raises SettingError.
        """
        from charnn.tasks.translator.interpreter import Decoding

        known = {one.name for one in own_settings(SearchSettings)} | {*RULES}
        if unknown := sorted(search.keys() - known):
            raise TypeError(f"predict() has no argument {unknown[0]!r}; it has {', '.join(sorted(known))}")
        idle = ("beam", "length_penalty") if sample else RULES
        for name in idle:
            if name in search:
                raise SettingError(name, "has no effect with sample=True; leave it out" if sample else "has no effect without sample=True")
        sampling = collect(SamplingSettings, search) if sample else None
        how = Decoding(collect(SearchSettings, search), count=n_best, prefix=prefix, sampling=sampling, seed=seed)
        model, checked = self._model, as_texts(texts)
        found = model.translate(checked, how)
        return [row[0].text if n_best == 1 else [(one.text, one.score) for one in row] for row in found]

    def evaluate(self, data: Any = None, targets: Any = None, **options: Any) -> dict[str, Any]:
        """Return BLEU, chrF and loss on tables of pairs, or on sources and targets, with the keys of `charnn evaluate --json`.

        Without data: of the validation part.
        """
        return self._evaluate(data, targets, options)

    def score(self, sources: Any, targets: Any) -> float:
        """Return BLEU, from 0 to 100."""
        return float(self.evaluate(sources, targets, resamples=0)["bleu"])

    def inspect(self, what: str = "errors", data: Any = None, **options: Any) -> Any:
        """Return what can be seen of the model: its errors, or what it looked at.

        errors: the pairs whose translation was least probable, a dict each, on files or on sources with targets= (top=20); attention:
        the translation of a text, and for each of its words the weights of the words of the text.
        """
        return super().inspect(what, data, **options)

    def _views(self) -> dict[str, Callable[..., Any]]:
        return {**super()._views(), "attention": lambda text: self._model.attention(as_texts(text, "text")[0]).facts}

    def _figures(self) -> list[str]:
        return [f"BLEU {self.results_['bleu']:.1f}"] if "bleu" in self.results_ else []
