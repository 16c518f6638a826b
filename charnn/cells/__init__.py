"""Recurrent cells by name, one file each; a file is loaded when something is asked of its cell, so that help pages load none."""

from importlib import import_module
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from charnn.cells.cell import Cell


class Place(NamedTuple):
    """The module whose VARIANTS are a cell's, by activation; the first activation is the default."""

    module: str
    activations: tuple[str, ...] = ("tanh",)


CELLS = {
    "rnn": Place("charnn.cells.rnn", ("tanh", "relu")),
    "lstm": Place("charnn.cells.lstm"),
    "gru": Place("charnn.cells.gru"),
    "mingru": Place("charnn.cells.mingru"),
}


def load_cell(name: str, activation: str) -> "Cell":
    """Return the cell of this name with this activation."""
    cell: Cell = import_module(CELLS[name].module).VARIANTS[activation]
    return cell


def variants() -> dict[str, tuple[str, str]]:
    """Cell and activation by one name for both: `rnn`, `rnn-relu`, `gru`."""
    return {
        name if activation == place.activations[0] else f"{name}-{activation}": (name, activation)
        for name, place in CELLS.items()
        for activation in place.activations
    }
