"""Settings of a stack of recurrent layers, and hidden units by name: `2:17` is unit 17 of layer 2; layers count from 1, units from 0."""

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from charnn.cells import CELLS, load_cell
from charnn.errors import SettingError
from charnn.settings import Settings, setting

if TYPE_CHECKING:
    from charnn.cells.cell import Cell

ACTIVATIONS = tuple(dict.fromkeys(activation for place in CELLS.values() for activation in place.activations))

Clamps = Mapping[tuple[int, int], float]
"""(layer, unit) -> the value at which the unit's output is fixed after every step; layers from 1, units from 0."""

MOST = 1e6  # The largest size of a clamped output: far above any that a network reaches, and far from overflow


@dataclass(frozen=True)
class StackSettings(Settings):
    """Settings of a stack of recurrent layers."""

    cell: str = setting("gru", "Recurrent cell.", choices=CELLS)
    activation: str = setting("tanh", "Activation of the rnn cell.", choices=ACTIVATIONS)
    layers: int = setting(1, "Recurrent layers, one above the other.", least=1, most=64)
    hidden_size: int = setting(384, "Units of every recurrent layer.", least=1, most=16384)
    dropout: float = setting(0.0, "Fraction of units dropped at the input, between layers and at the output.", least=0, most=0.9)
    variational_dropout: bool = setting(False, "Drop the same units at every time step of a window.", was="locked_dropout")
    layer_norm: bool = setting(False, "Normalise the input of every layer and of the output projection.")
    residual: bool = setting(False, "Add a layer's input to its output wherever their sizes agree.")
    initial_state: str = setting("zero", "Recurrent state before the first token.", choices=("zero", "learned"))
    initial_memory: int | None = setting(
        None, "Most steps that gates remember before training; for lags of hundreds of steps (every cell but rnn).", least=2, most=1_000_000
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.activation not in CELLS[self.cell].activations:
            others = " and ".join(name for name, place in CELLS.items() if self.activation in place.activations)
            raise SettingError("activation", f"is a choice of the {others} cell only, and the cell is {self.cell}")
        if self.variational_dropout and not self.dropout:
            raise SettingError("variational_dropout", "has no effect without dropout; give dropout too")
        if self.initial_memory is not None and not self.loaded_cell.keepers:
            raise SettingError("initial_memory", f"needs gates that keep a state, and the cell {self.cell} has none")

    @property
    def loaded_cell(self) -> "Cell":
        """The cell, loaded from its file together with its compiled code."""
        return load_cell(self.cell, self.activation)

    @property
    def state_shape(self) -> tuple[int, int, int]:
        """(states, layers, hidden) of the recurrent state of one sequence."""
        return len(self.loaded_cell.states), self.layers, self.hidden_size

    def words(self) -> str:
        """Return a short description: `gru, 1 x 384 units`."""
        return f"{self.cell}, {self.layers} x {self.hidden_size} units"

    def input_sizes(self, input_size: int) -> list[int]:
        """Return the width of each layer's input, the first layer's first."""
        return [input_size] + [self.hidden_size] * (self.layers - 1)


class Unit(NamedTuple):
    """A hidden unit; layers count from 1, units from 0."""

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"


def parse_unit(text: str, stack: StackSettings, option: str) -> Unit:
    """Return the unit that `LAYER:UNIT` names; raise SettingError where the stack has no such unit."""
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text.strip())
    if found is None:
        raise SettingError(option, f"must be LAYER:UNIT, such as 1:0; got {text!r}")
    unit = Unit(*map(int, found.groups()))
    check_unit(unit, stack, option)
    return unit


def check_unit(unit: tuple[int, int], stack: StackSettings, option: str) -> None:
    """Raise SettingError, naming the range, for a unit that the stack does not have."""
    layer, number = unit
    if not 1 <= layer <= stack.layers or not 0 <= number < stack.hidden_size:
        layers = "layer 1" if stack.layers == 1 else f"layers 1 to {stack.layers}"
        raise SettingError(option, f"names unit {layer}:{number}, and this model has {layers} with units 0 to {stack.hidden_size - 1}")


def parse_clamps(texts: Iterable[str], stack: StackSettings) -> dict[tuple[int, int], float]:
    """Return the clamps that texts `LAYER:UNIT=VALUE` name; raise SettingError where one is malformed, out of range or given twice."""
    clamps: dict[tuple[int, int], float] = {}
    for text in texts:
        name, _, value = text.partition("=")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if math.isnan(number):
            raise SettingError("clamp", f"must be LAYER:UNIT=VALUE, such as 1:0=0.9; got {text!r}")
        unit = parse_unit(name, stack, "clamp")
        if unit in clamps:
            raise SettingError("clamp", f"names unit {unit} twice; give it one value")
        clamps[unit] = number
    check_clamps(clamps, stack)
    return clamps


def check_clamps(clamps: Clamps, stack: StackSettings) -> None:
    """Raise SettingError for a unit that the stack does not have, or a value that is no finite float32."""
    for unit, value in clamps.items():
        check_unit(unit, stack, "clamp")
        if not abs(value) <= MOST:
            raise SettingError("clamp", f"must be a finite number between -1e6 and 1e6, got {value} for unit {Unit(*unit)}")
