"""`charnn inspect unroll`: a network step by step, with real numbers."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import click

from charnn.cli.showing import json_option, show_json
from charnn.cli.streams import write

WIDTH, ARROW = 16, " → "
"""Columns of a step, and what stands between two."""

SHOWN = 3
"""Predictions that are shown of a step."""


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@click.option("--file", type=click.Path(path_type=Path, exists=True, dir_okay=False), help="File that holds the text.")
@click.option("--steps", type=click.IntRange(1, 1000), default=24, show_default=True, help="Symbols to read at most.")
@click.option("--label", help="Label to read for, of a model trained with labels.")
@json_option
def unroll(model: str, text: str | None, file: Path | None, **values: Any) -> None:
    """See a language model unrolled over a text, step by step.

    MODEL: a run folder or model file. TEXT: the text, or - for standard input. A column is a step: the symbol read; the state of each
    layer, h0 before the first step, by its length |h| and its largest units (from 0); the likeliest next symbols; the symbol that came
    and its loss, minus the logarithm of its probability, in nats.

    JSON keys: model, text, is_cut, start, steps [{step, symbol, states, predictions [{symbol, probability}], next, probability, nats}],
    mean_nats. start and states: a list over layers of {layer (from 1), norm, largest [{unit (from 0), value}], hidden, cell (lstm)}.
    """
    from charnn.cli.models import open_model, text_of, warn_unknown
    from charnn.inspection.reading import read_passage, trace
    from charnn.inspection.unroll import unrolled

    trained = open_model(model, ["lm"])
    passage = read_passage(trained, text_of(text, file), values["label"], values["steps"])
    warn_unknown(passage.unknown)
    if passage.is_cut:
        click.echo(f"Shows the first {len(passage):,} symbols; there are more, see --steps.", err=True)
    facts = unrolled(trained, passage, trace(trained, passage))
    if values["as_json"]:
        show_json({"model": trained.name, "text": "".join(passage.pieces), "is_cut": passage.is_cut, **facts})
    else:
        from rich.console import Console

        write("".join(f"{line}\n" for line in picture(facts, Console().width)))


def picture(facts: dict[str, Any], width: int) -> Iterator[str]:
    """The steps, as many side by side as fit into the width."""
    steps = facts["steps"]
    layers = [state["layer"] for state in facts["start"]]
    edge = len(f"h{len(steps)}")
    names = max(len("likeliest"), len(f"layer {layers[-1]}"))
    count = max(1, (width - names - 1 - edge) // (WIDTH + len(ARROW)))

    def line(name: str, cells: Sequence[str], first: str = "", between: str = " " * len(ARROW)) -> str:
        """Its name, the state before, a cell for each step."""
        from charnn.plots.terminal import columns_of

        return f"{name:<{names}} {first:>{edge}}{between}{between.join(columns_of(cells, WIDTH))}".rstrip()

    for begin in range(0, len(steps), count):
        row = steps[begin : begin + count]
        yield line("step", [str(step["step"]) for step in row])
        yield line("reads", [_quoted(step["symbol"]) for step in row])
        for place, layer in enumerate(layers):
            yield line("", ["↓"] * len(row))
            states = [step["states"][place] for step in row]
            heads = [f"h{number} |{state['norm']:.2f}|" for number, state in enumerate(states, begin + 1)]
            yield line(f"layer {layer}", heads, f"h{begin}", ARROW)
            for largest in zip(*(state["largest"] for state in states), strict=True):
                yield line("", list(map(_unit, largest)))
        yield line("", ["↓"] * len(row))
        for rank, found in enumerate(zip(*(step["predictions"][:SHOWN] for step in row), strict=True)):
            yield line("" if rank else "likeliest", [f"{_quoted(one['symbol'])} {100 * one['probability']:.0f} %" for one in found])
        yield line("came", ["-" if step["next"] is None else _quoted(step["next"]) for step in row])
        yield line("nats", ["-" if step["nats"] is None else f"{step['nats']:.2f}" for step in row])
        yield ""
    mean = facts["mean_nats"]
    yield "No symbol followed another: no loss." if mean is None else f"mean loss {mean:.4f} nats"


def _unit(one: dict[str, Any]) -> str:
    """`318 -0.98 ██████`: a unit with its value, and how large that is."""
    from charnn.plots.terminal import bar

    return f"{one['unit']:>3} {one['value']:+.2f} {bar(abs(one['value']), 6)}"


def _quoted(symbol: str) -> str:
    from charnn.plots.symbols import shown

    return f"'{shown(symbol)}'"
