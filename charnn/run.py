"""A training run of a language model: corpus and settings in, a run folder out."""

import json
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from charnn.card import model_card
from charnn.checkpoint import CARD_FILE, METRICS_FILE, MODEL_FILE, SavedModel, load_model, save_model, storage_errors, write_whole
from charnn.device import choose_device, use_threads
from charnn.errors import DataError, SettingError
from charnn.tasks.lm import LanguageModel
from charnn.tasks.settings import LanguageModelSettings
from charnn.text.corpus import Corpus
from charnn.text.store import scratch_folder
from charnn.text.tokenized import Part, TokenizedText, split_corpus, tokenize, whole
from charnn.text.tokenizers import fit_tokenizer
from charnn.training.probe import Throughput, measure
from charnn.training.settings import BudgetSettings
from charnn.training.trainer import Report, Trainer


@dataclass(frozen=True)
class Place:
    """Where a run reads, computes and writes."""

    corpus: Sequence[str | Path]
    folder: Path
    valid: Path | None = None  # validation from a file of its own
    valid_share: float | None = None  # else: this share of the corpus; None is a tenth, or a million characters if that is less
    device: str = "auto"
    threads: int | None = None
    overwrite: bool = False


@dataclass(frozen=True)
class Plan:
    """What a run is about to do: said before the first update."""

    corpus: str
    train: TokenizedText
    valid: TokenizedText
    vocabulary: int
    network: str
    parameters: int
    steps: int
    epochs: float
    device: str
    threads: int
    throughput: Throughput
    characters_per_second: float
    expected_seconds: float


class Run:
    """Data, model and trainer of a run, ready to go; `plan` says what it will do.

    Raises DataError, SettingError or StorageError before anything is written.
    """

    def __init__(self, place: Place, settings: LanguageModelSettings, budget: BudgetSettings) -> None:
        check_free(place.folder, place.overwrite)
        self.place = place
        self.device = choose_device(place.device)
        threads = use_threads(place.threads)
        self.corpus = Corpus(place.corpus, settings.corpus)
        scratch = scratch_folder()
        train, valid = self._parts(settings)
        if not any(train.chunks()):
            raise DataError(f"{self.corpus.name} holds too little text to train on; give more")
        tokenizer = fit_tokenizer(train.chunks, settings.tokens)
        self.settings = settings = replace(settings, network=settings.network.for_vocabulary(tokenizer.size))
        labels = self.corpus.labels()
        self.train_text = tokenize(tokenizer, train, labels, scratch)
        self.valid_text = tokenize(tokenizer, valid, labels, scratch)
        if len(self.valid_text.ids) < 2:
            raise DataError(f"{self.corpus.name} leaves no text for validation; give more text, a larger --valid-share or --valid FILE")
        self.model = LanguageModel(settings, tokenizer, labels)
        self.model.network.to(self.device)
        self.batches = self.model.batches(self.train_text)
        self.plan = self._plan(budget, threads)
        self.trainer = Trainer(self.model, settings.optimizer, settings.loop, steps=self.plan.steps, device=self.device)
        self.seconds = 0.0
        self.is_saved = False

    def train(self) -> Iterator[Report]:
        """Trains, keeps the best model on validation in the run folder, and gives a report now and then."""
        folder = self.place.folder
        with storage_errors(folder):
            folder.mkdir(parents=True, exist_ok=True)
            (folder / METRICS_FILE).unlink(missing_ok=True)
        for report in self.trainer.run(self.batches, self._validate):
            self.seconds = report.seconds
            if report.valid_loss is not None:
                self._log(report)
            if report.is_best:
                self._save({"step": report.step, "valid_loss": report.valid_loss})
            yield report

    def finish(self) -> dict[str, Any]:
        """Evaluates the best model on the validation part under every protocol that fits, and writes the model card."""
        saved = load_model(self.place.folder)
        self.model.take_weights(saved.tensors)
        protocols = ["documents"] if self.valid_text.starts is not None else ["streamed", "windows"]
        results = {protocol: self.model.evaluate(self.valid_text, protocol) for protocol in protocols}
        metrics = {**saved.metrics, "minutes": round(self.seconds / 60, 2), "valid": results}
        save_model(self.place.folder / MODEL_FILE, SavedModel("lm", saved.settings, saved.learned, saved.tensors, metrics))
        write_whole(self.place.folder / CARD_FILE, model_card(self, metrics).encode())
        return results

    def saved_model(self, metrics: dict[str, Any] | None = None) -> SavedModel:
        """The model as it stands, as a model file would hold it."""
        with self.trainer.kept_weights():
            tensors = {name: array.copy() for name, array in self.model.tensors().items()}
        return SavedModel("lm", self.settings.plain(), self.model.learned(), tensors, metrics or {})

    def _parts(self, settings: LanguageModelSettings) -> tuple[Part, Part]:
        if self.place.valid is not None:
            return whole(self.corpus), whole(Corpus([self.place.valid], settings.corpus))
        return split_corpus(self.corpus, self.place.valid_share, settings.loop.seed)

    def _plan(self, budget: BudgetSettings, threads: int) -> Plan:
        settings = self.settings
        throughput = measure(self.model, self.batches, self._validate, settings.optimizer, settings.loop, self.device)
        reports = settings.loop.reports
        if budget.minutes is not None:
            steps = throughput.steps_in(budget.minutes, reports)
        else:
            steps = budget.steps if budget.steps is not None else self.batches.steps(budget.epochs or 1)
        tokens = max(1, len(self.train_text.ids))
        return Plan(
            corpus=self.corpus.name,
            train=self.train_text,
            valid=self.valid_text,
            vocabulary=self.model.tokenizer.size,
            network=f"{settings.network.stack.cell}, {settings.network.stack.layers} x {settings.network.stack.hidden_size} units",
            parameters=self.model.parameters,
            steps=steps,
            epochs=self.batches.epoch_of(steps),
            device=str(self.device),
            threads=threads,
            throughput=throughput,
            characters_per_second=throughput.tokens_per_second * self.train_text.counts.characters / tokens,
            expected_seconds=throughput.seconds_for(steps, reports),
        )

    def _validate(self) -> float:
        return self.model.quick_loss(self.valid_text)

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
