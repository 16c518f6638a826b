"""A training run, whatever the task: a job in, a run folder out."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import astuple, dataclass, field, replace
from pathlib import Path
from typing import Any, Protocol

import torch
from numpy.typing import NDArray

from charnn import __version__
from charnn.card import model_card
from charnn.checkpoint import MODEL_FILE, SavedModel
from charnn.device import choose_device, use_threads
from charnn.documents import read_document_file
from charnn.errors import CheckpointError, SettingError
from charnn.runs.folder import TRAINING_FILE, Lock, check_free, clear
from charnn.runs.resume import Stored, read_stored
from charnn.runs.saving import Saver
from charnn.task import Score, Task
from charnn.text.batches import Batches
from charnn.text.fingerprint import fingerprint
from charnn.training.probe import Throughput, measure
from charnn.training.settings import BudgetSettings, LoopSettings, OptimizerSettings, SavingSettings
from charnn.training.state import is_finite, state_of, take_state
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


class Run:
    """A job's trainer, ready to go; `plan` says what it will do.

    With `place.resume` it goes on where the run in the folder was, to the bit: the model it ends with is that of a run that was never
    broken off, on the same machine with the same versions and threads. `notes` say what a person should know about that.

    Raises SettingError before anything is written, BusyError where another trainer has the folder, CheckpointError where what is to
    be resumed is damaged.
    """

    def __init__(self, place: Place, job: Job, budget: BudgetSettings, saving: SavingSettings | None = None) -> None:
        place.check()
        self.place, self.job, self.budget = place, job, budget
        self.saver = Saver(place.folder, (saving or SavingSettings()).save_every)
        self.data = fingerprint(*job.data())
        self.lock: Lock | None = None
        self.notes: list[str] = []
        self.results: dict[str, Any] = {}
        self._stored: Stored | None = None
        if place.resume:
            self.lock = Lock(place.folder)
            self._stored, self.notes = read_stored(place.folder)
        if self._stored is not None:
            self._stored.check(job.name, job.settings.plain(), self.data)
            self.notes += self._changes(self._stored.document)
        self.device = choose_device(place.device)
        threads = use_threads(place.threads or (None if self._stored is None else self._stored.document["threads"]))
        job.model.network.to(self.device)
        self.plan = self._plan(threads)
        self.trainer = Trainer(job.model, job.settings.optimizer, job.settings.loop, steps=self.plan.steps, device=self.device)
        if self._stored is not None:
            self._take(self._stored)

    def train(self) -> Iterator[Report]:
        """Trains, keeps the best model on validation and the state of training in the run folder, and gives a report now and then."""
        self._begin()
        for report in self.trainer.run(self.job.batches, self._validate):
            is_validation, trouble = report.valid_loss is not None, self.saver.trouble
            if is_validation:
                self.saver.add(report)
            if report.is_best:
                self.saver.keep_model(self._best_model)
            if self.saver.is_due(at_report=is_validation):
                self.save()
            said = self.saver.trouble if self.saver.trouble is not trouble else None
            notes = [note for note in (report.note, said and f"{said}; training goes on, and saving is tried again") if note]
            yield replace(report, note="; ".join(notes) or None)
        self.save()

    def save(self) -> bool:
        """Writes the state of training; False where the disk does not take it, or where it is not finite and the older one is better."""
        arrays, progress = state_of(self.trainer)
        return is_finite(arrays) and self.saver.keep_state(self._document(progress), arrays)

    def break_off(self) -> bool:
        """Saves the state where it stands and gives the folder up; False where there is nothing on disk to go on from."""
        is_saved = self.save() or (self.place.folder / TRAINING_FILE).exists()
        if self.lock is not None:
            self.lock.release()
        return is_saved

    def finish(self) -> dict[str, Any]:
        """Evaluates the best model on the validation part, saves it with what is fitted last, and writes the model card.

        The job's model is then the best one. Its results are in `results` even where it raises StorageError.
        """
        with self.trainer.best_weights():
            self.job.model.network.eval()
            self.results = self.job.finish()
            self.saver.finish(self._model({**self._best_metrics(), "valid": self.results}), model_card(self))
        self.trainer.end()
        if self.lock is not None:
            self.lock.release()
        return self.results

    def saved_model(self) -> SavedModel:
        """The model as it stands, as a model file would hold it."""
        with self.trainer.kept_weights():
            return self._model({})

    def _model(self, metrics: dict[str, Any]) -> SavedModel:
        model = self.job.model
        tensors = {name: array.copy() for name, array in model.tensors().items()}
        return SavedModel(self.job.name, self.job.settings.plain(), model.learned(), tensors, metrics)

    def _best_model(self) -> SavedModel:
        with self.trainer.best_weights():
            return self._model(self._best_metrics())

    def _best_metrics(self) -> dict[str, Any]:
        # No time of day, no minutes: the same run writes the same file.
        return {"step": self.trainer.progress.best_step, "valid_loss": self.trainer.progress.best_loss}

    def _plan(self, threads: int) -> Plan:
        job, loop = self.job, self.job.settings.loop
        throughput = self._throughput()
        steps, done = self._steps(throughput), self._stored.document["progress"].get("step", 0) if self._stored else 0
        resumed = [("resumed", f"at update {done:,} of {steps:,}")] if self._stored else []
        reports = sum(number * steps / loop.reports > done for number in range(1, loop.reports + 1))
        return Plan(
            facts=job.facts() + resumed,
            parameters=sum(one.numel() for one in job.model.network.parameters()),
            steps=steps,
            epochs=job.batches.epoch_of(steps),
            device=str(self.device),
            threads=threads,
            throughput=throughput,
            rate=job.rate,
            rate_unit=job.rate_unit,
            loss_unit=job.loss_unit,
            expected_seconds=throughput.seconds_for(steps - done, reports),
        )

    def _throughput(self) -> Throughput:
        """The speed, measured; of a run that goes on, as it was then."""
        if self._stored is not None:
            return self._stored.throughput
        job, careful = self.job, self.budget.time is not None
        return measure(job.model, job.batches, self._validate, job.settings.optimizer, job.settings.loop, self.device, careful=careful)

    def _steps(self, throughput: Throughput) -> int:
        """The length of the run. Raises SettingError for one that is over already."""
        budget, job = self.budget, self.job
        if self._stored is not None and budget.plain() == self._stored.document["budget"]:
            return int(self._stored.document["steps"])
        if budget.time is not None:
            steps = throughput.steps_in(budget.time, job.settings.loop.reports)
        else:
            steps = budget.steps if budget.steps is not None else job.batches.steps(budget.epochs or 1)
        done = self._stored.document["progress"].get("step", 0) if self._stored else 0
        if steps < done:
            raise SettingError("resume", f"goes on at update {done:,}, and the budget ends at {steps:,}; give a larger one")
        return steps

    def _changes(self, document: Mapping[str, Any]) -> list[str]:
        """What keeps the resumed run from being the same to the bit."""
        ours = {"threads": self.place.threads or document["threads"], "device": str(choose_device(self.place.device)), **_versions()}
        theirs = {"threads": document["threads"], "device": document["device"], **document["versions"]}
        return [
            f"{name} {ours[name]}, where the run had {theirs.get(name)}: the result may differ in its last digits"
            for name in ours
            if ours[name] != theirs.get(name)
        ]

    def _take(self, stored: Stored) -> None:
        try:
            take_state(self.trainer, stored.tensors, stored.document["progress"])
        except CheckpointError as error:
            raise CheckpointError(f"{stored.path} is damaged: {error}; train it anew with --overwrite") from None

    def _begin(self) -> None:
        """Takes the folder, and makes what is in it fit the state that training begins with."""
        if self.lock is None:
            self.lock = Lock(self.place.folder)
        if self._stored is None:
            clear(self.place.folder)
            self.saver.begin(b"")
            self.save()
            if self.saver.trouble is not None:
                raise self.saver.trouble
            return
        self.saver.begin(self._stored.log)
        progress = self.trainer.progress
        self.saver.model_sum = self._stored.document.get("model")
        if progress.best_step and progress.step < self.trainer.steps:
            self._restore_model()

    def _restore_model(self) -> None:
        """Writes the best model anew where the file is another, or none."""
        path = self.place.folder / MODEL_FILE
        try:
            found = read_document_file(path)[0]["sha256"]
        except CheckpointError as error:
            self.notes.append(f"{str(error).split('; ')[0]}; written anew from {TRAINING_FILE}")
            found = None
        if found != self.saver.model_sum:
            # What is learned in validations, such as temperatures, belongs to the model.
            with torch.no_grad(), self.trainer.best_weights():
                self.job.model.network.eval()
                self.job.validate()
            self.saver.keep_model(self._best_model)

    def _document(self, progress: dict[str, Any]) -> dict[str, Any]:
        return {
            "task": self.job.name,
            "settings": self.job.settings.plain(),
            "data": self.data,
            "command": dict(self.place.command),
            "budget": self.budget.plain(),
            "steps": self.trainer.steps,
            "throughput": list(astuple(self.plan.throughput)),
            "threads": self.plan.threads,
            "device": self.plan.device,
            "versions": _versions(),
            "progress": progress,
        }

    def _validate(self) -> Score:
        return self.job.validate()


def _versions() -> dict[str, str]:
    return {"charnn": __version__, "torch": torch.__version__}
