"""`charnn inspect attention`: which words a model looked at."""

from pathlib import Path

import click

from charnn.cli.showing import json_option, show_json
from charnn.cli.streams import write
from charnn.errors import DataError
from charnn.plots.files import check_place

PLACES = (".png", ".svg", ".html")


@click.command()
@click.argument("model")
@click.argument("text")
@click.option("--plot", type=click.Path(path_type=Path), help="Draw it into this file as well: .png, .svg or .html.")
@json_option
def attention(model: str, text: str, plot: Path | None, as_json: bool) -> None:
    """Show which words a translator or classifier looked at.

    MODEL: a run folder or model file. TEXT: a text, or - for standard input. Of a translator, a row for each word of its
    translation; of a classifier that pools by attention, a row for each word of the text, with its share of what is read forwards
    and backwards. JSON keys: model, task, text; translation, source, target, weights (a list for each target word); or label,
    probability, words, weights: {forwards, backwards}.
    """
    from charnn.cli.models import open_model, read_text
    from charnn.data.readers import standard_input
    from charnn.tasks.looks import LOOKS

    if plot is not None:
        check_place(plot, PLACES, "plot")
    trained = open_model(model, LOOKS)
    if text == "-":
        text = read_text(standard_input().read(), "the text").strip()
    if not text.strip():
        raise DataError("the text is empty, so there is nothing to look at; give one")
    look = LOOKS[trained.task](trained, text)
    if as_json:
        show_json({"model": trained.name, "task": trained.task, "text": text, **look.facts})
    else:
        from charnn.plots.heatmap_terminal import drawn_heatmap

        # Of an empty translation there is nothing to draw.
        write((drawn_heatmap(look.heatmap) or look.heatmap.title) + "\n")
    if plot is not None:
        from charnn.plots.heatmap_file import write_heatmap

        write_heatmap(plot, look.heatmap)
        click.echo(f"Wrote {plot}.", err=True)
