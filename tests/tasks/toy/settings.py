"""All settings of a counter."""

from dataclasses import dataclass, field

from charnn.data.settings import LabelledSettings
from charnn.settings import Settings
from charnn.training.settings import OptimizerSettings, TextLoopSettings


@dataclass(frozen=True)
class CounterSettings(Settings):
    """All that defines a counter and how it was trained."""

    data: LabelledSettings = field(default_factory=LabelledSettings)
    optimizer: OptimizerSettings = field(default_factory=OptimizerSettings)
    loop: TextLoopSettings = field(default_factory=TextLoopSettings)
