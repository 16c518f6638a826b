"""Errors that a user can cause; each kind has its exit code."""

from typing import ClassVar


class CharnnError(Exception):
    """A failure, described in one sentence: what, where, and what to do."""

    exit_code: ClassVar[int] = 1


class SettingError(CharnnError, ValueError):
    """A setting that is outside its limits, or that contradicts another or the model."""

    exit_code = 2

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")
        self.name = name
        self.reason = message


class DataError(CharnnError, ValueError):
    """A corpus, table or label that cannot be used; with path and line where there are any."""


class ArgumentKindError(CharnnError, TypeError):
    """A Python argument of the wrong type."""


class ArgumentValueError(CharnnError, ValueError):
    """A Python argument of the right type that cannot be used."""


class DivergedError(CharnnError):
    """Training whose loss or gradient stopped being finite."""

    exit_code = 3


class CheckpointError(CharnnError):
    """A run or model file that is damaged, foreign or missing."""

    exit_code = 4


class StorageError(CharnnError):
    """A disk that is full or cannot be written."""

    exit_code = 5


class BusyError(CharnnError):
    """A run folder that another trainer is writing to."""


class MissingExtra(CharnnError):
    """An optional package that is needed and not installed."""

    def __init__(self, package: str, extra: str) -> None:
        super().__init__(f"this needs {package}; install it with: pip install 'charnn[{extra}]'")
