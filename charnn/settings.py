"""Settings: frozen dataclasses that check themselves; a line holds name, type, default, help and limits."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import Field, dataclass, field, fields
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, get_args, get_type_hints

from charnn.errors import SettingError

if TYPE_CHECKING:  # typing.Self is newer than Python 3.10
    from typing_extensions import Self


def shown(value: Any) -> str:
    """A value in a message: as Python writes it, a long one cut short, since a file may hold anything."""
    text = repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Limits:
    """What a setting may be: inclusive bounds, exclusive bounds, or a list of choices."""

    least: float | None = None
    most: float | None = None
    above: float | None = None
    below: float | None = None
    choices: tuple[str, ...] | None = None

    def breach(self, value: Any) -> str | None:
        """What is wrong with the value, or None."""
        if self.choices is not None:
            return None if value in self.choices else f"must be one of {', '.join(self.choices)}; got {shown(value)}"
        if isinstance(value, bool) or not isinstance(value, int | float):
            return None
        good = (
            (isinstance(value, int) or math.isfinite(value))
            and (self.least is None or value >= self.least)
            and (self.most is None or value <= self.most)
            and (self.above is None or value > self.above)
            and (self.below is None or value < self.below)
        )
        return None if good else f"must be {self.words()}, got {shown(value)}"

    def words(self) -> str:
        """The limits as a phrase: 'at least 1 and at most 9'."""
        bounds = {"at least": self.least, "above": self.above, "at most": self.most, "below": self.below}
        said = [f"{word} {bound:,.6g}" if bound >= 1000 else f"{word} {bound:g}" for word, bound in bounds.items() if bound is not None]
        return " and ".join(said) or "a finite number"


def setting(
    default: Any,
    help: str,
    *,
    least: float | None = None,
    most: float | None = None,
    above: float | None = None,
    below: float | None = None,
    choices: Iterable[str] | None = None,
) -> Any:
    """One line of a Settings class: its default, its help sentence and its limits."""
    limits = Limits(least, most, above, below, None if choices is None else tuple(choices))
    return field(default=default, metadata={"help": help, "limits": limits})


@dataclass(frozen=True)
class Settings:
    """Base of every settings class: checks types and limits when made, converts from and to plain data.

    Raises SettingError, which names the setting.
    """

    def __post_init__(self) -> None:
        for one in fields(self):
            check_value(one, setting_type(type(self), one.name), getattr(self, one.name))

    def plain(self) -> dict[str, Any]:
        """The settings as JSON-ready data, nested settings as nested dicts."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: value.plain() if isinstance(value, Settings) else value for name, value in values.items()}

    @classmethod
    def from_plain(cls, plain: Mapping[str, Any]) -> "Self":
        """Settings from plain data: a missing name takes its default, an unknown one raises SettingError."""
        known = {one.name: setting_type(cls, one.name) for one in fields(cls)}
        values: dict[str, Any] = {}
        for name, value in plain.items():
            if name not in known:
                raise SettingError(f"{name!r:.60}".strip("'"), f"is no setting of {cls.__name__}")
            kind = known[name]
            values[name] = kind.from_plain(value) if is_settings(kind) and isinstance(value, Mapping) else value
        return cls(**values)


def own_settings(cls: type[Settings]) -> list[Field[Any]]:
    """The fields made by setting(), in order, without nested settings."""
    return [one for one in fields(cls) if "limits" in one.metadata]


def setting_type(cls: type[Settings], name: str) -> Any:
    """The annotated type of a setting."""
    return get_type_hints(cls)[name]


def is_settings(kind: Any) -> bool:
    """Is this annotation a Settings class?"""
    return isinstance(kind, type) and issubclass(kind, Settings)


def base_type(kind: Any) -> Any:
    """The type beside None: `int | None` -> int."""
    if isinstance(kind, UnionType):
        return next(part for part in get_args(kind) if part is not NoneType)
    return kind


def check_value(one: Field[Any], kind: Any, value: Any) -> None:
    """Raises SettingError unless the value has the field's type and, of a setting, is within its limits."""
    if value is None:
        if not isinstance(kind, UnionType):
            raise SettingError(one.name, "must be given")
        return
    wanted = base_type(kind)
    accepted = (int, float) if wanted is float else wanted
    if not isinstance(value, accepted) or (isinstance(value, bool) and wanted is not bool):
        raise SettingError(one.name, f"must be of type {wanted.__name__}, got {shown(value)}")
    breach = one.metadata.get("limits", Limits()).breach(value)
    if breach is not None:
        raise SettingError(one.name, breach)
