"""All settings of a forecaster, as a model file holds them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from charnn.cells.settings import StackSettings
from charnn.data.settings import ReadSettings, SeriesSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import Inputs
from charnn.training.settings import OptimizerSettings, SeriesLoopSettings

OBJECTIVES = ("squared", "absolute", "quantile")  # What a forecaster's errors are measured by

QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Fractions of the future values that should be below a quantile forecaster's outputs; the median is in the middle."""


@dataclass(frozen=True)
class ForecasterNetworkSettings(Settings):
    """Recurrent stack, and what it predicts."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=64))
    horizon: int = setting(1, "Values predicted at once; further ones come from feeding predictions back.", least=1, most=10_000)
    objective: str = setting("squared", "Error that is made small: squared, absolute, or of quantiles.", choices=OBJECTIVES)

    @property
    def outputs(self) -> int:
        """Return the number of outputs for each future value."""
        return len(QUANTILES) if self.objective == "quantile" else 1


@dataclass(frozen=True)
class ScalingSettings(Settings):
    """What is done to a series before the network sees it, and undone after."""

    log: bool = setting(False, "Take logarithms, for what grows by a share of itself.")
    difference: int = setting(0, "Predict differences to the value so many steps before, a season, say; 0: none.", least=0, most=100_000)
    calendar: bool = setting(True, "Tell the network month, weekday and hour of the next value, as far as there are times.")
    season: int | None = setting(
        None, "Values in a season, for the seasonal naive forecast; by default as the times or the values say.", least=2, most=100_000
    )


@dataclass(frozen=True)
class ForecasterSettings(Settings):
    """All that defines a forecaster and how it was trained."""

    data: SeriesSettings = field(default_factory=SeriesSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    network: ForecasterNetworkSettings = field(default_factory=ForecasterNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=1e-3))
    loop: SeriesLoopSettings = field(default_factory=lambda: SeriesLoopSettings(reports=20))


@dataclass(frozen=True)
class ForecasterInputs(Inputs):
    """Nothing but the series, of which the built-in one is read in windows of a sixth."""

    def arranged(self, settings: ForecasterSettings, given: Collection[str], data: Sequence[str]) -> ForecasterSettings:
        """Return the settings, for the built-in cosine with a window and a held-out part of 500 values."""
        tutorial: dict[str, Any] = {name: 500 for name in ("window", "held_out") if not data and name not in given}
        return replace(settings, loop=replace(settings.loop, **tutorial))


@dataclass(frozen=True)
class ForecasterReading(Settings):
    """How the files of a series are written, where they differ from the training data's."""

    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class ForecasterPredicting(Settings):
    """What is predicted of a series."""

    steps: int | None = setting(None, "Values to predict; by default as many as at once.", least=1, most=1_000_000)
    interval: float | None = setting(None, "Fraction of the values that an interval should contain.", above=0, below=1)
    seed: int = setting(0, "Seed of what is drawn.", least=0, most=2**32 - 1)
    stream: bool = setting(False, "Predict after every row that comes from standard input.")
    plot: str | None = setting(None, "Draw it into this file as well: .png or .svg.", is_name=True)
    format: str | None = setting(None, "How to write the result; by default as the input is.", choices=("text", "jsonl", "csv", "tsv"))


@dataclass(frozen=True)
class ForecasterEvaluating(Settings):
    """How predictions are measured."""

    horizon: int | None = setting(None, "Steps ahead; by default as many as at once.", least=1, most=1_000_000)
    last: int | None = setting(None, "Values at the end to predict; by default as many as held out.", least=1)
    stride: int = setting(1, "Values between two origins.", least=1)
    plot: str | None = setting(None, "Draw it into this file as well: .png or .svg.", is_name=True)
