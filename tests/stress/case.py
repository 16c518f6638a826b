"""A command with its files, and how it must end."""

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.stress.desk import desk
from tests.stress.running import Forks, Outcome, complaint

FILE = "FILE"
"""Stands for the file of a case among its arguments."""

TRAINING = ["--steps", "1", "--hidden-size", "4", "--validations", "1", "--threads", "1", "--quiet", "--to", "new"]

Check = Callable[[Outcome, Path], str | None]
"""Says what is wrong with an outcome, if anything is, given the folder in which it came about."""


@dataclass(frozen=True)
class Case:
    """A command that is run on a desk of its own."""

    name: str
    arguments: Sequence[str]
    codes: tuple[int, ...]  # how it may end
    files: Mapping[str, bytes] = field(default_factory=dict)  # on the desk
    stdin: bytes | None = b""
    prepare: Callable[[Path], object] | None = None
    check: Check | None = None  # where it ends with the first of the codes

    def failure(self, place: Path, forks: Forks) -> str | None:
        """Runs it and says what is wrong, if anything is."""
        folder = place / self.name.replace("/", "-")
        shutil.copytree(desk(), folder)
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        if self.prepare is not None:
            self.prepare(folder)
        outcome = forks.run(self.arguments, folder, stdin=self.stdin)
        said = complaint(outcome)
        if said is None and outcome.code not in self.codes:
            said = f"exit code {outcome.code}: {outcome.errors.strip()[-300:]!r}"
        if said is None and self.check is not None and outcome.code == self.codes[0]:
            said = self.check(outcome, folder)
        shutil.rmtree(folder)
        return None if said is None else f"{self.name}: {said}"


def training(arguments: Sequence[str]) -> list[str]:
    """The arguments of a training, as small as can be."""
    return [*arguments, *TRAINING]
