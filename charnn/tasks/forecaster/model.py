"""The forecaster: the next values of a series, read value by value."""

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
from charnn.tasks.tensors import put_weights, weights_of, without_memory
from charnn.tasks.views import Worst
from charnn.training.model import Group, Loss, Score, Sources, all_alike

MOST_RESIDUALS = 2000  # Errors of the validation part that a model keeps for its intervals

TRAINED_ON = "the series it was trained on"


class Forecaster:
    """The end of a series, scales, and a network that predicts how it goes on: untrained, in training or trained."""

    task = "forecaster"
    loss_unit, rate_unit, rate = "error", "values", 1.0

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
                scaling.levels(one)  # raises for what has no logarithm, in whatever part it is
        errors = tuple(naive_error(train.values[:, number], data.season or 1) for number in range(train.targets))
        past = data.series.last(context(settings, scaling) + held_out)
        model = cls(settings, History(past, data.season, errors), scaling)
        model._take(data)
        return model

    def _take(self, data: ForecasterData) -> None:
        """Turn the series into windows to train on and values to validate on."""
        self.data, self.title = data, f"A forecaster of {', '.join(self.targets)} in {data.name}"
        self.batches, scaling = self.windows(data.series.first(data.sizes[0])), self.predictor.scaling
        self.valid, self.valid_begin = data.validation(scaling.lost + 1)
        # Once, and not at every validation: the features of 17,000 times take a tenth of a second.
        self.valid_levels, self.valid_features = scaling.levels(self.valid), self.predictor.features(self.valid, 1)
        self.valid_targets = scaling.targets(self.valid_levels)[self.valid_begin - 1 - scaling.lost : -1].astype(np.float64)

    @classmethod
    def restore(cls, saved: SavedModel, name: str = "model") -> "Forecaster":
        """Return the model of a model file; raise CheckpointError or SettingError for contents that make no model."""
        settings, learned, tensors = ForecasterSettings.from_plain(saved.settings), saved.learned, saved.tensors
        history = History.restore(learned.get("background"), tensors.get("series.past"))
        horizon, columns = settings.network.horizon, len(history.past.columns)
        scaling = Scaling.restore(settings.scaling, learned.get("scaling"), horizon=horizon, columns=columns)
        if settings.scaling.log and (history.past.values <= 0).any():
            raise CheckpointError("the model is damaged: its past holds values that have no logarithm")
        residuals = array_of("residuals", tensors.get("series.residuals"), (horizon, columns))
        with without_memory():
            model = cls(settings, history, scaling, residuals)
        model.name = name
        put_weights(model.network, tensors)
        model.network.eval()
        return model

    def learned(self) -> dict[str, Any]:
        """Return what was learned besides tensors, as JSON-ready data."""
        return {"scaling": self.predictor.scaling.plain(), "background": self.history.plain()}

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights by name, the past and the residuals."""
        return {**weights_of(self.network), "series.past": self.past.values, "series.residuals": self.residuals}

    def groups(self) -> list[Group]:
        """Return one group, since all weights learn alike."""
        return all_alike(self.network)

    def windows(self, series: Series) -> WindowBatches:
        """Return batches of windows of a series to train on."""
        loop, predictor = self.settings.loop, self.predictor
        levels = predictor.scaling.levels(series)
        return WindowBatches(
            predictor.inputs(levels, predictor.features(series, 1)),
            predictor.scaling.targets(levels),
            batch_size=loop.batch_size,
            window=loop.window or len(series),
            is_last=loop.readout == "last",
            seed=loop.seed,
        )

    def loss(self, batch: Window, carry: None) -> Loss:
        """Return the summed error over what is known of the next values, in the network's scale, and the number of those values."""
        device = self.network.output.weight.device
        targets = torch.from_numpy(batch.targets).to(device)
        outputs, _ = self.network(torch.from_numpy(batch.inputs).to(device))
        each = losses(outputs.float(), targets, self.settings.network.objective)
        return Loss(each.sum(), int((~np.isnan(batch.targets)).sum()), None)

    def training_data(self) -> list[Any]:
        """Return all that was read."""
        return [[one.columns, one.values, one.times] for one in (self.data.series, self.data.valid) if one is not None]

    def validate(self) -> Score:
        """Return the mean error of the validation part in the network's scale, and the RMSE of the first step in the series' units."""
        outputs, recent = self.predictor.outputs_from(self.valid_levels, self.valid_features, self.valid_begin)
        each = losses(torch.from_numpy(outputs), torch.from_numpy(self.valid_targets), self.settings.network.objective)
        targets = self.valid.targets
        found = self.predictor.next_values(outputs, recent)[:, :targets]
        rmse = float(np.sqrt(np.square(found - self.valid.values[self.valid_begin :, :targets]).mean()))
        return Score(float(each.sum()) / max(1, int((~np.isnan(self.valid_targets)).sum())), {"rmse": rmse})

    def finish(self) -> dict[str, Any]:
        """Keep the errors of the validation part for intervals, and return the metrics of a backtest over it."""
        outputs, _ = self.predictor.outputs_from(self.valid_levels, self.valid_features, self.valid_begin)
        missing = self.valid_targets - expected(outputs)
        known = missing[~np.isnan(missing).any((1, 2))]
        if len(known):
            self.residuals = known[-MOST_RESIDUALS:]
        return measured(self.history, self.valid, self.backtest(self.valid, last=len(self.valid) - self.valid_begin))

    def facts(self) -> list[tuple[str, str]]:
        """Return the parts of the series, its times and the network."""
        network, window = self.settings.network, self.settings.loop.window
        return [*self.data.facts(), ("network", f"{network.stack.words()}, windows of {window:,}, {network.horizon:,} values at once")]

    def table(self, results: dict[str, Any]) -> list[str]:
        """Return the results of the validation part in Markdown, a row a forecast."""
        return report.validation_table(results)

    def commands(self, folder: Path) -> list[str]:
        """Return commands that go on with the series, and measure."""
        return [f"charnn predict {folder} --steps 50", f"charnn evaluate {folder} FILE"]

    def example(self, saved: SavedModel, seed: int) -> str | None:
        """Return nothing: some numbers more tell little."""
        return None

    @property
    def past(self) -> Series:
        """Return the end of the series that the model was trained on, with what was held out."""
        return self.history.past

    @property
    def targets(self) -> tuple[str, ...]:
        """Return the names of the columns that are predicted."""
        return self.past.columns[: self.past.targets]

    def read(self, paths: Sequence[str | Path], **how: Any) -> Series:
        """Return the series of files, with the columns that the model knows; raise DataError."""
        series = read_series(paths, self.settings.data.elsewhere(how), self.history.columns)
        if self.predictor.clock is not None and series.clock is None:
            what = f"those in {series.time_column} cannot be read or do not rise"
            raise DataError(f"{paths[0]}: the model was trained with times, and {what}; correct them, or train with --no-calendar")
        return series

    def stream(self, series: Series | None = None) -> Stream:
        """Return a stream that has read a series, by default that of training, and reads on; raise DataError for too short a one."""
        series = self.past if series is None else series
        return Stream(self.predictor, self.residuals, series.last(context(self.settings, self.predictor.scaling)))

    def predict(self, series: Series | None = None, *, steps: int = 1, share: float | None = None, seed: int = 0) -> Forecast:
        """Return the next values of a series, by default of the one the model was trained on; raise SettingError, DataError.

        share: the fraction of the values that the interval should contain, which is taken from 1,000 sample paths.
        """
        return self.stream(series).forecast(steps, share=share, seed=seed)

    def backtest(self, series: Series, *, last: int | None = None, horizon: int | None = None, stride: int = 1) -> Backtest:
        """Return forecasts from every stride-th place of the last values; raise SettingError or DataError where there are too few."""
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
        """Return metrics of a rolling-origin backtest over the last values of a series; raise DataError, SettingError.

        Without paths it is the series of training, of which what was held out is measured.
        """
        return self.tested(paths, last=last, horizon=horizon, stride=stride, **how)[0]

    def tested(
        self, paths: Sequence[str | Path], *, last: int | None = None, horizon: int | None = None, stride: int = 1, **how: Any
    ) -> tuple[dict[str, Any], Series, Backtest]:
        """Return what evaluate() does, with the series and the forecasts that were measured."""
        if not paths and not self.settings.loop.held_out and last is None:
            raise SettingError("last", "must be given where nothing was held out in training; or name the data to measure on")
        series = self.read(paths, **how) if paths else self.past
        test = self.backtest(series, last=last, horizon=horizon, stride=stride)
        return {**({} if paths else {"data": [TRAINED_ON]}), **measured(self.history, series, test)}, series, test

    def errors(self, paths: Sequence[str | Path], top: int, **how: Any) -> Worst:
        """Return the values furthest from what was expected before they came, in root mean squares of such errors; raise DataError."""
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
                if worst.takes(loss, worst.seen):
                    time, before = series.times[place] if series.times else None, float(series.values[place - 1, column])
                    facts = {"column": name, "true": float(row[column]), "expected": float(guess[column]), "before": before, "time": time}
                    worst.keep(loss, worst.seen, facts | {"where": series.places[place]})
                worst.add(name, loss)
        return worst


def context(settings: ForecasterSettings, scaling: Scaling) -> int:
    """Return the number of values that are read before a prediction, at most: what is further back than eight windows has faded."""
    return scaling.lag + 1 + 8 * (settings.loop.window or 500)
