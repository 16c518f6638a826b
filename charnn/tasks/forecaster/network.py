"""The network of a forecaster: values of a series to what comes next."""

from torch import Tensor, nn

from charnn.cells.rowwise import Linear
from charnn.cells.state import State
from charnn.layers.stack import RecurrentStack
from charnn.tasks.forecaster.settings import ForecasterNetworkSettings


class ForecasterNetwork(nn.Module):
    """Recurrent stack, then one product; it begins by predicting no change."""

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
