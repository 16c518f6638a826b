"""The `charnn` command: verbs are loaded when they are used, errors end in one sentence and an exit code."""

import signal
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

import click

from charnn import __version__
from charnn.cli.lazy import LazyGroup, Where
from charnn.cli.signals import EXIT_CODES, Terminated, unwind
from charnn.cli.streams import discard, standard_streams
from charnn.errors import CharnnError, SettingError

VERBS = {
    "train": Where("charnn.cli.verbs.train:train", "Train a model on your data."),
    "sample": Where("charnn.cli.verbs.sample:sample", "Write text with a trained language model."),
    "predict": Where("charnn.cli.verbs.predict:predict", "Label, tag or translate texts, or show what comes next."),
    "evaluate": Where("charnn.cli.verbs.evaluate:evaluate", "Measure a model on data."),
    "inspect": Where("charnn.cli.verbs.inspect:inspect", "See inside a model: its units, gates, gradients, memory, errors."),
    "plot": Where("charnn.cli.verbs.plot:plot", "Draw the losses of runs, and what a model gets right."),
    "data": Where("charnn.cli.verbs.data:data", "Check data before training on them."),
    "bench": Where("charnn.cli.verbs.bench:bench", "Measure how fast this machine samples and trains."),
}


class Failure(click.ClickException):
    """A charnn error as click prints it: one sentence, and the error's exit code."""

    def __init__(self, error: CharnnError) -> None:
        from charnn.cli.options import flag

        said = f"{flag(error.name)} {error.reason}" if isinstance(error, SettingError) else str(error)
        super().__init__(said if said.endswith(".") else said + ".")
        self.exit_code = error.exit_code  # type: ignore[misc]  # click's is the class's; here each error brings its own


class Verbs(LazyGroup):
    """Turns errors into exit codes."""

    def invoke(self, ctx: click.Context) -> Any:
        """Runs the verb; what a user can cause ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except CharnnError as error:
            if ctx.params.get("debug"):
                raise
            raise Failure(error) from None
        except (MemoryError, RuntimeError) as error:
            if ctx.params.get("debug") or not is_out_of_memory(error):
                raise
            raise Failure(CharnnError("there is not enough memory for this; take a smaller network, batch or window")) from None
        except KeyboardInterrupt:
            click.echo("\nInterrupted.", err=True)
            ctx.exit(EXIT_CODES[signal.SIGINT])
        except Terminated as end:
            click.echo("\nTerminated.", err=True)
            ctx.exit(end.exit_code)
        except BrokenPipeError:  # The reader has seen enough, as with `charnn sample | head`.
            discard(sys.stdout)
            ctx.exit(0)


@click.group(cls=Verbs, table=VERBS, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110})
@click.version_option(__version__, message="charnn %(version)s")
@click.option("--debug", is_flag=True, help="Show a traceback where something fails.")
def main(debug: bool) -> None:
    """Recurrent networks for text: train, sample, predict, evaluate."""


def run(arguments: Sequence[str] | None = None) -> NoReturn:
    """The entry point of the `charnn` command."""
    signal.signal(signal.SIGTERM, unwind)
    with standard_streams():
        main.main(args=arguments, prog_name="charnn")
    sys.exit(0)


def is_out_of_memory(error: Exception) -> bool:
    """Does the error say that memory could not be had? On a CPU, torch says so in a RuntimeError."""
    return isinstance(error, MemoryError) or "can't allocate memory" in str(error)
