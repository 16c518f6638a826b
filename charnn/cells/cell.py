"""All that others ask of a recurrent cell: plain data and functions, filled in by the cell's own file."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from charnn.kernels.products import padded

if TYPE_CHECKING:
    from torch import Tensor

Kernel = Callable[..., None]  # A compiled function

CANDIDATE = "candidate"  # The block of rows that is no gate


class Part(NamedTuple):
    """Rows of hidden_to_gates, and the column of a row of sums at which their products are added."""

    first: int
    last: int
    place: int


@dataclass(frozen=True)
class Cell:
    """A recurrent cell; at least `step` or `torch_name` must be given, and what is left out is done by torch.

    A row of sums holds, for one sample at one step, the products of input and hidden state with all biases: a column for each row
    of the weights, and behind them the hidden products of the last block where these are kept apart.
    """

    blocks: tuple[str, ...]
    """Blocks of hidden_size rows of the weights, in their order; all but `candidate` are gates, the logistic function of their sum."""
    states: tuple[str, ...] = ("hidden",)  # Parts of the recurrent state; the first is the output
    reads_hidden: bool = True  # Do the sums depend on the hidden state? Without it there are no hidden_to_gates and hidden_bias
    keeps_apart: bool = False  # Are input and hidden products of the last block kept apart, for a gate that scales only the latter?
    biases: Mapping[str, float] = field(default_factory=dict)  # Initial biases that are not zero, by block
    keepers: Mapping[str, int] = field(default_factory=dict)
    """Gates that decide what is kept: 1 where an open one keeps, -1 where it replaces."""
    step: "Callable[[Tensor, Tensor | None, tuple[Tensor, ...]], tuple[Tensor, ...]] | None" = None
    """(batch, rows) sums of the input and of the hidden state, the state's (batch, hidden) parts -> the new parts, by torch."""
    torch_name: str | None = None  # torch's own function for whole sequences; with `_cell` behind it the one for a single step
    turn: Kernel | None = None
    """A step when sampling: (batch, columns) sums, (states, layers, batch, hidden) states that are changed, a layer."""
    forward: Kernel | None = None
    """A whole sequence: first and last row of the batch, sums (time, batch, columns) that become what the way back needs,
    hidden (time + 1, batch, hidden) of which the first is given, other states (batch, hidden), the packed parts of hidden_to_gates."""
    backward: Kernel | None = None
    """Its gradients: first and last row, what `forward` left in the sums, which becomes the gradient of the sums, hidden, the packed
    transposes, the gradient of the outputs (batch, time, hidden), and zeros (batch, padded hidden) for that of the first state."""
    learning_rate: float = 1e-2  # What suits problems that need memory over a lag
    is_in_place: bool = False  # May the sums of a step lie where its hidden state does? The way back then finds nothing in the sums
    is_identity: bool = False
    """Do recurrent weights start as the identity for such problems, and those of the input small (Le et al. 2015)?"""

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates."""
        return tuple(block for block in self.blocks if block != CANDIDATE)

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """The shape of every weight of a layer by its name."""
        rows = len(self.blocks) * hidden_size
        if not self.reads_hidden:
            return {"input_to_gates": (rows, input_size), "input_bias": (rows,)}
        matrices = {"input_to_gates": (rows, input_size), "hidden_to_gates": (rows, hidden_size)}
        return {**matrices, "input_bias": (rows,), "hidden_bias": (rows,)}

    def columns(self, hidden_size: int) -> int:
        """The length of a row of sums, with room for the last tile of a product."""
        rows = len(self.blocks) * hidden_size
        return rows + padded(hidden_size) if self.keeps_apart else padded(rows)

    def parts(self, hidden_size: int) -> list[Part]:
        """Rows of hidden_to_gates whose products go to neighbouring columns."""
        rows = len(self.blocks) * hidden_size
        if not self.reads_hidden:
            return []
        if not self.keeps_apart:
            return [Part(0, rows, 0)]
        return [Part(0, rows - hidden_size, 0), Part(rows - hidden_size, rows, rows)]

    def add_biases(self, sums: Any, input_bias: Any, hidden_bias: Any = None) -> None:
        """Adds both biases to a row of sums, be they of numpy or of torch."""
        sums[: len(input_bias)] += input_bias
        for part in self.parts(len(input_bias) // len(self.blocks)):
            sums[part.place : part.place + part.last - part.first] += hidden_bias[part.first : part.last]

    def __deepcopy__(self, memo: Any) -> "Cell":
        """Itself: a copied layer is of the same cell."""
        return self

    def split(self, hidden_to_gates: Any) -> Iterator[Any]:
        """The parts of hidden_to_gates."""
        return (hidden_to_gates[part.first : part.last] for part in self.parts(0 if hidden_to_gates is None else hidden_to_gates.shape[1]))
