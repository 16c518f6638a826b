"""Windows of a series, drawn at random: a pure function of (seed, step)."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Window:
    """Rows of values in a row, and what is to be said after each."""

    inputs: NDArray[np.float32]  # (batch, time, inputs)
    targets: NDArray[np.float32]  # (batch, time, horizon, columns), NaN where nobody knows


class WindowBatches:
    """Batches of windows that begin anywhere; an epoch is as many as it takes to read every value once."""

    def __init__(
        self, inputs: NDArray[np.float32], targets: NDArray[np.float32], *, batch_size: int, window: int, is_last: bool, seed: int
    ) -> None:
        """is_last: only what follows the last value of a window is learned."""
        self.inputs, self.targets = inputs, targets
        self.rows, self.width, self.is_last, self.seed = batch_size, min(window, len(inputs)), is_last, seed
        # A window after which nobody knows anything teaches nothing.
        self.places = len(inputs) - self.width + 1 - (1 if len(inputs) > self.width else 0)
        self.epoch_steps = max(1, len(inputs) // (self.rows * self.width))

    def steps(self, epochs: int) -> int:
        """How many batches the first so many epochs have."""
        return epochs * self.epoch_steps

    def epoch_of(self, step: int) -> float:
        """How many epochs are over after so many batches."""
        return step / self.epoch_steps

    def since(self, step: int) -> Iterator[Window]:
        """The batches from this number on, without end."""
        while True:
            yield self.batch(step)
            step += 1

    def batch(self, step: int) -> Window:
        """The batch of a number."""
        begins = np.random.default_rng((self.seed, step)).integers(self.places, size=self.rows)
        places = begins[:, None] + np.arange(self.width)  # (batch, time)
        targets: NDArray[Any] = self.targets[places]
        if self.is_last:
            targets[:, :-1] = np.nan
        return Window(self.inputs[places], targets)
