"""A training run, whatever the task: a job in, a run folder out."""

import json
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from numpy.typing import NDArray

from charnn.card import model_card
from charnn.checkpoint import CARD_FILE, METRICS_FILE, MODEL_FILE, SavedModel, load_model, save_model, storage_errors, write_whole
from charnn.device import choose_device, use_threads
from charnn.errors import SettingError
from charnn.task import Score, Task
from charnn.text.batches import Batches
from charnn.training.probe import Throughput, measure
from charnn.training.settings import BudgetSettings, LoopSettings, OptimizerSettings
from charnn.training.trainer import Report, Trainer


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
    loss_unit: str  # of what the losses count: token, text
    rate_unit: str  # of what speed counts: characters, texts
    rate: float  # so many of them in a prediction

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


class Run:
    """A job's trainer, ready to go; `plan` says what it will do. Raises SettingError before anything is written."""

    def __init__(self, place: Place, job: Job, budget: BudgetSettings) -> None:
        check_free(place.folder, place.overwrite)
        self.place = place
        self.job = job
        self.device = choose_device(place.device)
        threads = use_threads(place.threads)
        job.model.network.to(self.device)
        self.plan = self._plan(budget, threads)
        self.trainer = Trainer(job.model, job.settings.optimizer, job.settings.loop, steps=self.plan.steps, device=self.device)
        self.seconds = 0.0
        self.is_saved = False

    def train(self) -> Iterator[Report]:
        """Trains, keeps the best model on validation in the run folder, and gives a report now and then."""
        folder = self.place.folder
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / METRICS_FILE).unlink(missing_ok=True)
        for report in self.trainer.run(self.job.batches, self._validate):
            self.seconds = report.seconds
            if report.valid_loss is not None:
                self._log(report)
            if report.is_best:
                self._save({"step": report.step, "valid_loss": report.valid_loss})
            yield report

    def finish(self) -> dict[str, Any]:
        """Evaluates the best model on the validation part, saves it with what is fitted last, and writes the model card."""
        best = load_model(self.place.folder)
        self.job.model.take_weights(best.tensors)
        self.job.model.network.eval()
        results = self.job.finish()
        metrics = {**best.metrics, "minutes": round(self.seconds / 60, 2), "valid": results}
        model = self.job.model
        saved = SavedModel(best.task, best.settings, model.learned(), {**best.tensors, **model.tensors()}, metrics)
        save_model(self.place.folder / MODEL_FILE, saved)
        write_whole(self.place.folder / CARD_FILE, model_card(self, metrics).encode())
        return results

    def saved_model(self, metrics: dict[str, Any] | None = None) -> SavedModel:
        """The model as it stands, as a model file would hold it."""
        model = self.job.model
        with self.trainer.kept_weights():
            tensors = {name: array.copy() for name, array in model.tensors().items()}
        return SavedModel(self.job.name, self.job.settings.plain(), model.learned(), tensors, metrics or {})

    def _plan(self, budget: BudgetSettings, threads: int) -> Plan:
        job, loop = self.job, self.job.settings.loop
        careful = budget.time is not None
        throughput = measure(job.model, job.batches, self._validate, job.settings.optimizer, loop, self.device, careful=careful)
        if budget.time is not None:
            steps = throughput.steps_in(budget.time, loop.reports)
        else:
            steps = budget.steps if budget.steps is not None else job.batches.steps(budget.epochs or 1)
        return Plan(
            facts=job.facts(),
            parameters=sum(one.numel() for one in job.model.network.parameters()),
            steps=steps,
            epochs=job.batches.epoch_of(steps),
            device=str(self.device),
            threads=threads,
            throughput=throughput,
            rate=job.rate,
            rate_unit=job.rate_unit,
            loss_unit=f"nats/{job.loss_unit}",
            expected_seconds=throughput.seconds_for(steps, loop.reports),
        )

    def _validate(self) -> Score:
        return self.job.validate()

    def _log(self, report: Report) -> None:
        with storage_errors(self.place.folder / METRICS_FILE), open(self.place.folder / METRICS_FILE, "a", encoding="utf-8") as file:
            file.write(json.dumps(report.facts() | {"time": round(time.time(), 1)}) + "\n")

    def _save(self, metrics: dict[str, Any]) -> None:
        if not self.is_saved:  # An older model stays until there is a better one than none.
            (self.place.folder / CARD_FILE).unlink(missing_ok=True)
        save_model(self.place.folder / MODEL_FILE, self.saved_model(metrics))
        self.is_saved = True


def check_free(folder: Path, overwrite: bool) -> None:
    """Raises SettingError where a run folder would be overwritten, or is no folder."""
    if folder.exists() and not folder.is_dir():
        raise SettingError("to", f"{folder} is a file; name a folder")
    if (folder / MODEL_FILE).exists() and not overwrite:
        raise SettingError("to", f"{folder} already holds a model; name another folder, or give --overwrite")
    if (folder / CARD_FILE).exists() and not (folder / MODEL_FILE).exists():
        raise SettingError("to", f"{folder} holds a {CARD_FILE} that is no model card; name another folder")
    parent = next(one for one in (folder, *folder.absolute().parents) if one.exists())
    if not os.access(parent, os.W_OK):
        raise SettingError("to", f"{parent} cannot be written; name another folder")
