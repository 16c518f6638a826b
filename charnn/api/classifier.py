"""`charnn.Classifier`: a label for a text; a scikit-learn estimator."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from charnn.api.pairs import Paired
from charnn.api.training import OnReport
from charnn.api.values import Values, as_labels, as_texts, rows_of
from charnn.errors import ArgumentValueError

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


def labelled(texts: Any, labels: Any, argument: str) -> Values:
    """Return texts with labels as a source, with the kind of the labels; raise ArgumentValueError for labels that become one."""
    found = as_texts(texts, argument, least=1)
    marks = as_labels(labels, len(found), argument)
    names: dict[str, Any] = {}
    for number, label in enumerate(marks):
        name = str(label).strip()
        if not name:
            raise ArgumentValueError(f"labels[{number}] is blank; give it a name")
        if names.setdefault(name, label) != label:
            raise ArgumentValueError(f"the labels {names[name]!r} and {label!r} differ only by white space; make them one")
    rows = rows_of(argument, text=found, label=[str(one).strip() for one in marks])
    return replace(rows, facts={"label_kind": type(marks[0]).__name__})


class Classifier(Paired, task="classifier"):
    """A classifier of texts: a recurrent network blended with a linear model of n-grams.

    It has the manners of scikit-learn: `Pipeline`, `GridSearchCV`, `cross_val_score` and `clone` take it. Its settings are the flags of
    `charnn train classifier`. Learned: `classes_`, sorted.
    """

    inputs_name, answers_name = "texts", "labels"
    missing = "give a label for each text, or paths of labelled files"
    _pairs = staticmethod(labelled)

    def fit(
        self,
        texts: Any = None,
        labels: Any = None,
        *,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on texts and their labels (lists, arrays, pandas columns, iterators), or on labelled files, and return self.

        texts: texts, or without labels a path or a list of paths; by default the built-in reviews. labels: of one kind: str, int, bool.
        valid: (texts, labels), or paths, to validate on. Other arguments: see the Python page of the documentation.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        place: dict[str, Any] = {"to": to, "overwrite": overwrite, "resume": resume, "on_report": on_report}
        return self._fit_pairs(texts, labels, valid, **place, settings=settings)

    @property
    def classes_(self) -> NDArray[Any]:
        """Return the labels, sorted: (classes,)."""
        if not hasattr(self, "model_"):  # as scikit-learn's estimators have it, so that hasattr tells
            raise AttributeError("classes_ is known after fit()")
        found: NDArray[Any] = np.unique(np.array(self.model_.typed_labels()))
        return found

    def predict(self, texts: Any, *, abstain_below: float | None = None) -> NDArray[Any]:
        """Return (texts,) labels of one text or several; None where the label is less probable than abstain_below."""
        chances = self.predict_proba(texts)
        found = self.classes_[chances.argmax(1)] if len(chances) else self.classes_[:0]
        if abstain_below is not None:
            found = found.astype(object)
            found[chances.max(1) < abstain_below] = None
        return found

    def predict_proba(self, texts: Any) -> NDArray[np.float64]:
        """Return (texts, classes) probabilities; columns are in the order of `classes_`, rows sum to 1."""
        return np.exp(self.predict_log_proba(texts))

    def predict_log_proba(self, texts: Any) -> NDArray[np.float64]:
        """Return (texts, classes) log-probabilities."""
        model, checked = self._model, as_texts(texts)
        order = np.argsort(np.array(model.typed_labels()), kind="stable")
        logs: NDArray[np.float64] = model.log_probabilities(checked) if checked else np.zeros((0, len(order)))
        return logs[:, order]

    def score(self, texts: Any, labels: Any) -> float:
        """Return the fraction of texts whose label is right."""
        checked = as_texts(texts, least=1)
        right = as_labels(labels, len(checked))
        return float(np.mean([one == label for one, label in zip(self.predict(checked).tolist(), right, strict=True)]))

    def evaluate(self, data: Any = None, labels: Any = None, **options: Any) -> dict[str, Any]:
        """Return metrics on labelled files, or on texts and labels, with the keys of `charnn evaluate --json`.

        Without data: of the validation part. options: abstain_below, text_column, label_column and how files are written.
        """
        return self._evaluate(data, labels, options)

    def explain(self, text: str) -> list[tuple[str, float]]:
        """Return each word of a text and what it adds to the log-probability of the predicted label, in nats (Li et al. 2016)."""
        (checked,) = as_texts(text, "text")
        return [(one.text, one.nats) for one in self._model.explain(checked)[2]]

    def inspect(self, what: str = "errors", data: Any = None, **options: Any) -> Any:
        """Return what can be seen of the model: its errors, or what it looked at.

        errors: the texts whose label was least probable, a dict each, on files or on texts with labels= (top=20); attention: the words
        of a text and what pooling=`attention` took of each.
        """
        return super().inspect(what, data, **options)

    def _views(self) -> dict[str, Callable[..., Any]]:
        return {**super()._views(), "attention": lambda text: self._model.attention(as_texts(text, "text")[0]).facts}

    def _figures(self) -> list[str]:
        return [f"{100 * self.results_['accuracy']:.1f} % right"] if self.results_ else []

    def __sklearn_tags__(self) -> Any:
        from sklearn.utils import ClassifierTags

        tags = super().__sklearn_tags__()
        tags.estimator_type, tags.classifier_tags, tags.target_tags.required = "classifier", ClassifierTags(), True
        return tags
