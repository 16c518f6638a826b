"""What the public classes of all tasks share: settings as keywords, training, saving, pickling, and how they show themselves."""

import difflib
import inspect
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import ExitStack
from functools import cache
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from charnn.api.training import OnReport, followed, in_python, prepared, undisturbed
from charnn.api.values import Values, as_paths, as_texts
from charnn.checkpoint.model import MODEL_FILE, SavedModel, load_model, save_model
from charnn.data.corpus import corpus_name
from charnn.errors import SettingError
from charnn.settings import all_settings, own_settings
from charnn.tasks.load import read, restored
from charnn.tasks.registry import TASKS
from charnn.tasks.task import READING
from charnn.training.model import Place
from charnn.training.settings import BudgetSettings

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


ELSEWHERE: dict[str, Any] = {"valid_fraction": None, "device": "auto", "threads": None}
"""Settings of a training that are in no settings class, and their defaults."""


class Estimator:
    """A model of a task: untrained, in training or trained.

    Its settings are keywords, with the names and defaults of the command line's flags; they are attributes too. What is learned has a
    name that ends in `_`: `model_` (the model), `results_` (metrics of the validation part), `history_` (a dict a validation).
    """

    task: ClassVar[str]

    def __init_subclass__(cls, task: str | None = None) -> None:
        """task: that of a class which is not itself only a base."""
        if task is not None:
            cls.task = task
            keyword = inspect.Parameter.KEYWORD_ONLY
            parameters = [inspect.Parameter(name, keyword, default=value) for name, value in defaults(task).items()]
            cls.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]

    def __init__(self, **settings: Any) -> None:
        """Store the settings and check nothing but their names; raise TypeError for an unknown one."""
        self._check_names(settings, TypeError)
        for name, value in {**defaults(self.task), **settings}.items():
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all settings by name."""
        return {name: getattr(self, name) for name in defaults(self.task)}

    def set_params(self, **settings: Any) -> "Self":
        """Change settings for the next fit; raise ValueError for an unknown name."""
        self._check_names(settings, ValueError)
        for name, value in settings.items():
            setattr(self, name, value)
        return self

    def _check_names(self, settings: Iterable[str], error: type[Exception], whose: str | None = None) -> None:
        for name in settings:
            if name not in defaults(self.task):
                raise error(f"{whose or f'{type(self).__name__} has no setting'} {name!r}{_nearest(name, self.task)}")

    def _fit_files(self, data: Any, valid: Any, **options: Any) -> "Self":
        """Train on files: a path, a list of paths, the name of a built-in corpus, or None for the task's own."""
        return self._fit(*([] if one is None else as_paths(one, name) for one, name in ((data, "data"), (valid, "valid"))), **options)

    def _fit(
        self,
        data: Sequence[Any],
        valid: Sequence[Any],
        *,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        settings: Mapping[str, Any],
        fixed: Mapping[str, Any] | None = None,
    ) -> "Self":
        """Train on paths and Values; `fixed` are settings that values in memory bring."""
        self._check_names(settings, TypeError, "fit() has no argument")
        values: dict[str, Any] = {
            name: tuple(one) if isinstance(one, list) else one for name, one in {**self.get_params(), **settings}.items()
        }
        in_memory = [one for one in (*data, *valid) if isinstance(one, Values)]
        of_files = {*READING, *(name for one in in_memory for name in one.how)} if in_memory else set()
        for name in sorted(of_files & values.keys()):
            if name in settings:
                raise SettingError(name, "has no effect on values in memory; leave it out")
            values[name] = defaults(self.task)[name]  # What the constructor got is for files
        given = [name for name, value in values.items() if name in settings or value != defaults(self.task)[name]]
        values |= fixed or {}
        if to is None and (overwrite or resume):
            raise SettingError("overwrite" if overwrite else "resume", "has no effect without a folder; give one by to=")
        with ExitStack() as stack:
            folder = Path(to) if to is not None else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="charnn-"))) / "run"
            stack.enter_context(in_python())
            for one in in_memory:
                stack.enter_context(one.naming())
            stack.enter_context(undisturbed())
            place = Place(folder, values["device"], values["threads"], overwrite, resume)
            run = prepared(TASKS[self.task], data, valid, values=values, given=given, place=place)
            history = followed(run, on_report)
            saved = load_model(folder)
        self.history_ = history
        name = str(to) if to is not None else corpus_name([str(one) for one in data] or [TASKS[self.task].corpus])
        return self._adopt(restored(saved, name), saved.metrics)

    def _adopt(self, model: Any, metrics: Mapping[str, Any]) -> "Self":
        """Become a trained model with the metrics of its file."""
        self.model_, self.metrics_ = model, dict(metrics)
        self.results_: dict[str, Any] = model.results
        return self

    @property
    def _model(self) -> Any:
        """Return the trained model; raise scikit-learn's NotFittedError where there is none."""
        if not hasattr(self, "model_"):
            not_fitted(type(self).__name__)
        return self.model_

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "model_")

    def __sklearn_tags__(self) -> Any:
        """Return what scikit-learn asks of an estimator: its data are texts, sentences or a series."""
        from sklearn.utils import InputTags, Tags, TargetTags

        inputs = InputTags(one_d_array=True, two_d_array=False, string=True)
        kinds: dict[str, Any] = dict.fromkeys(("estimator_type", "transformer_tags", "classifier_tags", "regressor_tags"))  # None in all
        return Tags(target_tags=TargetTags(required=False), input_tags=inputs, **kinds)

    def inspect(self, what: str = "errors", data: Any = None, **options: Any) -> Any:
        """Return what can be seen of the model: the `errors` on files, the worst first, a dict each (top=20)."""
        views = self._views()
        if what not in views:
            raise SettingError("what", f"must be {' or '.join(views)}, got {what!r}")
        with in_python():
            return views[what](data, **options)

    def _views(self) -> dict[str, Callable[..., Any]]:
        return {"errors": self._errors}

    def _errors(self, data: Any = None, *, top: int = 20, **options: Any) -> list[dict[str, Any]]:
        model, values = self._model, self._values(data, options)
        if values is None:
            worst: list[dict[str, Any]] = model.errors(as_paths(data, "data"), top, **options).worst
            return worst
        found = self._of_values(lambda source, **how: model.errors(source, top, **how), values, options).worst
        return [{**one, "where": one["where"] and values.named(one["where"])} for one in found]

    def _values(self, data: Any, options: dict[str, Any]) -> Values | None:
        """Return data in memory as a source, and take what belongs to them out of the options; None for paths."""
        return None

    def _of_values(self, measure: Callable[..., Any], values: Values, options: Mapping[str, Any]) -> Any:
        """Return what a method of the model finds in values in memory, whatever its training files looked like."""
        with in_python(), values.naming():
            return measure([values.source], **{**options, **values.how})

    def save(self, path: str | Path) -> None:
        """Write the model into one file, whole or not at all, which `charnn.load` and every command read; raise StorageError."""
        path, saved = Path(path), self._saved()
        if path.is_dir():
            raise SettingError("path", f"{path} is a folder; name a file, such as {path / MODEL_FILE}")
        save_model(path, saved)

    def _saved(self) -> SavedModel:
        model = self._model
        return SavedModel(self.task, model.settings.plain(), model.learned(), model.tensors(), self.metrics_)

    def __reduce__(self) -> tuple[Any, ...]:
        """Pickle and copy the settings, and the model as its file has it."""
        model = (self._saved(), self.model_.name) if hasattr(self, "model_") else None
        learned = {name: value for name, value in vars(self).items() if name.endswith("_") and name != "model_"}
        return rebuilt, (self.task, self.get_params(), model, learned)

    def __repr__(self) -> str:
        name = type(self).__name__
        if not hasattr(self, "model_"):
            changed = [f"{name}={value!r}" for name, value in self.get_params().items() if value != defaults(self.task)[name]]
            return f"{name}({', '.join(changed)})"
        return f"{name}({', '.join([self._network(), Path(self.model_.name).stem, *self._figures()])})"

    def _repr_html_(self) -> str:
        """Return a small table for a notebook."""
        rows = [("state", "not trained yet")]
        if hasattr(self, "model_"):
            rows = [("network", self._network()), ("name", Path(self.model_.name).stem)]
        rows += [("on validation", one) for one in self._figures()]
        cells = "".join(f"<tr><th style='text-align:left'>{escape(key)}</th><td>{escape(value)}</td></tr>" for key, value in rows)
        return f"<table><caption>{escape(type(self).__name__)}</caption>{cells}</table>"

    def _network(self) -> str:
        """Return cell, layers and units: gru 1 x 384."""
        found = {name: value for part in all_settings(self.model_.settings) for name, value in vars(part).items()}
        return f"{found['cell']} {found['layers']} x {found['hidden_size']}" if "cell" in found else self.task

    def _figures(self) -> list[str]:
        """Return the figures of the validation part that tell most, in words."""
        return []


@cache
def defaults(task: str) -> dict[str, Any]:
    """Return the settings of a task's class by name, with their defaults: the budget and what is used most first."""
    known = TASKS[task]
    found: dict[str, Any] = {}
    for kind in (BudgetSettings, known.settings, known.inputs):
        for part in all_settings(kind()):
            for one in own_settings(type(part)):
                found.setdefault(one.name, getattr(part, one.name))
    return found | ELSEWHERE


def _nearest(name: str, task: str) -> str:
    close = difflib.get_close_matches(name, defaults(task), 1)
    return f"; did you mean {close[0]!r}?" if close else f"; it has {', '.join(sorted(defaults(task)))}"


def not_fitted(name: str) -> NoReturn:
    """Raise scikit-learn's NotFittedError."""
    from sklearn.exceptions import NotFittedError

    raise NotFittedError(f"this {name} is not trained yet; call fit() first, or charnn.load()")


def public_class(task: str) -> type[Estimator]:
    """Return the public class of a task: that in `charnn.api`, else one made of what all tasks share."""
    place = f"charnn.api.{task}"
    if find_spec(place) is None:
        return _made(task)
    found: type[Estimator] = getattr(import_module(place), TASKS[task].model)
    return found


class FromFiles(Estimator):
    """A model of a task that has no class of its own in `charnn.api`."""

    def fit(
        self,
        data: Any = None,
        *,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on files and return self.

        data: a path, a list of paths, or the name of a built-in corpus; by default the task's own.
        valid: data to validate on, in the same form; by default a fraction of the data is held out.
        to: folder for the run, which then has all that `charnn train` writes; with `resume` an interrupted run there is continued.
        on_report: is called with every Report, several times a second. settings: as in the constructor, for this fit alone.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        return self._fit_files(data, valid, to=to, overwrite=overwrite, resume=resume, on_report=on_report, settings=settings)

    def predict(self, texts: Any) -> Any:
        """Return what the model predicts of one text or several."""
        return self._model.predict(as_texts(texts))

    def evaluate(self, data: Any = None, **options: Any) -> dict[str, Any]:
        """Return metrics on files, with the keys of `charnn evaluate --json`; without data those of the validation part."""
        model = self._model
        return dict(self.results_) if data is None else model.evaluate(as_paths(data, "data"), **options)


@cache
def _made(task: str) -> type[Estimator]:
    return type(TASKS[task].model, (FromFiles,), {}, task=task)


def rebuilt(task: str, settings: Mapping[str, Any], model: tuple[SavedModel, str] | None, learned: Mapping[str, Any]) -> Estimator:
    """Return the estimator that was pickled."""
    found = public_class(task)(**settings)
    if model is not None:
        saved, name = model
        found._adopt(restored(saved, name), saved.metrics)
    vars(found).update(learned)
    return found


def load(model: str | Path) -> Any:
    """Return the trained model of a run folder or a model file, as the public class of its task; raise CheckpointError."""
    saved, inner = read(model)
    found = public_class(saved.task)()._adopt(inner, saved.metrics)
    names, parts = defaults(saved.task), all_settings(inner.settings)
    return found.set_params(**{key: value for part in parts for key, value in vars(part).items() if key in names})
