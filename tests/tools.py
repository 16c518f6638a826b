"""Small helpers that many tests share."""

from collections.abc import Callable
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from charnn.cli.main import main


def charnn(*arguments: object, text: str | bytes | None = None) -> Result:
    """Run a command in this process, with a text as its standard input."""
    return CliRunner().invoke(main, [str(one) for one in arguments], input=text)


def write(name: str, content: str | bytes) -> str:
    """Write a file, with the folders above it, and return its name."""
    path = Path(name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return name


def message(kind: type[Exception], make: Callable[[], object]) -> str:
    """Return the message of the error that a call raises."""
    with pytest.raises(kind) as caught:
        make()
    return str(caught.value)


def in_colour(terminal: pytest.MonkeyPatch) -> None:
    """Make the terminal one with all colours."""
    for name, value in {"FORCE_COLOR": "1", "COLORTERM": "truecolor", "TERM": "xterm-256color"}.items():
        terminal.setenv(name, value)
