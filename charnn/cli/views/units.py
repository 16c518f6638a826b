"""`charnn inspect neurons`, `gates` and `unroll`: the hidden units of a language model over a text."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cells.settings import Unit, parse_unit
from charnn.cli.models import file_option, label_option, needed_text, open_model, warn_unknown
from charnn.cli.options import SectionedCommand
from charnn.cli.process import say, write, write_lines
from charnn.cli.showing import check_plot, json_option, plot_option, save_picture, show_json
from charnn.errors import SettingError
from charnn.plots.chart import Chart, Line
from charnn.plots.letters import bar, columns, cut, grid, resized, symbol_lines, terminal_width, visible
from charnn.tasks.registry import able

if TYPE_CHECKING:
    from charnn.inspection.gates import Gate
    from charnn.inspection.neurons import Feature
    from charnn.inspection.reading import Passage, Trace
    from charnn.kernels.products import Floats
    from charnn.plots.neuron_page import NeuronPage

SHADES = " ░▒▓█"  # Blocks that show how open a gate is, from its least to its most
WIDTH, ARROW = 16, " → "  # Columns of a step, and what is between two steps
SHOWN = 3  # Predictions shown of each step


@click.command(cls=SectionedCommand)
@click.argument("model")
@click.argument("file", nargs=-1, required=True)
@click.option("--length", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="Symbols to read at most.")
@click.option(
    "--state", type=click.Choice(["hidden", "cell"]), default="hidden", show_default=True, help="Outputs, or tanh of memory cells (lstm)."
)
@label_option
@click.option("--top", type=click.IntRange(1, 100), default=1, show_default=True, help="Units to list for every feature.")
@click.option("--unit", metavar="LAYER:UNIT", help="Unit to colour the text by; by default the one that follows a feature best.")
@click.option("--lines", type=click.IntRange(0), default=10, show_default=True, help="Lines of the text to colour.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page for a browser into this .html file; it works offline.")
@click.option("--units", metavar="LAYER:UNIT,...", help="Units to include in the page, in fine steps.")
@json_option
def neurons(model: str, file: tuple[str, ...], **values: Any) -> None:
    """Look at the hidden units of a language model over a text.

    MODEL: a run folder or model file. FILE: a text, or - for standard input; read as the training corpus was. Layers are numbered
    from 1, units from 0.

    The table lists for each feature of the text the unit that follows it best, chosen on the first half of the text by Pearson's
    correlation and measured on the second; for binary features also the area under the ROC curve (AUC). Features with a star
    depend on later symbols, which a network can only guess.
    """
    from charnn.inspection.neurons import activations, followers, page_of
    from charnn.inspection.reading import read_files, trace

    trained = open_model(model, able("write"))
    stack = trained.settings.network.stack
    wanted = [parse_unit(one, stack, "units") for one in values["units"].split(",")] if values["units"] else []
    unit = parse_unit(values["unit"], stack, "unit") if values["unit"] else None
    if values["units"] and values["page"] is None:
        raise SettingError("units", "has no effect without --page; name a page, or give --unit")
    check_plot(values["page"], (".html",), "page")
    passage = read_files(trained, file, values["length"], values["label"])
    warn_of(passage)
    one = trace(trained, passage)
    activity = activations(one, stack, values["state"])
    features = followers(activity, passage, values["top"])
    symbols = passage.symbols(trained.tokenizer)
    shown = unit or next((feature.units[0].unit for feature in features if feature.units), Unit(1, 0))
    facts = facts_of(trained, file, values["state"], passage, one, features)
    if values["page"] is not None:
        title = f"Hidden units of {trained.name} over {', '.join(file)}"
        page = page_of(trained, title, passage, one, activity, features, [*([unit] if unit else []), *wanted])
        write_page(values["page"], page)
        facts["page"] = str(values["page"])
    own = activity[shown.layer - 1, shown.unit]
    if values["as_json"]:
        show_json(facts | {"unit": str(shown), "text": symbols, "values": own.tolist()})
    else:
        write_lines(followers_table(facts))
        colour(symbols, own, shown, values["lines"])


def facts_of(
    trained: Any, file: Sequence[str], state: str, passage: "Passage", one: "Trace", features: "Sequence[Feature]"
) -> dict[str, Any]:
    """Return model, text, loss and features, ready for JSON."""
    stack, found = trained.settings.network.stack, []
    for feature in (feature for feature in features if feature.units):
        units = [{"unit": str(it.unit), "found": it.found, "correlation": it.correlation, "auc": it.auc} for it in feature.units]
        found.append({"feature": feature.name, "positions": feature.positions, "units": units})
    facts = {"model": trained.name, "data": list(file), "state": state, "symbols": len(passage), "is_cut": passage.is_cut}
    facts |= {"layers": stack.layers, "units": stack.hidden_size, "nats_per_token": one.mean_nats(), "features": found}
    return facts | {"absent": [feature.name for feature in features if not feature.units]}


def followers_table(facts: dict[str, Any]) -> list[str]:
    """Return the lines of a table of features of the text, each with the units that follow it best."""
    rows = [["feature", "positions", "unit", "chosen by", "correlation", "AUC"]]
    for feature in facts["features"]:
        for one in feature["units"]:
            auc = "" if one["auc"] is None else f"{one['auc']:.2f}"
            rows.append(
                [feature["feature"], f"{feature['positions']:,}", one["unit"], f"{one['found']:+.2f}", f"{one['correlation']:+.2f}", auc]
            )
    lines = [f"{facts['symbols']:,} symbols; units chosen on the first half, measured on the second", ""]
    lines += grid(rows) if len(rows) > 1 else ["No unit follows any feature."]
    if any(feature["feature"].endswith("*") for feature in facts["features"]):
        lines += ["", "* depends on later symbols, which a network can only guess"]
    return [*lines, "", f"not in this text: {', '.join(facts['absent'])}"] if facts["absent"] else lines


def colour(symbols: list[str], values: "Floats", unit: Unit, lines: int) -> None:
    """Write the first lines of the text, coloured by the values of a unit."""
    from charnn.plots.terminal import coloured

    if lines:
        write(f"\nunit {unit}\n{coloured(symbols, values.tolist(), float(abs(values).max()) or 1.0, lines)}\n")


def write_page(path: Path, page: "NeuronPage") -> None:
    """Write the page into a file, and name it."""
    from charnn.plots.neuron_page import write_neuron_page

    kept = write_neuron_page(path, page)
    total = page.values.shape[0] * page.values.shape[1]
    say(f"Wrote {path}: {kept.fine + kept.coarse:,} of {total:,} units, {kept.bytes / 1e6:.2f} MB.")


def warn_of(passage: "Passage", reads: str = "Reads", option: str = "--length") -> None:
    """Name the symbols that the model does not know, and how much of a longer text is read."""
    warn_unknown(passage.unknown)
    if passage.is_cut:
        say(f"{reads} the first {len(passage):,} symbols; there are more, see {option}.")


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@file_option
@click.option("--length", type=click.IntRange(1, 1_000_000), default=2000, show_default=True, help="Symbols to read at most.")
@label_option
@json_option
@plot_option
def gates(model: str, text: str | None, file: Path | None, **values: Any) -> None:
    """See how open the gates of a language model are over a text (every cell but rnn).

    MODEL: a run folder or model file. TEXT: the text, or - for standard input. Input, forget and output gates of an lstm, reset
    and update gates of a gru, the update gate of a mingru. An open forget or update gate keeps the state; that of a mingru
    replaces it. Saturated left: the fraction of values below 0.1, over all units and symbols; right: above 0.9 (Karpathy, Johnson
    and Fei-Fei 2015).
    """
    from charnn.inspection.gates import gates_of
    from charnn.inspection.reading import read_passage, trace

    check_plot(values["plot"])
    trained = open_model(model, able("write"))
    passage = read_passage(trained, needed_text(text, file), values["label"], values["length"])
    warn_of(passage)
    found = gates_of(trained, passage, trace(trained, passage))
    cell = trained.settings.network.stack.cell
    symbols = passage.symbols(trained.tokenizer)
    if values["as_json"]:
        facts = {"model": trained.name, "cell": cell, "symbols": len(passage), "is_cut": passage.is_cut, "text": symbols}
        show_json(facts | {"gates": [one.facts() for one in found]})
    else:
        write_lines([*gates_table(found), "", *heat(symbols, found)])
    lines = [Line(f"{one.layer} {one.name}", range(1, len(one.values) + 1), one.openness.tolist()) for one in found]
    save_picture(Chart(f"Gates of {trained.name} ({cell}) over a text", "symbol", "mean openness", lines), values["plot"])


def gates_table(found: "Sequence[Gate]") -> list[str]:
    """Return a table with a row for each gate of each layer."""
    rows = [["layer, gate", "mean open", "least", "most", "left < 0.1", "right > 0.9"]]
    for one in found:
        facts, openness = one.facts(), one.openness
        openings = [f"{value:.3f}" for value in (facts["mean"], openness.min(), openness.max())]
        rows.append([f"{one.layer} {one.name}", *openings, *(f"{100 * facts[side]:.1f} %" for side in ("left", "right"))])
    return grid(rows)


def heat(symbols: Sequence[str], found: "Sequence[Gate]") -> list[str]:
    """Return the text in lines, and below each line a row of shades for every gate."""
    names = [f"{one.layer} {one.name}" for one in found]
    margin = max(map(len, names)) + 1
    levels: list[list[float]] = []
    for one in found:
        above = one.openness - one.openness.min()
        levels.append((above / above.max()).tolist() if above.any() else [0.5] * len(above))
    lines: list[str] = []
    for line in symbol_lines(symbols, range(len(symbols)), max(terminal_width() - margin, 8), len(symbols)):
        lines.append(" " * margin + "".join(text for text, _ in line))
        for name, own in zip(names, levels, strict=True):
            blocks = "".join(SHADES[min(len(SHADES) - 1, int(own[int(place)] * len(SHADES)))] * columns(text) for text, place in line)
            lines.append(f"{name.ljust(margin)}{blocks}".rstrip())
        lines.append("")
    return [*lines, f"Shades: mean openness of each gate, from its least ({SHADES[0]!r}) to its most ({SHADES[-1]!r}), as in the table."]


@click.command()
@click.argument("model")
@click.argument("text", required=False)
@file_option
@click.option("--steps", type=click.IntRange(1, 1000), default=24, show_default=True, help="Symbols to read at most.")
@label_option
@json_option
def unroll(model: str, text: str | None, file: Path | None, **values: Any) -> None:
    """See a language model unrolled over a text, step by step.

    MODEL: a run folder or model file. TEXT: the text, or - for standard input. A column is a step: the symbol read; the state of each
    layer, h0 before the first step, by its norm |h| and its largest units (from 0); the likeliest next symbols; the actual next symbol
    and its loss, minus the logarithm of its probability, in nats.
    """
    from charnn.inspection.reading import read_passage, trace, unrolled

    trained = open_model(model, able("write"))
    passage = read_passage(trained, needed_text(text, file), values["label"], values["steps"])
    warn_of(passage, "Shows", "--steps")
    facts = unrolled(trained, passage, trace(trained, passage))
    if values["as_json"]:
        show_json({"model": trained.name, "text": "".join(passage.pieces), "is_cut": passage.is_cut, **facts})
    else:
        write_lines(picture(facts, terminal_width()))


def picture(facts: dict[str, Any], width: int) -> Iterator[str]:
    """Return lines that draw the steps, as many side by side as fit into the width."""
    steps = facts["steps"]
    layers = [state["layer"] for state in facts["start"]]
    edge = len(f"h{len(steps)}")
    names = max(len("likeliest"), len(f"layer {layers[-1]}"))
    count = max(1, (width - names - 1 - edge) // (WIDTH + len(ARROW)))

    def line(name: str, cells: Sequence[str], first: str = "", between: str = " " * len(ARROW)) -> str:
        """Return a row: its name, the state before the first step, a cell for each step."""
        return f"{name:<{names}} {first:>{edge}}{between}{between.join(resized(cut(one, WIDTH), WIDTH) for one in cells)}".rstrip()

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
    """Return a unit with its value and a bar for its size: `318 -0.98 ██████`."""
    return f"{one['unit']:>3} {one['value']:+.2f} {bar(abs(one['value']), 6)}"


def _quoted(symbol: str) -> str:
    return f"'{visible(symbol)}'"
