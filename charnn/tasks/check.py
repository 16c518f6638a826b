"""Data before training: what the files hold, what is wrong with them, and whether they can be trained on."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from charnn.check.contents import OPEN, Contents, Opened, Problems
from charnn.check.health import Health, examine_bytes
from charnn.check.histogram import length_classes
from charnn.data.pairs import PairFiles
from charnn.data.readers import Decoding, Source, read_text
from charnn.errors import DataError
from charnn.tasks.classifier.settings import ClassifierSettings
from charnn.tasks.forecaster.check import open_series
from charnn.tasks.forecaster.settings import ForecasterSettings
from charnn.tasks.lm.settings import LanguageModelSettings
from charnn.tasks.tagger.settings import TaggerSettings
from charnn.tasks.translator.settings import TranslatorSettings

Settings = LanguageModelSettings | ClassifierSettings | TaggerSettings | TranslatorSettings | ForecasterSettings

SETTINGS: dict[str, type[Settings]] = {
    "lm": LanguageModelSettings,
    "classifier": ClassifierSettings,
    "tagger": TaggerSettings,
    "translator": TranslatorSettings,
    "forecaster": ForecasterSettings,
}
"""All settings of each task."""


@dataclass(frozen=True)
class Trial:
    """What would be trained on what."""

    task: str
    settings: Settings
    files: PairFiles
    """The files; only a translator's can be parallel ..."""
    valid: PairFiles | None = None
    """... and those to validate on; None is a share of the others."""


@dataclass(frozen=True)
class Cost:
    """What training takes on this machine, measured."""

    parameters: int
    preparation_seconds: float
    """From the files to the first update."""
    updates: int
    """Of an epoch."""
    epoch_seconds: float
    validation_seconds: float
    per_second: float
    """So many of these in a second:"""
    unit: str
    peak_bytes: int
    """Most memory of the process until the first validation."""
    device: str
    threads: int


@dataclass(frozen=True)
class Check:
    """What was found out about data."""

    task: str
    because: str | None
    """What told the task, where it was guessed."""
    health: Health
    contents: Contents
    problems: Problems
    reason: str | None
    """Why it cannot be trained on, as training would say it; None where nothing speaks against it."""

    def rows(self) -> list[tuple[str, str]]:
        """(name, value) rows to print, warnings last."""
        guessed = f" ({self.because}; --task says otherwise)" if self.because else ""
        rows = [("task", f"{self.task}{guessed}"), *self.health.lines_of_text(), *self.contents.rows]
        # A single one is the reason, which stands in the verdict.
        told = self.problems.told if self.problems.count > 1 or self.problems.told != [self.reason] else []
        warnings = [row for row in rows if row[0] == "warning"] + [("warning", text) for text in told]
        if self.problems.count > len(self.problems.told):
            warnings.append(("warning", f"and {self.problems.count - len(self.problems.told):,} more like these"))
        return [row for row in rows if row[0] != "warning"] + warnings

    def facts(self) -> dict[str, Any]:
        """The same, ready for JSON."""
        return {
            "task": self.task,
            "because": self.because,
            "health": self.health.facts(),
            **self.contents.facts,
            "lengths": {name: _lengths(counts) for name, counts in self.contents.lengths.items()},
            "problems": {"count": self.problems.count, "told": self.problems.told},
            "warnings": [text for name, text in self.rows() if name == "warning"],
        }


def check_data(trial: Trial, because: str | None = None) -> Check:
    """Reads the files to their end, whatever is wrong with them; of a language model's, in bounded memory.

    Raises DataError for what is missing or unreadable, SettingError for what contradicts itself.
    """
    data = trial.settings.corpus if isinstance(trial.settings, LanguageModelSettings) else trial.settings.data
    problems = Problems()
    opened = _opened(trial, problems)
    health = examine_bytes(opened.sources, data.encoding)
    contents = opened.read()
    reason = None
    if data.errors == "strict" and (health.found["invalid"].count or health.found["nul"].count):
        reason = _refusal(opened.sources, Decoding(data.encoding, "strict", "keep"))
    if reason is None and problems.told:
        reason = problems.told[0]
    return Check(trial.task, because, health, contents, problems, reason)


def _opened(trial: Trial, problems: Problems) -> Opened:
    if isinstance(trial.settings, ForecasterSettings):
        return open_series(trial.files, trial.valid, trial.settings, problems)
    data = trial.settings.corpus if isinstance(trial.settings, LanguageModelSettings) else trial.settings.data
    return OPEN[trial.task](trial.files, trial.valid, data, trial.settings.loop.seed, problems)


def _refusal(sources: list[Source], decoding: Decoding) -> str | None:
    """What reading says of the first file that is no text."""
    try:
        for source in sources:
            for _ in read_text(source, decoding):
                pass
    except DataError as error:
        return str(error)
    return None


def _lengths(counts: Mapping[int, int]) -> dict[str, Any]:
    return {"longest": max(counts, default=0), "classes": [list(one) for one in length_classes(counts)]}
