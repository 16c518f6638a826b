"""`charnn inspect neurons`: every hidden unit over a text, and which of them follow a feature of it."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from charnn.cli.options import SectionedCommand
from charnn.cli.showing import json_option, show_json
from charnn.cli.streams import write

if TYPE_CHECKING:
    from charnn.engine.units import Unit
    from charnn.inspection.neurons import Feature
    from charnn.inspection.reading import Passage, Trace
    from charnn.kernels.products import Floats
    from charnn.tasks.lm.trained import TrainedLanguageModel


@click.command(cls=SectionedCommand)
@click.argument("model")
@click.argument("file", nargs=-1, required=True)
@click.option("--length", type=click.IntRange(1, 10_000_000), default=20_000, show_default=True, help="Symbols to read at most.")
@click.option("--state", type=click.Choice(["hidden", "cell"]), default="hidden", show_default=True, help="Outputs, or cells (lstm; tanh).")
@click.option("--label", help="Label to read for, of a model trained with labels.")
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
    from charnn.cli.models import open_model, warn_unknown
    from charnn.engine.units import Unit, parse_unit
    from charnn.inspection.neurons import activations, followers
    from charnn.inspection.reading import read_files, trace
    from charnn.plots.files import check_place
    from charnn.plots.neuron_page import PAGES

    trained = open_model(model, ["lm"])
    stack = trained.settings.network.stack
    wanted = [parse_unit(one, stack, "units") for one in values["units"].split(",")] if values["units"] else []
    unit = parse_unit(values["unit"], stack, "unit") if values["unit"] else None
    refuse_units(values)
    if values["page"] is not None:
        check_place(values["page"], PAGES, "page")
    passage = read_files(trained, file, values["length"], values["label"])
    warn_unknown(passage.unknown)
    if passage.is_cut:
        click.echo(f"Reads the first {len(passage):,} symbols; there are more, see --length.", err=True)
    one = trace(trained, passage)
    activity = activations(one, stack, values["state"])
    features = followers(activity, passage, values["top"])
    symbols = passage.symbols(trained.tokenizer)
    strongest = next((feature.units[0].unit for feature in features if feature.units), Unit(1, 0))
    facts = facts_of(trained, file, values["state"], passage, one, features)
    if values["page"] is not None:
        first = [unit] if unit else []
        write_page(values["page"], trained, file, passage, one, activity, features, [*first, *wanted])
        facts["page"] = str(values["page"])
    if values["as_json"]:
        show_json(facts | unit_facts(symbols, activity, unit or strongest))
    else:
        write("".join(f"{line}\n" for line in table(facts)))
        colour(symbols, activity, unit or strongest, values["lines"])


def refuse_units(values: dict[str, Any]) -> None:
    """Raises SettingError for --units without the page that they are for."""
    from charnn.errors import SettingError

    if values["units"] and values["page"] is None:
        raise SettingError("units", "has no effect without --page; name a page, or give --unit")


def facts_of(
    trained: "TrainedLanguageModel", file: Sequence[str], state: str, passage: "Passage", one: "Trace", features: "Sequence[Feature]"
) -> dict[str, Any]:
    """What was found, ready for JSON."""
    stack = trained.settings.network.stack
    found = [
        {
            "feature": feature.name,
            "positions": feature.positions,
            "units": [{"unit": str(it.unit), "found": it.found, "correlation": it.held_out, "auc": it.auc} for it in feature.units],
        }
        for feature in features
        if feature.units
    ]
    return {
        "model": trained.name,
        "data": list(file),
        "state": state,
        "symbols": len(passage),
        "is_cut": passage.is_cut,
        "layers": stack.layers,
        "units": stack.hidden_size,
        "nats_per_token": one.mean_nats(),
        "features": found,
        "absent": [feature.name for feature in features if not feature.units],
    }


def unit_facts(symbols: list[str], activity: "Floats", unit: "Unit") -> dict[str, Any]:
    """One unit over the text, ready for JSON."""
    return {"unit": str(unit), "text": symbols, "values": activity[unit.layer - 1, unit.unit].tolist()}


def table(facts: dict[str, Any]) -> list[str]:
    """What was found, as a person reads it."""
    from charnn.cli.results import grid

    rows = [
        [
            feature["feature"],
            f"{feature['positions']:,}",
            one["unit"],
            f"{one['found']:+.2f}",
            f"{one['correlation']:+.2f}",
            auc_cell(one["auc"]),
        ]
        for feature in facts["features"]
        for one in feature["units"]
    ]
    lines = [f"{facts['symbols']:,} symbols; units chosen on the first half, measured on the second", ""]
    lines += (
        grid([["feature", "positions", "unit", "chosen by", "correlation", "AUC"], *rows]) if rows else ["No unit follows any feature."]
    )
    if any(feature["feature"].endswith("*") for feature in facts["features"]):
        lines += ["", "* depends on what comes later, which a network can only guess"]
    return [*lines, "", f"not in this text: {', '.join(facts['absent'])}"] if facts["absent"] else lines


def auc_cell(auc: float | None) -> str:
    """An area as a person reads it."""
    return "" if auc is None else f"{auc:.2f}"


def colour(symbols: list[str], activity: "Floats", unit: "Unit", lines: int) -> None:
    """The first lines of the text, coloured by a unit."""
    from charnn.cli.colouring import coloured

    if lines:
        own = activity[unit.layer - 1, unit.unit]
        scale = float(abs(own).max()) or 1.0
        write(f"\nunit {unit}\n{coloured(symbols, own.tolist(), scale, lines)}\n")


def write_page(
    path: Path,
    trained: "TrainedLanguageModel",
    file: Sequence[str],
    passage: "Passage",
    one: "Trace",
    activity: "Floats",
    features: "Sequence[Feature]",
    wanted: "Sequence[Unit]",
) -> None:
    """The page, and where it lies."""
    from charnn.inspection.neurons import page_of
    from charnn.plots.neuron_page import write_neuron_page

    title = f"Hidden units of {trained.name} over {', '.join(file)}"
    kept = write_neuron_page(path, page_of(trained, title, passage, one, activity, features, wanted))
    total = activity.shape[0] * activity.shape[1]
    click.echo(f"Wrote {path}: {kept.fine + kept.coarse:,} of {total:,} units, {kept.bytes / 1e6:.2f} MB.", err=True)
