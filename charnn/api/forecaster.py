"""`charnn.Forecaster`: the next values of a series of numbers."""

from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from charnn.api.estimator import Estimator
from charnn.api.training import OnReport, in_python
from charnn.api.values import Values, as_paths, has_index, has_times, is_path, series_of
from charnn.errors import ArgumentValueError, SettingError

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self

    from charnn.tasks.forecaster.predictor import Stream


class Interval(NamedTuple):
    """A forecast with the interval that should contain a fraction of the values."""

    values: Any  # (steps,), or (steps, targets) of several targets
    low: Any
    high: Any


class Forecaster(Estimator, task="forecaster"):
    """A forecaster of one column of numbers or several, perhaps from further ones.

    Its settings are the flags of `charnn train forecaster`. A pandas Series or DataFrame with a DatetimeIndex brings its times.
    """

    def fit(
        self,
        series: Any = None,
        *,
        valid: Any = None,
        to: str | Path | None = None,
        overwrite: bool = False,
        resume: bool = False,
        on_report: OnReport | None = None,
        **settings: Any,
    ) -> "Self":
        """Train on a series, the oldest value first, and return self.

        series: (time,) or (time, columns) numbers, a pandas Series or DataFrame, or a path; by default the built-in cosine. Of several
        columns, `target` names those to predict and `inputs` those to predict from. valid: a series to validate on, in the same form.
        Other arguments: see the Python page of the documentation.

        Raises DataError or SettingError (both ValueError), or ArgumentKindError (a TypeError), for what cannot be trained on.
        """
        place: dict[str, Any] = {"to": to, "overwrite": overwrite, "resume": resume, "on_report": on_report}
        if series is None or is_path(series):
            return self._fit_files(series, valid, **place, settings=settings)
        fixed: dict[str, Any] = {}
        if getattr(series, "ndim", 1) == 2 and (settings.get("target") or self.target) is None:  # type: ignore[attr-defined]
            names = [str(one) for one in getattr(series, "columns", range(1, series.shape[1] + 1))]
            fixed["target"] = ",".join(names if hasattr(series, "columns") else [f"column{one}" for one in names])
        validation = [] if valid is None else [series_of(valid, "valid")]
        self._fit([series_of(series)], validation, **place, settings=settings, fixed=fixed)
        self.is_pandas_ = has_index(series)
        return self

    def predict(self, steps: int | None = None, series: Any = None, *, interval: float | None = None, seed: int = 0) -> Any:
        """Return the next values of a series, by default of that of training: (steps,), or (steps, targets) of several targets.

        steps: by default as many as the network predicts at once. interval: return an Interval that should contain this fraction of the
        values. Where a pandas object with times is given, or was trained on, and pandas is loaded, what is returned is one too.
        Raises SettingError, DataError.
        """
        model = self._model
        count = model.settings.network.horizon if steps is None else steps
        if isinstance(count, bool) or not isinstance(count, int | np.integer) or count < 1:
            found = f"{count!r}" if isinstance(count, int | float | str) else f"a {type(count).__name__}; a series is given by series="
            raise SettingError("steps", f"must be a whole number of at least 1, got {found}")
        if interval is not None and not 0 < interval < 1:
            raise SettingError("interval", f"must be above 0 and below 1, got {interval!r}")
        found = model.predict(self._series(series), steps=int(count), fraction=interval, seed=seed)
        shaped = [self._shaped(one, found.times, series) for one in (found.values, found.low, found.high)]
        return shaped[0] if interval is None else Interval(*shaped)

    def stream(self, series: Any = None) -> "Stream":
        """Return a stream that has read a series, by default that of training: push(values) reads on, forecast(steps) predicts."""
        found: Stream = self._model.stream(self._series(series))
        return found

    def evaluate(self, series: Any = None, **options: Any) -> dict[str, Any]:
        """Return the errors of forecasts over the last values of a series, with the keys of `charnn evaluate --json`.

        Without a series: on what training held out, else on the validation part. options: last, horizon, stride.
        """
        model = self._model
        if series is None:
            return dict(model.evaluate(**options)) if model.settings.loop.held_out else dict(self.results_)
        if is_path(series):
            return dict(model.evaluate(as_paths(series, "series"), **options))
        return dict(self._of_values(model.evaluate, self._series_of(series), options))

    def score(self, series: Any) -> float:
        """Return minus the mean absolute error over the last values of a series: higher is better."""
        return -float(self.evaluate(series)["mae"])

    def inspect(self, what: str = "errors", data: Any = None, **options: Any) -> Any:
        """Return the values furthest from what was expected, a dict each, of a series or of files (top=20)."""
        return super().inspect(what, data, **options)

    def _series(self, series: Any) -> Any:
        if series is None:
            return None
        if is_path(series):
            with in_python():
                return self._model.read(as_paths(series, "series"))
        return self._of_values(self._model.read, self._series_of(series), {})

    def _series_of(self, series: Any) -> Values:
        """Return a series in memory as a source with the model's columns; raise ArgumentValueError where its times are missing."""
        values = series_of(series, "series", self._model.history.columns)
        if self._model.predictor.clock is not None and not has_times(series):
            raise ArgumentValueError(
                "series has no times, and the model was trained with times; "
                "give a pandas object with a DatetimeIndex, or train with calendar=False"
            )
        return values

    def _values(self, data: Any, options: dict[str, Any]) -> Values | None:
        return None if is_path(data) else self._series_of(data)

    def _shaped(self, values: NDArray[Any] | None, times: tuple[str, ...] | None, series: Any) -> Any:
        """Return (steps, targets) values as they were given: without the axis of a single target, as pandas where that came in."""
        if values is None:
            return None
        single = len(self._model.targets) == 1
        if not (has_index(series) or (series is None and getattr(self, "is_pandas_", False))):
            return values[:, 0] if single else values
        import pandas

        index = None if times is None else pandas.DatetimeIndex(times)
        if single:
            return pandas.Series(values[:, 0], index, name=self._model.targets[0])
        return pandas.DataFrame(values, index, columns=list(self._model.targets))

    def _figures(self) -> list[str]:
        return [f"mean absolute error {self.results_['mae']:.4g}"] if "mae" in self.results_ else []
