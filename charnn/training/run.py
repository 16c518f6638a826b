"""A training run of any task: from a model to a run folder; a budget in minutes becomes a number of steps by the measured speed."""

import copy
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from itertools import islice
from statistics import median
from typing import Any

import torch

from charnn import __version__
from charnn.cells.rowwise import reading
from charnn.checkpoint.documents import read_document_file
from charnn.checkpoint.model import MODEL_FILE, SavedModel
from charnn.device import choose_device, use_threads
from charnn.errors import CheckpointError, SettingError
from charnn.training.card import model_card
from charnn.training.folder import TRAINING_FILE, Lock, Saver, check_free
from charnn.training.model import Model, Place, Plan, Report, Throughput
from charnn.training.resume import Stored, fingerprint, read_stored
from charnn.training.settings import BudgetSettings, SavingSettings
from charnn.training.trainer import Trainer, is_finite, state_of, take_state

PROBE_SECONDS, GLANCE_SECONDS = 3.0, 0.3  # Seconds of measuring for a budget in minutes, and where the speed is only shown
WARM_STEPS = 3  # Updates that are not measured: the first ones compile kernels and fill caches


def measure(model: Model, device: torch.device, *, careful: bool = True) -> Throughput:
    """Return the speed of training, measured for some seconds; weights and random states stay as they were."""
    weights = copy.deepcopy(model.network.state_dict())
    trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=1_000_000, device=device)
    model.network.train()
    with torch.random.fork_rng([device] if device.type == "cuda" else []):
        seconds, counts = _time_updates(trainer, model, PROBE_SECONDS if careful else GLANCE_SECONDS)
        # Compiles what only a validation runs; with that, the first one of an installation would take ten times as long.
        model.network.eval()
        with torch.no_grad():
            model.loss(next(model.batches.since(0)), None)
        before = time.monotonic()
        trainer.validation(model.validate)
        validation = time.monotonic() - before
    model.network.load_state_dict(weights)
    # The median ignores short loads of other processes; document batches differ in size, so there it is the mean.
    step = median(seconds) if len(set(counts)) == 1 else sum(seconds) / len(seconds)
    return Throughput(step, sum(counts) / len(counts), validation)


def _time_updates(trainer: Trainer, model: Model, most: float) -> tuple[list[float], list[int]]:
    """Return the seconds and the predictions of each update."""
    seconds: list[float] = []
    counts: list[int] = []
    for number, batch in enumerate(islice(model.batches.since(0), 1000)):
        before = time.monotonic()
        loss = trainer.advance(batch)
        _wait(trainer.device)
        if number >= WARM_STEPS:
            seconds.append(time.monotonic() - before)
            counts.append(loss.count)
        if sum(seconds) > most:
            break
    return seconds, counts


def _wait(device: torch.device) -> None:
    """Wait until the device has finished its queue."""
    if device.type == "cuda":
        torch.cuda.synchronize()
    elif device.type == "mps":
        torch.mps.synchronize()


VERSIONS = {"charnn": __version__, "torch": torch.__version__}


class Run:
    """A model's trainer and its run folder; `plan` describes what it will do, `notes` are warnings about resuming.

    With `place.resume` it continues the run in the folder: with the same machine, versions and threads the result is that of a run
    without an interruption, to the bit. Raises SettingError, before anything is written; BusyError where another trainer has the
    folder; CheckpointError where the state to resume is damaged.
    """

    def __init__(self, place: Place, model: Model, budget: BudgetSettings, saving: SavingSettings | None = None) -> None:
        check_free(place.folder, overwrite=place.overwrite, resume=place.resume)
        self.place, self.model, self.budget = place, model, budget
        self.saver = Saver(place.folder, (saving or SavingSettings()).save_every)
        self.data = fingerprint(*model.training_data())
        self.lock: Lock | None = None
        self.notes: list[str] = []
        self.results: dict[str, Any] = {}
        self._stored: Stored | None = None
        self.device, threads = choose_device(place.device), place.threads
        if place.resume:
            self.lock = Lock(place.folder)
            self._stored, self.notes = read_stored(place.folder)
        if self._stored is not None:
            self._stored.check(model.task, model.settings, self.data)
            threads = threads or self._stored.document["threads"]
            self.notes += self._changes(self._stored.document, threads)
        threads = use_threads(threads)
        model.network.to(self.device)
        self.plan = self._plan(threads)
        self.trainer = Trainer(model, model.settings.optimizer, model.settings.loop, steps=self.plan.steps, device=self.device)
        if self._stored is not None:
            try:
                take_state(self.trainer, self._stored.tensors, self._stored.document["progress"])
            except CheckpointError as error:
                raise CheckpointError(f"{self._stored.path} is damaged: {error}; train it again with --overwrite") from None

    def train(self) -> Iterator[Report]:
        """Train, write the best model on validation and the state of training to the run folder, and yield reports."""
        late = self._begin()
        is_saved = False
        for report in self.trainer.run(self.model.batches, self.model.validate):
            is_validation, trouble = report.valid_loss is not None, self.saver.trouble
            is_saved = False
            if is_validation:
                self.saver.add(report.facts())
            if report.is_best:
                self.saver.keep_model(self._best_model)
            if self.saver.is_due(at_report=is_validation):
                is_saved = self.save()
            new = self.saver.trouble if self.saver.trouble is not trouble else None
            notes = [note for note in (late, report.note, new and f"{new}; training continues, and saving is tried again") if note]
            late = None
            yield replace(report, note="; ".join(notes) or None)
        if not is_saved:
            self.save()

    def save(self) -> bool:
        """Write the state of training and return whether that was done; not if the disk fails, or a number is not finite."""
        arrays, progress = state_of(self.trainer)
        return is_finite(arrays) and self.saver.keep_state(self._document(progress), arrays)

    def break_off(self) -> bool:
        """Save the current state, release the folder, and return whether there is a state on disk to resume from."""
        is_saved = self.save() or (self.place.folder / TRAINING_FILE).exists()
        if self.lock is not None:
            self.lock.release()
        return is_saved

    def finish(self) -> dict[str, Any]:
        """Evaluate the best model on the validation part, write it and its card, and return the results (also in `results`)."""
        with self.trainer.best_weights():
            self.model.network.eval()
            self.results = self.model.finish()
            card = model_card(self.place.folder, self.model, self.plan, self.trainer.progress, self.results)
            self.saver.finish(self._model({**self._best_metrics(), "valid": self.results}), card)
        self.trainer.end()
        if self.lock is not None:
            self.lock.release()
        return self.results

    def saved_model(self) -> SavedModel:
        """Return the current model with the contents of a model file."""
        with self.trainer.kept_weights():
            return self._model({})

    def _model(self, metrics: dict[str, Any]) -> SavedModel:
        model = self.model
        tensors = {name: array.copy() for name, array in model.tensors().items()}
        return SavedModel(model.task, model.settings.plain(), model.learned(), tensors, metrics)

    def _best_model(self) -> SavedModel:
        with self.trainer.best_weights():
            return self._model(self._best_metrics())

    def _best_metrics(self) -> dict[str, Any]:
        # Neither time of day nor minutes: the same run writes the same file.
        return {"step": self.trainer.progress.best_step, "valid_loss": self.trainer.progress.best_loss}

    def _plan(self, threads: int) -> Plan:
        model, loop = self.model, self.model.settings.loop
        throughput = self._stored.throughput if self._stored else measure(model, self.device, careful=self.budget.time is not None)
        done = 0 if self._stored is None else int(self._stored.document["progress"].get("step", 0))
        steps = self._steps(throughput, done)
        resumed = [("resumed", f"at update {done:,} of {steps:,}")] if self._stored else []
        reports = sum(number * steps / loop.validations > done for number in range(1, loop.validations + 1))
        return Plan(
            facts=model.facts() + resumed,
            parameters=sum(one.numel() for one in model.network.parameters()),
            steps=steps,
            epochs=steps / model.batches.epoch_steps,
            device=str(self.device),
            threads=threads,
            throughput=throughput,
            rate=model.rate,
            rate_unit=model.rate_unit,
            loss_unit=model.loss_unit,
            expected_seconds=throughput.seconds_for(steps - done, reports),
        )

    def _steps(self, throughput: Throughput, done: int) -> int:
        """Return the number of updates. Raises SettingError if more are done already."""
        budget, model = self.budget, self.model
        if self._stored is not None and budget.plain() == self._stored.document["budget"]:
            return int(self._stored.document["steps"])
        if budget.time is not None:
            steps = throughput.steps_in(budget.time, model.settings.loop.validations)
        else:
            steps = budget.steps if budget.steps is not None else (budget.epochs or 1) * model.batches.epoch_steps
        if steps < done:
            raise SettingError("resume", f"continues at update {done:,}, and the budget ends at {steps:,}; give a larger one")
        return steps

    def _changes(self, document: Mapping[str, Any], threads: int) -> list[str]:
        """Return notes on changes since the run began, because of which its result may differ."""
        ours = {"threads": threads, "device": str(self.device), **VERSIONS}
        theirs = {"threads": document["threads"], "device": document["device"], **document["versions"]}
        return [
            f"{name} {value}, where the run had {theirs.get(name)}: the result may differ in its last digits"
            for name, value in ours.items()
            if value != theirs.get(name)
        ]

    def _begin(self) -> str | None:
        """Lock the folder, save the first state or restore log and model of a resumed run; return a note on a damaged model, or None."""
        if self.lock is None:
            self.lock = Lock(self.place.folder)
        if self._stored is None:
            self.saver.begin(None)
            self.save()
            if self.saver.trouble is not None:
                raise self.saver.trouble
            return None
        self.saver.begin(self._stored.tensors["metrics"].tobytes())
        self.saver.model_sum, progress = self._stored.document.get("model"), self.trainer.progress
        return self._restore_model() if progress.best_step and progress.step < self.trainer.steps else None

    def _restore_model(self) -> str | None:
        """Write the best model again if the file is missing, damaged or another one; return a note if it was damaged."""
        path = self.place.folder / MODEL_FILE
        note = found = None
        try:
            found = read_document_file(path)[0]["sha256"]
        except CheckpointError as error:
            note = f"{str(error).split('; ')[0]}; written again from {TRAINING_FILE}"
        if found != self.saver.model_sum:
            # A validation fits parts of the model too, such as temperatures.
            with reading(), self.trainer.best_weights():
                self.model.network.eval()
                self.model.validate()
            self.saver.keep_model(self._best_model)
        return note

    def _document(self, progress: dict[str, Any]) -> dict[str, Any]:
        return {
            "task": self.model.task,
            "settings": self.model.settings.plain(),
            "data": self.data,
            "command": dict(self.place.command),
            "budget": self.budget.plain(),
            "steps": self.trainer.steps,
            "throughput": list(self.plan.throughput),
            "threads": self.plan.threads,
            "device": self.plan.device,
            "versions": VERSIONS,
            "progress": progress,
        }
