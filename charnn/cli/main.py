"""The `charnn` command: verbs and views are imported when they are used; an error ends in one sentence and an exit code."""

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from charnn import __version__
from charnn.cli.options import LazyGroup, Where, flag
from charnn.cli.process import EXIT_CODES, Terminated, discard, say, standard_streams, unwind
from charnn.errors import CharnnError, SettingError

VERBS = {
    "train": Where("charnn.cli.verbs.train:train", "Train a model on your data."),
    "sample": Where("charnn.cli.verbs.sample:sample", "Write text with a trained language model."),
    "predict": Where("charnn.cli.verbs.predict:predict", "Label, tag or translate texts, or show what comes next."),
    "evaluate": Where("charnn.cli.verbs.evaluate:evaluate", "Measure a model on data."),
    "inspect": Where("charnn.cli.main:inspect", "See inside a model: its units, gates, gradients, memory, errors."),
    "plot": Where("charnn.cli.verbs.plot:plot", "Draw the losses of runs, and what a model gets right."),
    "data": Where("charnn.cli.verbs.data:data", "Check data before training on them."),
    "bench": Where("charnn.cli.verbs.bench:bench", "Measure how fast this machine samples and trains."),
}

VIEWS = {
    "neurons": Where("charnn.cli.views.units:neurons", "Hidden units over a text, and the features that they follow."),
    "gates": Where("charnn.cli.views.units:gates", "How open the gates of a network are over a text."),
    "unroll": Where("charnn.cli.views.units:unroll", "A network step by step: inputs, states, predictions, losses."),
    "gradients": Where("charnn.cli.views.memory:gradients", "How far back gradients reach, and what clipping does."),
    "memory": Where("charnn.cli.views.memory:memory", "The longest lag that each cell still learns."),
    "attention": Where("charnn.cli.views.answers:attention", "The words that a translator or classifier attends to."),
    "errors": Where("charnn.cli.views.answers:errors", "The worst errors of a model, in context."),
    "novelty": Where("charnn.cli.views.novelty:novelty", "Does a language model copy its training text?"),
}


class Failure(click.ClickException):
    """A charnn error as click prints it: one sentence, and the error's exit code."""

    def __init__(self, error: CharnnError) -> None:
        sentence = f"{flag(error.name)} {error.reason}" if isinstance(error, SettingError) else str(error)
        super().__init__(f"{sentence.removesuffix('.')}.")
        self.exit_code = error.exit_code  # type: ignore[misc]  # click's is the class's; here each error brings its own


class Verbs(LazyGroup):
    """The group of verbs, which ends errors in a sentence and an exit code."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run the verb; an error that a user can cause ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except CharnnError as error:
            if ctx.params.get("debug"):
                raise
            raise Failure(error) from None
        except (MemoryError, RuntimeError) as error:
            # On a CPU, torch raises a RuntimeError where memory runs out.
            if ctx.params.get("debug") or not (isinstance(error, MemoryError) or "can't allocate memory" in str(error)):
                raise
            raise Failure(CharnnError("there is not enough memory for this; choose a smaller network, batch or window")) from None
        except KeyboardInterrupt:
            say("\nInterrupted.")
            ctx.exit(EXIT_CODES[signal.SIGINT])
        except Terminated as end:
            say("\nTerminated.")
            ctx.exit(end.exit_code)
        except BrokenPipeError:  # The reader of the output has stopped, as in `charnn sample | head`.
            discard(sys.stdout)
            ctx.exit(0)


@click.group(cls=Verbs, table=VERBS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="charnn %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback with an error.")
def main(debug: bool) -> None:
    """Recurrent networks for text: train, sample, predict, evaluate."""


@click.group(cls=LazyGroup, table=VIEWS)
def inspect() -> None:
    """See inside a model: its units, gates, gradients, memory, errors."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """Run the `charnn` command and exit; by default with the arguments of the process."""
    signal.signal(signal.SIGTERM, unwind)
    with standard_streams():
        main.main(args=arguments, prog_name="charnn")
    sys.exit(0)
