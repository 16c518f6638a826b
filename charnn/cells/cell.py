"""The description of a recurrent cell: plain data and functions, which the cell's own file fills in."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

from charnn.kernels.products import padded

if TYPE_CHECKING:
    from torch import Tensor

Kernel = Callable[..., None]  # A compiled function

CANDIDATE = "candidate"  # The block of rows that is no gate


class Part(NamedTuple):
    """Rows of hidden_to_gates, and the columns of a row of sums to which their products are added."""

    rows: slice
    columns: slice


@dataclass(frozen=True)
class Cell:
    """A recurrent cell; `step` or `torch_name` is required, and torch computes what has no function here.

    A row of sums contains, for one sample at one step, the products of input and hidden state plus all biases: a column for each row
    of the weights, followed by the hidden products of the last block if these are kept apart.
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
    torch_name: str | None = None  # torch's own function for whole sequences; with `_cell` appended the one for a single step
    turn: Kernel | None = None
    """One step of sampling: (batch, columns) sums, (states, layers, batch, hidden) states that are changed, a layer."""
    forward: Kernel | None = None
    """A whole sequence: first and last row of the batch, sums (time, batch, columns) that become what `backward` needs,
    hidden (time + 1, batch, hidden) of which the first is given, other states (batch, hidden), the packed parts of hidden_to_gates."""
    backward: Kernel | None = None
    """Its gradients: first and last row, what `forward` left in the sums, which becomes the gradient of the sums, hidden, the packed
    transposes, the gradient of the outputs (batch, time, hidden), and zeros (batch, padded hidden) for that of the first state."""
    learning_rate: float = 1e-2  # For problems that need memory over a lag
    is_in_place: bool = False  # May sums and hidden states use the same memory? `backward` then finds nothing in the sums
    is_identity: bool = False
    """Are recurrent weights initialised as the identity for such problems, and input weights small (Le et al. 2015)?"""

    @property
    def gates(self) -> tuple[str, ...]:
        """Names of the gates."""
        return tuple(block for block in self.blocks if block != CANDIDATE)

    def shapes(self, input_size: int, hidden_size: int) -> dict[str, tuple[int, ...]]:
        """Return the shape of each weight of a layer by its name."""
        rows = len(self.blocks) * hidden_size
        if not self.reads_hidden:
            return {"input_to_gates": (rows, input_size), "input_bias": (rows,)}
        matrices = {"input_to_gates": (rows, input_size), "hidden_to_gates": (rows, hidden_size)}
        return {**matrices, "input_bias": (rows,), "hidden_bias": (rows,)}

    def columns(self, hidden_size: int) -> int:
        """Return the length of a row of sums, padded to whole tiles of a product."""
        rows = len(self.blocks) * hidden_size
        return rows + padded(hidden_size) if self.keeps_apart else padded(rows)

    def parts(self, hidden_size: int) -> list[Part]:
        """Return the parts of hidden_to_gates whose products have neighbouring columns."""
        rows = len(self.blocks) * hidden_size
        if not self.reads_hidden:
            return []
        if not self.keeps_apart:
            return [Part(slice(0, rows), slice(0, rows))]
        last = rows - hidden_size
        return [Part(slice(0, last), slice(0, last)), Part(slice(last, rows), slice(rows, rows + hidden_size))]

    def add_biases(self, sums: Any, input_bias: Any, hidden_bias: Any = None) -> None:
        """Add both biases to a row of sums, all arrays of numpy or all of torch."""
        sums[: len(input_bias)] += input_bias
        for part in self.parts(len(input_bias) // len(self.blocks)):
            sums[part.columns] += hidden_bias[part.rows]

    def __deepcopy__(self, memo: Any) -> "Cell":
        """Return the cell itself: a copied layer has the same cell."""
        return self
