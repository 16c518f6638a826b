"""Settings of training runs."""

from dataclasses import dataclass

from charnn.errors import SettingError
from charnn.settings import Settings, setting

OPTIMIZERS = {"adamw": 4e-3, "adam": 4e-3, "sgd": 1.0, "rmsprop": 2e-3}  # The learning rate each optimizer takes when none is given

SCHEDULES = ("cosine", "constant", "step")


@dataclass(frozen=True)
class BudgetSettings(Settings):
    """How long to train: one of the three, by default two minutes."""

    minutes: float | None = setting(None, "Minutes to train; turned into steps by a measurement before the first.", above=0, most=100_000)
    epochs: int | None = setting(None, "Passes over the training data.", least=1, most=1_000_000)
    steps: int | None = setting(None, "Updates of the weights.", least=1, most=1_000_000_000)

    def __post_init__(self) -> None:
        super().__post_init__()
        given = [name for name in ("minutes", "epochs", "steps") if getattr(self, name) is not None]
        if len(given) > 1:
            raise SettingError(given[1], f"cannot be combined with {given[0]}; give one of minutes, epochs, steps")

    @property
    def time(self) -> float | None:
        """Minutes to train where those are the budget: 2 by default."""
        return 2.0 if (self.minutes, self.epochs, self.steps) == (None, None, None) else self.minutes


@dataclass(frozen=True)
class SavingSettings(Settings):
    """How often the state of training is saved."""

    save_every: float = setting(1.0, "Minutes between two checkpoints; there is one at every report too.", above=0, most=100_000)


@dataclass(frozen=True)
class OptimizerSettings(Settings):
    """How weights follow gradients."""

    optimizer: str = setting("adamw", "Rule that updates the weights.", choices=OPTIMIZERS)
    learning_rate: float | None = setting(None, "Peak learning rate; by default that of the optimizer.", above=0, most=1000)
    schedule: str = setting("cosine", "Learning rate over the run; step divides by 10 at 60 and 85 %.", choices=SCHEDULES)
    warmup: int = setting(50, "Updates over which the learning rate rises from zero.", least=0, most=10_000_000)
    weight_decay: float = setting(0.0, "Decoupled weight decay (adamw), or L2 penalty (the others).", least=0, most=100)
    clip_norm: float | None = setting(1.0, "Largest norm of the whole gradient.", above=0)
    clip_value: float | None = setting(None, "Largest absolute value of each part of the gradient.", above=0)
    ema: float | None = setting(
        None, "Decay of an exponential moving average of the weights, which is then the model.", above=0, below=1, was="averaging"
    )

    @property
    def peak(self) -> float:
        """The learning rate at its highest."""
        return OPTIMIZERS[self.optimizer] if self.learning_rate is None else self.learning_rate


@dataclass(frozen=True)
class LoopSettings(Settings):
    """Batches, validation and randomness of a run."""

    batch_size: int = setting(16, "Sequences side by side in an update.", least=1, most=65536)
    validations: int = setting(10, "Validations, evenly spread over the run.", least=1, most=100_000, was="reports")
    patience: int | None = setting(None, "Validations without improvement after which training stops.", least=1)
    seed: int = setting(1, "Seed of every random choice.", least=0, most=2**31 - 1)
    precision: str = setting("float32", "Numbers in matrix products.", choices=("float32", "bfloat16"))


@dataclass(frozen=True)
class WindowSettings(LoopSettings):
    """Batches of windows, validation and randomness of a run."""

    window: int = setting(64, "Tokens between two updates, through which gradients flow.", least=1, most=65536)
    state_resets: float = setting(
        0.05, "Fraction of windows of a running text that start without the state of the one before.", least=0, most=1, was="restarts"
    )


@dataclass(frozen=True)
class TextLoopSettings(LoopSettings):
    """Batches of texts, validation and randomness of a run."""

    window: int = setting(512, "Tokens of a long text read at once: gradients end there, the state is carried on.", least=1, most=1_000_000)

    @property
    def budget(self) -> int:
        """Tokens in an update, at most: a batch of longer texts is smaller."""
        return self.batch_size * self.window // 4


@dataclass(frozen=True)
class PairLoopSettings(LoopSettings):
    """Batches of pairs, validation and randomness of a run."""

    batch_tokens: int = setting(6000, "Most tokens of both sides in an update: a batch of longer pairs is smaller.", least=20, most=10**7)


@dataclass(frozen=True)
class SeriesLoopSettings(LoopSettings):
    """Windows of a series, what is held out, and randomness of a run."""

    window: int | None = setting(
        None, "Values in a row that an update learns from; by default two seasons, at least 24, at most 500.", least=2, most=1_000_000
    )
    readout: str = setting("every", "Learn to predict after every value of a window, or after its last.", choices=("every", "last"))
    held_out: int | None = setting(
        None, "Values at the end that training never sees, to evaluate on; by default a tenth.", least=0, most=100_000_000
    )
