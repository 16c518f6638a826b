"""`charnn inspect gates`: how open the gates of an lstm or a gru stand over a text."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.showing import check_plot, json_option, plot_option, save_chart, show_json
from charnn.cli.streams import write

if TYPE_CHECKING:
    from charnn.inspection.gates import Gate

SHADES = " ░▒▓█"


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File that holds the text.")
@click.option("--length", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="Symbols to read at most.")
@click.option("--label", help="Label to read for, of a model trained with labels.")
@json_option
@plot_option
def gates(model: str, text: str | None, file: Path | None, **values: Any) -> None:
    """See how open the gates of a language model's lstm or gru stand over a text.

    MODEL: a run folder or model file. TEXT: the text, or - for standard input. Input, forget and output gates of an lstm, reset
    and update gates of a gru; an open forget or update gate keeps what was there. Saturated left: the share of values below
    0.1, over all units and symbols; right: above 0.9 (Karpathy, Johnson and Fei-Fei 2015).

    JSON keys: model, cell, symbols, is_cut, text (its symbols), gates [{layer (from 1), gate, mean, left, right, openness (mean over
    the units, one a symbol)}].
    """
    from charnn.cli.models import open_model, text_of, warn_unknown
    from charnn.inspection.gates import gates_of, openness_chart
    from charnn.inspection.reading import read_passage, trace

    check_plot(values["plot"])
    trained = open_model(model, ["lm"])
    passage = read_passage(trained, text_of(text, file), values["label"], values["length"])
    warn_unknown(passage.unknown)
    found = gates_of(trained, passage, trace(trained, passage))
    if passage.is_cut:
        click.echo(f"Reads the first {len(passage):,} symbols; there are more, see --length.", err=True)
    cell = trained.settings.network.stack.cell
    if values["as_json"]:
        symbols = list(passage.symbols(trained.tokenizer))
        facts = {"model": trained.name, "cell": cell, "symbols": len(passage), "is_cut": passage.is_cut, "text": symbols}
        show_json(facts | {"gates": [one.facts() for one in found]})
    else:
        write("".join(f"{line}\n" for line in [*table(found), "", *heat(passage.symbols(trained.tokenizer), found)]))
    save_chart(openness_chart(found, f"Gates of {trained.name} ({cell}) over a text"), values["plot"])


def table(found: "Sequence[Gate]") -> list[str]:
    """A row for each gate of each layer."""
    from charnn.cli.results import grid

    rows = []
    for one in found:
        facts, openness = one.facts(), one.openness
        shares = [f"{100 * facts[side]:.1f} %" for side in ("left", "right")]
        rows.append([f"{one.layer} {one.name}", f"{facts['mean']:.3f}", f"{openness.min():.3f}", f"{openness.max():.3f}", *shares])
    return grid([["layer, gate", "mean open", "least", "most", "left < 0.1", "right > 0.9"], *rows])


def heat(symbols: Sequence[str], found: "Sequence[Gate]") -> list[str]:
    """The text, and below it how open each gate stands, from its least to its most."""
    from rich.cells import cell_len
    from rich.console import Console

    from charnn.cli.colouring import wrapped

    names = [f"{one.layer} {one.name}" for one in found]
    margin = max(map(len, names)) + 1
    columns = max(Console().width - margin, 8)
    shares = [_shares(one.openness.tolist()) for one in found]
    lines: list[str] = []
    for line in wrapped(symbols, range(len(symbols)), columns, len(symbols)):
        lines.append(" " * margin + "".join(text for text, _ in line))
        for name, own in zip(names, shares, strict=True):
            blocks = "".join(SHADES[min(len(SHADES) - 1, int(own[int(place)] * len(SHADES)))] * cell_len(text) for text, place in line)
            lines.append(f"{name.ljust(margin)}{blocks}".rstrip())
        lines.append("")
    return [*lines, f"Shades: mean openness of each gate, from its least ({SHADES[0]!r}) to its most ({SHADES[-1]!r}), as in the table."]


def _shares(openness: Sequence[float]) -> list[float]:
    least, most = min(openness), max(openness)
    return [(value - least) / (most - least) if most > least else 0.5 for value in openness]
