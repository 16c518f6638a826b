"""Ends a text at the first stop text, wherever the pieces it comes in are cut."""

from collections.abc import Sequence

from charnn.errors import SettingError


class StopWatch:
    """Passes a text on piece by piece up to the stop text that is completed first.

    Holds back the longest end of a piece that could begin a stop text, so nothing has to be taken back.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        if "" in stops:
            raise SettingError("stop", "must be a text of at least one character, got an empty one")
        self.stops = tuple(stops)
        self.is_stopped = False
        self._held = ""

    def push(self, piece: str) -> str:
        """What can be shown now."""
        if self.is_stopped:
            return ""
        text = self._held + piece
        # The stop text that ends first counts, of several the one that begins first: so the cut cannot depend on the pieces.
        found = [(at + len(stop), at) for stop in self.stops if (at := text.find(stop)) >= 0]
        if found:
            self.is_stopped, self._held = True, ""
            return text[: min(found)[1]]
        shown = len(text) - max((_overlap(text, stop) for stop in self.stops), default=0)
        self._held = text[shown:]
        return text[:shown]

    def finish(self) -> str:
        """What was held back, once the text has ended without a stop text."""
        held, self._held = self._held, ""
        return held


def _overlap(text: str, stop: str) -> int:
    """The length of the longest end of the text that is a beginning of the stop text."""
    longest = min(len(stop) - 1, len(text))
    return next((length for length in range(longest, 0, -1) if text.endswith(stop[:length])), 0)
