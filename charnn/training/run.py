"""A training run, whatever the task: a job in, a run folder out."""

from collections.abc import Iterator, Mapping
from dataclasses import astuple, replace
from typing import Any

import torch

from charnn import __version__
from charnn.cells.rowwise import reading
from charnn.checkpoint.documents import read_document_file
from charnn.checkpoint.model import MODEL_FILE, SavedModel
from charnn.device import choose_device, use_threads
from charnn.errors import CheckpointError, SettingError
from charnn.training.card import model_card
from charnn.training.fingerprint import fingerprint
from charnn.training.folder import TRAINING_FILE, Lock, clear
from charnn.training.job import Job, Place, Plan
from charnn.training.probe import Throughput, measure
from charnn.training.resume import Stored, read_stored
from charnn.training.saving import Saver
from charnn.training.settings import BudgetSettings, SavingSettings
from charnn.training.state import is_finite, state_of, take_state
from charnn.training.task import Score
from charnn.training.trainer import Report, Trainer


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
        late = self._begin()
        is_saved = False
        for report in self.trainer.run(self.job.batches, self._validate):
            is_validation, trouble = report.valid_loss is not None, self.saver.trouble
            is_saved = False
            if is_validation:
                self.saver.add(report)
            if report.is_best:
                self.saver.keep_model(self._best_model)
            if self.saver.is_due(at_report=is_validation):
                is_saved = self.save()
            said = self.saver.trouble if self.saver.trouble is not trouble else None
            notes = [note for note in (late, report.note, said and f"{said}; training goes on, and saving is tried again") if note]
            late = None
            yield replace(report, note="; ".join(notes) or None)
        if not is_saved:
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
        steps, done = self._steps(throughput), self._done
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

    @property
    def _done(self) -> int:
        """Updates that were made before this run goes on."""
        return 0 if self._stored is None else int(self._stored.document["progress"].get("step", 0))

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
        if steps < self._done:
            raise SettingError("resume", f"goes on at update {self._done:,}, and the budget ends at {steps:,}; give a larger one")
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

    def _begin(self) -> str | None:
        """Takes the folder, and makes what is in it fit the state that training begins with; says what was amiss there."""
        if self.lock is None:
            self.lock = Lock(self.place.folder)
        if self._stored is None:
            clear(self.place.folder)
            self.saver.begin(b"")
            self.save()
            if self.saver.trouble is not None:
                raise self.saver.trouble
            return None
        self.saver.begin(self._stored.log)
        progress = self.trainer.progress
        self.saver.model_sum = self._stored.document.get("model")
        return self._restore_model() if progress.best_step and progress.step < self.trainer.steps else None

    def _restore_model(self) -> str | None:
        """Writes the best model anew where the file is another, or none; says so where it was damaged."""
        path = self.place.folder / MODEL_FILE
        note = found = None
        try:
            found = read_document_file(path)[0]["sha256"]
        except CheckpointError as error:
            note = f"{str(error).split('; ')[0]}; written anew from {TRAINING_FILE}"
        if found != self.saver.model_sum:
            # What is learned in validations, such as temperatures, belongs to the model.
            with reading(), self.trainer.best_weights():
                self.job.model.network.eval()
                self.job.validate()
            self.saver.keep_model(self._best_model)
        return note

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
