"""What a run is made of: where it reads and writes, what a task brings to it, and what it is about to do."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from charnn.batches.streams import Batches
from charnn.checkpoint.model import SavedModel
from charnn.training.folder import check_free
from charnn.training.probe import Throughput
from charnn.training.settings import LoopSettings, OptimizerSettings
from charnn.training.task import Score, Task


@dataclass(frozen=True)
class Place:
    """Where a run reads, computes and writes."""

    corpus: Sequence[str | Path]
    folder: Path
    valid: Sequence[str | Path] = ()  # validation from files of its own
    valid_share: float | None = None  # else: this share of the corpus
    device: str = "auto"
    threads: int | None = None
    overwrite: bool = False
    resume: bool = False  # go on with the run that is in the folder
    command: Mapping[str, Any] = field(default_factory=dict)  # what the user said, for a command that resumes to know

    def check(self) -> None:
        """Raises SettingError or BusyError where the folder is not free for this run."""
        check_free(self.folder, overwrite=self.overwrite, resume=self.resume)


class Model(Task, Protocol):
    """A task whose network can be saved."""

    def tensors(self) -> dict[str, NDArray[Any]]:
        """Weights and binary vocabularies by name."""

    def learned(self) -> dict[str, Any]:
        """What was learned besides tensors, as JSON-ready data."""

    def take_weights(self, tensors: Mapping[str, NDArray[Any]]) -> None:
        """Puts the weights of a model file into the network; raises CheckpointError."""


class TaskSettings(Protocol):
    """The part of a task's settings that every run reads."""

    @property
    def optimizer(self) -> OptimizerSettings: ...

    @property
    def loop(self) -> LoopSettings: ...

    def plain(self) -> dict[str, Any]:
        """All of them as JSON-ready data."""


class Job(Protocol):
    """What a task brings to a run: data that is ready, a model, and what to say about both."""

    name: str  # of the task
    title: str  # what the model is, for its card
    settings: TaskSettings
    model: Model
    batches: Batches[Any]
    loss_unit: str  # of the losses: nats/token
    rate_unit: str  # of what speed counts: characters, texts
    rate: float  # so many of them in a prediction

    def data(self) -> Sequence[Any]:
        """All that was read and learned before training, as fingerprint() takes it."""

    def validate(self) -> Score:
        """A quick look at the validation part; the run keeps the model with the lowest loss."""

    def facts(self) -> list[tuple[str, str]]:
        """Data and network in words, a name and a value each."""

    def finish(self) -> dict[str, Any]:
        """With the best weights in the network: fits what is fitted last, and evaluates on the validation part."""

    def table(self, results: dict[str, Any]) -> list[str]:
        """Those results in Markdown."""

    def commands(self, folder: Path) -> list[str]:
        """How the model is used, the first the most likely."""

    def sample(self, saved: SavedModel, seed: int) -> str | None:
        """Something the model as it stands makes, to be shown while training; None for nothing."""


@dataclass(frozen=True)
class Plan:
    """What a run is about to do: said before the first update."""

    facts: list[tuple[str, str]]
    parameters: int
    steps: int
    epochs: float
    device: str
    threads: int
    throughput: Throughput
    rate: float  # rate_unit per prediction
    rate_unit: str
    loss_unit: str
    expected_seconds: float

    @property
    def per_second(self) -> float:
        """Speed of training in its unit."""
        return self.throughput.per_second * self.rate
