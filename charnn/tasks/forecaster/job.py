"""The job of a forecaster: a series read and divided in time, an untrained network."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from charnn.checkpoint.model import SavedModel
from charnn.data.corpus import corpus_name
from charnn.data.series import Series, read_series
from charnn.errors import SettingError
from charnn.metrics.forecasting import naive_error
from charnn.tasks.forecaster.background import Background
from charnn.tasks.forecaster.division import VALID_SHARE, divided, known_season
from charnn.tasks.forecaster.model import MOST_RESIDUALS, Forecaster
from charnn.tasks.forecaster.scaling import Floats, Scaling
from charnn.tasks.forecaster.settings import ForecasterSettings
from charnn.tasks.forecaster.trained import backtest, context, measured
from charnn.training.card import metrics_table
from charnn.training.job import Place
from charnn.training.task import Score

LEAST_WINDOW, MOST_WINDOW = 24, 500
"""Values of a window unless told otherwise: two seasons, but not less and not more than this."""


class ForecasterJob:
    """A series' training part in windows, and an untrained forecaster of it. Raises DataError or SettingError."""

    name = "forecaster"
    loss_unit, rate_unit, rate = "error", "values", 1.0

    def __init__(self, place: Place, settings: ForecasterSettings) -> None:
        place.check()
        self.series = read_series(place.corpus, settings.data)
        self.targets = ", ".join(self.series.columns[: self.series.targets])
        self.title = f"A forecaster of {self.targets} in {corpus_name([str(one) for one in place.corpus])}"
        self.valid = read_series(place.valid, settings.data) if place.valid else None
        self.sizes = divided(len(self.series), settings, None if place.valid else place.valid_share or VALID_SHARE)
        train = self.series.first(self.sizes[0])
        season = known_season(self.series, train, settings)
        window = settings.loop.window or min(max(LEAST_WINDOW, 2 * (season or 1)), MOST_WINDOW, len(train))
        if window > len(train):
            raise SettingError("window", f"must be at most the {len(train):,} values of the training part, got {window:,}")
        self.settings = replace(settings, loop=replace(settings.loop, window=window, held_out=self.sizes[2]))
        scaling = Scaling.fit(train, settings.scaling, settings.network.horizon)
        for one in (self.series, self.valid):
            if one is not None:
                scaling.levels(one)  # what has no logarithm is told now, wherever it stands
        errors = tuple(naive_error(train.values[:, number], season or 1) for number in range(train.targets))
        self.model = Forecaster(self.settings, Background(self.series, season, errors), scaling)
        self.model.background = replace(self.model.background, past=self.series.last(context(self.model) + self.sizes[2]))
        self.batches = self.model.batches(train)
        series, first = self._validation()
        # Once, and not at every validation: where 17,000 times stand in their cycles takes a tenth of a second.
        self.levels, self.turns = scaling.levels(series), self.model.turns(series, 1)
        self.right = scaling.targets(self.levels)[first - 1 - scaling.lost : -1].astype(np.float64)

    def data(self) -> list[Any]:
        """All that was read."""
        return [[one.columns, one.values, one.times] for one in (self.series, self.valid) if one is not None]

    def validate(self) -> Score:
        """The mean error of the validation part in the network's scale, and that of the first step in the series' units."""
        said, targets, true, recent = self._said()
        errors = self.model.errors(torch.from_numpy(said), torch.from_numpy(targets).double())
        found = self.model.next_values(said, recent)[:, : self.series.targets]
        rmse = float(np.sqrt(np.square(found - true).mean()))
        return Score(float(errors.sum()) / max(1, int((~np.isnan(targets)).sum())), {"rmse": rmse})

    def facts(self) -> list[tuple[str, str]]:
        """The parts of the series, its times, scale and network."""
        trained, valid, held = (f"{count:,} values" for count in self.sizes)
        series, settings = self.series, self.settings
        columns = ", ".join(series.columns[series.targets :])
        season = self.model.background.season
        rows = [
            ("training", f"{trained} of {self.targets}" + (f", read with {columns}" if columns else "")),
            ("validation", "files of its own" if self.valid is not None else f"the {valid} after them"),
            ("held out", f"the last {held}" if self.sizes[2] else "nothing"),
            ("season", f"{season:,} values" if season else "none found"),
        ]
        if series.clock is not None:
            odd = f"; {series.irregular:,} do not come when they should, and are read as if they did" if series.irregular else ""
            rows.append(("times", f"{series.clock.words}{odd}"))
        elif series.time_column is not None:
            rows.append(("times", "cannot be read or do not rise, and are left out"))
        if series.interpolated:
            rows.append(("missing", f"{series.interpolated:,} values, filled in between their neighbours"))
        network = settings.network
        rows.append(("network", f"{network.stack.words()}, windows of {settings.loop.window:,}, {network.horizon:,} values at once"))
        return rows

    def finish(self) -> dict[str, Any]:
        """Keeps the errors of the validation part for intervals, and evaluates on it."""
        said, targets, _, _ = self._said()
        missing = targets - self.model.likely(said)
        known = missing[~np.isnan(missing).any((1, 2))]
        if len(known):
            self.model.residuals = known[-MOST_RESIDUALS:]
        series, first = self._validation()
        return measured(self.model, series, backtest(self.model, series, last=len(series) - first))

    def table(self, results: dict[str, Any]) -> list[str]:
        """A row for the network, and one for each naive forecast."""
        rows = {"network": results, "naive": results["naive"]}
        if results["seasonal_naive"]:
            rows[f"seasonal naive ({results['season']})"] = results["seasonal_naive"]
        lines = metrics_table("validation", rows, {"MAE": "mae", "RMSE": "rmse", "MAPE, %": "mape", "MASE": "mase"})
        return [*lines, "", results["verdict"]] if "verdict" in results else lines

    def commands(self, folder: Path) -> list[str]:
        """Going on with the series, and measuring."""
        return [f"charnn predict {folder} --steps 50", f"charnn evaluate {folder} FILE"]

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """Nothing."""
        return None

    def _validation(self) -> tuple[Series, int]:
        """What is validated on, and how many of its values come before the first to predict."""
        if self.valid is not None:
            return self.valid, self.model.scaling.lost + 1
        end = self.sizes[0] + self.sizes[1]
        return self.series.first(end), self.sizes[0]

    def _said(self) -> tuple[Floats, Floats, Floats, Floats]:
        """Of each value of the validation part what was said before it, with what would have been right, it itself, the levels before."""
        series, first = self._validation()
        said, recent = self.model.read_from(self.levels, self.turns, first)
        return said, self.right, series.values[first:, : series.targets], recent
