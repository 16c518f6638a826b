"""`charnn inspect`: what goes on inside a recurrent network, one view a command."""

import click

from charnn.cli.lazy import LazyGroup, Where

VIEWS: dict[str, Where] = {
    "neurons": Where("charnn.cli.views.neurons:neurons", "Hidden units over a text: which of them follow what."),
    "gates": Where("charnn.cli.views.gates:gates", "How open the gates of an lstm or gru stand over a text."),
    "unroll": Where("charnn.cli.views.unroll:unroll", "A network step by step: inputs, states, predictions, losses."),
}


@click.group(cls=LazyGroup, table=VIEWS)
def inspect() -> None:
    """See inside a model: its units, gates, gradients, memory, errors."""
