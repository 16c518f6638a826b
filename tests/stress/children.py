"""Work that may end its process: done in a child, which tells how far it came."""

import json
import os
import signal
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

Task = TypeVar("Task")

PATIENCE = 60
"""Seconds after which a piece of work is ended."""


def apart(work: Callable[[Task], Any], tasks: Sequence[Task]) -> list[Any]:
    """What the work gives for each task, as JSON brings it home; where it ended the child, a sentence that says how."""
    found: list[Any] = []
    while len(found) < len(tasks):
        reader, writer = os.pipe()
        child = os.fork()
        if not child:
            os.close(reader)
            _work(work, tasks[len(found) :], writer)
        os.close(writer)
        with open(reader, encoding="utf-8") as lines:
            found += [json.loads(line) for line in lines if line.endswith("\n")]
        status = os.waitpid(child, 0)[1]
        if status and len(found) < len(tasks):
            is_signal = os.WIFSIGNALED(status)
            found.append(f"ended the process by {signal.Signals(os.WTERMSIG(status)).name if is_signal else 'an exception'}")
    return found


def _work(work: Callable[[Task], Any], tasks: Sequence[Task], writer: int) -> None:
    """Never returns."""
    code = 1
    try:
        with open(writer, "w", encoding="utf-8") as lines:
            for task in tasks:
                signal.alarm(PATIENCE)
                lines.write(json.dumps(work(task)) + "\n")
                lines.flush()
        code = 0
    finally:
        os._exit(code)
