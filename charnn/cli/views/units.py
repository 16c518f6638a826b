"""`charnn inspect neurons`, `gates` and `unroll`: the units of a language model over a text."""

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
from charnn.plots.letters import bar, columns, filled, grid, symbol_lines, terminal_width, visible
from charnn.tasks.registry import able

if TYPE_CHECKING:
    from charnn.inspection.gates import Gate
    from charnn.inspection.neurons import Feature
    from charnn.inspection.reading import Passage, Trace
    from charnn.kernels.products import Floats
    from charnn.plots.neuron_page import NeuronPage

SHADES = " ░▒▓█"  # Blocks for how open a gate is, from its least to its most

WIDTH, ARROW = 16, " → "  # Columns of a step, and between two steps

SHOWN = 3  # Predictions that are shown of a step


@click.command(cls=SectionedCommand)
@click.argument("model")
@click.argument("file", nargs=-1, required=True)
@click.option("--length", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="Symbols to read at most.")
@click.option("--state", type=click.Choice(["hidden", "cell"]), default="hidden", show_default=True, help="Outputs, or cells (lstm; tanh).")
@label_option
@click.option("--top", type=click.IntRange(1, 100), default=1, show_default=True, help="Units to list for every feature.")
@click.option("--unit", metavar="LAYER:UNIT", help="Unit to colour the text by; by default the one that follows a feature best.")
@click.option("--lines", type=click.IntRange(0), default=10, show_default=True, help="Lines of the text to colour.")
@click.option("--page", type=click.Path(path_type=Path), help="Write a page for a browser into this .html file; it works offline.")
@click.option("--units", metavar="LAYER:UNIT,...", help="Units that the page must hold, in fine steps.")
@json_option
def neurons(model: str, file: tuple[str, ...], **values: Any) -> None:
    """Look at the hidden units of a language model over a text.

    MODEL: a run folder or model file. FILE: a text, or - for standard input; read as the training corpus was. Layers count from
    1, units from 0.

    The table: for each feature of the text the unit that follows it best, chosen on the first half of the text by Pearson's
    correlation and measured on the second; for features that a position has or has not also the area under the ROC curve (AUC).
    Features with a star depend on what comes later, which a network can only guess.

    JSON keys: model, data, state, symbols, is_cut, layers, units, nats_per_token, features [{feature, positions, units [{unit,
    found (correlation on the first half), correlation (on the second), auc}]}], absent (features that do not vary on both
    halves), unit (that of --unit or the strongest), text (its symbols), values (of the unit, one a symbol), page.
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
    warn_unknown(passage.unknown)
    tell_cut(passage)
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
    """Return what was found, ready for JSON."""
    stack, found = trained.settings.network.stack, []
    for feature in (feature for feature in features if feature.units):
        units = [{"unit": str(it.unit), "found": it.found, "correlation": it.held_out, "auc": it.auc} for it in feature.units]
        found.append({"feature": feature.name, "positions": feature.positions, "units": units})
    facts = {"model": trained.name, "data": list(file), "state": state, "symbols": len(passage), "is_cut": passage.is_cut}
    facts |= {"layers": stack.layers, "units": stack.hidden_size, "nats_per_token": one.mean_nats(), "features": found}
    return facts | {"absent": [feature.name for feature in features if not feature.units]}


def followers_table(facts: dict[str, Any]) -> list[str]:
    """Return what was found, as a person reads it."""
    rows = [["feature", "positions", "unit", "chosen by", "correlation", "AUC"]]
    for feature in facts["features"]:
        for one in feature["units"]:
            auc = "" if one["auc"] is None else f"{one['auc']:.2f}"
            shares = [f"{one['found']:+.2f}", f"{one['correlation']:+.2f}", auc]
            rows.append([feature["feature"], f"{feature['positions']:,}", one["unit"], *shares])
    lines = [f"{facts['symbols']:,} symbols; units chosen on the first half, measured on the second", ""]
    lines += grid(rows) if len(rows) > 1 else ["No unit follows any feature."]
    if any(feature["feature"].endswith("*") for feature in facts["features"]):
        lines += ["", "* depends on what comes later, which a network can only guess"]
    return [*lines, "", f"not in this text: {', '.join(facts['absent'])}"] if facts["absent"] else lines


def colour(symbols: list[str], values: "Floats", unit: Unit, lines: int) -> None:
    """Write the first lines of the text, coloured by a unit's values."""
    from charnn.plots.terminal import coloured

    if lines:
        write(f"\nunit {unit}\n{coloured(symbols, values.tolist(), float(abs(values).max()) or 1.0, lines)}\n")


def write_page(path: Path, page: "NeuronPage") -> None:
    """Write the page, and name the file."""
    from charnn.plots.neuron_page import write_neuron_page

    kept = write_neuron_page(path, page)
    total = page.values.shape[0] * page.values.shape[1]
    say(f"Wrote {path}: {kept.fine + kept.coarse:,} of {total:,} units, {kept.bytes / 1e6:.2f} MB.")


def tell_cut(passage: "Passage", reads: str = "Reads", option: str = "--length") -> None:
    """Name the part of a text that is read, where that is not all of it."""
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
    and update gates of a gru, the update gate of a mingru. An open forget or update gate keeps what was there; that of a mingru
    replaces it. Saturated left: the fraction of values below 0.1, over all units and symbols; right: above 0.9 (Karpathy, Johnson
    and Fei-Fei 2015).

    JSON keys: model, cell, symbols, is_cut, text (its symbols), gates [{layer (from 1), gate, mean, left, right, openness (mean over
    the units, one a symbol)}].
    """
    from charnn.inspection.gates import gates_of, openness_chart
    from charnn.inspection.reading import read_passage, trace

    check_plot(values["plot"])
    trained = open_model(model, able("write"))
    passage = read_passage(trained, needed_text(text, file), values["label"], values["length"])
    warn_unknown(passage.unknown)
    found = gates_of(trained, passage, trace(trained, passage))
    tell_cut(passage)
    cell = trained.settings.network.stack.cell
    symbols = passage.symbols(trained.tokenizer)
    if values["as_json"]:
        facts = {"model": trained.name, "cell": cell, "symbols": len(passage), "is_cut": passage.is_cut, "text": symbols}
        show_json(facts | {"gates": [one.facts() for one in found]})
    else:
        write_lines([*gates_table(found), "", *heat(symbols, found)])
    save_picture(openness_chart(found, f"Gates of {trained.name} ({cell}) over a text"), values["plot"])


def gates_table(found: "Sequence[Gate]") -> list[str]:
    """A row for each gate of each layer."""
    rows = []
    for one in found:
        facts, openness = one.facts(), one.openness
        shares = [f"{100 * facts[side]:.1f} %" for side in ("left", "right")]
        rows.append([f"{one.layer} {one.name}", f"{facts['mean']:.3f}", f"{openness.min():.3f}", f"{openness.max():.3f}", *shares])
    return grid([["layer, gate", "mean open", "least", "most", "left < 0.1", "right > 0.9"], *rows])


def heat(symbols: Sequence[str], found: "Sequence[Gate]") -> list[str]:
    """The text, and below it how open each gate is, from its least to its most."""
    names = [f"{one.layer} {one.name}" for one in found]
    margin = max(map(len, names)) + 1
    shares = [_shares(one.openness.tolist()) for one in found]
    lines: list[str] = []
    for line in symbol_lines(symbols, range(len(symbols)), max(terminal_width() - margin, 8), len(symbols)):
        lines.append(" " * margin + "".join(text for text, _ in line))
        for name, own in zip(names, shares, strict=True):
            blocks = "".join(SHADES[min(len(SHADES) - 1, int(own[int(place)] * len(SHADES)))] * columns(text) for text, place in line)
            lines.append(f"{name.ljust(margin)}{blocks}".rstrip())
        lines.append("")
    return [*lines, f"Shades: mean openness of each gate, from its least ({SHADES[0]!r}) to its most ({SHADES[-1]!r}), as in the table."]


def _shares(openness: Sequence[float]) -> list[float]:
    least, most = min(openness), max(openness)
    return [(value - least) / (most - least) if most > least else 0.5 for value in openness]


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
    layer, h0 before the first step, by its length |h| and its largest units (from 0); the likeliest next symbols; the symbol that came
    and its loss, minus the logarithm of its probability, in nats.

    JSON keys: model, text, is_cut, start, steps [{step, symbol, states, predictions [{symbol, probability}], next, probability, nats}],
    mean_nats. start and states: a list over layers of {layer (from 1), norm, largest [{unit (from 0), value}],
    and every part of the state by its name: hidden, cell (lstm)}.
    """
    from charnn.inspection.reading import read_passage, trace, unrolled

    trained = open_model(model, able("write"))
    passage = read_passage(trained, needed_text(text, file), values["label"], values["steps"])
    warn_unknown(passage.unknown)
    tell_cut(passage, "Shows", "--steps")
    facts = unrolled(trained, passage, trace(trained, passage))
    if values["as_json"]:
        show_json({"model": trained.name, "text": "".join(passage.pieces), "is_cut": passage.is_cut, **facts})
    else:
        write_lines(picture(facts, terminal_width()))


def picture(facts: dict[str, Any], width: int) -> Iterator[str]:
    """The steps, as many side by side as fit into the width."""
    steps = facts["steps"]
    layers = [state["layer"] for state in facts["start"]]
    edge = len(f"h{len(steps)}")
    names = max(len("likeliest"), len(f"layer {layers[-1]}"))
    count = max(1, (width - names - 1 - edge) // (WIDTH + len(ARROW)))

    def line(name: str, cells: Sequence[str], first: str = "", between: str = " " * len(ARROW)) -> str:
        """Its name, the state before, a cell for each step."""
        return f"{name:<{names}} {first:>{edge}}{between}{between.join(filled(cells, WIDTH))}".rstrip()

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
    return f"{one['unit']:>3} {one['value']:+.2f} {bar(abs(one['value']), 6)}"


def _quoted(symbol: str) -> str:
    return f"'{visible(symbol)}'"
