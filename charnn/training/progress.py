"""How far a run has come: plain numbers that resuming needs."""

import math
from dataclasses import asdict, dataclass, fields
from typing import Any

from charnn.errors import CheckpointError


@dataclass
class Progress:
    """Everything that a trainer counts; with the tensors of its state, all it knows."""

    step: int = 0  # updates made
    validated: int = 0  # the update after which was last validated
    predictions: int = 0  # trained on
    seconds: float = 0.0  # of training, in all processes
    total: float = 0.0  # nats since the last validation
    count: int = 0  # predictions since the last validation
    best_step: int = 0  # 0: no validation was finite yet
    best_loss: float = math.inf
    best_error: float = math.inf
    stale: int = 0  # validations since the best
    skipped: int = 0  # updates in a row without a finite loss
    returns: int = 0  # to the best weights, since those were found
    rate: float = 1.0  # times the learning rate of the settings

    @property
    def mean(self) -> float:
        """Nats per prediction since the last validation."""
        return self.total / self.count if self.count else math.nan

    def plain(self) -> dict[str, Any]:
        """As JSON takes it: no infinity."""
        return {name: value if math.isfinite(value) else None for name, value in asdict(self).items()}

    @classmethod
    def restore(cls, plain: Any) -> "Progress":
        """From plain(). Raises CheckpointError."""
        names = {one.name: type(one.default) for one in fields(cls)}
        if not isinstance(plain, dict) or plain.keys() != names.keys():
            raise CheckpointError("its progress is damaged")
        values: dict[str, Any] = {name: math.inf if value is None else value for name, value in plain.items()}
        for name, value in values.items():
            is_number = isinstance(value, (int, float) if names[name] is float else int) and not isinstance(value, bool)
            if not is_number or (value < 0 and name not in ("total", "best_loss", "best_error")):
                raise CheckpointError(f"its progress is damaged: {name} is {value!r:.40}")
        return cls(**values)
