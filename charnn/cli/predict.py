"""`charnn predict`: for a language model, the likeliest next tokens."""

import json
import sys
from collections.abc import Iterator

import click

from charnn.cli.options import SectionedCommand


@click.command(cls=SectionedCommand)
@click.argument("model", required=False)
@click.argument("text", nargs=-1)
@click.option("--top", type=click.IntRange(1), default=5, show_default=True, help="Tokens to show.")
@click.option("--label", help="Label to predict for, of a model trained with labels.")
@click.option("--format", "form", type=click.Choice(["text", "jsonl"]), default="text", show_default=True, help="How to write the result.")
def predict(model: str | None, text: tuple[str, ...], top: int, label: str | None, form: str) -> None:
    """Show what a model expects next after a text.

    MODEL: a run folder or model file; by default the newest run. TEXT: one or several texts, or - for a text a line on
    standard input. A line of JSON holds text and next: [{token, probability}].
    """
    from charnn.cli.models import open_model
    from charnn.cli.sample import warn_unknown

    trained = open_model(model)
    for one in texts(text):
        warn_unknown(trained, one)
        likeliest = trained.predict(one, top=top, label=label)
        if form == "jsonl":
            tokens = [{"token": token, "probability": probability} for token, probability in likeliest]
            click.echo(json.dumps({"text": one, "next": tokens}, ensure_ascii=False))
        else:
            width = max(len(repr(token)) for token, _ in likeliest)
            for token, probability in likeliest:
                click.echo(f"{token!r:<{width}}  {probability:.4f}")


def texts(arguments: tuple[str, ...]) -> Iterator[str]:
    """The texts of the command line, or one a line from standard input; raises UsageError for none, DataError for bad bytes."""
    from charnn.cli.models import read_text

    if not arguments:
        raise click.UsageError("give a text to go on from, or - for one a line on standard input.")
    if arguments != ("-",):
        yield from arguments
        return
    for number, line in enumerate(sys.stdin.buffer, 1):
        yield read_text(line.removesuffix(b"\n"), f"standard input:{number}")
