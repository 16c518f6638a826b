"""A task without its code: one record, the inputs of its training, and the call of a verb on its models."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields
from types import ModuleType
from typing import Any

from charnn.cells.settings import StackSettings
from charnn.data.readers import Data
from charnn.data.rows import InputRow, find_inputs, read_rows
from charnn.data.settings import PredictSettings, ReadSettings
from charnn.data.tables.records import BadRow
from charnn.engine.settings import LanguageNetworkSettings
from charnn.errors import DataError, SettingError
from charnn.layers.settings import EncoderSettings
from charnn.settings import Settings, collect, own_settings, setting_type
from charnn.tokenizers.registry import TokenizerSettings, idle_settings
from charnn.training.model import Sources

KEPT = ("dropout", "variational_dropout")  # Settings of a stack that are not taken from a language model
GROWTH = ("min_count", "vocabulary_size")  # Settings of the tokenizer that may be given again: they select among new symbols
STACK_ADOPTED = tuple(one.name for kind in (TokenizerSettings, StackSettings) for one in own_settings(kind) if one.name not in KEPT)
ENCODER_ADOPTED = ("embedding_size", *STACK_ADOPTED)  # Settings that an encoder takes from a language model
MODEL_ADOPTED = tuple(one for one in (*STACK_ADOPTED, *(part.name for part in own_settings(LanguageNetworkSettings))) if one not in GROWTH)
"""Settings that a language model takes from another."""

READING = tuple(one.name for one in own_settings(ReadSettings))  # Options for the format of files


@dataclass(frozen=True)
class Inputs(Settings):
    """Inputs of a training besides its data."""

    def knowing(self, given: Collection[str]) -> Inputs:
        """Return the inputs with what they need to know of the options that were given."""
        return self

    def arranged(self, settings: Any, given: Collection[str], data: Sequence[str]) -> Any:
        """Return the settings adjusted to these inputs and data; raise SettingError for a given option without effect."""
        return settings

    @property
    def files(self) -> tuple[str, ...]:
        """Return files to train on that are given by options."""
        return ()

    @property
    def valid_files(self) -> tuple[str, ...]:
        """Return files to validate on that are given by options other than `--valid`."""
        return ()


def refuse(given: Collection[str], names: Collection[str], reason: str) -> None:
    """Raise SettingError for the first of these options that was given."""
    for name in names:
        if name in given:
            raise SettingError(name, reason)


def refuse_adopted(given: Collection[str], adopted: Sequence[str], which: str) -> None:
    """Raise SettingError for options that a language model to start from determines."""
    refuse(given, adopted, f"comes from the language model {which}; leave it out")


def refuse_characters(encoder: EncoderSettings, given: Collection[str]) -> None:
    """Raise SettingError for sizes of the character encoder where there is none."""
    if not encoder.word_characters:
        refuse(given, ("character_size", "character_hidden_size"), "has no effect without --word-characters; leave it out")


@dataclass(frozen=True)
class Task:
    """One task; its folder has the modules `model`, `report`, `check` and, for verbs of its own, `commands`."""

    name: str  # What models and `train NAME` call it
    summary: str  # The help of `train NAME`: what it trains, and which DATA it reads
    settings: type[Settings]  # All that a model file contains; the first part is for reading data
    package: str  # The folder as Python imports it
    model: str  # The name of the class in `model`
    corpus: str  # Built-in data, read where no others are given
    held_out: str  # The data that `--valid-fraction` holds out
    inputs: type[Inputs] = Inputs  # Options of `train` that a model file does not contain
    reading: type[Settings] = Settings  # Options for reading other data than the training data
    predicting: type[Settings] = PredictSettings
    evaluating: type[Settings] = Settings
    abilities: tuple[str, ...] = ()  # Further abilities of its models: write, attention, predictions, forecast

    @property
    def data_settings(self) -> type[Settings]:
        """Return the class of the settings for reading data."""
        kind: type[Settings] = setting_type(self.settings, fields(self.settings)[0].name)
        return kind

    def part(self, module: str) -> ModuleType:
        """Return a module of the task's folder."""
        return importlib.import_module(f"{self.package}.{module}")

    def verb(self, name: str) -> Callable[..., Any] | None:
        """Return the function of this name in the task's `commands` module; None where there is none."""
        has_commands = importlib.util.find_spec(f"{self.package}.commands") is not None
        return getattr(self.part("commands"), name, None) if has_commands else None

    @property
    def model_class(self) -> Any:
        """Return the class of its models."""
        return getattr(self.part("model"), self.model)


@dataclass(frozen=True)
class Call:
    """The arguments and options of a command on a model, and its ways to answer."""

    arguments: Sequence[str]  # Data or texts
    options: dict[str, Any]  # The options that were given, by name
    write: Callable[[str], None]  # Writes to standard output
    say: Callable[[str], None]  # Writes a line to standard error
    pipe: Callable[..., int]  # Answers rows of text; gives the exit code

    @property
    def how(self) -> dict[str, Any]:
        """Return the given options for the format of files."""
        return {name: value for name, value in self.options.items() if name in READING}

    def collected(self, kind: type[Any]) -> Any:
        """Return the settings of a class, with the options that were given."""
        return collect(kind, self.options)

    def texts(self, rows: PredictSettings) -> Iterator[str]:
        """Return the texts of the arguments; raise DataError for a bad row."""
        for row in read_rows(find_inputs(self.arguments, rows), rows):
            if isinstance(row, BadRow):
                raise DataError(row.message)
            if isinstance(row, InputRow):
                yield row.text

    def refuse(self, names: Collection[str], reason: str) -> None:
        """Raise SettingError for the first of these options that was given."""
        refuse(self.options, names, reason)


def arranged(task: Task, values: Mapping[str, Any], given: Collection[str], data: Sequence[str]) -> tuple[Any, Inputs]:
    """Return the settings and inputs of a training from values by name; raise SettingError for contradictions.

    given: the names of the values that a user chose; the others are defaults, which may be for another tokenizer than the chosen one.
    """
    idle = idle_settings(values["tokenizer"]) if "tokenizer" in values else {}
    suited = {**values, **{name: default for name, default in idle.items() if name not in given}}
    inputs = collect(task.inputs, suited).knowing(given)
    return inputs.arranged(collect(task.settings, suited), given, data), inputs


def sources_of(task: Task, data: Data, valid: Data, valid_fraction: float | None, inputs: Inputs) -> Sources:
    """Return what a training reads: by default the task's built-in data; raise SettingError for two ways to validate."""
    if valid_fraction is not None and (valid or inputs.valid_files):
        raise SettingError("valid_fraction", "and data to validate on exclude each other; give one")
    return Sources(data or (() if inputs.files else (task.corpus,)), valid, valid_fraction)


def option_values(kind: type[Settings], options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the options that are a class's own settings as keyword arguments; none for the plain settings of rows."""
    if kind is PredictSettings:
        return {}
    settings = collect(kind, options)
    return {one.name: getattr(settings, one.name) for one in own_settings(kind)}
