"""`charnn.LanguageModel`: the next character, byte, word or subword of a text."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from charnn.api.estimator import Estimator
from charnn.api.training import OnReport
from charnn.api.values import Values, as_labels, as_paths, as_texts, is_file, rows_of, text_of
from charnn.errors import ArgumentKindError, ArgumentValueError
from charnn.inspection.settings import ReachSettings

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self

    from charnn.cells.settings import Clamps


class LanguageModel(Estimator, task="lm"):
    """A language model: trained on texts, it writes more of them, and says how probable a text is.

    Its settings are the flags of `charnn train lm`, such as tokenizer, cell, layers, hidden_size, dropout, minutes.
    """

    def fit(
        self,
        data: Any = None,
        *,
        text: str | None = None,
        texts: Any = None,
        labels: Any = None,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on files (data), a running text (text) or documents (texts, each perhaps with a label), and return self.

        data: a path, a list of paths, or the name of a built-in corpus; by default `python-docs`. valid: data of the same kind to
        validate on. Other arguments: see the Python page of the documentation.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        place: dict[str, Any] = {"to": to, "overwrite": overwrite, "resume": resume, "on_report": on_report}
        if data is None and text is None and texts is None:
            return self._fit_files(None, valid, **place, settings=settings)
        corpus, fixed = self._corpus(data, text, texts, labels)
        if valid is None:
            validation: list[Any] = []
        elif data is not None:
            validation = as_paths(valid, "valid")
        else:
            validation = [text_of(valid, "valid") if texts is None else rows_of("valid", text=as_texts(valid, "valid", least=1))]
        return self._fit(corpus, validation, **place, settings=settings, fixed=fixed)

    def _corpus(self, data: Any, text: Any, texts: Any, labels: Any = None) -> tuple[list[Any], dict[str, Any]]:
        """Return what to read, and the settings that make it read as documents."""
        if sum(one is not None for one in (data, text, texts)) != 1:
            raise ArgumentValueError("give one of data (paths), text (a running text) and texts (documents)")
        if labels is not None and texts is None:
            raise ArgumentValueError("labels belong to texts; give texts, or name the column of files by label_column")
        if texts is None:
            return (_paths(data) if text is None else [text_of(text)]), {}
        found = as_texts(texts, least=1)
        if labels is None:
            return [rows_of("texts", text=found)], {"text_column": "text", "label_column": None}
        marks = [str(one) for one in as_labels(labels, len(found))]
        return [rows_of("texts", text=found, label=marks)], {"text_column": "text", "label_column": "label"}

    def sample(
        self,
        prompt: str = "",
        *,
        length: int = 500,
        seed: int = 0,
        label: str | None = None,
        stop: Iterable[str] = (),
        clamp: "Clamps | None" = None,
        **rules: Any,
    ) -> str:
        """Return the prompt and what the model writes after it, up to `length` tokens or a stop text.

        rules: temperature, top_k, top_p, min_p, repetition_penalty, no_repeat. clamp: {(layer, unit): value} fixes the outputs of
        hidden units; layers count from 1, units from 0. Raises SettingError.
        """
        return self.samples(prompt, count=1, length=length, seed=seed, label=label, stop=stop, clamp=clamp, **rules)[0]

    def samples(self, prompt: str = "", *, count: int, stop: Iterable[str] = (), **options: Any) -> list[str]:
        """Return several texts; the first is the one that sample() gives for the same seed."""
        stops = [stop] if isinstance(stop, str) else list(stop)
        (checked,) = as_texts(prompt, "prompt")
        found: list[str] = self._model.samples(checked, count=count, stop=stops, **options)
        return found

    def predict(self, prompt: Any = "", *, top: int = 5, label: str | None = None) -> list[tuple[str, float]]:
        """Return the `top` likeliest next tokens after a prompt with their probabilities, the likeliest first."""
        (checked,) = as_texts(prompt, "prompt")
        found: list[tuple[str, float]] = self._model.predict(checked, top=top, label=label)
        return found

    def evaluate(
        self, data: Any = None, *, text: str | None = None, texts: Any = None, labels: Any = None, **options: Any
    ) -> dict[str, Any]:
        """Return bits per character, perplexity and more of files or of texts in memory, with the keys of `charnn evaluate --json`.

        Without data: of the validation part. options: protocol (`streamed`, `windows`, `documents`), window, tail.
        """
        model = self._model
        if data is None and text is None and texts is None:
            return dict(self.results_)
        if data is not None:
            corpus, _ = self._corpus(data, text, texts, labels)
            return dict(model.evaluate(corpus, **options))
        return dict(self._of_values(model.evaluate, self._known(text, texts, labels), options))

    def _known(self, text: Any, texts: Any, labels: Any) -> Values:
        """Return a text or documents as a source that is read as the model reads; raise ArgumentValueError where it knows no documents."""
        model = self._model
        if texts is not None and not model.is_documents:
            raise ArgumentValueError("texts are documents, and this model was trained on a running text; give one by text=")
        if model.labels and labels is None:
            raise ArgumentValueError("labels are missing; this model was trained with labels, so give texts= with one for each")
        if text is not None and texts is None and model.is_documents:
            text, texts = None, [text]  # A text is one document
        corpus, settings = self._corpus(None, text, texts, labels)
        values: Values = corpus[0]
        return replace(values, how={"documents": "whole", "labels_from_files": False, **settings} if model.is_documents else {})

    def _values(self, data: Any, options: dict[str, Any]) -> Values | None:
        given = {name: options.pop(name, None) for name in ("text", "texts", "labels")}
        return self._known(**given) if data is None else None

    def score(self, texts: Any) -> float:
        """Return minus the bits per character of a text, or of documents: higher is better."""
        found = self.evaluate(text=texts) if isinstance(texts, str) else self.evaluate(texts=texts)
        return -float(found["bits_per_character"])

    def _views(self) -> dict[str, Callable[..., Any]]:
        return {**super()._views(), "states": self._states, "gates": self._gates, "neurons": self._neurons, "gradients": self._gradients}

    def inspect(self, what: str = "states", data: Any = None, **options: Any) -> Any:
        """Return what happens inside the network while it reads a text.

        states: {"tokens", "nats" (time,), "hidden" (layers, time, units), ...}; gates: {"tokens", gate: (layers, time, units)};
        neurons: {feature of the text: [(layer, unit, correlation), ...]}, the best followed first; gradients: {"untrained", "trained"},
        the norm of a loss's gradient by the state k steps before it (steps=100, sequences=20); errors: the symbols that were least
        probable, a dict each, on files, or on text= or texts= (top=20).
        """
        return super().inspect(what, data, **options)

    def _states(self, text: str, *, label: str | None = None) -> dict[str, Any]:
        passage, trace = self._traced(text, label)
        names = self._model.settings.network.stack.loaded_cell.states
        states = dict(zip(names, trace.states, strict=True))
        return {"tokens": list(passage.pieces), "nats": trace.nats, **states}

    def _gates(self, text: str, *, label: str | None = None) -> dict[str, Any]:
        from charnn.inspection.gates import gates_of

        passage, trace = self._traced(text, label)
        found: dict[str, list[Any]] = {}
        for gate in gates_of(self._model, passage, trace):
            found.setdefault(gate.name, []).append(gate.values)
        return {"tokens": list(passage.pieces), **{name: np.stack(values) for name, values in found.items()}}

    def _neurons(self, text: str, *, label: str | None = None, count: int = 3) -> dict[str, list[tuple[int, int, float]]]:
        from charnn.inspection.neurons import activations, followers

        passage, trace = self._traced(text, label)
        features = followers(activations(trace, self._model.settings.network.stack), passage, count)
        return {one.name: [(*found.unit, found.correlation) for found in one.units] for one in features if one.units}

    def _gradients(self, text: str, *, steps: int = 100, sequences: int = 20) -> dict[str, Any]:
        from charnn.inspection.gradients import compare_run

        looking = ReachSettings(steps=steps, sequences=sequences)
        ids = self._model.tokenizer.encode(as_texts(text, "text")[0])
        untrained, trained = compare_run(self._model, ids, "the text", None, looking)
        return {"untrained": untrained.norms, "trained": trained.norms}

    def _traced(self, text: Any, label: str | None) -> tuple[Any, Any]:
        from charnn.inspection.reading import read_passage, trace

        passage = read_passage(self._model, as_texts(text, "text")[0], label)
        return passage, trace(self._model, passage)

    def _figures(self) -> list[str]:
        return [f"{self.results_['bits_per_character']:.2f} bits per character"] if self.results_ else []


def _paths(data: Any) -> list[str | Path]:
    """Return one path or several as a list; raise ArgumentKindError for texts."""
    if not isinstance(data, str | Path) and not (isinstance(data, list | tuple) and (not data or any(map(is_file, data)))):
        raise ArgumentKindError("data must be a path or a list of paths, and none of these is one; texts in memory are given by texts=")
    return as_paths(data, "data")
