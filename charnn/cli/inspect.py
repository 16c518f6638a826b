"""`charnn inspect`: what goes on inside a recurrent network, one view a command."""

import click

from charnn.cli.lazy import LazyGroup, Where

VIEWS: dict[str, Where] = {}


@click.group(cls=LazyGroup, table=VIEWS)
def inspect() -> None:
    """See inside a model: its units, gates, gradients, memory, errors."""
