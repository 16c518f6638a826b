"""`charnn inspect`: what goes on inside a recurrent network, one view a command."""

import click

from charnn.cli.lazy import LazyGroup, Where

VIEWS = {
    "neurons": Where("charnn.cli.views.neurons:neurons", "Hidden units over a text: which of them follow what."),
    "gates": Where("charnn.cli.views.gates:gates", "How open the gates of an lstm or gru stand over a text."),
    "unroll": Where("charnn.cli.views.unroll:unroll", "A network step by step: inputs, states, predictions, losses."),
    "gradients": Where("charnn.cli.views.gradients:gradients", "How far back a loss still reaches: gradients over time, and clipping."),
    "memory": Where("charnn.cli.views.memory:memory", "What lag each cell still learns."),
    "attention": Where("charnn.cli.views.attention:attention", "Show which words a translator or classifier looked at."),
    "errors": Where("charnn.cli.views.errors:errors", "List what a model gets most wrong, in context."),
    "novelty": Where("charnn.cli.views.novelty:novelty", "Tell whether a language model copies its training text."),
}


@click.group(cls=LazyGroup, table=VIEWS)
def inspect() -> None:
    """See inside a model: its units, gates, gradients, memory, errors."""
