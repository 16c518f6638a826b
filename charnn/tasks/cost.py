"""What training on data takes on this machine: a job is made as `train` makes it, some updates and a validation are timed."""

import resource
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from charnn.device import choose_device, use_threads
from charnn.tasks.check import Cost, Trial
from charnn.tasks.classifier.job import ClassifierJob
from charnn.tasks.forecaster.job import ForecasterJob
from charnn.tasks.lm.job import LanguageModelJob
from charnn.tasks.tagger.job import TaggerJob
from charnn.tasks.translator.job import TranslatorJob
from charnn.tasks.translator.settings import TranslatorSettings
from charnn.training.job import Place
from charnn.training.probe import measure

JOBS = {"lm": LanguageModelJob, "classifier": ClassifierJob, "tagger": TaggerJob, "forecaster": ForecasterJob}
"""The jobs that find their files in their place."""


def measure_cost(trial: Trial) -> Cost:
    """Trains for some seconds and writes nothing. Raises DataError or SettingError for what cannot be trained on."""
    before = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        valid = () if trial.valid is None else trial.valid.tables
        place = Place(trial.files.tables or trial.files.source, Path(folder) / "run", valid)
        job = _job(trial, place)
    preparation = time.monotonic() - before
    device, threads = choose_device(place.device), use_threads(place.threads)
    job.model.network.to(device)
    throughput = measure(job.model, job.batches, job.validate, job.settings.optimizer, job.settings.loop, device)
    updates = job.batches.steps(1)
    return Cost(
        parameters=sum(one.numel() for one in job.model.network.parameters()),
        preparation_seconds=preparation,
        updates=updates,
        epoch_seconds=throughput.seconds_for(updates, 0),
        validation_seconds=throughput.validation_seconds,
        per_second=throughput.per_second * job.rate,
        unit=job.rate_unit,
        peak_bytes=peak_bytes(),
        device=str(device),
        threads=threads,
    )


def _job(trial: Trial, place: Place) -> Any:
    if isinstance(trial.settings, TranslatorSettings):
        return TranslatorJob(place, trial.settings, trial.files, trial.valid)
    make: Any = JOBS[trial.task]
    return make(place, trial.settings)


def peak_bytes() -> int:
    """The most memory this process ever had."""
    # Linux counts in units of 1,024 bytes, macOS in bytes.
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
