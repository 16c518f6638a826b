"""Commands made of settings: option names, types, defaults, limits and help come from the settings classes; groups that load late."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import Field
from types import UnionType
from typing import Any, NamedTuple

import click

from charnn.errors import SettingError
from charnn.settings import Settings, all_settings, base_type, check_value, is_several, own_settings, setting_type

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

NAMES = {int: "whole number", float: "number", str: "text"}
METAVARS = {int: "N", float: "X", str: "TEXT"}


class Where(NamedTuple):
    """A command before it is loaded."""

    place: str  # module:name
    help: str


class LazyGroup(click.Group):
    """Loads a command's module only when the command is used; reading the table costs nothing."""

    table: Mapping[str, Where]

    def __init__(self, *arguments: Any, table: Mapping[str, Where], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.table = table

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command of this name."""
        if cmd_name not in self.table:
            return None
        module, name = self.table[cmd_name].place.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, where.help) for name, where in self.table.items()])


class SectionedCommand(click.Command):
    """A command whose help page groups its options by the settings they belong to."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write one list of options per section, in order of appearance."""
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in (one for one in self.get_params(ctx) if isinstance(one, click.Option)):
            record = param.get_help_record(ctx)
            if record is not None:
                sections.setdefault(getattr(param, "section", "Options"), []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=28)


class SettingOption(click.Option):
    """An option in the section of the help page that its settings class names: the first line of its docstring."""

    def __init__(self, *arguments: Any, settings: type[Settings], **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.section = (inspect.getdoc(settings) or settings.__name__).split("\n")[0].rstrip(".")


class SettingType(click.ParamType[Any]):
    """A value of a setting: converted and checked against its limits while the command line is read."""

    def __init__(self, one: Field[Any], kind: Any) -> None:
        self.one = one
        self.kind = kind
        self.name = base_type(kind).__name__

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value as the setting's type; None for `none` where the setting may be off and is not the name of something."""
        may_be_off = isinstance(self.kind, UnionType) and not self.one.metadata["is_name"]
        if may_be_off and isinstance(value, str) and value.lower() == "none":
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
        """Return what a help page shows in place of the value."""
        choices = self.one.metadata["limits"].choices
        return "|".join(choices) if choices else METAVARS[base_type(self.kind)]


def settings_options(*classes: type[Settings]) -> Decorator:
    """Add an option for every setting of a class and of the settings within it, with its default."""
    return task_options({"": classes})


def task_options(classes: Mapping[str, Sequence[type[Settings]]]) -> Decorator:
    """Add the options of several tasks, by task, to one command; the help of each ends in the tasks that have it.

    Of settings of one name the first makes the option, unless a later one can be given several times. A value that is not given
    is None: each task has its own default.
    """
    found: dict[str, list[tuple[str, Settings, Field[Any]]]] = {}
    for task, kinds in classes.items():
        for part in (part for kind in kinds for part in all_settings(kind())):
            for one in own_settings(type(part)):
                found.setdefault(one.name, []).append((task, part, one))
    options = []
    for places in found.values():
        several = [place for place in places if is_several(setting_type(type(place[1]), place[2].name))]
        _, part, one = (several or places)[0]
        tasks = list(dict.fromkeys(task for task, *_ in places))
        options.append(_option(part, one, "" if len(tasks) == len(classes) else f" ({', '.join(tasks)})"))
    return together(options)


def _option(settings: Settings, one: Field[Any], of_tasks: str) -> Decorator:
    kind, name, default = setting_type(type(settings), one.name), flag(one.name), getattr(settings, one.name)
    help = f"{one.metadata['help'].removesuffix('.')}{of_tasks}." if of_tasks else one.metadata["help"]
    shared: dict[str, Any] = {"default": default, "help": help, "cls": SettingOption, "settings": type(settings)}
    if base_type(kind) is bool:
        return click.option(name if default is False else f"{name}/--no-{name[2:]}", is_flag=True, **shared)
    if is_several(kind):
        return click.option(name, multiple=True, **shared)
    return click.option(name, type=SettingType(one, kind), show_default=default is not None, **shared)


def together(decorators: Sequence[Decorator]) -> Decorator:
    """Return one decorator in place of several, whose options a help page lists in this order."""

    def decorate(command: Callable[..., Any]) -> Callable[..., Any]:
        for one in reversed(decorators):
            command = one(command)
        return command

    return decorate


def option_names(classes: Iterable[type[Settings]]) -> list[str]:
    """Return the names of the settings of classes and of those within them."""
    return [one.name for kind in classes for part in all_settings(kind()) for one in own_settings(type(part))]


def flag(name: str) -> str:
    """Return a setting as the command line has it: top_p -> --top-p."""
    return "--" + name.replace("_", "-")


def given(ctx: click.Context, names: Iterable[str]) -> list[str]:
    """Return those of the parameters that the user gave."""
    sources = (click.core.ParameterSource.COMMANDLINE, click.core.ParameterSource.ENVIRONMENT)
    return [name for name in names if ctx.get_parameter_source(name) in sources]


def refuse(ctx: click.Context, names: Iterable[str], reason: str) -> None:
    """Raise SettingError for the first of these parameters that the user gave."""
    for name in given(ctx, names):
        raise SettingError(name.removeprefix("as_"), reason)


def summary_of(text: str) -> str:
    """Return the first paragraph of a help text, up to its first colon, as one sentence."""
    first = " ".join(text.strip().split("\n\n")[0].split())
    return first if first.endswith(".") else f"{first}."
