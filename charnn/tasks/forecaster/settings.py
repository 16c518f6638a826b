"""All settings of a forecaster, as a model file holds them."""

from dataclasses import dataclass, field

from charnn.cells.settings import StackSettings
from charnn.data.series import SeriesSettings
from charnn.settings import Settings, setting
from charnn.training.settings import OptimizerSettings, SeriesLoopSettings

OBJECTIVES = ("squared", "absolute", "quantile")
"""What a forecaster's errors are measured by."""


QUANTILES = (0.025, 0.1, 0.25, 0.5, 0.75, 0.9, 0.975)
"""Shares of the future values that are to lie below a quantile forecaster's outputs."""


@dataclass(frozen=True)
class ForecasterNetworkSettings(Settings):
    """Recurrent stack, and what it says of the next values."""

    stack: StackSettings = field(default_factory=lambda: StackSettings(hidden_size=64))
    horizon: int = setting(1, "Values predicted at once; further ones come from feeding predictions back.", least=1, most=10_000)
    objective: str = setting("squared", "Error that is made small: squared, absolute, or of quantiles.", choices=OBJECTIVES)

    @property
    def outputs(self) -> int:
        """Numbers said of each future value."""
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
