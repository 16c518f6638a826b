"""Settings: frozen dataclasses that check themselves; one line has the name, type, default, help and limits of each."""

import math
import operator
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from functools import cache
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_origin, get_type_hints

from charnn.errors import SettingError

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


def shown(value: Any) -> str:
    """Return a value for a message: its repr, cut after 60 characters, since values of files may be long."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Limits:
    """The allowed values of a setting: inclusive bounds, exclusive bounds, or a list of choices."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] | None = None

    def breach(self, value: Any) -> str | None:
        """Return what is wrong with the value, or None."""
        if self.choices is not None:
            return None if value in self.choices else f"must be one of {', '.join(self.choices)}; got {shown(value)}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        is_good = (isinstance(value, int) or math.isfinite(value)) and all(OPERATORS[word](value, bound) for word, bound in self._bounds())
        return None if is_good else f"must be {self.words()}, got {shown(value)}"

    def words(self) -> str:
        """Return the limits as a phrase: 'at least 1 and at most 9'."""
        texts = [f"{word} {bound:,.0f}" if bound >= 1000 else f"{word} {bound:g}" for word, bound in self._bounds()]
        return " and ".join(texts) or "a finite number"

    def _bounds(self) -> list[tuple[str, float]]:
        bounds = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        return [(word, bound) for word, bound in bounds.items() if bound is not None]


OPERATORS = {"at least": operator.ge, "above": operator.gt, "at most": operator.le, "below": operator.lt}


def setting(
    default: Any, help: str, *, choices: Iterable[str] | None = None, is_name: bool = False, was: str | None = None, **bounds: float
) -> Any:
    """Return a field of a Settings class: default, help sentence and limits, inclusive (least, most) or exclusive (above, below).

    With `is_name` any text is a value, also `none`. `was` is an older name of the setting, still read from model files and the
    command line.
    """
    limits = Limits(**bounds, choices=None if choices is None else tuple(choices))
    return field(default=default, metadata={"help": help, "limits": limits, "is_name": is_name, "was": was})


@dataclass(frozen=True)
class Settings:
    """Base of every settings class: checks types and limits when made, converts from and to plain data. Raises SettingError."""

    def __post_init__(self) -> None:
        for one in fields(self):
            check_value(one, setting_type(type(self), one.name), getattr(self, one.name))

    def plain(self) -> dict[str, Any]:
        """Return the settings as JSON-ready data, nested settings as nested dicts."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value.plain() if isinstance(value, Settings) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Self":
        """Return the settings of plain data: a missing name takes its default, an unknown one raises SettingError."""
        known = {one.name: setting_type(cls, one.name) for one in fields(cls)}
        renamed = {one.metadata["was"]: one.name for one in own_settings(cls)}
        values: dict[str, Any] = {}
        for name, value in ((renamed.get(name, name), value) for name, value in plain.items()):
            if name not in known:
                raise SettingError(f"{name!r:.60}".strip("'"), f"is no setting of {cls.__name__}")
            kind = known[name]
            if is_settings(kind) and isinstance(value, Mapping):
                values[name] = kind.from_plain(value)
            else:
                values[name] = tuple(value) if is_several(kind) and isinstance(value, list) else value
        return cls(**values)


def collect(cls: type[Any], values: Mapping[str, Any]) -> Any:
    """Return the settings of a class and of those within it, each value found by its name; raise SettingError."""
    chosen: dict[str, Any] = {}
    for one in fields(cls):
        kind = setting_type(cls, one.name)
        if is_settings(kind):
            chosen[one.name] = collect(kind, values)
        elif one.name in values:
            chosen[one.name] = values[one.name]
    return cls(**chosen)


def all_settings(settings: Settings) -> list[Settings]:
    """Return the settings and those nested within them, as far as they have settings of their own."""
    inner = [getattr(settings, one.name) for one in fields(settings)]
    found = [nested for part in inner if isinstance(part, Settings) for nested in all_settings(part)]
    return ([settings] if own_settings(type(settings)) else []) + found


def flat(plain: Mapping[str, Any], before: str = "") -> dict[str, Any]:
    """Return nested plain data as one level, by path: {"stack": {"cell": "gru"}} -> {"stack.cell": "gru"}."""
    found: dict[str, Any] = {}
    for name, value in plain.items():
        found.update(flat(value, f"{before}{name}.") if isinstance(value, Mapping) else {before + name: value})
    return found


def own_settings(cls: type[Settings]) -> list[Field[Any]]:
    """Return the fields made by setting(), in order, without nested settings."""
    return [one for one in fields(cls) if "limits" in one.metadata]


def setting_type(cls: type[Settings], name: str) -> Any:
    """Return the annotated type of a setting."""
    return _types(cls)[name]  # type: ignore[arg-type]  # classes are hashable


@cache
def _types(cls: type[Settings]) -> dict[str, Any]:
    return get_type_hints(cls)


def is_settings(kind: Any) -> bool:
    """Is this annotation a Settings class?"""
    return isinstance(kind, type) and issubclass(kind, Settings)


def base_type(kind: Any) -> Any:
    """Return the type without None: `int | None` -> int."""
    if isinstance(kind, UnionType):
        return next(part for part in get_args(kind) if part is not NoneType)
    return kind


def is_several(kind: Any) -> bool:
    """Is this annotation tuple[str, ...], a setting that can be given several times?"""
    return get_origin(kind) is tuple


def check_value(one: Field[Any], kind: Any, value: Any) -> None:
    """Raise SettingError unless the value has the field's type and is within the limits of its setting, if it has any."""
    if value is None:
        if not isinstance(kind, UnionType):
            raise SettingError(one.name, "must be given")
        return
    wanted = base_type(kind)
    if is_several(wanted):
        if not isinstance(value, tuple) or not all(isinstance(part, str) for part in value):
            raise SettingError(one.name, f"must be a tuple of texts, got {shown(value)}")
        return
    accepted = (int, float) if wanted is float else wanted
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise SettingError(one.name, f"must be of type {wanted.__name__}, got {shown(value)}")
    breach = one.metadata.get("limits", Limits()).breach(value)
    if breach is not None:
        raise SettingError(one.name, breach)
