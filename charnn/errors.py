"""What can go wrong that a user can cause; each kind knows its exit code."""

from typing import ClassVar


class CharnnError(Exception):
    """A failure to be told in one sentence: what, where, and what to do."""

    exit_code: ClassVar[int] = 1


class SettingError(CharnnError):
    """A setting that is out of its limits, or that contradicts another or the model."""

    exit_code = 2

    def __init__(self, name: str, message: str) -> None:
        super().__init__(f"{name} {message}")
        self.name = name
        self.reason = message


class DataError(CharnnError):
    """A corpus, table or label that cannot be used; names path and line where there is one."""


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
