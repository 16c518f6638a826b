"""`charnn inspect`: what goes on inside a recurrent network, one view a command."""

import click

from charnn.cli.lazy import LazyGroup, Where

VIEWS: dict[str, Where] = {
    "gradients": Where("charnn.cli.views.gradients:gradients", "How far back a loss still reaches: gradients over time, and clipping."),
    "memory": Where("charnn.cli.views.memory:memory", "What lag each cell still learns."),
}


@click.group(cls=LazyGroup, table=VIEWS)
def inspect() -> None:
    """See inside a model: its units, gates, gradients, memory, errors."""
