"""The forecaster: the next values of a series."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from charnn.batches.streams import Window, WindowBatches
from charnn.checkpoint.model import SavedModel
from charnn.data.series import Series, read_series
from charnn.errors import CheckpointError, DataError, SettingError
from charnn.metrics.forecasting import naive_error
from charnn.tasks.forecaster import report
from charnn.tasks.forecaster.backtest import Backtest, backtest, measured
from charnn.tasks.forecaster.data import ForecasterData, History, array_of
from charnn.tasks.forecaster.network import ForecasterNetwork, losses
from charnn.tasks.forecaster.predictor import Forecast, Predictor, Stream, expected, feature_count
from charnn.tasks.forecaster.scaling import Floats, Scaling
from charnn.tasks.forecaster.settings import ForecasterInputs, ForecasterSettings
from charnn.tasks.tensors import loaded, weights_of
from charnn.tasks.views import Worst, no_example
from charnn.training.model import Group, Loss, Score, Sources, all_alike

MOST_RESIDUALS = 2000  # Errors of the validation part that a model stores for its intervals
TRAINED_ON = "the series it was trained on"


class Forecaster:
    """The end of a series, scales, and a network that predicts the next values: untrained, in training or trained."""

    task, loss_unit, rate_unit, rate = "forecaster", "error", "values", 1.0
    table, example = staticmethod(report.validation_table), staticmethod(no_example)

    def __init__(self, settings: ForecasterSettings, history: History, scaling: Scaling, residuals: Floats | None = None) -> None:
        self.name, self.settings, self.history = "model", settings, history
        horizon, columns = scaling.change_mean.shape
        self.residuals = np.zeros((1, horizon, columns)) if residuals is None else residuals
        """(cases, horizon, columns): errors of forecasts of the validation part, in the network's scale."""
        clock = history.past.clock if settings.scaling.calendar else None
        torch.manual_seed(settings.loop.seed)
        self.network = ForecasterNetwork(settings.network, inputs=columns + feature_count(clock), columns=columns)
        self.predictor = Predictor(self.network, scaling, clock)

    @classmethod
    def prepare(cls, sources: Sources, settings: ForecasterSettings, inputs: ForecasterInputs | None = None) -> "Forecaster":
        """Return an untrained model with its data; raise DataError or SettingError for what cannot be trained on."""
        data = ForecasterData.read(sources, settings)
        train, held_out = data.series.first(data.sizes[0]), data.sizes[2]
        settings = replace(settings, loop=replace(settings.loop, window=data.window, held_out=held_out))
        scaling = Scaling.fit(train, settings.scaling, settings.network.horizon)
        for one in (data.series, data.valid):
            if one is not None:
                scaling.levels(one)  # Raises for a value without a logarithm
        errors = tuple(naive_error(train.values[:, number], data.season or 1) for number in range(train.targets))
        past = data.series.last(context(settings, scaling) + held_out)
        model = cls(settings, History(past, data.season, errors), scaling)
        model._take(data)
        return model

    def _take(self, data: ForecasterData) -> None:
        """Make the windows to train on and the values to validate on."""
        self.data, self.title = data, f"A forecaster of {', '.join(self.targets)} in {data.name}"
        self.batches, scaling = self.windows(data.series.first(data.sizes[0])), self.predictor.scaling
        self.valid, self.valid_begin = data.validation(scaling.lost + 1)
        # Once, and not at every validation: the features of 17,000 times take a tenth of a second.
        self.valid_levels, self.valid_features = scaling.levels(self.valid), self.predictor.features(self.valid, 1)
        self.valid_targets = scaling.targets(self.valid_levels)[self.valid_begin - 1 - scaling.lost : -1].astype(np.float64)

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Forecaster":
        """Return the model of a model file; raise CheckpointError or SettingError for damaged contents."""
        settings, learned, tensors = ForecasterSettings.from_plain(saved.settings), saved.learned, saved.tensors
        history = History.restore(learned.get("background"), tensors.get("series.past"))
        horizon, columns = settings.network.horizon, len(history.past.columns)
        scaling = Scaling.restore(settings.scaling, learned.get("scaling"), horizon=horizon, columns=columns)
        if settings.scaling.log and (history.past.values <= 0).any():
            raise CheckpointError("the model is damaged: its past contains values that have no logarithm")
        residuals = array_of("residuals", tensors.get("series.residuals"), (horizon, columns))
        return loaded(lambda: cls(settings, history, scaling, residuals), name, tensors)

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {"scaling": self.predictor.scaling.plain(), "background": self.history.plain()}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name, the end of the series, and the residuals."""
        return {**weights_of(self.network), "series.past": self.past.values, "series.residuals": self.residuals}

    def groups(self) -> list[Group]:
        """Return all weights as one group."""
        return all_alike(self.network)

    def windows(self, series: Series) -> WindowBatches:
        """Return batches of windows of a series."""
        loop, predictor = self.settings.loop, self.predictor
        levels = predictor.scaling.levels(series)
        parts = predictor.inputs(levels, predictor.features(series, 1)), predictor.scaling.targets(levels)
        window, is_last = loop.window or len(series), loop.readout == "last"
        return WindowBatches(*parts, batch_size=loop.batch_size, window=window, is_last=is_last, seed=loop.seed)

    def loss(self, batch: Window, carry: None) -> Loss:
        """Return the objective summed over the targets that are not NaN, in scaled units, and the number of these targets."""
        device = self.network.output.weight.device
        targets = torch.from_numpy(batch.targets).to(device)
        outputs, _ = self.network(torch.from_numpy(batch.inputs).to(device))
        each = losses(outputs.float(), targets, self.settings.network.objective)
        return Loss(each.sum(), int((~np.isnan(batch.targets)).sum()), None)

    def training_data(self) -> list[Any]:
        """Return all data that were read."""
        return [[one.columns, one.values, one.times] for one in (self.data.series, self.data.valid) if one is not None]

    def validate(self) -> Score:
        """Return the mean error of the validation part in the network's scale, and the RMSE of the first step in units of the series."""
        outputs, recent = self.predictor.outputs_from(self.valid_levels, self.valid_features, self.valid_begin)
        each = losses(torch.from_numpy(outputs), torch.from_numpy(self.valid_targets), self.settings.network.objective)
        targets = self.valid.targets
        found = self.predictor.next_values(outputs, recent)[:, :targets]
        rmse = float(np.sqrt(np.square(found - self.valid.values[self.valid_begin :, :targets]).mean()))
        return Score(float(each.sum()) / max(1, int((~np.isnan(self.valid_targets)).sum())), {"rmse": rmse})

    def finish(self) -> dict[str, Any]:
        """Store the errors of the validation part for intervals, and return the metrics of a backtest over it."""
        outputs, _ = self.predictor.outputs_from(self.valid_levels, self.valid_features, self.valid_begin)
        missing = self.valid_targets - expected(outputs)
        known = missing[~np.isnan(missing).any((1, 2))]
        if len(known):
            self.residuals = known[-MOST_RESIDUALS:]
        return measured(self.history, self.valid, self.backtest(self.valid, last=len(self.valid) - self.valid_begin))

    def facts(self) -> list[tuple[str, str]]:
        """Return the parts of the series, its times and the network, in words."""
        network, window = self.settings.network, self.settings.loop.window
        return [*self.data.facts(), ("network", f"{network.stack.words()}, windows of {window:,}, {network.horizon:,} values at once")]

    def commands(self, folder: Path) -> list[str]:
        """Return commands that predict and evaluate."""
        return [f"charnn predict {folder} --steps 50", f"charnn evaluate {folder} FILE"]

    @property
    def past(self) -> Series:
        """Return the end of the training series, with the part that was held out."""
        return self.history.past

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the predicted columns."""
        return self.past.columns[: self.past.targets]

    def read(self, paths: Sequence[str | Path], **how: Any) -> Series:
        """Return the series of files, with the model's columns; raise DataError."""
        series = read_series(paths, self.settings.data.elsewhere(how), self.history.columns)
        if self.predictor.clock is not None and series.clock is None:
            what = f"those in {series.time_column} cannot be read or do not rise"
            raise DataError(f"{paths[0]}: the model was trained with times, and {what}; correct them, or train with --no-calendar")
        return series

    def stream(self, series: Series | None = None) -> Stream:
        """Return a stream after the end of a series, by default of training; raise DataError for too short a series."""
        series = self.past if series is None else series
        return Stream(self.predictor, self.residuals, series.last(context(self.settings, self.predictor.scaling)))

    def predict(self, series: Series | None = None, *, steps: int = 1, fraction: float | None = None, seed: int = 0) -> Forecast:
        """Return the next values of a series, by default of the training series; raise SettingError, DataError.

        fraction: how many of the values that an interval from 1,000 sample paths should contain.
        """
        return self.stream(series).forecast(steps, fraction=fraction, seed=seed)

    def backtest(self, series: Series, *, last: int | None = None, horizon: int | None = None, stride: int = 1) -> Backtest:
        """Return forecasts from every stride-th of the last values; raise SettingError or DataError for too few values."""
        steps, loop, lost = horizon or self.settings.network.horizon, self.settings.loop, self.predictor.scaling.lost
        count = last or loop.held_out or len(series) - max(lost + 1, loop.window or 0)
        if count < steps:
            raise SettingError("horizon", f"must be at most the {max(count, 0):,} values to predict, got {steps:,}; give a smaller one")
        self.predictor.check_length(len(series) - count, count)
        stops = np.arange(len(series) - count, len(series) - steps + 1, stride)
        return backtest(self.predictor, self.residuals, series, stops, steps)

    def evaluate(
        self, paths: Sequence[str | Path] = (), *, last: int | None = None, horizon: int | None = None, stride: int = 1, **how: Any
    ) -> dict[str, Any]:
        """Return metrics of a rolling-origin backtest, by default of training's held-out part; raise DataError, SettingError."""
        return self.tested(paths, last=last, horizon=horizon, stride=stride, **how)[0]

    def tested(
        self, paths: Sequence[str | Path], *, last: int | None = None, horizon: int | None = None, stride: int = 1, **how: Any
    ) -> tuple[dict[str, Any], Series, Backtest]:
        """Return the result of evaluate(), the series, and the forecasts."""
        if not paths and not self.settings.loop.held_out and last is None:
            raise SettingError("last", "must be given where nothing was held out in training; or name the data to evaluate on")
        series = self.read(paths, **how) if paths else self.past
        test = self.backtest(series, last=last, horizon=horizon, stride=stride)
        return {**({} if paths else {"data": [TRAINED_ON]}), **measured(self.history, series, test)}, series, test

    def errors(self, paths: Sequence[str | Path], top: int, **how: Any) -> Worst:
        """Return the values furthest from their predictions, in root mean squares of such errors; raise DataError."""
        series, predictor = self.read(paths, **how), self.predictor
        first = max(predictor.scaling.lost + 1, min(self.settings.loop.window or 1, len(series) // 2))
        predictor.check_length(first if first < len(series) else 0, 0)
        levels, features = predictor.scaling.levels(series), predictor.features(series, 1)
        found = predictor.next_values(*predictor.outputs_from(levels, features, first))[:, : series.targets]
        worst, true = Worst(top, "deviations"), series.values[first:, : series.targets]
        deviations = np.sqrt(np.square(found - true).mean(0))  # (targets,)
        for place, (row, guess) in enumerate(zip(true, found, strict=True), first):
            for column, name in enumerate(self.targets):
                loss = float(abs(row[column] - guess[column]) / deviations[column]) if deviations[column] else 0.0
                time, before = series.times[place] if series.times else None, float(series.values[place - 1, column])
                facts = {"column": name, "true": float(row[column]), "expected": float(guess[column]), "before": before, "time": time}
                worst.keep(loss, worst.seen, facts | {"where": series.places[place]})
                worst.add(name, loss)
        return worst


def context(settings: ForecasterSettings, scaling: Scaling) -> int:
    """Return the most values read before a prediction: those before the last eight windows no longer affect it."""
    return scaling.lag + 1 + 8 * (settings.loop.window or 500)
