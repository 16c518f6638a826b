"""Signals that end a command: at once, or in training after the update under way."""

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, NoReturn

EXIT_CODES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
"""128 and the signal's number, as shells have it."""


class Terminated(BaseException):
    """A signal other than an interrupt from the keyboard, as an exception that unwinds the stack."""

    def __init__(self, number: int = signal.SIGTERM) -> None:
        super().__init__(number)
        self.exit_code = EXIT_CODES[signal.Signals(number)]


def unwind(number: int, _: FrameType | None = None) -> NoReturn:
    """The handler outside of training: ends what is going on, at once."""
    raise KeyboardInterrupt if number == signal.SIGINT else Terminated(number)


class Patience:
    """While it is entered, a first signal only shows in `received`, unless `may_throw()`; a second one ends everything at once."""

    def __init__(self, may_throw: Callable[[], bool]) -> None:
        self.received: int | None = None
        self._may_throw = may_throw
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Patience":
        if threading.current_thread() is threading.main_thread():
            for number in EXIT_CODES:
                before = signal.getsignal(number)
                if before is not signal.SIG_IGN:  # nohup, or a job in the background: to be ignored
                    self._before[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        for number, before in self._before.items():
            signal.signal(number, before)

    def end(self) -> None:
        """Ends everything, where a signal came."""
        if self.received is not None:
            unwind(self.received)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        is_first, self.received = self.received is None, number
        if not is_first or self._may_throw():
            unwind(number)
