"""Recurrent cells by name, one file each, loaded only when needed, so that help pages load none."""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from charnn.cells.cell import Cell


class Place(NamedTuple):
    """The module whose VARIANTS contain a cell by activation, and the activations, the default first."""

    module: str
    activations: tuple[str, ...] = ("tanh",)


CELLS = {
    "rnn": Place("charnn.cells.rnn", ("tanh", "relu")),
    "lstm": Place("charnn.cells.lstm"),
    "gru": Place("charnn.cells.gru"),
    "mingru": Place("charnn.cells.mingru"),
}


def load_cell(name: str, activation: str) -> "Cell":
    """Return the cell with this name and activation."""
    cell: Cell = import_module(CELLS[name].module).VARIANTS[activation]
    return cell


def variants() -> dict[str, tuple[str, str]]:
    """Return each cell and activation by one name for both: `rnn`, `rnn-relu`, `gru`."""
    return {
        name if activation == place.activations[0] else f"{name}-{activation}": (name, activation)
        for name, place in CELLS.items()
        for activation in place.activations
    }
