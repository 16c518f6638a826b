"""Settings of `charnn inspect memory` and `gradients`."""

from dataclasses import dataclass

from charnn.settings import Settings, setting
from charnn.training.settings import LoopSettings, OptimizerSettings


@dataclass(frozen=True)
class MemorySettings(Settings):
    """Training of the compared networks."""

    hidden_size: int = setting(64, "Units of the recurrent layer.", least=1, most=1024)
    batch_size: int = setting(20, "Sequences in an update.", least=1, most=1000)
    learning_rate: float | None = setting(None, "Learning rate; by default one that suits the cell.", above=0, most=1000)
    clip_norm: float | None = setting(1.0, "Largest norm of the whole gradient.", above=0)
    chrono: bool = setting(True, "Initialise gates to remember up to the lag (Tallec and Ollivier 2018).")
    minutes: float = setting(1.0, "Minutes to train a network, at most.", above=0, most=100_000)
    updates: int | None = setting(None, "Updates of a network, at most; by default as many as the minutes allow.", least=1, most=1_000_000)
    seed: int = setting(1, "Seed of weights and sequences.", least=0, most=2**31 - 1)

    def optimizer(self, learning_rate: float) -> OptimizerSettings:
        """Return settings of the optimizer; learning_rate is used where none is set."""
        rate = learning_rate if self.learning_rate is None else self.learning_rate
        return OptimizerSettings(learning_rate=rate, schedule="constant", clip_norm=self.clip_norm)

    def loop(self, every: int) -> LoopSettings:
        """Return settings of a training loop that validates every `every` updates."""
        return LoopSettings(validations=max(1, self.most_updates // every), seed=self.seed)

    @property
    def most_updates(self) -> int:
        """The limit of updates, a million where none is set."""
        return 1_000_000 if self.updates is None else self.updates


@dataclass(frozen=True)
class ReachSettings(Settings):
    """What is measured."""

    steps: int | None = setting(None, "Steps back; by default 1,000, or the whole lag.", least=1, most=10_000)
    sequences: int = setting(20, "Sequences, or places in a text, over which norms are averaged.", least=1, most=1000)
    batches: int = setting(50, "Batches whose gradient by all weights is measured and clipped.", least=1, most=100_000)
    scale: float = setting(1.0, "Factor on the recurrent weights; above 1 gradients can explode.", above=0, most=1000)
