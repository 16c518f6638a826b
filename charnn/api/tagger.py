"""`charnn.Tagger`: a tag for every token of a sentence."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

from charnn.api.pairs import Paired
from charnn.api.training import OnReport
from charnn.api.values import as_texts, as_tokens, sentences_of

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


class Tagger(Paired, task="tagger"):
    """A tagger: parts of speech, names of persons and places, or any other tags of tokens.

    Its settings are the flags of `charnn train tagger`. Tags that mark spans (BIO, BIOES, IOB1) are recognised.
    """

    inputs_name, answers_name = "sentences", "tags"
    missing = "give a list of tags for each sentence, or paths of CoNLL files"
    _pairs = staticmethod(sentences_of)

    def fit(
        self,
        sentences: Any = None,
        tags: Any = None,
        *,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on sentences (lists of tokens) and their tags (lists of the same lengths), or on CoNLL files, and return self.

        sentences: without tags a path or a list of paths; by default the built-in sentences. valid: (sentences, tags), or paths, to
        validate on. Other arguments: see the Python page of the documentation.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        place: dict[str, Any] = {"to": to, "overwrite": overwrite, "resume": resume, "on_report": on_report}
        return self._fit_pairs(sentences, tags, valid, **place, settings=settings)

    def predict(self, sentences: Any) -> list[list[str]]:
        """Return the tags of sentences that are lists of tokens, spans in BIO."""
        model, tokens = self._model, as_tokens(sentences, "sentences")
        found: list[list[str]] = model.tag(tokens)
        return found

    def annotate(self, texts: Any) -> list[dict[str, Any]]:
        """Divide one text or several into tokens and tag them.

        Return for each text `spans` (text, type, begin, end, probability), or where tags mark no spans `tags` (token, tag, begin, end,
        probability); begin and end count characters, end exclusive.
        """
        found: list[dict[str, Any]] = self._model.predict(as_texts(texts))
        return found

    def evaluate(self, data: Any = None, tags: Any = None, **options: Any) -> dict[str, Any]:
        """Return metrics on CoNLL files, or on sentences and tags, with the keys of `charnn evaluate --json`.

        Without data: of the validation part.
        """
        return self._evaluate(data, tags, options)

    def score(self, sentences: Any, tags: Any) -> float:
        """Return the F1 of spans, or where tags mark no spans the fraction of tokens whose tag is right."""
        found = self.evaluate(sentences, tags)
        return float(found.get("span_f1", found["token_accuracy"]))

    def inspect(self, what: str = "errors", data: Any = None, **options: Any) -> Any:
        """Return the tokens whose tag was least probable, a dict each, on files or on sentences with tags= (top=20)."""
        return super().inspect(what, data, **options)

    def _figures(self) -> list[str]:
        if "span_f1" in self.results_:
            return [f"span F1 {100 * self.results_['span_f1']:.1f}"]
        return [f"{100 * self.results_['token_accuracy']:.1f} % of tokens right"] if self.results_ else []
