"""The parts of a run: its data, its place, a model of any task, its plan, its progress and its reports."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from charnn.errors import CheckpointError

if TYPE_CHECKING:
    from numpy.typing import NDArray
    from torch import Tensor, nn

    from charnn.batches.streams import Batches
    from charnn.checkpoint.model import SavedModel
    from charnn.data.readers import Data
    from charnn.training.settings import LoopSettings, OptimizerSettings


@dataclass(frozen=True)
class Sources:
    """The data that a run reads."""

    corpus: Data
    valid: Data = ()  # validation from files of its own
    valid_fraction: float | None = None  # else: this fraction of the corpus


@dataclass(frozen=True)
class Place:
    """Where a run computes and writes."""

    folder: Path
    device: str = "auto"
    threads: int | None = None
    overwrite: bool = False
    resume: bool = False  # continue the run that is in the folder
    command: Mapping[str, Any] = field(default_factory=dict)  # the user's options, stored for a command that resumes


class Loss(NamedTuple):
    """A summed loss: batches have different numbers of predictions, so means of batches would be wrong."""

    total: Tensor  # nats, a scalar
    count: int  # type: ignore[assignment]  # predictions in the sum; it hides tuple.count
    carry: Any  # detached input of the next batch: a recurrent state, or None


class Score(NamedTuple):
    """The result of a validation."""

    loss: float  # nats per prediction
    metrics: Mapping[str, float] = {}  # further numbers to show
    error: float | None = None  # the best model is the one with the least error; None is the loss


@dataclass(frozen=True)
class Group:
    """Weights with the same learning rate and the same start of training."""

    parameters: Sequence[nn.Parameter]
    rate: float = 1.0  # times the learning rate
    thaw: float = 0.0  # the fraction of the run after which they begin to learn


def all_alike(network: nn.Module) -> list[Group]:
    """Return one group of all weights of a network."""
    return [Group([one for one in network.parameters() if one.requires_grad])]


class Trainable(Protocol):
    """A network that can be trained."""

    @property
    def network(self) -> nn.Module: ...

    def groups(self) -> list[Group]:
        """Return all weights that are trained."""

    def loss(self, batch: Any, carry: Any) -> Loss:
        """Return the loss of a batch, given the carry of the batch before."""


class TaskSettings(Protocol):
    """The part of a task's settings that every run reads."""

    @property
    def optimizer(self) -> OptimizerSettings: ...

    @property
    def loop(self) -> LoopSettings: ...

    def plain(self) -> dict[str, Any]:
        """Return all settings of the task as a JSON-ready dictionary."""

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> TaskSettings:
        """Return the settings of such data; a missing name takes its default."""


class Model(Trainable, Protocol):
    """A model of any task, prepared for training; the same object is untrained, in training, and trained."""

    task: str
    title: str  # for its card
    batches: Batches[Any]
    loss_unit: str  # nats/token
    rate_unit: str  # the unit of speed: characters, texts
    rate: float  # of those units in a prediction

    @property
    def settings(self) -> TaskSettings: ...

    def training_data(self) -> Sequence[Any]:
        """Return all that was read and learned before training, for fingerprint()."""

    def validate(self) -> Score:
        """Return loss and metrics of the validation part or a sample of it; the run keeps the weights with the lowest error."""

    def facts(self) -> list[tuple[str, str]]:
        """Return (name, value) rows that describe data and network."""

    def finish(self) -> dict[str, Any]:
        """Fit all that needs the best weights, which are in the network now, and return results of the validation part."""

    def table(self, results: dict[str, Any]) -> list[str]:
        """Return the metrics of the validation part as lines of Markdown tables."""

    def commands(self, folder: Path) -> list[str]:
        """Return commands that use the model, the most useful first."""

    def example(self, saved: SavedModel, seed: int) -> str | None:
        """Return an example of the model's output to show during training, or None."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Return weights and binary vocabularies by name."""

    def learned(self) -> dict[str, Any]:
        """Return all that was learned besides tensors, as JSON-ready data."""


class Throughput(NamedTuple):
    """Measured seconds per update, predictions per update and seconds per validation."""

    step_seconds: float
    step_predictions: float
    validation_seconds: float

    @property
    def per_second(self) -> float:
        """Predictions trained on in a second."""
        return self.step_predictions / self.step_seconds

    def steps_in(self, minutes: float, validations: int) -> int:
        """Return the number of updates that fit into the minutes beside the validations."""
        return max(1, int((minutes * 60 - validations * self.validation_seconds) / self.step_seconds))

    def seconds_for(self, steps: int, validations: int) -> float:
        """Return the seconds that these updates and validations take."""
        return steps * self.step_seconds + validations * self.validation_seconds


@dataclass(frozen=True)
class Plan:
    """The length, speed and facts of a run, shown before the first update."""

    facts: list[tuple[str, str]]
    parameters: int
    steps: int
    epochs: float
    device: str
    threads: int
    throughput: Throughput
    rate: float  # of rate_unit in a prediction
    rate_unit: str
    loss_unit: str
    expected_seconds: float

    @property
    def per_second(self) -> float:
        """Speed of training in its unit."""
        return self.throughput.per_second * self.rate


@dataclass
class Progress:
    """The counters of a trainer; the rest of its state is tensors."""

    step: int = 0  # updates made
    validated: int = 0  # the update of the last validation
    predictions: int = 0  # trained on
    seconds: float = 0.0  # of training, in all processes
    total: float = 0.0  # nats since the last validation
    count: int = 0  # predictions since the last validation
    best_step: int = 0  # 0: no validation was finite yet
    best_loss: float = math.inf
    best_error: float = math.inf
    stale: int = 0  # validations since the best
    skipped: int = 0  # updates in a row without a finite loss
    returns: int = 0  # to the best weights, since they were found
    rate: float = 1.0  # times the learning rate of the settings

    @property
    def mean(self) -> float:
        """Nats per prediction since the last validation."""
        return self.total / self.count if self.count else math.nan

    def plain(self) -> dict[str, Any]:
        """Return the numbers as JSON-ready data, None for infinity."""
        return _finite(asdict(self))

    @classmethod
    def restore(cls, plain: Any) -> Progress:
        """Return the progress that gave plain(). Raises CheckpointError."""
        kinds = {one.name: type(one.default) for one in fields(cls)}
        if not isinstance(plain, dict) or plain.keys() != kinds.keys():
            raise CheckpointError("its progress is damaged")
        values: dict[str, Any] = {name: math.inf if value is None else value for name, value in plain.items()}
        for name, value in values.items():
            is_number = isinstance(value, (int, float) if kinds[name] is float else int) and not isinstance(value, bool)
            if not is_number or (value < 0 and name not in ("total", "best_loss", "best_error")):
                raise CheckpointError(f"its progress is damaged: {name} is {value!r:.40}")
        return cls(**values)


@dataclass(frozen=True)
class Report:
    """The progress of a run for a person; `valid_loss` and `is_best` only after a validation."""

    step: int
    steps: int
    epoch: float
    seconds: float
    predictions: int  # trained on so far
    learning_rate: float
    train_loss: float  # nats per prediction since the last validation
    valid_loss: float | None = None  # nats per prediction
    is_best: bool = False
    metrics: Mapping[str, float] = field(default_factory=dict)  # of the validation, by name
    note: str | None = None  # a warning

    def facts(self) -> dict[str, Any]:
        """Return the fields and metrics as JSON-ready data, None for NaN and infinity."""
        values = {name: value for name, value in vars(self).items() if name not in ("metrics", "note")}
        return _finite({**values, **self.metrics})


def _finite(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value if value is None or math.isfinite(value) else None for name, value in values.items()}
