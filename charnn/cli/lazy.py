"""Groups of commands whose modules are loaded when they are used."""

import importlib
from collections.abc import Mapping
from typing import Any, NamedTuple

import click


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
        """The commands in the order of the table."""
        return list(self.table)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name."""
        if cmd_name not in self.table:
            return None
        module, name = self.table[cmd_name].place.split(":")
        command: click.Command = getattr(importlib.import_module(module), name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, where.help) for name, where in self.table.items()])
