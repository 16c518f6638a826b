"""The network of a forecaster: values of a series to predictions of the next ones, and the losses of its objectives."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from charnn.cells.layer import State
from charnn.cells.rowwise import Linear
from charnn.layers.stack import RecurrentStack
from charnn.tasks.forecaster.settings import QUANTILES, ForecasterNetworkSettings


class ForecasterNetwork(nn.Module):
    """Recurrent stack and a linear output, which initially predicts no change."""

    def __init__(self, settings: ForecasterNetworkSettings, *, inputs: int, columns: int) -> None:
        super().__init__()
        self.shape = (settings.horizon, columns, settings.outputs)
        self.stack = RecurrentStack(inputs, settings.stack)
        self.output = Linear(settings.stack.hidden_size, settings.horizon * columns * settings.outputs)
        nn.init.zeros_(self.output.weight)
        nn.init.zeros_(self.output.bias)

    def forward(self, x: Tensor, state: State | None = None) -> tuple[Tensor, State]:
        """(batch, time, inputs) -> (batch, time, horizon, columns, outputs) after every step, and the state after the last."""
        hidden, after = self.stack(x, state)
        return self.output(hidden).unflatten(-1, self.shape), after


def losses(outputs: Tensor, targets: Tensor, objective: str) -> Tensor:
    """(..., outputs) and (...) targets -> (...): half the square, the amount, or the mean pinball loss; 0 where the target is NaN."""
    is_known = ~targets.isnan()
    missing = (torch.where(is_known, targets, 0.0)[..., None] - outputs) * is_known[..., None]
    return LOSSES[objective](missing)


def pinball(missing: Tensor) -> Tensor:
    """(..., quantiles) -> (...): for quantile q, q times the amount above it, 1 - q times that below (Koenker and Bassett 1978)."""
    quantiles = torch.tensor(QUANTILES, device=missing.device)
    return torch.maximum(quantiles * missing, (quantiles - 1) * missing).mean(-1)


LOSSES: dict[str, Callable[[Tensor], Tensor]] = {
    "squared": lambda missing: 0.5 * missing[..., 0] ** 2,
    "absolute": lambda missing: missing[..., 0].abs(),
    "quantile": pinball,
}
"""(..., outputs) differences between target and output -> (...), by objective."""
