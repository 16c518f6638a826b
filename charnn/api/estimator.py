"""What the public classes of all tasks share: settings as keywords, training, saving, pickling, and how they show themselves."""

import difflib
import inspect
import re
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from functools import cache
from html import escape
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from charnn.api.notebook import notebook_line
from charnn.api.values import Values, as_paths, as_texts
from charnn.checkpoint.model import MODEL_FILE, SavedModel, load_model, save_model
from charnn.data.corpus import corpus_name
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.settings import all_settings, collect, own_settings
from charnn.tasks.load import read, restored
from charnn.tasks.registry import TASKS
from charnn.tasks.task import READING, Task
from charnn.tokenizers.registry import idle_settings
from charnn.training.model import Place, Sources
from charnn.training.settings import BudgetSettings, SavingSettings

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self

    from charnn.training.model import Report

OnReport = Callable[["Report"], object]

ELSEWHERE: dict[str, Any] = {"valid_fraction": None, "device": "auto", "threads": None}
"""Settings of a training that are in no settings class, and their defaults."""

FLAG = re.compile(r"(?<![\w-])--(no-)?([a-z][a-z-]*)( [A-Z]+\b)?")

TRAINING = threading.RLock()  # One training at a time in a process: all draw from torch's random numbers


class Estimator:
    """A model of a task: untrained, in training or trained.

    Its settings are keywords, with the names and defaults of the command line's flags; they are attributes too. What is learned has a
    name that ends in `_`: `model_` (the model), `results_` (metrics of the validation part), `history_` (a dict a validation).
    """

    task: ClassVar[str]

    def __init_subclass__(cls, task: str) -> None:
        cls.task = task
        names = [inspect.Parameter("self", inspect.Parameter.POSITIONAL_ONLY)]
        keywords = [inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=value) for name, value in defaults(task).items()]
        cls.__init__.__signature__ = cls.__signature__ = inspect.Signature(keywords)  # type: ignore[attr-defined]
        cls.__init__.__signature__ = inspect.Signature(names + keywords)  # type: ignore[attr-defined]

    def __init__(self, **settings: Any) -> None:
        """Store the settings and check nothing but their names; raise TypeError for an unknown one."""
        for name in settings:
            if name not in defaults(self.task):
                raise TypeError(f"{type(self).__name__} has no setting {name!r}{_nearest(name, self.task)}")
        for name, value in {**defaults(self.task), **settings}.items():
            setattr(self, name, value)

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return all settings by name."""
        return {name: getattr(self, name) for name in defaults(self.task)}

    def set_params(self, **settings: Any) -> "Self":
        """Change settings for the next fit; raise ValueError for an unknown name."""
        for name in settings:
            if name not in defaults(self.task):
                raise ValueError(f"{type(self).__name__} has no setting {name!r}{_nearest(name, self.task)}")
        for name, value in settings.items():
            setattr(self, name, value)
        return self

    def _fit_files(self, data: Any, valid: Any, **options: Any) -> "Self":
        """Train on files: a path, a list of paths, the name of a built-in corpus, or None for the task's own."""
        corpus = [TASKS[self.task].corpus] if data is None else as_paths(data, "data")
        return self._fit(corpus, [] if valid is None else as_paths(valid, "valid"), **options)

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
        facts: Mapping[str, Any] | None = None,
    ) -> "Self":
        """Train on paths and Values; `fixed` are settings that values in memory bring, `facts` attributes of the model."""
        for name in settings:
            if name not in defaults(self.task):
                raise TypeError(f"fit() has no argument {name!r}{_nearest(name, self.task)}")
        values = {name: tuple(one) if isinstance(one, list) else one for name, one in {**self.get_params(), **settings}.items()}
        given = [name for name, value in values.items() if name in settings or value != defaults(self.task)[name]]
        given_values = [one for one in (*data, *valid) if isinstance(one, Values)]
        if given_values:
            for name in READING:
                if name in given:
                    raise SettingError(name, "has no effect on values in memory; leave it out")
        values |= fixed or {}
        if to is None and (overwrite or resume):
            raise SettingError("overwrite" if overwrite else "resume", "has no effect without a folder; give one by to=")
        place = {"overwrite": overwrite, "resume": resume, "device": values["device"], "threads": values["threads"]}
        with ExitStack() as stack:
            folder = Path(to) if to is not None else Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="charnn-"))) / "run"
            stack.enter_context(in_python())
            for one in given_values:
                stack.enter_context(one.naming())
            stack.enter_context(undisturbed())
            saved, history = _trained(TASKS[self.task], data, valid, values, given, folder, place, on_report, facts or {})
        self.history_ = history
        name = str(to) if to is not None else corpus_name([str(one) for one in data])
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


def _trained(
    task: Task,
    data: Sequence[Any],
    valid: Sequence[Any],
    values: Mapping[str, Any],
    given: Sequence[str],
    folder: Path,
    place: Mapping[str, Any],
    on_report: OnReport | None,
    facts: Mapping[str, Any],
) -> tuple[SavedModel, list[dict[str, Any]]]:
    """Train a model of a task; return it as its file has it, and a dict a validation."""
    from charnn.training.folder import check_free
    from charnn.training.run import Run

    check_free(folder, overwrite=place["overwrite"], resume=place["resume"])
    budget = collect(BudgetSettings, values)  # Checked before anything is read
    paths = [str(one) for one in data if not isinstance(one, Values)]
    idle = {} if "tokenizer" not in values else idle_settings(values["tokenizer"])
    inputs = collect(task.inputs, values).knowing(given)
    plain = collect(task.settings, {**values, **{name: one for name, one in idle.items() if name not in given}})
    settings = inputs.arranged(plain, given, [str(one) for one in data])
    corpus, validation = ([one.source if isinstance(one, Values) else one for one in part] for part in (data, valid))
    sources = Sources(corpus, validation, values["valid_fraction"])
    command = {"data": paths, **{name: values[name] for name in given if values[name] is not None}} if len(paths) == len(data) else {}
    model = task.model_class.prepare(sources, settings, inputs)
    vars(model).update(facts)
    run = Run(Place(folder, **place, command=command), model, budget, SavingSettings())
    history: list[dict[str, Any]] = []
    with shown(run, on_report) as show:
        try:
            for report in run.train():
                show(report)
                if report.valid_loss is not None:
                    history.append(report.facts())
        except BaseException:
            run.break_off()
            raise
        run.finish()
    return load_model(folder), history


@contextmanager
def shown(run: Any, on_report: OnReport | None) -> Iterator[OnReport]:
    """Give what shows reports: the user's own function, else a line that renews itself in a notebook, else nothing."""
    if on_report is not None:
        yield on_report
        return
    line = notebook_line()
    yield (lambda report: line(run.plan, report)) if line is not None else (lambda report: None)


@contextmanager
def in_python() -> Iterator[None]:
    """Turn the flags in a message into keywords: --valid-fraction into valid_fraction, --valid FILE into valid=, --no-x into x=False."""
    try:
        yield
    except (CheckpointError, DataError, SettingError) as error:
        error.args = (FLAG.sub(_keyword, str(error)),)
        raise


def _keyword(flag: re.Match[str]) -> str:
    return flag[2].replace("-", "_") + ("=False" if flag[1] else "=" if flag[3] else "")


@contextmanager
def undisturbed() -> Iterator[None]:
    """Train alone in this process, and leave torch's random numbers and threads as they were."""
    import torch

    with TRAINING, torch.random.fork_rng(devices=[]):
        threads = torch.get_num_threads()
        try:
            yield
        finally:
            torch.set_num_threads(threads)


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
    if find_spec(place) is not None:
        found: type[Estimator] = getattr(import_module(place), TASKS[task].model)
        return found
    return _made(task)


@cache
def _made(task: str) -> type[Estimator]:
    class Made(Estimator, task=task):
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

    Made.__name__ = Made.__qualname__ = TASKS[task].model
    return Made


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
