"""Settings as command-line options: names, types, defaults, limits and help come from the settings classes."""

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import Field, fields
from types import UnionType
from typing import Any, TypeVar

import click

from charnn.errors import SettingError
from charnn.settings import Settings, base_type, check_value, is_settings, own_settings, setting_type

T = TypeVar("T", bound=Settings)
Command = TypeVar("Command", bound=Callable[..., Any])


class SettingType(click.ParamType[Any]):
    """A value of a setting: converted and held against its limits while the command line is read."""

    def __init__(self, one: Field[Any], kind: Any) -> None:
        self.one = one
        self.kind = kind
        self.name = base_type(kind).__name__

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """The value as the setting's type; `none` where the setting may be off."""
        if isinstance(value, str) and value.lower() == "none" and isinstance(self.kind, UnionType):
            return None
        try:
            converted = base_type(self.kind)(value)
        except ValueError:
            self.fail(f"{value!r} is no {NAMES[base_type(self.kind)]}.", param, ctx)
        try:
            check_value(self.one, self.kind, converted)
        except SettingError as error:
            self.fail(f"{error.reason}.", param, ctx)
        return converted

    def get_metavar(self, param: click.Parameter, ctx: click.Context | None = None) -> str:
        """What stands for the value on a help page."""
        choices = self.one.metadata["limits"].choices
        return "|".join(choices) if choices else METAVARS[base_type(self.kind)]


NAMES = {int: "whole number", float: "number", str: "text"}
METAVARS = {int: "N", float: "X", str: "TEXT"}


class SettingOption(click.Option):
    """An option that knows the section of the help page it stands in."""

    section: str = "Options"


class SectionedCommand(click.Command):
    """A command whose help page groups its options by the settings they belong to."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Writes one list of options per section, in order of appearance."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in (one for one in self.get_params(ctx) if isinstance(one, click.Option)):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=28)


def settings_options(*classes: type[Settings], without: Collection[str] = ()) -> Callable[[Command], Command]:
    """Adds an option for every setting of a class and of the settings within it, with the defaults that stand there.

    Of settings of one name in several classes the first makes the option; those in `without` get none.
    """
    found: dict[str, tuple[Settings, Field[Any]]] = {}
    for part in (part for cls in classes for part in all_settings(cls())):
        for one in own_settings(type(part)):
            if one.name not in without:
                found.setdefault(one.name, (part, one))

    def decorate(command: Command) -> Command:
        for part, one in reversed(found.values()):
            command = _option(part, one)(command)
        return command

    return decorate


def all_settings(settings: Settings) -> list[Settings]:
    """The settings and those nested within them, as far as they have settings of their own."""
    inner = [getattr(settings, one.name) for one in fields(settings)]
    found = [nested for part in inner if isinstance(part, Settings) for nested in all_settings(part)]
    return ([settings] if own_settings(type(settings)) else []) + found


def collect(cls: type[T], values: Mapping[str, Any]) -> T:
    """The settings of a class from all values of a command line; raises SettingError."""
    chosen: dict[str, Any] = {}
    for one in fields(cls):
        kind = setting_type(cls, one.name)
        if is_settings(kind):
            chosen[one.name] = collect(kind, values)
        elif one.name in values:
            chosen[one.name] = values[one.name]
    return cls(**chosen)


def flag(name: str) -> str:
    """How a setting is written on the command line: top_p -> --top-p."""
    return "--" + name.replace("_", "-")


def given(ctx: click.Context, names: list[str]) -> list[str]:
    """Those of the parameters that the user gave."""
    sources = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    return [name for name in names if ctx.get_parameter_source(name) in sources]


def _option(settings: Settings, one: Field[Any]) -> Callable[[Command], Command]:
    kind = setting_type(type(settings), one.name)
    name = flag(one.name)
    default = getattr(settings, one.name)
    shared: dict[str, Any] = {"default": default, "help": one.metadata["help"], "cls": _section(type(settings))}
    if base_type(kind) is bool:
        return click.option(f"{name}/--no-{name[2:]}" if default else name, is_flag=True, **shared)
    return click.option(name, type=SettingType(one, kind), show_default=default is not None, **shared)


def _section(cls: type[Settings]) -> type[SettingOption]:
    """An option class whose section is the settings class's first docstring line."""
    title = inspect.getdoc(cls) or cls.__name__
    return type("SectionOption", (SettingOption,), {"section": title.split("\n")[0].rstrip(".")})
