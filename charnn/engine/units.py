"""Hidden units by name, and units held at a value: `2:17` is unit 17 of layer 2; layers count from 1, units from 0."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from charnn.cells.settings import StackSettings
from charnn.errors import SettingError

Clamps = Mapping[tuple[int, int], float]
"""(layer, unit) -> the value at which the unit's output is held after every step; layers from 1, units from 0."""

MOST = 1e6
"""The largest size of a clamped output: far beyond any that a network reaches, and far from overflow."""


class Unit(NamedTuple):
    """A hidden unit; layers count from 1, units from 0."""

    layer: int
    unit: int

    def __str__(self) -> str:
        return f"{self.layer}:{self.unit}"


def parse_unit(text: str, stack: StackSettings, option: str) -> Unit:
    """The unit that `LAYER:UNIT` names. Raises SettingError where it names none of this stack."""
    found = re.fullmatch(r"([0-9]{1,9}):([0-9]{1,9})", text.strip())
    if found is None:
        raise SettingError(option, f"must be LAYER:UNIT, such as 1:0; got {text!r}")
    unit = Unit(*map(int, found.groups()))
    check_unit(unit, stack, option)
    return unit


def check_unit(unit: tuple[int, int], stack: StackSettings, option: str) -> None:
    """Raises SettingError, naming the range, for a unit that the stack does not have."""
    layer, number = unit
    if not 1 <= layer <= stack.layers or not 0 <= number < stack.hidden_size:
        layers = "layer 1" if stack.layers == 1 else f"layers 1 to {stack.layers}"
        raise SettingError(option, f"names unit {layer}:{number}, and this model has {layers} with units 0 to {stack.hidden_size - 1}")


def parse_clamps(texts: Iterable[str], stack: StackSettings) -> dict[tuple[int, int], float]:
    """The clamps that `LAYER:UNIT=VALUE` name. Raises SettingError where one is malformed, out of range or said twice."""
    clamps: dict[tuple[int, int], float] = {}
    for text in texts:
        name, sign, value = text.partition("=")
        try:
            number = float(value) if sign else math.nan
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
    """Raises SettingError for a unit that the stack does not have, or a value that is no finite float32."""
    for unit, value in clamps.items():
        check_unit(unit, stack, "clamp")
        if not abs(value) <= MOST:
            raise SettingError("clamp", f"must be a finite number between -1e6 and 1e6, got {value} for unit {Unit(*unit)}")
