"""All settings of a forecaster, as a model file contains them."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from charnn.cells.settings import StackSettings
from charnn.data.settings import ReadSettings, SeriesSettings
from charnn.settings import Settings, setting
from charnn.tasks.task import Inputs
from charnn.training.settings import OptimizerSettings, SeriesLoopSettings

OBJECTIVES = ("squared", "absolute", "quantile")  # Errors that a forecaster minimises
QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)  # Fractions of the values below each output of a quantile forecaster


@dataclass(frozen=True)
class ForecasterNetworkSettings(Settings):
    """Recurrent stack and predicted values."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=64))
    horizon: int = setting(1, "Values predicted at once; predictions are fed back for further ones.", least=1, most=10_000)
    objective: str = setting("squared", "Error to minimise: squared, absolute, or of quantiles.", choices=OBJECTIVES)

    @property
    def outputs(self) -> int:
        """Return the number of outputs for each future value."""
        return len(QUANTILES) if self.objective == "quantile" else 1


@dataclass(frozen=True)
class ScalingSettings(Settings):
    """Transformations of a series before the network, and back after it."""

    log: bool = setting(False, "Take logarithms, for values that grow by a fraction of themselves.")
    difference: int = setting(0, "Predict differences to the value this many steps, or a season, before; 0: none.", least=0, most=100_000)
    calendar: bool = setting(True, "Give the network month, weekday and hour of the next value, if there are times.")
    season: int | None = setting(
        None, "Values in a season, for the seasonal naive forecast; by default from times or values.", least=2, most=100_000
    )


@dataclass(frozen=True)
class ForecasterSettings(Settings):
    """All that defines a forecaster and how it was trained."""

    data: SeriesSettings = field(default_factory=SeriesSettings)
    scaling: ScalingSettings = field(default_factory=ScalingSettings)
    network: ForecasterNetworkSettings = field(default_factory=ForecasterNetworkSettings)
    optimizer: OptimizerSettings = field(default_factory=lambda: OptimizerSettings(learning_rate=1e-3))
    loop: SeriesLoopSettings = field(default_factory=lambda: SeriesLoopSettings(validations=20))


@dataclass(frozen=True)
class ForecasterInputs(Inputs):
    """No inputs but the series; the built-in one is read in windows of a sixth."""

    def arranged(self, settings: ForecasterSettings, given: Collection[str], data: Sequence[str]) -> ForecasterSettings:
        """Return the settings, for the built-in cosine with a window and a held-out part of 500 values."""
        tutorial: dict[str, Any] = {name: 500 for name in ("window", "held_out") if not data and name not in given}
        return replace(settings, loop=replace(settings.loop, **tutorial))


@dataclass(frozen=True)
class ForecasterReading(Settings):
    """The format of a series' files, where it differs from the training data's."""

    how: ReadSettings = field(default_factory=ReadSettings)


@dataclass(frozen=True)
class ForecasterPredicting(Settings):
    """Options of predicting the next values."""

    steps: int | None = setting(None, "Values to predict; by default as many as at once.", least=1, most=1_000_000)
    interval: float | None = setting(None, "Fraction of the values that an interval should contain.", above=0, below=1)
    seed: int = setting(0, "Seed of the sample paths.", least=0, most=2**32 - 1)
    stream: bool = setting(False, "Predict after every row that comes from standard input.")
    plot: str | None = setting(None, "Draw it into this file as well: .png or .svg.", is_name=True)
    format: str | None = setting(None, "How to write the result; by default as the input is.", choices=("text", "jsonl", "csv", "tsv"))


@dataclass(frozen=True)
class ForecasterEvaluating(Settings):
    """Options of a backtest."""

    horizon: int | None = setting(None, "Steps ahead; by default as many as at once.", least=1, most=1_000_000)
    last: int | None = setting(None, "Values at the end to predict; by default as many as held out.", least=1)
    stride: int = setting(1, "Values between two origins.", least=1)
    plot: str | None = setting(None, "Draw it into this file as well: .png or .svg.", is_name=True)
