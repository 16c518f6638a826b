"""Commands made from settings classes: names, types, defaults, limits and help of options; groups that import late."""

import importlib
import inspect
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import Field
from types import UnionType
from typing import Any, NamedTuple

import click

from charnn.errors import CharnnError, SettingError
from charnn.settings import Settings, all_settings, base_type, check_value, is_several, own_settings, setting_type

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]

NAMES = {int: "whole number", float: "number", str: "text"}
METAVARS = {int: "N", float: "X", str: "TEXT"}


class Where(NamedTuple):
    """A command before it is loaded."""

    place: str  # module:name
    help: str


class LazyGroup(click.Group):
    """A group that imports the module of a command only when the command is used."""

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


_NAMES = (
    "to resume valid device json as_json format plot help_all minutes epochs steps tokenizer cell layers hidden_size dropout text_column "
    "label_column tag_column source target reverse time_column inputs horizon season init_from temperature seed label task "
    "abstain_below explain beam interval protocol tail last per_sentence"
)
COMMON = frozenset(_NAMES.split())
"""The options on a short help page, by parameter."""

SHORT = 11  # The most options that a page shows without a short page beside it

EXAMPLES = "Examples:\n"  # The line of a help text that its examples come after


class SectionedCommand(click.Command):
    """A command with a short help page, of the options that most people use, and by `--help-all` one of all options by section.

    The lines after "Examples:" in its help text come last.
    """

    def __init__(self, name: str | None, *, help: str | None = None, **options: Any) -> None:
        text, _, examples = (help or "").partition(EXAMPLES)
        super().__init__(name, help=text.strip(), **options)
        self.examples = [line.strip() for line in examples.strip().split("\n") if line.strip()]

    def get_params(self, ctx: click.Context) -> list[click.Parameter]:
        """Return the options and, where the page would be long, `--help-all`."""
        params = super().get_params(ctx)
        if self.is_long(params):
            every = "Show all options."
            params.append(click.Option(["--help-all"], is_flag=True, is_eager=True, expose_value=False, help=every, callback=show_all))
        return params

    def is_long(self, params: Sequence[click.Parameter]) -> bool:
        """Does the page of all options need a short one beside it?"""
        return sum(isinstance(one, click.Option) for one in params) > SHORT

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the common options, or all of them in one list per section, in order of appearance."""
        params = self.get_params(ctx)
        is_short = self.is_long(params) and not ctx.meta.get(EVERY)
        sections: dict[str, list[tuple[str, str]]] = {}
        for param in (
            one for one in params if isinstance(one, click.Option) and ("--help" in one.opts or one.name in COMMON or not is_short)
        ):
            record = param.get_help_record(ctx)
            if record is not None:
                section = "Options" if is_short else getattr(param, "section", "Options")
                sections.setdefault(section, []).append(record)
        for section, records in sections.items():
            with formatter.section(section):
                formatter.write_dl(records, col_max=28)

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the examples as they are."""
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line}\n" for line in self.examples))


EVERY = "charnn.every"  # The place in a context that tells whether a help page is to show all options


def show_all(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    """Show the help page of all options, and end."""
    if value:
        ctx.meta[EVERY] = True
        click.echo(ctx.get_help(), color=ctx.color)
        ctx.exit()


class RenamedOption(click.Option):
    """An option with an older name, which is accepted but on no help page."""

    def __init__(self, *arguments: Any, was: str | None = None, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.was = was

    def add_to_parser(self, parser: Any, ctx: click.Context) -> None:
        """Add the option under both names."""
        now = self.opts, self.secondary_opts
        if self.was is not None:
            old = flag(self.was)
            self.opts, self.secondary_opts = [*now[0], old], [*now[1], f"--no-{old[2:]}"] if now[1] else []
        super().add_to_parser(parser, ctx)
        self.opts, self.secondary_opts = now


class SettingOption(RenamedOption):
    """An option in the section of the help page that its settings class names: the first line of its docstring."""

    def __init__(self, *arguments: Any, settings: type[Settings], tasks: Sequence[str] = (), **options: Any) -> None:
        """tasks: those that have it, of an option that some tasks have."""
        super().__init__(*arguments, **options)
        self.tasks = tasks
        self.section = (inspect.getdoc(settings) or settings.__name__).split("\n")[0].rstrip(".")

    def get_help_record(self, ctx: click.Context) -> tuple[str, str] | None:
        """Return name and help: with the tasks that have the option, or where the model is known, nothing for one that its task lacks."""
        task, record = ctx.meta.get(OF_TASK), super().get_help_record(ctx)
        if record is None or not self.tasks:
            return record
        if task is not None:
            return record if task in self.tasks else None
        text, dot, rest = record[1].partition(".  [")
        return record[0], f"{text.removesuffix('.')} ({', '.join(self.tasks)}).{dot[1:]}{rest}"


OF_TASK = "charnn.task"  # The place in a context of the task whose options a help page is to show


class ModelCommand(SectionedCommand):
    """A command about a model, whose help page shows the options of that model's task."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Find the task of the model that is named on a help page."""
        named = next((one for one in args if not one.startswith("-")), None)
        if named is not None and {"-h", "--help", "--help-all"} & {*args}:
            from charnn.checkpoint.model import model_path, read_header

            with suppress(CharnnError):
                ctx.meta[OF_TASK] = read_header(model_path(named)).get("task")
        return super().parse_args(ctx, args)

    def is_long(self, params: Sequence[click.Parameter]) -> bool:
        """Of one task's options, count only those."""
        ctx = click.get_current_context(silent=True)
        task = None if ctx is None else ctx.meta.get(OF_TASK)
        return super().is_long([one for one in params if task is None or task in (getattr(one, "tasks", ()) or (task,))])


class SettingType(click.ParamType[Any]):
    """A value of a setting: converted and checked against its limits while the command line is read."""

    def __init__(self, one: Field[Any], kind: Any) -> None:
        self.one = one
        self.kind = kind
        self.name = base_type(kind).__name__

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """Return the value in the type of the setting; None for `none` if the setting may be off and is not a name."""
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
    """Add the options of several tasks to one command; the help of each ends with the tasks that have it.

    The first of several settings with the same name makes the option, unless a later one can be given several times. The value
    is None if it is not given, since each task has its own default.
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
        options.append(_option(part, one, () if len(tasks) == len(classes) else tasks))
    return together(options)


def _option(settings: Settings, one: Field[Any], tasks: Sequence[str]) -> Decorator:
    kind, name, default = setting_type(type(settings), one.name), flag(one.name), getattr(settings, one.name)
    shared: dict[str, Any] = {"default": default, "help": one.metadata["help"], "cls": SettingOption, "settings": type(settings)}
    shared |= {"was": one.metadata["was"], "tasks": tasks}
    if base_type(kind) is bool:
        return click.option(name if default is False else f"{name}/--no-{name[2:]}", is_flag=True, show_default=default is True, **shared)
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
    """Return the option of a setting: top_p -> --top-p."""
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
